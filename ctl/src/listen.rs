//! `listen`: the log from where a consumer stopped, and its mark moved behind what was shown.
//!
//! The mark moves only after a line has left the process; `mark` says how.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use simp_control::{ChatInfo, Event, FailureKind, Filter, FollowFrom, Kind, Peer, Reply, What};

use crate::args::Listen;
use crate::chat;
use crate::client::{Client, Next};
use crate::exec;
use crate::mark::Mark;
use crate::output::{self, Output, Shown};
use crate::plain;
use crate::reconnect::insist;
use crate::stop::{Outcome, Stop, fail};
use crate::when::deadline;

/// The consumer that listens where none is named.
const DEFAULT_CONSUMER: &str = "default";

/// A mark is told for this long although the time is over, for else a message is shown again.
const GRACE: Duration = Duration::from_secs(2);

/// What a person at a terminal is told of besides messages.
const NOTICES: [Kind; 3] = [Kind::Request, Kind::Opened, Kind::Closed];

/// Listens until the arguments' number or time is reached.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Listen) -> Outcome {
    if args.exec.as_ref().is_some_and(|command| command.trim().is_empty()) {
        return Err(fail(
            FailureKind::Usage,
            "--exec needs a command: an empty one would take every message",
        ));
    }
    let notices = !args.all && !output.is_json() && io::stderr().is_terminal();
    if args.text {
        output.text_alone();
    }
    if args.exec.is_none() {
        client.watch_output();
    }
    let from = args.since.map_or_else(|| FollowFrom::Consumer(consumer(args)), FollowFrom::After);
    let filter = Filter { kinds: kinds(args, notices), who: args.from.clone(), ..Filter::default() };
    client.follow(from, filter)?;
    client.write()?;
    let mark = Mark::of(args.since.is_none().then(|| consumer(args)));
    let deadline = deadline(args.timeout);
    let began_ms = crate::clock::now_ms();
    let waiting =
        if notices { insist(client, deadline, |client, _| chat::waiting(client))? } else { Vec::new() };
    for request in &waiting {
        invited(&client.place().name, &request.peer);
    }
    let aside = None;
    let mut listener = Listener { client, aside, output, args, began_ms, waiting, deadline, count: 0, mark };
    let complete = listener.listen()?;
    listener.settle()?;
    if complete { Ok(()) } else { listener.time_over() }
}

/// A filtered listener has a place of its own: it passes by messages that others have not seen.
fn consumer(args: &Listen) -> String {
    match (&args.consumer, &args.from) {
        (Some(name), _) => name.clone(),
        (None, Some(who)) => format!("from:{who}"),
        (None, None) => DEFAULT_CONSUMER.to_owned(),
    }
}

fn kinds(args: &Listen, notices: bool) -> Vec<Kind> {
    match (args.all, notices) {
        (true, _) => Vec::new(),
        (false, true) => [&[Kind::Message], NOTICES.as_slice()].concat(),
        (false, false) => vec![Kind::Message],
    }
}

struct Listener<'a> {
    client: &'a mut Client,
    /// A connection for the marks of commands, whose replies are not to wait behind the events that they will
    /// take long for. There is none before the first, and after one was lost.
    aside: Option<Client>,
    output: &'a mut Output,
    args: &'a Listen,
    began_ms: u64,
    /// Requests that a person was told of at the start.
    waiting: Vec<ChatInfo>,
    deadline: Option<Instant>,
    count: u64,
    mark: Mark,
}

impl Listener<'_> {
    /// True once the number is reached, false once the time is over.
    fn listen(&mut self) -> Outcome<bool> {
        while self.args.number.is_none_or(|number| self.count < number) {
            match self.next()? {
                Some(Next::Event(event)) if self.is_wanted(&event) => self.take(&event)?,
                Some(Next::Event(event)) => self.notice(&event),
                Some(Next::Reply(_)) => self.mark.confirmed(),
                Some(Next::Refused(failure)) => self.mark.refused(failure)?,
                Some(Next::Reconnected) => {
                    self.mark.lost();
                    self.aside = None;
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What came next. Before it waits, everything shown leaves and the mark follows it.
    fn next(&mut self) -> Outcome<Option<Next>> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
        if let Some(next) = self.client.buffered()? {
            return Ok(Some(next));
        }
        self.output.flush()?;
        self.tell()?;
        self.client.next(self.deadline)
    }

    fn is_wanted(&self, event: &Event) -> bool {
        self.args.all || event.what.kind() == Kind::Message
    }

    fn take(&mut self, event: &Event) -> Outcome {
        match &self.args.exec {
            None => self.output.show(&Shown::Event(event))?,
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
        let told = insist(self.client, self.deadline, |client, _| {
            let mut connection = aside.take().map_or_else(|| client.another(), Ok)?;
            let told = connection.ask(&seen);
            // After one that is lost the next attempt is with another.
            *aside = Some(connection).filter(|_| !matches!(told, Err(Stop::Lost(_))));
            told
        });
        self.answered(told)
    }

    /// Waits until the daemon knows how far we are, so that nothing is shown again.
    fn settle(&mut self) -> Outcome {
        self.output.flush()?;
        self.wait_for_answer()?;
        self.mark.tell_all_again();
        self.tell()?;
        self.wait_for_answer()?;
        self.mark.trouble()
    }

    /// Waits for the answer to what the daemon was told, if there is one to come.
    fn wait_for_answer(&mut self) -> Outcome {
        while self.mark.under_way {
            match self.client.reply() {
                Err(Stop::Lost(_)) => {
                    let deadline = self.deadline.map(|deadline| deadline.max(Instant::now() + GRACE));
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
            Err(Stop::Failure(failure)) => self.mark.refused(failure),
            Err(stop) => Err(stop),
        }
    }

    fn time_over(&self) -> Outcome {
        let limit = self.args.timeout.unwrap_or(Duration::ZERO).as_secs_f64();
        match self.args.number {
            None if self.count > 0 => Ok(()),
            Some(number) if self.count > 0 => Err(fail(
                FailureKind::NoAnswer,
                format!("only {} of {number} messages within {limit} s", self.count),
            )),
            _ => Err(fail(FailureKind::NoAnswer, format!("no message within {limit} s"))),
        }
    }

    /// Tells a person of what happened meanwhile; what happened before is history.
    fn notice(&self, event: &Event) {
        if event.at_ms < self.began_ms || self.waiting.iter().any(|request| request.chat == event.id) {
            return;
        }
        match event.what {
            What::Request => invited(&self.client.place().name, &event.peer),
            _ => output::notice(&plain::sentence(event)),
        }
    }
}

/// Tells a person of a request, and what to type.
fn invited(daemon: &str, peer: &Peer) {
    let who = plain::peer(peer);
    output::notice(&format!(
        "* {who} invites you (answer with: simpctl -d {daemon} accept {})",
        handle(peer)
    ));
}

/// What to type for this peer: its user name if that means nothing to a shell, else its address.
fn handle(peer: &Peer) -> &str {
    let harmless = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !peer.user.is_empty() && peer.user.chars().all(harmless) { &peer.user } else { &peer.address }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_something_to_a_shell_is_not_to_be_typed() {
        let called = |user: &str| Peer { user: user.into(), address: "127.0.0.2:7777".into() };
        assert_eq!(handle(&called("bob")), "bob");
        for user in ["", "$(id)", "a;b", "-d", "Ann Lee", "127.0.0.9"] {
            assert_eq!(handle(&called(user)), "127.0.0.2:7777");
        }
    }
}
