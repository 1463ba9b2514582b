//! simpd as the room needs it: the events that concern it, and a way to ask many things of it exactly once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use simp_control::{ChatInfo, Event, Failure, FailureKind, Filter, FollowFrom, Kind, Reply, Request, Status};
use simp_ctl::client::{Client, Next};
use simp_ctl::stop::{Outcome, Stop, unexpected};

use crate::leftover::Queued;
use crate::room::Chat;

/// So many requests are asked at once: their answers fit into the socket.
const ASKED_AT_ONCE: usize = 256;

/// How long simpd, or its disk, is given before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long simpd may take for its greeting.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// What is asked of simpd once, however often its connection breaks.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The request.
    pub request: Request,
    /// Where it was asked before, that was behind this entry of the log.
    pub behind: u64,
}

/// A simpd.
pub trait Simpd {
    /// Where it receives: `ADDR:PORT`.
    fn name(&self) -> String;

    /// The newest entry of its log.
    ///
    /// # Errors
    /// Where it does not say; so with all of these.
    fn last_id(&mut self) -> Outcome<u64>;

    /// The messages of ours that are queued behind this entry, newest first.
    ///
    /// # Errors
    /// See [`Simpd::last_id`].
    fn queued_behind(&mut self, after: u64) -> Outcome<Vec<Queued>>;

    /// Whether a chat came to its end behind this entry.
    ///
    /// # Errors
    /// See [`Simpd::last_id`].
    fn is_closed_behind(&mut self, chat: u64, after: u64) -> Outcome<bool>;

    /// All chats.
    ///
    /// # Errors
    /// See [`Simpd::last_id`].
    fn chats(&mut self) -> Outcome<Vec<ChatInfo>>;

    /// The text of a message, by its event; `None` where the log has it no more.
    ///
    /// # Errors
    /// See [`Simpd::last_id`].
    fn text(&mut self, event: u64) -> Outcome<Option<String>>;

    /// Waits a little before something is tried again, and says why.
    ///
    /// # Errors
    /// Where the room is to be stopped.
    fn wait(&mut self, why: &str) -> Outcome;

    /// Asks all of it, in this order, and gives the answers.
    ///
    /// # Errors
    /// Where the room is to be stopped, or simpd cannot be talked to.
    fn ask_all(&mut self, asks: Vec<Ask>) -> Outcome<Vec<Result<Reply, Failure>>>;
}

/// Asks simpd, and waits for it where it is away.
pub struct Asker {
    client: Client,
    address: String,
    stopping: Arc<AtomicBool>,
    /// What was said of the trouble that it has; empty where it has none.
    told: String,
}

impl Asker {
    /// On this connection. Waiting ends when `stopping` becomes true.
    ///
    /// # Errors
    /// Where simpd does not say who it is.
    pub fn new(mut client: Client, stopping: Arc<AtomicBool>) -> Outcome<Self> {
        let address = client.address()?.to_owned();
        Ok(Self { client, address, stopping, told: String::new() })
    }

    /// A second connection to the same simpd.
    ///
    /// # Errors
    /// Where it does not take one.
    pub fn another(&self) -> Outcome<Client> {
        self.client.another()
    }

    /// How simpd is.
    ///
    /// # Errors
    /// Where it does not say.
    pub fn status(&mut self) -> Outcome<Box<Status>> {
        match self.client.ask(&Request::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err(unexpected()),
        }
    }

    fn ask_some(&mut self, left: &mut VecDeque<Ask>, answers: &mut Vec<Result<Reply, Failure>>) -> Outcome {
        let count = left.len().min(ASKED_AT_ONCE);
        for ask in left.iter().take(count) {
            self.client.submit(&ask.request)?;
        }
        // From now on it may have been carried out.
        for ask in left.iter_mut().take(count) {
            if let Request::Send { again_after, .. } = &mut ask.request {
                again_after.get_or_insert(ask.behind);
            }
        }
        self.client.write()?;
        let mut trouble = None;
        for _ in 0..count {
            match self.answer()? {
                // What comes behind it in the queue must not overtake it.
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
                self.told.clear();
                Ok(())
            }
            Some(failure) => self.wait(&format!("{failure}; trying again")),
        }
    }

    fn answer(&mut self) -> Outcome<Result<Reply, Failure>> {
        loop {
            match self.client.next_here(Some(Instant::now() + PAUSE))? {
                Some(Next::Reply(reply)) => return Ok(Ok(reply)),
                Some(Next::Refused(failure)) => return Ok(Err(failure)),
                // A simpd that is silent must not keep the room from being stopped.
                None if self.stopping.load(Ordering::Relaxed) => return Err(stopped()),
                Some(Next::Event(_) | Next::Reconnected) | None => {}
            }
        }
    }

    /// Waits until simpd is back.
    fn reconnect(&mut self) -> Outcome {
        reconnect(&mut self.client, &self.stopping)
    }
}

impl Simpd for Asker {
    fn wait(&mut self, why: &str) -> Outcome {
        if self.told != why {
            crate::say(why);
            why.clone_into(&mut self.told);
        }
        if self.stopping.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        thread::sleep(PAUSE);
        Ok(())
    }

    fn name(&self) -> String {
        self.address.clone()
    }

    fn last_id(&mut self) -> Outcome<u64> {
        Ok(self.status()?.last_id)
    }

