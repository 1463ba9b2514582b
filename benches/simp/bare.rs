//! The least that carries messages: one mio loop in a process, a header and 64 characters out, a header back. With a log
//! it takes in up to 256 of them, commits a row for each in one transaction, and then lets out what that promises.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{setsockopt, sockopt};
use rusqlite::Connection;
use simp_proto::{HEADER_LEN, Operation};

use crate::machine::{self, Core};
use crate::world::{Process, World, fresh_ip};
use crate::{Attempt, TEXT};

mod relay;

pub use relay::{Answers, RelayProcess, message_to, relay};

/// Bytes of a message.
pub const MESSAGE_LEN: usize = HEADER_LEN + TEXT.len();

/// Most messages of a turn.
const TURN: usize = 256;

/// What stands for the path of a log if there is none.
const NO_LOG: &str = "-";

/// As much as a socket may have waiting: as simpd asks for.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What a process keeps of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// A row in SQLite, that outlives the process but not a loss of power.
    Process,
    /// A row in SQLite, that outlives a loss of power.
    Disk,
}

impl Keeps {
    /// What simpd keeps if this is its `durability`.
    pub fn of(durability: &str) -> Self {
        if durability == "disk" { Self::Disk } else { Self::Process }
    }

    /// As two words for the process: the path of its log, and SQLite's `synchronous`.
    fn words(self, world: &World) -> [String; 2] {
        let path = match self {
            Self::Nothing => PathBuf::from(NO_LOG),
            Self::Process | Self::Disk => world.state.join(format!("{}.db", fresh_ip())),
        };
        let synchronous = if self == Self::Disk { "FULL" } else { "NORMAL" };
        [path.display().to_string(), synchronous.to_owned()]
    }
}

/// A process that acknowledges whatever comes.
pub struct Server {
    /// It.
    pub process: Process,
    /// Where it receives.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it, ready to serve.
    pub fn start(world: &World, core: Core, keeps: Keeps) -> Attempt<Self> {
        let address = format!("{}:7777", fresh_ip());
        let [log, synchronous] = keeps.words(world);
        let process = machine::on(core, || Process::bare(&["bare-server", &address, &log, &synchronous]))?;
        Ok(Self { process, address: address.parse()? })
    }
}

/// That process.
pub fn serve(address: &str, log: &str, synchronous: &str) -> Attempt<()> {
    let mut side = Side::bind(address)?;
    if log == NO_LOG {
        println!("ready");
        loop {
            let (from, seq) = side.receive()?;
            side.socket.send_to(&ack(seq), from)?;
        }
    }
    let log = Log::open(Path::new(log), synchronous)?;
    println!("ready");
    loop {
        let mut come = vec![side.receive()?];
        while come.len() < TURN
            && let Some(next) = side.receive_now()?
        {
            come.push(next);
        }
        let rows: Vec<Row> = come.iter().map(|(from, _)| Row::Text("received", number_of(*from))).collect();
        log.commit(&rows)?;
        for (from, seq) in come {
            side.socket.send_to(&ack(seq), from)?;
        }
    }
}

fn ack(seq: u8) -> [u8; HEADER_LEN] {
    let [kind, operation] = Operation::Ack.fields();
    let mut header = [0; HEADER_LEN];
    header.iter_mut().zip([kind, operation, seq]).for_each(|(to, from)| *to = from);
    header
}

fn number_of(from: SocketAddr) -> u32 {
    match from.ip() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(_) => 0,
    }
}

/// A socket: reads until there is nothing, then waits, as mio wants it.
struct Side {
    socket: UdpSocket,
    poll: Poll,
    events: Events,
    buffer: [u8; 2048],
}

impl Side {
    fn bind(address: &str) -> Attempt<Self> {
        let mut socket = UdpSocket::bind(address.parse()?)?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self { socket, poll, events: Events::with_capacity(16), buffer: [0; 2048] })
    }

    /// From whom, and the number of the message.
    fn receive(&mut self) -> io::Result<(SocketAddr, u8)> {
        loop {
            match self.receive_now()? {
                Some(come) => return Ok(come),
                None => self.poll.poll(&mut self.events, None)?,
            }
        }
    }

    fn receive_now(&mut self) -> io::Result<Option<(SocketAddr, u8)>> {
        Ok(ready(self.socket.recv_from(&mut self.buffer))?.map(|(_, from)| (from, self.buffer[2])))
    }
}

/// What is kept of a message.
enum Row {
    /// What happened, with whom, and its text.
    Text(&'static str, u32),
    /// What happened, and with whom.
    Mark(&'static str, u32),
}

/// One table in SQLite.
struct Log(Connection);

impl Log {
    fn open(path: &Path, synchronous: &str) -> Attempt<Self> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", synchronous)?;
        db.execute_batch(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, peer INTEGER NOT NULL, text TEXT) STRICT",
        )?;
        Ok(Self(db))
    }

    /// All of it in one transaction.
    fn commit(&self, rows: &[Row]) -> Attempt<()> {
        let together = rows.len() > 1;
        if together {
            self.0.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        let mut insert =
            self.0.prepare_cached("INSERT INTO events (kind, peer, text) VALUES (?1, ?2, ?3)")?;
        for row in rows {
            match row {
                Row::Text(kind, peer) => insert.execute((kind, peer, TEXT))?,
                Row::Mark(kind, peer) => insert.execute((kind, peer, None::<&str>))?,
            };
        }
        if together {
            self.0.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

/// `None` if it would have to wait.
pub fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
