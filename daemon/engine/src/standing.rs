//! What the peer of a chat has shown of being where its datagrams say that they come from. Anybody can write any source
//! on a datagram: what needs nothing of ours proves nothing, and neither costs the address more than it sent, nor takes
//! a place for good (SIMP 5).
//!
//! Two questions have two answers. An ACK of our SYN+ACK, or a message in its place, shows that the address *receives*:
//! nobody need be kept from it any more. It can be sent blindly, though, so a chat is *proved* only by the ACK of a message
//! of ours, which nobody can time who does not receive. A question whether somebody is there can be answered blindly by
//! whoever keeps sending, so that an answer to it counts for a while only.

use std::time::{Duration, Instant};

use simp_control::State;
use simp_proto::{HEADER_LEN, Operation};

/// So many bytes more than came from it go to an address that has shown nothing: those of the ERR that it would get as a
/// stranger. One SYN+ACK or FIN may be lost, and many peers invite once only.
const CREDIT: usize = HEADER_LEN + "User already in another chat".len();

/// A question is asked once more after this long.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A peer that has not answered by then is not there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A peer that answers is left in peace for so long. Not for ever: whoever keeps sending ACKs may have answered blindly.
const ASK_ANEW_AFTER: Duration = Duration::from_secs(60);

/// What a peer has shown, and whether it is being asked.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    proof: Proof,
    question: Option<Question>,
}

/// What a peer has shown of being there.
#[derive(Debug, Clone, Copy)]
enum Proof {
    /// Nothing since then: its address gets so many bytes more.
    None { since: Instant, credit: usize },
    /// The same, but our user has accepted: what is said in the chat leaves once it is open, and so does its end.
    Accepted { since: Instant, credit: usize },
    /// It answered our SYN+ACK, which can be guessed. It is not asked before this moment.
    Guessable { ask_from: Option<Instant> },
    /// It reacted to what only its address received, or our user has invited it.
    Given,
}

/// We have asked, and wait for an answer.
#[derive(Debug, Clone, Copy)]
struct Question {
    again_at: Option<Instant>,
    until: Instant,
}

/// What a question has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It is asked once more.
    AskAgain,
    /// Nobody is there.
    Gone,
}

impl Standing {
    /// Of a peer that our user invites, or that is known to be there.
    pub fn proved() -> Self {
        Self { proof: Proof::Given, question: None }
    }

    /// Of somebody who invites us, by a datagram of so many bytes.
    pub fn unheard(now: Instant, length: usize) -> Self {
        Self { proof: Proof::None { since: now, credit: length + CREDIT }, question: None }
    }

    /// Of the peer of an open chat of which no more is known.
    pub fn guessable() -> Self {
        Self { proof: Proof::Guessable { ask_from: None }, question: None }
    }

    /// Whether nothing that the peer sent can have been sent blindly.
    pub fn is_proved(&self) -> bool {
        matches!(self.proof, Proof::Given)
    }

    /// Since when it has shown nothing.
    pub fn unheard_since(&self) -> Option<Instant> {
        match self.proof {
            Proof::None { since, .. } | Proof::Accepted { since, .. } => Some(since),
            Proof::Guessable { .. } | Proof::Given => None,
        }
    }

    /// Whether it has been asked, and there is still time to answer.
    pub fn is_asked(&self) -> bool {
        self.question.is_some()
    }

    /// It has acknowledged a message of ours, or shown in other ways that it is there.
    pub fn prove(&mut self) {
        *self = Self::proved();
    }

    /// Our user accepts its invitation.
    pub fn accept(&mut self) {
        if let Proof::None { since, credit } = self.proof {
            self.proof = Proof::Accepted { since, credit };
        }
    }

    /// So many bytes came from its address.
    pub fn earn(&mut self, length: usize) {
        if let Proof::None { credit, .. } | Proof::Accepted { credit, .. } = &mut self.proof {
            *credit = credit.saturating_add(length);
        }
    }

    /// Whether so many bytes may leave for its address, in a chat that is in this state. If not, they are as lost on the
    /// way: all of them, or an ACK of one would pass for that of another.
    pub fn spend(&mut self, length: usize, state: State) -> bool {
        let (Proof::None { credit, .. } | Proof::Accepted { credit, .. }) = &mut self.proof else {
            return true;
        };
        let left = credit.checked_sub(length);
        *credit = left.unwrap_or(*credit);
        left.is_some()
            || (matches!(self.proof, Proof::Accepted { .. }) && matches!(state, State::Open | State::Closed))
    }

    /// Its datagram has been dealt with, and the chat is in this state now.
    pub fn hear(&mut self, now: Instant, operation: Operation, state: State) {
        let is_answer = matches!(operation, Operation::Ack | Operation::SynAck | Operation::Chat);
        if self.unheard_since().is_some() && is_answer && state == State::Open {
            self.proof = Proof::Guessable { ask_from: None };
        }
        // Whoever invites anew does not answer.
        if operation != Operation::Syn && self.question.take().is_some() {
            self.proof = Proof::Guessable { ask_from: Some(now + ASK_ANEW_AFTER) };
        }
    }

    /// Whether it may be asked whether it is there.
    pub fn may_be_asked(&self, now: Instant) -> bool {
        let has_time = match self.proof {
            Proof::None { .. } | Proof::Accepted { .. } => true,
            Proof::Guessable { ask_from } => ask_from.is_none_or(|from| from <= now),
            Proof::Given => false,
        };
        has_time && !self.is_asked()
    }

    /// It is being asked.
    pub fn ask(&mut self, now: Instant) {
        self.question = Some(Question { again_at: Some(now + ASK_AGAIN_AFTER), until: now + ANSWERS_WITHIN });
    }

    /// Our SYN+ACK has asked it.
    pub fn wait_for_answer(&mut self, now: Instant) {
        let until = self.unheard_since().unwrap_or(now) + ANSWERS_WITHIN;
        self.question = Some(Question { again_at: None, until: until.max(now) });
    }

    /// When [`unanswered`](Self::unanswered) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        self.question.map(|question| question.again_at.unwrap_or(question.until))
    }

    /// What is to be done about a question that is not answered.
    pub fn unanswered(&mut self, now: Instant) -> Option<Unanswered> {
        let question = self.question.as_mut()?;
        if question.until <= now {
            self.question = None;
            return Some(Unanswered::Gone);
        }
        question.again_at.take_if(|at| *at <= now).map(|_| Unanswered::AskAgain)
    }
}
