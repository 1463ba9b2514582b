//! Appending to the log. The entries of a turn are gathered, and written in one go when something has to find them in the
//! table, at the latest with the commit.

use std::cell::Cell;

use rusqlite::params;
use simp_control::{Event, HostName, Peer, Secure, What};

use crate::error::StoreError;
use crate::recipient::Recipient;
use crate::rows::{columns, number, size};
use crate::runs;
use crate::store::Store;

/// What a row has that is not in its entry.
#[derive(Debug, Default)]
struct Beside {
    extra: Option<u64>,
    host: Option<HostName>,
    answers: Option<u64>,
}

/// The entries of a turn.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// In the order of their ids.
    fresh: Vec<Event>,
    /// Of each of them.
    besides: Vec<Beside>,
    /// How many of them are written.
    written: Cell<usize>,
}

impl Entries {
    /// Those that are written need no longer be here.
    pub(crate) fn drop_written(&mut self) {
        let written = self.written.take();
        self.fresh.drain(..written);
        self.besides.drain(..written);
    }

    /// None of them has been.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Store {
    /// Appends an entry and returns its id. `chat` is `None` if the entry begins a chat: its id is the
    /// chat's then. `extra` is a received message's Sequence field, the token of one of ours, or what
    /// [`GivenUp`](crate::GivenUp) says of it. That the log cannot be written shows when it is read, or with the commit.
    pub fn append(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        peer: Peer,
        what: What,
        extra: Option<u64>,
    ) -> u64 {
        self.append_entry((at_ms, chat, peer), None, what, Beside { extra, ..Beside::default() })
    }

    /// Appends a `message` that answers this message of ours, or the `queued` of one that answers the peer's with this number.
    /// All else is as with [`append`](Self::append).
    pub fn append_answer(
        &mut self,
        at_ms: u64,
        (chat, peer): (Option<u64>, Peer),
        what: What,
        extra: Option<u64>,
        answers: Option<u64>,
    ) -> u64 {
        self.append_entry((at_ms, chat, peer), None, what, Beside { extra, answers, host: None })
    }

    /// Appends the `queued` of a message for the outbox, and returns its id. `token` is the client's own name for it.
    pub fn append_kept(
        &mut self,
        at_ms: u64,
        (user, to): (String, &Recipient),
        what: What,
        token: Option<u64>,
    ) -> u64 {
        let peer = Peer { user, address: to.to_string() };
        let beside = Beside { extra: token, host: to.host().cloned(), answers: None };
        // Of no chat: it outlives them.
        self.append_entry((at_ms, Some(0), peer), None, what, beside)
    }

    /// Appends a `request` or an `opened` of a secure chat, and returns its id. All else is as with
    /// [`append`](Self::append).
    pub fn append_secure(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        peer: Peer,
        secure: Secure,
        what: What,
    ) -> u64 {
        self.append_entry((at_ms, chat, peer), Some(secure), what, Beside::default())
    }

    fn append_entry(
        &mut self,
        (at_ms, chat, peer): (u64, Option<u64>, Peer),
        secure: Option<Secure>,
        what: What,
        beside: Beside,
    ) -> u64 {
        let id = self.extent.last_id + 1;
        self.settled += u64::from(matches!(
            what,
            What::Delivered { .. } | What::Unconfirmed { .. } | What::Undelivered { .. }
        ));
        self.extent.last_id = id;
        self.extent.first_id = self.extent.first_id.max(1);
        let answers = beside.answers.filter(|_| matches!(what, What::Message { .. }));
        let chat = chat.unwrap_or(id);
        self.entries.fresh.push(Event { id, at_ms, chat, peer, secure, answers, what });
        self.entries.besides.push(beside);
        id
    }

    /// So many entries were appended in one statement: there may be very many, so whoever follows the log reads them from
    /// it, and with them what came before them in this turn.
    pub(crate) fn note_appended(&mut self, entries: u64) {
        if entries > 0 {
            self.entries.drop_written();
        }
        self.extent.last_id += entries;
    }

    /// The newest entries that this turn appended; they stay here until [`begin_turn`](Self::begin_turn), so that those who
    /// follow the log need not read them from the disk.
    pub fn fresh(&self) -> &[Event] {
        &self.entries.fresh
    }

    /// Whether entries of this turn are not in the table yet.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.entries.written.get() < self.entries.fresh.len()
    }

    /// Writes the entries of this turn that are not in the table yet.
    pub(crate) fn write_entries(&self) -> Result<(), StoreError> {
        if !self.has_unwritten() {
            return Ok(());
        }
        self.begin()?;
        self.ok(self.insert_entries())?;
        // If they are not written, whoever asks for them again finds some of them there, and the commit fails as well.
        self.entries.written.set(self.entries.fresh.len());
        Ok(())
    }

    fn insert_entries(&self) -> rusqlite::Result<()> {
        // Held for all of them: to find it again costs as much as a row.
        let mut insert = self.aside().prepare_cached(
            "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        let Entries { fresh, besides, written } = &self.entries;
        let mut next = written.get();
        while let Some(events) = fresh.get(next..)
            && let Some(run) = events.get(..runs::length(events))
            && let Some((event, before)) = run.split_last()
        {
            next += run.len();
            let Some(beside) = besides.get(next - 1) else { break };
            let (message, reason, text) = columns(&event.what);
            let secure = event.secure.as_ref();
            insert.execute(params![
                event.id as i64,
                event.at_ms as i64,
                number(event.what.kind()),
                event.chat as i64,
                event.peer.address,
                event.peer.user,
                message.or(secure.map(|secure| secure.known.into())),
                reason,
                text,
                beside.extra.map(|extra| extra as i64),
                secure.map(|secure| secure.key.as_bytes()),
                size(&event.what),
                beside.host.as_ref().map(HostName::to_string),
                beside.answers.map(|answers| answers as i64),
                before.first().map(|first| first.id as i64),
                before.first().map(|_| runs::list(run)),
            ])?;
        }
        Ok(())
    }
}
