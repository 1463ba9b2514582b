//! What is there of earlier starts, in the daemons' folders: their logs, and the options that each was started with. simpd
//! does not read the options: whoever starts it without simpctl gives them as always.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use simp_control::error::with_remedy;
use simp_control::{Address, homes, places};
use simp_service::plain_file;

/// What the file with the options is called.
const FILE: &str = "start.json";

/// More than any command line of ours has, in bytes.
const SIZE_MAX: u64 = 1 << 20;

/// What the kernel takes of one argument, with the NUL at its end.
const ARGUMENT_MAX: usize = 128 << 10;

/// Options of simpd, as they were given; simpd checks them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_chats: Option<String>,
}

impl Options {
    /// These, and of the earlier ones those that are not given anew.
    pub(super) fn or(&self, earlier: &Self) -> Self {
        let either = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        Self {
            user: either(&self.user, &earlier.user),
            accept: either(&self.accept, &earlier.accept),
            max_chats: either(&self.max_chats, &earlier.max_chats),
        }
    }

    /// As simpd takes them.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        let all = [("--user", &self.user), ("--accept", &self.accept), ("--max-chats", &self.max_chats)];
        all.into_iter().filter_map(|(option, value)| Some([option, value.as_deref()?])).flatten()
    }

    /// Whether they can have been given on a command line.
    fn can_be_arguments(&self) -> bool {
        self.arguments().all(|argument| argument.len() < ARGUMENT_MAX && !argument.contains('\0'))
    }
}

/// The file with the options of one daemon.
#[derive(Debug)]
pub(super) struct Memory(PathBuf);

impl Memory {
    /// That of the daemon on this address; `None` if that is no address, or nothing says where daemons keep their files.
    pub(super) fn of(address: &str) -> Option<Self> {
        let name = places::daemon_name(Address::parse_complete(address).ok()?);
        Some(Self(daemons()?.join(name).join(FILE)))
    }

    /// What it has; `None` if there is nothing.
    ///
    /// # Errors
    /// A line that says what is wrong with it.
    pub(super) fn recall(&self) -> Result<Option<Options>, String> {
        let text = match plain_file::read_to_string(&self.0, SIZE_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(self.ignored("it is damaged")),
            Err(error) => return Err(self.ignored(&with_remedy(&error))),
        };
        let options = serde_json::from_str(&text).ok().filter(Options::can_be_arguments);
        options.map(Some).ok_or_else(|| self.ignored("it is damaged"))
    }

    /// That it does not count.
    pub(super) fn ignored(&self, why: &str) -> String {
        format!("{}: {why}; the options of the last start are not known (give them again)", self.0.display())
    }

    /// Replaces what it has.
    ///
    /// # Errors
    /// A line that says why that is not possible.
    pub(super) fn keep(&self, options: &Options) -> Result<(), String> {
        let text = serde_json::to_string(options).unwrap_or_default();
        replace(&self.0, &text).map_err(|error| {
            let why = with_remedy(&error);
            format!("{}: {why}; the options of this start are not remembered", self.0.display())
        })
    }
}

/// The daemons that have a log, by their names, in their order.
pub(super) fn logs() -> Vec<String> {
    let entries = daemons().and_then(|folder| fs::read_dir(folder).ok());
    let names = entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Address::parse_complete(&name).ok()?;
        entry.path().join("log.db").is_file().then_some(name)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The folder with those of all daemons.
fn daemons() -> Option<PathBuf> {
    homes::state().map(|state| state.join("simp"))
}

/// Whoever reads it meanwhile finds the old or the new text, and never a part.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = plain_file::renew(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(new, path)
}
