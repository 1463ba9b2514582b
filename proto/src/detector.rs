//! What finds out how a peer speaks: from what it sends, and from what it does not answer, to habits (SIMP 7).
//! Each `see_` method is one observation. What is decided here is how often a message leaves and what its
//! silence means, because the silence is an observation too. How messages are numbered is found by [`numbering`](crate::numbering).

use std::time::Duration;

use simp_values::text::Seq;

use crate::datagram::{Datagram, Operation};
use crate::deviations::Deviations;
use crate::dialect::{Dialect, Habit, SILENT_USER, begins_with_nul};
use crate::form::Form;
use crate::numbering::Rule;

/// What makes a datagram odd. What a user may write into a text does not.
const ODD: [Deviations; 6] = [
    Deviations::PADDING,
    Deviations::NAME,
    Deviations::LENGTH,
    Deviations::TRAILER,
    Deviations::OPERATION,
    Deviations::SEQUENCE,
];

/// This many ACKs in a row with the right number cannot be a coincidence.
const FITS: u8 = 2;

/// A repeat comes from this long after, if its sender did not see the ACK.
const REPEATED_FROM: Duration = Duration::from_secs(4);

/// After this many misses in a row despite the later ACK, its coming at once was not the reason.
const MISSED_LATER: u8 = 3;

/// This many unacknowledged copies to a peer that hears us cannot be bad luck.
const HEARD_FOR: u32 = 3;

/// How often a message is transmitted at most to a peer that does not acknowledge repeats.
const COPIES_IF_IGNORED: u32 = 3;

/// What to do about a message whose copies were not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Transmit it again.
    Repeat,
    /// Go on with the next: the peer lives, and may have this one.
    GoOn,
    /// Give the peer up.
    PeerGone,
}

/// Our messages in this chat before the one in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// There are none.
    None,
    /// The peer has acknowledged none of them.
    Unacknowledged,
    /// The peer has acknowledged one.
    Acknowledged,
}

/// What is known before the message in flight goes unanswered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// Our messages before it.
    pub(crate) ours: Earlier,
    /// The numbers of the chat are not all as specified.
    pub(crate) is_unspecified: bool,
    /// The peer may want it with the other number.
    pub(crate) may_be_other: bool,
}

/// What the peer did since the first copy of our message in flight. What cannot be counted further is as good as more.
#[derive(Debug, Clone, Copy, Default)]
struct Signs {
    /// New messages.
    messages: u8,
    /// How many copies had left when it showed that it hears us.
    copies_when_heard: Option<u8>,
}

/// Messages in a row that the peer repeated although they were acknowledged.
#[derive(Debug, Clone, Copy, Default)]
struct Missed {
    in_a_row: u8,
    /// The last one is among them.
    is_last: bool,
}

/// What has changed in what is known of how the peer speaks, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// What is known now.
    pub dialect: Dialect,
    /// What showed it.
    pub because: &'static str,
}

/// What is known of how one peer speaks, and what has been noticed since.
#[derive(Debug)]
pub(crate) struct Detector {
    dialect: Dialect,
    /// What showed the first change since one was last reported. In a box, for few learn anything.
    #[expect(clippy::redundant_allocation, reason = "one word is all that most chats have to spare")]
    because: Option<Box<&'static str>>,
    /// ACKs in a row that had the right number.
    fits: u8,
    missed: Missed,
    signs: Signs,
    /// Messages in a row that were not acknowledged.
    unconfirmed: u8,
}

impl Detector {
    /// Begins with what is known from earlier chats.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            because: None,
            fits: 0,
            missed: Missed::default(),
            signs: Signs::default(),
            unconfirmed: 0,
        }
    }

    /// What is known.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Learns nothing from now on: our user has said how the peer speaks.
    pub(crate) fn pin(&mut self) {
        self.dialect.pin();
        self.because = None;
    }

    /// What has changed since the last call; one change, however many habits it is of.
    pub(crate) fn poll_learned(&mut self) -> Option<Learned> {
        self.because.take().map(|because| Learned { dialect: self.dialect, because: *because })
    }

    fn learn(&mut self, habit: Habit, has: bool, because: &'static str) {
        let before = self.dialect;
        self.dialect.set(habit, has);
        self.note_change(before, because);
    }

    fn note_change(&mut self, before: Dialect, because: &'static str) {
        if self.dialect != before {
            self.because.get_or_insert_with(|| because.into());
        }
    }
}

