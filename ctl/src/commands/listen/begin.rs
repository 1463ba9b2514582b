//! Where a run of `listen` begins: where a consumer left off, or at a place that the arguments say.

use std::time::Instant;

use simp_control::error::Outcome;
use simp_control::{Client, Filter, FollowFrom, Piece, Request};

use super::mark::Mark;
use crate::args::ListenArgs;
use crate::when::Place;

/// The consumer that listens if none is named.
pub(crate) const DEFAULT_CONSUMER: &str = "default";

/// Where a run begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Where this consumer left off, whose mark is moved. One that there is not yet begins at `new`; at the log's beginning
    /// without it.
    Consumer { name: String, new: Option<Start> },
    /// At a place of this run's own. No mark is used or moved.
    Here(Start),
}

/// A place to begin at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// After all that is in the log.
    Now,
    /// After this entry.
    After(u64),
    /// With what came at this time, in milliseconds since 1970, or later.
    Since(u64),
    /// With so many of the newest entries that are listened for.
    Last(u32),
}

impl Begin {
    /// As the arguments say.
    pub(super) fn of(args: &ListenArgs) -> Self {
        match (start(args), &args.consumer) {
            (Some(start), None) => Self::Here(start),
            (start, Some(name)) => Self::Consumer { name: name.clone(), new: start.or(unsaid(args)) },
            (None, None) => Self::Consumer { name: consumer(args), new: unsaid(args) },
        }
    }

    /// Whose mark is used, if one is.
    pub(super) fn consumer(&self) -> Option<&str> {
        match self {
            Self::Consumer { name, .. } => Some(name),
            Self::Here(_) => None,
        }
    }

    /// Where a run that began at this time, in milliseconds since 1970, goes on in another log, and what it shows of it
    /// then. `None` if nobody can say.
    pub(super) fn in_another_log(&self, began_ms: u64) -> Option<(Self, String)> {
        let since = |when| format!("all that it has since {when}, also what was shown before");
        match self {
            // An id of the old log would be that of something else.
            Self::Here(Start::After(_)) => None,
            // An older copy has some of it with other ids.
            Self::Here(Start::Since(ms)) => Some((Self::Here(Start::Since(*ms)), since("the given time"))),
            Self::Here(Start::Now | Start::Last(_)) => {
                Some((Self::Here(Start::Since(began_ms)), since("the listener began")))
            }
            // Each consumer has a mark in that one too, or begins in it, with what this run has not missed.
            Self::Consumer { name, new } => {
                let again = Self::Consumer { name: name.clone(), new: new.map(|_| Start::Since(began_ms)) };
                Some((again, format!("what consumer {name} has not seen of it")))
            }
        }
    }

    /// Follows what passes the filter from there on, and gives the mark that is to be moved. `counted` is the filter for
    /// what is listened for.
    pub(super) fn follow(
        &self,
        client: &mut Client,
        filter: &Filter,
        counted: &Filter,
        deadline: Option<Instant>,
    ) -> Outcome<Mark> {
        let mut filter = filter.clone();
        let (from, consumer) = match self {
            Self::Consumer { name, new } => {
                if let Some(start) = new {
                    client.insist(deadline, |client, _| start.give_to(client, name, counted))?;
                }
                (FollowFrom::Consumer(name.clone()), Some(name.clone()))
            }
            Self::Here(Start::Since(ms)) => {
                filter.since_ms = Some(*ms);
                (FollowFrom::After(0), None)
            }
            Self::Here(start) => {
                let after = client.insist(deadline, |client, _| start.before(client, counted))?;
                (FollowFrom::After(after), None)
            }
        };
        client.follow(from, filter)?;
        client.write()?;
        Ok(Mark::of(consumer))
    }
}

impl Start {
    /// Lets a consumer that there is not yet begin here. Its mark is set at once, so that it misses nothing of what comes,
    /// whatever becomes of this run.
    fn give_to(self, client: &mut Client, consumer: &str, counted: &Filter) -> Outcome {
        if !client.consumers()?.iter().any(|known| known.name == consumer) {
            let id = self.before(client, counted)?;
            client.ask(&Request::Seen { consumer: consumer.to_owned(), id })?;
        }
        Ok(())
    }

    /// The id of the entry after which it is.
    fn before(self, client: &mut Client, counted: &Filter) -> Outcome<u64> {
        let newest = client.status()?.last_id;
        match self {
            Self::Now => Ok(newest),
            // A mark is never at what is still to come.
            Self::After(id) => Ok(id.min(newest)),
            Self::Since(ms) => {
                let since = Filter { since_ms: Some(ms), ..counted.clone() };
                Ok(before_oldest(client, &since, u32::MAX)?.unwrap_or(newest))
            }
            Self::Last(most) => Ok(before_oldest(client, counted, most)?.unwrap_or(newest)),
        }
    }
}

/// The id before that of the oldest of these entries; `None` if there are none.
fn before_oldest(client: &mut Client, filter: &Filter, most: u32) -> Outcome<Option<u64>> {
    let (mut oldest, mut next) = (None, Some(Piece { most, ..Piece::ALL }));
    while let Some(piece) = next.filter(|piece| piece.most > 0) {
        let (events, older) = client.history_part(piece, filter)?;
        oldest = events.last().map(|event| event.id).or(oldest);
        let most = piece.most.saturating_sub(events.len() as u32);
        next = older.map(|before| Piece { before: Some(before), most, ..piece });
    }
    Ok(oldest.map(|id| id.saturating_sub(1)))
}

/// The place that the arguments name.
fn start(args: &ListenArgs) -> Option<Start> {
    match (args.since, args.last) {
        (Some(Place::Id(id)), _) => Some(Start::After(id)),
        (Some(Place::Time(ms)), _) => Some(Start::Since(ms)),
        (None, Some(most)) => Some(Start::Last(most)),
        (None, None) => args.new.then_some(Start::Now),
    }
}

/// Where a new consumer begins if nobody says where. A command is not to run for all that was ever said.
fn unsaid(args: &ListenArgs) -> Option<Start> {
    args.exec.is_some().then_some(Start::Now)
}

/// A filtered listener has a place of its own: it passes by messages that others have not seen.
fn consumer(args: &ListenArgs) -> String {
    match &args.from {
        Some(who) => format!("from:{who}"),
        None => DEFAULT_CONSUMER.to_owned(),
    }
}
