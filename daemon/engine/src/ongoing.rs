//! One chat: its machine, and what the engine knows of it besides. Chats are found in `roster`.

use std::num::NonZeroU64;
use std::time::Instant;

use simp_control::{ChatInfo, KeyId, Peer, Secure, State};
use simp_proto::Moment;
use simp_store::{GivenUp, KeptChat, Likeness, Speaker, Store};

use crate::listed::Listed;
use crate::machine::Machine;
use crate::now::Now;
use crate::standing::Standing;
use crate::timer::{Timer, Timers};
use crate::wheel::TimerId;
use crate::whereabouts::Place;

// Ten thousand chats may be idle: what few of them have is in a box.
const _: () = assert!(size_of::<Ongoing>() <= 128);

/// A chat and what the engine knows of it besides.
#[derive(Debug)]
pub struct Ongoing {
    /// Its id in the log; 0 until the entry that it begins with is appended.
    pub id: u64,
    /// The machine.
    pub chat: Machine,
    /// Where the peer is.
    pub place: Place,
    /// When it began and when it ends, for people.
    pub times: Times,
    /// Our messages that wait in it.
    pub queue: Queue,
    /// What the outbox has for the peer.
    pub outbox: OutboxPart,
    /// Who wanted it.
    pub wanted_by: WantedBy,
    /// What the peer has shown of being there.
    pub standing: Standing,
    /// What is in the log of it.
    pub noted: Noted,
    /// What is to be known of the peer's name.
    pub likeness: Option<Box<Likeness>>,
    /// The timer that is set for it.
    pub timer: Option<TimerId>,
    /// How the roster has it listed.
    pub listed: Listed,
}

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When it began.
    pub since_ms: u64,
    /// When it ends if it is not answered.
    pub expires_ms: Option<NonZeroU64>,
}

/// How far the messages of a chat are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Queue {
    /// Those that only the log holds, not the machine: how many.
    pub in_log: u64,
    /// The newest that the machine was given.
    pub loaded: u64,
    /// The newest that is delivered or given up.
    pub settled: u64,
}

/// Whether the outbox's messages for the peer are among those that wait in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutboxPart {
    /// Not yet: most invitations come to nothing.
    #[default]
    NotTakenUp,
    /// Since the chat opened; also if there were none.
    TakenUp,
}

/// Who wanted a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedBy {
    /// Our user, who invited or accepted; or both sides.
    Users,
    /// Nobody but the peer: it was let in without asking.
    Peer,
    /// Nobody but the outbox; we leave it by ourselves.
    Outbox {
        /// When, once everything is delivered.
        leave_at: Option<Moment>,
    },
}

/// What is in the log of a chat.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    /// Its row.
    pub row: RowState,
    /// How the peer speaks.
    pub dialect: NotedDialect,
    /// The peer's key was known before this chat.
    pub is_key_known: bool,
}

/// Whether the row of a chat holds as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// It does, or there is none.
    Current,
    /// The chat had messages since it was written: a start has to read their entries.
    Outdated,
}

/// What is in the log of how a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotedDialect {
    /// Nothing is noted: the user has said how.
    Pinned,
    /// Less than it has shown.
    Outdated,
    /// What it has shown.
    Current,
}

impl Ongoing {
    /// Whether it is an invitation for the outbox, which nobody sees: most come to nothing, so it has no entry in the
    /// log before it opens.
    pub fn is_unlogged(&self) -> bool {
        self.id == 0 && self.is_for_outbox()
    }

    /// Whether nobody but the outbox wanted it.
    pub fn is_for_outbox(&self) -> bool {
        matches!(self.wanted_by, WantedBy::Outbox { .. })
    }

    /// When we leave it by ourselves.
    pub fn leave_at(&self) -> Option<Instant> {
        match self.wanted_by {
            WantedBy::Outbox { leave_at } => leave_at.map(Moment::instant),
            WantedBy::Users | WantedBy::Peer => None,
        }
    }

    /// Whether our user wanted it, or its peer has shown that it is there: anybody may have begun any other.
    pub fn is_established(&self) -> bool {
        self.wanted_by != WantedBy::Peer || self.standing.is_proved()
    }

    /// What becomes of a message of ours that is given up in it. Whoever opens chats from forged addresses would fill the
    /// log for good with what a room says to each.
    pub fn given_up(&self) -> GivenUp {
        if self.is_established() { GivenUp::Stays } else { GivenUp::Goes }
    }

