//! A simpd whose calls are recorded by `trace.c`, and the records.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{World, compile};

/// One call of the traced process.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub call: Call,
    pub descriptor: i32,
    /// Its meaning depends on the call.
    pub number: u64,
    pub bytes: &'a [u8],
}

/// What a record is about; `trace.c` says what its number and bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Begins,
    Opens,
    Writes,
    Resizes,
    Syncs,
    Closes,
    Removes,
    Renames,
    Links,
    Makes,
    Datagram,
    Stream,
}

impl Call {
    fn new(letter: u8) -> Self {
        match letter {
            b'b' => Self::Begins,
            b'o' => Self::Opens,
            b'w' => Self::Writes,
            b't' => Self::Resizes,
            b's' => Self::Syncs,
            b'c' => Self::Closes,
            b'u' => Self::Removes,
            b'r' => Self::Renames,
            b'l' => Self::Links,
            b'm' => Self::Makes,
            b'd' => Self::Datagram,
            b'a' => Self::Stream,
            _ => panic!("a record of an unknown kind: {letter}"),
        }
    }

    /// Whether something left the process.
    pub fn is_output(self) -> bool {
        matches!(self, Self::Datagram | Self::Stream)
    }
}

/// The library that records, and the file it records to.
pub struct Tracer {
    library: PathBuf,
    folder: PathBuf,
    trace: PathBuf,
}

impl Tracer {
    /// Compiles the library. What happens in `folder`, where the log will be, is recorded; no part of its name is
    /// a link.
    pub fn new(world: &World, folder: &Path) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power_loss/trace.c");
        let library = compile(world, "trace", source);
        Self { library, folder: folder.to_owned(), trace: world.path("trace") }
    }

    /// Lets this command be recorded.
    pub fn attach(&self, command: &mut Command) {
        command
            .env("XDG_STATE_HOME", &self.folder)
            .env("LD_PRELOAD", &self.library)
            .env("SIMP_TRACE", &self.trace)
            .env("SIMP_TRACE_FOLDER", &self.folder);
    }

    /// All that was recorded.
    pub fn read(&self) -> Vec<u8> {
        std::fs::read(&self.trace).expect("nothing was recorded: is simpd not linked dynamically?")
    }
}

/// The records in what was read.
pub fn records(mut bytes: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<24>() {
        let number = |at: usize| u64::from_ne_bytes(*head[at..].first_chunk().unwrap());
        let word = |at: usize| u32::from_ne_bytes(*head[at..].first_chunk().unwrap());
        let (content, after) = rest.split_at(number(16) as usize);
        records.push(Record {
            call: Call::new(word(0) as u8),
            descriptor: word(4) as i32,
            number: number(8),
            bytes: content,
        });
        bytes = after;
    }
    assert!(bytes.is_empty(), "the last record is not whole");
    records
}
