//! The place of the control socket. If its folder goes, as it does when a user logs out, the socket is made again as soon as
//! it can be. Clients that are connected notice nothing.

use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mio::net::UnixStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use simp_control::error::system;
use simp_service::folders::{self, FolderError};
use simp_service::socket_watch::SocketWatch;

use crate::clients::Clients;

/// Watches over the control socket.
#[derive(Debug)]
pub struct Place {
    socket: PathBuf,
    watch: SocketWatch,
}

/// Why the socket cannot be made again now.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{0}: {words}", words = system(.1))]
    Socket(PathBuf, io::Error),
}

impl Place {
    /// Watches over the socket that has just been made at `socket`. `token` is that of [`woken`](Self::woken).
    pub fn watch(socket: &Path, registry: &Registry, token: Token) -> Self {
        let watch = SocketWatch::new(socket);
        let watched = watch.as_fd().ok_or(io::ErrorKind::Unsupported.into()).and_then(|inotify| {
            registry.register(&mut SourceFd(&inotify.as_raw_fd()), token, Interest::READABLE)
        });
        if watched.is_err() {
            tracing::warn!("the control socket cannot be watched; if it is lost, SIGHUP makes it again");
        }
        Self { socket: socket.to_owned(), watch }
    }

    /// Something has happened there.
    pub fn woken(&mut self, now: Instant) {
        self.watch.woken(now);
    }

    /// Looks, whether or not something has happened.
    pub fn look_now(&mut self, now: Instant) {
        self.watch.look_now(now);
    }

    /// When [`keep`](Self::keep) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.watch.deadline()
    }

    /// Makes the socket again, if it is time to.
    pub fn keep(&mut self, now: Instant, clients: &mut Clients, registry: &Registry) {
        if !self.watch.is_due(now) {
            return;
        }
        match self.make_again(clients, registry) {
            Ok(()) => {
                tracing::info!("the control socket was gone; it is there again");
                self.watch.made();
            }
            Err(error) => {
                tracing::warn!("the control socket is gone, and cannot be made again yet: {error}");
                self.watch.failed(now);
            }
        }
    }

    fn make_again(&self, clients: &mut Clients, registry: &Registry) -> Result<(), Unmade> {
        let unmade = |error| Unmade::Socket(self.socket.clone(), error);
        if let Some(folder) = self.socket.parent() {
            // The one above is its user's, or the system's at a login: ours would be in their way.
            if !folder.parent().is_some_and(Path::is_dir) {
                return Err(Unmade::Socket(folder.to_owned(), Errno::ENOENT.into()));
            }
            folders::make_private(folder, "XDG_RUNTIME_DIR")?;
        }
        match UnixStream::connect(&self.socket) {
            // One that nobody serves any more, and a path that exists cannot be bound.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(&self.socket).map_err(unmade)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Err(unmade(Errno::EADDRINUSE.into())),
        }
        clients.listen_again(&self.socket, registry).map_err(unmade)
    }
}
