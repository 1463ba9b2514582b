//! Where a room keeps what it knows, and where it is talked to.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use simp_control::FailureKind;
use simp_control::error::{Error, Outcome, fail};
use simp_control::places;

/// The longest name of a room, in characters: that of a user.
const NAME_MAX: usize = 32;

/// The files of one room.
#[derive(Debug, Clone)]
pub struct Places {
    name: String,
    rooms: PathBuf,
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
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_good) {
        return Err(format!("a room's name has 1 to {NAME_MAX} letters, digits, _ and -"));
    }
    Ok(name.to_owned())
}

impl Places {
    /// Those of the room with this name. Makes the folder of the store.
    ///
    /// # Errors
    /// Where there is no home, or the folders cannot be made or are somebody else's.
    pub fn of(name: &str) -> Outcome<Self> {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
        let state = state.or_else(home).ok_or_else(|| {
            fail(
                FailureKind::Failed,
                "neither XDG_STATE_HOME nor HOME is set (set one, for the room's accounts)",
            )
        })?;
        let rooms = state.join("simp-room");
        make_private(&rooms)?;
        let folder = rooms.join(name);
        make_private(&folder)?;
        Ok(Self {
            name: name.to_owned(),
            store: folder.join("room.db"),
            messages: folder.join("room.log"),
            lock: folder.join("lock"),
            rooms,
            socket: runtime().join(format!("{name}.sock")),
        })
    }

    /// Makes sure that this is the only one that runs the room, as long as the file is open.
    ///
    /// # Errors
    /// Where another does.
    pub fn take_lock(&self) -> Outcome<File> {
        let name = &self.name;
        lock(&self.lock, &format!("the room {name} runs already (see: simp-room status --name {name})"))
    }

    /// Makes sure that no other room runs on this simpd, as long as the file is open: both would answer each line.
    ///
    /// # Errors
    /// Where another does.
    pub fn take_simpd(&self, address: &str) -> Outcome<File> {
        let path = self.rooms.join(format!("simpd-{address}.lock"));
        lock(&path, &format!("another room runs on simpd {address} (give each room a simpd of its own)"))
    }
}

/// Locks a file, for as long as it is open.
fn lock(path: &Path, taken: &str) -> Outcome<File> {
    let file = File::options().create(true).append(true).mode(0o600).open(path);
    let file = file.map_err(|error| failed(path, &error))?;
    file.try_lock().map_err(|_| fail(FailureKind::Failed, taken))?;
    Ok(file)
}

/// The folder of the sockets.
pub fn runtime() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let simp = places::runtime_folder(runtime, Uid::effective().as_raw(), Path::is_dir);
    // A folder of its own: what is in simpd's are simpd.
    simp.with_file_name(format!("{}-room", simp.file_name().unwrap_or_default().to_string_lossy()))
}

/// Makes a folder that is ours and nobody else's.
///
/// # Errors
/// Where it cannot be made, or others may use it.
pub fn make_private(folder: &Path) -> Outcome {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(folder, &error))?;
    let meta = fs::symlink_metadata(folder).map_err(|error| failed(folder, &error))?;
    if !meta.is_dir() || meta.uid() != Uid::effective().as_raw() || meta.mode() & 0o077 != 0 {
        let line = format!("{}: not a folder of yours alone (make it so: chmod 700)", folder.display());
        return Err(fail(FailureKind::Failed, line));
    }
    Ok(())
}

/// What is wrong with a file.
pub fn failed(path: &Path, error: &io::Error) -> Error {
    fail(FailureKind::Failed, format!("{}: {error}", path.display()))
}
