//! When something is due, of all links.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::outlet::LinkId;

/// At most one deadline of each link.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(Instant, LinkId)>);

impl Deadlines {
    /// A link's deadline is another now; `was` is kept by the link.
    pub(crate) fn change(&mut self, link: LinkId, was: &mut Option<Instant>, deadline: Option<Instant>) {
        // With most datagrams it is the same as before.
        if *was == deadline {
            return;
        }
        if let Some(was) = was.take() {
            self.0.remove(&(was, link));
        }
        self.0.extend(deadline.map(|deadline| (deadline, link)));
        *was = deadline;
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// A link whose deadline has passed. It stays until it is changed.
    pub(crate) fn due(&self, now: Instant) -> impl Iterator<Item = LinkId> {
        self.0.iter().take_while(move |(deadline, _)| *deadline <= now).map(|(_, link)| *link)
    }
}
