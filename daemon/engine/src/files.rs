//! Files that are under way in this run: those that we fetch, one at a time in each chat, and those that peers fetch of us.
//! What must outlive the run is in the log. Nothing here reads or writes a file: what is to be done with them is told.

use std::collections::BTreeMap;

use simp_proto::secure::{ChannelId, Digest, FILE_WINDOW, PART_MAX};
use simp_store::KeptFile;

use crate::timer::Timers;
use crate::wheel::TimerId;

/// What is to be done with files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileCommand {
    /// This one is to be saved: what an earlier run has of it is looked for. Answered by a [`FileEvent::Ready`], or by what
    /// came of it.
    Save(Saving),
    /// These are its next bytes.
    Write(u64, Vec<u8>),
    /// What there is of this one, besides what was saved, is to go from this folder.
    Discard(u64, String),
    /// A part of one of ours is to be read.
    Read(Reading),
    /// This one of ours is read no more.
    Close(u64),
    /// All of them are left as they are.
    CloseAll,
}

/// A file that is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// Its message, by which it is known from here on.
    pub message: u64,
    /// Where to: an absolute path.
    pub folder: String,
    /// What it is to be called.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What they come to.
    pub sha256: Digest,
}

/// A part of a file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose.
    pub message: u64,
    /// For whom.
    pub channel: ChannelId,
    /// Where the file is: an absolute path.
    pub path: String,
    /// The bytes that it had when it was offered.
    pub size: u64,
    /// The first byte of the part.
    pub from: u64,
    /// How many.
    pub length: u64,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEvent {
    /// So many bytes of the one that is to be saved are there: what comes next may be written.
    Ready(u64, u64),
    /// So many bytes are there by now.
    Written(u64, u64),
    /// It is whole and durable, at this path.
    Saved(u64, String),
    /// It cannot be saved.
    Failed(u64, Fault),
    /// For this channel, of this one of ours, from this byte on: the part that was asked for.
    Part(ChannelId, u64, u64, Vec<u8>),
    /// This one of ours cannot be read.
    Unreadable(u64, Fault),
}

/// Why a file cannot be saved, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In full, for our user.
    pub why: String,
    /// As much of it as concerns the peer. Nothing of our system can be in it, for it is the same everywhere.
    pub told: &'static str,
}

/// One that both sides may know in full.
impl From<&'static str> for Fault {
    fn from(told: &'static str) -> Self {
        Self { why: told.to_owned(), told }
    }
}

/// Those of this run.
#[derive(Debug, Default)]
pub struct Files {
    /// What we fetch, and tell, by chat.
    pub pulls: BTreeMap<u64, Pull>,
    /// What peers fetch.
    pub served: BTreeMap<ChannelId, Serving>,
    commands: Vec<FileCommand>,
}

/// What we fetch in a chat, and what its peer is to be told.
#[derive(Debug)]
pub struct Pull {
    /// The chat, as the roster has it.
    pub key: usize,
    /// The channel for that.
    pub line: Line,
    /// What is being fetched.
    pub fetch: Option<Fetch>,
    /// How many outcomes it was told on this channel that it has not settled.
    pub told: usize,
    /// When it is looked at again.
    pub timer: Option<TimerId>,
}

/// The channel for the files of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// None; so many came to nothing in a row.
    Down {
        /// How many.
        failures: u32,
    },
    /// It is being opened.
    Dialled {
        /// How many before it came to nothing.
        failures: u32,
        /// Its name.
        channel: ChannelId,
    },
    /// It is there.
    Up(ChannelId),
}

/// A file that is being fetched.
#[derive(Debug)]
pub struct Fetch {
    /// Its message.
    pub message: u64,
    /// The number of its offer.
    pub number: u64,
    /// Its bytes.
    pub size: u64,
    /// Where it is saved.
    pub folder: String,
    /// How far it is; `None` until what an earlier run has of it was looked at.
    pub progress: Option<Progress>,
}

/// How far a fetch is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So many have come.
    pub come: u64,
    /// So many may come.
    pub asked: u64,
    /// So many had come when it was last looked at.
    pub seen: u64,
}

/// A file of ours that a peer fetches.
#[derive(Debug)]
pub struct Serving {
    /// Its chat.
    pub chat: u64,
    /// The same, as the roster has it.
    pub key: usize,
    /// Which, once one is asked for.
    pub file: Option<Source>,
}

