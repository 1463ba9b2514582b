//! How implementations of SIMP differ, as data: each habit that a peer can have, how it is recognised by what the
//! peer sends, and what we do then (SIMP 7). No implementation has a name here: whoever shows a habit has it.
//!
//! - here: the habits, what is recognised by the form of one datagram, and what the machine asks.
//! - `delivery` and `chat` recognise those that take several datagrams to show, and say so with [`Dialect::set`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::datagram::{Datagram, Operation};
use crate::deviations::Deviations;
use crate::text::TEXT_MAX;

/// Some peers look for an ACK only after this long: before, they are still busy with sending (SIMP 7).
const ACK_NOT_BEFORE: Duration = Duration::from_millis(30);

/// The user that a SYN+ACK comes from where it only means that the peer's user is being asked (SIMP 7). No user of ours
/// can have that name.
pub const RINGING_USER: &str = "Daemon";

/// What makes a datagram odd. What a user may write into a text does not.
const ODD: [Deviations; 6] = [
    Deviations::PADDING,
    Deviations::NAME,
    Deviations::LENGTH,
    Deviations::TRAILER,
    Deviations::OPERATION,
    Deviations::SEQUENCE,
];

/// A way to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Its last datagram was written in a way that none of the other habits names. We read it and go on.
    Odd,
    /// Its control datagrams have no Length. A FIN is answered with FIN and ACK in one.
    ShortControl,
    /// Its texts begin with NUL: that is dropped, and put before ours.
    LeadingNul,
    /// Its datagrams end in the complement of a ones' complement sum: so do ours.
    Checksum,
    /// Its datagrams end in a ones' complement sum: so do ours.
    Sum,
    /// Numbers the messages of both directions together: so do we.
    OneCounter,
    /// Wants 1 as the number of our first message.
    StartsAtOne,
    /// How it wants our messages numbered is known: it has acknowledged one.
    NumbersKnown,
    /// Numbers its messages 1, 2, 3 and so on: two in a row never have the same number.
    CountsUp,
    /// Gives different messages the same number: a repeat is known by its text and its time.
    SameNumber,
    /// Its ACKs have numbers that say nothing: any of them confirms what is in flight.
    UnnumberedAcks,
    /// Never acknowledges a message: each is transmitted once, and told as unconfirmed.
    NeverAcks,
    /// Numbers first copies 2, and takes our ACK of a message for something else: we send none.
    WantsNoAcks,
    /// Misses ACKs that come at once: they leave a little later.
    MissesFastAcks,
    /// Does not acknowledge a repeat: where its only ACK was lost, the message is told as unconfirmed.
    IgnoresRepeats,
    /// Its SYN+ACK only says that its user is asked; its first message is the acceptance, and so is ours.
    Rings,
    /// Accepts with a bare ACK.
    AcceptsByAck,
    /// Sends each line as a SYN with text, and as a message.
    LineAsSyn,
    /// Its user and ours must write in turns. It cannot be recognised: only the user can say so.
    TakesTurns,
    /// Sends back what we send.
    Echoes,
    /// The number of its first message is 1.
    BeginsAtOne,
}

impl Habit {
    /// All habits, with their names for lists and settings. A place here is a bit that is kept, so a new one goes to the
    /// end.
    pub const ALL: [(Self, &str); 21] = [
        (Self::Odd, "odd"),
        (Self::ShortControl, "short-control"),
        (Self::LeadingNul, "leading-nul"),
        (Self::Checksum, "checksum"),
        (Self::Sum, "sum"),
        (Self::OneCounter, "one-counter"),
        (Self::StartsAtOne, "starts-at-one"),
        (Self::NumbersKnown, "numbers-known"),
        (Self::CountsUp, "counts-up"),
        (Self::SameNumber, "same-number"),
        (Self::UnnumberedAcks, "unnumbered-acks"),
        (Self::NeverAcks, "never-acks"),
        (Self::WantsNoAcks, "wants-no-acks"),
        (Self::MissesFastAcks, "misses-fast-acks"),
        (Self::IgnoresRepeats, "ignores-repeats"),
        (Self::Rings, "rings"),
        (Self::AcceptsByAck, "accepts-by-ack"),
        (Self::LineAsSyn, "line-as-syn"),
        (Self::TakesTurns, "takes-turns"),
        (Self::Echoes, "echoes"),
        (Self::BeginsAtOne, "begins-at-one"),
    ];

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// All that is known of how one peer speaks. The default is SIMP as specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    habits: u32,
    /// How many bytes of payload it receives, where that is known; 0 where it is not.
    cuts_at: u16,
    /// Our user says how the peer speaks: nothing is learned.
    is_pinned: bool,
}

impl Dialect {
    /// Whether the peer has this habit.
    pub fn has(self, habit: Habit) -> bool {
        self.habits & habit.bit() != 0
    }

    /// Whether it may number messages otherwise than the specification has it.
    pub(crate) fn counts_otherwise(self) -> bool {
        self.may_mind_syn() || self.has(Habit::BeginsAtOne)
    }

