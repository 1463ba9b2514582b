//! Chats across restarts: a row where the state changed, and the entries after it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rusqlite::{Row, params};
use simp_control::{State, What};
use simp_proto::{Dialect, LastReceived, Seq, Snapshot, UserName};

use crate::error::StoreError;
use crate::rows::{event, of_number};
use crate::store::Store;

/// States by their number in the table `chats`; a new one goes to the end.
const STATES: [State; 5] = [State::Inviting, State::Invited, State::Accepting, State::Open, State::Closing];

/// So many entries may lie after `kept.through`: a start reads them all.
const KEEP_EVERY: u64 = 4_096;

/// A chat as it is kept across restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptChat {
    /// Its id.
    pub chat: u64,
    /// The peer.
    pub address: SocketAddr,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// The newest message of ours that is delivered or given up; those above it wait.
    pub settled: u64,
    /// When it ends if it is not answered, in milliseconds since 1970; for an invitation or a request.
    pub expires_ms: Option<u64>,
    /// simpd opened it for the outbox, and leaves it again.
    pub for_outbox: bool,
    /// Where the outbox knows the peer, and where it was invited. `None` if nothing of the outbox is delivered in it.
    pub outbox_at: Option<SocketAddr>,
    /// What the machine goes on with.
    pub snapshot: Snapshot,
}

impl Store {
    /// Keeps a chat as it is now, all its entries counted.
    pub fn keep_chat(&mut self, kept: &KeptChat) -> Result<(), StoreError> {
        self.begin()?;
        let received = kept.snapshot.received.map(LastReceived::to_parts);
        let row = params![
            kept.chat as i64,
            kept.address.to_string(),
            kept.since_ms as i64,
            STATES.iter().position(|state| *state == kept.snapshot.state).map(|place| place as i64),
            kept.snapshot.user.as_str(),
            kept.snapshot.seq.field(),
            received.map(|(seq, _)| seq),
            received.map(|(_, hash)| hash as i64),
            kept.settled as i64,
            self.extent.last_id as i64,
            kept.expires_ms.map(|ms| ms as i64),
            kept.for_outbox,
            kept.snapshot.dialect.to_string(),
            kept.outbox_at.map(|address| address.to_string()),
        ];
        let sql = "INSERT OR REPLACE INTO chats
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, NULL, NULL, NULL, NULL, NULL)";
        self.write(sql, row).map(drop)
    }

    /// Drops a chat that is over; its entries stay.
    pub fn drop_chat(&mut self, chat: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.write("DELETE FROM chats WHERE chat = ?1", [chat as i64]).map(drop)
    }

    /// Whether all chats should be kept anew, so that a start has little to read.
    pub fn is_keeping_due(&self) -> bool {
        self.extent.last_id - self.extent.kept_through >= KEEP_EVERY
    }

    /// All chats that had messages up to this entry were kept since it was appended: each row holds as of it at least.
    pub fn set_kept(&mut self, through: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.extent.kept_through = through;
        self.write("UPDATE kept SET through = ?1", [through as i64]).map(drop)
    }

    /// All chats kept, as the newest entry left them, oldest first.
    pub fn kept_chats(&self) -> Result<Vec<KeptChat>, StoreError> {
        let rows = self.db.prepare("SELECT * FROM chats ORDER BY chat").and_then(|mut query| {
            query.query_map([], kept_chat)?.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let mut chats: BTreeMap<u64, (KeptChat, u64)> =
            self.ok(rows)?.into_iter().map(|row| (row.0.chat, row)).collect();
        let sql = "SELECT * FROM events WHERE id > ?1 ORDER BY id";
        self.ok(self.db.prepare(sql).and_then(|mut query| {
            let mut rows = query.query([self.extent.kept_through as i64])?;
            while let Some(row) = rows.next()? {
                let event = event(row)?;
                // What is older than the row is in the row already.
                if let Some((chat, as_of)) = chats.get_mut(&event.chat)
                    && event.id > *as_of
                {
                    replay(chat, &event.what, row.get::<_, Option<i64>>(9)?.unwrap_or_default() as u8);
                }
            }
            Ok(())
        }))?;
        Ok(chats.into_values().map(|(chat, _)| chat).collect())
    }
}

/// What an entry did to a chat that was kept before it.
fn replay(chat: &mut KeptChat, what: &What, seq: u8) {
    match what {
        What::Message { text } => {
            chat.snapshot.note_received(seq, text);
        }
        What::Delivered { message } | What::Unconfirmed { message } => {
            chat.snapshot.note_settled();
            chat.settled = *message;
        }
        // Its number is used up, and the row has the next one: whatever gives messages up changes the chat's state as
        // well, and with that the row is written. An entry that is newer than the row says only how far messages are.
        What::Undelivered { message, .. } => chat.settled = *message,
        What::Request
        | What::Inviting
        | What::Opened { .. }
        | What::Closed { .. }
        | What::Queued { .. }
        | What::Error { .. } => {}
    }
}

/// A chat and the entry it holds as of; `None` if a value is not one that we would have written.
fn kept_chat(row: &Row<'_>) -> rusqlite::Result<Option<(KeptChat, u64)>> {
    let (address, user): (String, String) = (row.get(1)?, row.get(4)?);
    let user = if user.is_empty() { Some(UserName::default()) } else { UserName::new(&user).ok() };
    let (Some(user), Ok(address)) = (user, address.parse()) else { return Ok(None) };
    let received = match (row.get::<_, Option<u16>>(6)?, row.get::<_, Option<i64>>(7)?) {
        // An older version put more than the number there.
        (Some(seq), Some(hash)) => Some(LastReceived::from_parts(seq as u8, hash as u64)),
        _ => None,
    };
    let seq = Seq::new(row.get(5)?);
    let dialect = Dialect::from_kept(&row.get::<_, String>(12)?);
    let chat = KeptChat {
        chat: row.get::<_, i64>(0)? as u64,
        address,
        since_ms: row.get::<_, i64>(2)? as u64,
        settled: row.get::<_, i64>(8)? as u64,
        expires_ms: row.get::<_, Option<i64>>(10)?.map(|ms| ms as u64),
        for_outbox: row.get(11)?,
        outbox_at: row.get::<_, Option<String>>(13)?.and_then(|at| at.parse().ok()),
        snapshot: Snapshot { state: of_number(row, 3, &STATES)?, user, seq, received, dialect },
    };
    Ok(Some((chat, row.get::<_, i64>(9)? as u64)))
}
