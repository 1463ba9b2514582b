//! The clients: accepts them, wakes them up, and lets them go. By which sockets they come is in `entrance`.

use std::io;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::error::system;
use simp_control::{Failure, FailureKind};
use simp_engine::wheel::TimerId;
use simp_engine::{ClientId, Follower, Reader, Rights};
use simp_service::folders::FolderError;
use simp_store::Store;
use slab::Slab;

use crate::audience::Group;
use crate::connection::ClientConnection;
use crate::entrance::Entrance;
use crate::frames::Frames;
use crate::roll::Roll;

/// Most clients at a time.
pub const CLIENTS_MAX: usize = 1_024;

/// With so many, only our own user and root are let in: others must not keep them out.
const SHARED_MAX: usize = 768;

/// So many bytes that many clients are given are written to one of them with the work that it is to look at an entry.
const BYTES_SHARED: u64 = 16 << 10;

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
    /// Each is changed only by [`Clients::change`].
    clients: Slab<ClientConnection>,
    /// For which of them there is something to do.
    roll: Roll,
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
        let (clients, roll) = (Slab::new(), Roll::default());
        Ok(Self { listening, clients, roll, first_token, knocking: Knocking::Answered })
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
        let (key, token) = (entry.key(), Token(self.first_token + entry.key()));
        if registry.register(&mut client.stream, token, Interest::READABLE).is_ok() {
            self.roll.enter(key, entry.insert(client));
        }
    }

    /// The socket of a client has something to read, or room. A token that is none of a client says nothing.
    pub fn woken(&mut self, event: &mio::event::Event) {
        let key = event.token().0.checked_sub(self.first_token);
        if let Some(key) = key {
            self.change(key, |client| client.woken(event));
        }
    }

    /// The client with this key.
    pub fn get(&self, key: ClientId) -> Option<&ClientConnection> {
        self.clients.get(key)
    }

    /// Changes the client with this key, if it is there: no turn forgets it after that.
    pub fn change<T>(&mut self, key: ClientId, change: impl FnOnce(&mut ClientConnection) -> T) -> Option<T> {
        let client = self.clients.get_mut(key)?;
        let changed = change(client);
        self.roll.enter(key, client);
        Some(changed)
    }

    /// For whom there is something to do.
    pub fn roll(&self) -> &Roll {
        &self.roll
    }

    /// How far those are that read for a consumer.
    pub fn readers(&self) -> impl Iterator<Item = Reader> {
        let upto = self.roll.audience.upto();
        self.roll.reading.iter().filter_map(move |key| self.clients.get(*key)?.reader(upto))
    }

    /// Lets a client follow the log, in place of what it followed before.
    pub fn follow_from(&mut self, key: ClientId, follower: Follower) {
        let Some(client) = self.clients.get_mut(key) else { return };
        self.roll.unseat(key, client);
        client.follow_from(follower);
        self.roll.enter(key, client);
    }

    /// Gives those who have had all of the log up to this turn what they want of its entries, up to the newest; those for whom
    /// the work does not suffice, or who have no room, fall behind.
    pub fn serve_audience(&mut self, log: &Store, mut work: u64) {
        let Self { clients, roll: Roll { audience, changed, behind, .. }, .. } = self;
        let newest = log.last_id();
        if audience.is_empty() {
            // What nobody follows need not be made for those who do.
            audience.set_upto(newest);
            return;
        }
        let entries = log.fresh();
        let (first, upto) = (newest - entries.len() as u64, audience.upto());
        let entries = entries.get(upto.saturating_sub(first) as usize..).unwrap_or_default();
        let from = newest - entries.len() as u64;
        if upto < from {
            // What came before these is read from the log.
            for key in audience.dismiss() {
                let Some(client) = clients.get_mut(key) else { continue };
                client.fall_behind(upto);
                changed.push(key);
                behind.insert(key);
            }
        }
        let mut frames = Frames::of(entries);
        audience.for_concerned(entries, |Group { wanted, members }| {
            let share = frames.wanted(wanted);
            if share.pieces.is_empty() {
                return;
            }
            members.retain(|key| {
                let Some(client) = clients.get_mut(*key) else { return false };
                let is_given_all = work > 0 && client.follow_share(&share, from);
                work = work.saturating_sub(1 + share.bytes.len() as u64 / BYTES_SHARED);
                changed.push(*key);
                if !is_given_all {
                    client.fall_behind(from);
                    behind.extend(Some(*key).filter(|_| client.is_behind()));
                }
                is_given_all
            });
        });
        audience.set_upto(newest);
    }

    /// Writes what can be written to those that were changed since the last time, and lets go those of them that are done;
    /// returns what is left of those. `stays` is told of the others.
    pub fn flush(
        &mut self,
        registry: &Registry,
        mut stays: impl FnMut(ClientId, &mut ClientConnection),
    ) -> Vec<Departed> {
        let mut departed = Vec::new();
        for key in self.roll.take_changed() {
            let Some(client) = self.clients.get_mut(key) else { continue };
            client.flush();
            client.watch_for_room(registry, Token(self.first_token + key));
            if client.is_done() {
                departed.extend(self.let_go(key, registry));
            } else {
                // What was written may have made room for more.
                self.roll.sort(key, client);
                stays(key, client);
            }
        }
        departed
    }

    fn let_go(&mut self, key: ClientId, registry: &Registry) -> Option<Departed> {
        let mut client = self.clients.try_remove(key)?;
        self.roll.strike(key, &mut client);
        let reader = client.reader(self.roll.audience.upto());
        if self.knocking == Knocking::NoDescriptor {
            self.knocking = Knocking::MayHaveDescriptor;
        }
        // The descriptor is closed right after, which removes it from the poll all the same.
        let _ = registry.deregister(&mut client.stream);
        Some(Departed { key, timer: client.debt.map(|debt| debt.timer), reader })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use mio::{Events, Poll};
    use simp_control::{Request, VERSION, frame};

    use super::*;

    #[test]
    fn clients_that_do_nothing_are_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let mut poll = Poll::new().unwrap();
        let entrance = Entrance::own(folder.path(), "127.0.0.1:7777".parse().unwrap());
        let path = entrance.socket.clone();
        let mut clients = Clients::listen([(entrance, Token(0))].into_iter(), poll.registry(), 1).unwrap();
        let mut hello = Vec::new();
        frame::encode(&Request::Hello { version: VERSION }, &mut hello).unwrap();
        let mut streams: Vec<_> = (0..300).map(|_| UnixStream::connect(&path).unwrap()).collect();
        streams.iter_mut().for_each(|stream| stream.write_all(&hello).unwrap());
        clients.accept(poll.registry());
        let mut events = Events::with_capacity(16);
        let mut turn = |clients: &mut Clients| {
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            events.iter().for_each(|event| clients.woken(event));
            let asking: Vec<_> = clients.roll().asking.iter().copied().collect();
            for key in &asking {
                clients.change(*key, |client| while client.next_request().is_some() {});
            }
            let mut changed = Vec::new();
            clients.flush(poll.registry(), |key, _| changed.push(key));
            (asking, changed)
        };
        let all: Vec<_> = (0..300).collect();
        assert_eq!(turn(&mut clients), (all.clone(), all));
        // What is left over of it is done within a few turns.
        (0..3).for_each(|_| drop(turn(&mut clients)));
        assert_eq!(turn(&mut clients), (vec![], vec![]));
        let mut status = Vec::new();
        frame::encode(&Request::Status, &mut status).unwrap();
        streams[7].write_all(&status).unwrap();
        assert_eq!(turn(&mut clients).1, [7]);
        assert_eq!(turn(&mut clients), (vec![], vec![]));
        // And one that is not there any more is looked at once more.
        drop(streams.remove(9));
        assert_eq!(turn(&mut clients), (vec![9], vec![]));
        assert_eq!(clients.len(), 299);
    }
}
