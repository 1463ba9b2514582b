//! `history`: the newest entries of the log, oldest first.

use simp_control::{Event, Filter, Kind, Reply, Request};

use crate::args::History;
use crate::client::Client;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, unexpected};
use crate::when::When;

/// How many entries are shown where neither their number nor their beginning is given.
const NUMBER: u32 = 20;

/// A piece of the log: ids above and before these, and the newest so many of them.
pub(crate) struct Piece {
    pub(crate) above: u64,
    pub(crate) before: Option<u64>,
    pub(crate) most: u32,
}

impl Default for Piece {
    fn default() -> Self {
        Self { above: 0, before: None, most: u32::MAX }
    }
}

/// Shows what the arguments ask for.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &History) -> Outcome {
    let kinds = if args.all { Vec::new() } else { vec![Kind::Message, Kind::Queued] };
    let mut filter = Filter { kinds, who: args.from.clone(), ..Filter::default() };
    let most = args.number.unwrap_or(if args.since.is_some() { u32::MAX } else { NUMBER });
    let mut piece = Piece { most, ..Piece::default() };
    match args.since {
        Some(When::Id(id)) => piece.above = id,
        Some(When::Time(ms)) => filter.since_ms = Some(ms),
        None => (),
    }
    match args.until {
        Some(When::Id(id)) => piece.before = Some(id.saturating_add(1)),
        Some(When::Time(ms)) => filter.until_ms = Some(ms),
        None => (),
    }
    let newest_first = newest(client, &piece, &filter)?;
    newest_first.iter().rev().try_for_each(|event| output.show(&Shown::Entry(event)))
}

/// The newest entries first; the daemon looks through a part of the log at a time, so it may take several.
pub(crate) fn newest(client: &mut Client, piece: &Piece, filter: &Filter) -> Outcome<Vec<Event>> {
    let mut found: Vec<Event> = Vec::new();
    let mut before = piece.before;
    loop {
        let limit = piece.most.saturating_sub(found.len() as u32);
        if limit == 0 {
            return Ok(found);
        }
        let request = Request::History { before, limit, filter: filter.clone() };
        let Reply::History { events, older } = client.ask(&request)? else {
            return Err(unexpected());
        };
        found.extend(events.into_iter().filter(|event| event.id > piece.above));
        // What is older has lower ids than this.
        if older.is_none_or(|older| older <= piece.above.saturating_add(1)) {
            return Ok(found);
        }
        before = older;
    }
}
