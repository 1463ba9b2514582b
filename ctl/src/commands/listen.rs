//! `listen`: the log from where a consumer stopped, and its mark moved past what was shown.
//!
//! The mark moves only after a line has left the process; `mark` says how.

mod begin;
mod exec;
mod mark;
mod meanwhile;
mod saving;

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use simp_control::error::{Error, OtherLog, Outcome, fail, unwritten};
use simp_control::{Client, Event, FailureKind, Filter, Incoming, Kind, Reply, names, sleep};

use crate::args::ListenArgs;
use crate::show::{Output, View, complain};
use crate::when::deadline;
use begin::Begin;
pub(super) use begin::DEFAULT_CONSUMER;
use mark::Mark;
use meanwhile::Meanwhile;
use saving::Saving;

/// How long past the time limit a mark may still be sent; otherwise a message would be shown again.
const GRACE: Duration = Duration::from_secs(2);

/// Whether the arguments make sense, before a simpd is reached.
pub(super) fn check(args: &ListenArgs, is_json: bool) -> Outcome {
    let wrong = match &args.exec {
        Some(command) if command.trim().is_empty() => {
            "--exec needs a command: an empty one would mark every message as seen"
        }
        Some(_) if is_json => "--exec prints no messages, so that --json means nothing (leave one out)",
        _ if [args.new, args.since.is_some(), args.last.is_some()].iter().filter(|says| **says).count()
            > 1 =>
        {
            "--new, --since and --last say where to begin: only one of them can be given"
        }
        _ if args.format.is_some() && (args.text || is_json || args.exec.is_some()) => {
            "--format says how to print a message: it goes with none of --json, --text and --exec"
        }
        _ if args.save.as_deref() == Some("") => "--save: no folder given (this one: --save .)",
        _ if args.max_size.is_some() && args.save.is_none() => {
            "--max-size is about files, and needs --save DIR"
        }
        _ if args.save.is_some() && args.exec.is_some() => {
            "--exec prints nothing of what --save does (run two: each has a --consumer of its own)"
        }
        _ => return Ok(()),
    };
    Err(fail(FailureKind::Usage, wrong))
}

/// Listens until the arguments' number or time is reached.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &ListenArgs) -> Outcome {
    let has_person = !args.all && output.has_person();
    output.entries_as(args.format.as_ref(), args.text);
    if args.exec.is_none() {
        // A command can go on when nobody reads our output: what it does is its own.
        client.watch(io::stdout().as_fd().try_clone_to_owned().map_err(|error| unwritten(&error))?);
    }
    let who = names::who(args.from.as_deref())?;
    let saving = Saving::new(args, who.as_deref())?;
    let deadline = deadline(args.timeout);
    let kinds = kinds(client, args, has_person, deadline)?;
    if saving.is_some() && !kinds.contains(&Kind::FileSaved) {
        let name = &client.socket().name;
        let line = format!(
            "simpd on {name} takes no files (install simpctl and simpd from the same release, and restart simpd)"
        );
        return Err(fail(FailureKind::NoDaemon, line));
    }
    let filter = Filter { kinds, who, ..Filter::default() };
    let (begin, mut meanwhile) = (Begin::of(args), Meanwhile::begin());
    let mark = begin.follow(client, &filter, &counted(args, &filter), deadline)?;
    if has_person {
        meanwhile.tell_waiting(client, deadline)?;
    }
    let aside = None;
    let mut listener =
        Listener { client, aside, output, args, filter, begin, meanwhile, saving, deadline, count: 0, mark };
    if let Some(saving) = &mut listener.saving {
        saving.take_waiting(listener.client, deadline)?;
    }
    let complete = listener.listen()?;
    listener.settle()?;
    if complete { Ok(()) } else { listener.time_over() }
}

