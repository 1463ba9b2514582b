//! `history`: the newest entries of the log, oldest first.

use simp_control::error::Outcome;
use simp_control::{Client, Filter, Kind, Piece};

use crate::args::HistoryArgs;
use crate::names;
use crate::show::{Output, View};
use crate::when::Place;

/// How many entries are shown if neither their number nor their beginning is given.
const NUMBER: u32 = 20;

/// Shows what the arguments ask for.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &HistoryArgs) -> Outcome {
    let kinds = if args.all { Vec::new() } else { vec![Kind::Message, Kind::Queued] };
    let mut filter = Filter { kinds, who: names::who(args.from.as_deref())?, ..Filter::default() };
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
    let newest_first = client.history(piece, &filter)?;
    newest_first.iter().rev().try_for_each(|event| output.show(&View::Entry(event)))
}
