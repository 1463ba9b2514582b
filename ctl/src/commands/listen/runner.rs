//! `listen --exec`: commands instead of lines, and their answers. The mark follows each message that is done, so that no command runs again because
//! a later one took long and was interrupted.

use std::time::Instant;

use simp_control::error::{Error, OtherLog, Outcome, fail};
use simp_control::{Client, Event, FailureKind, Incoming, Kind, sleep};

use super::answers::Answers;
use super::aside::Aside;
use super::attend::{Failed, Terms};
use super::commands::{Commands, Ended};
use super::following::Following;
use super::jobs::{Jobs, Limits, Task, Verdict};
use super::mark::{self, Mark};
use super::meanwhile::Meanwhile;
use super::wanted::time_over;
use crate::args::ListenArgs;
use crate::reach::require;
use crate::show::complain;

/// How often a command is run that is to answer, unless that is said.
const REPLY_TRIES: u32 = 3;

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
    answers: Option<Answers>,
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
        if args.reply {
            require(client, "once", "would give some answers twice")?;
            require(client, "takes", "does not say which texts a peer takes")?;
            require(client, "answers", "does not tell peers what an answer answers")?;
        }
        let mark = following.follow(client)?;
        let jobs = Jobs::new(Limits {
            at_once: args.jobs.unwrap_or(1) as usize,
            // Whoever asks does not wait for ever, and is not the only one.
            tries: args.exec_tries.or(args.reply.then_some(REPLY_TRIES)),
            has_failed: args.exec_failed.is_some(),
        });
        let terms = Terms { limit: args.exec_timeout, keeps_output: args.reply };
        let commands = Commands::new(command, args.exec_failed.as_deref(), terms)?;
        let aside = Aside::default();
        let answers = args.reply.then(|| Answers::of(following.consumer()));
        Ok(Self { client, aside, args, following, meanwhile, mark, jobs, commands, answers, deadline })
    }

    /// Tells of the requests that wait already.
    pub(super) fn tell_waiting(&mut self) -> Outcome {
        self.meanwhile.tell_waiting(self.client, self.deadline)
    }

    /// Runs commands until the arguments' number or time is reached.
    pub(super) fn run(mut self) -> Outcome {
        let mut outcome = self.listen();
        // Nobody is to run it for the same message while it still runs, so it is waited for in any case.
        while self.jobs.has_running() {
            let Some(ended) = self.commands.next_ended() else { break };
            outcome = outcome.and_then(|is_complete| self.take_in(ended).map(|()| is_complete));
        }
        let is_complete = outcome?;
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
                self.take_in(ended)?;
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
    fn take_in(&mut self, Ended { run, outcome }: Ended) -> Outcome {
        let id = run.event.id;
        // First its answer: a message that is done has it.
        let how = match outcome {
            Ok(printed) if run.task == Task::Try => self.answer(&run.event, &printed)?,
            Ok(_) => None,
            Err(how) => Some(how),
        };
        let failed = match &how {
            Some(Failed::Command(how) | Failed::Other(how)) => how.as_str(),
            None => "",
        };
        match self.jobs.ended(run.number, how.as_ref(), sleep::now()) {
            Verdict::Done | Verdict::Forgotten => (),
            Verdict::Again(pause) => {
                let pause_s = pause.as_secs();
                let what =
                    if let Some(Failed::Other(_)) = how { "not done yet" } else { "the command failed" };
                complain(&format!("message {id}: {what} ({failed}), retrying in {pause_s} s"));
            }
            Verdict::GivenUp(tries) => {
                let times = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
                complain(&format!("message {id}: given up after {times} ({failed})"));
            }
            Verdict::FailedToo => {
                complain(&format!("message {id}: the command of --exec-failed failed too ({failed})"));
            }
        }
        Ok(())
    }

    /// Sends what was printed for a message to its peer, if that is wanted. Gives why simpd could not keep it, which may pass.
    fn answer(&mut self, event: &Event, printed: &[u8]) -> Outcome<Option<Failed>> {
        let Some(answers) = &self.answers else { return Ok(None) };
        let on = (&mut *self.client, &mut self.aside, mark::deadline(self.deadline));
        match answers.send(on, event, printed) {
            Err(Error::Failure(failure)) => match failure.kind {
                FailureKind::NoSuch | FailureKind::Usage => {
                    complain(&format!("message {}: no answer was sent: {}", event.id, failure.line));
                    Ok(None)
                }
                FailureKind::Failed => Ok(Some(Failed::Other(format!("its answer: {}", failure.line)))),
                _ => Err(failure.into()),
            },
            // The message is one of the old log, and so is its chat.
            Err(Error::OtherLog(other)) => self.begin_again(other).map(|()| None),
            sent => sent.map(|()| None),
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
