//! What all doors of a room are told, in one order which is that of the room.

use serde::{Deserialize, Serialize};

use super::seats::Seat;

/// What all doors are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Post {
    /// Something is said to everybody.
    Public {
        /// By whom.
        by: By,
        /// What.
        text: String,
    },
    /// Something is said to one.
    Direct {
        /// By whom.
        by: By,
        /// To whom.
        to: String,
        /// What.
        text: String,
    },
    /// Somebody is inside.
    Entered {
        /// Who, and where.
        seat: Seat,
        /// It has shown that the name is its own, so it takes the place of whoever has it.
        is_proved: bool,
    },
    /// Somebody is inside no more.
    Left {
        /// Who.
        name: String,
        /// In which chat of that door.
        chat: u64,
    },
    /// The operator wants somebody sent away.
    Kick {
        /// The order, as the door that it was given at numbers them.
        order: u64,
        /// Whom: a name, or the address of a host.
        who: String,
        /// Why; may be empty.
        why: String,
    },
    /// Of all whose names are in a range, these are inside at that door, and nobody else.
    Here {
        /// Who.
        seats: Vec<Seat>,
        /// The first name that it tells of, in lower case; empty for the first of all.
        from: String,
        /// The first after it that it does not tell of; `None` if it tells of all after `from`.
        until: Option<String>,
        /// The others are to say who is inside at theirs.
        asks: bool,
    },
    /// A door has not been heard of for a while: nobody is inside there.
    Gone {
        /// Which one.
        door: String,
    },
    /// A public line of the time when the room had one door.
    Past {
        /// As it was.
        line: String,
    },
    /// What a later simp-room tells.
    #[serde(other)]
    Unknown,
}

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Somebody inside.
    Member {
        /// Its name.
        name: String,
        /// Its chat at that door.
        chat: u64,
    },
    /// The operator.
    Operator {
        /// The order, as the door that it was given at numbers them.
        order: u64,
    },
}
