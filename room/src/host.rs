//! A room that runs, turn by turn: whatever happened since the last turn is told to the [`Room`], simpd carries out what
//! comes of it, and then it is stored that this was done. A kill at any place loses nothing and says nothing twice: what
//! was not stored as done is done again, and simpd knows what it was asked already.
//!
//! No thread and no clock; `run` has them.

mod begin;
mod doors;
mod orders;
#[cfg(test)]
mod tests;
mod unproved;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;
use std::sync::mpsc::Sender;

use simp_control::error::{Error, Outcome, fail};
use simp_control::{Event, FailureKind, Position, Request, What};

use crate::batch::{Batch, Dedup};
use crate::cluster::{AccountRecord, Registration, Told};
use crate::doors::Doors;
use crate::hashing::{Job, WantedChats, Work};
use crate::leftover::Leftover;
use crate::member::MemberState;
use crate::now::Now;
use crate::room::{Action, Computed, Order, OrderResult, Room, RoomSettings, Stored, Task};
use crate::simpd::{Errand, Simpd};
use crate::store::{Deeds, Progress, RoomStore, RoomStoreError, Source};
use waiting::Orders;

/// simpd is told how far the room is once in so many events, and at the end.
const SEEN_EVERY: u64 = 100;

/// What happened.
pub enum Input {
    /// An entry of simpd's log, and where it is.
    Event(Event, Position),
    /// What came of a password: chat, event, the password, the result.
    Computed(u64, u64, String, Computed),
    /// An operator wants something, and waits for the answer.
    Order(Order, Sender<OrderResult>),
    /// What the server between the doors tells.
    Told(Told),
    /// The room is to be stopped.
    Stop,
    /// simpd cannot be followed any more.
    Failed(Error),
}

/// The room is to be stopped: no more turns come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// A room that runs.
pub struct Host<S> {
    room: Room,
    store: RoomStore,
    simpd: S,
    /// What it is as one of several doors; `None` if it is the only one.
    doors: Option<Doors>,
    /// Its members were those of another log.
    is_new: bool,
    /// Whether it had no passwords when it ran last; `None` if it never ran.
    was_open: Option<bool>,
    /// A turn of this run was stored, and that all lines up to this one were sent.
    was_stored: bool,
    stored_sent: u64,
    /// Operators that wait for what becomes of their orders.
    orders: Orders,
    jobs: Sender<Job>,
    wanted: WantedChats,
    /// All events up to this one are done.
    done: Position,
    /// What simpd was told of that.
    seen: u64,
    dedup: Dedup,
    /// How many lines were left when a turn was stored last; `None` before the first.
    left: Option<usize>,
    /// When it began, on the steady clock.
    started_ms: u64,
    /// Lines that simpd took since the start.
    lines: u64,
    /// Chats of those who came lately, and took a line.
    proved: HashSet<u64>,
    /// Operators that wait for its end.
    stopped_by: Vec<Sender<OrderResult>>,
}

impl From<RoomStoreError> for Error {
    fn from(error: RoomStoreError) -> Self {
        fail(FailureKind::Failed, error.to_string())
    }
}