    /// Its id, once it has one.
    pub fn logged(&self) -> Option<u64> {
        Some(self.id).filter(|id| *id > 0)
    }

    /// The key of the peer of a secure chat, once it is known.
    pub fn peer_key(&self) -> Option<KeyId> {
        self.chat.secure().and_then(|chat| chat.them().key)
    }

    /// With whom it is secure, if it is.
    pub fn secure(&self) -> Option<Secure> {
        self.peer_key().map(|key| Secure { key, known: self.noted.is_key_known })
    }

    /// The other side, as entries of the log name it.
    pub fn peer(&self) -> Peer {
        Peer { user: self.chat.user().to_owned(), address: self.place.address().to_string() }
    }

    /// The same, for an entry.
    pub fn peer_in(&self, store: &mut Store) -> Speaker {
        store.peer(self.place.address(), self.chat.user())
    }

    /// What is special about the peer, its name and how it speaks, as far as is known.
    pub fn note(&self) -> Option<String> {
        let likeness = self.likeness.iter().map(|likeness| likeness.to_string());
        let notes: Vec<_> = likeness.chain(self.chat.dialect().notes()).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// Whether messages of ours wait in it.
    pub fn has_waiting(&self) -> bool {
        self.queue.in_log > 0 || self.chat.unacknowledged() > 0
    }

    /// What a client learns of it.
    pub fn info(&self, now: Now) -> ChatInfo {
        let ends_after = self.chat.ends_at().map(|at| at.saturating_duration_since(now.instant));
        ChatInfo {
            chat: self.id,
            peer: self.peer(),
            state: self.chat.state(),
            queued: self.chat.unacknowledged() as u64 + self.queue.in_log,
            since_ms: self.times.since_ms,
            note: self.note(),
            ends_ms: ends_after.map(|after| now.ms + after.as_millis() as u64),
            secure: self.secure(),
        }
    }

    /// Its row in the log; `None` if it is over for our user, or not in the log.
    pub fn row(&self) -> Option<KeptChat> {
        // An invitation for the outbox is made anew after a restart, from the messages themselves.
        let (chat, machine) = (self.logged()?, self.chat.snapshot()?);
        Some(KeptChat {
            chat,
            address: self.place.address(),
            since_ms: self.times.since_ms,
            settled: self.queue.settled,
            expires_ms: self.times.expires_ms.map(NonZeroU64::get),
            for_outbox: self.is_for_outbox(),
            // Whoever leaves delivers nothing more, whatever is kept for the peer since: that is for the next chat.
            outbox_at: self.place.outbox_at().filter(|_| !self.chat.is_leaving()),
            is_key_known: self.noted.is_key_known,
            machine,
        })
    }

    /// Its deadline has come, or the time at which we leave it by ourselves. Returns whether a datagram is transmitted
    /// once more.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.timer = None;
        let is_again = self.chat.handle_timeout(now);
        self.miss_answer(now);
        if self.leave_at().is_some_and(|at| at <= now) && self.chat.state() == State::Open {
            // An open chat can always be left.
            let _ = self.chat.close(now, false);
        }
        is_again
    }

    /// Sets the timer for what it waits for, if that has changed.
    pub fn set_timer(&mut self, key: usize, wheel: &mut Timers) {
        let deadlines = [self.chat.poll_timeout(), self.leave_at(), self.standing.deadline()];
        // Whoever is gone has nothing to wait for, whatever was asked of it.
        let is_there = self.chat.state() != State::Closed;
        let deadline = deadlines.into_iter().flatten().min().filter(|_| is_there);
        // Most datagrams change no deadline.
        if let (Some(timer), Some(deadline)) = (self.timer, deadline)
            && wheel.is_set_for(timer, deadline)
        {
            return;
        }
        if let Some(timer) = self.timer.take() {
            wheel.cancel(timer);
        }
        self.timer = deadline.map(|deadline| wheel.set(deadline, Timer::Chat(key)));
    }

    /// Whether messages of the outbox are delivered in this chat, or will be once it is open.
    pub fn takes_kept_messages(&self) -> bool {
        match self.chat.state() {
            // Another chat has the outbox of this address.
            _ if self.place.outbox_at().is_none() => false,
            State::Accepting | State::Open => true,
            // We deliver before we leave.
            State::Closing => !self.chat.is_leaving(),
            State::Inviting | State::Invited | State::Closed => false,
        }
    }
}
