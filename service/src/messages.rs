//! What a program says on standard error. In the background that is a file, which is begun anew when it is full, so that it
//! has a bound whatever there is to say.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::unistd::{dup2_stderr, ftruncate};

use crate::plain_file;

/// A file that would be larger is renamed to `NAME.1`, in place of the one before it. In bytes.
pub const SIZE_MAX: u64 = 1 << 20;

/// The file, if standard error is one of ours.
static PATH: OnceLock<PathBuf> = OnceLock::new();

/// From now on standard error is this file.
pub(crate) fn keep_in(path: &Path) {
    // A process enters the background once.
    let _ = PATH.set(path.to_owned());
}

/// Where the file before this one is.
pub(crate) fn previous(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Writes this to standard error, in one piece. Nobody need be there to read it.
pub fn write(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    if let Some(path) = PATH.get() {
        make_room(path, bytes.len() as u64);
    }
    let _ = stderr.write_all(bytes);
}

/// Writes a line that a program says in its own name.
pub fn say(program: &str, line: &str) {
    write(format!("{program}: {line}\n").as_bytes());
}

/// Sees to it that standard error is the file at `path`, and has room for so many bytes.
fn make_room(path: &Path, bytes: u64) {
    let Ok(open) = io::stderr().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata()) else {
        return;
    };
    // Another process of the same log may have been here, and so may whoever keeps the logs of this machine.
    let is_there =
        fs::symlink_metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()));
    let is_full = open.len() + bytes > SIZE_MAX;
    if is_there && (!is_full || open.len() == 0) {
        return;
    }
    let renamed = if is_there { fs::rename(path, previous(path)) } else { Ok(()) };
    let renewed = renamed.and_then(|()| Ok(dup2_stderr(plain_file::append(path)?)?));
    if renewed.is_err() && is_full {
        // Its folder is gone, perhaps, and the file without a name grows all the same.
        let _ = ftruncate(io::stderr(), 0);
    }
}
