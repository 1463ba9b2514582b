//! The places of the control sockets. If the folder of one goes, as it does when a user logs out, the socket is made again as soon as
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
use simp_service::folders::FolderError;
use simp_service::socket_watch::SocketWatch;

use crate::clients::Clients;
use crate::entrance::Entrance;

/// Watches over the control sockets.
#[derive(Debug)]
pub struct Places(Vec<Place>);

/// Watches over one of them.
#[derive(Debug)]
struct Place {
    entrance: Entrance,
    watch: SocketWatch,
    token: Token,
}

/// Why the socket cannot be made again now.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{0}: {words}", words = system(.1))]
    Socket(PathBuf, io::Error),
}

impl Places {
    /// Watches over these sockets, which have just been made, each with its token for [`woken`](Self::woken).
    pub fn watch(entrances: impl Iterator<Item = (Entrance, Token)>, registry: &Registry) -> Self {
        Self(entrances.map(|(entrance, token)| Place::watch(entrance, registry, token)).collect())
    }

    /// Something has happened where this token is.
    pub fn woken(&mut self, token: Token, now: Instant) {
        self.0.iter_mut().filter(|place| place.token == token).for_each(|place| place.watch.woken(now));
    }

    /// Looks, whether or not something has happened.
    pub fn look_now(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|place| place.watch.look_now(now));
    }

    /// When [`keep`](Self::keep) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(|place| place.watch.deadline()).min()
    }

    /// Makes the sockets again that are gone, if it is time to.
    pub fn keep(&mut self, now: Instant, clients: &mut Clients, registry: &Registry) {
        self.0.iter_mut().for_each(|place| place.keep(now, clients, registry));
    }
}

impl Place {
    fn watch(entrance: Entrance, registry: &Registry, token: Token) -> Self {
        let watch = SocketWatch::new(&entrance.socket);
        let watched = watch.as_fd().ok_or(io::ErrorKind::Unsupported.into()).and_then(|inotify| {
            registry.register(&mut SourceFd(&inotify.as_raw_fd()), token, Interest::READABLE)
        });
        if watched.is_err() {
            tracing::warn!("the control socket cannot be watched; if it is lost, SIGHUP makes it again");
        }
        Self { entrance, watch, token }
    }

    fn keep(&mut self, now: Instant, clients: &mut Clients, registry: &Registry) {
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
        let socket = &self.entrance.socket;
        let unmade = |error| Unmade::Socket(socket.clone(), error);
        if let Some(folder) = socket.parent() {
            // The one above is its user's, or the system's at a login: ours would be in their way.
            if !folder.parent().is_some_and(Path::is_dir) {
                return Err(Unmade::Socket(folder.to_owned(), Errno::ENOENT.into()));
            }
            self.entrance.make_folder()?;
        }
        match UnixStream::connect(socket) {
            // One that nobody serves any more, and a path that exists cannot be bound.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.entrance.remove().map_err(unmade)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Err(unmade(Errno::EADDRINUSE.into())),
        }
        Ok(clients.listen_again(&self.entrance, registry)?)
    }
}
