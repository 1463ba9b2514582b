//! Brings a chat that was touched up to date: its log, its queue, its datagrams and its timer.
//!
//! [`Roster::change`](crate::roster::Roster::change) is the way to everything that happens to a chat, and marks it as
//! touched, so nobody can forget to settle.
//! The turn settles once after all datagrams. It settles after each request and each timer too, because these look at
//! the log: the next one must find there what the last one did. What a chat has come to means something to the outbox;
//! it is returned from here as a value, and nothing here touches another chat, except that
//! [`Roster::remove`](crate::roster::Roster::remove) may hand an outbox on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::{Reason, State};
use simp_proto::secure::Carries;
use simp_proto::{ChatEvent, Datagram, Pending};
use simp_store::{Store, StoreError, Taken};

use crate::absent::Absentees;
use crate::budgets::{Added, Sender};
use crate::engine::Engine;
use crate::now::Now;
use crate::ongoing::{NotedDialect, Ongoing, RowState, WantedBy};
use crate::queue::Run;

/// How long we stay in a chat that was opened for the outbox after its last message, for an answer.
const LINGER: Duration = Duration::from_secs(60);

/// The same while other peers of the outbox wait for room.
const LINGER_SHORT: Duration = Duration::from_secs(10);

/// What a chat has come to, for the outbox.
struct Settled {
    /// Where the outbox knows the peer.
    invited_at: SocketAddr,
    /// Where it is.
    address: SocketAddr,
    /// Whether our user wanted the chat, or the peer is sure to be there.
    is_established: bool,
    /// Whether it is, or our user has invited it.
    is_guest: bool,
    /// Messages that have left the outbox.
    gone: Vec<Taken>,
    /// What the peer has added to the log.
    added: Added,
    /// It has opened.
    opened: bool,
    /// The peer has offered files.
    has_files: bool,
    /// It is over.
    closed: Option<Closed>,
}

/// The end of a chat.
enum Closed {
    /// An invitation for the outbox was taken back, for nothing else ends one so.
    TakenBack,
    /// Anything else.
    Over(Reason),
}

impl Engine {
    /// Settles all chats that were touched. While the log cannot be written they are paused.
    pub(crate) fn settle_touched(&mut self, now: Now) -> Result<(), StoreError> {
        while self.disk.works()
            && let Some(key) = self.chats.next_touched()
        {
            self.settle(now, key)?;
        }
        Ok(())
    }

    /// Settles a chat that is over at once: its address is free then, whoever comes next.
    pub(crate) fn settle_if_over(&mut self, now: Now, key: usize) -> Result<(), StoreError> {
        let is_over = self.chats.get(key).is_some_and(|ongoing| ongoing.chat.state() == State::Closed);
        if is_over { self.settle(now, key) } else { Ok(()) }
    }

    /// Settles one chat, whether or not it was touched.
    pub(crate) fn settle(&mut self, now: Now, key: usize) -> Result<(), StoreError> {
        let Some(ongoing) = self.chats.settling(key) else { return Ok(()) };
        if self.outlet.has_room() {
            // Before the log: messages that waited follow, and may be over.
            ongoing.chat.release(now.instant);
        }
        let settled = ongoing.settle_log(&mut self.store, &self.absent, now)?;
        ongoing.stay_for_files(&self.store, now)?;
        ongoing.linger(now, self.absent.is_room_wanted());
        // They leave after the commit: an ACK promises that we have the message.
        let is_over = ongoing.chat.state() == State::Closed;
        if self.outlet.has_room() || (is_over && self.outlet.takes_last_words()) {
            let to = (ongoing.place.address(), ongoing.place.local());
            for datagram in ongoing.leaving(now.instant) {
                self.transmits.push(now.instant, to, &datagram);
                self.outlet.take();
            }
        } else if ongoing.chat.pending() != Pending::Nothing {
            ongoing.chat.hold_back(now.instant);
            self.outlet.wait(key, ongoing.chat.pending());
        }
        self.let_out(now, key);
        let Some(ongoing) = self.chats.settling(key) else { return Ok(()) };
        ongoing.set_timer(key, &mut self.wheel);
        let chat = ongoing.id;
        if is_over {
            self.wake.note_over(now.instant, ongoing);
            self.outlet.note_over(ongoing.place.address());
            self.outlet.note_over(ongoing.place.invited_at());
            self.chats.remove(key);
            self.end_files(chat);
        } else {
            self.chats.recount(key);
        }
        if settled.has_files {
            self.go_on_with_files(now, key)?;
        }
        // The outbox last: whether there is room depends on whether this chat is still there.
        self.note(now, settled);
        Ok(())
    }

    /// What a settled chat means for the outbox, and for what its peer may add to the log.
    fn note(&mut self, now: Now, settled: Settled) {
        let Settled { invited_at, address, is_established, is_guest, gone, added, opened, closed, .. } =
            settled;
        let is_expected = added.is_of_visit() && self.expects(invited_at);
        let from = Sender { ip: invited_at.ip(), is_established };
        self.budgets.note_added(now.instant, from, self.policy.budget, added, is_expected);
        if is_guest {
            self.budgets.note_guest(invited_at.ip());
        }
        for Taken { message, host } in gone {
            self.absent.remove(&mut self.wheel, invited_at, message);
            host.iter().for_each(|host| self.hosts.remove(host));
        }
        if matches!(closed, Some(Closed::Over(Reason::NobodyThere | Reason::NoAnswer))) {
            self.secrecy.forget_plain(invited_at);
        }
        let is_full = self.is_full();
        let (absent, wheel) = (&mut self.absent, &mut self.wheel);
        match closed {
            None if opened => absent.has_come(wheel, invited_at),
            None => {}
            Some(Closed::TakenBack) => absent.wait_for_room(wheel, invited_at),
            // Our user left, and somebody else has the room already.
            Some(Closed::Over(Reason::Quit)) if is_full => absent.wait_for_room(wheel, invited_at),
            Some(Closed::Over(reason)) => {
                absent.came_to_nothing(wheel, now, invited_at, reason);
                // If it has come here since, what was kept for whoever is here has waited too.
                if address != invited_at {
                    absent.came_to_nothing(wheel, now, address, reason);
                }
            }
        }
    }
}

