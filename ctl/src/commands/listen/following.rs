//! What a run of `listen` follows of the log, and where it goes on if simpd comes back with another one.

use std::time::Instant;

use simp_control::clock::now_ms;
use simp_control::error::{OtherLog, Outcome};
use simp_control::{Client, Filter};

use super::begin::Begin;
use super::mark::Mark;
use super::wanted::counted;
use crate::args::ListenArgs;
use crate::show::complain;

/// What is followed.
pub(super) struct Following {
    begin: Begin,
    /// Also what is told besides what is listened for.
    filter: Filter,
    /// What is listened for alone.
    counted: Filter,
    /// When this run began, in milliseconds since 1970.
    pub(super) began_ms: u64,
    deadline: Option<Instant>,
}

impl Following {
    /// As the arguments say. It begins with this.
    pub(super) fn new(args: &ListenArgs, filter: Filter, deadline: Option<Instant>) -> Self {
        let counted = counted(args, &filter);
        Self { begin: Begin::of(args), filter, counted, began_ms: now_ms(), deadline }
    }

    /// Whose mark is moved, if one is.
    pub(super) fn consumer(&self) -> Option<&str> {
        self.begin.consumer()
    }

    /// Follows it, and gives the mark that is to be moved.
    pub(super) fn follow(&self, client: &mut Client) -> Outcome<Mark> {
        self.begin.follow(client, &self.filter, &self.counted, self.deadline)
    }

    /// Simpd has a different log than before: says with what of it this goes on, and follows that.
    ///
    /// # Errors
    /// That it is another one, if nobody can say where it would go on.
    pub(super) fn begin_again(&mut self, client: &mut Client, other: OtherLog) -> Outcome<Mark> {
        let Some((begin, shown)) = self.begin.in_another_log(self.began_ms) else { return Err(other.into()) };
        complain(&format!("{other}: going on with {shown}"));
        self.begin = begin;
        self.follow(client)
    }
}
