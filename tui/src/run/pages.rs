//! Reading what takes several requests: a page forwards, and what a room has said.

use simp_control::error::Outcome;
use simp_control::{Client, Event, Filter, Piece, What};

use crate::model::job::PAGE;
use crate::model::members::Room;

/// What a room has said is looked for so many messages back.
const OF_ROOM_MAX: usize = 20_000;

/// The entries that follow this one, newest first, up to about a page of them, and up to which entry of the log that is.
/// The log is read backwards, so how far forward a page goes is tried out. `read` gives so many of a piece at most.
pub(crate) fn newer(
    above: u64,
    last: u64,
    mut read: impl FnMut(Piece) -> Outcome<Vec<Event>>,
) -> Outcome<(Vec<Event>, u64)> {
    let (mut span, mut empty, mut too_many) = (u64::from(PAGE), 0, None);
    loop {
        let until = above.saturating_add(span).min(last);
        let piece = Piece { above, before: Some(until.saturating_add(1)), most: PAGE + 1 };
        let events = read(piece)?;
        if events.len() > PAGE as usize {
            // Those that follow directly are not among them.
            too_many = Some(span);
        } else if events.is_empty() && until < last {
            empty = span;
        } else {
            return Ok((events, until));
        }
        span = match too_many {
            Some(too_many) => empty + (too_many - empty) / 2,
            None => span.saturating_mul(8),
        };
    }
}

/// What a room has said of who is there in a chat, newest first: back to where it says all of it.
pub(crate) fn of_room(client: &mut Client, filter: &Filter) -> Outcome<Vec<Event>> {
    let (mut kept, mut seen, mut before) = (Vec::new(), 0, None);
    while seen < OF_ROOM_MAX {
        let (events, older) = client.history_part(Piece { above: 0, before, most: 1_000 }, filter)?;
        seen += events.len();
        for event in events {
            let What::Message { text } = &event.what else { continue };
            let is_whole = Room::entered(text).is_some();
            if is_whole || ["* ", "here: ", "topic: "].iter().any(|begin| text.starts_with(begin)) {
                kept.push(event);
            }
            if is_whole {
                return Ok(kept);
            }
        }
        before = older;
        if before.is_none() {
            break;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use simp_control::Peer;

    use super::*;

    fn event(id: u64) -> Event {
        let peer = Peer { user: String::new(), address: String::new() };
        Event { id, at_ms: 0, chat: 1, peer, secure: None, answers: None, what: What::Request }
    }

    #[test]
    fn pages_forward_have_every_entry_once() {
        // Entries of the conversation close together, far apart, and close together after a gap.
        let (close, far) = ((1..=1_000).collect::<Vec<u64>>(), (1..=90).map(|n| n * 700).collect());
        for ids in [close, far, (9_000..=9_900).collect(), vec![5, 60_000]] {
            let last = 70_000;
            let (mut above, mut seen, mut asked) = (0, Vec::new(), 0);
            while above < last {
                let read = |piece: Piece| {
                    asked += 1;
                    let is_in = |id: &&u64| **id > piece.above && piece.before.is_none_or(|end| **id < end);
                    let found = ids.iter().rev().filter(is_in).take(piece.most as usize);
                    Ok(found.map(|id| event(*id)).collect())
                };
                let (events, until) = newer(above, last, read).unwrap();
                assert!(until > above && events.len() <= PAGE as usize);
                seen.extend(events.iter().rev().map(|event| event.id));
                above = until;
            }
            assert_eq!(seen, ids);
            assert!(asked < 500, "{asked} requests");
        }
    }
}
