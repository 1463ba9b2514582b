//! simpd as the room needs it: the events that concern it, and a way to ask many things of it exactly once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use simp_control::error::{Error, Outcome};
use simp_control::{
    ChatInfo, Client, Contact, Event, Failure, FailureKind, Filter, FollowFrom, Incoming, Kind, LogId, Piece,
    Position, Reply, Request, Status, What, sleep,
};

use crate::leftover::QueuedLine;
use crate::room::ChatRef;
use crate::trouble::{Trouble, WaitsFor};

/// So many requests are asked at once: their answers fit into the socket.
const ASKED_AT_ONCE: usize = 256;

/// How long simpd, or its disk, is given before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long simpd may take for its greeting.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// What is asked of simpd once, however often its connection breaks.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The request.
    pub request: Request,
    /// If it was asked before, that was after this entry of the log.
    pub after: u64,
}

/// A simpd. All of these fail if it cannot be talked to, or has a different log than before, and those that wait if the room
/// is to be stopped.
pub trait Simpd {
    /// Where it receives: `ADDR:PORT`.
    fn name(&self) -> String;

    /// Its log; `None` if it does not say which it is.
    fn log(&self) -> Option<&LogId>;

    /// Where an entry of its log is that it has told of.
    fn position_of(&self, entry: u64) -> Position;

    /// Whether the entry at this position is one of its log.
    fn has(&self, position: Position) -> bool;

    /// A log without the entry at this position is another one from now on.
    fn rely_on(&mut self, position: Position);

    /// The newest entry of its log.
    fn last_id(&mut self) -> Outcome<u64>;

    /// The messages of ours that are queued after this entry, newest first.
    fn queued_after(&mut self, after: u64) -> Outcome<Vec<QueuedLine>>;

    /// Whether a chat came to its end after this entry.
    fn is_closed_after(&mut self, chat: u64, after: u64) -> Outcome<bool>;

    /// Whether anything of ours was delivered in a chat, as far as the log still has it.
    fn has_delivered(&mut self, chat: u64) -> Outcome<bool>;

    /// Whether anything of ours that was queued after an entry was delivered in a chat before another entry.
    fn has_taken(&mut self, chat: u64, after: u64, before: u64) -> Outcome<bool>;

    /// All chats.
    fn chats(&mut self) -> Outcome<Vec<ChatInfo>>;

    /// The text of a message, by its event; `None` if the log has it no more.
    fn text(&mut self, event: u64) -> Outcome<Option<String>>;

    /// Waits a little before the store is tried again, and says why.
    fn wait_for_store(&mut self, why: &str) -> Outcome;

    /// The store has taken all that waited.
    fn store_works(&mut self);

    /// Asks all of it, in this order, waiting for simpd if it is away, and gives the answers.
    fn ask_all(&mut self, asks: Vec<Errand>) -> Outcome<Vec<Result<Reply, Failure>>>;
}

/// Asks simpd, and waits for it if it is away.
pub struct Asker {
    client: Client,
    address: String,
    stopping: Arc<AtomicBool>,
    trouble: Trouble,
}

impl Asker {
    /// On this connection. Waiting ends when `stopping` becomes true; what it is for is told to `trouble`.
    ///
    /// # Errors
    /// If simpd does not say who it is.
    pub fn new(mut client: Client, stopping: Arc<AtomicBool>, trouble: Trouble) -> Outcome<Self> {
        let address = client.address()?.to_owned();
        // Of a log that is gone, perhaps.
        trouble.ended(WaitsFor::Simpd, &Contact::Back.line(client.socket()));
        Ok(Self { client, address, stopping, trouble })
    }

    /// A second connection to the same simpd.
    ///
    /// # Errors
    /// If it does not take one.
    pub fn another(&self) -> Outcome<Client> {
        self.client.another()
    }

    /// How simpd is.
    ///
    /// # Errors
    /// If it does not say.
    pub fn status(&mut self) -> Outcome<Box<Status>> {
        self.client.status()
    }

