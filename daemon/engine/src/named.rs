//! Chats as clients name and see them.

use simp_control::{ChatInfo, Failure, FailureKind, PeerNote, State, Who};

use crate::ongoing::Ongoing;
use crate::roster::Roster;

/// Most chats that a failure lists by name.
const NAMES_MAX: usize = 10;

impl Roster {
    /// What a client learns of those that are not over and have ids above `after`, oldest first: of at most so many, and
    /// whether there are more.
    pub fn list(&self, after: u64, limit: usize) -> (Vec<ChatInfo>, bool) {
        let (first, more) = self.first(limit, |ongoing| ongoing.id > after && is_shown(ongoing));
        (first.into_iter().map(Ongoing::info).collect(), more)
    }

    /// The chat that began first, requests not counted.
    pub fn oldest(&self) -> Option<&Ongoing> {
        let counts = |ongoing: &Ongoing| ongoing.chat.state() != State::Invited && is_shown(ongoing);
        self.first(1, counts).0.pop()
    }

    /// What is special about the peers of open chats, of at most so many: those that began first.
    pub fn notes(&self, limit: usize) -> Vec<PeerNote> {
        let is_special = |ongoing: &Ongoing| {
            ongoing.chat.state() == State::Open && ongoing.chat.dialect().notes().next().is_some()
        };
        let note = |ongoing: &Ongoing| Some(PeerNote { peer: ongoing.peer(), note: ongoing.note()? });
        self.first(limit, is_special).0.into_iter().filter_map(note).collect()
    }

    /// Those that began first, at most so many, and whether there are more.
    fn first(&self, limit: usize, fits: impl Fn(&Ongoing) -> bool) -> (Vec<&Ongoing>, bool) {
        // An id is that of the entry that the chat began with. Only those that are shown cost more than a look.
        let mut fitting: Vec<_> =
            self.iter().map(|(_, ongoing)| ongoing).filter(|ongoing| fits(ongoing)).collect();
        let more = fitting.len() > limit;
        if more {
            fitting.select_nth_unstable_by_key(limit, |ongoing| ongoing.id);
            fitting.truncate(limit);
        }
        fitting.sort_by_key(|ongoing| ongoing.id);
        (fitting, more)
    }

    /// Whether there is one that `who` means among those in a state that fits.
    pub fn is_any(&self, who: Option<&str>, fits: impl Fn(State) -> bool) -> bool {
        let named = who.map(Who::parse);
        let is_one = |ongoing: &Ongoing| {
            fits(ongoing.chat.state()) && is_shown(ongoing) && is_meant(ongoing, named.as_ref())
        };
        self.iter().any(|(_, ongoing)| is_one(ongoing))
    }

    /// The one that `who` means among those in a state that fits, or the only such one without `who`.
    ///
    /// # Errors
    /// [`FailureKind::NoSuch`] if there is none, or more than one; the line lists them. `none` is the
    /// line if there are none at all, and `flag` what to choose with.
    pub fn find(
        &self,
        who: Option<&str>,
        fits: impl Fn(State) -> bool,
        none: &str,
        flag: &str,
    ) -> Result<usize, Failure> {
        let fits = |ongoing: &Ongoing| fits(ongoing.chat.state()) && is_shown(ongoing);
        let named = who.map(Who::parse);
        // What names one address names one chat, whatever the number of chats.
        let one = named.as_ref().and_then(Who::address).and_then(|address| self.known_at(address));
        if let Some((key, ongoing)) = one.and_then(|key| Some((key, self.get(key)?)))
            && fits(ongoing)
            && is_meant(ongoing, named.as_ref())
        {
            return Ok(key);
        }
        // A name may be that of several: then nobody is chosen for the user.
        let mut meant = self.iter().filter(|(_, ongoing)| fits(ongoing) && is_meant(ongoing, named.as_ref()));
        let line = match (meant.next(), meant.next(), who) {
            (Some((key, _)), None, _) => return Ok(key),
            (Some(one), Some(other), _) => {
                let names = names([one, other].into_iter().chain(meant));
                format!("several match: {names} (choose one with {flag})")
            }
            (None, _, Some(who)) if self.iter().any(|(_, ongoing)| fits(ongoing)) => {
                let names = names(self.iter().filter(|(_, ongoing)| fits(ongoing)));
                format!("no match for {who} among {names}")
            }
            (None, ..) => none.to_owned(),
        };
        Err(Failure::new(FailureKind::NoSuch, line))
    }
}

/// Whether clients see it.
fn is_shown(ongoing: &Ongoing) -> bool {
    !ongoing.is_unlogged() && !ongoing.chat.is_over_for_us()
}

/// Whether this one is meant; without a name each one is. Where it was invited is as good as where it answered from.
fn is_meant(ongoing: &Ongoing, who: Option<&Who>) -> bool {
    let user = ongoing.chat.user();
    who.is_none_or(|who| {
        who.means(user.as_str(), ongoing.place.address)
            || who.means(user.as_str(), ongoing.place.invited_at())
    })
}

/// The first of them by name, and how many more there are.
fn names<'a>(ongoings: impl Iterator<Item = (usize, &'a Ongoing)>) -> String {
    let mut ids: Vec<_> = ongoings.map(|(_, ongoing)| (ongoing.id, ongoing)).collect();
    ids.sort_by_key(|(id, _)| *id);
    let more = ids.len().saturating_sub(NAMES_MAX);
    let names: Vec<_> = ids.iter().take(NAMES_MAX).map(|(_, ongoing)| ongoing.peer().shown()).collect();
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}
