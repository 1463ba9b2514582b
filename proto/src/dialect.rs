//! How implementations of SIMP differ, as data: the habits that a peer can have, and what we do for each (SIMP 7). No
//! implementation has a name here: whoever shows a habit has it. What shows a habit is the detector's to know.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use simp_values::text::{Seq, TEXT_MAX};

use crate::datagram::Operation;
use crate::form::Form;
use crate::numbering::Rule;

/// Some peers look for an ACK only after this long: before, they are still busy with sending (SIMP 7).
const ACK_NOT_BEFORE: Duration = Duration::from_millis(30);

/// The user that a SYN+ACK comes from if it only means that the peer's user is being asked (SIMP 7). No user of ours
/// can have that name.
pub const RINGING_USER: &str = "Daemon";

/// Whoever rings looks for what it is told a few times a second: the message that accepts leaves so long after the SYN+ACK,
/// and the next one so long after that, or it is taken for a part of it (SIMP 7).
pub(crate) const LOOKS_WITHIN: Duration = Duration::from_millis(800);

/// The user that a SYN+ACK comes from if whoever answers for its user never acknowledges a message (SIMP 7). A guess, which
/// any ACK takes back.
pub(crate) const SILENT_USER: &str = "daemon";

/// A way to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Its last datagram was written in a way that none of the other habits names. We read it and go on.
    Odd,
    /// Its control datagrams have no Length. A FIN is answered with FIN and ACK in one.
    ShortControl,
    /// Its texts begin with NUL: that is dropped, and put before ours.
    LeadingNul,
    /// Numbers the messages of both directions together: so do we.
    OneCounter,
    /// Its numbers begin at 1: each direction's, or those of its one counter. So do ours.
    StartsAtOne,
    /// Numbers its messages 1, 2, 3 and so on: two in a row never have the same number.
    CountsUp,
    /// Gives different messages the same number: a repeat is known by its text and its time.
    SameNumber,
    /// Its ACKs have numbers that say nothing: any of them confirms what is in flight.
    UnnumberedAcks,
    /// Its ACKs have the number that comes next, and so must ours.
    AcksNext,
    /// Never acknowledges a message: each is transmitted once, and reported as unconfirmed.
    NeverAcks,
    /// Numbers first copies 2, and takes our ACK of a message for something else: we send none.
    WantsNoAcks,
    /// Misses ACKs that come at once: they leave a little later.
    MissesFastAcks,
    /// Does not acknowledge a repeat: if its only ACK was lost, the message is reported as unconfirmed. One that is foreign
    /// gets fewer copies.
    IgnoresRepeats,
    /// Its SYN+ACK only says that its user is asked; its first message is the acceptance, and so is ours.
    Rings,
    /// Accepts with a bare ACK.
    AcceptsByAck,
    /// Sends each line as a SYN with text, and as a message.
    LineAsSyn,
    /// Its user reads only after writing, so that ours wait for its turn, and leave together. It cannot be recognised, but
    /// by its form: only the user can say so.
    TakesTurns,
}

impl Habit {
    /// All habits, with their names for lists and settings.
    pub const ALL: [(Self, &str); 17] = [
        (Self::Odd, "odd"),
        (Self::ShortControl, "short-control"),
        (Self::LeadingNul, "leading-nul"),
        (Self::OneCounter, "one-counter"),
        (Self::StartsAtOne, "starts-at-one"),
        (Self::CountsUp, "counts-up"),
        (Self::SameNumber, "same-number"),
        (Self::UnnumberedAcks, "unnumbered-acks"),
        (Self::AcksNext, "acks-next"),
        (Self::NeverAcks, "never-acks"),
        (Self::WantsNoAcks, "wants-no-acks"),
        (Self::MissesFastAcks, "misses-fast-acks"),
        (Self::IgnoresRepeats, "ignores-repeats"),
        (Self::Rings, "rings"),
        (Self::AcceptsByAck, "accepts-by-ack"),
        (Self::LineAsSyn, "line-as-syn"),
        (Self::TakesTurns, "takes-turns"),
    ];

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// All that is known of how one peer speaks. The default is SIMP as specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    habits: u32,
    /// How its datagrams are written, and ours to it.
    form: Form,
    /// How many bytes of payload it receives; 0 if that is not known.
    cuts_at: u16,
    /// Our user says how the peer speaks: nothing is learned.
    is_pinned: bool,
}

impl Dialect {
    /// Whether the peer has this habit.
    pub fn has(self, habit: Habit) -> bool {
        self.habits & habit.bit() != 0
    }

