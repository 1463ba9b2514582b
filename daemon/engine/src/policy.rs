//! What the user has set and the engine goes by. It can be replaced between two turns.

use std::time::Duration;

use simp_control::{Peer, Who, WhoError};
use simp_proto::{Settings, UserName, UserNameError};
use simp_store::Discard;

use crate::budgets::Budget;
use crate::pins::Pins;

/// All settings that the engine goes by, checked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The name that peers see.
    pub user: UserName,
    /// Whose requests are accepted without asking.
    pub accept: Accept,
    /// Most chats at a time; 1 or more.
    pub max_chats: usize,
    /// How chats behave.
    pub chat: Settings,
    /// How long entries of the log are kept.
    pub retain: Retain,
    /// How much others may add to it.
    pub budget: Budget,
    /// How some peers speak, whatever they show.
    pub pins: Pins,
}

/// How long entries of the log are kept. Without an age and a count, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retain {
    /// Older ones are removed.
    pub age: Option<Duration>,
    /// All but the newest so many are removed.
    pub count: Option<u64>,
    /// What is removed although it would be kept otherwise.
    pub discard: Discard,
}

/// Whose requests are accepted without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// Nobody's.
    Ask,
    /// Everybody's.
    All,
    /// Those of these user names and addresses: as they were written, and what they mean.
    List(Vec<String>, Vec<Who>),
}

/// Why a list accepts nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// An address that means nobody.
    #[error(transparent)]
    Address(#[from] WhoError),
    /// It is an empty list.
    #[error("nobody is named (ask: nobody is let in without asking; all: everybody)")]
    Nobody,
    /// Nobody is called so.
    #[error("{0}: {1}")]
    Name(String, UserNameError),
}

/// Reads a name or an address that a peer can have.
fn nameable(word: &str) -> Result<Who, AcceptError> {
    let who = Who::read(word)?;
    match &who {
        Who::User(name) | Who::Both(name, _) | Who::OnHost(name, _) => {
            UserName::new(name).map_err(|error| AcceptError::Name(word.to_owned(), error))?;
        }
        Who::Ip(_) | Who::Address(_) => (),
    }
    Ok(who)
}

impl Accept {
    /// Reads `ask`, `all`, or names and addresses separated by commas.
    ///
    /// # Errors
    /// An address whose interface this machine does not have, or a name that no peer can have.
    pub fn parse(text: &str) -> Result<Self, AcceptError> {
        match text.trim() {
            "ask" => Ok(Self::Ask),
            "all" => Ok(Self::All),
            list => {
                let words = || list.split(',').map(str::trim).filter(|who| !who.is_empty());
                let read: Vec<Who> = words().map(nameable).collect::<Result<_, _>>()?;
                if read.is_empty() {
                    return Err(AcceptError::Nobody);
                }
                Ok(Self::List(words().map(str::to_owned).collect(), read))
            }
        }
    }

    /// Whether this peer's request is accepted without asking.
    pub fn allows(&self, peer: &Peer) -> bool {
        match self {
            Self::Ask => false,
            Self::All => true,
            Self::List(_, list) => list.iter().any(|who| who.is(peer)),
        }
    }
}

impl std::fmt::Display for Accept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ask => f.write_str("ask"),
            Self::All => f.write_str("all"),
            Self::List(words, _) => f.write_str(&words.join(",")),
        }
    }
}
