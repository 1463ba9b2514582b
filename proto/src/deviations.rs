//! In what a datagram is written otherwise than the specification has it (SIMP 1, 7). It was read all the same.

use std::fmt;

/// The deviations of one datagram; empty for one that is as specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Deviations(u16);

impl Deviations {
    /// User is padded otherwise than with NUL at the end.
    pub const PADDING: Self = Self(1);
    /// User has bytes that are not printable ASCII; each is read as a question mark.
    pub const NAME: Self = Self(1 << 1);
    /// It ends before or within Length.
    pub const SHORT: Self = Self(1 << 2);
    /// Length says something else than what follows it.
    pub const LENGTH: Self = Self(1 << 3);
    /// Bytes follow the payload.
    pub const TRAILER: Self = Self(1 << 4);
    /// Type chat with another operation than 0x01.
    pub const OPERATION: Self = Self(1 << 5);
    /// Two operations in one: ERR and FIN, or FIN and ACK.
    pub const COMBINED: Self = Self(1 << 6);
    /// Sequence above 1.
    pub const SEQUENCE: Self = Self(1 << 7);
    /// A payload where none belongs.
    pub const PAYLOAD: Self = Self(1 << 8);
    /// The payload has bytes over 127.
    pub const NON_ASCII: Self = Self(1 << 9);
    /// The payload has a NUL.
    pub const NUL: Self = Self(1 << 10);

    /// All of them with a name each, for lists and the log.
    pub const NAMES: [(Self, &str); 11] = [
        (Self::PADDING, "padding"),
        (Self::NAME, "name"),
        (Self::SHORT, "short"),
        (Self::LENGTH, "length"),
        (Self::TRAILER, "trailer"),
        (Self::OPERATION, "operation"),
        (Self::COMBINED, "combined"),
        (Self::SEQUENCE, "sequence"),
        (Self::PAYLOAD, "payload"),
        (Self::NON_ASCII, "non-ascii"),
        (Self::NUL, "nul"),
    ];

    /// Whether the datagram is as specified.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of these is among them.
    pub fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// These, and those others if `is` says so.
    #[must_use]
    pub fn with(self, others: Self, is: bool) -> Self {
        if is { Self(self.0 | others.0) } else { self }
    }
}

impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(one, _)| self.has(*one)).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(","))
    }
}