    fn queued_behind(&mut self, after: u64) -> Outcome<Vec<Queued>> {
        let filter = Filter { kinds: vec![Kind::Queued], ..Filter::default() };
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let request = Request::History { before, limit: u32::MAX, filter: filter.clone() };
            let Reply::History { events, older } = self.client.ask(&request)? else {
                return Err(unexpected());
            };
            for Event { id, chat, what, .. } in events.into_iter().filter(|event| event.id > after) {
                let text = what.text().unwrap_or_default().to_owned();
                all.push(Queued { id, chat, text });
            }
            before = older.filter(|older| *older > after + 1);
            if before.is_none() {
                return Ok(all);
            }
        }
    }

    fn is_closed_behind(&mut self, chat: u64, after: u64) -> Outcome<bool> {
        let filter = Filter { kinds: vec![Kind::Closed], chat: Some(chat), ..Filter::default() };
        let mut before = None;
        loop {
            let request = Request::History { before, limit: 1, filter: filter.clone() };
            let Reply::History { events, older } = self.client.ask(&request)? else {
                return Err(unexpected());
            };
            if let Some(event) = events.first() {
                return Ok(event.id > after);
            }
            before = older.filter(|older| *older > after + 1);
            if before.is_none() {
                return Ok(false);
            }
        }
    }

    fn chats(&mut self) -> Outcome<Vec<ChatInfo>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |chat: &ChatInfo| chat.chat);
            let Reply::Chats { chats, more } = self.client.ask(&Request::Chats { after })? else {
                return Err(unexpected());
            };
            all.extend(chats);
            if !more {
                return Ok(all);
            }
        }
    }

    fn text(&mut self, event: u64) -> Outcome<Option<String>> {
        let request = Request::History { before: Some(event + 1), limit: 1, filter: Filter::default() };
        let Reply::History { events, .. } = self.client.ask(&request)? else { return Err(unexpected()) };
        let found = events.into_iter().find(|found| found.id == event);
        Ok(found.and_then(|found| found.what.text().map(str::to_owned)))
    }

    fn ask_all(&mut self, asks: Vec<Ask>) -> Outcome<Vec<Result<Reply, Failure>>> {
        let mut answers = Vec::with_capacity(asks.len());
        let mut left: VecDeque<Ask> = asks.into();
        while !left.is_empty() {
            match self.ask_some(&mut left, &mut answers) {
                Ok(()) => {}
                Err(Stop::Lost(_)) => self.reconnect()?,
                Err(stop) => return Err(stop),
            }
        }
        Ok(answers)
    }
}

/// Whether it must be done, and may be asked again.
fn may_be_repeated(ask: Option<&Ask>) -> bool {
    ask.is_some_and(|ask| matches!(ask.request, Request::Send { .. } | Request::Quit { .. }))
}

/// The room is to be stopped: nobody waits for what it does any more.
fn stopped() -> Stop {
    Stop::ReaderGone
}

/// Waits until simpd is back.
fn reconnect(client: &mut Client, stopping: &AtomicBool) -> Outcome {
    crate::say(&format!("simpd on {} went away, waiting for it", client.place().name));
    loop {
        match client.replace(Instant::now() + GREETS_WITHIN) {
            Ok(true) => return Ok(()),
            Ok(false) | Err(Stop::Lost(_)) => {}
            Err(stop) => return Err(stop),
        }
        if stopping.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        thread::sleep(PAUSE);
    }
}

/// Waits until simpd is back. False where its log ends before this entry: it is another.
fn reconnect_to_log(client: &mut Client, last: u64, stopping: &AtomicBool) -> Outcome<bool> {
    reconnect(client, stopping)?;
    match client.ask(&Request::Status)? {
        Reply::Status(status) => Ok(status.last_id >= last),
        _ => Err(unexpected()),
    }
}

/// Gives every event that concerns a room, from this one on, for as long as it is taken. `failed` is told why no more come;
/// `None` where simpd has another log than before.
pub fn follow(
    mut client: Client,
    after: u64,
    stopping: Arc<AtomicBool>,
    take: impl Fn(Event) -> bool + Send + 'static,
    failed: impl Fn(Option<Stop>) + Send + 'static,
) -> Outcome {
    let kinds = vec![Kind::Opened, Kind::Closed, Kind::Message];
    client.follow(FollowFrom::After(after), Filter { kinds, ..Filter::default() })?;
    client.write()?;
    thread::spawn(move || {
        let mut last = after;
        loop {
            match client.next_here(None) {
                // It has another log than before.
                Ok(Some(Next::Event(event))) if event.id <= last => break failed(None),
                Ok(Some(Next::Event(event))) => {
                    last = event.id;
                    if !take(event) {
                        break;
                    }
                }
                Ok(_) => {}
                Err(Stop::Lost(_)) => match reconnect_to_log(&mut client, last, &stopping) {
                    Ok(true) | Err(Stop::Lost(_)) => {}
                    Ok(false) => break failed(None),
                    Err(stop) => break failed(Some(stop)),
                },
                Err(stop) => break failed(Some(stop)),
            }
        }
    });
    Ok(())
}

/// A line to somebody. Nothing else that is sent in the same run may have the same token.
pub fn send(to: &Chat, text: &str, token: u64, behind: u64) -> Ask {
    let request = Request::Send {
        who: Some(to.address.clone()),
        chat: Some(to.id),
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: Some(token),
        again_after: None,
    };
    Ask { request, behind }
}

/// The end of a chat.
pub fn quit(chat: &Chat) -> Ask {
    let request = Request::Quit { who: Some(chat.address.clone()), chat: Some(chat.id), now: false };
    Ask { request, behind: 0 }
}
