//! `history`: the newest entries of the log, oldest first.

use simp_proto::control::{Event, Filter, Kind, Reply, Request};

use crate::args::History;
use crate::client::Client;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, unexpected};

/// Shows what the arguments ask for.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &History) -> Outcome {
    let kinds = if args.all { Vec::new() } else { vec![Kind::Message, Kind::Queued] };
    let filter = Filter { kinds, chat: None, who: args.from.clone() };
    let newest_first = collect(client, args.number, &filter)?;
    newest_first.iter().rev().try_for_each(|event| output.show(&Shown::Entry(event)))
}

/// The newest entries; the daemon looks through a piece of the log at a time, so it may take several.
fn collect(client: &mut Client, number: u32, filter: &Filter) -> Outcome<Vec<Event>> {
    let mut found: Vec<Event> = Vec::new();
    let mut before = None;
    loop {
        let limit = number.saturating_sub(found.len() as u32);
        if limit == 0 {
            return Ok(found);
        }
        let request = Request::History { before, limit, filter: filter.clone() };
        let Reply::History { events, older } = client.ask(&request)? else {
            return Err(unexpected());
        };
        found.extend(events);
        if older.is_none() {
            return Ok(found);
        }
        before = older;
    }
}