    fn ask_some(
        &mut self,
        left: &mut VecDeque<Errand>,
        answers: &mut Vec<Result<Reply, Failure>>,
    ) -> Outcome {
        // Written without reading in between, so both directions must fit into the buffers of the socket.
        let count = left.len().min(ASKED_AT_ONCE);
        for ask in left.iter().take(count) {
            self.client.submit(&ask.request)?;
        }
        // From now on it may have been carried out.
        for ask in left.iter_mut().take(count) {
            if let Request::Send { again_after, .. } = &mut ask.request {
                again_after.get_or_insert(ask.after);
            }
        }
        self.client.write()?;
        let mut trouble = None;
        for _ in 0..count {
            match self.answer()? {
                // What comes after it in the queue must not overtake it.
                answer if trouble.is_some() => drop(answer),
                Err(failure) if failure.kind == FailureKind::Failed && may_be_repeated(left.front()) => {
                    trouble = Some(failure);
                }
                answer => {
                    answers.push(answer);
                    left.pop_front();
                }
            }
        }
        match trouble {
            None => {
                self.trouble.ended(WaitsFor::Requests, "simpd takes requests again");
                Ok(())
            }
            Some(failure) => self.wait(WaitsFor::Requests, &format!("{failure}; retrying")),
        }
    }

    fn answer(&mut self) -> Outcome<Result<Reply, Failure>> {
        loop {
            match self.client.next_here(Some(sleep::now() + PAUSE))? {
                Some(Incoming::Reply(reply)) => return Ok(Ok(reply)),
                Some(Incoming::Refused(failure)) => return Ok(Err(failure)),
                // A simpd that is silent must not keep the room from being stopped.
                None if self.stopping.load(Ordering::Relaxed) => return Err(stopped()),
                Some(Incoming::Event(_) | Incoming::Reconnected) | None => {}
            }
        }
    }

    /// Whether the log has an entry of this kind of a chat, after another entry.
    fn has_any(&mut self, kind: Kind, chat: u64, after: u64) -> Outcome<bool> {
        let filter = Filter { kinds: vec![kind], chat: Some(chat), ..Filter::default() };
        let piece = Piece { above: after, before: None, most: 1 };
        Ok(!self.client.history(piece, &filter)?.is_empty())
    }

    fn wait(&self, waits_for: WaitsFor, why: &str) -> Outcome {
        self.trouble.began(waits_for, why);
        if self.stopping.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        thread::sleep(PAUSE);
        Ok(())
    }

    /// Waits until simpd is back.
    fn reconnect(&mut self) -> Outcome {
        // The one that follows the events has noticed it first, and may have seen it back.
        match self.client.replace(sleep::now() + GREETS_WITHIN) {
            Ok(true) => {
                self.trouble.ended(WaitsFor::Simpd, &Contact::Back.line(self.client.socket()));
                Ok(())
            }
            Ok(false) | Err(Error::Lost(_)) => reconnect(&mut self.client, &self.stopping, &self.trouble),
            Err(error) => Err(error),
        }
    }
}

impl Simpd for Asker {
    fn wait_for_store(&mut self, why: &str) -> Outcome {
        self.wait(WaitsFor::Store, why)
    }

    fn store_works(&mut self) {
        self.trouble.ended(WaitsFor::Store, "the accounts can be written again");
    }

    fn name(&self) -> String {
        self.address.clone()
    }

    fn log(&self) -> Option<&LogId> {
        self.client.log()
    }

    fn position_of(&self, entry: u64) -> Position {
        self.client.position_of(entry)
    }

    fn has(&self, position: Position) -> bool {
        self.client.has(position)
    }

    fn rely_on(&mut self, position: Position) {
        self.client.rely_on(position);
    }

    fn last_id(&mut self) -> Outcome<u64> {
        Ok(self.status()?.last_id)
    }

    fn queued_after(&mut self, after: u64) -> Outcome<Vec<QueuedLine>> {
        let filter = Filter { kinds: vec![Kind::Queued], ..Filter::default() };
        let events = self.client.history(Piece { above: after, ..Piece::ALL }, &filter)?;
        let queued = |Event { id, chat, what, .. }: Event| {
            let text = what.text().unwrap_or_default().to_owned();
            QueuedLine { id, chat, text }
        };
        Ok(events.into_iter().map(queued).collect())
    }

    fn is_closed_after(&mut self, chat: u64, after: u64) -> Outcome<bool> {
        self.has_any(Kind::Closed, chat, after)
    }

