//! One member, from the greeting to the end of its chat.

use serde::{Deserialize, Serialize};
use simp_control::Peer;

/// Where a member stands. The table of what each state makes of each line is in `room::login` and `room::talk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// In a chat that was open before the room knew of it, and asked for a password after this entry of the log: until it
    /// has that question, what it says is no answer.
    Unaware(Password, u64),
    /// The same, and it has said something and been told that it went to nobody.
    Warned(Password, u64),
    /// Greeted, and asked for a password.
    Asked(Password),
    /// A password came in the event with this id, and is being computed. What was said since waits.
    Checking(Password, u64, Vec<Held>),
    /// In the room, perhaps asked for what is missing.
    Inside(Option<Question>),
    /// Told goodbye; its chat ends.
    Leaving,
}

/// A line that waits until the one before it is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The event that it came in.
    pub event: u64,
    /// What it says: not stored, for it may be a password.
    #[serde(skip)]
    pub text: String,
}

/// Which password is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Password {
    /// That of an account.
    Known,
    /// One for a new account.
    New,
    /// The same once more: the hash of the first.
    Again(String),
}

/// What is missing of what a member wants to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What to say to everybody.
    Public,
    /// To whom.
    Whom,
    /// What to say to this one.
    Direct(String),
}

/// How somebody's chat goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChatKind {
    /// Over datagrams: a text is short, and ASCII.
    #[default]
    Plain,
    /// Over channels: a text is as it is.
    Secure,
}

/// Somebody who has a chat with the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its user name, which is that of its account.
    pub name: String,
    /// What it calls itself, if it came with the key of an account of another name.
    pub calls_itself: Option<String>,
    /// How its chat goes. Not stored: simpd says it of each chat.
    pub kind: ChatKind,
    /// Where it is, as simpd names it.
    pub address: String,
    /// Where it stands.
    pub state: MemberState,
    /// When its chat opened, in milliseconds since 1970.
    pub since_ms: u64,
    /// Since when it could have given a password, on the steady clock; `None` until the room has looked. Not stored: as
    /// long as the room was away nobody could come in.
    pub asked_ms: Option<u64>,
    /// Wrong passwords so far.
    pub wrong: u8,
    /// How much it has said of late.
    pub pace: Pace,
    /// The password that it gave, until it says something: said once more, it is no line for all. Not stored.
    pub given: Option<String>,
}

impl Member {
    /// Whether it is in the room.
    pub fn is_inside(&self) -> bool {
        matches!(self.state, MemberState::Inside(_))
    }

    /// Whether it has yet to give a password.
    pub fn is_at_the_door(&self) -> bool {
        !matches!(self.state, MemberState::Inside(_) | MemberState::Leaving)
    }

    /// Whether it is this peer, as simpd names it.
    pub fn is(&self, peer: &Peer) -> bool {
        let user = self.calls_itself.as_ref().unwrap_or(&self.name);
        (&self.address, user) == (&peer.address, &peer.user)
    }

    /// The address of its host, without the port.
    pub fn host(&self) -> &str {
        host(&self.address)
    }
}

/// The host of `ADDR:PORT`.
pub fn host(address: &str) -> &str {
    match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, _)) => ip,
        None => address.rsplit_once(':').map_or(address, |(ip, _)| ip),
    }
}

/// How often somebody may say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages in [`Rate::WITHIN_MS`]; as many at once. One that others get as several lines counts as so many.
    pub messages: u32,
}

impl Rate {
    /// The time that the messages are counted in.
    pub const WITHIN_MS: u64 = 10_000;
}

/// How much somebody has said of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Thousandths of messages that count, as of `at_ms`.
    used: u64,
    /// When it said something last, as the log of simpd dates it: a room that was away finds what was said meanwhile as
    /// it was spaced, and does it again as it did it before.
    at_ms: u64,
    /// How many more were refused than taken of late.
    refused: u32,
}