impl<S: Simpd> Host<S> {
    /// Goes on where an earlier run stopped, if simpd still has the log of that. Passwords to be computed go to `jobs`.
    /// Nothing has happened until [`Host::begin`].
    ///
    /// # Errors
    /// If the store cannot be read, or simpd does not say what it must.
    pub fn start(
        now: Now,
        settings: RoomSettings,
        mut store: RoomStore,
        mut simpd: S,
        (jobs, wanted): (Sender<Job>, WantedChats),
        doors: Option<Doors>,
    ) -> Outcome<Self> {
        let source = Source { simpd: simpd.name(), log: simpd.log().cloned() };
        let (stored, Progress { done, sent, leftover }) = store.load(&source, settings.history)?;
        let last_id = simpd.last_id()?;
        // Of an older simpd only this shows that somebody has put an older copy back, which is as good as another log.
        let done_before =
            done.filter(|done| done.id <= last_id && [*done, sent].into_iter().all(|at| simpd.has(at)));
        // In a new log the past is not this room's: only those who are there now are greeted.
        let done = done_before.unwrap_or_else(|| simpd.position_of(last_id));
        let stored = match done_before {
            Some(_) => {
                store.go_on(&source)?;
                stored
            }
            // Those members are gone.
            None => {
                // Also where: after a kill, what they were told by then is known.
                store.begin(&source, done)?;
                Stored { members: BTreeMap::new(), notices: Vec::new(), ..stored }
            }
        };
        let was_open = store.was_open()?;
        let leftover = match done_before {
            // After a second kill: what the run before found left is in the store, what it sent itself is in the log.
            Some(_) => [leftover, simpd.queued_after(done.id.max(sent.id))?].concat(),
            None => Vec::new(),
        };
        let leftover = Leftover::new(leftover);
        let sent_before = done_before.map_or(0, |_| sent.id);
        let room = Room::new(settings, stored);
        Ok(Self {
            room,
            store,
            simpd,
            doors,
            is_new: done_before.is_none(),
            was_open,
            was_stored: false,
            stored_sent: 0,
            orders: Orders::new(now.wall_ms << 20),
            jobs,
            wanted,
            done,
            seen: 0,
            // Runs are apart by a second and more, and none has a million lines in each of its milliseconds.
            dedup: Dedup::new(leftover, now.wall_ms << 20, sent_before),
            left: None,
            started_ms: now.steady_ms,
            lines: 0,
            proved: HashSet::new(),
            stopped_by: Vec::new(),
        })
    }

    /// Whether it is known who may come in, so that [`Host::begin`] can follow.
    pub fn is_ready(&self) -> bool {
        self.doors.as_ref().is_none_or(Doors::is_ready)
    }

    /// All events up to this one are done.
    pub fn done(&self) -> Position {
        self.done
    }

    /// In how many milliseconds there is something to do although nothing happens.
    pub fn wait_ms(&self, now: Now) -> Option<u64> {
        let doors = self.doors.as_ref().and_then(Doors::next_ms);
        let doors = doors.map(|next_ms| next_ms.saturating_sub(now.steady_ms));
        self.room.wait_ms(now).into_iter().chain(doors).min()
    }

    /// Closes the store. Gives those that wait for the end of the room, who hear of it when they are dropped.
    pub fn close(self) -> Vec<Sender<OrderResult>> {
        self.stopped_by
    }

    /// Begins a turn.
    pub fn turn(&self) -> Turn {
        Turn::new(self.done.id)
    }

    /// Tells the room what happened. Says whether that was the last.
    ///
    /// # Errors
    /// If the store cannot be read, or simpd followed.
    pub fn handle(&mut self, now: Now, turn: &mut Turn, input: Input) -> Outcome<Option<Stopped>> {
        let from = match input {
            Input::Event(event, position) => {
                self.handle_event(event)?;
                turn.deeds.done = Some(position);
                Some(position.id)
            }
            Input::Computed(chat, event, password, computed) => {
                self.room.computed(now.wall_ms, chat, (event, password), computed);
                Some(event)
            }
            Input::Order(Order::Stop, answer) => {
                // Who waits for that hears the end of the connection, when the room is gone.
                self.stopped_by.push(answer);
                return Ok(Some(Stopped));
            }
            Input::Order(order, answer) => {
                let told = self.carry_out(now, order, &answer);
                let told = told.unwrap_or_else(|error| Some(OrderResult::Failed(error.to_string())));
                // Answered when the turn is stored, so that what an operator reads stays true after a kill.
                turn.answers.extend(told.map(|told| (answer, told)));
                None
            }
            Input::Told(told) => {
                // A post follows from no event of ours: whatever an earlier run sent for it was sent at any time.
                let from = match &told {
                    Told::Registered(registration, _) => registration.event,
                    _ => 0,
                };
                self.handle_told(now, turn, told)?;
                Some(from)
            }
            Input::Stop => return Ok(Some(Stopped)),
            Input::Failed(error) => return Err(error),
        };
        self.collect(now.wall_ms, turn, from)?;
        Ok(None)
    }

