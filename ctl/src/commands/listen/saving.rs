//! Files that are offered while somebody listens, or wait since before: taken, or refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use simp_control::error::{Error, Outcome};
use simp_control::sizes::size_words;
use simp_control::{Client, Event, FailureKind, Request, TransferState, What, Who, save_folder};

use super::aside::Aside;
use crate::args::ListenArgs;
use crate::show::complain;

/// Who saves files, and which.
pub(super) struct Saving {
    folder: String,
    max_size: Option<u64>,
    /// Whose.
    from: Option<Who>,
    /// Those that are on their way, with their names.
    taken: BTreeMap<u64, String>,
    /// A connection for this alone: its replies must not be mixed with those for marks.
    aside: Aside,
}

impl Saving {
    /// As the arguments say; `None` if nothing is to be saved.
    ///
    /// # Errors
    /// If the folder is none, or takes no files.
    pub(super) fn new(args: &ListenArgs, from: Option<&str>) -> Outcome<Option<Self>> {
        let Some(folder) = &args.save else { return Ok(None) };
        let folder = save_folder::check(Path::new(folder))?;
        let (max_size, from) = (args.max_size, from.map(Who::parse));
        Ok(Some(Self { folder, max_size, from, taken: BTreeMap::new(), aside: Aside::default() }))
    }

    /// Takes what waits already.
    pub(super) fn take_waiting(&mut self, client: &mut Client, deadline: Option<Instant>) -> Outcome {
        let waiting = self.aside.ask(client, deadline, Client::transfers)?;
        for file in waiting {
            if !self.from.as_ref().is_none_or(|who| who.is(&file.peer)) {
                continue;
            }
            match file.state {
                TransferState::Offered => {
                    self.take(client, deadline, file.message, (&file.name, file.size))?;
                }
                TransferState::Receiving => drop(self.taken.insert(file.message, file.name)),
                TransferState::Waiting | TransferState::Sending => {}
            }
        }
        Ok(())
    }

    /// Takes what an event offers. Whoever is filtered out does not come here.
    pub(super) fn note(&mut self, client: &mut Client, deadline: Option<Instant>, event: &Event) -> Outcome {
        match &event.what {
            What::File { name, size } => self.take(client, deadline, event.id, (name, *size)),
            _ => Ok(()),
        }
    }

    fn take(
        &mut self,
        client: &mut Client,
        deadline: Option<Instant>,
        message: u64,
        (name, size): (&str, u64),
    ) -> Outcome {
        let request = match self.max_size {
            Some(most) if size > most => {
                let reason = format!("larger than {}", size_words(most));
                Request::RefuseFile { message, reason }
            }
            _ => Request::TakeFile { message, folder: self.folder.clone() },
        };
        match self.aside.ask(client, deadline, |aside| aside.ask(&request)) {
            // It was offered once, and is not any more.
            Err(error) if error.is(FailureKind::NoSuch) => Ok(()),
            Err(Error::Failure(failure)) if failure.kind == FailureKind::Failed => {
                complain(&failure.line);
                Ok(())
            }
            asked => {
                asked?;
                self.taken.insert(message, name.to_owned());
                Ok(())
            }
        }
    }

    /// The name of a file that came to nothing, if it is one of those.
    pub(super) fn failed(&self, event: &Event) -> Option<&str> {
        match &event.what {
            What::FileFailed { message, .. } => self.taken.get(message).map(String::as_str),
            _ => None,
        }
    }
}