    /// Holds the peer to this, whatever it shows.
    pub fn pin(&mut self) {
        self.is_pinned = true;
    }

    /// Whether our user has said how the peer speaks.
    pub fn is_pinned(self) -> bool {
        self.is_pinned
    }

    /// Notes that the peer has this habit, or has it not; nothing where our user has said how it speaks.
    pub fn set(&mut self, habit: Habit, has: bool) {
        if self.is_pinned {
            return;
        }
        if has { self.habits |= habit.bit() } else { self.habits &= !habit.bit() }
    }

    /// Whether the peer has shown anything that one which holds to the specification does not do, whatever is lost on
    /// the way.
    pub fn is_foreign(self) -> bool {
        let may_be_plain = [
            // What is lost on the way, or comes late, or was lost with a daemon that was stopped.
            Habit::NumbersKnown,
            Habit::MissesFastAcks,
            Habit::StartsAtOne,
            Habit::BeginsAtOne,
            Habit::SameNumber,
            Habit::NeverAcks,
            Habit::IgnoresRepeats,
            Habit::AcceptsByAck,
            // What their users do.
            Habit::TakesTurns,
            Habit::Echoes,
        ];
        self.habits & !may_be_plain.iter().fold(0, |bits, habit| bits | habit.bit()) != 0
    }

    /// Whether the peer may mind a second SYN: those that were seen to differ tend to. The form of its datagrams alone
    /// says nothing of that.
    pub(crate) fn may_mind_syn(self) -> bool {
        Self { habits: self.habits & !Habit::Odd.bit(), ..self }.is_foreign()
    }

    /// Learns from the form of a datagram of the peer.
    pub fn learn(&mut self, datagram: &Datagram) {
        let deviations = datagram.deviations;
        self.set(Habit::Odd, ODD.iter().any(|one| deviations.has(*one)));
        self.set(Habit::Checksum, deviations.has(Deviations::CHECKSUM));
        self.set(Habit::Sum, deviations.has(Deviations::SUM));
        match datagram.operation {
            Operation::Chat => self.set(Habit::LeadingNul, begins_with_nul(&datagram.payload)),
            _ => {
                let is_short = deviations.has(Deviations::SHORT);
                // Those that were seen do both. Its first text will show.
                let is_new = is_short && !self.has(Habit::ShortControl);
                let is_no_more = !is_short && self.has(Habit::ShortControl);
                self.set(Habit::LeadingNul, is_new || (self.has(Habit::LeadingNul) && !is_no_more));
                self.set(Habit::ShortControl, is_short);
            }
        }
        if datagram.operation == Operation::SynAck && datagram.seq != 0 {
            self.set(Habit::UnnumberedAcks, true);
        }
    }

    /// The text of a message of the peer: a NUL before it, and those that fill it up, are none of it.
    pub(crate) fn text_of(self, payload: &[u8]) -> &[u8] {
        let text = if begins_with_nul(payload) { payload.get(1..).unwrap_or_default() } else { payload };
        let filled = text.iter().rev().take_while(|byte| **byte == 0).count();
        text.get(..text.len() - filled).unwrap_or_default()
    }

    /// The payload of a message to the peer.
    pub(crate) fn payload_of(self, text: &str) -> Vec<u8> {
        let nul: &[u8] = if self.has(Habit::LeadingNul) { b"\0" } else { b"" };
        [nul, text.as_bytes()].concat()
    }

    /// What the peer wants of the form of ours.
    pub(crate) fn form(self) -> Deviations {
        Deviations::default()
            .with(Deviations::CHECKSUM, self.has(Habit::Checksum))
            .with(Deviations::SUM, self.has(Habit::Sum))
    }

    /// The longest text that it receives whole, in bytes.
    pub fn text_max(self) -> usize {
        let payload = if self.cuts_at == 0 { TEXT_MAX } else { usize::from(self.cuts_at) };
        let nul = usize::from(self.has(Habit::LeadingNul));
        let sum = if self.form().is_empty() { 0 } else { 2 };
        payload.saturating_sub(nul + sum)
    }

    /// How long after its message our ACK leaves; `None` where it wants none.
    pub(crate) fn ack_after(self) -> Option<Duration> {
        match () {
            () if self.has(Habit::WantsNoAcks) => None,
            () if self.has(Habit::MissesFastAcks) => Some(ACK_NOT_BEFORE),
            () => Some(Duration::ZERO),
        }
    }

    /// What its FIN is answered with.
    pub fn answer_to_fin(self) -> Operation {
        if self.has(Habit::ShortControl) { Operation::FinAck } else { Operation::Ack }
    }

    /// Whether its SYN+ACK says only that its user is being asked.
    pub(crate) fn is_ringing(syn_ack: &Datagram) -> bool {
        syn_ack.user.as_str() == RINGING_USER
    }

