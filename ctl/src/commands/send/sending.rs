//! One text: queued once, and waited for.

use std::time::{Duration, Instant};

use simp_control::error::{Error, Outcome, fail, unexpected};
use simp_control::{
    Client, Event, Failure, FailureKind, Filter, FollowFrom, Kind, MessageState, Piece, Reason, Reply,
    Request, Text, What, names, token,
};

use crate::args::SendArgs;
use crate::commands::queueing::{even_unread, not_known};
use crate::recipient::Recipient;
use crate::show::{Output, View};
use crate::when::deadline;

/// How long taking a message back may take: simpd is there, or was until just now.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(10);

/// So many entries after a message its outcome is looked for first.
const SOON: u64 = 64;

/// What texts are sent with.
pub(super) struct Sending<'a> {
    pub(super) client: &'a mut Client,
    pub(super) output: &'a mut Output,
    args: &'a SendArgs,
    who: Option<String>,
    /// The same for the outbox.
    to: Recipient,
    /// Our last message.
    newest: u64,
    /// The chat that it is in.
    pub(super) chat: Option<u64>,
}

/// What a text is asked for with, so that it is queued once however often it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    token: u64,
    /// An entry of the log that is older than the text's.
    known: u64,
    /// It was asked for on a connection that broke.
    was_lost: bool,
}

/// Why a text was not sent.
pub(super) enum Unsent {
    /// Its peer does not take it; another text may be.
    Unfit(Failure),
    /// It came to nothing in an earlier run, and has its name for good.
    Past(Failure),
    /// Whatever the text is.
    Other(Error),
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Unsent> for Error {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Unfit(failure) | Unsent::Past(failure) => failure.into(),
            Unsent::Other(error) => error,
        }
    }
}

/// Where the outcome of a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// In what is followed, or to come.
    Ahead,
    /// It may be before what is followed.
    Behind,
    /// The message is of an earlier run, and may be settled long since.
    Past,
}

impl<'a> Sending<'a> {
    /// Sends with this client as the arguments say.
    pub(super) fn new(client: &'a mut Client, output: &'a mut Output, args: &'a SendArgs) -> Self {
        let (who, to) = (args.to.clone(), Recipient::new(args.to.clone()));
        Self { client, output, args, who, to, newest: 0, chat: None }
    }

    /// Whether this run waits for the message's outcome.
    pub(super) fn waits(&self) -> bool {
        !self.args.no_wait && (!self.args.queue || self.args.timeout.is_some())
    }

    /// Whether texts can be under way together, without one being sent that is to wait for what becomes of the one before it.
    pub(super) fn can_go_together(&self) -> bool {
        !self.args.queue && self.args.timeout.is_none()
    }

    /// Sends one text, once under its name if it has one, and unless told otherwise, waits for what becomes of it.
    pub(super) fn send(&mut self, text: &str, name: Option<&str>) -> Result<(), Unsent> {
        let asked = self.ask();
        self.send_asked(text, name, asked)
    }

    /// The same of a text that was asked for already, on a connection that broke.
    pub(super) fn send_again(&mut self, text: &str, asked: Asked) -> Result<(), Unsent> {
        self.send_asked(text, None, Asked { was_lost: true, ..asked })
    }

    fn send_asked(&mut self, text: &str, name: Option<&str>, asked: Asked) -> Result<(), Unsent> {
        let deadline = deadline(self.args.timeout);
        let (message, chat, outlook) =
            self.queue(text, name, deadline, asked).map_err(|error| of_text(error, text))?;
        self.is_queued(message, chat);
        if !self.waits() {
            return self.show_queued(message, chat, text);
        }
        let event = match outlook {
            Outlook::Ahead => self.outcome(message, deadline),
            Outlook::Behind => self.outcome_behind(message, deadline),
            Outlook::Past => self.past_outcome(message, deadline),
        };
        // A script must not take it for unsent, and send it again.
        match event.map_err(|error| is_queued_and(error, message))? {
            Some(event) => match (self.show(&event), outlook) {
                (Err(Unsent::Other(Error::Failure(failure))), Outlook::Past) => Err(Unsent::Past(failure)),
                (shown, _) => shown,
            },
            None if self.args.or_cancel => self.take_back(message),
            None => Err(Unsent::Other(self.not_yet(message))),
        }
    }

