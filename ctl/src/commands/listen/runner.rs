//! `listen --exec`: commands instead of lines. The mark follows each message that is done, so that no command runs again because
//! a later one took long and was interrupted.

use std::time::Instant;

use simp_control::error::{Error, OtherLog, Outcome, fail};
use simp_control::{Client, Event, FailureKind, Incoming, Kind, sleep};

use super::aside::Aside;
use super::attend::Terms;
use super::commands::{Commands, Ended};
use super::following::Following;
use super::jobs::{Jobs, Limits, Verdict};
use super::mark::{self, Mark};
use super::meanwhile::Meanwhile;
use super::wanted::time_over;
use crate::args::ListenArgs;
use crate::show::complain;

/// Runs commands for messages.
pub(super) struct Runner<'a> {
    client: &'a mut Client,
    aside: Aside,
    args: &'a ListenArgs,
    following: Following,
    meanwhile: Meanwhile,
    mark: Mark,
    jobs: Jobs,
    commands: Commands,
    deadline: Option<Instant>,
}

impl<'a> Runner<'a> {
    /// Follows the log from now on, to run this command.
    ///
    /// # Errors
    /// If it cannot be followed, or this process has no descriptor left.
    pub(super) fn new(
        client: &'a mut Client,
        args: &'a ListenArgs,
        command: &str,
        (following, meanwhile): (Following, Meanwhile),
        deadline: Option<Instant>,
    ) -> Outcome<Self> {
        let mark = following.follow(client)?;
        let jobs = Jobs::new(Limits {
            at_once: args.jobs.unwrap_or(1) as usize,
            tries: args.exec_tries,
            has_failed: args.exec_failed.is_some(),
        });
        let terms = Terms { limit: args.exec_timeout, keeps_output: false };
        let commands = Commands::new(command, args.exec_failed.as_deref(), terms)?;
        let aside = Aside::default();
        Ok(Self { client, aside, args, following, meanwhile, mark, jobs, commands, deadline })
    }

    /// Tells of the requests that wait already.
    pub(super) fn tell_waiting(&mut self) -> Outcome {
        self.meanwhile.tell_waiting(self.client, self.deadline)
    }

    /// Runs commands until the arguments' number or time is reached.
    pub(super) fn run(mut self) -> Outcome {
        let ended = self.listen();
        // Nobody is to run it for the same message while it still runs, so it is waited for in any case.
        while self.jobs.has_running() {
            let Some(ended) = self.commands.next_ended() else { break };
            self.take_in(ended);
        }
        let is_complete = ended?;
        self.mark.shown = self.jobs.done_to;
        self.mark.tell_all_again();
        self.tell()?;
        self.mark.check_taken()?;
        match (is_complete, self.jobs.failing()) {
            (false, Some(id)) => {
                let line = format!("message {id}: the command did not succeed within the time limit");
                Err(fail(FailureKind::NoAnswer, line))
            }
            _ if self.jobs.given_up > 0 => Err(fail(FailureKind::Failed, given_up(self.jobs.given_up))),
            (false, None) => time_over(self.args, self.jobs.done),
            (true, _) => Ok(()),
        }
    }

    /// True once the number is reached, false once the time is over.
    fn listen(&mut self) -> Outcome<bool> {
        loop {
            while let Some(ended) = self.commands.ended() {
                self.take_in(ended);
            }
            self.tell()?;
            if self.args.number.is_some_and(|number| self.jobs.done >= number) {
                return Ok(true);
            }
            // First of all, or a peer that never stops talking would keep us beyond our time.
            let now = sleep::now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(false);
            }
            while let Some(run) = self.jobs.start(now) {
                self.commands.start(run);
            }
            match self.next() {
                Ok(Some(Incoming::Event(event))) => self.hear(event),
                Ok(Some(Incoming::Refused(failure))) => return Err(failure.into()),
                Ok(Some(Incoming::Reply(_) | Incoming::Reconnected) | None) => (),
                Err(Error::OtherLog(other)) => self.begin_again(other)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// What came next, unless there is something else to do before.
    fn next(&mut self) -> Outcome<Option<Incoming>> {
        let until = self.deadline.into_iter().chain(self.jobs.due()).min();
        let has_enough = self.args.number.is_some_and(|number| self.jobs.known() >= number);
        if has_enough || self.jobs.is_full() {
            // The log keeps the rest until it is asked for.
            return self.client.called(self.commands.call(), until).map(|_| None);
        }
        match self.client.next_or(Some(self.commands.call()), until) {
            Err(Error::Lost(_)) => {
                self.client.reconnect(self.deadline)?;
                self.aside.drop();
                Ok(None)
            }
            next => next,
        }
    }

    fn hear(&mut self, event: Event) {
        match self.args.all || event.what.kind() == Kind::Message {
            true => self.jobs.add(event),
            false => self.meanwhile.tell(&self.client.socket().name, &event),
        }
    }

    /// Takes in how a command has ended.
    fn take_in(&mut self, Ended { run, outcome }: Ended) {
        let id = run.event.id;
        let how = outcome.as_ref().err().map(String::as_str);
        let failed = how.unwrap_or_default();
        match self.jobs.ended(run.number, how, sleep::now()) {
            Verdict::Done | Verdict::Forgotten => (),
            Verdict::Again(pause) => {
                let pause_s = pause.as_secs();
                complain(&format!("message {id}: the command failed ({failed}), retrying in {pause_s} s"));
            }
            Verdict::GivenUp(tries) => {
                let times = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
                complain(&format!("message {id}: given up after {times} ({failed})"));
            }
            Verdict::FailedToo => {
                complain(&format!("message {id}: the command of --exec-failed failed too ({failed})"));
            }
        }
    }

    /// Tells the daemon how far we are, and waits until it knows.
    fn tell(&mut self) -> Outcome {
        self.mark.shown = self.jobs.done_to;
        let Some(seen) = self.mark.tell() else { return Ok(()) };
        match self.aside.ask(self.client, mark::deadline(self.deadline), |aside| aside.ask(&seen)) {
            // What the command was run for is an entry of the old log.
            Err(Error::OtherLog(other)) => self.begin_again(other),
            told => self.mark.answered(told),
        }
    }

    /// Simpd has a different log than before. What runs is of the old one.
    fn begin_again(&mut self, other: OtherLog) -> Outcome {
        self.mark = self.following.begin_again(self.client, other)?;
        self.jobs.forget();
        self.aside.drop();
        Ok(())
    }
}

fn given_up(count: u64) -> String {
    match count {
        1 => "1 message was given up".to_owned(),
        count => format!("{count} messages were given up"),
    }
}
