//! A file of a peer that is being saved.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, RenameFlags, renameat2};
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;
use ring::digest::{Context, SHA256};
use simp_control::Digest;
use simp_control::error::system;
use simp_engine::{Fault, Saving};

/// So many bytes of what an earlier run has written are looked at in one turn.
const CHECKED_PER_TURN: u64 = 1 << 20;

/// So many are read at once for that.
const READ_MAX: usize = 256 << 10;

/// After so many bytes the disk is waited for: then what a loss of power costs is bounded, and so is each wait.
const SYNC_EVERY: u64 = 4 << 20;

/// Files of one name in one folder that have a number each.
const SAME_NAME_MAX: u32 = 10_000;

/// What a peer hears of a file of its that cannot be saved: which folder it is for and what is there is none of its affairs.
const NOT_SAVED: &str = "it cannot be saved there";

/// And of one for which the disk is too small.
const NO_ROOM: &str = "there is no room for it";

/// What has become of a file.
pub(super) enum Outcome {
    /// Not all was looked at that is there.
    NotYet,
    /// So many bytes are there, and more may come.
    Ready(u64),
    /// So many bytes are there by now.
    Written(u64),
    /// It is whole, durable, and at this path.
    Whole(String),
}

/// A file that is being saved.
pub(super) struct Saved {
    part: PathBuf,
    file: File,
    folder: PathBuf,
    name: String,
    size: u64,
    sha256: Digest,
    /// So many bytes are there.
    length: u64,
    /// So many of them were looked at.
    checked: u64,
    digest: Context,
    unsynced: u64,
    /// Some of it is of an earlier run.
    is_resumed: bool,
}

