//! What the peer of a chat has shown of being where its datagrams say that they come from. Anybody can write any source
//! on a datagram: what needs nothing of ours proves nothing, and neither costs the address more than it sent, nor takes
//! a place for good (SIMP 5).
//!
//! An ACK of our SYN+ACK, or a message in its place, opens a chat, and can be guessed. So can each ACK of a message, by
//! whoever knows when we say something; but one that comes when nothing asks for it gives the guess away
//! ([`acks`](crate::acks)). A chat is *proved* by some in a row that all fit. Until then there is little in advance for its
//! address ([`credit`](crate::credit)), and the peer may be asked whether it is there: it answers at once, and then only.

use std::time::{Duration, Instant};

use simp_control::State;
use simp_proto::{Handled, Moment, Operation};

use crate::acks::Acks;
use crate::credit::Credit;

/// So many messages that a peer acknowledges in a row prove that it is there, unless an ACK is in vain meanwhile.
const PROVED_BY: u8 = 4;

/// A question is asked once more after this long.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A peer that has not answered by then is not there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A peer that was asked is left in peace for so long. Not for ever: whoever knows when we ask may have answered blindly.
const ASK_ANEW_AFTER: Duration = Duration::from_secs(60);

/// The same of one that is proved, since its last answer: it may have gone without a word.
const ASK_PROVED_AFTER: Duration = Duration::from_secs(600);

/// What a peer has shown, and whether it is being asked. Of one that our user has invited or accepted, and that is there,
/// nothing need be known: so little do most chats take.
#[derive(Debug)]
pub struct Standing(Option<Box<Doubt>>);

// Each chat that a stranger began has one.
const _: () = assert!(size_of::<Doubt>() <= 40);

/// What a peer has shown that our user has not spoken for.
#[derive(Debug)]
struct Doubt {
    proof: Proof,
    question: Option<Question>,
    credit: Credit,
    acks: Acks,
}

/// What it has shown of being there.
#[derive(Debug, Clone, Copy)]
enum Proof {
    /// Nothing since then.
    None { since: Moment },
    /// The same, but our user has accepted: what is said in the chat leaves once it is open, and so does its end. Whoever
    /// answers then is left in peace.
    Accepted { since: Moment },
    /// It answered our SYN+ACK, and has acknowledged so many messages in a row. It is not asked before this moment.
    Guessable { fits: u8, said: Said, ask_from: Option<Moment> },
}

/// What a peer has said that opened a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nothing since.
    Nothing,
    /// Something.
    Something,
    /// Something, but no answer when it was asked whether it is there. Some cannot answer.
    NoAnswer,
}

/// We have asked, and wait for an answer.
#[derive(Debug, Clone, Copy)]
struct Question {
    until: Moment,
    /// Before that it is asked once more.
    is_again: bool,
}

/// What a question has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It is asked once more.
    AskAgain,
    /// Somebody may be there who cannot answer.
    Unsure,
    /// Nobody is there.
    Gone,
}

impl Standing {
    /// Of a peer that our user invites, or that is known to be there.
    pub fn proved() -> Self {
        Self(None)
    }

    /// Of somebody who invites us, by a datagram of so many bytes.
    pub fn unheard(now: Instant, length: usize) -> Self {
        let credit = Credit::of_invitation(now, length);
        Self::doubted(Proof::None { since: now.into() }, credit, Acks::default())
    }

    /// Of somebody who invited the last run.
    pub fn unheard_by_last_run(now: Instant) -> Self {
        Self::doubted(Proof::None { since: now.into() }, Credit::of_invitation(now, 0), Acks::of_last_run())
    }

    /// Of the peer of a chat that the last run had and of which no more is known.
    pub fn guessable(now: Instant) -> Self {
        let mut credit = Credit::of_invitation(now, 0);
        credit.open(now);
        Self::doubted(Proof::opened(Said::Nothing), credit, Acks::of_last_run())
    }

    fn doubted(proof: Proof, credit: Credit, acks: Acks) -> Self {
        Self(Some(Box::new(Doubt { proof, question: None, credit, acks })))
    }

    /// Whether hardly anybody can have sent blindly what the peer sent.
    pub fn is_proved(&self) -> bool {
        self.0.as_ref().is_none_or(|doubt| doubt.proof.is_proof())
    }

