//! Which number our next message has, and which the peer's next may have (SIMP 3, 7): rules by which implementations
//! number messages, as hypotheses. What a rule gives and allows is a pure function of the numbers seen so far.
//!
//! Each new number counts against the rules that do not allow it. One is enough to refute any rule but the
//! specification's, which takes several. The rule that holds stays until it is refuted; then the first in [`Rule::ALL`]
//! holds that no number has refuted in this chat; if none is left, all begin anew with the last number.
//!
//! Knows no texts, no time and no ACK habits: what is a new message, and what acknowledges ours, is decided elsewhere.

use simp_values::text::Seq;

/// A rule by which messages are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each direction by itself: 0, 1, 0. The specification.
    Alternates,
    /// One counter for both directions, which each message turns over, from 0.
    OneCounter,
    /// The same from 1: the handshake counts too.
    OneCounterFromOne,
    /// Each direction by itself, from 1.
    AlternatesFromOne,
    /// A first copy has 2, a repeat 1.
    Marks,
    /// Its own count up, modulo 256.
    CountsUp,
    /// Its own all have the same number.
    Constant,
    /// So do ours count up, from the beginning of whoever sends: those of the inviting side from 0. The form of 2021/22
    /// has it (SIMP 8), and nothing else shows it: it is none of those that numbers are weighed for.
    BothCount,
}

/// The first number of the side that accepted, if both count (SIMP 8).
const ACCEPTING_FROM: Seq = Seq::ZERO.plus(100);

/// Which side's invitation began the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Inviter {
    /// We did.
    #[default]
    Us,
    /// The peer did.
    Them,
}

impl Rule {
    /// All that numbers can show, the more likely first: the specification until it is refuted, then those of many programs.
    pub(crate) const ALL: [Self; 7] = [
        Self::Alternates,
        Self::OneCounter,
        Self::OneCounterFromOne,
        Self::AlternatesFromOne,
        Self::Marks,
        Self::CountsUp,
        Self::Constant,
    ];

    /// The same by how little they change of what we send; those last that give our messages other numbers.
    const MOST_CAREFUL_FIRST: [Self; 7] = [
        Self::Alternates,
        Self::CountsUp,
        Self::Marks,
        Self::Constant,
        Self::AlternatesFromOne,
        Self::OneCounter,
        Self::OneCounterFromOne,
    ];

    /// Whether the messages of both directions turn one counter over.
    pub(crate) fn is_one_counter(self) -> bool {
        matches!(self, Self::OneCounter | Self::OneCounterFromOne)
    }

    /// What a log says that the peer does.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Alternates => "its numbers alternate",
            Self::OneCounter | Self::OneCounterFromOne => "its number follows the last of either direction",
            Self::AlternatesFromOne => "its numbers alternate from 1",
            Self::Marks => "its first copy has the number 2",
            Self::CountsUp => "its numbers count up",
            Self::Constant => "its messages have the same number",
            Self::BothCount => "both count up in this form",
        }
    }

    /// The number of our next message after this one, if none of the peer's comes between.
    pub(crate) fn after(self, seq: Seq) -> Seq {
        if self == Self::BothCount { seq.plus(1) } else { seq.next() }
    }

    /// That of the one before.
    fn before(self, seq: Seq) -> Seq {
        if self == Self::BothCount { seq.plus(u8::MAX) } else { seq.next() }
    }

    fn first(self, inviter: Inviter) -> Seq {
        match (self, inviter) {
            (Self::OneCounterFromOne | Self::AlternatesFromOne, _) => Seq::ONE,
            (Self::BothCount, Inviter::Them) => ACCEPTING_FROM,
            _ => Seq::ZERO,
        }
    }

    /// The number of our next message after these.
    fn ours(self, seen: &Numbers) -> Seq {
        let before = if self.is_one_counter() { seen.last.map(|(seq, _)| seq) } else { seen.ours };
        before.map_or(self.first(seen.inviter), |before| self.after(before))
    }

    /// Whether a new message of the peer may have this number after these. One that crosses ours has the number of
    /// ours if both directions share a counter; one that answers ours has the next.
    fn allows(self, seen: &Numbers, in_flight: Option<Seq>, seq: u8) -> bool {
        match (self, seen.theirs) {
            // Whoever had a number above one bit may turn to this rule from anywhere.
            (Self::Alternates | Self::AlternatesFromOne, Theirs::Last(2..)) => seq <= 1,
            (Self::OneCounter | Self::OneCounterFromOne, Theirs::Last(2..)) => false,
            (Self::OneCounter | Self::OneCounterFromOne, Theirs::Unknown) => seq <= 1,
            (Self::OneCounter | Self::OneCounterFromOne, _) => {
                seq == self.ours(seen).field() || in_flight.is_some_and(|ours| ours.next().field() == seq)
            }
            (Self::Alternates | Self::AlternatesFromOne, Theirs::None) => {
                seq == self.first(seen.inviter).field()
            }
            (Self::Alternates | Self::AlternatesFromOne, Theirs::Unknown) => seq <= 1,
            (Self::Alternates | Self::AlternatesFromOne, Theirs::Last(last)) => seq <= 1 && seq ^ 1 == last,
            (Self::Marks, Theirs::None | Theirs::Unknown) => seq == 2,
            // After that a first copy may be lost.
            (Self::Marks, Theirs::Last(last)) => (1..=2).contains(&last) && (1..=2).contains(&seq),
            (Self::CountsUp | Self::Constant, Theirs::None | Theirs::Unknown) | (Self::BothCount, _) => true,
            (Self::CountsUp, Theirs::Last(last)) => seq == last.wrapping_add(1),
            (Self::Constant, Theirs::Last(last)) => seq == last,
        }
    }
}