    /// How the peer numbers messages, as far as is known. Whoever rings has one counter, unless its numbers have shown
    /// otherwise.
    pub(crate) fn rule(self) -> Rule {
        let from_one = self.has(Habit::StartsAtOne);
        match () {
            () if self.form == Form::Of2021 => Rule::BothCount,
            () if self.has(Habit::WantsNoAcks) => Rule::Marks,
            () if self.has(Habit::CountsUp) => Rule::CountsUp,
            () if self.has(Habit::SameNumber) => Rule::Constant,
            () if self.has(Habit::OneCounter) && from_one => Rule::OneCounterFromOne,
            () if self.has(Habit::OneCounter) || self.has(Habit::Rings) => Rule::OneCounter,
            () if from_one => Rule::AlternatesFromOne,
            () => Rule::Alternates,
        }
    }

    /// How its datagrams are written.
    pub fn form(self) -> Form {
        self.form
    }

    /// Notes how its datagrams are written; nothing if our user has said how it speaks.
    pub(crate) fn set_form(&mut self, form: Form) {
        if !self.is_pinned {
            self.form = form;
        }
    }

    /// Notes how the peer numbers messages, which its form does not say. Whoever marks first copies acknowledges no message, and wants no ACK.
    pub(crate) fn set_rule(&mut self, rule: Rule) {
        let is_one_counter = matches!(rule, Rule::OneCounter | Rule::OneCounterFromOne);
        let is_from_one = matches!(rule, Rule::AlternatesFromOne | Rule::OneCounterFromOne);
        if self.has(Habit::WantsNoAcks) != (rule == Rule::Marks) {
            self.set(Habit::WantsNoAcks, rule == Rule::Marks);
            self.set(Habit::NeverAcks, rule == Rule::Marks);
        }
        self.set(Habit::CountsUp, rule == Rule::CountsUp);
        self.set(Habit::SameNumber, rule == Rule::Constant);
        self.set(Habit::OneCounter, is_one_counter);
        self.set(Habit::StartsAtOne, is_from_one);
    }

    /// Holds the peer to this, whatever it shows.
    pub fn pin(&mut self) {
        self.is_pinned = true;
    }

    /// Whether our user has said how the peer speaks.
    pub fn is_pinned(self) -> bool {
        self.is_pinned
    }

    /// Notes that the peer has this habit, or has it not; nothing if our user has said how it speaks.
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
            // What is lost on the way, or comes late, may look so.
            Habit::MissesFastAcks,
            Habit::SameNumber,
            Habit::NeverAcks,
            Habit::IgnoresRepeats,
            Habit::AcceptsByAck,
            // What its user does.
            Habit::TakesTurns,
        ];
        let may_be_plain = may_be_plain.iter().fold(0, |bits, habit| bits | habit.bit());
        self.form != Form::Specified || self.habits & !may_be_plain != 0
    }

    /// Whether it is foreign by more than the form of its datagrams: one that is tends to mind a second SYN, and to
    /// number messages otherwise.
    pub(crate) fn behaves_otherwise(self) -> bool {
        let form = if self.form == Form::Of2021 { self.form } else { Form::Specified };
        Self { habits: self.habits & !Habit::Odd.bit(), form, ..self }.is_foreign()
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

    /// Whether its user reads only after writing: the programs of the form of 2021 do.
    pub(crate) fn takes_turns(self) -> bool {
        self.has(Habit::TakesTurns) || self.form == Form::Of2021
    }

    /// The longest text that it receives whole, in bytes.
    pub fn text_max(self) -> usize {
        let payload = if self.cuts_at == 0 { TEXT_MAX } else { usize::from(self.cuts_at) };
        payload.min(self.form.payload_max()).saturating_sub(usize::from(self.has(Habit::LeadingNul)))
    }

    /// How long after its message our ACK leaves; `None` if it wants none.
    pub(crate) fn ack_after(self) -> Option<Duration> {
        match () {
            () if self.has(Habit::WantsNoAcks) => None,
            () if self.has(Habit::MissesFastAcks) => Some(ACK_NOT_BEFORE),
            () => Some(Duration::ZERO),
        }
    }

    /// The number that our ACK of its message with this number has.
    pub(crate) fn ack_of(self, seq: u8) -> u8 {
        if self.has(Habit::AcksNext) { Seq::of(seq).next().field() } else { seq }
    }

    /// The number of our message that its ACK with this number is of, as far as its ACKs are numbered.
    pub(crate) fn acked_by(self, seq: u8) -> u8 {
        if self.has(Habit::AcksNext) { Seq::of(seq).next().field() } else { seq }
    }

    /// What its FIN is answered with.
    pub fn answer_to_fin(self) -> Operation {
        if self.has(Habit::ShortControl) { Operation::FinAck } else { Operation::Ack }
    }

    /// What our user should know, one line each.
    pub fn notes(self) -> impl Iterator<Item = String> {
        let notes = [
            (self.has(Habit::NeverAcks), "does not acknowledge: delivery cannot be confirmed"),
            (
                self.has(Habit::IgnoresRepeats),
                "acknowledges a message once only: some deliveries cannot be confirmed",
            ),
            (self.takes_turns(), "takes turns"),
        ];
        let notes = notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note.to_owned());
        let cuts = (self.text_max() < TEXT_MAX).then(|| format!("cuts at {} bytes", self.text_max()));
        notes.chain(cuts)
    }
}