    /// Whether it is proved, or may be: it has acknowledged a message of ours.
    pub fn may_have_heard(&self) -> bool {
        self.0.as_ref().is_none_or(|doubt| matches!(doubt.proof, Proof::Guessable { fits: 1.., .. }))
    }

    /// Since when it has shown nothing.
    pub fn unheard_since(&self) -> Option<Instant> {
        self.0.as_ref()?.proof.unheard_since()
    }

    /// Whether it has been asked, and there is still time to answer.
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|doubt| doubt.question.is_some())
    }

    /// How many of our messages a peer has acknowledged that said something, but nothing to our question; `None` for any
    /// other.
    pub fn acknowledged_if_unsure(&self) -> Option<u8> {
        match self.0.as_ref()?.proof {
            Proof::Guessable { fits, said: Said::NoAnswer, .. } => Some(fits),
            _ => None,
        }
    }

    /// It has acknowledged a message of ours.
    pub fn acknowledge(&mut self, now: Instant) {
        if let Some(doubt) = &mut self.0 {
            doubt.acknowledge(now);
        }
    }

    /// Our user accepts its invitation.
    pub fn accept(&mut self) {
        let Some(doubt) = &mut self.0 else { return };
        if let Proof::None { since } = doubt.proof {
            doubt.proof = Proof::Accepted { since };
        }
    }

    /// So many bytes came from its address.
    pub fn earn(&mut self, length: usize) {
        if let Some(doubt) = &mut self.0 {
            doubt.credit.earn(length);
        }
    }

    /// Whether so many bytes may leave for its address, in a chat that is in this state. If not, they are as lost on the
    /// way.
    pub fn spend(&mut self, now: Instant, length: usize, state: State) -> bool {
        self.0.as_mut().is_none_or(|doubt| doubt.spend(now, length, state))
    }

    /// This leaves for its address.
    pub fn note_leaving(&mut self, operation: Operation) {
        if let Some(doubt) = &mut self.0 {
            doubt.acks.note_leaving(operation);
        }
    }

    /// A datagram came from there. Whether it may be what it seems to be: an ACK of what never left is not.
    pub fn may_hear(&mut self, now: Instant, operation: Operation) -> bool {
        self.0.as_mut().is_none_or(|doubt| doubt.may_hear(now, operation))
    }

    /// Its datagram has been dealt with: what it was to the chat, which is in this state now, and whether a message of ours
    /// was in flight in it.
    pub fn hear(
        &mut self,
        now: Instant,
        operation: Operation,
        handled: Handled,
        (state, was_in_flight): (State, bool),
    ) {
        let Some(doubt) = &mut self.0 else { return };
        doubt.hear(now, operation, handled, (state, was_in_flight));
        if state == State::Open && matches!(doubt.proof, Proof::Accepted { .. }) && is_answer(operation) {
            self.0 = None;
        }
    }

    /// Whether it may be asked whether it is there.
    pub fn may_be_asked(&self, now: Instant) -> bool {
        self.0.as_ref().is_some_and(|doubt| doubt.question.is_none() && doubt.proof.may_be_asked(now))
    }

    /// It is being asked.
    pub fn ask(&mut self, now: Instant) {
        self.wait_for(Question { until: (now + ANSWERS_WITHIN).into(), is_again: true });
    }

    /// Our SYN+ACK has asked it.
    pub fn wait_for_answer(&mut self, now: Instant) {
        let until = self.unheard_since().unwrap_or(now) + ANSWERS_WITHIN;
        self.wait_for(Question { until: until.max(now).into(), is_again: false });
    }

    fn wait_for(&mut self, question: Question) {
        if let Some(doubt) = &mut self.0 {
            doubt.question = Some(question);
        }
    }

    /// When [`unanswered`](Self::unanswered) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        Some(self.0.as_ref()?.question?.deadline())
    }

    /// What is to be done about a question that is not answered.
    pub fn unanswered(&mut self, now: Instant) -> Option<Unanswered> {
        let doubt = self.0.as_mut()?;
        let question = doubt.question.as_mut()?;
        if question.until <= now {
            doubt.question = None;
            return Some(doubt.proof.unanswered(now));
        }
        let is_again = question.is_again && question.deadline() <= now;
        question.is_again &= !is_again;
        is_again.then_some(Unanswered::AskAgain)
    }
}