    /// What our user should know, one line each.
    pub fn notes(self) -> impl Iterator<Item = String> {
        let told = [
            (Habit::NeverAcks, "does not acknowledge: delivery cannot be confirmed"),
            (Habit::IgnoresRepeats, "acknowledges a message once only: some deliveries cannot be confirmed"),
            (Habit::TakesTurns, "takes turns"),
            (Habit::Echoes, "sends our texts back"),
        ];
        let told =
            told.into_iter().filter(move |(habit, _)| self.has(*habit)).map(|(_, note)| note.to_owned());
        let cuts = (self.text_max() < TEXT_MAX).then(|| format!("cuts at {} bytes", self.text_max()));
        told.chain(cuts)
    }
}

/// Whether there is a NUL before a text.
fn begins_with_nul(payload: &[u8]) -> bool {
    matches!(payload, [0, _, ..])
}

/// The names of its habits, separated by commas, and `cuts-at=N`; `plain` where there is none.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            Habit::ALL.iter().filter(|(habit, _)| self.has(*habit)).map(|(_, name)| (*name).to_owned());
        let cuts = (self.cuts_at > 0).then(|| format!("cuts-at={}", self.cuts_at));
        let all: Vec<_> = names.chain(cuts).collect();
        f.write_str(if all.is_empty() { "plain" } else { "" })?;
        f.write_str(&all.join(","))
    }
}

/// Not a habit that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no habit (plain, cuts-at=N with N from 1 to {TEXT_MAX}, or of: {names})", names = names())]
pub struct DialectError(String);

fn names() -> String {
    Habit::ALL.map(|(_, name)| name).join(", ")
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        let mut dialect = Self::default();
        for word in text.split(',').map(str::trim) {
            let habit = Habit::ALL.iter().find(|(_, name)| *name == word);
            let limit = word.strip_prefix("cuts-at=").and_then(|limit| limit.parse().ok());
            match (habit, limit) {
                // Whoever wants none sends none.
                (Some((Habit::WantsNoAcks, _)), _) => {
                    dialect.set(Habit::WantsNoAcks, true);
                    dialect.set(Habit::NeverAcks, true);
                }
                (Some((habit, _)), _) => dialect.set(*habit, true),
                (None, Some(limit)) if (1..=TEXT_MAX).contains(&usize::from(limit)) => {
                    dialect.cuts_at = limit;
                }
                _ if word == "plain" => {}
                _ => return Err(DialectError(word.to_owned())),
            }
        }
        Ok(dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::UserName;

    #[test]
    fn a_dialect_reads_as_it_is_written() {
        for text in ["plain", "odd,short-control,leading-nul", "never-acks,cuts-at=500", "cuts-at=985"] {
            assert_eq!(text.parse::<Dialect>().unwrap().to_string(), text);
        }
        let all = names().replace(' ', "");
        assert_eq!(all.parse::<Dialect>().unwrap().to_string(), all);
        for (place, (habit, _)) in Habit::ALL.iter().enumerate() {
            assert_eq!(*habit as usize, place);
        }
    }

    #[test]
    fn what_is_no_habit_is_named_and_so_are_those_that_there_are() {
        for bad in ["pads", "cuts-at=0", "cuts-at=986", "cuts-at=", ""] {
            let line = bad.parse::<Dialect>().unwrap_err().to_string();
            assert!(line.starts_with(&format!("'{bad}' is no habit (plain, ")), "{line}");
            assert!(line.contains("one-counter"), "{line}");
        }
    }

    #[test]
    fn a_peer_that_holds_to_the_specification_is_not_foreign_and_one_that_does_not_is() {
        let user = UserName::new("bob").unwrap();
        let mut bob = Dialect::default();
        for (operation, payload) in [(Operation::Syn, ""), (Operation::Ack, ""), (Operation::Chat, "hi")] {
            bob.learn(&Datagram::new(operation, 1, user, payload.into()));
        }
        assert!(!bob.is_foreign());
        let in_texts = [Deviations::PAYLOAD, Deviations::NON_ASCII, Deviations::NUL, Deviations::COMBINED];
        for (one, name) in Deviations::NAMES {
            let plain = Datagram::new(Operation::Ack, 0, user, Vec::new());
            let mut odd = bob;
            odd.learn(&Datagram { deviations: one, ..plain.clone() });
            assert_eq!(odd.is_foreign(), !in_texts.contains(&one), "{name}");
            odd.learn(&plain);
            assert!(!odd.is_foreign(), "{name} is no more");
        }
    }

    #[test]
    fn the_user_is_told_what_matters_and_no_more() {
        let notes = |text: &str| text.parse::<Dialect>().unwrap().notes().collect::<Vec<_>>();
        assert_eq!(notes("odd,one-counter,numbers-known,rings"), [""; 0]);
        assert_eq!(notes("takes-turns,cuts-at=500"), ["takes turns", "cuts at 500 bytes"]);
        assert_eq!(notes("leading-nul"), ["cuts at 984 bytes"]);
        assert_eq!(notes("never-acks"), ["does not acknowledge: delivery cannot be confirmed"]);
    }
}
