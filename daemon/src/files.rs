//! Files on the disk: those of peers are written, those of ours are read, a piece in each turn. What is to be done with
//! which is the engine's to know.
//!
//! What comes is written into a part file beside the place it is for. A whole one is given its name by a link, and the part
//! file goes when the engine has that in its log: so a simpd that was killed between the two finds which name that was.

mod saved;
mod source;

use std::collections::{BTreeMap, VecDeque};

use simp_engine::{Fault, FileCommand, FileEvent, Reading, Saving};

use saved::{Outcome, Saved};
use source::Source;

/// Most parts of files of ours that are read in one turn.
const READS_PER_TURN: usize = 4;

/// Files that are open.
pub struct Files {
    /// Tells part files of this log from those of others in the same folder.
    log: String,
    saved: BTreeMap<u64, Saved>,
    sources: BTreeMap<u64, Source>,
    /// Parts that are to be read.
    reads: VecDeque<Reading>,
    events: VecDeque<FileEvent>,
}

impl Files {
    /// None yet. `log`: the id of the log that knows them.
    pub fn new(log: &str) -> Self {
        let (saved, sources) = (BTreeMap::new(), BTreeMap::new());
        let log = log.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        Self { log, saved, sources, reads: VecDeque::new(), events: VecDeque::new() }
    }

    /// Does what is wanted, or puts it off until there is time.
    pub fn obey(&mut self, commands: impl Iterator<Item = FileCommand>) {
        for command in commands {
            match command {
                FileCommand::Save(saving) => self.save(&saving),
                FileCommand::Write(message, bytes) => self.write(message, &bytes),
                FileCommand::Discard(message, folder) => {
                    self.saved.remove(&message);
                    saved::discard(&folder, &self.log, message);
                }
                FileCommand::Read(reading) => self.reads.push_back(reading),
                FileCommand::Close(message) => {
                    self.sources.remove(&message);
                    self.reads.retain(|reading| reading.message != message);
                }
                FileCommand::CloseAll => {
                    self.saved.clear();
                    self.sources.clear();
                    self.reads.clear();
                    self.events.clear();
                }
            }
        }
    }

    fn save(&mut self, saving: &Saving) {
        let message = saving.message;
        match Saved::begin(saving, &self.log) {
            Ok(saved) => {
                self.saved.insert(message, saved);
                self.step(message);
            }
            Err(why) => self.events.push_back(FileEvent::Failed(message, why)),
        }
    }

    fn write(&mut self, message: u64, bytes: &[u8]) {
        if let Some(saved) = self.saved.get_mut(&message) {
            let outcome = saved.write(bytes);
            self.note(message, outcome);
        }
    }

    /// Goes on with looking at what is there of a file.
    fn step(&mut self, message: u64) {
        if let Some(saved) = self.saved.get_mut(&message) {
            let outcome = saved.check_on();
            self.note(message, outcome);
        }
    }

    fn note(&mut self, message: u64, outcome: Result<Outcome, Fault>) {
        let event = match outcome {
            Ok(Outcome::NotYet) => return,
            Ok(Outcome::Ready(length)) => FileEvent::Ready(message, length),
            Ok(Outcome::Written(length)) => FileEvent::Written(message, length),
            Ok(Outcome::Whole(path)) => FileEvent::Saved(message, path),
            Err(why) => FileEvent::Failed(message, why),
        };
        if let FileEvent::Saved(..) | FileEvent::Failed(..) = event {
            self.saved.remove(&message);
        }
        self.events.push_back(event);
    }

    /// A turn's work, of what was put off.
    pub fn work(&mut self) {
        let unchecked =
            self.saved.iter().find(|(_, saved)| saved.is_unchecked()).map(|(message, _)| *message);
        if let Some(message) = unchecked {
            self.step(message);
        }
        for _ in 0..READS_PER_TURN {
            let Some(reading) = self.reads.pop_front() else { break };
            let event = self.read(&reading);
            self.events.push_back(event);
        }
    }

    fn read(&mut self, reading: &Reading) -> FileEvent {
        let Reading { message, channel, path, size, from, length } = reading;
        let source = match self.sources.remove(message) {
            Some(source) => Ok(source),
            None => Source::open(path, *size),
        };
        match source.and_then(|source| source.read(*from, *length).map(|bytes| (source, bytes))) {
            Ok((source, bytes)) => {
                self.sources.insert(*message, source);
                FileEvent::Part(*channel, *message, *from, bytes)
            }
            Err(why) => FileEvent::Unreadable(*message, why),
        }
    }

    /// What has come of files.
    pub fn take_events(&mut self, events: &mut Vec<FileEvent>) {
        events.extend(self.events.drain(..));
    }

    /// Whether there is work, which no event will tell.
    pub fn has_work(&self) -> bool {
        !self.reads.is_empty() || self.saved.values().any(Saved::is_unchecked)
    }

    /// Whether there are events, which nothing will tell.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }
}

#[cfg(test)]
mod tests;
