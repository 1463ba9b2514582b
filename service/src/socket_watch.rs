//! Whether our socket is still in its folder. The folder goes when its user logs out, and comes back with the next login;
//! then it is time to make the socket again. The kernel tells of both, so that watching costs nothing.

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// Whoever removes the folder, or mounts another over it, has finished by then.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The last pause, each being twice as long as the one before. From then on only the kernel says when to try again.
const LAST_PAUSE: Duration = Duration::from_secs(64);

/// Watches the place of a socket.
#[derive(Debug)]
pub struct SocketWatch {
    path: PathBuf,
    /// Device and inode of the socket that we have made.
    made: Option<(u64, u64)>,
    /// None, if the system has no more of them: then only [`look_now`](Self::look_now) finds out.
    inotify: Option<Inotify>,
    /// The folders above the socket that are there, each with what is looked for in it.
    folders: Vec<(WatchDescriptor, OsString)>,
    /// When to look next.
    due: Option<Instant>,
    pause: Duration,
}

impl SocketWatch {
    /// Watches the socket at `path`, which has just been made.
    pub fn new(path: &Path) -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        let (path, folders) = (path.to_owned(), Vec::new());
        let mut watch = Self { path, made: None, inotify, folders, due: None, pause: FIRST_PAUSE };
        watch.made();
        watch
    }

    /// Readable when [`woken`](Self::woken) is to be called.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(|inotify| inotify.as_fd())
    }

    /// Something has happened in one of the folders.
    pub fn woken(&mut self, now: Instant) {
        let Some(inotify) = &self.inotify else { return };
        let mut concerns_us = false;
        while let Ok(events) = inotify.read_events() {
            concerns_us |= events.iter().any(|event| {
                let folder = self.folders.iter().find(|(folder, _)| *folder == event.wd);
                // Without a name it is about the folder itself.
                folder.is_some_and(|(_, name)| event.name.as_ref().is_none_or(|found| found == name))
            });
        }
        if concerns_us {
            self.watch_folders();
            self.pause = FIRST_PAUSE;
            self.due = Some(now + FIRST_PAUSE).filter(|_| !self.is_there());
        }
    }

    /// Looks at the next [`is_due`](Self::is_due), whether or not something has happened.
    pub fn look_now(&mut self, now: Instant) {
        self.pause = FIRST_PAUSE;
        self.due = Some(now);
    }

    /// When to ask [`is_due`](Self::is_due) next.
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the socket is to be made again now. Tell what came of it: [`made`](Self::made) or
    /// [`failed`](Self::failed).
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some() && !self.is_there()
    }

    /// The socket has been made.
    pub fn made(&mut self) {
        self.made = identity(&self.path);
        self.due = None;
        self.watch_folders();
    }

    /// The socket could not be made.
    pub fn failed(&mut self, now: Instant) {
        self.watch_folders();
        self.due = (self.pause <= LAST_PAUSE).then_some(now + self.pause);
        self.pause *= 2;
    }

    fn is_there(&self) -> bool {
        self.made.is_some() && identity(&self.path) == self.made
    }

    /// In the lowest folder that is there, what comes and goes; of all folders, that they go themselves.
    fn watch_folders(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        for (folder, _) in self.folders.drain(..) {
            // It may have gone with the folder.
            let _ = inotify.rm_watch(folder);
        }
        let itself = AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        let within = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        for (below, folder) in self.path.ancestors().zip(self.path.ancestors().skip(1)) {
            // The lowest one comes first.
            let what = if self.folders.is_empty() { itself | within } else { itself };
            if let (Ok(watch), Some(name)) = (inotify.add_watch(folder, what), below.file_name()) {
                self.folders.push((watch, name.to_owned()));
            }
        }
    }
}

/// Device and inode of what is there.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|there| (there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A folder `run/simp` with a socket in it, and its watch.
    fn watched() -> (tempfile::TempDir, PathBuf, SocketWatch) {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("run/simp/x.sock");
        make(&path);
        let watch = SocketWatch::new(&path);
        (top, path, watch)
    }

    fn make(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(UnixListener::bind(path).unwrap());
    }

    #[test]
    fn what_happens_beside_it_is_nothing_to_us() {
        let (top, path, mut watch) = watched();
        let now = Instant::now();
        fs::write(path.with_file_name("other.sock"), "").unwrap();
        fs::write(top.path().join("run/other"), "").unwrap();
        watch.woken(now);
        assert_eq!(watch.deadline(), None);
        watch.look_now(now);
        assert!(!watch.is_due(now) && watch.deadline().is_none());
    }

    #[test]
    fn a_socket_that_goes_in_any_way_is_due_a_second_later_and_once_only() {
        for go in [
            |path: &Path| fs::remove_file(path).unwrap(),
            |path: &Path| fs::rename(path, path.with_extension("old")).unwrap(),
            |path: &Path| fs::remove_dir_all(path.parent().unwrap()).unwrap(),
            |path: &Path| fs::remove_dir_all(path.ancestors().nth(2).unwrap()).unwrap(),
            |path: &Path| fs::rename(path.parent().unwrap(), path.with_file_name("../old")).unwrap(),
            |path: &Path| {
                let run = path.ancestors().nth(2).unwrap();
                fs::rename(run, run.with_file_name("old")).unwrap();
            },
            |path: &Path| {
                make(&path.with_file_name("new.sock"));
                fs::rename(path.with_file_name("new.sock"), path).unwrap();
            },
        ] {
            let (_top, path, mut watch) = watched();
            let now = Instant::now();
            go(&path);
            watch.woken(now);
            assert_eq!(watch.deadline(), Some(now + FIRST_PAUSE));
            assert!(!watch.is_due(now) && watch.is_due(now + FIRST_PAUSE));
            assert_eq!(watch.deadline(), None);
            let _ = fs::remove_file(&path);
            make(&path);
            watch.made();
            watch.woken(now);
            assert_eq!(watch.deadline(), None);
            // And so it goes on.
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
            watch.woken(now);
            assert!(watch.deadline().is_some());
        }
    }

    #[test]
    fn a_folder_that_comes_back_is_noticed_and_without_that_the_attempts_end() {
        let (top, path, mut watch) = watched();
        let mut now = Instant::now();
        fs::remove_dir_all(top.path().join("run")).unwrap();
        watch.woken(now);
        let mut attempts = 0;
        while let Some(due) = watch.deadline() {
            assert!(watch.is_due(due));
            watch.failed(due);
            (now, attempts) = (due, attempts + 1);
        }
        assert_eq!(attempts, 8);
        fs::create_dir(top.path().join("other")).unwrap();
        watch.woken(now);
        assert_eq!(watch.deadline(), None);
        fs::create_dir(top.path().join("run")).unwrap();
        watch.woken(now);
        assert_eq!(watch.deadline(), Some(now + FIRST_PAUSE));
        make(&path);
        watch.woken(now);
        assert!(watch.is_due(now + FIRST_PAUSE), "it is not the one that we have made");
    }
}
