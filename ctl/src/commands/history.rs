//! `history`: the newest entries of the log, oldest first.

use simp_control::error::Outcome;
use simp_control::{Client, Event, Filter, Kind, Piece, names};

use crate::args::HistoryArgs;
use crate::reach;
use crate::show::{Output, View};
use crate::when::Place;

/// How many entries are shown if neither their number nor their beginning is given.
const NUMBER: u32 = 20;

/// So many bytes of entries are held at most, and one answer more.
const HELD_MAX: usize = 4 << 20;

/// The bytes of an entry without its text, about.
const EVENT: usize = 200;

/// Shows what the arguments ask for.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &HistoryArgs) -> Outcome {
    let mut kinds = client.kinds()?;
    if !args.all {
        kinds.retain(|kind| matches!(kind, Kind::Message | Kind::Queued | Kind::File | Kind::FileSaved));
    }
    let who = names::who(args.from.as_deref())?;
    let mut filter = Filter { kinds, who, text: args.search.clone(), ..Filter::default() };
    if filter.text.is_some() {
        reach::require(client, "search", "cannot search")?;
    }
    let most = args.number.unwrap_or(if args.since.is_some() { u32::MAX } else { NUMBER });
    let mut piece = Piece { most, ..Piece::ALL };
    match args.since {
        Some(Place::Id(id)) => piece.above = id,
        Some(Place::Time(ms)) => filter.since_ms = Some(ms),
        None => (),
    }
    match args.until {
        // Until an entry, and that entry too.
        Some(Place::Id(id)) => piece.before = Some(id.saturating_add(1)),
        Some(Place::Time(ms)) => filter.until_ms = Some(ms),
        None => (),
    }
    let part = |piece| client.history_part(piece, &filter);
    oldest_first(piece, part, |event| output.show(&View::Entry(event)))
}

/// Shows a piece of the log, which is read from its end: where it begins only its end tells, if its number is given. Of a
/// long one only the newest entries are held meanwhile, and the others are read a second time. `part` brings the newest of
/// a piece, and says before which entry the rest of it is.
fn oldest_first(
    piece: Piece,
    mut part: impl FnMut(Piece) -> Outcome<(Vec<Event>, Option<u64>)>,
    mut show: impl FnMut(&Event) -> Outcome,
) -> Outcome {
    let (mut newest, mut held, mut others) = (Vec::new(), 0, Vec::new());
    let mut next = Some(piece);
    while let Some(piece) = next.filter(|piece| piece.most > 0) {
        let (events, older) = part(piece)?;
        next = rest(piece, &events, older);
        if held < HELD_MAX {
            held += events.iter().map(|event| EVENT + event.what.text().map_or(0, str::len)).sum::<usize>();
            newest.extend(events);
        } else if let (Some(last), Some(first)) = (events.first(), events.last()) {
            let (above, before) = (first.id.saturating_sub(1), Some(last.id.saturating_add(1)));
            others.push(Piece { above, before, most: events.len() as u32 });
        }
    }
    for other in others.into_iter().rev() {
        let (mut again, mut next) = (Vec::new(), Some(other));
        while let Some(piece) = next.filter(|piece| piece.most > 0) {
            let (events, older) = part(piece)?;
            next = rest(piece, &events, older);
            again.extend(events);
        }
        again.iter().rev().try_for_each(&mut show)?;
    }
    newest.iter().rev().try_for_each(show)
}

/// What is left of a piece.
fn rest(piece: Piece, events: &[Event], older: Option<u64>) -> Option<Piece> {
    let most = piece.most.saturating_sub(events.len() as u32);
    older.map(|before| Piece { before: Some(before), most, ..piece })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use simp_control::{Peer, What};

    use super::*;

    #[test]
    fn a_long_history_is_shown_whole_and_only_its_end_is_held() {
        const ENTRIES: u64 = 500;
        let entry = |id| Event {
            id,
            at_ms: 0,
            chat: 1,
            peer: Peer { user: String::new(), address: String::new() },
            secure: None,
            what: What::Message { text: "x".repeat(64 << 10) },
        };
        for (above, most) in [(0, u32::MAX), (0, 300), (100, u32::MAX), (100, 300), (0, 0), (0, 1)] {
            let (mut asked, mut shown) = (BTreeMap::<u64, u32>::new(), Vec::new());
            let part = |piece: Piece| {
                let before = piece.before.unwrap_or(ENTRIES + 1);
                let ids: Vec<u64> =
                    (piece.above + 1..before).rev().take(piece.most.min(7) as usize).collect();
                ids.iter().for_each(|id| *asked.entry(*id).or_default() += 1);
                let older = ids.last().copied().filter(|id| *id > piece.above + 1);
                Ok((ids.into_iter().map(entry).collect(), older))
            };
            oldest_first(Piece { above, before: None, most }, part, |event| {
                shown.push(event.id);
                Ok(())
            })
            .unwrap();
            let first = (above + 1).max((ENTRIES + 1).saturating_sub(u64::from(most)));
            assert_eq!(shown, (first..=ENTRIES).collect::<Vec<_>>());
            // What is held is asked for once.
            let held = asked.values().filter(|times| **times == 1).count();
            assert!(held <= (HELD_MAX >> 16) + 7 && asked.values().all(|times| *times <= 2), "{held} held");
        }
    }
}
