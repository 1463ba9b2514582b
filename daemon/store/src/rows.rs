//! Entries of the log as rows, and back.

use rusqlite::Row;
use simp_control::{Event, KeyId, Kind, Peer, Reason, Secure, What};

/// A kind's number in the log: they are never renumbered.
pub(crate) fn number(kind: Kind) -> i64 {
    kind as i64
}

/// What an entry says, as the columns `message`, `reason` and `text`.
pub(crate) fn columns(what: &What) -> (Option<i64>, Option<i64>, Option<&str>) {
    match what {
        What::Request | What::Inviting => (None, None, None),
        What::Opened { note } => (None, None, note.as_deref()),
        What::Closed { reason, text } => (None, Some(*reason as i64), text.as_deref()),
        What::Message { text } | What::Error { text } => (None, None, Some(text)),
        What::Queued { text, again, .. } => (again.map(|id| id as i64), None, Some(text)),
        What::Delivered { message } | What::Unconfirmed { message } => (Some(*message as i64), None, None),
        What::Undelivered { message, reason } => (Some(*message as i64), Some(*reason as i64), None),
        What::File { name, .. } => (None, None, Some(name)),
        What::FileSaved { message, path, .. } => (Some(*message as i64), None, Some(path)),
        What::FileFailed { message, why } => (Some(*message as i64), None, Some(why)),
    }
}

/// And as the column `size`.
pub(crate) fn size(what: &What) -> Option<i64> {
    match what {
        What::File { size, .. } | What::FileSaved { size, .. } => Some(*size as i64),
        What::Queued { size, .. } => size.map(|size| size as i64),
        _ => None,
    }
}

/// What an entry has beside what it says: see [`append`](crate::Store::append).
pub(crate) fn extra(row: &Row<'_>) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(9)?.map(|extra| extra as u64))
}

/// The columns of an entry that stands for several: see `runs`.
pub(crate) const FIRST: usize = 14;
pub(crate) const LIST: usize = 15;

/// The entry in a row of `events`, or the last of those in it.
pub(crate) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    // By place, for `SELECT *`: a new column is only ever added after these.
    let message = || row.get::<_, i64>(6).map(|id| id as u64);
    let reason = || of_number(row, 7, &Reason::ALL);
    let text = || row.get(8);
    let size = || row.get::<_, i64>(11).map(|size| size as u64);
    let what = match of_number(row, 2, &Kind::ALL)? {
        Kind::Request => What::Request,
        Kind::Inviting => What::Inviting,
        Kind::Opened => What::Opened { note: text()? },
        Kind::Closed => What::Closed { reason: reason()?, text: text()? },
        Kind::Message => What::Message { text: row.get(8)? },
        Kind::Queued => What::Queued {
            text: row.get(8)?,
            again: row.get::<_, Option<i64>>(6)?.map(|id| id as u64),
            size: row.get::<_, Option<i64>>(11)?.map(|size| size as u64),
        },
        Kind::Delivered => What::Delivered { message: message()? },
        Kind::Undelivered => What::Undelivered { message: message()?, reason: reason()? },
        Kind::Error => What::Error { text: row.get(8)? },
        Kind::Unconfirmed => What::Unconfirmed { message: message()? },
        Kind::File => What::File { name: row.get(8)?, size: size()? },
        Kind::FileSaved => What::FileSaved { message: message()?, path: row.get(8)?, size: size()? },
        Kind::FileFailed => What::FileFailed { message: message()?, why: row.get(8)? },
    };
    Ok(Event {
        id: row.get::<_, i64>(0)? as u64,
        at_ms: row.get::<_, i64>(1)? as u64,
        chat: row.get::<_, i64>(3)? as u64,
        peer: Peer { address: row.get(4)?, user: row.get(5)? },
        secure: secure(row)?,
        answers: match what {
            What::Message { .. } => row.get::<_, Option<i64>>(13)?.map(|id| id as u64),
            _ => None,
        },
        what,
    })
}

/// With whom the chat is secure that this row of `events` is of.
fn secure(row: &Row<'_>) -> rusqlite::Result<Option<Secure>> {
    let Some(key) = row.get::<_, Option<_>>(10)?.map(KeyId::new) else { return Ok(None) };
    Ok(Some(Secure { key, known: row.get(6)? }))
}

/// The value with the number in this column.
pub(crate) fn of_number<T: Copy>(row: &Row<'_>, column: usize, all: &[T]) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    // A newer simpd's log is refused as a whole, so that an unknown number means a damaged row.
    let value = usize::try_from(number).ok().and_then(|place| all.get(place));
    value.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}