/// The peer's last message in this chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Theirs {
    /// There was none yet.
    #[default]
    None,
    /// There may have been one: before a restart, or one that was lost.
    Unknown,
    /// Its number.
    Last(u8),
}

/// The numbers of a chat so far.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    inviter: Inviter,
    theirs: Theirs,
    /// Of our last message that is settled.
    ours: Option<Seq>,
    /// Of the last message in either direction, and whose it was.
    last: Option<(Seq, Whose)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
}

/// How well the rule is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// On nothing, on an earlier chat, or on one ACK, which a lost one before can make that of the other number.
    Assumed,
    /// On numbers of this chat that refute the specification's rule.
    Shown,
    /// Our user has said so, or the form of the peer's datagrams.
    Pinned,
}

/// How many numbers in a row refute the specification's rule. Of a peer that repeats nothing some are missing, and of a
/// plain one that takes us for deaf: fewer would take these for peers that count otherwise (docs/faults.md).
const REFUTED: u8 = 5;

/// What a wrong first number counts: nothing is missing before it.
const FIRST_COUNTS: u8 = REFUTED - 1;

/// Something of each rule, by its place in [`Rule::ALL`].
#[derive(Debug, Clone, Copy)]
struct PerRule<T>([T; Rule::ALL.len()]);

impl<T: Copy> PerRule<T> {
    fn of(self, rule: Rule) -> T {
        self.0[rule as usize]
    }

    fn set(&mut self, rule: Rule, to: T) {
        self.0[rule as usize] = to;
    }
}

/// The numbers of one chat in both directions, and the rules that they leave.
#[derive(Debug)]
pub(crate) struct Numbering {
    seen: Numbers,
    rule: Rule,
    basis: Basis,
    /// What speaks against each rule: one for a number that it does not allow, more for some.
    against: PerRule<u8>,
    /// Whether the peer has acknowledged a message of ours.
    acknowledged: bool,
    /// Whether the peer's last two messages had one number.
    is_again: bool,
}

impl Numbering {
    /// At the beginning of a chat with a peer that is taken to follow this rule. `is_pinned`: whatever it shows.
    pub(crate) fn begin(rule: Rule, is_pinned: bool, inviter: Inviter) -> Self {
        let is_pinned = is_pinned || rule == Rule::BothCount;
        let basis = if is_pinned { Basis::Pinned } else { Basis::Assumed };
        let is_left = |other| rule == Rule::Alternates || other == rule;
        let against = PerRule(Rule::ALL.map(|other| if is_left(other) { 0 } else { REFUTED }));
        let seen = Numbers { inviter, ..Numbers::default() };
        Self { seen, rule, basis, against, acknowledged: false, is_again: false }
    }

    /// Goes on after a restart. `next`: the number of our message in flight, or of the next one.
    pub(crate) fn resume(rule: Rule, is_pinned: bool, next: Seq) -> Self {
        let before = rule.before(next);
        let (ours, last) = (Some(before), Some((before, Whose::Theirs)));
        let seen = Numbers { theirs: Theirs::Unknown, ours, last, ..Numbers::default() };
        Self { seen, ..Self::begin(rule, is_pinned, Inviter::default()) }
    }