    /// Waits for what becomes of a message that was queued on a connection that broke.
    pub(super) fn wait_again(&mut self, message: u64) -> Result<(), Unsent> {
        match self.outcome_behind(message, None).map_err(|error| is_queued_and(error, message))? {
            Some(event) => self.show(&event),
            None => Err(Unsent::Other(self.not_yet(message))),
        }
    }

    /// Simpd has a text.
    pub(super) fn is_queued(&mut self, message: u64, chat: u64) {
        self.newest = self.newest.max(message);
        self.chat = Some(chat);
    }

    /// Says that simpd has a text.
    pub(super) fn show_queued(&mut self, message: u64, chat: u64, text: &str) -> Result<(), Unsent> {
        Ok(even_unread(self.output.show(&View::Queued { message, chat, text, size: None }))?)
    }

    /// The time is over: takes the message back. If it cannot be, it has left, or its outcome has just come.
    fn take_back(&mut self, message: u64) -> Result<(), Unsent> {
        let within = deadline(Some(TAKEN_BACK_WITHIN));
        let cancel = |client: &mut Client, _| client.ask(&Request::Cancel { message });
        match self.client.insist(within, cancel) {
            Ok(_) => Err(self.taken_back().into()),
            Err(error) if error.is(FailureKind::Failed) => self.not_taken_back(message, error, within),
            Err(error) => Err(is_queued_and(error, message).into()),
        }
    }

    /// The message was not taken back, for this reason.
    fn not_taken_back(&mut self, message: u64, why: Error, within: Option<Instant>) -> Result<(), Unsent> {
        let states = self.client.insist(within, |client, _| client.states(&[message]))?;
        let [state] = states[..] else { return Err(unexpected().into()) };
        match state {
            None | Some(MessageState::Waiting) if self.client.status()?.trouble.is_some() => Err(why.into()),
            None | Some(MessageState::Waiting) => {
                let line = format!("message {message} has left, and may have arrived (simpd keeps trying)");
                Err(fail(FailureKind::NoAnswer, line).into())
            }
            // Asked twice, because simpd went away before it answered.
            Some(MessageState::Undelivered { reason: Reason::Cancelled }) => Err(self.taken_back().into()),
            Some(_) => {
                let Some(event) = self.outcome(message, within)? else {
                    return Err(self.not_yet(message).into());
                };
                self.show(&event)
            }
        }
    }

    fn taken_back(&self) -> Error {
        let limit = self.args.timeout.unwrap_or_default().as_secs_f64();
        fail(FailureKind::Undelivered, format!("not delivered: taken back after {limit} s"))
    }

    fn ask(&self) -> Asked {
        Asked { token: token(), known: self.known(), was_lost: false }
    }

    /// Has the daemon take a text on, once, however often it goes away meanwhile.
    fn queue(
        &mut self,
        text: &str,
        name: Option<&str>,
        deadline: Option<Instant>,
        asked: Asked,
    ) -> Outcome<(u64, u64, Outlook)> {
        let args = self.args;
        let (who, to) = (&mut self.who, &mut self.to);
        let mut asked = asked;
        let first = asked;
        let reply = self.client.insist(deadline, |client, again| {
            asked.was_lost = again || first.was_lost;
            let request = |who, host| request(args, text, asked, (who, None), (name, host));
            match args.queue {
                true => to.ask(client, request),
                false => names::ask(client, who, |who| request(who, None)),
            }
        });
        // Once the time is over nobody asks again, and whether it was taken stays open.
        let Reply::Queued { message, chat } = reply.map_err(not_known)? else {
            return Err(unexpected());
        };
        // One with a name may be of an earlier run, and be settled long since.
        let is_old = name.is_some() && message <= self.client.position();
        let outlook = match (is_old, asked.was_lost) {
            (true, _) => Outlook::Past,
            (false, true) => Outlook::Behind,
            (false, false) => Outlook::Ahead,
        };
        Ok((message, chat, outlook))
    }

    /// Puts a text in line for this chat and no later one. The answer is to be waited for.
    pub(super) fn submit(&mut self, text: &str, chat: u64) -> Outcome<Asked> {
        let asked = self.ask();
        let who = names::who(self.who.as_deref())?;
        self.client.submit(&request(self.args, text, asked, (who, Some(chat)), (None, None)))?;
        Ok(asked)
    }

    /// An entry of the log that is older than the next message of ours.
    fn known(&self) -> u64 {
        self.client.position().max(self.newest)
    }

    /// Follows the outcomes of all messages, other programs' too.
    pub(super) fn follow(&mut self, from: FollowFrom) -> Outcome {
        self.client.follow(from, outcomes())
    }

