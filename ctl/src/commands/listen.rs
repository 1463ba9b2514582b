//! `listen`: the log from where a consumer stopped, and its mark moved past what was shown.
//!
//! The mark moves only after a line has left the process; `mark` says how. `begin` and `following`: from where on; `wanted`:
//! what of it. `runner`: commands instead of lines, on `jobs`, which says when, and `commands`, which runs them.

mod answers;
mod aside;
mod attend;
mod begin;
mod commands;
mod environment;
mod following;
mod groups;
mod jobs;
mod mark;
mod meanwhile;
mod runner;
mod saving;
mod usage;
mod wanted;

use std::io;
use std::os::fd::AsFd as _;
use std::time::Instant;

use simp_control::error::{Error, Outcome, fail, unwritten};
use simp_control::{Client, Event, FailureKind, Filter, Incoming, Kind, names, sleep};

use crate::args::ListenArgs;
use crate::show::{Output, View};
use crate::when::deadline;
pub(super) use begin::DEFAULT_CONSUMER;
use following::Following;
use mark::Mark;
use meanwhile::Meanwhile;
use runner::Runner;
use saving::Saving;
pub(super) use usage::check;
use wanted::{is_for, kinds, time_over};

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
    let following = Following::new(args, Filter { kinds, who, ..Filter::default() }, deadline);
    let mut meanwhile = Meanwhile::begin(following.began_ms);
    if let Some(command) = &args.exec {
        let mut runner = Runner::new(client, args, command, (following, meanwhile), deadline)?;
        if has_person {
            runner.tell_waiting()?;
        }
        return runner.run();
    }
    let mark = following.follow(client)?;
    if has_person {
        meanwhile.tell_waiting(client, deadline)?;
    }
    let mut listener =
        Listener { client, output, args, following, meanwhile, saving, deadline, count: 0, mark };
    if let Some(saving) = &mut listener.saving {
        saving.take_waiting(listener.client, deadline)?;
    }
    let complete = listener.listen()?;
    listener.settle()?;
    if complete { Ok(()) } else { time_over(args, listener.count) }
}

struct Listener<'a> {
    client: &'a mut Client,
    output: &'a mut Output,
    args: &'a ListenArgs,
    following: Following,
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
                Some(Incoming::Reconnected) => self.mark.lost(),
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
            Err(Error::OtherLog(other)) => {
                self.mark = self.following.begin_again(self.client, other)?;
                Ok(Some(Incoming::Reconnected))
            }
            next => next,
        }
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
        if let Some(saving) = &mut self.saving {
            saving.note(self.client, self.deadline, event)?;
        }
        // Not flushed yet: `next` does it before it waits, once for a burst.
        match self.saving.as_ref().and_then(|saving| saving.failed(event)) {
            Some(name) => self.output.show(&View::NotSaved { event, name })?,
            None => self.output.show(&View::Event(event))?,
        }
        self.count += 1;
        self.mark.shown = event.id;
        Ok(())
    }

    /// Tells the daemon how far we are, unless that is under way.
    fn tell(&mut self) -> Outcome {
        let Some(seen) = self.mark.tell() else { return Ok(()) };
        self.client.submit(&seen)?;
        self.client.write()
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
                    self.client.reconnect(mark::deadline(self.deadline))?;
                    self.mark.lost();
                    self.tell()?;
                }
                told => self.mark.answered(told)?,
            }
        }
        Ok(())
    }
}