/// Of any datagram, and of the opening.
impl Detector {
    /// A datagram came: its form.
    pub(crate) fn see_form(&mut self, datagram: &Datagram) {
        let deviations = datagram.deviations;
        let before = self.dialect;
        self.dialect.set_form(datagram.form);
        self.note_change(before, "the form of its datagram");
        let is_odd = ODD.iter().any(|one| deviations.has(*one));
        self.learn(Habit::Odd, is_odd, if is_odd { "a datagram is odd" } else { "a datagram is plain" });
        if datagram.operation == Operation::Chat {
            self.learn(Habit::LeadingNul, begins_with_nul(&datagram.payload), "the first byte of its text");
        } else if deviations.has(Deviations::SHORT) != self.dialect.has(Habit::ShortControl) {
            let is_short = deviations.has(Deviations::SHORT);
            let because = if is_short { "a datagram without Length" } else { "a datagram with Length" };
            self.learn(Habit::ShortControl, is_short, because);
            // Those that were seen do both. Its first text will show.
            self.learn(Habit::LeadingNul, is_short, because);
        }
        if datagram.operation == Operation::SynAck && datagram.seq != 0 {
            self.learn(Habit::UnnumberedAcks, true, "its SYN+ACK to 0 has another number");
        }
    }

    /// Its SYN+ACK accepts our invitation.
    pub(crate) fn see_syn_ack(&mut self, syn_ack: &Datagram) {
        self.see_acceptance(false);
        // One that is not foreign gets its copies all the same, until it acknowledges one.
        if syn_ack.user.as_str() == SILENT_USER && self.dialect.is_foreign() {
            self.learn(Habit::NeverAcks, true, "who answers for it acknowledges nothing");
        }
    }

    /// Its ACK of our SYN+ACK, which had the number 0.
    pub(crate) fn see_opening_ack(&mut self, ack: &Datagram) {
        if ack.seq == 1 && self.dialect.form() == Form::OneByteLength {
            self.learn(Habit::AcksNext, true, "its ACK has the next number");
        }
    }

    /// Its SYN+ACK only says that its user is being asked, or it accepts like one whose SYN+ACK does; or not.
    pub(crate) fn see_ringing(&mut self, rings: bool) {
        let because = if rings { "it accepts by a message" } else { "its first message is no acceptance" };
        self.learn(Habit::Rings, rings, because);
    }

    /// It accepts with a bare ACK, or not.
    pub(crate) fn see_acceptance(&mut self, is_ack: bool) {
        let because = if is_ack { "an ACK answers our SYN" } else { "a SYN+ACK answers our SYN" };
        self.learn(Habit::AcceptsByAck, is_ack, because);
    }
}

/// Of its messages.
impl Detector {
    /// A message came; `is_acknowledged`: it has acknowledged one of ours.
    pub(crate) fn see_chat(&mut self, deviations: Deviations, is_acknowledged: bool) {
        if deviations.has(Deviations::OPERATION) && !is_acknowledged {
            self.learn(Habit::NeverAcks, true, "a message with another operation");
        }
    }

    /// A line came as a SYN. Whoever sends lines so has ACKs for SYNs.
    pub(crate) fn see_line(&mut self, is_acknowledged: bool) {
        self.learn(Habit::LineAsSyn, true, "a SYN with a text in a chat");
        if !is_acknowledged {
            self.learn(Habit::NeverAcks, true, "a SYN with a text in a chat");
        }
    }

    /// A message came that had not come as a line.
    pub(crate) fn see_no_line(&mut self) {
        self.learn(Habit::LineAsSyn, false, "a message without a SYN before it");
    }

    /// Its numbers, or its ACKs, have shown how it numbers messages.
    pub(crate) fn see_rule(&mut self, rule: Rule) {
        let before = self.dialect;
        self.dialect.set_rule(rule);
        self.note_change(before, rule.reason());
    }