impl Saved {
    /// Begins with a file, or goes on with what is there of it, if there is room for the rest.
    pub(super) fn begin(saving: &Saving, log: &str) -> Result<Self, Fault> {
        let folder = PathBuf::from(&saving.folder);
        let part = part(&folder, log, saving.message);
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits());
        let file = options.open(&part).map_err(|error| explain(&folder, &error))?;
        let there = file.metadata().map_err(|error| explain(&folder, &error))?;
        // In a folder of all users it may be somebody else's, who would read along.
        if !there.is_file() || there.uid() != geteuid().as_raw() {
            let why = format!("{}: not a file of ours (remove it)", part.display());
            return Err(Fault { why, told: NOT_SAVED });
        }
        let mut saved = Self {
            part,
            file,
            folder,
            name: saving.name.clone(),
            size: saving.size,
            sha256: saving.sha256,
            length: there.len(),
            checked: 0,
            digest: Context::new(&SHA256),
            unsynced: 0,
            is_resumed: there.len() > 0,
        };
        if saved.length > saved.size {
            saved.start_over()?;
        }
        saved.check_room()?;
        Ok(saved)
    }

    /// Whether there is room for what is missing.
    fn check_room(&self) -> Result<(), Fault> {
        let there = statvfs(&self.folder).map_err(|errno| explain(&self.folder, &errno.into()))?;
        #[allow(clippy::unnecessary_cast, reason = "they are u32 on some systems")]
        let free = (there.blocks_available() as u64).saturating_mul(there.fragment_size() as u64);
        let missing = self.size - self.length;
        if missing > free {
            let folder = self.folder.display();
            let _ = fs::remove_file(&self.part);
            let why = format!("{folder}: it needs {missing} bytes, and {free} are free");
            return Err(Fault { why, told: NO_ROOM });
        }
        Ok(())
    }

    /// Whether some of what is there was not looked at yet.
    pub(super) fn is_unchecked(&self) -> bool {
        self.checked < self.length
    }

    /// Looks at what is there, a piece at a time.
    pub(super) fn check_on(&mut self) -> Result<Outcome, Fault> {
        let upto = self.length.min(self.checked + CHECKED_PER_TURN);
        let mut buffer = vec![0; READ_MAX.min((upto - self.checked) as usize)];
        while self.checked < upto {
            let most = buffer.len().min((upto - self.checked) as usize);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            self.file.read_exact_at(piece, self.checked).map_err(|error| explain(&self.folder, &error))?;
            self.digest.update(piece);
            self.checked += most as u64;
        }
        match () {
            () if self.is_unchecked() => Ok(Outcome::NotYet),
            () if self.length == self.size => self.end(),
            () => Ok(Outcome::Ready(self.length)),
        }
    }

    /// Appends what has come.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Outcome, Fault> {
        self.file.write_all_at(bytes, self.length).map_err(|error| explain(&self.folder, &error))?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        self.checked = self.length;
        if self.length >= self.size {
            return self.end();
        }
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data().map_err(|error| explain(&self.folder, &error))?;
        }
        Ok(Outcome::Written(self.length))
    }

    /// All of it is there.
    fn end(&mut self) -> Result<Outcome, Fault> {
        let found = std::mem::replace(&mut self.digest, Context::new(&SHA256)).finish();
        if found.as_ref() != self.sha256.as_bytes() {
            // What an earlier run has left may have suffered from a loss of power.
            if self.is_resumed {
                self.start_over()?;
                return Ok(Outcome::Ready(0));
            }
            return Err("what came is not what was offered (did it change while it was sent?)".into());
        }
        self.file.sync_all().map_err(|error| explain(&self.folder, &error))?;
        let path = self.name_it()?;
        // So that the name is as durable as what it names.
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|error| explain(&self.folder, &error))?;
        Ok(Outcome::Whole(path.display().to_string()))
    }

    fn start_over(&mut self) -> Result<(), Fault> {
        self.file.set_len(0).map_err(|error| explain(&self.folder, &error))?;
        (self.length, self.checked, self.is_resumed) = (0, 0, false);
        self.digest = Context::new(&SHA256);
        Ok(())
    }

    /// Gives it a name that nothing has, unless an earlier run has done that.
    fn name_it(&self) -> Result<PathBuf, Fault> {
        let ours = self.file.metadata().map_err(|error| explain(&self.folder, &error))?;
        for path in names(&self.folder, &self.name) {
            let there = fs::symlink_metadata(&path);
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(path);
            }
            match link(&self.part, &path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(explain(&self.folder, &error)),
            }
        }
        let why = format!("{}: too many files are called {}", self.folder.display(), self.name);
        Err(Fault { why, told: NOT_SAVED })
    }
}

/// Removes what is left of a file besides what was saved.
pub(super) fn discard(folder: &str, log: &str, message: u64) {
    // If it is gone already, that is as well; if it cannot be removed, it is a hidden file that nobody reads.
    let _ = fs::remove_file(part(Path::new(folder), log, message));
}

/// Where a file is as long as it is not whole.
fn part(folder: &Path, log: &str, message: u64) -> PathBuf {
    folder.join(format!(".simp-{log}-{message}.part"))
}

/// A second name, or a new one where a file has only one.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    use nix::errno::Errno;
    match fs::hard_link(from, to) {
        Err(error)
            if matches!(
                error.raw_os_error().map(Errno::from_raw),
                Some(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK)
            ) =>
        {
            let here = nix::fcntl::AT_FDCWD;
            Ok(renameat2(here, from, here, to, RenameFlags::RENAME_NOREPLACE)?)
        }
        linked => linked,
    }
}

/// What it may be called: its name, or that with a number before what says of which kind it is.
fn names(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let (stem, kind) = match name.rfind('.').filter(|at| *at > 0) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    let numbered = (1..SAME_NAME_MAX).map(move |n| format!("{stem}-{n}{kind}"));
    std::iter::once(name.to_owned()).chain(numbered).map(|name| folder.join(name))
}

fn explain(folder: &Path, error: &io::Error) -> Fault {
    let told = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => NO_ROOM,
        _ => NOT_SAVED,
    };
    Fault { why: format!("{}: {}", folder.display(), system(error)), told }
}