fn kinds(
    client: &mut Client,
    args: &ListenArgs,
    has_person: bool,
    deadline: Option<Instant>,
) -> Outcome<Vec<Kind>> {
    let mut kinds = client.insist(deadline, |client, _| client.kinds())?;
    if !args.all {
        let meanwhile = if has_person { meanwhile::KINDS.as_slice() } else { &[] };
        kinds.retain(|kind| is_for(args, *kind) || meanwhile.contains(kind));
    }
    Ok(kinds)
}

/// Whether what is listened for is of this kind.
fn is_for(args: &ListenArgs, kind: Kind) -> bool {
    match kind {
        Kind::Message => true,
        // A command is run for what somebody has said.
        Kind::File => args.exec.is_none(),
        Kind::FileSaved | Kind::FileFailed => args.save.is_some(),
        _ => false,
    }
}

/// The filter without what is told besides what is listened for.
fn counted(args: &ListenArgs, filter: &Filter) -> Filter {
    let is_counted = |kind: &Kind| match kind {
        // Those that somebody else is offered, or fails to save, count for nothing here.
        Kind::File | Kind::FileFailed if args.save.is_some() => false,
        kind => is_for(args, *kind),
    };
    let kinds = filter.kinds.iter().copied().filter(|kind| args.all || is_counted(kind)).collect();
    Filter { kinds, ..filter.clone() }
}

struct Listener<'a> {
    client: &'a mut Client,
    /// A connection for the marks of commands, whose replies must not queue up after the events that they will
    /// take long for. There is none before the first, and after one was lost.
    aside: Option<Client>,
    output: &'a mut Output,
    args: &'a ListenArgs,
    filter: Filter,
    begin: Begin,
    meanwhile: Meanwhile,
    saving: Option<Saving>,
    deadline: Option<Instant>,
    count: u64,
    mark: Mark,
}

