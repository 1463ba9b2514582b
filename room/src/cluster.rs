//! What a door and the server between the doors tell each other. All of it is values: `nats` has the sockets.
//!
//! A room with doors has one *stream*, in which every [`Post`](crate::room::Post) of every door has its place, and one
//! *bucket* of records: accounts, bans, the topic, and a lease per door.
//!
//! 1. The server is there: [`Told::Began`], once per session. The door says from where it follows: [`Ask::Follow`].
//! 2. Posts come in the order of the stream, records in the order of their revisions.
//! 3. The server is away, or answers no more: [`Told::Away`]. What was asked and is not answered is for nothing; a new
//!    session begins as soon as it can.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::mpsc::Sender;

use serde::{Deserialize, Serialize};

use crate::room::OrderResult;

/// What a door asks of the server.
#[derive(Debug, Clone)]
pub enum Ask {
    /// To be told all posts after this place in the stream, and all records after this revision. What was asked before it
    /// was asked of an earlier session.
    Follow {
        /// The session that it is asked of.
        session: u64,
        /// The place of the last post that is dealt with.
        place: u64,
        /// The revision of the last record that is known.
        revision: u64,
    },
    /// To append a post to the stream. Nothing is answered: it is told like those of others.
    Publish(Outgoing),
    /// That all posts up to this place are dealt with for good.
    Heard(u64),
    /// To write the lease of this door, and to say how stream and bucket are.
    Renew(Lease),
    /// To make an account, if there is none of that name.
    Register(Box<Registration>),
    /// To write a record, or to remove it.
    Keep {
        /// Which one.
        key: Key,
        /// What it says; `None` to remove it.
        value: Option<Vec<u8>>,
        /// An operator that waits, and what it is told if that is done.
        answer: Option<(Sender<OrderResult>, OrderResult)>,
    },
    /// To write those of these records that are not there: the bucket is not the one that it was.
    Restore(Vec<(Key, Vec<u8>)>),
    /// To remove the posts up to this place from the stream.
    Trim(u64),
}

/// A post on its way to the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What the server knows it by: the same post once more has the same, and is dropped.
    pub id: String,
    /// Who needs to read it.
    pub subject: Subject,
    /// The post, as JSON.
    pub body: Vec<u8>,
}

/// Who needs to read a post: the last part of its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everybody: a public line.
    Public,
    /// The doors: who came and left, and what operators want.
    News,
    /// Somebody to whom somebody at this door says something.
    Door(String),
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::News => f.write_str("news"),
            Self::Door(name) => write!(f, "door.{name}"),
        }
    }
}

/// An account to be made, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The chat of whoever wants it.
    pub chat: u64,
    /// The event in which its password came.
    pub event: u64,
    /// The password.
    pub password: String,
    /// The account.
    pub account: AccountRecord,
}

/// What the server tells.
#[derive(Debug)]
pub enum Told {
    /// It is there, in a session with this number, and stream and bucket are so.
    Began(u64, Look),
    /// What it is away for, in one line with the remedy.
    Away(String),
    /// The post at this place of the stream, as bytes that anybody may have written.
    Post(u64, Vec<u8>),
    /// A record was written at this revision; without a value it was removed.
    Record(u64, Key, Option<Vec<u8>>),
    /// All records that there were when this session began have been told.
    Synced,
    /// How stream and bucket are, some time after they were looked at last.
    Looked(Look),
    /// What became of an account.
    Registered(Box<Registration>, Registered),
    /// Another process writes the lease of this door: where it runs.
    Stolen(String),
}

/// How stream and bucket are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// When the stream was made: another one has another time.
    pub stream: String,
    /// The place of the first post in it.
    pub first: u64,
    /// The place of the last post that it ever had.
    pub last: u64,
    /// How many posts it has.
    pub posts: u64,
    /// How many bytes these take.
    pub bytes: u64,
    /// How many bytes it may take.
    pub max_bytes: u64,
    /// It has taken no more, and not had a good deal of room since: what is published is for nothing.
    pub is_full: bool,
    /// When the bucket was made.
    pub bucket: String,
    /// How many records it has, with those that say that one was removed.
    pub records: u64,
}

/// What becomes of an account that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is theirs.
    Made,
    /// There is one of that name already.
    Taken,
    /// The server is away, or did not answer in time.
    Unknown,
}

/// The name of a record in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The account of this name, in lower case: an [`AccountRecord`].
    Account(String),
    /// The ban of this name or host, in lower case: a [`BanRecord`].
    Ban(String),
    /// What the room is about: a JSON string.
    Topic,
    /// The lease of the door of this name: a [`Lease`].
    Door(String),
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its name, as its user writes it.
    pub name: String,
    /// The hash of its password, or the key that it has instead.
    pub hash: String,
    /// Since when there is one, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanRecord {
    /// A name, or the address of a host.
    pub who: String,
    /// Why; may be empty.
    pub why: String,
}

/// What a door says of itself, every few seconds. Who does not is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The door's own id: another folder of the same name is another door.
    pub id: String,
    /// The run of its process: a second one with a copy of the folder is noticed by it.
    pub run: String,
    /// The simpd that it runs on.
    pub simpd: String,
    /// How many members are inside there.
    pub inside: u64,
    /// The place of the last post that it has dealt with.
    pub place: u64,
    /// Counts up, so that each lease differs from the one before it.
    pub beat: u64,
}

impl Key {
    /// The key of the account of this name.
    pub fn account(name: &str) -> Self {
        Self::Account(name.to_ascii_lowercase())
    }

    /// The key of the ban of this name or host.
    pub fn ban(who: &str) -> Self {
        Self::Ban(who.to_ascii_lowercase())
    }
}

impl Display for Key {
    /// As the server has it: only letters, digits and `-_/=.` may be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account.{}", written(name)),
            Self::Ban(who) => write!(f, "ban.{}", written(who)),
            Self::Topic => f.write_str("topic"),
            Self::Door(name) => write!(f, "door.{}", written(name)),
        }
    }
}

impl FromStr for Key {
    type Err = ();

    /// Reads what the server has; whoever else writes into the bucket may write anything.
    fn from_str(key: &str) -> Result<Self, ()> {
        match key.split_once('.') {
            None if key == "topic" => Ok(Self::Topic),
            Some(("account", name)) => read(name).map(Self::Account).ok_or(()),
            Some(("ban", who)) => read(who).map(Self::Ban).ok_or(()),
            Some(("door", name)) => read(name).map(Self::Door).ok_or(()),
            _ => Err(()),
        }
    }
}

/// A name as a part of a key: what cannot be in one as `=` and two digits, as in quoted-printable (RFC 2045, 6.7).
fn written(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out += &format!("={byte:02X}"),
        }
    }
    out
}

fn read(key: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| written(name) == key && !name.is_empty())
}

/// Where a door takes what it asks: without a clock, and it never waits.
pub type Asks = tokio::sync::mpsc::UnboundedSender<Ask>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_what_nobody_writes_is_none() {
        for (key, text) in [
            (Key::account("Ann B.@x+'?"), "account.ann=20b=2E=40x=2B=27=3F"),
            (Key::account("jörg"), "account.j=C3=B6rg"),
            (Key::ban("fe80::1%2"), "ban.fe80=3A=3A1=252"),
            (Key::Topic, "topic"),
            (Key::Door("North-1".to_owned()), "door.North-1"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(text.parse(), Ok(key));
        }
        for text in ["", "topic.x", "account", "account.", "account.=4", "account.=61", "account.=FF", "x.y"]
        {
            assert_eq!(text.parse::<Key>(), Err(()), "{text}");
        }
    }
}
