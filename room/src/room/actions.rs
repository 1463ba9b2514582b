//! What the room wants done, and what comes back of it. All of it is values: the caller has the sockets, the files and
//! the threads.

use std::sync::Arc;

use super::posts::Post;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a line.
    Send {
        /// In which chat.
        to: ChatRef,
        /// What.
        text: Arc<str>,
        /// It is (part of) what a member says: the first one of these, by its number.
        part_of: Option<u32>,
    },
    /// Tell a member what became of what it said, once it is with those it was for.
    Confirm {
        /// In which chat.
        to: ChatRef,
        /// The number of what it said.
        said: u32,
        /// To whom it was said; `None` for all.
        whom: Option<String>,
        /// How many have it at other doors.
        elsewhere: usize,
    },
    /// End a chat, once all is sent.
    Quit(ChatRef),
    /// Compute something with a password, and tell what comes of it.
    Compute {
        /// Whose.
        chat: u64,
        /// The event that it came in.
        event: u64,
        /// What it is.
        password: String,
        /// What to do with it.
        task: Task,
    },
    /// Somebody has given a wrong password.
    Strike {
        /// For this account.
        name: String,
        /// From this host.
        host: String,
    },
    /// Somebody has given the right password.
    Forgive {
        /// For this account.
        name: String,
        /// From this host.
        host: String,
        /// So many wrong ones before, in the same chat.
        wrong: u8,
    },
    /// Tell it to all doors, this one too.
    Post(Post),
    /// Tell the operator who gave this order how many it concerned.
    Answer {
        /// Which order, by the number that it was given with.
        order: u64,
        /// How many.
        count: usize,
    },
}

/// A chat as simpd knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatRef {
    /// Its id.
    pub id: u64,
    /// Its peer's `ADDR:PORT`.
    pub address: String,
}

/// What is done with a password, away from the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Its hash.
    Hash,
    /// Whether it is that of this account.
    MatchAccount(String),
    /// Whether it has this hash.
    MatchHash(String),
    /// An account is made, unless there is one of that name.
    Register {
        /// Its name.
        name: String,
        /// The hash of its password.
        hash: String,
    },
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Computed {
    /// This is its hash.
    Hash(String),
    /// Whether it is the same.
    Matches(bool),
    /// Whether the account was made: there may be one of that name.
    Registered(bool),
    /// It could not be computed.
    Failed(String),
}