impl Listener<'_> {
    /// True once the number is reached, false once the time is over.
    fn listen(&mut self) -> Outcome<bool> {
        while self.args.number.is_none_or(|number| self.count < number) {
            match self.next()? {
                Some(Incoming::Event(event)) if self.is_wanted(&event) => self.take(&event)?,
                Some(Incoming::Event(event)) if event.what.kind().is_of_files() => self.pass(&event)?,
                Some(Incoming::Event(event)) => self.meanwhile.tell(&self.client.socket().name, &event),
                Some(Incoming::Reply(_)) => self.mark.confirmed(),
                Some(Incoming::Refused(failure)) => self.mark.refused(failure)?,
                Some(Incoming::Reconnected) => {
                    self.mark.lost();
                    self.aside = None;
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What came next. Before it waits, everything shown leaves and the mark follows it.
    fn next(&mut self) -> Outcome<Option<Incoming>> {
        // First of all, or a peer that never stops talking would keep us beyond our time.
        if self.deadline.is_some_and(|deadline| deadline <= sleep::now()) {
            return Ok(None);
        }
        // A burst is shown whole before it is flushed and marked: one write and one request for all of it.
        if let Some(next) = self.client.buffered()? {
            return Ok(Some(next));
        }
        // In this order: a mark that is past a line which has not left would lose it, if we were killed between the two.
        self.output.flush()?;
        self.tell()?;
        match self.client.next(self.deadline) {
            Err(Error::OtherLog(other)) => self.begin_again(other).map(|()| Some(Incoming::Reconnected)),
            next => next,
        }
    }

    /// Simpd has a different log than before.
    fn begin_again(&mut self, other: OtherLog) -> Outcome {
        let Some((begin, shown)) = self.begin.in_another_log(self.meanwhile.began_ms) else {
            return Err(other.into());
        };
        complain(&format!("{other}: going on with {shown}"));
        self.begin = begin;
        let counted = counted(self.args, &self.filter);
        self.mark = self.begin.follow(self.client, &self.filter, &counted, self.deadline)?;
        self.aside = None;
        Ok(())
    }

    fn is_wanted(&self, event: &Event) -> bool {
        let is_shown = match (event.what.kind(), &self.saving) {
            // It is taken, and shown when it is saved.
            (Kind::File, Some(_)) => false,
            (Kind::FileFailed, Some(saving)) => saving.failed(event).is_some(),
            (kind, _) => is_for(self.args, kind),
        };
        self.args.all || is_shown
    }

    /// One that is not shown, but is done with.
    fn pass(&mut self, event: &Event) -> Outcome {
        if let Some(saving) = &mut self.saving {
            saving.note(self.client, self.deadline, event)?;
        }
        self.mark.shown = event.id;
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Outcome {
        match &self.args.exec {
            // Not flushed yet: `next` does it before it waits, once for a burst.
            None => {
                if let Some(saving) = &mut self.saving {
                    saving.note(self.client, self.deadline, event)?;
                }
                match self.saving.as_ref().and_then(|saving| saving.failed(event)) {
                    Some(name) => self.output.show(&View::NotSaved { event, name })?,
                    None => self.output.show(&View::Event(event))?,
                }
            }
            Some(command) => exec::until_done(command, event, self.deadline)?,
        }
        self.count += 1;
        self.mark.shown = event.id;
        // A command is not to run again because the next one took long and was interrupted.
        if self.args.exec.is_some() { self.tell_aside() } else { Ok(()) }
    }

    /// Tells the daemon how far we are, unless that is under way.
    fn tell(&mut self) -> Outcome {
        let Some(seen) = self.mark.tell() else { return Ok(()) };
        self.client.submit(&seen)?;
        self.client.write()
    }

    /// Tells the daemon how far we are, and waits until it knows.
    fn tell_aside(&mut self) -> Outcome {
        let Some(seen) = self.mark.tell() else { return Ok(()) };
        let aside = &mut self.aside;
        let told = self.client.insist(self.deadline, |client, _| {
            let mut connection = aside.take().map_or_else(|| client.another(), Ok)?;
            let told = connection.ask(&seen);
            // After one that is lost the next attempt is with another.
            *aside = Some(connection).filter(|_| !matches!(told, Err(Error::Lost(_))));
            told
        });
        match told {
            // What the command was run for is an entry of the old log.
            Err(Error::OtherLog(other)) => self.begin_again(other),
            told => self.answered(told),
        }
    }

    /// Waits until the daemon knows how far we are, so that nothing is shown again.
    fn settle(&mut self) -> Outcome {
        self.output.flush()?;
        self.wait_for_answer()?;
        // What the daemon refused for a trouble that has passed by now is not to be shown again.
        self.mark.tell_all_again();
        self.tell()?;
        self.wait_for_answer()?;
        self.mark.check_taken()
    }

    /// Waits for the answer to what the daemon was told, if there is one to come.
    fn wait_for_answer(&mut self) -> Outcome {
        while self.mark.under_way {
            match self.client.reply() {
                Err(Error::Lost(_)) => {
                    // The time may be over already, and the message is shown: it must not be shown again.
                    let deadline = self.deadline.map(|deadline| deadline.max(sleep::now() + GRACE));
                    self.client.reconnect(deadline)?;
                    self.mark.lost();
                    self.tell()?;
                }
                told => self.answered(told)?,
            }
        }
        Ok(())
    }

    fn answered(&mut self, told: Outcome<Reply>) -> Outcome {
        match told {
            Ok(_) => {
                self.mark.confirmed();
                Ok(())
            }
            Err(Error::Failure(failure)) => self.mark.refused(failure),
            Err(error) => Err(error),
        }
    }

    fn time_over(&self) -> Outcome {
        let limit = self.args.timeout.unwrap_or(Duration::ZERO).as_secs_f64();
        match self.args.number {
            // Without a number the time is how long to listen, not how long to wait.
            None if self.count > 0 => Ok(()),
            Some(number) if self.count > 0 => Err(fail(
                FailureKind::NoAnswer,
                format!("only {} of {number} messages within {limit} s", self.count),
            )),
            _ => Err(fail(FailureKind::NoAnswer, format!("no message within {limit} s"))),
        }
    }
}
