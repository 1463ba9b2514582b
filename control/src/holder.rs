//! What the file of a lock says of the process that holds it: where its socket is, and its id. So the programs of one user
//! find each other although their environments differ (cron, `sudo`, `ssh`), and errors can name the process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;

/// What the file is called.
pub const LOCK: &str = "lock";

/// More than any of ours has, in bytes: a path of a socket and a number.
const SIZE_MAX: u64 = 4_096;

/// The process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its socket.
    pub socket: PathBuf,
    /// Its id; `None` if it is older than this.
    pub pid: Option<u32>,
}

impl Holder {
    /// This process, with this socket.
    pub fn this(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), pid: Some(std::process::id()) }
    }

    /// What the file says then: the path in its first line, the id in its second.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.socket.as_os_str().as_bytes().to_vec();
        if let Some(pid) = self.pid {
            bytes.extend(format!("\n{pid}\n").as_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let socket = PathBuf::from(OsStr::from_bytes(lines.next()?));
        let pid = lines.next().and_then(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
        socket.is_absolute().then_some(Self { socket, pid })
    }

    /// Who held the lock last, and may hold it still. `None` if nobody ever did, or the file is not our user's.
    pub fn of(lock: &Path) -> Option<Self> {
        // Anything but a file could keep us waiting.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = File::options().read(true).custom_flags(flags).open(lock).ok()?;
        let metadata = file.metadata().ok()?;
        let is_ours = metadata.is_file() && metadata.uid() == Uid::effective().as_raw();
        let mut bytes = Vec::new();
        file.take(SIZE_MAX).read_to_end(&mut bytes).ok().filter(|_| is_ours)?;
        Self::parse(&bytes)
    }

    /// Whether this is its socket, also if another path leads there.
    pub fn is_at(&self, socket: &Path) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|there| (there.dev(), there.ino())).ok();
        self.socket == socket || identity(&self.socket).is_some_and(|ours| identity(socket) == Some(ours))
    }

    /// The id of the process, if it still has the lock's file open. To try the lock would tell too, but a program that
    /// starts at that moment would find it taken.
    pub fn alive(&self, lock: &Path) -> Option<u32> {
        let pid = self.pid?;
        let file = fs::metadata(lock).ok()?;
        let same = |open: &fs::DirEntry| {
            let open = fs::metadata(open.path());
            open.is_ok_and(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()))
        };
        fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().any(|open| same(&open)).then_some(pid)
    }

    /// All that have or had the lock in a folder of this folder: the folder's name, and who. In the order of the names.
    pub fn all_in(folder: &Path) -> Vec<(String, Self)> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let holder = |entry: fs::DirEntry| {
            Some((entry.file_name().into_string().ok()?, Self::of(&entry.path().join(LOCK))?))
        };
        let mut holders: Vec<_> = entries.filter_map(holder).collect();
        holders.sort_by(|(one, _), (other, _)| one.cmp(other));
        holders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_so_is_what_older_programs_wrote() {
        let ours = Holder::this(Path::new("/run/user/7/simp/127.0.0.1.sock"));
        assert_eq!(Holder::parse(&ours.to_bytes()), Some(ours.clone()));
        let older = ours.socket.as_os_str().as_bytes();
        assert_eq!(Holder::parse(older), Some(Holder { pid: None, ..ours.clone() }));
        for nothing in [&b""[..], b"relative", b"\n7\n"] {
            assert_eq!(Holder::parse(nothing), None);
        }
    }

    #[test]
    fn a_process_is_alive_as_long_as_it_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("a").join(LOCK);
        fs::create_dir(folder.path().join("a")).unwrap();
        let holder = Holder::this(Path::new("/x.sock"));
        fs::write(&lock, holder.to_bytes()).unwrap();
        assert_eq!(Holder::all_in(folder.path()), [("a".to_owned(), holder.clone())]);
        assert_eq!(holder.alive(&lock), None);
        let _open = File::open(&lock).unwrap();
        assert_eq!(holder.alive(&lock), holder.pid);
        // A link may lead to a file of somebody else.
        std::os::unix::fs::symlink(&lock, folder.path().join("link")).unwrap();
        assert_eq!(Holder::of(&folder.path().join("link")), None);
        nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(Holder::of(&folder.path().join("pipe")), None);
    }
}
