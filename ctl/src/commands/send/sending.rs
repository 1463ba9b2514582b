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
        Self { client, output, args, who, to, newest: 0 }
    }

    /// Whether this run waits for the message's outcome.
    pub(super) fn waits(&self) -> bool {
        !self.args.no_wait && (!self.args.queue || self.args.timeout.is_some())
    }

    /// Sends one text, once under its name if it has one, and unless told otherwise, waits for what becomes of it.
    pub(super) fn send(&mut self, text: &str, name: Option<&str>) -> Result<(), Unsent> {
        let deadline = deadline(self.args.timeout);
        let (message, chat, outlook) =
            self.queue(text, name, deadline).map_err(|error| of_text(error, text))?;
        self.newest = self.newest.max(message);
        if !self.waits() {
            return Ok(even_unread(self.output.show(&View::Queued { message, chat, text, size: None }))?);
        }
        let event = match outlook {
            Outlook::Ahead => self.outcome(message, deadline),
            Outlook::Behind => self.outcome_behind(message, deadline),
            Outlook::Past => self.past_outcome(message, deadline),
        };
        // A script must not take it for unsent, and send it again.
        match event.map_err(|error| error.goes_on(&format!("message {message} is queued")))? {
            Some(event) => match (self.show(&event), outlook) {
                (Err(Unsent::Other(Error::Failure(failure))), Outlook::Past) => Err(Unsent::Past(failure)),
                (shown, _) => shown,
            },
            None if self.args.or_cancel => self.take_back(message),
            None => Err(Unsent::Other(self.not_yet(message))),
        }
    }

    /// The time is over: takes the message back. If it cannot be, it has left, or its outcome has just come.
    fn take_back(&mut self, message: u64) -> Result<(), Unsent> {
        let within = deadline(Some(TAKEN_BACK_WITHIN));
        let cancel = |client: &mut Client, _| client.ask(&Request::Cancel { message });
        match self.client.insist(within, cancel) {
            Ok(_) => Err(self.taken_back().into()),
            Err(error) if error.is(FailureKind::Failed) => self.not_taken_back(message, error, within),
            Err(error) => Err(error.goes_on(&format!("message {message} is queued")).into()),
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

    /// Has the daemon take a text on, once, however often it goes away meanwhile.
    fn queue(
        &mut self,
        text: &str,
        name: Option<&str>,
        deadline: Option<Instant>,
    ) -> Outcome<(u64, u64, Outlook)> {
        let (token, known, args) = (token(), self.known(), self.args);
        let (who, to) = (&mut self.who, &mut self.to);
        let mut asked_again = false;
        let reply = self.client.insist(deadline, |client, again| {
            asked_again = again;
            let request = |who, host| Request::Send {
                who,
                chat: None,
                text: text.to_owned(),
                queue: args.queue,
                expire_ms: args.expire.map(|expire| expire.as_millis() as u64),
                token: Some(token),
                // simpd looks for the token only in entries after this one, so it need not read all of its log.
                again_after: again.then_some(known),
                once: name.map(str::to_owned),
                host,
                answers: None,
            };
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
        let outlook = match (is_old, asked_again) {
            (true, _) => Outlook::Past,
            (false, true) => Outlook::Behind,
            (false, false) => Outlook::Ahead,
        };
        Ok((message, chat, outlook))
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

    fn show(&mut self, event: &Event) -> Result<(), Unsent> {
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

/// A refusal of a text.
fn of_text(error: Error, text: &str) -> Unsent {
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