/// Whether there is a NUL before a text.
pub(crate) fn begins_with_nul(payload: &[u8]) -> bool {
    matches!(payload, [0, _, ..])
}

/// Its form, the names of its habits, and `cuts-at=N`, separated by commas; `plain` if there is none.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Habit::ALL.iter().filter(|(habit, _)| self.has(*habit)).map(|(_, name)| *name);
        let names = self.form.name().into_iter().chain(names).map(str::to_owned);
        let cuts = (self.cuts_at > 0).then(|| format!("cuts-at={}", self.cuts_at));
        let all: Vec<_> = names.chain(cuts).collect();
        f.write_str(if all.is_empty() { "plain" } else { "" })?;
        f.write_str(&all.join(","))
    }
}

/// Not a habit that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown habit '{0}' (known: plain, cuts-at=N with N from 1 to {TEXT_MAX}, {names})", names = names())]
pub struct DialectError(String);

fn names() -> String {
    let forms = Form::NAMES.iter().map(|(_, name)| *name);
    forms.chain(Habit::ALL.iter().map(|(_, name)| *name)).collect::<Vec<_>>().join(", ")
}

impl Dialect {
    /// What an earlier run kept. A word that only another version knows says nothing to this one.
    pub fn from_kept(text: &str) -> Self {
        let mut dialect = Self::default();
        for word in text.split(',') {
            let _ = dialect.read_word(word);
        }
        dialect
    }

    fn read_word(&mut self, word: &str) -> Result<(), DialectError> {
        if let Some((form, _)) = Form::NAMES.iter().find(|(_, name)| *name == word) {
            self.form = *form;
            return Ok(());
        }
        let habit = Habit::ALL.iter().find(|(_, name)| *name == word);
        let limit = word.strip_prefix("cuts-at=").and_then(|limit| limit.parse().ok());
        match (habit, limit) {
            // Whoever wants none sends none.
            (Some((Habit::WantsNoAcks, _)), _) => {
                self.set(Habit::WantsNoAcks, true);
                self.set(Habit::NeverAcks, true);
            }
            (Some((habit, _)), _) => self.set(*habit, true),
            (None, Some(limit)) if (1..=TEXT_MAX).contains(&usize::from(limit)) => self.cuts_at = limit,
            _ if word == "plain" => {}
            _ => return Err(DialectError(word.to_owned())),
        }
        Ok(())
    }
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        let mut dialect = Self::default();
        text.split(',').try_for_each(|word| dialect.read_word(word.trim()))?;
        Ok(dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_reads_as_it_is_written() {
        for text in ["plain", "odd,short-control,leading-nul", "never-acks,cuts-at=500", "cuts-at=985"] {
            assert_eq!(text.parse::<Dialect>().unwrap().to_string(), text);
        }
        for (form, name) in Form::NAMES {
            assert_eq!(name.parse::<Dialect>().unwrap().form(), form);
        }
        // A peer has one form.
        let all = names().replace("two-byte-length, one-byte-length, ", "").replace(' ', "");
        assert_eq!(all.parse::<Dialect>().unwrap().to_string(), all);
        for rule in Rule::ALL {
            let mut dialect = Dialect::default();
            dialect.set_rule(rule);
            assert_eq!(dialect.rule(), rule, "{dialect}");
        }
    }

    #[test]
    fn what_another_version_kept_is_read_as_far_as_it_is_known() {
        let kept = Dialect::from_kept("odd,checksum,numbers-known,one-counter,cuts-at=500");
        assert_eq!(kept.to_string(), "odd,one-counter,cuts-at=500");
        assert_eq!(Dialect::from_kept(""), Dialect::default());
    }

    #[test]
    fn an_unknown_habit_is_named_and_so_are_those_that_are_known() {
        for bad in ["pads", "cuts-at=0", "cuts-at=986", "cuts-at=", ""] {
            let line = bad.parse::<Dialect>().unwrap_err().to_string();
            assert!(line.starts_with(&format!("unknown habit '{bad}' (known: plain, ")), "{line}");
            assert!(line.contains("one-counter"), "{line}");
        }
    }

    #[test]
    fn the_user_is_told_what_matters_and_no_more() {
        let notes = |text: &str| text.parse::<Dialect>().unwrap().notes().collect::<Vec<_>>();
        assert_eq!(notes("odd,one-counter,rings"), [""; 0]);
        assert_eq!(notes("takes-turns,cuts-at=500"), ["takes turns", "cuts at 500 bytes"]);
        assert_eq!(notes("leading-nul"), ["cuts at 984 bytes"]);
        assert_eq!(notes("form-2021"), ["takes turns", "cuts at 255 bytes"]);
        assert_eq!(notes("never-acks"), ["does not acknowledge: delivery cannot be confirmed"]);
    }
}
