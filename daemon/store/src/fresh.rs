//! The entries of a turn, before they are in the table and after that until the next turn.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use simp_control::{Event, HostName, Peer, Secure, What};

/// For so many entries there is room from turn to turn. Few turns have more, and those very many.
const ROOM: usize = 4_096;

/// An entry, and what else its row has.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) at_ms: u64,
    pub(crate) chat: u64,
    pub(crate) peer: Arc<Peer>,
    pub(crate) what: What,
    pub(crate) beside: Beside,
}

/// What few entries have.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) secure: Option<Secure>,
    pub(crate) extra: Option<u64>,
    pub(crate) host: Option<HostName>,
    pub(crate) answers: Option<u64>,
}

impl Entry {
    /// As whoever follows the log sees it.
    fn event(&self) -> Event {
        let Self { id, at_ms, chat, peer, what, beside } = self;
        Event {
            id: *id,
            at_ms: *at_ms,
            chat: *chat,
            peer: Peer::clone(peer),
            secure: beside.secure,
            answers: beside.answers.filter(|_| matches!(what, What::Message { .. })),
            what: what.clone(),
        }
    }
}

/// The entries of a turn.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// In the order of their ids.
    fresh: Vec<Entry>,
    /// How many of them are written.
    written: Cell<usize>,
    /// The same for those who follow the log, once somebody does.
    events: OnceCell<Vec<Event>>,
}

impl Entries {
    /// One more.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.fresh.push(entry);
        self.events.take();
    }

    /// As those who follow the log see them.
    pub(crate) fn events(&self) -> &[Event] {
        self.events.get_or_init(|| self.fresh.iter().map(Entry::event).collect())
    }

    /// All are in the table.
    pub(crate) fn note_written(&self) {
        self.written.set(self.fresh.len());
    }

    /// Those that are written need no longer be here.
    pub(crate) fn drop_written(&mut self) {
        let written = self.written.take();
        self.fresh.drain(..written);
        self.fresh.shrink_to(ROOM);
        self.events.take();
    }

    /// Those that are not in the table yet.
    pub(crate) fn unwritten(&self) -> &[Entry] {
        self.fresh.get(self.written.get()..).unwrap_or_default()
    }

    /// None of them has been.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