impl Question {
    fn deadline(self) -> Instant {
        if self.is_again { self.until - (ANSWERS_WITHIN - ASK_AGAIN_AFTER) } else { self.until.instant() }
    }
}

/// Whether whoever says this has heard us, if the chat is open.
fn is_answer(operation: Operation) -> bool {
    matches!(operation, Operation::Ack | Operation::SynAck | Operation::Chat)
}

impl Doubt {
    fn acknowledge(&mut self, now: Instant) {
        let Proof::Guessable { fits, said, .. } = &mut self.proof else { return };
        if self.acks.are_in_doubt(now) {
            return;
        }
        (*fits, *said) = (fits.saturating_add(1), Said::Something);
        self.credit.restore();
        if self.proof.is_proof() {
            self.leave_in_peace(now);
        }
    }

    fn spend(&mut self, now: Instant, length: usize, state: State) -> bool {
        if self.proof.is_proof() {
            return true;
        }
        if matches!(self.proof, Proof::Guessable { .. }) {
            self.credit.grow(now);
        }
        let is_wanted =
            matches!(self.proof, Proof::Accepted { .. }) && matches!(state, State::Open | State::Closed);
        self.credit.spend(length) || is_wanted
    }

    fn may_hear(&mut self, now: Instant, operation: Operation) -> bool {
        if operation != Operation::Ack || self.acks.may_be_owed(now) || self.proof.is_proof() {
            return true;
        }
        if let Proof::Guessable { fits, .. } = &mut self.proof {
            *fits = 0;
        }
        false
    }

    fn hear(
        &mut self,
        now: Instant,
        operation: Operation,
        handled: Handled,
        (state, was_in_flight): (State, bool),
    ) {
        let is_ack = operation == Operation::Ack;
        // One that is not of the message in flight may be a copy of another. Then that of the message is still to come.
        if is_ack && (handled == Handled::Expected || !was_in_flight) {
            self.acks.settle();
        }
        match &mut self.proof {
            Proof::None { .. } if state == State::Open && is_answer(operation) => {
                // A message says more than an ACK: it may be all that somebody has to say who answers no question.
                let said = if operation == Operation::Chat { Said::Something } else { Said::Nothing };
                self.proof = Proof::opened(said);
                self.credit.open(now);
            }
            // Whoever invites anew does not answer.
            Proof::Guessable { said: said @ Said::Nothing, .. } if operation != Operation::Syn => {
                *said = Said::Something;
            }
            Proof::None { .. } | Proof::Accepted { .. } | Proof::Guessable { .. } => {}
        }
        if is_ack && self.question.is_some() && !self.acks.are_in_doubt(now) {
            self.leave_in_peace(now);
        }
    }

    /// It has answered.
    fn leave_in_peace(&mut self, now: Instant) {
        let after = if self.proof.is_proof() { ASK_PROVED_AFTER } else { ASK_ANEW_AFTER };
        if let Proof::Guessable { said, ask_from, .. } = &mut self.proof {
            (*said, *ask_from) = (Said::Something, Some((now + after).into()));
        }
        self.question = None;
    }
}

impl Proof {
    /// Of whoever has just opened a chat.
    fn opened(said: Said) -> Self {
        Self::Guessable { fits: 0, said, ask_from: None }
    }

    fn is_proof(&self) -> bool {
        matches!(self, Self::Guessable { fits: PROVED_BY.., .. })
    }

    fn unheard_since(&self) -> Option<Instant> {
        match self {
            Self::None { since } | Self::Accepted { since } => Some(since.instant()),
            Self::Guessable { .. } => None,
        }
    }

    fn may_be_asked(&self, now: Instant) -> bool {
        match self {
            Self::None { .. } | Self::Accepted { .. } => true,
            Self::Guessable { ask_from, .. } => ask_from.is_none_or(|from| from <= now),
        }
    }

    /// It has not answered in time.
    fn unanswered(&mut self, now: Instant) -> Unanswered {
        match self {
            Self::Guessable { said, ask_from, .. } if *said != Said::Nothing => {
                (*said, *ask_from) = (Said::NoAnswer, Some((now + ASK_ANEW_AFTER).into()));
                Unanswered::Unsure
            }
            _ => Unanswered::Gone,
        }
    }
}
