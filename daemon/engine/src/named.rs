//! Chats as clients name and see them.

use simp_control::places::PORT;
use simp_control::{ChatInfo, Failure, FailureKind, PeerNote, State, Who};

use crate::now::Now;
use crate::ongoing::Ongoing;
use crate::roster::Roster;

/// Most chats that a failure lists by name.
const NAMES_MAX: usize = 10;

impl Roster {
    /// What a client learns of those that are not over and have ids above `after`, oldest first: of at most so many, and
    /// whether there are more.
    pub fn list(&self, now: Now, after: u64, limit: usize) -> (Vec<ChatInfo>, bool) {
        let (first, more) = self.first(limit, |ongoing| ongoing.id > after && is_shown(ongoing));
        (first.into_iter().map(|ongoing| ongoing.info(now)).collect(), more)
    }

    /// The chat that began first, requests not counted.
    pub fn oldest(&self) -> Option<&Ongoing> {
        let counts = |ongoing: &Ongoing| ongoing.chat.state() != State::Invited && is_shown(ongoing);
        self.first(1, counts).0.pop()
    }

    /// What is special about the peers of open chats, of at most so many: those that began first.
    pub fn notes(&self, limit: usize) -> Vec<PeerNote> {
        let is_special = |ongoing: &Ongoing| {
            let is_odd = ongoing.likeness.is_some() || ongoing.chat.dialect().notes().next().is_some();
            ongoing.chat.state() == State::Open && is_odd
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

    /// The one that `who` means among those in a state that fits, or the only such one without `who`. A peer chooses its
    /// name and its port, so there may be several; then the one counts that is sure to be meant, see [`Claim`].
    ///
    /// # Errors
    /// [`FailureKind::NoSuch`] if there is none, or nobody can say which of several is meant; the line lists them. `none`
    /// is the line if there are none at all, and `flag` what to choose with.
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
        let meant = self.iter().filter(|(_, ongoing)| fits(ongoing) && is_meant(ongoing, named.as_ref()));
        let meant: Vec<_> = meant.collect();
        if let Some(key) = chosen(&meant, named.as_ref()) {
            return Ok(key);
        }
        let line = match (meant.is_empty(), who) {
            (false, _) => {
                format!("several match: {} (choose one with {flag})", names(meant.into_iter()))
            }
            (true, Some(who)) if self.iter().any(|(_, ongoing)| fits(ongoing)) => {
                let names = names(self.iter().filter(|(_, ongoing)| fits(ongoing)));
                format!("no match for {who} among {names}")
            }
            (true, _) => none.to_owned(),
        };
        Err(Failure::new(FailureKind::NoSuch, line))
    }
}

/// What speaks for one of several chats that a name may mean, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// An address without a port is that of a peer on the port of SIMP.
    Port,
    /// Our user wanted this chat, or its peer has shown that it is there.
    Established,
    /// Its peer has acknowledged something, which can be guessed.
    Acknowledged,
    /// Anybody may have begun it under this name.
    LetIn,
    /// It is no chat, only a request.
    Asks,
}

impl Claim {
    fn of(ongoing: &Ongoing, who: Option<&Who>) -> Self {
        match who {
            Some(Who::Ip(_) | Who::OnHost(..)) if ongoing.place.address().port() == PORT => Self::Port,
            _ if ongoing.chat.state() == State::Invited => Self::Asks,
            _ if ongoing.is_established() => Self::Established,
            _ if ongoing.standing.may_have_heard() => Self::Acknowledged,
            _ => Self::LetIn,
        }
    }
}

/// The one that counts among these. Of several chats under one name that anybody may have begun, the oldest does: whoever
/// comes later under a name that is in use is suspect. But of several of one host, the one on the port of SIMP does. The same
/// goes for requests of one host that the user has named; of two hosts nobody else says which is let in. Between two that
/// have acknowledged something nobody chooses for the user.
fn chosen(meant: &[(usize, &Ongoing)], who: Option<&Who>) -> Option<usize> {
    let strongest = meant.iter().map(|(_, ongoing)| Claim::of(ongoing, who)).min()?;
    let mut left: Vec<_> =
        meant.iter().filter(|(_, ongoing)| Claim::of(ongoing, who) == strongest).copied().collect();
    left.sort_by_key(|(_, ongoing)| ongoing.id);
    let (_, oldest) = *left.first()?;
    let (user, ip) = (oldest.chat.user(), oldest.place.address().ip());
    let has_one_name = !user.is_empty() && left.iter().all(|(_, ongoing)| ongoing.chat.user() == user);
    let is_one_host = left.iter().all(|(_, ongoing)| ongoing.place.address().ip() == ip);
    let is_on_port =
        |(_, ongoing): &&(usize, &Ongoing)| is_one_host && ongoing.place.address().port() == PORT;
    let (key, _) = *left.iter().find(is_on_port).or(left.first())?;
    let may_be_chosen = match strongest {
        Claim::Port | Claim::Established | Claim::Acknowledged => false,
        Claim::LetIn => true,
        Claim::Asks => who.is_some() && is_one_host,
    };
    let is_clear = left.len() == 1 || (may_be_chosen && has_one_name);
    is_clear.then_some(key)
}

/// Whether clients see it.
fn is_shown(ongoing: &Ongoing) -> bool {
    !ongoing.is_unlogged() && !ongoing.chat.is_over_for_us()
}

/// Whether this one is meant; without a name each one is. Where it was invited is as good as where it answered from.
fn is_meant(ongoing: &Ongoing, who: Option<&Who>) -> bool {
    let user = ongoing.chat.user();
    who.is_none_or(|who| {
        who.means(user, ongoing.place.address())
            || ongoing.place.moved_from().is_some_and(|at| who.means(user, at))
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
