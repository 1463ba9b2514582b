//! `send --file`: a file, until the peer has it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use simp_control::error::{Error, Outcome, fail, system, unexpected};
use simp_control::{
    Client, Digest, Event, FailureKind, Filter, FollowFrom, Incoming, Kind, Reply, Request, What, names,
    sleep, token,
};

use crate::args::SendArgs;
use crate::commands::queueing::{even_unread, not_known};
use crate::reach;
use crate::show::{Output, Progress, View};
use crate::when::deadline;

/// How often progress is shown.
const EVERY: Duration = Duration::from_millis(500);

/// Bytes that are read at once.
const READ_MAX: usize = 256 << 10;

/// What is known of a file before it is offered.
struct Given {
    path: String,
    name: String,
    size: u64,
    sha256: Digest,
}

/// Offers the file and, unless told otherwise, waits for what becomes of it.
pub(super) fn send(client: &mut Client, output: &mut Output, args: &SendArgs, path: &str) -> Outcome {
    let given = look_at(path)?;
    reach::require(client, "files", "sends no files")?;
    let deadline = deadline(args.timeout);
    if !args.no_wait {
        follow(client, FollowFrom::End)?;
    }
    let (message, chat) = offer(client, args, &given, deadline)?;
    if args.no_wait {
        let queued = View::Queued { message, chat, text: &given.name, size: Some(given.size) };
        return even_unread(output.show(&queued));
    }
    let mut waiting = Waiting { client, output, message, given, deadline, shown: None };
    waiting.wait().map_err(|error| error.goes_on(&format!("file {message} is queued")))
}

fn follow(client: &mut Client, from: FollowFrom) -> Outcome {
    let kinds = vec![Kind::Delivered, Kind::Undelivered, Kind::FileFailed];
    client.follow(from, Filter { kinds, ..Filter::default() })
}

/// Reads the file once: what it comes to is what the peer holds it to.
fn look_at(path: &str) -> Outcome<Given> {
    let failed = |error: &io::Error| fail(FailureKind::Failed, format!("{path}: {}", system(error)));
    // simpd follows no link: where it leads is decided here and now.
    let real = fs::canonicalize(path).map_err(|error| failed(&error))?;
    let is_file = fs::metadata(&real).map_err(|error| failed(&error))?.is_file();
    let name = Path::new(path).file_name().or(real.file_name()).and_then(|name| name.to_str());
    let (Some(name), Some(absolute), true) = (name, real.to_str(), is_file) else {
        let why = if is_file { "its path is not UTF-8 (rename it)" } else { "not a regular file" };
        return Err(fail(FailureKind::Failed, format!("{path}: {why}")));
    };
    let mut file = File::open(&real).map_err(|error| failed(&error))?;
    let (mut digest, mut size, mut buffer) = (Context::new(&SHA256), 0, vec![0; READ_MAX]);
    loop {
        let read = file.read(&mut buffer).map_err(|error| failed(&error))?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
        size += read as u64;
    }
    let digest = <[u8; 32]>::try_from(digest.finish().as_ref()).map_err(|_| unexpected())?;
    let (path, name) = (absolute.to_owned(), name.to_owned());
    Ok(Given { path, name, size, sha256: Digest::new(digest) })
}

/// Has the daemon take it on, once, however often it goes away meanwhile.
fn offer(
    client: &mut Client,
    args: &SendArgs,
    given: &Given,
    deadline: Option<Instant>,
) -> Outcome<(u64, u64)> {
    let (token, known, mut who) = (token(), client.position(), args.to.clone());
    let mut asked_again = false;
    let reply = client.insist(deadline, |client, again| {
        asked_again = again;
        names::ask(client, &mut who, |who| Request::SendFile {
            who,
            chat: None,
            path: given.path.clone(),
            name: given.name.clone(),
            size: given.size,
            sha256: given.sha256,
            token: Some(token),
            again_after: again.then_some(known),
        })
    });
    let Reply::Queued { message, chat } = reply.map_err(not_known)? else {
        return Err(unexpected());
    };
    if asked_again && !args.no_wait {
        follow(client, FollowFrom::After(message))?;
        client.write()?;
    }
    Ok((message, chat))
}

struct Waiting<'a> {
    client: &'a mut Client,
    output: &'a mut Output,
    message: u64,
    given: Given,
    deadline: Option<Instant>,
    /// The progress that was shown last.
    shown: Option<u64>,
}

impl Waiting<'_> {
    fn wait(&mut self) -> Outcome {
        let outcome = self.follow_up();
        self.output.end_progress();
        outcome
    }

    fn follow_up(&mut self) -> Outcome {
        let shows = self.output.shows_progress();
        loop {
            let tick = shows.then(|| sleep::now() + EVERY);
            let until = [tick, self.deadline].into_iter().flatten().min();
            let next = match self.client.next_here(until) {
                Err(Error::Lost(_)) => {
                    self.client.reconnect(self.deadline)?;
                    continue;
                }
                next => next?,
            };
            match next {
                Some(Incoming::Event(event)) => {
                    if let Some(outcome) = self.outcome(&event) {
                        return outcome;
                    }
                }
                Some(Incoming::Refused(failure)) => return Err(failure.into()),
                Some(Incoming::Reply(_) | Incoming::Reconnected) => {}
                None if self.deadline.is_some_and(|deadline| deadline <= sleep::now()) => break,
                None => self.show_progress()?,
            }
        }
        let line = format!("file {} is not delivered yet (simpd keeps trying)", self.message);
        Err(fail(FailureKind::NoAnswer, line))
    }

    /// What became of it, if that is what the event says.
    fn outcome(&mut self, event: &Event) -> Option<Outcome> {
        let why = match &event.what {
            What::Delivered { message } if *message == self.message => {
                self.output.end_progress();
                return Some(even_unread(self.output.show(&View::Delivered(event))));
            }
            What::Undelivered { message, reason } if *message == self.message => reason.to_string(),
            What::FileFailed { message, why } if *message == self.message => why.clone(),
            _ => return None,
        };
        Some(Err(fail(FailureKind::Undelivered, format!("{}: not delivered: {why}", self.given.name))))
    }

    fn show_progress(&mut self) -> Outcome {
        let transfers = match self.client.transfers() {
            // The next to wait for it finds that too.
            Err(Error::Lost(_)) => return self.client.reconnect(self.deadline),
            transfers => transfers?,
        };
        let Some(transfer) = transfers.iter().find(|transfer| transfer.message == self.message) else {
            return Ok(());
        };
        if self.shown.replace(transfer.done) == Some(transfer.done) {
            return Ok(());
        }
        let Given { name, size, .. } = &self.given;
        let progress = Progress { message: self.message, name, done: transfer.done, size: *size };
        even_unread(self.output.progress(&progress))
    }
}