    /// A message came that is new, when so many copies of ours in flight had left; `None` if none is.
    pub(crate) fn see_new(&mut self, sent: Option<u32>) {
        if !std::mem::take(&mut self.missed.is_last) {
            self.missed.in_a_row = 0;
        }
        self.signs.messages = self.signs.messages.saturating_add(1);
        self.see_life(sent);
        // It would not have sent another, had our ACK of the one before not come through.
        if self.signs.messages > 1 {
            self.see_hearing(sent);
        }
    }

    /// A copy came of a message that was acknowledged: its ACK was lost, or came while the peer did not look.
    pub(crate) fn see_copy(&mut self, since: Option<Duration>, sent: Option<u32>) {
        self.see_life(sent);
        // To one that holds to the specification a later ACK might pass for that of the message after the next.
        if !self.dialect.is_foreign() || since.is_none_or(|since| since < REPEATED_FROM) {
            return;
        }
        if !std::mem::replace(&mut self.missed.is_last, true) {
            self.missed.in_a_row += 1;
        }
        let delays_acks = self.dialect.has(Habit::MissesFastAcks);
        if !delays_acks || self.missed.in_a_row >= MISSED_LATER {
            self.missed.in_a_row = 0;
            self.learn(Habit::MissesFastAcks, !delays_acks, "it repeats what was acknowledged");
        }
    }

    /// One that differs shows by any message that it is there. One that holds to the specification may be hard to hear,
    /// and not hear us at all.
    fn see_life(&mut self, sent: Option<u32>) {
        if self.dialect.is_foreign() {
            self.see_hearing(sent);
        }
    }

    /// The peer shows that it hears us.
    pub(crate) fn see_hearing(&mut self, sent: Option<u32>) {
        let sent = sent.map(|sent| u8::try_from(sent).unwrap_or(u8::MAX));
        self.signs.copies_when_heard = self.signs.copies_when_heard.or(sent);
    }
}

/// Of its ACKs, and of their absence.
impl Detector {
    /// The first copy of a message of ours leaves.
    pub(crate) fn begin_message(&mut self) {
        self.signs = Signs::default();
    }

    /// An ACK came, although it never acknowledges.
    pub(crate) fn see_any_ack(&mut self) {
        self.learn(Habit::NeverAcks, false, "an ACK of a message");
    }

    /// An ACK came for what is in flight, with the right number or another one.
    pub(crate) fn see_ack(&mut self, is_right: bool) {
        // By chance it fits one message, but not two in a row.
        self.fits = if is_right { self.fits.saturating_add(1) } else { 0 };
        if self.fits >= FITS {
            self.learn(Habit::UnnumberedAcks, false, "its ACKs have the right numbers");
        }
    }

    /// An ACK came with this number for what is in flight with another one.
    pub(crate) fn see_wrong_ack(&mut self, ours: Seq, seq: u8) {
        // One bit leaves it open which of the two is meant; with this form one was seen that means the next.
        let acks_next = self.dialect.has(Habit::AcksNext);
        if acks_next || (self.dialect.form() == Form::OneByteLength && seq == ours.next().field()) {
            self.learn(Habit::AcksNext, !acks_next, "its ACK has the other number");
        }
    }

    /// Only ACKs with a number that no copy had have come; and there is no other reason to take them for right.
    pub(crate) fn see_unnumbered_ack(&mut self) {
        if !self.dialect.has(Habit::AcksNext) {
            self.learn(Habit::UnnumberedAcks, true, "only an ACK with another number came");
        }
    }

    /// It has acknowledged a message of ours that was transmitted so often.
    pub(crate) fn see_delivered(&mut self, sent: u32) {
        self.unconfirmed = 0;
        if sent > 1 {
            self.learn(Habit::IgnoresRepeats, false, "it acknowledged a repeat");
        }
    }

