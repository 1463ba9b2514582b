//! The control socket: accepts clients, wakes them up, and lets them go.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::error::system;
use simp_control::{Failure, FailureKind};
use simp_engine::wheel::TimerId;
use simp_engine::{ClientId, Reader};
use simp_service::callers;
use slab::Slab;

use crate::connection::ClientConnection;

/// Most clients at a time.
pub const CLIENTS_MAX: usize = 1_024;

/// A listening socket for our user only.
fn bind(path: &Path, registry: &Registry, token: Token) -> io::Result<UnixListener> {
    let mut listener = UnixListener::bind(path)?;
    // The folder is ours alone already. This holds even if its user opens that to others.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    registry.register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}

/// Whether it concerns one knock only, and the next may be taken in.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

/// Whether somebody knocks who was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knocking {
    /// Nobody does: whoever knocks next causes an event.
    Answered,
    /// Somebody does, and we had no descriptor for the connection.
    NoDescriptor,
    /// A client has gone since then, so that there may be one.
    MayHaveDescriptor,
}

/// What is left of a client that has gone.
#[derive(Debug)]
pub struct Departed {
    /// Its key, which the next client may have.
    pub key: ClientId,
    /// The timer that was set for what it owed.
    pub timer: Option<TimerId>,
    /// How far it was, if it read for a consumer.
    pub reader: Option<Reader>,
}

/// The listening socket and all clients.
#[derive(Debug)]
pub struct Clients {
    listener: UnixListener,
    token: Token,
    clients: Slab<ClientConnection>,
    /// Added to a client's key for its token, so that tokens below are the server's own.
    first_token: usize,
    knocking: Knocking,
}

impl Clients {
    /// Listens on the socket at `path`, which must not exist, for our user only.
    ///
    /// # Errors
    /// Those of binding and of registering with mio.
    pub fn listen(path: &Path, registry: &Registry, token: Token, first_token: usize) -> io::Result<Self> {
        let listener = bind(path, registry, token)?;
        Ok(Self { listener, token, clients: Slab::new(), first_token, knocking: Knocking::Answered })
    }

    /// Listens on a new socket at `path`, which must not exist. Clients stay.
    ///
    /// # Errors
    /// Those of binding and of registering with mio: then it listens where it did.
    pub fn listen_again(&mut self, path: &Path, registry: &Registry) -> io::Result<()> {
        // Those who knocked while the old one had a path.
        self.accept(registry);
        let listener = bind(path, registry, self.token)?;
        let mut old = std::mem::replace(&mut self.listener, listener);
        registry.deregister(&mut old)
    }

    /// Takes in nobody any more. The clients hear of that when what this returns is dropped.
    pub fn close(self) -> Slab<ClientConnection> {
        self.clients
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Takes in all who knock. Only our user and root may stay.
    pub fn accept(&mut self, registry: &Registry) {
        self.knocking = Knocking::Answered;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, registry),
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!("a client cannot be accepted: {}", system(&error));
                    self.knocking = Knocking::NoDescriptor;
                    return;
                }
            }
        }
    }

    /// Whether to [`accept`](Self::accept) without being woken: nothing else tells that a descriptor is free.
    pub fn should_accept(&self) -> bool {
        self.knocking == Knocking::MayHaveDescriptor
    }

    fn admit(&mut self, stream: UnixStream, registry: &Registry) {
        let is_ours = callers::is_ours(&stream);
        let mut client = ClientConnection::new(stream);
        if !is_ours {
            client.dismiss(Failure::new(
                FailureKind::NoDaemon,
                "permission denied: this simpd belongs to another user (start your own: simpctl start ADDR)",
            ));
        } else if self.clients.len() >= CLIENTS_MAX {
            client.dismiss(Failure::new(
                FailureKind::Failed,
                format!("the limit of {CLIENTS_MAX} clients is reached (close some of them)"),
            ));
        }
        if !client.is_asking() {
            // The kernel has room for one line, so that nothing waits and it takes no place among the clients.
            client.flush();
            return;
        }
        let entry = self.clients.vacant_entry();
        let token = Token(self.first_token + entry.key());
        // Both from the start: an event comes once per change, so that room which nobody needs wakes us only once.
        if registry.register(&mut client.stream, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
            entry.insert(client);
        }
    }

    /// The socket of a client has something to read, or room. A token that is none of a client says nothing.
    pub fn woken(&mut self, event: &mio::event::Event) {
        let key = event.token().0.checked_sub(self.first_token);
        let Some(client) = key.and_then(|key| self.clients.get_mut(key)) else { return };
        client.woken(event);
    }

    /// The client with this key.
    pub fn get_mut(&mut self, key: ClientId) -> Option<&mut ClientConnection> {
        self.clients.get_mut(key)
    }

    /// All clients.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientId, &mut ClientConnection)> {
        self.clients.iter_mut()
    }

    /// Writes to all what can be written, and lets go those that are done; returns what is left of them.
    pub fn flush(&mut self, registry: &Registry) -> Vec<Departed> {
        let mut departed = Vec::new();
        self.clients.retain(|key, client| {
            client.flush();
            if !client.is_done() {
                return true;
            }
            let timer = client.debt.map(|debt| debt.timer);
            departed.push(Departed { key, timer, reader: client.reader() });
            if self.knocking == Knocking::NoDescriptor {
                self.knocking = Knocking::MayHaveDescriptor;
            }
            // The descriptor is closed right after, which removes it from the poll all the same.
            let _ = registry.deregister(&mut client.stream);
            false
        });
        departed
    }
}
