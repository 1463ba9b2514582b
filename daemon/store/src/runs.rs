//! Deliveries that follow one another in the log, as one row of it: that of the last, which has beside it which is the
//! first, and a list of what the others are of. To whoever reads the log each is an entry of its own.
//!
//! The list has the newest first, so that it stays as it is while the oldest are removed. Of each it has how many ids its
//! message is before it; and before that, if it is of another chat than the one after it, a 0, the chat, and the address and
//! the name of the peer. A number has seven bits in each byte, the lowest first, and all bytes but the last have 128 more. A
//! text has its length before it.

use rusqlite::Row;
use simp_control::{Event, Peer, What};

use crate::fresh::Entry;
use crate::rows::{FIRST, LIST, event};

/// Most bytes of a list: it fits a page with the rest of its row, and no row has more entries than that.
const LIST_MAX: usize = 768;

/// Before what is of another chat: no message is its own delivery.
const ANOTHER_CHAT: u64 = 0;

/// How many of these entries, from the first on, make one row: deliveries of one moment, as many as there is room for.
pub(crate) fn length(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |pair: &&[Entry]| match pair {
        [entry, next] if entry.at_ms == next.at_ms && delivered(next).is_some() => delivered(entry)
            .is_some_and(|message| {
                bytes += number_bytes(entry.id - message) + chat_bytes(entry, next);
                bytes <= LIST_MAX
            }),
        _ => false,
    };
    entries.len().min(1) + entries.windows(2).take_while(fits).count()
}

/// The list of these entries, which the last has beside it.
pub(crate) fn list(entries: &[Entry]) -> Vec<u8> {
    let mut list = Vec::new();
    for pair in entries.windows(2).rev() {
        if let [entry, next] = pair
            && let Some(message) = delivered(entry)
        {
            if !is_of_chat(entry, next) {
                put_number(&mut list, ANOTHER_CHAT);
                put_number(&mut list, entry.chat);
                put_text(&mut list, &entry.peer.address);
                put_text(&mut list, &entry.peer.user);
            }
            put_number(&mut list, entry.id - message);
        }
    }
    list
}

/// The message that an entry is the delivery of, if it can be in a list.
fn delivered(entry: &Entry) -> Option<u64> {
    match entry.what {
        What::Delivered { message } if message < entry.id => Some(message),
        _ => None,
    }
}

/// Whether two entries are of one chat, with one peer.
fn is_of_chat(entry: &Entry, next: &Entry) -> bool {
    entry.chat == next.chat && entry.peer == next.peer
}

/// The entries in a row of `events`, in ascending order: one, if it is not of several deliveries.
pub(crate) fn events(row: &Row<'_>) -> rusqlite::Result<Vec<Event>> {
    let last = event(row)?;
    let mut events = vec![last];
    // What comes after a text is read through all of its pages; a delivery has none.
    if !matches!(events[0].what, What::Delivered { .. }) {
        return Ok(events);
    }
    let Some(first) = row.get::<_, Option<i64>>(FIRST)? else { return Ok(events) };
    let list: Vec<u8> = row.get(LIST)?;
    let mut rest = list.as_slice();
    for id in (first as u64..events[0].id).rev() {
        // A list that is too short for its row is a damaged one.
        let before = events.last().and_then(|after| take(&mut rest, id, after));
        events.push(before.ok_or(rusqlite::Error::IntegralValueOutOfRange(LIST, first))?);
    }
    events.reverse();
    Ok(events)
}

/// The entry with this id, which is the next in the list and comes before this one in the log.
fn take(list: &mut &[u8], id: u64, after: &Event) -> Option<Event> {
    let (mut chat, mut peer) = (after.chat, after.peer.clone());
    let mut back = take_number(list)?;
    if back == ANOTHER_CHAT {
        chat = take_number(list)?;
        let address = take_text(list)?;
        peer = Peer { user: take_text(list)?, address };
        back = take_number(list)?;
    }
    let what = What::Delivered { message: id.checked_sub(back)? };
    Some(Event { id, at_ms: after.at_ms, chat, peer, secure: None, answers: None, what })
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

/// And the chat and the peer of an entry before this one.
fn chat_bytes(entry: &Entry, next: &Entry) -> usize {
    if is_of_chat(entry, next) {
        return 0;
    }
    let text_bytes = |text: &str| number_bytes(text.len() as u64) + text.len();
    let Entry { chat, peer, .. } = entry;
    1 + number_bytes(*chat) + text_bytes(&peer.address) + text_bytes(&peer.user)
}
