//! Datagrams that cannot leave: the way out is blocked for all, or our own system refuses this one. What has not left is
//! no attempt, and nothing is repeated meanwhile (SIMP 4, 6).

use std::time::Instant;

use simp_values::Reason;

use super::Chat;
use super::pending::{ANSWER_GOOD_FOR, Pending};
use super::phase::Phase;
use crate::arq::{RETRANSMIT_AFTER, postponed};

/// The way out.
impl Chat {
    /// What [`poll_transmit`](Self::poll_transmit) has.
    pub fn pending(&self) -> Pending {
        self.out.pending()
    }

    /// What was polled last, or is still to be polled, cannot leave for now. Until [`release`](Self::release) nothing is
    /// transmitted again and no attempt counts; an invitation or a request ends all the same when its time is over, and
    /// leaving takes no longer.
    pub fn hold_back(&mut self, now: Instant) {
        self.out.hold_back(now);
    }

    /// Whether something of ours is held back.
    pub fn is_held_back(&self) -> bool {
        self.out.held_since().is_some()
    }

    /// What was held back leaves at this moment: every wait for an answer begins with it, and messages that waited
    /// follow.
    pub fn release(&mut self, now: Instant) {
        let Some(since) = self.out.held_since() else { return };
        self.out.release();
        let by = now.saturating_duration_since(since.instant());
        if by > ANSWER_GOOD_FOR {
            self.out.drop_answers();
        }
        match &mut self.phase {
            Phase::Inviting { syn, .. } => syn.due += by,
            Phase::Accepting { syn_ack, ack_at } => {
                syn_ack.due = postponed(syn_ack.due, now, by);
                *ack_at = ack_at.map(|at| postponed(at, now, by));
            }
            Phase::Leaving { dead_at, .. } => *dead_at = postponed(*dead_at, now, by),
            Phase::Invited { .. } | Phase::Open { .. } | Phase::Draining { .. } | Phase::Closed => {}
        }
        self.messages.arq.postpone(now, by);
        if matches!(self.phase, Phase::Open { .. } | Phase::Draining { .. }) {
            self.deliver(now);
        }
        self.tell_learned();
    }

    /// Our own system did not take what was polled last. In an open chat it counts as no attempt, and the message
    /// leaves again when it would be repeated. An invitation whose first SYN it was ends with these words; without
    /// words it goes on.
    pub fn handle_refused(&mut self, now: Instant, words: Option<&str>) {
        match &mut self.phase {
            Phase::Inviting { syn, .. } => match words {
                Some(words) if syn.sent <= 1 => self.end(Reason::NobodyThere, Some(words.to_owned())),
                _ => {
                    syn.sent = syn.sent.saturating_sub(1);
                    syn.due = syn.due.min((now + RETRANSMIT_AFTER).into());
                }
            },
            Phase::Open { .. } | Phase::Draining { .. } => self.messages.arq.uncount(),
            // Nobody has been promised anything, so these end in time.
            Phase::Accepting { .. } | Phase::Invited { .. } | Phase::Leaving { .. } | Phase::Closed => {}
        }
    }

    /// When the phase wants to be looked at although something is held back.
    pub(super) fn deadline_if_held(&self) -> Option<Instant> {
        match self.phase {
            Phase::Inviting { expires, .. } | Phase::Invited { expires, .. } => Some(expires.instant()),
            Phase::Leaving { .. } => self.phase.deadline(),
            Phase::Accepting { .. } | Phase::Open { .. } | Phase::Draining { .. } | Phase::Closed => None,
        }
    }
}
