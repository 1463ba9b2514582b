//! Entries of one kind that follow one another in the log, as one row of it: deliveries, and short messages of peers. The row is
//! that of the last; beside it are which is the first, and a list of the others. To whoever reads the log each is an entry of
//! its own.
//!
//! The list has the newest first, so that it stays as it is while the oldest are removed. One that is of another chat than the
//! one after it begins with a 0, the chat, and the address and the name of the peer. Then a delivery has how many ids its message
//! is before it, and a message its Sequence field and 1, and its text. A number has seven bits in each byte, the lowest first,
//! and all bytes but the last have 128 more. A text has its length before it.

use std::mem::discriminant;

use rusqlite::Row;
use simp_control::{Event, Peer, What};

use crate::fresh::Entry;
use crate::rows::{FIRST, LIST, event, extra};

/// Most bytes of a list: it fits a page with the rest of its row, and no row has more entries than that.
const LIST_MAX: usize = 864;

/// Before what is of another chat: none of what comes else begins so.
const ANOTHER_CHAT: u64 = 0;

/// The id of the first entry in a row of `events` that is of several, else NULL. What comes after a text is read through all of
/// its pages: not after one that is longer than a list.
pub(crate) const FIRST_OF_SEVERAL: &str =
    "CASE WHEN kind = 6 OR (kind = 4 AND octet_length(text) <= 864) THEN first END";

/// What an entry in a list says.
enum Said<'a> {
    /// So many ids before it is the message that was delivered.
    Delivery(u64),
    /// Its Sequence field and 1, and its text.
    Message(u64, &'a str),
}

impl<'a> Said<'a> {
    /// `None` if the entry cannot be in a list.
    fn of(entry: &'a Entry) -> Option<Self> {
        match &entry.what {
            What::Delivered { message } => {
                entry.id.checked_sub(*message).filter(|back| *back > 0).map(Self::Delivery)
            }
            What::Message { text } if entry.beside.answers.is_none() => {
                Some(Self::Message(entry.beside.extra?.checked_add(1)?, text))
            }
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Delivery(back) => number_bytes(*back),
            Self::Message(number, text) => number_bytes(*number) + text_bytes(text),
        }
    }

    fn put(&self, list: &mut Vec<u8>) {
        match self {
            Self::Delivery(back) => put_number(list, *back),
            Self::Message(number, text) => {
                put_number(list, *number);
                put_text(list, text);
            }
        }
    }
}

/// How many of these entries, from the first on, make one row: those of one kind and one moment, as many as there is room for.
pub(crate) fn length(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |pair: &&[Entry]| match pair {
        [entry, next] if entry.at_ms == next.at_ms => match (Said::of(entry), Said::of(next)) {
            (Some(said), Some(last)) if discriminant(&said) == discriminant(&last) => {
                bytes += said.bytes() + chat_bytes(entry, next);
                bytes + last.bytes() <= LIST_MAX
            }
            _ => false,
        },
        _ => false,
    };
    entries.len().min(1) + entries.windows(2).take_while(fits).count()
}

/// The list of these entries, which the last has beside it.
pub(crate) fn list(entries: &[Entry]) -> Vec<u8> {
    let mut list = Vec::new();
    for pair in entries.windows(2).rev() {
        if let [entry, next] = pair
            && let Some(said) = Said::of(entry)
        {
            if !is_of_chat(entry, next) {
                put_number(&mut list, ANOTHER_CHAT);
                put_number(&mut list, entry.chat);
                put_text(&mut list, &entry.peer.address);
                put_text(&mut list, &entry.peer.user);
            }
            said.put(&mut list);
        }
    }
    list
}

/// Whether two entries are of one chat, with one peer.
fn is_of_chat(entry: &Entry, next: &Entry) -> bool {
    entry.chat == next.chat && entry.peer == next.peer
}

/// The entries in a row of `events`, in ascending order, each with what else it has: one, if it is not of several.
pub(crate) fn entries(row: &Row<'_>) -> rusqlite::Result<Vec<(Event, Option<u64>)>> {
    let last = (event(row)?, extra(row)?);
    let id = last.0.id;
    let may_be_of_several = match &last.0.what {
        What::Delivered { .. } => true,
        What::Message { text } => text.len() <= LIST_MAX,
        _ => false,
    };
    let mut entries = vec![last];
    if !may_be_of_several {
        return Ok(entries);
    }
    let Some(first) = row.get::<_, Option<i64>>(FIRST)? else { return Ok(entries) };
    let list: Vec<u8> = row.get(LIST)?;
    let mut rest = list.as_slice();
    for id in (first as u64..id).rev() {
        // A list that is too short for its row is a damaged one.
        let before = entries.last().and_then(|(after, _)| take(&mut rest, id, after));
        entries.push(before.ok_or(rusqlite::Error::IntegralValueOutOfRange(LIST, first))?);
    }
    entries.reverse();
    Ok(entries)
}

/// The same without what else they have.
pub(crate) fn events(row: &Row<'_>) -> rusqlite::Result<Vec<Event>> {
    Ok(entries(row)?.into_iter().map(|(event, _)| event).collect())
}

/// The entry with this id, which is the next in the list and comes before this one in the log.
fn take(list: &mut &[u8], id: u64, after: &Event) -> Option<(Event, Option<u64>)> {
    let (mut chat, mut peer) = (after.chat, after.peer.clone());
    let mut number = take_number(list)?;
    if number == ANOTHER_CHAT {
        chat = take_number(list)?;
        let address = take_text(list)?;
        peer = Peer { user: take_text(list)?, address };
        number = take_number(list)?;
    }
    let (what, extra) = match after.what {
        What::Message { .. } => (What::Message { text: take_text(list)? }, Some(number.checked_sub(1)?)),
        _ => (What::Delivered { message: id.checked_sub(number)? }, None),
    };
    Some((Event { id, at_ms: after.at_ms, chat, peer, secure: None, answers: None, what }, extra))
}

fn put_number(list: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        list.push(number as u8 | 128);
        number >>= 7;
    }
    list.push(number as u8);
}

fn put_text(list: &mut Vec<u8>, text: &str) {
    put_number(list, text.len() as u64);
    list.extend_from_slice(text.as_bytes());
}

fn take_number(list: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..u64::BITS.div_ceil(7) {
        let byte = *list.split_off_first()?;
        number |= u64::from(byte & 127) << (7 * place);
        if byte < 128 {
            return Some(number);
        }
    }
    None
}

fn take_text(list: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_number(list)?).ok()?;
    let text = list.split_off(..length)?;
    String::from_utf8(text.to_vec()).ok()
}

/// How many bytes a number has in a list.
fn number_bytes(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

fn text_bytes(text: &str) -> usize {
    number_bytes(text.len() as u64) + text.len()
}

/// And the chat and the peer of an entry before this one.
fn chat_bytes(entry: &Entry, next: &Entry) -> usize {
    if is_of_chat(entry, next) {
        return 0;
    }
    let Entry { chat, peer, .. } = entry;
    1 + number_bytes(*chat) + text_bytes(&peer.address) + text_bytes(&peer.user)
}