/// What is read of a file of ours.
#[derive(Debug)]
pub struct Source {
    /// Its message.
    pub message: u64,
    /// Where it is.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// So many have been read, or are being.
    pub read: u64,
    /// So many may be.
    pub upto: u64,
    /// A part is being read.
    pub is_reading: bool,
}

impl Source {
    /// The next part, if there is room for one and none is being read.
    pub fn next(&mut self, channel: ChannelId) -> Option<Reading> {
        let length = self.upto.min(self.size).saturating_sub(self.read).min(PART_MAX);
        if self.is_reading || length == 0 {
            return None;
        }
        let from = self.read;
        (self.is_reading, self.read) = (true, from + length);
        let (message, path, size) = (self.message, self.path.clone(), self.size);
        Some(Reading { message, channel, path, size, from, length })
    }

    /// There is room up to this byte, but never for more than is on its way at once.
    pub fn allow(&mut self, upto: u64) {
        self.upto = self.upto.max(upto.min(self.read.saturating_add(FILE_WINDOW)));
    }
}

impl Fetch {
    /// Of this file, of which nothing is known to be there.
    pub fn new(file: &KeptFile, folder: String) -> Self {
        Self { message: file.message, number: file.number, size: file.offer.size, folder, progress: None }
    }
}

impl Line {
    /// Its name, once it has one.
    pub fn channel(self) -> Option<ChannelId> {
        match self {
            Self::Down { .. } => None,
            Self::Dialled { channel, .. } | Self::Up(channel) => Some(channel),
        }
    }

    /// The same if it can be used.
    pub fn up(self) -> Option<ChannelId> {
        match self {
            Self::Up(channel) => Some(channel),
            Self::Down { .. } | Self::Dialled { .. } => None,
        }
    }
}

impl Files {
    /// This is to be done.
    pub fn command(&mut self, command: FileCommand) {
        self.commands.push(command);
    }

    /// The fetch of this file, and its chat.
    pub fn fetch(&mut self, message: u64) -> Option<(u64, &mut Pull)> {
        let is_it = |pull: &Pull| pull.fetch.as_ref().is_some_and(|fetch| fetch.message == message);
        self.pulls.iter_mut().find(|(_, pull)| is_it(pull)).map(|(chat, pull)| (*chat, pull))
    }

    /// How many bytes of a file have come or left in this run, as far as is known.
    pub fn done(&self, message: u64) -> u64 {
        let fetched = self.pulls.values().filter_map(|pull| pull.fetch.as_ref());
        let fetched = fetched.filter(|fetch| fetch.message == message);
        let come = fetched.filter_map(|fetch| fetch.progress.map(|progress| progress.come));
        let served = self.served.values().filter_map(|serving| serving.file.as_ref());
        let left = served.filter(|source| source.message == message).map(|source| source.read);
        come.chain(left).max().unwrap_or_default()
    }

    /// Forgets all, which the log has.
    pub fn clear(&mut self, wheel: &mut Timers) {
        for pull in self.pulls.values_mut() {
            if let Some(timer) = pull.timer.take() {
                wheel.cancel(timer);
            }
        }
        self.pulls.clear();
        self.served.clear();
        self.commands.clear();
        self.commands.push(FileCommand::CloseAll);
    }

    /// What is to be done, in this order.
    pub fn take_commands(&mut self, commands: &mut Vec<FileCommand>) {
        commands.append(&mut self.commands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_given_part_after_part_and_no_more_than_is_on_its_way_at_once() {
        let size = 3 * FILE_WINDOW + 7;
        let mut source =
            Source { message: 1, path: "/x".to_owned(), size, read: 0, upto: 0, is_reading: false };
        assert_eq!(source.next(ChannelId(1)), None);
        source.allow(u64::MAX);
        let (mut from, mut parts) = (0, 0);
        while let Some(part) = source.next(ChannelId(1)) {
            assert_eq!((part.from, source.next(ChannelId(1))), (from, None), "one at a time");
            source.is_reading = false;
            (from, parts) = (from + part.length, parts + 1);
        }
        assert_eq!((from, parts), (FILE_WINDOW, FILE_WINDOW / PART_MAX));
        source.allow(FILE_WINDOW + 1);
        assert_eq!(source.next(ChannelId(1)).unwrap().length, 1);
        source.is_reading = false;
        for _ in 0..2 {
            source.allow(u64::MAX);
            while source.next(ChannelId(1)).is_some() {
                source.is_reading = false;
            }
        }
        source.allow(u64::MAX);
        assert_eq!(source.next(ChannelId(1)).map(|part| part.length), Some(6), "the rest");
    }
}
