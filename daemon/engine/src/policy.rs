//! What the user has set and the engine goes by. It can be replaced between two turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use simp_control::{KeyId, KeyIdError, Peer, Who, WhoError};
use simp_proto::Us;
use simp_proto::secure::{Name, NameError};
use simp_store::Discard;

use crate::budgets::Budget;
use crate::pins::Pins;

/// All settings that the engine goes by, checked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The name that peers see in secure chats.
    pub name: Name,
    /// Who we are in plain chats, and how all behave.
    pub us: Arc<Us>,
    /// Whose requests are accepted without asking.
    pub accept: Accept,
    /// Most chats at a time; 1 or more.
    pub max_chats: usize,
    /// Whether chats are to be secure.
    pub secrecy: Secrecy,
    /// Most bytes of a text that is taken in a secure chat.
    pub text_max: usize,
    /// How much the outbox may hold.
    pub outbox: OutboxMax,
    /// How long entries of the log are kept.
    pub retain: Retain,
    /// How much others may add to it.
    pub budget: Budget,
    /// How some peers speak, whatever they show.
    pub pins: Pins,
}

impl Policy {
    /// Whether a chat with the peer at this address is to be secure.
    pub fn secrecy_with(&self, address: SocketAddr) -> Secrecy {
        if self.pins.is_never_secure(address) { Secrecy::Off } else { self.secrecy }
    }
}

/// Whether chats are to be secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrecy {
    /// If the peer can; plain ones otherwise, but none with a peer whose key is known.
    #[default]
    Prefer,
    /// There are no others.
    Require,
    /// All are plain.
    Off,
}

/// How much the outbox may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxMax {
    /// Most messages.
    pub messages: u64,
    /// Most for one peer, or one host.
    pub peer: u64,
    /// Most bytes of their texts.
    pub bytes: u64,
}

impl Default for OutboxMax {
    fn default() -> Self {
        Self { messages: 100_000, peer: 10_000, bytes: 1 << 30 }
    }
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
    /// Those of these user names, addresses and keys: as they were written, and what they mean.
    List(Vec<String>, Vec<Accepted>),
}

/// Who is accepted without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Whoever has this name or address, or says so.
    Named(Who),
    /// Whoever has this key, wherever and under whatever name.
    Key(KeyId),
}

impl Accepted {
    fn read(word: &str) -> Result<Self, AcceptError> {
        // A key without its end is nobody's name.
        if word.starts_with(KeyId::PREFIX) {
            let key = word.parse().map_err(|error| AcceptError::Key(word.to_owned(), error))?;
            return Ok(Self::Key(key));
        }
        nameable(word).map(Self::Named)
    }

    fn admits(&self, peer: &Peer, key: Option<KeyId>) -> Admits {
        match self {
            Self::Named(who) if !who.is(peer) => Admits::Nobody,
            Self::Named(Who::User(_)) => Admits::ForName,
            Self::Named(_) => Admits::Peer,
            Self::Key(accepted) if key == Some(*accepted) => Admits::Peer,
            Self::Key(_) => Admits::Nobody,
        }
    }
}

/// Whom a list accepts of a peer, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admits {
    /// It is not in it.
    Nobody,
    /// Whoever has its name.
    ForName,
    /// Itself.
    Peer,
}

/// Why a list accepts nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// An address that means nobody.
    #[error(transparent)]
    Address(#[from] WhoError),
    /// It is like an address, and none.
    #[error("{0}: not an address, nor the name of a user (an address is ADDR or ADDR:PORT)")]
    NoAddress(String),
    /// It is an empty list.
    #[error("nobody is named (ask: nobody is let in without asking; all: everybody)")]
    Nobody,
    /// Nobody is called so.
    #[error("{0}: {1}")]
    Name(String, NameError),
    /// It begins like a key and is none.
    #[error("{0}: {1}")]
    Key(String, KeyIdError),
}

/// Reads a name or an address that a peer can have.
fn nameable(word: &str) -> Result<Who, AcceptError> {
    let who = Who::read(word)?;
    if who.is_like_address() {
        return Err(AcceptError::NoAddress(word.to_owned()));
    }
    match &who {
        Who::User(name) | Who::Both(name, _) | Who::OnHost(name, _) => {
            Name::new(name).map_err(|error| AcceptError::Name(word.to_owned(), error))?;
        }
        Who::Ip(_) | Who::Address(_) => (),
    }
    Ok(who)
}

impl Accept {
    /// Reads `ask`, `all`, or names, addresses and keys separated by commas.
    ///
    /// # Errors
    /// An address whose interface this machine does not have, a name that no peer can have, or what begins like a key and
    /// is none.
    pub fn parse(text: &str) -> Result<Self, AcceptError> {
        match text.trim() {
            "ask" => Ok(Self::Ask),
            "all" => Ok(Self::All),
            list => {
                let words = || list.split(',').map(str::trim).filter(|who| !who.is_empty());
                let read: Vec<Accepted> = words().map(Accepted::read).collect::<Result<_, _>>()?;
                if read.is_empty() {
                    return Err(AcceptError::Nobody);
                }
                Ok(Self::List(words().map(str::to_owned).collect(), read))
            }
        }
    }

    /// Whether this peer's request is accepted without asking, which comes with this key in a secure chat; and why.
    pub fn admits(&self, peer: &Peer, key: Option<KeyId>) -> Admits {
        match self {
            Self::Ask => Admits::Nobody,
            Self::All => Admits::Peer,
            Self::List(_, list) => {
                list.iter().map(|accepted| accepted.admits(peer, key)).max().unwrap_or(Admits::Nobody)
            }
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
