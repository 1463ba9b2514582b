//! The clients: accepts them, wakes them up, and lets them go. By which sockets they come is in `entrance`.

use std::io;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::error::system;
use simp_control::{Failure, FailureKind};
use simp_engine::wheel::TimerId;
use simp_engine::{ClientId, Reader, Rights};
use simp_service::folders::FolderError;
use slab::Slab;

use crate::connection::ClientConnection;
use crate::entrance::Entrance;

/// Most clients at a time.
pub const CLIENTS_MAX: usize = 1_024;

/// With so many, only our own user and root are let in: others must not keep them out.
const SHARED_MAX: usize = 768;

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

/// A socket that clients come in by.
#[derive(Debug)]
struct Listening {
    entrance: Entrance,
    socket: UnixListener,
    token: Token,
}

impl Listening {
    fn begin(entrance: Entrance, registry: &Registry, token: Token) -> Result<Self, FolderError> {
        let mut socket = entrance.bind()?;
        let failed = |error| FolderError::Io(entrance.socket.clone(), error, "XDG_RUNTIME_DIR");
        registry.register(&mut socket, token, Interest::READABLE).map_err(failed)?;
        Ok(Self { entrance, socket, token })
    }
}

/// The listening sockets and all clients.
#[derive(Debug)]
pub struct Clients {
    listening: Vec<Listening>,
    clients: Slab<ClientConnection>,
    /// Added to a client's key for its token, so that tokens below are the server's own.
    first_token: usize,
    knocking: Knocking,
}

impl Clients {
    /// Listens at these entrances, whose sockets must not exist.
    ///
    /// # Errors
    /// [`FolderError`] names the socket and the remedy.
    pub fn listen(
        entrances: impl Iterator<Item = (Entrance, Token)>,
        registry: &Registry,
        first_token: usize,
    ) -> Result<Self, FolderError> {
        let listening = entrances.map(|(entrance, token)| Listening::begin(entrance, registry, token));
        let listening = listening.collect::<Result<_, _>>()?;
        Ok(Self { listening, clients: Slab::new(), first_token, knocking: Knocking::Answered })
    }

    /// Listens at an entrance again, whose socket must not exist. Clients stay.
    ///
    /// # Errors
    /// As [`listen`](Self::listen): then it listens where it did.
    pub fn listen_again(&mut self, entrance: &Entrance, registry: &Registry) -> Result<(), FolderError> {
        // Those who knocked while the old one had a path.
        self.accept(registry);
        let is_it = |listening: &&mut Listening| listening.entrance.socket == entrance.socket;
        let Some(listening) = self.listening.iter_mut().find(is_it) else { return Ok(()) };
        let new = Listening::begin(entrance.clone(), registry, listening.token)?;
        let mut old = std::mem::replace(listening, new);
        let failed = |error| FolderError::Io(entrance.socket.clone(), error, "XDG_RUNTIME_DIR");
        registry.deregister(&mut old.socket).map_err(failed)
    }

    /// Takes in nobody any more. The clients hear of that when what this returns is dropped.
    pub fn close(self) -> Slab<ClientConnection> {
        self.clients
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Takes in all who knock. Only those may stay whom the entrance is for.
    pub fn accept(&mut self, registry: &Registry) {
        self.knocking = Knocking::Answered;
        let mut place = 0;
        while let Some(listening) = self.listening.get(place) {
            match listening.socket.accept() {
                Ok((stream, _)) => {
                    let rights =
                        listening.entrance.rights_of(&stream).ok_or_else(|| listening.entrance.refusal());
                    self.admit(stream, rights, registry);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => place += 1,
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

    fn admit(&mut self, stream: UnixStream, rights: Result<Rights, String>, registry: &Registry) {
        let most = match rights {
            Ok(Rights::All) => CLIENTS_MAX,
            _ => SHARED_MAX,
        };
        let mut client = ClientConnection::new(stream, rights.as_ref().copied().unwrap_or_default());
        if let Err(refusal) = rights {
            client.dismiss(Failure::new(FailureKind::NoDaemon, refusal));
        } else if self.clients.len() >= most {
            client.dismiss(Failure::new(
                FailureKind::Failed,
                format!("the limit of {most} clients is reached (close some of them)"),
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
