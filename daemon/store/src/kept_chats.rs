//! Chats across restarts: a row where the state changed, and the entries after it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use rusqlite::{Row, params};
use simp_control::{Reason, State, What};
use simp_proto::secure::{ChatId, KeyId, SecureSnapshot, Them};
use simp_proto::{Dialect, LastReceived, Seq, Snapshot, UserName};

use crate::error::StoreError;
use crate::rows::of_number;
use crate::runs;
use crate::store::Store;

/// States by their number in the table `chats`; a new one goes to the end.
const STATES: [State; 5] = [State::Inviting, State::Invited, State::Accepting, State::Open, State::Closing];

/// So many entries may lie after `kept.through`, for a start reads them all. To keep a chat costs as much as some entries, so
/// that with many chats there may be more.
const KEPT_AFTER: RangeInclusive<u64> = 4_096..=65_536;

/// For each chat.
const KEPT_AFTER_EACH: u64 = 16;

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
    /// The peer's key was known before this chat.
    pub is_key_known: bool,
    /// What the machine goes on with.
    pub machine: KeptMachine,
}

/// What the machine of a chat goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptMachine {
    /// That of one over datagrams.
    Plain(Snapshot),
    /// That of one over channels.
    Secure(SecureSnapshot),
}

impl KeptMachine {
    /// Where the chat stands.
    pub fn state(&self) -> State {
        match self {
            Self::Plain(snapshot) => snapshot.state,
            Self::Secure(snapshot) => snapshot.state,
        }
    }
}

/// The columns of one of these.
#[derive(Default)]
struct MachineColumns {
    user: String,
    seq: u8,
    received_copy: Option<(u8, u64)>,
    dialect: Dialect,
    key: Option<KeyId>,
    secure: Option<i64>,
    received: Option<i64>,
    log: Option<String>,
}

impl MachineColumns {
    fn of(machine: &KeptMachine) -> Self {
        match machine {
            KeptMachine::Plain(snapshot) => Self {
                user: snapshot.user.as_str().to_owned(),
                seq: snapshot.seq.field(),
                received_copy: snapshot.received.map(LastReceived::to_parts),
                dialect: snapshot.dialect,
                ..Self::default()
            },
            KeptMachine::Secure(snapshot) => Self {
                user: snapshot.them.user.to_string(),
                key: snapshot.them.key,
                secure: Some(snapshot.id.0 as i64),
                received: Some(snapshot.received as i64),
                log: Some(snapshot.them.log.to_string()),
                ..Self::default()
            },
        }
    }
}

impl Store {
    /// Keeps a chat as it is now, all its entries counted.
    pub fn keep_chat(&mut self, kept: &KeptChat) -> Result<(), StoreError> {
        self.begin()?;
        let machine = MachineColumns::of(&kept.machine);
        let row = params![
            kept.chat as i64,
            kept.address.to_string(),
            kept.since_ms as i64,
            STATES.iter().position(|state| *state == kept.machine.state()).map(|place| place as i64),
            machine.user,
            machine.seq,
            machine.received_copy.map(|(seq, _)| seq),
            machine.received_copy.map(|(_, hash)| hash as i64),
            kept.settled as i64,
            self.extent.last_id as i64,
            kept.expires_ms.map(|ms| ms as i64),
            kept.for_outbox,
            machine.dialect.to_string(),
            kept.outbox_at.map(|address| address.to_string()),
            machine.key.map(|key| *key.as_bytes()),
            machine.secure,
            kept.is_key_known,
            machine.received,
            machine.log,
        ];
        let sql = "INSERT OR REPLACE INTO chats
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
        self.write(sql, row)?;
        self.drop_settled(kept.chat, kept.settled)
    }

    /// Drops a chat that is over; its entries stay.
    pub fn drop_chat(&mut self, chat: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.write("DELETE FROM chats WHERE chat = ?1", [chat as i64])?;
        self.drop_waiting(chat)
    }

    /// Whether all chats, which are so many, should be kept anew, so that a start has little to read.
    pub fn is_keeping_due(&self, chats: usize) -> bool {
        let most = (chats as u64 * KEPT_AFTER_EACH).clamp(*KEPT_AFTER.start(), *KEPT_AFTER.end());
        self.extent.last_id - self.extent.kept_through >= most
    }

    /// All chats that had messages up to this entry were kept since it was appended: each row holds as of it at least.
    pub fn set_kept(&mut self, through: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.extent.kept_through = through;
        self.keep_waiting(through)?;
        self.write("UPDATE kept SET through = ?1", [through as i64]).map(drop)
    }