    /// From now on this rule holds, whatever the peer shows.
    pub(crate) fn pin(&mut self, rule: Rule) {
        (self.rule, self.basis) = (rule, Basis::Pinned);
    }

    /// What was assumed was wrong: another rule is, unless numbers of this chat have shown one.
    pub(crate) fn assume(&mut self, rule: Rule) {
        if self.basis == Basis::Assumed && self.rule != rule {
            self.rule = rule;
            self.against.set(rule, 0);
        }
    }

    /// The rule that holds.
    pub(crate) fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether numbers of this chat have shown that the rule holds, and not the specification's.
    pub(crate) fn is_shown(&self) -> bool {
        self.basis == Basis::Shown
    }

    /// Whether the numbers are hardly the specification's: its rule is refuted, or about to be. A peer that takes us for
    /// deaf may leave out one now and then.
    pub(crate) fn is_unspecified(&self) -> bool {
        self.rule != Rule::Alternates || self.against.of(Rule::Alternates) >= FIRST_COUNTS
    }

    /// Whether the last message of the peer had its old number again, and nothing speaks against one number for all.
    pub(crate) fn seems_constant(&self) -> bool {
        self.is_again && self.may_be_constant()
    }

    /// Whether nothing speaks against one number for all messages of the peer.
    pub(crate) fn may_be_constant(&self) -> bool {
        self.against.of(Rule::Constant) == 0
    }

    /// Whether the peer has acknowledged a message of ours.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Whether none of our messages in this chat is settled.
    pub(crate) fn is_first_of_ours(&self) -> bool {
        self.seen.ours.is_none()
    }

    /// Whether the peer has written no message before, as far as is known.
    pub(crate) fn is_first_of_theirs(&self) -> bool {
        self.seen.theirs == Theirs::None
    }

    /// Whether the last message was ours.
    pub(crate) fn is_after_ours(&self) -> bool {
        matches!(self.seen.last, Some((_, Whose::Ours)))
    }

    /// The number of our message in flight, or of the next one.
    pub(crate) fn next(&self) -> Seq {
        self.rule.ours(&self.seen)
    }

    /// Whether the peer may want the other number of our next message: a rule that is left gives it that, and there is a
    /// sign that the peer differs. `differs`: its form or its ways are one. To a peer without such a sign no other number
    /// is ever tried, for a plain one would show the message twice.
    pub(crate) fn may_be_other(&self, differs: bool) -> bool {
        let gives_other = |rule: Rule| self.against.of(rule) == 0 && rule.ours(&self.seen) != self.next();
        let is_any = Rule::ALL.into_iter().any(gives_other);
        match (self.rule, self.basis) {
            (_, Basis::Pinned) => false,
            (Rule::Alternates, _) => {
                is_any && (self.is_unspecified() || (differs && self.seen.theirs == Theirs::None))
            }
            // What an earlier chat or one ACK has shown need not hold.
            (_, Basis::Assumed) => true,
            // One that turns its counter over once too often is seen too, and ignores what has the wrong number.
            (rule, Basis::Shown) => is_any || rule.is_one_counter(),
        }
    }

    /// A new message of the peer has this number. `in_flight`: that of ours, if one is. `is_one_enough`: the peer is
    /// known to differ in its ways, or there is another sign, so that one number refutes the specification's rule. Returns whether the rule that holds is
    /// another one, or has just been shown to hold.
    pub(crate) fn handle_theirs(&mut self, seq: u8, in_flight: Option<Seq>, is_one_enough: bool) -> bool {
        let before = (self.rule, self.basis);
        if self.basis != Basis::Pinned {
            self.weigh(seq, in_flight, is_one_enough);
        }
        self.is_again = self.seen.theirs == Theirs::Last(seq);
        self.seen.theirs = Theirs::Last(seq);
        self.seen.last = Some((Seq::of(seq), Whose::Theirs));
        (self.rule, self.basis) != before
    }