/// What becomes of a message of somebody who may not say any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// It is one of those.
    Yes,
    /// It is one too many.
    No,
    /// They do not end.
    Never,
}

impl Pace {
    /// Counts a message that was logged then, and goes out in so many lines.
    pub fn allow(&mut self, at_ms: u64, lines: usize, rate: Rate) -> Allowance {
        let most = u64::from(rate.messages) * 1_000;
        // More than may be said at once is still said once nothing else counts.
        let cost = (lines as u64 * 1_000).min(most);
        let elapsed = at_ms.saturating_sub(self.at_ms).min(Rate::WITHIN_MS);
        // A bucket that leaks: a burst up to the limit is fine, and a steady pace below it is never refused.
        self.used = self.used.saturating_sub(most * elapsed / Rate::WITHIN_MS);
        // If the clock was set back, time goes on from there: otherwise none would pass until it is where it was.
        self.at_ms = at_ms;
        if self.used + cost <= most {
            (self.used, self.refused) = (self.used + cost, self.refused.saturating_sub(1));
            return Allowance::Yes;
        }
        // Each message that is taken makes up for one, so only somebody who keeps going is sent away.
        self.refused = self.refused.saturating_add(1);
        if self.refused > rate.messages.saturating_mul(10) { Allowance::Never } else { Allowance::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_too_much_is_refused_then_heard_again_and_who_never_stops_is_told_apart() {
        let rate = Rate { messages: 3 };
        let mut pace = Pace::default();
        let said: Vec<_> = (0..5).map(|_| pace.allow(1_000_000, 1, rate)).collect();
        assert_eq!(said, [Allowance::Yes, Allowance::Yes, Allowance::Yes, Allowance::No, Allowance::No]);
        assert_eq!(pace.allow(1_000_000 + Rate::WITHIN_MS / 3, 1, rate), Allowance::No);
        assert_eq!(pace.allow(1_000_000 + Rate::WITHIN_MS / 2, 1, rate), Allowance::Yes);
        let flood: Vec<_> = (0..40).map(|_| pace.allow(1_000_000 + Rate::WITHIN_MS / 2, 1, rate)).collect();
        assert_eq!(flood.iter().filter(|allowed| **allowed == Allowance::Never).count(), 12);
    }

    #[test]
    fn what_goes_out_in_several_lines_counts_as_so_many() {
        let rate = Rate { messages: 4 };
        let mut pace = Pace::default();
        let said = [3, 2, 1].map(|lines| pace.allow(1_000_000, lines, rate));
        assert_eq!(said, [Allowance::Yes, Allowance::No, Allowance::Yes]);
        // However long it is, it can be said once nothing else counts any more.
        assert_eq!(pace.allow(1_000_000 + Rate::WITHIN_MS, 9, rate), Allowance::Yes);
        assert_eq!(pace.allow(1_000_000 + Rate::WITHIN_MS, 1, rate), Allowance::No);
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody_for_long() {
        let rate = Rate { messages: 3 };
        let mut pace = Pace::default();
        assert!((0..3).all(|_| pace.allow(5_000_000, 1, rate) == Allowance::Yes));
        // An hour earlier by the clock: what was said just now counts, and after that the usual pace is heard.
        assert_eq!(pace.allow(1_400_000, 1, rate), Allowance::No);
        assert!((1..40).all(|n| pace.allow(1_400_000 + n * 4_000, 1, rate) == Allowance::Yes));
        // Whoever could set it back and forth by a little would get little by it.
        let more = (0..100).filter(|n| pace.allow(2_000_000 - n % 2, 1, rate) == Allowance::Yes).count();
        assert_eq!(more, 3);
    }

    #[test]
    fn a_host_is_an_address_without_its_port() {
        assert_eq!(host("127.0.0.1:7777"), "127.0.0.1");
        assert_eq!((host("[::1]:7777"), host("[::1]")), ("::1", "::1"));
    }
}