    /// Whether a message is transmitted once: the peer never acknowledges. But if it is our first in the chat and was given
    /// up so early, our next would look to a plain peer as if we began at 1.
    pub(crate) fn is_sent_once(&self, is_first: bool) -> bool {
        let is_sure = self.dialect.is_foreign() || self.dialect.is_pinned();
        self.dialect.has(Habit::NeverAcks) && (is_sure || !is_first)
    }

    /// How often a message is transmitted. `attempts`: how often to one that holds to the specification.
    fn copies(&self, attempts: u32, before: Before) -> u32 {
        match () {
            () if self.is_sent_once(before.ours == Earlier::None) => 1,
            () if self.dialect.has(Habit::IgnoresRepeats)
                && self.dialect.is_foreign()
                && before.ours == Earlier::Acknowledged =>
            {
                attempts.min(COPIES_IF_IGNORED)
            }
            () => attempts,
        }
    }

    /// Whether a foreign peer that has acknowledged none of our messages has written one instead of an ACK.
    pub(crate) fn speaks_instead(&self, before: Before) -> bool {
        let is_acknowledged = before.ours == Earlier::Acknowledged;
        self.dialect.is_foreign() && !is_acknowledged && !before.may_be_other && self.signs.messages > 0
    }

    /// Our message in flight was transmitted so often, and not acknowledged: what to do.
    pub(crate) fn unanswered(&mut self, sent: u32, attempts: u32, before: Before) -> Unanswered {
        let is_foreign = self.dialect.is_foreign();
        let is_acknowledged = before.ours == Earlier::Acknowledged;
        let is_heard = self.signs.copies_when_heard.is_some_and(|from| sent >= u32::from(from) + HEARD_FOR);
        let mut is_last = sent >= self.copies(attempts, before);
        let is_heard = is_heard || self.speaks_instead(before);
        if is_heard && !is_acknowledged && !self.dialect.is_pinned() && (is_foreign || is_last) {
            self.learn(Habit::NeverAcks, true, "it hears us, and acknowledges nothing");
            is_last = true;
        }
        if !is_last {
            return Unanswered::Repeat;
        }
        // Its ACK may be lost, and a repeat gets none: the next message shows whether the peer is there.
        let may_ignore =
            is_foreign || before.is_unspecified || is_heard || self.dialect.has(Habit::IgnoresRepeats);
        let is_there = is_acknowledged || (is_foreign && self.signs.messages > 0);
        if self.dialect.has(Habit::NeverAcks) {
            // It says no more than this.
        } else if is_there && may_ignore && (is_heard || self.unconfirmed == 0) {
            self.learn(Habit::IgnoresRepeats, true, "it acknowledged others, and no copy of this one");
        } else {
            return Unanswered::PeerGone;
        }
        self.unconfirmed = self.unconfirmed.saturating_add(1);
        Unanswered::GoOn
    }

    /// Whether no message has gone unanswered since the last that was acknowledged.
    pub(crate) fn is_first_unanswered(&self) -> bool {
        self.unconfirmed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_values::text::UserName;

    #[test]
    fn the_form_of_one_datagram_makes_a_peer_foreign_and_of_the_next_plain_again() {
        let user = UserName::new("bob").unwrap();
        let plain = Datagram::new(Operation::Ack, 0, user, Vec::new());
        let mut bob = Detector::new(Dialect::default());
        for (operation, payload) in [(Operation::Syn, ""), (Operation::Ack, ""), (Operation::Chat, "hi")] {
            bob.see_form(&Datagram::new(operation, 1, user, payload.into()));
        }
        assert_eq!(bob.poll_learned(), None);
        let in_texts = [Deviations::PAYLOAD, Deviations::NON_ASCII, Deviations::NUL, Deviations::COMBINED];
        for (one, name) in Deviations::NAMES {
            bob.see_form(&Datagram { deviations: one, ..plain.clone() });
            assert_eq!(bob.dialect().is_foreign(), !in_texts.contains(&one), "{name}");
            assert_eq!(bob.poll_learned().is_some(), !in_texts.contains(&one), "{name} is one change");
            bob.see_form(&plain);
            assert!(!bob.dialect().is_foreign(), "{name} is no more");
            bob.poll_learned();
        }
    }
}
