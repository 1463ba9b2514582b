//! Appending to the log. The entries of a turn are gathered, and written in one go when something has to find them in the
//! table, at the latest with the commit.

use std::net::SocketAddr;
use std::sync::Arc;

use rusqlite::params;
use simp_control::{Event, HostName, Peer, Secure, What};

use crate::error::StoreError;
use crate::fresh::{Beside, Entry};
use crate::recipient::Recipient;
use crate::rows::{columns, number, size};
use crate::runs;
use crate::speakers::Speaker;
use crate::store::Store;

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
        self.piece.note(&peer);
        self.append_entry((at_ms, chat, Arc::new(peer)), what, Beside { extra, ..Beside::default() })
    }

    /// Appends a `message` that answers this message of ours, or the `queued` of one that answers the peer's with this number.
    /// All else is as with [`append`](Self::append).
    pub fn append_answer(
        &mut self,
        at_ms: u64,
        (chat, Speaker(peer)): (Option<u64>, Speaker),
        what: What,
        extra: Option<u64>,
        answers: Option<u64>,
    ) -> u64 {
        self.append_entry((at_ms, chat, peer), what, Beside { extra, answers, ..Beside::default() })
    }

    /// Appends the `queued` of a message for the outbox, and returns its id. `token` is the client's own name for it.
    pub fn append_kept(
        &mut self,
        at_ms: u64,
        (user, to): (String, &Recipient),
        what: What,
        token: Option<u64>,
    ) -> u64 {
        let peer = Arc::new(Peer { user, address: to.to_string() });
        self.piece.note(&peer);
        let beside = Beside { extra: token, host: to.host().cloned(), ..Beside::default() };
        // Of no chat: it outlives them.
        self.append_entry((at_ms, Some(0), peer), what, beside)
    }

    /// Appends a `request` or an `opened` of a secure chat, and returns its id. All else is as with
    /// [`append`](Self::append).
    pub fn append_secure(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        Speaker(peer): Speaker,
        secure: Secure,
        what: What,
    ) -> u64 {
        self.append_entry((at_ms, chat, peer), what, Beside { secure: Some(secure), ..Beside::default() })
    }

    fn append_entry(
        &mut self,
        (at_ms, chat, peer): (u64, Option<u64>, Arc<Peer>),
        what: What,
        beside: Beside,
    ) -> u64 {
        let id = self.extent.last_id + 1;
        let chat = chat.unwrap_or(id);
        if let What::Queued { .. } = what
            && chat > 0
        {
            self.since.note(chat, id);
        }
        self.settled += u64::from(matches!(
            what,
            What::Delivered { .. } | What::Unconfirmed { .. } | What::Undelivered { .. }
        ));
        self.extent.last_id = id;
        self.extent.first_id = self.extent.first_id.max(1);
        self.entries.push(Entry { id, at_ms, chat, peer, what, beside });
        id
    }

    /// The peer at this address, which calls itself so, as entries of this turn name it.
    pub fn peer(&mut self, address: SocketAddr, user: &str) -> Speaker {
        self.speakers.peer(address, user, &mut self.piece)
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
        self.entries.events()
    }

    /// Whether this turn has written nothing yet, and has entries for a single row.
    pub(crate) fn is_all_in_a_row(&self) -> bool {
        let unwritten = self.entries.unwritten();
        !self.is_in_transaction() && !unwritten.is_empty() && runs::length(unwritten) == unwritten.len()
    }

    /// Writes the entries of this turn that are not in the table yet.
    pub(crate) fn write_entries(&self) -> Result<(), StoreError> {
        if self.entries.unwritten().is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.ok(self.insert_entries())
    }

    /// If that fails, it fails again, until it is rolled back: some of them are there.
    pub(crate) fn insert_entries(&self) -> rusqlite::Result<()> {
        // Held for all of them: to find it again costs as much as a row.
        let mut insert = self.aside().prepare_cached(
            "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        let mut rest = self.entries.unwritten();
        while let Some((run, others)) = rest.split_at_checked(runs::length(rest))
            && let Some((Entry { id, at_ms, chat, peer, what, beside }, before)) = run.split_last()
        {
            rest = others;
            let (message, reason, text) = columns(what);
            let secure = beside.secure.as_ref();
            insert.execute(params![
                *id as i64,
                *at_ms as i64,
                number(what.kind()),
                *chat as i64,
                peer.address,
                peer.user,
                message.or(secure.map(|secure| secure.known.into())),
                reason,
                text,
                beside.extra.map(|extra| extra as i64),
                secure.map(|secure| secure.key.as_bytes()),
                size(what),
                beside.host.as_ref().map(HostName::to_string),
                beside.answers.map(|answers| answers as i64),
                before.first().map(|first| first.id as i64),
                before.first().map(|_| runs::list(run)),
            ])?;
        }
        self.entries.note_written();
        Ok(())
    }
}