    fn handle_event(&mut self, event: Event) -> Outcome {
        let Event { id, at_ms, chat, peer, secure, what, .. } = event;
        if self.room.member(chat).is_some_and(|member| !member.is(&peer)) {
            // Part of the log was lost, and others have got the numbers of its chats: they are not who they were.
            self.room.closed(at_ms, chat);
        }
        match what {
            What::Opened { .. } => {
                self.make_way(at_ms, &peer.user)?;
                let newcomer = self.store.newcomer(at_ms, &peer, secure.map(|secure| secure.key))?;
                self.room.opened(at_ms, chat, &peer.user, &peer.address, &newcomer);
            }
            What::Closed { .. } => self.room.closed(at_ms, chat),
            What::Message { text } => {
                if let Some(after) = self.room.unaware_since(chat)
                    && self.simpd.has_taken(chat, after, id)?
                {
                    self.room.knows(chat);
                }
                let at_the_door = self.room.member(chat).filter(|member| member.is_at_the_door());
                let pause_ms = match at_the_door {
                    // Only for passwords: the lines of everybody else must not cost a look into the store each.
                    Some(member) => self.store.pause_ms(at_ms, &member.name, member.host())?,
                    None => 0,
                };
                self.room.said(at_ms, chat, id, &text, pause_ms);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes what the room wants done, which follows from this event if from any.
    fn collect(&mut self, now_ms: u64, turn: &mut Turn, from: Option<u64>) -> Outcome {
        loop {
            let actions = self.room.take_actions();
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                self.take(now_ms, turn, from, action)?;
            }
        }
    }

    fn take(&mut self, now_ms: u64, turn: &mut Turn, from: Option<u64>, action: Action) -> Outcome {
        match turn.batch.add(from, action, &mut self.dedup) {
            None | Some(Action::Send { .. } | Action::Confirm { .. } | Action::Quit(_)) => {}
            Some(Action::Compute { chat, event, password, task: Task::Register { name, hash } }) => {
                let account = AccountRecord { name, hash, since_ms: now_ms };
                let registration = Registration { chat, event, password, account };
                match self.doors {
                    Some(_) => self.register(now_ms, registration),
                    None => self.register_here(now_ms, turn, registration)?,
                }
            }
            Some(Action::Compute { chat, event, password, task }) => {
                turn.jobs.push((chat, event, password, task));
            }
            Some(Action::Strike { name, host }) => turn.deeds.strikes.push((name, host)),
            Some(Action::Forgive { name, host, wrong }) => turn.deeds.forgiven.push((name, host, wrong)),
            Some(Action::Post(post)) => {
                if let Some(doors) = &mut self.doors {
                    doors.link_mut().post(post);
                }
            }
            Some(Action::Answer { order, count }) => {
                let room = &self.room.settings().name;
                turn.answers.extend(self.orders.answer(order, count, room));
            }
        }
        Ok(())
    }

    /// An account is to be made in a room with one door.
    fn register_here(&mut self, now_ms: u64, turn: &mut Turn, registration: Registration) -> Outcome {
        let Registration { chat, event, password, account } = registration;
        let (name, hash) = (account.name, account.hash);
        // Asked now and not when the name was chosen: the operator can add it in between, or somebody else have
        // chosen it in this turn.
        let is_new = turn.deeds.accounts.iter().any(|(new, _)| new.eq_ignore_ascii_case(&name));
        let is_taken = is_new || self.store.hash(&name)?.is_some();
        if !is_taken {
            turn.deeds.accounts.push((name, hash));
        }
        self.room.computed(now_ms, chat, (event, password), Computed::Registered(!is_taken));
        Ok(())
    }

    /// Does what is due and what the turn wants done, and stores that it was.
    ///
    /// # Errors
    /// If simpd cannot be asked, or the store not be written.
    pub fn end(&mut self, now: Now, mut turn: Turn) -> Outcome {
        // At the end of the turn, so that one announcement has all who came in it.
        self.room.due(now);
        self.doors_due(now);
        self.collect(now.wall_ms, &mut turn, None)?;
        let done = turn.deeds.done.unwrap_or(self.done);
        // What it is asked follows from these events, which came on another connection.
        self.simpd.rely_on(done);
        // simpd first, the store second: what is done twice simpd recognizes, and what is stored as done is never
        // done again.
        self.lines += turn.batch.carry_out(&mut self.simpd, &mut self.dedup)?;
        if self.left != Some(0) {
            // Posts may be heard again as well.
            if self.doors.as_ref().is_none_or(Doors::has_caught_up) {
                let through = self.through(done.id);
                self.dedup.leftover_mut().forget_through(through);
            }
            let rest = self.dedup.leftover_mut().rest();
            if self.left != Some(rest.len()) {
                self.left = Some(rest.len());
                turn.deeds.leftover = Some(rest);
            }
            if let (Some(0), Some(doors)) = (self.left, &mut self.doors) {
                doors.link_mut().has_no_past();
            }
        }
        let newest = self.dedup.newest();
        let sent = Some(newest).filter(|newest| *newest > self.stored_sent);
        turn.deeds.sent = sent.map(|newest| self.simpd.position_of(newest));
        turn.deeds.link = self.doors.as_mut().and_then(|doors| doors.link_mut().take_changes());
        let changes = self.room.take_changes();
        // A door that nothing happens at writes nothing, however often the others renew their leases.
        let is_idle = changes.is_empty() && turn.deeds.is_empty() && self.was_stored;
        while !is_idle && let Err(error) = self.store.commit(now.wall_ms, &self.room, &changes, &turn.deeds) {
            // What is asked for next would come after what is not stored.
            if !error.may_pass() {
                return Err(error.into());
            }
            self.simpd.wait_for_store(&format!("{error}; retrying"))?;
        }
        self.simpd.store_works();
        (self.was_stored, self.stored_sent) = (true, newest);
        self.done = done;
        for (chat, event, password, task) in turn.jobs {
            let work = match task {
                Task::Hash => Work::Hash,
                Task::MatchAccount(name) => Work::Match(self.store.hash(&name)?),
                Task::MatchHash(hash) => Work::Match(Some(hash)),
                // It was begun where it was collected.
                Task::Register { .. } => continue,
            };
            self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(chat);
            // The threads live as long as we do.
            let _ = self.jobs.send((chat, event, password, work));
        }
        // Also of those who have left in the turn in which they gave it.
        self.want_no_more(&changes.members);
        if let Some(doors) = &mut self.doors {
            self.room.waits(doors.link_mut().waiting());
            doors.ask();
        }
        for (operator, answer) in turn.answers {
            // An operator that has gone does not want it any more.
            let _ = operator.send(answer);
        }
        if self.done.id >= self.seen + SEEN_EVERY { self.tell_seen() } else { Ok(()) }
    }

    /// How far nothing is needed again if all is done up to this event: a password that is being computed, and what
    /// waits for it, is read again after a kill.
    fn through(&self, done: u64) -> u64 {
        self.room.checked_since().map_or(done, |event| done.min(event - 1))
    }

    /// Computes nothing more for those who have left, or have what they waited for.
    fn want_no_more(&self, changed: &BTreeSet<u64>) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for chat in changed {
            let member = self.room.member(*chat);
            if !member.is_some_and(|member| matches!(member.state, MemberState::Checking(..))) {
                wanted.remove(chat);
            }
        }
    }

    /// Lets simpd forget what is not needed again, as its settings say.
    ///
    /// # Errors
    /// If simpd cannot be asked. That it refuses does no harm: it is told again.
    pub fn tell_seen(&mut self) -> Outcome {
        let consumer = format!("room-{}", self.room.settings().name);
        let id = self.through(self.done.id);
        if id <= self.seen {
            return Ok(());
        }
        let request = Request::Seen { consumer, id };
        self.simpd.ask_all(vec![Errand { request, after: 0 }])?;
        self.seen = id;
        Ok(())
    }
}

/// What one turn is to do.
pub struct Turn {
    batch: Batch,
    deeds: Deeds,
    jobs: Vec<(u64, u64, String, Task)>,
    answers: Vec<(Sender<OrderResult>, OrderResult)>,
}

impl Turn {
    fn new(after: u64) -> Self {
        Self { batch: Batch::new(after), deeds: Deeds::default(), jobs: Vec::new(), answers: Vec::new() }
    }

    /// Whether it is long enough.
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }
}
