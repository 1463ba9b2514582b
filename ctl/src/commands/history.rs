//! `history`: the newest entries of the log, oldest first, with what became of messages of ours; and then what comes.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;

use simp_control::error::{Outcome, fail, unwritten};
use simp_control::{Client, Event, FailureKind, Filter, FollowFrom, Kind, MessageState, Piece, What, names};

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

/// Whether the arguments make sense, before a simpd is reached.
pub(super) fn check(args: &HistoryArgs, is_json: bool) -> Outcome {
    let wrong = match args {
        HistoryArgs { follow: true, until: Some(_), .. } => {
            "--follow has no end, so that --until means nothing (leave one out)"
        }
        HistoryArgs { format: Some(_), .. } if is_json => {
            "--json has all fields, so that --format means nothing (leave one out)"
        }
        _ => return Ok(()),
    };
    Err(fail(FailureKind::Usage, wrong))
}

/// Shows what the arguments ask for.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &HistoryArgs) -> Outcome {
    if let Some(template) = &args.format {
        output.entries_as(Some(template), false);
    }
    let mut kinds = client.kinds()?;
    if !args.all {
        kinds.retain(|kind| is_of_a_conversation(*kind));
    }
    let who = names::who(args.from.as_deref())?;
    let mut filter = Filter { kinds, who, text: args.search.clone(), ..Filter::default() };
    if filter.text.is_some() {
        reach::require(client, "search", "cannot search")?;
    }
    // Of all kinds, as JSON: a program wants the log.
    let is_export = args.all && output.is_json();
    let most = args.number.unwrap_or(if args.since.is_some() || is_export { u32::MAX } else { NUMBER });
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
    let newest = if args.follow { client.status()?.last_id } else { 0 };
    if args.follow {
        // What comes meanwhile is followed.
        piece.before = Some(newest.saturating_add(1));
    }
    let has_states = client.can("states")?;
    oldest_first(
        &mut (&mut *client, &mut *output),
        piece,
        |(client, _), piece| client.history_part(piece, &filter),
        |(client, output), events| {
            let states = if has_states { states(client, events)? } else { HashMap::new() };
            let mut views =
                events.iter().map(|event| View::Entry { event, state: states.get(&event.id).copied() });
            views.try_for_each(|view| output.show(&view))
        },
    )?;
    if args.follow { follow(client, output, newest, filter) } else { Ok(()) }
}

/// Whether entries of this kind are shown unless all are asked for. A file that came to nothing has no other mark.
fn is_of_a_conversation(kind: Kind) -> bool {
    matches!(kind, Kind::Message | Kind::Queued | Kind::File | Kind::FileSaved | Kind::FileFailed)
}

/// What became of the messages of ours among these entries, by their ids.
fn states(client: &mut Client, events: &[Event]) -> Outcome<HashMap<u64, MessageState>> {
    // What became of a file is in entries of its own.
    let is_text = |event: &&Event| matches!(event.what, What::Queued { size: None, .. });
    let ids: Vec<u64> = events.iter().filter(is_text).map(|event| event.id).collect();
    let states = client.states(&ids)?;
    Ok(ids.into_iter().zip(states).filter_map(|(id, state)| Some((id, state?))).collect())
}

/// Shows what comes after this entry, for ever.
fn follow(client: &mut Client, output: &mut Output, newest: u64, mut filter: Filter) -> Outcome {
    client.watch(io::stdout().as_fd().try_clone_to_owned().map_err(|error| unwritten(&error))?);
    // What becomes of a message of ours comes later than the message.
    for kind in [Kind::Undelivered, Kind::Unconfirmed] {
        if !filter.kinds.contains(&kind) {
            filter.kinds.push(kind);
        }
    }
    client.follow(FollowFrom::After(newest), filter)?;
    client.write()?;
    loop {
        output.flush()?;
        if let Some(event) = client.event(None)? {
            output.show(&View::Entry { event: &event, state: None })?;
        }
    }
}

/// Shows a piece of the log, which is read from its end: where it begins only its end tells, if its number is given. Of a
/// long one only the newest entries are held meanwhile, and the others are read a second time. `part` brings the newest of
/// a piece, newest first, and says before which entry the rest of it is; `show` gets some at a time, oldest first.
fn oldest_first<C>(
    context: &mut C,
    piece: Piece,
    mut part: impl FnMut(&mut C, Piece) -> Outcome<(Vec<Event>, Option<u64>)>,
    mut show: impl FnMut(&mut C, &[Event]) -> Outcome,
) -> Outcome {
    let (mut newest, mut held, mut others) = (Vec::new(), 0, Vec::new());
    let mut next = Some(piece);
    while let Some(piece) = next.filter(|piece| piece.most > 0) {
        let (events, older) = part(context, piece)?;
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
            let (events, older) = part(context, piece)?;
            next = rest(piece, &events, older);
            again.extend(events);
        }
        again.reverse();
        show(context, &again)?;
    }
    newest.reverse();
    show(context, &newest)
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
            answers: None,
            what: What::Message { text: "x".repeat(64 << 10) },
        };
        for (above, most) in [(0, u32::MAX), (0, 300), (100, u32::MAX), (100, 300), (0, 0), (0, 1)] {
            let (mut asked, mut shown) = (BTreeMap::new(), Vec::new());
            let part = |asked: &mut BTreeMap<u64, u32>, piece: Piece| {
                let before = piece.before.unwrap_or(ENTRIES + 1);
                let ids: Vec<u64> =
                    (piece.above + 1..before).rev().take(piece.most.min(7) as usize).collect();
                ids.iter().for_each(|id| *asked.entry(*id).or_default() += 1);
                let older = ids.last().copied().filter(|id| *id > piece.above + 1);
                Ok((ids.into_iter().map(entry).collect(), older))
            };
            oldest_first(&mut asked, Piece { above, before: None, most }, part, |_, events| {
                shown.extend(events.iter().map(|event| event.id));
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