    fn has_delivered(&mut self, chat: u64) -> Outcome<bool> {
        // A chat has the id of the entry that it began with.
        self.has_any(Kind::Delivered, chat, chat)
    }

    fn has_taken(&mut self, chat: u64, after: u64, before: u64) -> Outcome<bool> {
        let filter = Filter { kinds: vec![Kind::Delivered], chat: Some(chat), ..Filter::default() };
        // What is queued in a chat is delivered in its order, so the newest says it.
        let piece = Piece { above: after, before: Some(before), most: 1 };
        let newest = self.client.history(piece, &filter)?;
        let is_after = |event: &Event| matches!(event.what, What::Delivered { message } if message > after);
        Ok(newest.iter().any(is_after))
    }

    fn chats(&mut self) -> Outcome<Vec<ChatInfo>> {
        self.client.chats()
    }

    fn text(&mut self, event: u64) -> Outcome<Option<String>> {
        Ok(self.client.entry(event)?.and_then(|found| found.what.text().map(str::to_owned)))
    }

    fn ask_all(&mut self, asks: Vec<Errand>) -> Outcome<Vec<Result<Reply, Failure>>> {
        let mut answers = Vec::with_capacity(asks.len());
        // What is answered leaves the queue, so that after a reconnection only the rest is asked again.
        let mut left: VecDeque<Errand> = asks.into();
        while !left.is_empty() {
            match self.ask_some(&mut left, &mut answers) {
                Ok(()) => {}
                Err(Error::Lost(_)) => self.reconnect()?,
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }
}

/// Whether it must be done, and may be asked again.
fn may_be_repeated(ask: Option<&Errand>) -> bool {
    ask.is_some_and(|ask| matches!(ask.request, Request::Send { .. } | Request::Quit { .. }))
}

/// The room is to be stopped: nobody waits for what it does any more.
fn stopped() -> Error {
    Error::Abandoned
}

/// Waits until simpd is back.
fn reconnect(client: &mut Client, stopping: &AtomicBool, trouble: &Trouble) -> Outcome {
    trouble.began(WaitsFor::Simpd, &Contact::Lost.line(client.socket()));
    loop {
        match client.replace(sleep::now() + GREETS_WITHIN) {
            Ok(true) => {
                trouble.ended(WaitsFor::Simpd, &Contact::Back.line(client.socket()));
                return Ok(());
            }
            Ok(false) | Err(Error::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        if stopping.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        thread::sleep(PAUSE);
    }
}

/// Gives every event that concerns a room and where it is, from this one on, for as long as it is taken. `failed` is told why no more come.
pub fn follow(
    mut client: Client,
    after: Position,
    (stopping, trouble): (Arc<AtomicBool>, Trouble),
    take: impl Fn(Event, Position) -> bool + Send + 'static,
    failed: impl Fn(Error) + Send + 'static,
) -> Outcome {
    let kinds = vec![Kind::Opened, Kind::Closed, Kind::Message];
    client.rely_on(after);
    client.follow(FollowFrom::After(after.id), Filter { kinds, ..Filter::default() })?;
    client.write()?;
    thread::spawn(move || {
        loop {
            let next = match client.next_here(None) {
                Err(Error::Lost(_)) => reconnect(&mut client, &stopping, &trouble).map(|()| None),
                next => next,
            };
            match next {
                Ok(Some(Incoming::Event(event))) => {
                    let position = client.position_of(event.id);
                    if !take(event, position) {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => break failed(error),
            }
        }
    });
    Ok(())
}

/// A line to somebody. Nothing else that is sent in the same run may have the same token.
pub fn send(to: &ChatRef, text: &str, token: u64, after: u64) -> Errand {
    let request = Request::Send {
        // Both name it: after simpd has lost its log, the id alone could be that of another chat.
        who: Some(to.address.clone()),
        chat: Some(to.id),
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: Some(token),
        again_after: None,
        once: None,
        host: None,
        answers: None,
    };
    Errand { request, after }
}

/// The end of a chat.
pub fn quit(chat: &ChatRef) -> Errand {
    // What is queued is delivered first: the goodbye is part of it.
    let request = Request::Quit { who: Some(chat.address.clone()), chat: Some(chat.id), now: false };
    Errand { request, after: 0 }
}
