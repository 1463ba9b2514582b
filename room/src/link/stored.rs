//! What is kept of a link.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::room::Post;

/// What a door keeps of its room's stream, in one go with what it did because of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The stream: when it was made.
    pub stream: String,
    /// The place of the last post that is dealt with.
    pub place: u64,
    /// The bucket: when it was made.
    pub bucket: String,
    /// How many records there were: they only become more, unless somebody else removes them.
    pub records: u64,
    /// All of this door's posts up to this one were heard in this stream.
    pub through: u64,
    /// When this door was new, the stream had posts up to this place: the first of them may follow on others that it does
    /// not read.
    #[serde(default)]
    pub(super) new_until: u64,
    /// What is left of an earlier run.
    pub(super) past: Past,
}

/// What is stored of a link.
#[derive(Debug, Default)]
pub struct StoredLink {
    /// Where it was.
    pub mark: Mark,
    /// What it keeps of its own posts, by number.
    pub posts: Vec<(u64, Post)>,
    /// The last number that was heard of each door, by the door's id.
    pub origins: HashMap<String, u64>,
}

/// What has changed since it was asked last, and must be stored.
#[derive(Debug, Default)]
pub struct LinkChanges {
    /// Where it is.
    pub mark: Mark,
    /// New posts of its own.
    pub posts: Vec<(u64, String)>,
    /// Its own posts before this one are not needed any more.
    pub first: u64,
    /// The last number of these doors.
    pub origins: HashMap<String, u64>,
}

/// What an earlier run of the door has heard and done, and not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Past {
    /// It is in the stream, and comes again.
    #[default]
    Unread,
    /// It was heard again.
    Read,
    /// The stream has lost it before that: it may come at any time, if its door publishes it again.
    Lost,
}
