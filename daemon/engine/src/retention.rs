//! What the log needs besides entries: removing old ones, a piece per turn, and writing down where chats stand. What
//! must stay whatever its age is the store's to know.

use std::time::Duration;

use simp_store::{Span, Store, StoreError};

use crate::keeping::Keeping;
use crate::now::Now;
use crate::policy::Retain;
use crate::roster::Roster;
use crate::timer::{Timer, Timers};
use crate::wheel::TimerId;

/// How often old entries are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// If `retain_count` is exceeded by less than this part, nothing is removed yet. The same goes for what had to stay: it is
/// gone through again once this part of it may go, or each entry would cost a look at all others.
const SLACK: u64 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Removal {
    #[default]
    Idle,
    /// Finding out how far the old entries reach.
    Looking { span: Span, old: u64 },
    /// Removing them.
    Removing { span: Span },
    /// Giving free pages back to the disk.
    Shrinking,
}

/// What had to stay when it was gone through. It may go once it is read or settled: what is read comes after it, for a
/// consumer's mark bounds what is gone through.
#[derive(Debug, Clone, Copy, Default)]
struct Stayed {
    /// Entries up to this one were gone through.
    through: u64,
    /// How many of them stayed.
    entries: u64,
    /// How many messages of ours were settled before that, by [`Store::settled`].
    settled: u64,
}

/// How far the removal of old entries is.
#[derive(Debug, Default)]
pub struct Retention {
    state: Removal,
    keeping: Keeping,
    stayed: Stayed,
    /// How many messages of ours were settled before the chats were last kept.
    settled: u64,
    /// The newest entry at which the count is looked at again.
    next_id: u64,
    /// When the ages are, if entries grow too old.
    timer: Option<TimerId>,
}

impl Retention {
    /// From this turn on the whole log is looked at again for old entries, and later again if time makes them old: if it
    /// does not, nothing wakes us up.
    pub fn restart(&mut self, wheel: &mut Timers, now: Now, retain: &Retain) {
        // Whatever the count was: it may be another, and the ages have changed in any case.
        (self.next_id, self.stayed) = (0, Stayed::default());
        if let Some(timer) = self.timer.take() {
            wheel.cancel(timer);
        }
        if retain.age.is_some() {
            // Entries grow old without a turn; more of them come only with one.
            self.timer = Some(wheel.set(now.instant + LOOK_EVERY, Timer::Retention));
        }
    }

    /// This turn's part of what the log needs.
    pub fn tend(
        &mut self,
        retain: &Retain,
        chats: &mut Roster,
        store: &mut Store,
        now: Now,
    ) -> Result<(), StoreError> {
        let is_due = self.is_due(retain, store);
        // Entries may go only once a start does not need them: the chats' rows must be newer.
        let is_begun = self.keeping != Keeping::Idle;
        let is_wanted = store.is_keeping_due(chats.len()) || (is_due && self.state == Removal::Idle);
        if is_wanted && !is_begun {
            self.settled = store.settled();
        }
        let are_kept = if is_begun || is_wanted { self.keeping.step(chats, store)? } else { true };
        if is_due && are_kept { self.step(retain, store, now.ms) } else { Ok(()) }
    }

    /// Whether there is something to do in this turn.
    pub fn is_due(&self, retain: &Retain, store: &Store) -> bool {
        let is_wanted = retain.age.is_some() || retain.count.is_some();
        is_wanted && (self.state != Removal::Idle || store.last_id() >= self.next_id)
    }

    /// A consumer has read on, or is gone: if nothing else comes, what had to stay for it goes all the same.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be read.
    pub fn look_soon(&mut self, retain: &Retain, store: &Store) -> Result<(), StoreError> {
        let Some(count) = retain.count else { return Ok(()) };
        let span = self.removable(retain, store)?;
        let surplus = store.last_id().saturating_sub(count).min(span.until);
        if surplus >= span.after + (count / SLACK).max(1) {
            self.next_id = 0;
        }
        Ok(())
    }

    /// The whole log is gone through from the start, when it is due: what was done in this turn has not been, or what had to
    /// stay may go.
    pub fn reset(&mut self) {
        (self.state, self.keeping, self.next_id) = (Removal::Idle, Keeping::Idle, 0);
        self.stayed = Stayed::default();
    }

    /// One turn's part. All chats must have been kept as of now before the first.
    fn step(&mut self, retain: &Retain, store: &mut Store, now_ms: u64) -> Result<(), StoreError> {
        self.state = match self.state {
            Removal::Idle => {
                self.next_id =
                    retain.count.map_or(u64::MAX, |count| store.last_id() + (count / SLACK).max(1));
                let may_go = self.settled.saturating_sub(self.stayed.settled);
                if may_go.saturating_mul(SLACK) >= self.stayed.entries {
                    self.stayed = Stayed { settled: self.settled, ..Stayed::default() };
                }
                Removal::Looking { span: self.removable(retain, store)?, old: 0 }
            }
            Removal::Looking { span, old } => self.look(retain, store, now_ms, span, old)?,
            Removal::Removing { .. } if store.has_many_spare_pages()? => {
                store.shrink()?;
                self.state
            }
            Removal::Removing { span } => {
                let removed = store.remove(span, retain.discard)?;
                let span = Span { after: removed.until, ..span };
                self.stayed.through = span.after;
                self.stayed.entries += removed.stayed;
                // The rest in later turns: a commit that removes a long log would hold everybody up.
                if span.after < span.until { Removal::Removing { span } } else { Removal::Shrinking }
            }
            Removal::Shrinking if store.shrink()? => Removal::Shrinking,
            // The file is smaller only after a checkpoint.
            Removal::Shrinking => {
                store.tidy_up_with_commit()?;
                Removal::Idle
            }
        };
        Ok(())
    }

    /// The entries that may be removed, but those that had to stay.
    fn removable(&self, retain: &Retain, store: &Store) -> Result<Span, StoreError> {
        let span = store.removable(retain.discard)?;
        Ok(Span { after: span.after.max(self.stayed.through), ..span })
    }

    /// Looks at the ages of a piece of the log; once a young entry is found, the old ones go.
    fn look(
        &self,
        retain: &Retain,
        store: &Store,
        now_ms: u64,
        span: Span,
        old: u64,
    ) -> Result<Removal, StoreError> {
        let whole = self.removable(retain, store)?;
        let part = span.first_part();
        let ages = match retain.age {
            Some(age) => store.ages(part, now_ms.saturating_sub(age.as_millis() as u64), now_ms)?,
            None => return removing(retain, store, whole, 0),
        };
        let old = ages.newest_old.unwrap_or(old);
        if ages.any_young || part.until >= span.until {
            return removing(retain, store, whole, old);
        }
        Ok(Removal::Looking { span: Span { after: part.until, ..span }, old })
    }
}

/// What goes is known: entries up to the newest old one, and those beyond the number.
fn removing(retain: &Retain, store: &Store, whole: Span, old: u64) -> Result<Removal, StoreError> {
    let surplus = retain.count.map_or(0, |count| store.last_id().saturating_sub(count));
    let until = old.max(surplus).min(whole.until);
    Ok(match until > whole.after {
        true => Removal::Removing { span: Span { until, ..whole } },
        // A run that ended in the middle left its free pages.
        false if store.spare_pages()? > 0 => Removal::Shrinking,
        false => Removal::Idle,
    })
}