    /// All chats kept, as the newest entry left them, oldest first.
    pub fn kept_chats(&self) -> Result<Vec<KeptChat>, StoreError> {
        let rows = self.db()?.prepare("SELECT * FROM chats ORDER BY chat").and_then(|mut query| {
            query.query_map([], kept_chat)?.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let mut chats: BTreeMap<u64, (KeptChat, u64)> =
            self.ok(rows)?.into_iter().map(|row| (row.0.chat, row)).collect();
        let sql = "SELECT * FROM events WHERE id > ?1 ORDER BY id";
        self.ok(self.db()?.prepare(sql).and_then(|mut query| {
            let mut rows = query.query([self.extent.kept_through as i64])?;
            while let Some(row) = rows.next()? {
                for (event, extra) in runs::entries(row)? {
                    // What is older than the chat's row is in it already.
                    if let Some((chat, as_of)) = chats.get_mut(&event.chat)
                        && event.id > self.extent.kept_through.max(*as_of)
                    {
                        replay(chat, &event.what, extra.unwrap_or_default());
                    }
                }
            }
            Ok(())
        }))?;
        Ok(chats.into_values().map(|(chat, _)| chat).collect())
    }
}

/// What an entry did to a chat that was kept before it.
fn replay(chat: &mut KeptChat, what: &What, number: u64) {
    match what {
        What::Message { text } => match &mut chat.machine {
            KeptMachine::Plain(snapshot) => snapshot.note_received(number as u8, text),
            KeptMachine::Secure(snapshot) => snapshot.note_received(number),
        },
        What::Delivered { message } | What::Unconfirmed { message } => {
            if let KeptMachine::Plain(snapshot) = &mut chat.machine {
                snapshot.note_settled();
            }
            note_settled(chat, *message);
        }
        // It has never left, and those before it may wait.
        What::Undelivered { reason: Reason::Cancelled, .. } => {}
        // Its number is used up, and the row has the next one: whatever gives messages up changes the chat's state as
        // well, and with that the row is written. An entry that is newer than the row says only how far messages are.
        What::Undelivered { message, .. } => note_settled(chat, *message),
        What::File { .. } => {
            if let KeptMachine::Secure(snapshot) = &mut chat.machine {
                snapshot.note_received(number);
            }
        }
        What::Request
        | What::Inviting
        | What::Opened { .. }
        | What::Closed { .. }
        | What::Queued { .. }
        | What::Error { .. }
        | What::FileSaved { .. }
        | What::FileFailed { .. } => {}
    }
}

/// Messages are settled in their order, but a file long after what was sent since.
fn note_settled(chat: &mut KeptChat, message: u64) {
    chat.settled = chat.settled.max(message);
}

/// A chat and the entry it holds as of; `None` if a value is not one that we would have written.
fn kept_chat(row: &Row<'_>) -> rusqlite::Result<Option<(KeptChat, u64)>> {
    let address: String = row.get(1)?;
    let (Ok(address), Some(machine)) = (address.parse(), machine(row)?) else { return Ok(None) };
    let chat = KeptChat {
        chat: row.get::<_, i64>(0)? as u64,
        address,
        since_ms: row.get::<_, i64>(2)? as u64,
        settled: row.get::<_, i64>(8)? as u64,
        expires_ms: row.get::<_, Option<i64>>(10)?.map(|ms| ms as u64),
        for_outbox: row.get(11)?,
        outbox_at: row.get::<_, Option<String>>(13)?.and_then(|at| at.parse().ok()),
        is_key_known: row.get::<_, Option<bool>>(16)?.unwrap_or_default(),
        machine,
    };
    Ok(Some((chat, row.get::<_, i64>(9)? as u64)))
}

fn machine(row: &Row<'_>) -> rusqlite::Result<Option<KeptMachine>> {
    let (state, user): (State, String) = (of_number(row, 3, &STATES)?, row.get(4)?);
    if let Some(id) = row.get::<_, Option<i64>>(15)? {
        let key = row.get::<_, Option<_>>(14)?.map(KeyId::new);
        let log: Option<String> = row.get(18)?;
        let them = Them { key, user: user.into(), log: log.unwrap_or_default().into() };
        let received = row.get::<_, Option<i64>>(17)?.unwrap_or_default() as u64;
        return Ok(Some(KeptMachine::Secure(SecureSnapshot {
            id: ChatId(id as u64),
            state,
            them,
            received,
        })));
    }
    let user = if user.is_empty() { Some(UserName::default()) } else { UserName::new(&user).ok() };
    let Some(user) = user else { return Ok(None) };
    let received = match (row.get::<_, Option<u16>>(6)?, row.get::<_, Option<i64>>(7)?) {
        // An older version put more than the number there.
        (Some(seq), Some(hash)) => Some(LastReceived::from_parts(seq as u8, hash as u64)),
        _ => None,
    };
    let (seq, dialect) = (Seq::new(row.get(5)?), Dialect::from_kept(&row.get::<_, String>(12)?));
    Ok(Some(KeptMachine::Plain(Snapshot { state, user, seq, received, dialect })))
}
