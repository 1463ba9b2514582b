//! Which files a room has, and which sockets. What is in them is `store`'s and `control`'s business.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use simp_control::FailureKind;
use simp_control::error::{Error, Outcome, fail};
use simp_control::homes;
use simp_control::{Holder, LOCK, Who};
use simp_service::folders::{FolderError, NewFolders};
use simp_service::lock;

/// The room that is meant if none is named.
pub const LOBBY: &str = "lobby";

/// The longest name of a room, in characters: that of a user.
const NAME_MAX: usize = 32;

/// The files of one room.
#[derive(Debug, Clone)]
pub struct RoomFiles {
    name: String,
    rooms: PathBuf,
    /// The folder of all but the socket.
    folder: PathBuf,
    /// What one in the background has to say.
    pub messages: PathBuf,
    /// Its accounts and members.
    pub store: PathBuf,
    /// Locked by the one that runs.
    pub lock: PathBuf,
    /// The socket for its operator.
    pub socket: PathBuf,
}

/// Reads the name of a room: it becomes that of a file.
pub fn room_name(name: &str) -> Result<String, String> {
    // No dot and no slash: it must not lead out of the folder.
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_good) {
        true => Ok(name.to_owned()),
        false if is_address(name) => {
            let named = format!("which has 1 to {NAME_MAX} letters, digits, _ and -");
            Err(format!("an address, not a room's name, {named}; the address of its simpd goes after run -d"))
        }
        false => Err(format!("a room's name has 1 to {NAME_MAX} letters, digits, _ and -")),
    }
}

/// What a command needs to mean this room, with a space before it; nothing if it is meant anyway.
pub fn name_option(room: &str) -> String {
    if room == LOBBY { String::new() } else { format!(" --name {room}") }
}

/// Whether somebody has typed an address where a name goes.
pub fn is_address(name: &str) -> bool {
    matches!(Who::read(name), Ok(Who::Ip(_) | Who::Address(_)))
}

impl RoomFiles {
    /// Those of the room with this name, whether they are there or not.
    ///
    /// # Errors
    /// If there is no home.
    pub fn of(name: &str) -> Outcome<Self> {
        let rooms = rooms().ok_or_else(|| refused(&FolderError::NoHome("the room's accounts")))?;
        let folder = rooms.join(name);
        Ok(Self {
            name: name.to_owned(),
            store: folder.join("room.db"),
            messages: folder.join("room.log"),
            lock: folder.join(LOCK),
            folder,
            rooms,
            socket: socket(name),
        })
    }

    /// Makes the folder of the store. What is new goes with what is returned, unless that is kept.
    ///
    /// # Errors
    /// If it cannot be made or is not ours alone.
    pub fn make_folder(&self) -> Outcome<NewFolders> {
        let mut new = NewFolders::default();
        // The folder of all rooms too: its locks say which simpd is taken.
        for private in [&self.rooms, &self.folder] {
            new.make_private(private, "XDG_STATE_HOME").map_err(|error| refused(&error))?;
        }
        Ok(new)
    }

    /// Removes what a run has made that came to nothing: a folder without a store.
    pub fn discard_new(&self) {
        if !self.store.exists() {
            // What is left of it is in nobody's way.
            let _ = fs::remove_file(&self.messages);
            let _ = fs::remove_file(&self.lock);
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// Makes sure that this is the only one that runs the room, as long as the file is open.
    ///
    /// # Errors
    /// If another one does.
    pub fn take_lock(&self) -> Outcome<File> {
        let name = &self.name;
        let taken = || {
            let pid = Holder::of(&self.lock).and_then(|holder| holder.pid);
            let pid = pid.map_or(String::new(), |pid| format!(", with pid {pid}"));
            format!("the room {name} is already running{pid} (see: simp-room status --name {name})")
        };
        let mut file = lock(&self.lock, taken)?;
        let told = file.set_len(0).and_then(|()| file.write_all(&Holder::this(&self.socket).to_bytes()));
        told.map_err(|error| {
            self.discard_new();
            failed(&self.lock, error, "XDG_STATE_HOME")
        })?;
        Ok(file)
    }

    /// Makes sure that no other room runs on this simpd, as long as the file is open: both would answer each line.
    ///
    /// # Errors
    /// If another room does.
    pub fn take_simpd(&self, address: &str) -> Outcome<File> {
        let path = self.rooms.join(format!("simpd-{address}.lock"));
        lock(&path, || format!("another room runs on simpd {address} (give each room a simpd of its own)"))
    }
}

/// Locks a file, for as long as it is open.
fn lock(path: &Path, taken: impl Fn() -> String) -> Outcome<File> {
    lock::take(path).map_err(|error| match error {
        TryLockError::WouldBlock => fail(FailureKind::Failed, taken()),
        TryLockError::Error(error) => failed(path, error, "XDG_STATE_HOME"),
    })
}

/// The folder of all rooms.
pub fn rooms() -> Option<PathBuf> {
    homes::state().map(|state| state.join("simp-room"))
}

/// The folder of the sockets. Not simpd's own: simpctl takes every socket that is there for one of a simpd.
pub fn runtime() -> PathBuf {
    let simp = homes::sockets();
    simp.with_file_name(format!("{}-room", simp.file_name().unwrap_or_default().to_string_lossy()))
}

/// The socket for the operator of the room with this name.
pub fn socket(name: &str) -> PathBuf {
    runtime().join(format!("{name}.sock"))
}

/// A folder that a room cannot be in.
pub fn refused(error: &FolderError) -> Error {
    fail(FailureKind::Failed, error.to_string())
}

/// What is wrong with a file in a folder that this variable sets.
pub fn failed(path: &Path, error: io::Error, variable: &'static str) -> Error {
    refused(&FolderError::Io(path.to_owned(), error, variable))
}
