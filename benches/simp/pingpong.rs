//! The least that carries messages one at a time: two processes, one mio loop each, 103 bytes out and 39 back.
//! With a log, each side commits one row for each message before it says anything. The relay adds a client on a
//! Unix socket.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

use mio::net::{UdpSocket, UnixStream};
use mio::{Events, Interest, Poll, Token};
use rusqlite::Connection;

use crate::Attempt;
use crate::world::{Process, World, fresh_ip};

/// A header and 64 characters.
const MESSAGE: [u8; 103] = [b'x'; 103];

/// A header.
const ACK: [u8; 39] = [b'a'; 39];

/// What stands for the path of a log if there is none.
const NO_LOG: &str = "-";

/// SQLite's setting that each commit waits for the disk.
pub const FULL: &str = "FULL";

/// SQLite's setting that a commit outlives the process, but not a loss of power.
pub const NORMAL: &str = "NORMAL";

/// Both sides.
pub struct PingPong {
    side: Side,
    log: Option<Log>,
    pong: SocketAddr,
    _process: Process,
}

impl PingPong {
    /// Without a log.
    pub fn new() -> Attempt<Self> {
        Self::start(None, &[NO_LOG, NORMAL])
    }

    /// With a log at each side, `synchronous` being [`FULL`] or [`NORMAL`].
    pub fn logged(world: &World, synchronous: &str) -> Attempt<Self> {
        let log = Log::open(&world.state.join("ping.db"), synchronous)?;
        let pong = world.state.join("pong.db");
        Self::start(Some(log), &[&pong.to_string_lossy(), synchronous])
    }

    fn start(log: Option<Log>, pong_log: &[&str; 2]) -> Attempt<Self> {
        let pong = format!("{}:7777", fresh_ip());
        let process = Process::bare(&["bare-pong", &pong, pong_log[0], pong_log[1]])?;
        let side = Side::bind(&format!("{}:7777", fresh_ip()))?;
        Ok(Self { side, log, pong: pong.parse()?, _process: process })
    }

    /// Round trips per second.
    pub fn round(&mut self, messages: usize) -> Attempt<f64> {
        let begin = Instant::now();
        for _ in 0..messages {
            if let Some(log) = &self.log {
                log.commit_row(&MESSAGE)?;
            }
            self.side.socket.send_to(&MESSAGE, self.pong)?;
            self.side.receive()?;
        }
        Ok(messages as f64 / begin.elapsed().as_secs_f64())
    }
}

/// The process at the far end.
pub fn pong(address: &str, log: &str, synchronous: &str) -> Attempt<()> {
    let log = if log == NO_LOG { None } else { Some(Log::open(Path::new(log), synchronous)?) };
    let mut side = Side::bind(address)?;
    println!("ready");
    loop {
        let ping = side.receive()?;
        if let Some(log) = &log {
            log.commit_row(&MESSAGE)?;
        }
        side.socket.send_to(&ACK, ping)?;
    }
}

/// One side: reads until there is nothing, then waits, as mio wants it.
struct Side {
    socket: UdpSocket,
    poll: Poll,
    events: Events,
}

impl Side {
    fn bind(address: &str) -> Attempt<Self> {
        let mut socket = UdpSocket::bind(address.parse()?)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self { socket, poll, events: Events::with_capacity(16) })
    }

    fn receive(&mut self) -> io::Result<SocketAddr> {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((_, from)) => return Ok(from),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.poll.poll(&mut self.events, None)?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// One table in SQLite.
struct Log(Connection);

impl Log {
    fn open(path: &Path, synchronous: &str) -> Attempt<Self> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", synchronous)?;
        db.execute_batch("CREATE TABLE events (id INTEGER PRIMARY KEY, text BLOB NOT NULL) STRICT")?;
        Ok(Self(db))
    }

    fn commit_row(&self, text: &[u8]) -> Attempt<()> {
        self.0.prepare_cached("INSERT INTO events (text) VALUES (?1)")?.execute([text])?;
        Ok(())
    }
}

/// A client that asks a relay, which asks the far end and answers the client with what comes back.
pub struct Relayed {
    stream: std::os::unix::net::UnixStream,
    _relay: Process,
    _pong: Process,
}

impl Relayed {
    /// All three.
    pub fn new(world: &World) -> Attempt<Self> {
        let (relay, pong) = (format!("{}:7777", fresh_ip()), format!("{}:7777", fresh_ip()));
        let socket = world.runtime.join("relay.sock");
        let far_end = Process::bare(&["bare-pong", &pong, NO_LOG, NORMAL])?;
        let relay = Process::bare(&["bare-relay", &socket.to_string_lossy(), &relay, &pong])?;
        let stream = std::os::unix::net::UnixStream::connect(socket)?;
        Ok(Self { stream, _relay: relay, _pong: far_end })
    }

    /// Messages asked for and acknowledged, per second.
    pub fn round(&mut self, messages: usize) -> Attempt<f64> {
        let begin = Instant::now();
        for _ in 0..messages {
            self.stream.write_all(&MESSAGE)?;
            self.stream.read_exact(&mut [0; ACK.len()])?;
        }
        Ok(messages as f64 / begin.elapsed().as_secs_f64())
    }
}

/// The relay's process.
pub fn relay(socket: &str, address: &str, peer: &str) -> Attempt<()> {
    let listener = UnixListener::bind(socket)?;
    let mut side = Side::bind(address)?;
    println!("ready");
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    let mut client = UnixStream::from_std(stream);
    side.poll.registry().register(&mut client, Token(1), Interest::READABLE)?;
    let peer = peer.parse()?;
    let mut buffer = [0; 2048];
    loop {
        side.poll.poll(&mut side.events, None)?;
        while let Some(count) = ready(client.read(&mut buffer))? {
            if count == 0 {
                return Ok(());
            }
            side.socket.send_to(buffer.get(..count).unwrap_or_default(), peer)?;
        }
        while let Some((count, _)) = ready(side.socket.recv_from(&mut buffer))? {
            client.write_all(buffer.get(..count).unwrap_or_default())?;
        }
    }
}

fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
