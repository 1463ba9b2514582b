//! The socket at which operators knock, as long as the room is open. It is made again if its folder went, as it does when a
//! user logs out; and if there is no descriptor for an operator, the rest wait a while instead of us asking all the time.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simp_control::error::Outcome;
use simp_service::folders::{NewFolders, make_private};
use simp_service::socket_watch::SocketWatch;

use crate::files::{failed, refused};

/// How long nobody is taken in after there was no descriptor for somebody.
const PAUSE: Duration = Duration::from_secs(1);

/// Where operators knock.
pub struct Reception {
    path: PathBuf,
    listener: UnixListener,
    watch: SocketWatch,
    /// Until when nobody is taken in.
    closed_until: Option<Instant>,
}

impl Reception {
    /// Makes the socket, and its folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(path: &Path) -> Outcome<Self> {
        let mut new = NewFolders::default();
        if let Some(folder) = path.parent() {
            new.make_private(folder, "XDG_RUNTIME_DIR").map_err(|error| refused(&error))?;
        }
        let listener = listen(path).map_err(|error| failed(path, error, "XDG_RUNTIME_DIR"))?;
        new.keep();
        Ok(Self { path: path.to_owned(), listener, watch: SocketWatch::new(path), closed_until: None })
    }

    /// Waits for the next operator. A socket that is gone is made again as long as the room `is_open`.
    pub fn next(&mut self, is_open: impl Fn() -> bool) -> UnixStream {
        loop {
            let now = Instant::now();
            self.closed_until.take_if(|until| *until <= now);
            if self.watch.is_due(now) && is_open() {
                self.make_again(now);
            }
            if self.closed_until.is_none() {
                match self.listener.accept() {
                    Ok((stream, _)) => return stream,
                    Err(error) if is_passing(&error) => {}
                    Err(_) => self.closed_until = Some(now + PAUSE),
                }
            }
            self.wait();
        }
    }

    /// Waits until somebody knocks, something happens to the socket, or there is something to do.
    fn wait(&mut self) {
        let mut fds = Vec::with_capacity(2);
        if self.closed_until.is_none() {
            fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        }
        fds.extend(self.watch.as_fd().map(|watch| PollFd::new(watch, PollFlags::POLLIN)));
        let deadline = [self.closed_until, self.watch.deadline()].into_iter().flatten().min();
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        // A signal brings us back early, which does no harm.
        let _ = poll(&mut fds, timeout);
        self.watch.woken(Instant::now());
    }

    fn make_again(&mut self, now: Instant) {
        match listen_again(&self.path) {
            Ok(listener) => {
                self.listener = listener;
                self.watch.made();
            }
            Err(_) => self.watch.failed(now),
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // Whoever holds the room's lock may replace what an earlier run has left.
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn listen_again(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        // The one above is its user's, or the system's at a login: ours would be in their way.
        if !folder.parent().is_some_and(Path::is_dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        make_private(folder, "XDG_RUNTIME_DIR").map_err(io::Error::other)?;
    }
    listen(path)
}

/// Whether nobody knocks any more, or the next may be taken in.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}
