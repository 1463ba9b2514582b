//! A nats-server for a test, and a door that hears what it tells.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use std::{path::PathBuf, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Ask, Asks, Lease, Look, Outgoing, Subject, Told};
use crate::nats::{NatsOptions, start};

/// Nothing takes longer.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A server; killed at the end.
pub struct Server {
    /// Where it listens.
    pub address: String,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

/// An address that no other test has, with a port that this one has not used yet.
pub fn new_address() -> String {
    static PORTS: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}:{}", high | 0x80, PORTS.fetch_add(1, Ordering::Relaxed))
}

/// Says that this test is skipped, and why.
pub fn skipped(why: &str) {
    let test = thread::current().name().unwrap_or_default().to_owned();
    eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os("SIMP_SKIPPED") {
        let mut list = File::options().create(true).append(true).open(path).unwrap();
        // In one piece: other tests write there at the same time.
        list.write_all(format!("{test}: {why}\n").as_bytes()).unwrap();
    }
}

impl Server {
    /// One with JetStream and this in its configuration; `None` if there is none on this machine.
    pub fn new(more: &str) -> Option<Self> {
        Self::with(&format!("jetstream {{ store_dir: FOLDER }}\n{more}"))
    }

    /// One with this configuration.
    pub fn with(configuration: &str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join("nats-server").exists()) {
            skipped("nats-server is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = new_address();
        let configuration = configuration.replace("FOLDER", &format!("{:?}", folder.path().join("store")));
        let text = format!("listen: \"{address}\"\n{configuration}\n");
        std::fs::write(folder.path().join("nats.conf"), text).unwrap();
        let mut server = Self { address, folder, child: None };
        server.launch();
        Some(server)
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it, and waits until it is ready.
    pub fn launch(&mut self) {
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(self.path("nats.conf")).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        self.child = Some(child);
        let mut said = String::new();
        while !said.contains("Server is ready") {
            let line = log.next().unwrap_or_else(|| panic!("nats-server ended: {said}")).unwrap();
            said += &(line + "\n");
        }
        // So that it never waits for somebody to read.
        thread::spawn(move || log.for_each(drop));
    }

    /// Holds it: it answers nothing.
    pub fn hold(&self) {
        let pid = Pid::from_raw(self.child.as_ref().unwrap().id().cast_signed());
        kill(pid, Signal::SIGSTOP).unwrap();
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Somebody else who talks to it.
    pub fn stranger(&self) -> Stranger {
        let mut stranger = Stranger(BufReader::new(TcpStream::connect(&self.address).unwrap()));
        stranger.say("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answer 1\r\n");
        stranger
    }

    /// How doors find it.
    pub fn options(&self, door: &str) -> NatsOptions {
        NatsOptions::new(&format!("nats://{}", self.address), (None, None), None, Some(door.to_owned()))
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Somebody who talks to a server in its own words.
pub struct Stranger(BufReader<TcpStream>);

impl Stranger {
    /// Says this, as it is.
    pub fn say(&mut self, words: &str) {
        self.0.get_mut().write_all(words.as_bytes()).unwrap();
    }

    /// Asks, and gives what is answered.
    pub fn ask(&mut self, subject: &str, what: &str) -> String {
        self.say(&format!("PUB {subject} answer {}\r\n{what}\r\n", what.len()));
        let mut line = String::new();
        while !line.starts_with("MSG answer") {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "{subject}");
        }
        let length = line.trim().rsplit(' ').next().unwrap().parse::<usize>().unwrap();
        let mut answer = vec![0; length + 2];
        self.0.read_exact(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Appends a message with these headers to a stream.
    pub fn publish(&mut self, subject: &str, headers: &str, body: &str) {
        let all = headers.len() + body.len();
        self.say(&format!("HPUB {subject} {} {all}\r\n{headers}{body}\r\n", headers.len()));
        // Until it is there.
        self.ask("$JS.API.INFO", "");
    }
}

/// A door.
pub struct DoorUnderTest {
    pub asks: Asks,
    pub told: Receiver<Told>,
    pub name: String,
    /// The session that has begun last.
    session: Cell<u64>,
}

impl DoorUnderTest {
    /// The door of this name, whose first session has begun; or why it has not.
    pub fn try_start(
        options: &NatsOptions,
        (id, run): (&str, &str),
        must_connect: bool,
    ) -> Result<Self, String> {
        let (tell, told) = sync_channel(8);
        let asks = start("lobby", options, (id, run, "127.0.0.9:7777"), must_connect, move |told| {
            tell.try_send(told)
        });
        let asks = asks.map_err(|error| error.failure().unwrap().line)?;
        Ok(Self { asks, told, name: options.door.clone(), session: Cell::new(0) })
    }

    pub fn start(options: &NatsOptions) -> Self {
        Self::try_start(options, (&options.door, "run"), true).unwrap()
    }

    pub fn ask(&self, ask: Ask) {
        self.asks.send(ask).unwrap();
    }

    pub fn next(&self) -> Told {
        let told = self.told.recv_timeout(DEADLINE).unwrap();
        if let Told::Began(session, _) = &told {
            self.session.set(*session);
        }
        told
    }

    /// A session begins.
    pub fn began(&self) -> Look {
        match self.next() {
            Told::Began(_, look) => look,
            told => panic!("{told:?}"),
        }
    }

    /// Follows from these places on, in the session that has begun last.
    pub fn follow_from(&self, place: u64, revision: u64) {
        self.ask(Ask::Follow { session: self.session.get(), place, revision });
    }

    /// Follows from these places on, until all records are there, and gives what was told before that.
    pub fn follow(&self, place: u64, revision: u64) -> Vec<Told> {
        self.follow_from(place, revision);
        self.until(|told| matches!(told, Told::Synced))
    }

    /// What is told before this.
    pub fn until(&self, is_it: impl Fn(&Told) -> bool) -> Vec<Told> {
        std::iter::repeat_with(|| self.next()).take_while(|told| !is_it(told)).collect()
    }

    /// Publishes a line with this number.
    pub fn publish(&self, n: u64) {
        let id = format!("{}-{n}", self.name);
        let body = format!("{} {n}", self.name).into_bytes();
        self.ask(Ask::Publish(Outgoing { id, subject: Subject::Public, body }));
    }

    /// The next posts, as text.
    pub fn posts(&self, count: usize) -> Vec<(u64, String)> {
        let mut posts = Vec::new();
        while posts.len() < count {
            if let Told::Post(place, body) = self.next() {
                posts.push((place, String::from_utf8(body).unwrap()));
            }
        }
        posts
    }

    /// Its lease, for this run.
    pub fn lease(&self, run: &str, beat: u64) -> Lease {
        Lease {
            id: self.name.clone(),
            run: run.to_owned(),
            simpd: "127.0.0.9:7777".to_owned(),
            inside: 0,
            place: 0,
            beat,
        }
    }
}
