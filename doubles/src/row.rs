//! What is said of a kind of program: its name, its traits, and what can be expected of it at most.

use crate::traits::Traits;

/// A kind of program.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its short name.
    pub name: &'static str,
    /// What is special about it, in a few words.
    pub about: &'static str,
    /// A real program does so.
    pub is_seen: bool,
    /// What it does.
    pub traits: Traits,
    /// What can be expected of a chat with it at most.
    pub expect: Expect,
}

/// What may go wrong in a chat although the other side does its best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// A message of ours arrives, and nothing says so.
    pub unconfirmed: bool,
    /// A message of ours is not shown, and we know that it may not have been.
    pub ours_lost: bool,
    /// A message of ours is shown more than once.
    pub ours_twice: bool,
    /// A line of theirs never reaches us.
    pub theirs_lost: bool,
    /// A line of theirs reaches us, and is taken for a copy of another.
    pub theirs_dropped: bool,
    /// A line of theirs is in our log more than once.
    pub theirs_twice: bool,
    /// The chat does not open, or ends before its time.
    pub breaks: bool,
    /// A message of ours is reported as delivered, and was not shown.
    pub falsely_delivered: bool,
    /// Its FIN is not answered as it wants, and it gives up waiting.
    pub fin_unanswered: bool,
}

impl Allowed {
    /// Nothing goes wrong.
    pub const NOTHING: Self = Self {
        unconfirmed: false,
        ours_lost: false,
        ours_twice: false,
        theirs_lost: false,
        theirs_dropped: false,
        theirs_twice: false,
        breaks: false,
        falsely_delivered: false,
        fin_unanswered: false,
    };
}

/// What can be expected of a kind of program at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// A chat is possible at all.
    pub works: bool,
    /// What may go wrong on a good link.
    pub good: Allowed,
    /// What may go wrong there when a user writes the same line again and again.
    pub same: Allowed,
    /// What may go wrong if one datagram is lost or doubled.
    pub fault: Allowed,
    /// What may go wrong if a fifth of all datagrams is lost, and a fifth doubled.
    pub bad: Allowed,
}

impl Expect {
    /// Everything works whatever the link does.
    pub const ALL: Self = Self::after(Allowed::NOTHING, Allowed::NOTHING, Allowed::NOTHING);

    /// It is foreign. Once it writes, our first message does not leave again, for it may be one that never acknowledges.
    pub const FOREIGN: Self = {
        let lost = Allowed { ours_lost: true, unconfirmed: true, ..Allowed::NOTHING };
        Self::after(Allowed::NOTHING, lost, lost)
    };

    /// It repeats nothing: what is lost of it stays lost, and so may the chat.
    pub const SENDS_ONCE: Self = {
        let fault = Allowed { theirs_lost: true, ..Allowed::NOTHING };
        Self::after(Allowed::NOTHING, fault, Allowed { breaks: true, ours_lost: true, ..fault })
    };

    /// It acknowledges no chat, and shows every copy.
    pub const NEVER_CONFIRMS: Self = {
        let good = Allowed { unconfirmed: true, ..Allowed::NOTHING };
        let fault = Allowed { ours_lost: true, ours_twice: true, theirs_lost: true, ..good };
        Self::after(good, fault, Allowed { breaks: true, ..fault })
    };

    /// A chat is possible, and this may go wrong on a good link, with one fault, and on a bad link.
    pub const fn after(good: Allowed, fault: Allowed, bad: Allowed) -> Self {
        Self { works: true, good, same: good, fault, bad }
    }

    /// The same, and lines that are the same have the same number.
    pub const fn but_same_lines_look_like_copies(self) -> Self {
        Self { same: Allowed { theirs_dropped: true, ..self.same }, ..self }
    }

    /// No chat is possible.
    pub const NOTHING: Self = Self { works: false, ..Self::ALL };
}

pub(crate) fn row(name: &'static str, about: &'static str, traits: Traits, expect: Expect) -> Row {
    Row { name, about, is_seen: false, traits, expect }
}