impl Ongoing {
    /// Appends what has happened, takes up messages that wait, and keeps what a restart needs.
    fn settle_log(&mut self, store: &mut Store, absent: &Absentees, now: Now) -> Result<Settled, StoreError> {
        let invited_at = self.place.invited_at();
        let mut settled = Settled {
            invited_at,
            address: self.place.address(),
            is_established: self.is_established(),
            gone: Vec::new(),
            added: Added::default(),
            opened: false,
            has_files: false,
            closed: None,
            is_guest: false,
        };
        while let Some(event) = self.chat.poll_event() {
            settled.added.note(&event);
            if self.wanted_by == WantedBy::Peer {
                settled.added.note_visit(&event);
            }
            match &event {
                ChatEvent::Opened => settled.opened = true,
                ChatEvent::File { .. } => settled.has_files = true,
                ChatEvent::Delivered(_) => self.standing.acknowledge(now.instant),
                ChatEvent::Closed { reason: Reason::Quit, .. } if self.is_unlogged() => {
                    settled.closed = Some(Closed::TakenBack);
                }
                ChatEvent::Closed { reason, .. } => settled.closed = Some(Closed::Over(*reason)),
                _ => {}
            }
            settled.gone.extend(self.record(store, absent, now, event)?);
        }
        // Before any further message of ours is queued, so that ids go up in a chat.
        settled.gone.extend(self.take_up_outbox(store, absent, now)?);
        if self.chat.is_leaving() {
            self.give_up_rest(store, now, Reason::Quit)?;
        } else {
            self.refill(store, self.waiting(absent), now.instant, Run::This)?;
            if settled.opened {
                // The first of them may leave at once.
                self.chat.handle_timeout(now.instant);
            }
        }
        self.note_dialect(store, now, settled.opened)?;
        // A row only if the state has changed: what messages change is read from their entries at a start.
        if self.chat.poll_changed()
            && let Some(row) = self.row()
        {
            store.keep_chat(&row)?;
            self.noted.row = RowState::Current;
        }
        settled.is_guest = self.standing.is_proved();
        Ok(settled)
    }

    /// One that our user has left stays as long as files are under way in it.
    fn stay_for_files(&mut self, store: &Store, now: Now) -> Result<(), StoreError> {
        let is_left = self.chat.state() == State::Closing && !self.chat.is_leaving();
        let Some(chat) = self.logged().filter(|_| is_left) else { return Ok(()) };
        if let Some(machine) = self.chat.secure_mut() {
            let is_carrying = store.has_files_under_way(chat)?;
            machine.carry(now.instant, if is_carrying { Carries::Files } else { Carries::Nothing });
        }
        Ok(())
    }

    /// What is to leave, as far as it may. What may not is as lost on the way.
    fn leaving(&mut self, now: Instant) -> Vec<Datagram> {
        let Some(chat) = self.chat.plain_mut() else { return Vec::new() };
        let mut leaving: Vec<_> = std::iter::from_fn(|| chat.poll_transmit()).collect();
        let length: usize = leaving.iter().map(Datagram::encoded_len).sum();
        let (state, standing) = (self.chat.state(), &mut self.standing);
        if length > 0 && !standing.spend(now, length, state) {
            // Answers bring no ACK. All else leaves together, or an ACK of one would pass for that of another.
            let has_answered = standing.unheard_since().is_none();
            leaving.retain(|it| {
                has_answered && it.operation.is_answer() && standing.spend(now, it.encoded_len(), state)
            });
        }
        leaving.iter().for_each(|it| standing.note_leaving(it.operation));
        leaving
    }

    /// Keeps that there was a chat with the peer, and what it has shown of how it speaks, once there was one.
    fn note_dialect(&mut self, store: &mut Store, now: Now, has_opened: bool) -> Result<(), StoreError> {
        // Whoever only knocks is not remembered.
        let was_open = match self.chat.state() {
            State::Open => true,
            State::Closing => has_opened || !self.chat.is_over_for_us(),
            State::Inviting | State::Invited | State::Accepting | State::Closed => has_opened,
        };
        if self.noted.dialect != NotedDialect::Outdated || !was_open {
            return Ok(());
        }
        self.noted.dialect = NotedDialect::Current;
        let (ms, address) = (now.ms, self.place.address());
        match self.chat.plain() {
            Some(chat) => store.learn(ms, address, chat.user(), chat.dialect()),
            None => store.meet(ms, address, self.chat.user()),
        }
    }

    /// Says when to leave a chat that nobody but the outbox wanted: some time after its last message.
    fn linger(&mut self, now: Now, is_room_wanted: bool) {
        let is_idle =
            self.chat.state() == State::Open && self.chat.unacknowledged() == 0 && self.queue.in_log == 0;
        if let WantedBy::Outbox { leave_at } = &mut self.wanted_by {
            let after = if is_room_wanted { LINGER_SHORT } else { LINGER };
            *leave_at = is_idle.then(|| (now.instant + after).into());
        }
    }
}