    fn weigh(&mut self, seq: u8, in_flight: Option<Seq>, is_one_enough: bool) {
        // If it does not share a counter, its number says nothing of ours in flight.
        let in_flight = in_flight.filter(|_| self.rule.is_one_counter());
        let allowed = PerRule(Rule::ALL.map(|rule| rule.allows(&self.seen, in_flight, seq)));
        self.count(seq, allowed);
        let refuted = if is_one_enough { 1 } else { REFUTED };
        let is_left = |rule: Rule| self.against.of(rule) < if rule == Rule::Alternates { refuted } else { 1 };
        let rule = match Rule::ALL.into_iter().find(|rule| is_left(*rule)) {
            Some(_) if is_left(self.rule) => self.rule,
            Some(rule) => rule,
            None => self.begin_anew(allowed),
        };
        self.adopt(rule);
        if rule != Rule::Alternates && !allowed.of(Rule::Alternates) {
            self.basis = Basis::Shown;
        }
    }

    /// Counts a number against the rules that do not allow it.
    fn count(&mut self, seq: u8, allowed: PerRule<bool>) {
        for rule in Rule::ALL {
            let counts = match (rule, self.seen.theirs) {
                _ if allowed.of(rule) => 0,
                // One bit has no such number.
                (Rule::Alternates, _) if seq > 1 => REFUTED,
                (Rule::Alternates, Theirs::None) => FIRST_COUNTS,
                _ => 1,
            };
            self.against.set(rule, self.against.of(rule).saturating_add(counts));
        }
        let alternates = [Rule::Alternates, Rule::AlternatesFromOne];
        let others = Rule::ALL.into_iter().filter(|rule| !alternates.contains(rule));
        if allowed.of(Rule::Alternates) && !others.into_iter().any(|rule| self.against.of(rule) == 0) {
            // Nothing else explains all numbers: wrong ones before were of lost messages. Where they began is still open.
            let is_open = u8::from(self.against.of(Rule::AlternatesFromOne) == 0);
            self.against.set(Rule::Alternates, self.against.of(Rule::Alternates).min(is_open));
        }
    }

    /// All rules are refuted, so something has changed. Begins with those that the last number leaves; as it is one number
    /// only, that one holds which changes least. For first copies and repeats there is no other sign than two of them.
    fn begin_anew(&mut self, allowed: PerRule<bool>) -> Rule {
        let is_left = |rule| allowed.of(rule) && (rule != Rule::Marks || self.seen.theirs == Theirs::Last(2));
        let left = PerRule(Rule::ALL.map(is_left));
        self.against = PerRule(left.0.map(|is_left| if is_left { 0 } else { REFUTED }));
        Rule::MOST_CAREFUL_FIRST.into_iter().find(|rule| left.of(*rule)).unwrap_or(Rule::Alternates)
    }

    fn adopt(&mut self, rule: Rule) {
        if rule != self.rule {
            (self.rule, self.basis) = (rule, Basis::Assumed);
        }
    }

    /// The peer has acknowledged a copy of our message with this number. Returns whether the rule that holds is another
    /// one: only a copy with the other number can show that.
    pub(crate) fn handle_ack(&mut self, seq: Seq) -> bool {
        let (before, seen) = (self.rule, self.seen);
        if self.basis != Basis::Pinned {
            let is_other = seq != self.next();
            for rule in Rule::ALL {
                match rule.ours(&seen) == seq {
                    true if is_other => self.against.set(rule, 0),
                    true => {}
                    false if rule == before && !is_other => {}
                    false => self.against.set(rule, REFUTED),
                }
            }
            let rule = Rule::ALL.into_iter().find(|rule| rule.ours(&seen) == seq);
            if let Some(rule) = rule.filter(|_| is_other) {
                self.adopt(rule);
            }
        }
        self.settle(seq);
        self.acknowledged = true;
        self.rule != before
    }

    /// If none of the peer's messages has come, there may have been some all the same.
    pub(crate) fn forget_beginning(&mut self) {
        if self.seen.theirs == Theirs::None {
            self.seen.theirs = Theirs::Unknown;
        }
    }

    /// Of the peer's messages so far nothing is known any more.
    pub(crate) fn forget_theirs(&mut self) {
        self.is_again = false;
        self.seen.theirs = Theirs::Unknown;
    }

    /// Our message with this number is over, whether or not the peer has it.
    pub(crate) fn settle(&mut self, seq: Seq) {
        self.seen.ours = Some(seq);
        self.seen.last = Some((seq, Whose::Ours));
    }
}

#[cfg(test)]
mod tests;
