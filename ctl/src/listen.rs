//! `listen`: the log from where a consumer stopped, and its mark moved behind what was shown.
//!
//! The mark moves only after a line has left the process. One `seen` is under way at a time: what is shown
//! until its reply comes is in the next one, so that a burst of messages costs few of them, and the two
//! directions of the connection cannot block each other.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use simp_proto::control::{ChatInfo, Event, FailureKind, Filter, From, Kind, Peer, Request, What};

use crate::args::Listen;
use crate::chat;
use crate::client::{Client, Next};
use crate::escape;
use crate::exec;
use crate::output::{self, Output, Shown};
use crate::plain;
use crate::stop::{Outcome, fail};

/// The consumer that listens where none is named.
const DEFAULT_CONSUMER: &str = "default";

/// What a person at a terminal is told of besides messages.
const NOTICES: [Kind; 3] = [Kind::Request, Kind::Opened, Kind::Closed];

/// Listens until the arguments' number or time is reached.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Listen) -> Outcome {
    let notices = !args.all && !output.is_json() && io::stderr().is_terminal();
    if args.text {
        output.text_alone();
    }
    if args.exec.is_none() {
        client.watch_output();
    }
    let from = args.since.map_or_else(|| From::Consumer(consumer(args)), From::After);
    let filter = Filter { kinds: kinds(args, notices), chat: None, who: args.from.clone() };
    client.submit_quietly(&Request::Follow { from, filter })?;
    client.write()?;
    let consumer = args.since.is_none().then(|| consumer(args));
    let aside = if args.exec.is_some() && consumer.is_some() { Some(client.another()?) } else { None };
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mark = Mark { consumer, ..Mark::default() };
    let began_ms = plain::now_ms();
    let waiting = if notices { chat::waiting(client)? } else { Vec::new() };
    for request in &waiting {
        invited(client.name(), &request.peer);
    }
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

/// How far the consumer is.
#[derive(Default)]
struct Mark {
    /// Whose; `None` where no mark is moved.
    consumer: Option<String>,
    /// The last entry that was shown.
    shown: u64,
    /// The last entry that the daemon was told of.
    told: u64,
    /// Whether the daemon's reply to that is still to come.
    under_way: bool,
}

impl Mark {
    /// What to tell the daemon; `None` where it knows, or is not to.
    fn seen(&self) -> Option<Request> {
        let consumer = self.consumer.clone().filter(|_| self.shown > self.told)?;
        Some(Request::Seen { consumer, id: self.shown })
    }
}

struct Listener<'a> {
    client: &'a mut Client,
    /// For the marks of commands, whose replies are not to wait behind the events that they will take long for.
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
                Some(Next::Reply(_)) => self.mark.under_way = false,
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
        if let (Some(aside), Some(seen)) = (&mut self.aside, self.mark.seen()) {
            // A command is not to run again because the next one took long and was interrupted.
            aside.ask(&seen)?;
            self.mark.told = event.id;
        }
        Ok(())
    }

    /// Tells the daemon how far we are, unless that is under way.
    fn tell(&mut self) -> Outcome {
        if self.mark.under_way {
            return Ok(());
        }
        let Some(seen) = self.mark.seen() else { return Ok(()) };
        self.client.submit(&seen)?;
        self.mark.told = self.mark.shown;
        self.mark.under_way = true;
        self.client.write()
    }

    /// Waits until the daemon knows how far we are, so that nothing is shown again.
    fn settle(&mut self) -> Outcome {
        self.output.flush()?;
        self.tell()?;
        while self.mark.under_way {
            self.client.reply()?;
            self.mark.under_way = false;
            self.tell()?;
        }
        Ok(())
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
            What::Request => invited(self.client.name(), &event.peer),
            _ => output::notice(&plain::sentence(event)),
        }
    }
}

/// Tells a person of a request, and what to type.
fn invited(daemon: &str, peer: &Peer) {
    let who = peer.to_string();
    let who = escape::shown(&who);
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