    /// The entry that says what became of a message, if it comes in time.
    fn outcome(&mut self, id: u64, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        while let Some(event) = self.client.event(deadline)? {
            if is_of(&event, id) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// The same of one that may be before what is followed.
    fn outcome_behind(&mut self, id: u64, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        self.follow(FollowFrom::After(id))?;
        self.client.write()?;
        let event = self.outcome(id, deadline)?;
        // Whatever else has come since then is not wanted.
        self.follow(FollowFrom::End)?;
        Ok(event)
    }

    /// The same of one of an earlier run.
    fn past_outcome(&mut self, id: u64, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        // That of nearly every message is right after it, and whoever runs a stream again asks for each of its lines.
        let piece = || Piece { above: id, before: Some(id.saturating_add(SOON)), most: SOON as u32 };
        let soon = self.client.insist(deadline, |client, _| client.history(piece(), &outcomes()))?;
        if let Some(event) = soon.into_iter().find(|event| is_of(event, id)) {
            return Ok(Some(event));
        }
        match self.client.insist(deadline, |client, _| client.states(&[id]))?[..] {
            // It comes after what is followed already.
            [Some(MessageState::Waiting)] => self.outcome(id, deadline),
            _ => self.outcome_behind(id, deadline),
        }
    }

    /// Says what became of a message.
    pub(super) fn show(&mut self, event: &Event) -> Result<(), Unsent> {
        match event.what {
            What::Undelivered { reason: Reason::TooLong, .. } => {
                let line =
                    "not delivered: too long (its peer accepts only shorter messages; send it in parts)";
                Err(Unsent::Unfit(Failure::new(FailureKind::Undelivered, line)))
            }
            What::Undelivered { message, reason } => Err(Unsent::Other(undelivered(message, reason))),
            _ => Ok(even_unread(self.output.show(&View::Delivered(event)))?),
        }
    }

    fn not_yet(&self, id: u64) -> Error {
        let line = match self.args.queue {
            true => format!("message {id} is queued and will be delivered when the peer is back"),
            false => format!("message {id} is not acknowledged yet (simpd keeps trying)"),
        };
        fail(FailureKind::NoAnswer, line)
    }
}

/// The request for a text: to whom and in which chat, and under which name and for which host.
fn request(
    args: &SendArgs,
    text: &str,
    asked: Asked,
    (who, chat): (Option<String>, Option<u64>),
    (name, host): (Option<&str>, Option<String>),
) -> Request {
    Request::Send {
        who,
        chat,
        text: text.to_owned(),
        queue: args.queue,
        expire_ms: args.expire.map(|expire| expire.as_millis() as u64),
        token: Some(asked.token),
        // simpd looks for the token only in entries after this one, so it need not read all of its log.
        again_after: asked.was_lost.then_some(asked.known),
        once: name.map(str::to_owned),
        host,
        answers: None,
    }
}

fn is_queued_and(error: Error, message: u64) -> Error {
    error.goes_on(&format!("message {message} is queued"))
}

/// A refusal of a text.
pub(super) fn of_text(error: Error, text: &str) -> Unsent {
    match error {
        // An older simpd does not say what the peer takes.
        Error::Failure(failure)
            if failure.takes.is_some()
                || failure.kind == FailureKind::Usage && failure.line == plain_error(text) =>
        {
            Unsent::Unfit(failure)
        }
        error => Unsent::Other(error),
    }
}

/// What is said of a text that no plain peer takes; empty if there is nothing to be said.
fn plain_error(text: &str) -> String {
    Text::new(text).err().map(|error| error.to_string()).unwrap_or_default()
}

/// The entries that say what became of messages.
fn outcomes() -> Filter {
    let kinds = vec![Kind::Delivered, Kind::Unconfirmed, Kind::Undelivered];
    Filter { kinds, ..Filter::default() }
}

fn is_of(event: &Event, id: u64) -> bool {
    match event.what {
        What::Delivered { message } | What::Unconfirmed { message } | What::Undelivered { message, .. } => {
            message == id
        }
        _ => false,
    }
}

fn undelivered(id: u64, reason: Reason) -> Error {
    let remedy = match reason {
        Reason::OtherKey => format!(
            "whoever is there now has another key; list them: simpctl keys; then: simpctl resend {id}"
        ),
        _ => format!("send it again with: simpctl resend {id}"),
    };
    fail(FailureKind::Undelivered, format!("not delivered: {reason} ({remedy})"))
}
