//! NATS servers that a test runs: one, or a cluster of three. Who talks to them besides the doors of a room is in `stranger`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{DEADLINE, Stranger, World, has_program};

/// The address number of the first server of a world.
const FIRST: u8 = 101;

/// How long a look at a server is from the next one. To choose a leader can take it ten seconds: the processor is for that.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How servers are set up.
pub struct Setup<'a> {
    /// How much all streams may take together; `None` for servers without JetStream.
    pub store: Option<&'a str>,
    /// More of their configuration, such as who may do what.
    pub more: &'a str,
    /// The name and the password of somebody who may do everything, if not everybody may.
    pub admin: Option<(&'a str, &'a str)>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { store: Some("1GB"), more: "", admin: None }
    }
}

/// All servers of a world; killed when the test ends, however it ends.
pub struct Servers {
    servers: Vec<Server>,
    admin: Option<(String, String)>,
}

struct Server {
    /// The folder for its configuration, its log, and what it stores.
    folder: PathBuf,
    address: String,
    /// `None` while it is killed.
    process: Option<Child>,
}

impl Servers {
    /// One, with JetStream; `None`, and `test` is skipped, if there is no nats-server.
    pub fn one(test: &str, world: &World) -> Option<Self> {
        Self::with(test, world, 1, &Setup::default())
    }

    /// A cluster of three, with JetStream.
    pub fn three(test: &str, world: &World) -> Option<Self> {
        Self::with(test, world, 3, &Setup::default())
    }

    /// So many, set up like this. They are ready.
    pub fn with(test: &str, world: &World, count: u8, setup: &Setup<'_>) -> Option<Self> {
        if !has_program(test, "nats-server") {
            return None;
        }
        let addresses: Vec<String> = (FIRST..FIRST + count).map(|host| world.address(host)).collect();
        let server = |address: &String| {
            let folder = world.path(&format!("nats-{address}"));
            std::fs::create_dir_all(&folder).unwrap();
            let text = configuration(address, &addresses, folder.to_str().unwrap(), setup);
            std::fs::write(folder.join("nats.conf"), text).unwrap();
            Server { folder, address: address.clone(), process: None }
        };
        let servers = addresses.iter().map(server).collect();
        let admin = setup.admin.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let mut all = Self { servers, admin };
        (0..usize::from(count)).for_each(|server| all.launch(server));
        (0..usize::from(count)).for_each(|server| all.is_ready(server));
        Some(all)
    }

    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// The URL of each.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("nats://{}:4222", server.address)).collect()
    }

    /// Where one of them has its clients.
    pub fn address(&self, server: usize) -> String {
        format!("{}:4222", self.servers[server].address)
    }

    /// Kills one of them with -9.
    pub fn kill(&mut self, server: usize) {
        self.signal(server, Signal::SIGKILL);
        let process = self.servers[server].process.take();
        process.expect("it runs").wait().unwrap();
    }

    /// Starts it again, with what it had stored. Others may have to choose a leader before it answers.
    pub fn launch(&mut self, server: usize) {
        self.servers[server].launch();
    }

    /// The same, and it is ready.
    pub fn start(&mut self, server: usize) {
        self.launch(server);
        self.is_ready(server);
    }

    /// Signals one of them: with SIGSTOP it is there and answers nothing, until SIGCONT.
    pub fn signal(&self, server: usize, signal: Signal) {
        let process = self.servers[server].process.as_ref().expect("it runs");
        kill(Pid::from_raw(process.id() as i32), signal).unwrap();
    }

    /// Waits until this server has all that it is to have, and its streams have leaders that it knows.
    #[track_caller]
    pub fn is_ready(&mut self, server: usize) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let health = self.servers[server].health();
            if health.contains("\"status\":\"ok\"") {
                return;
            }
            let ended = self.servers[server].process.as_mut().expect("it was started").try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.servers[server].log());
            assert!(Instant::now() < deadline, "s{server} does not get ready: {health}");
            std::thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    /// A client of this server that may do everything.
    pub fn stranger(&self, server: usize) -> Stranger {
        let admin = self.admin.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        Stranger::connect(&self.address(server), admin)
    }

    /// The number of the server that leads this stream, once all servers that run agree on one and have what it has.
    #[track_caller]
    pub fn leader(&self, stream: &str) -> usize {
        let deadline = Instant::now() + DEADLINE;
        let is_running = |server: &usize| self.servers[*server].process.is_some();
        let asked = (0..self.count()).find(is_running).expect("one of them runs");
        let mut stranger = self.stranger(asked);
        loop {
            let answer = stranger.try_ask_about(stream);
            if let Some(leader) = answer.as_ref().ok().and_then(leader_of)
                && is_running(&leader)
                && (0..self.count())
                    .filter(is_running)
                    .all(|server| is_current(answer.as_ref().unwrap(), server))
            {
                return leader;
            }
            assert!(Instant::now() < deadline, "{stream} has no leader: {answer:?}");
            std::thread::park_timeout(BETWEEN_LOOKS);
        }
    }
}

/// The number of the leader in what is said of a stream, if it has one. A server alone says nothing of it.
fn leader_of(answer: &Value) -> Option<usize> {
    if answer["state"].is_object() && answer["cluster"].is_null() {
        return Some(0);
    }
    answer["cluster"]["leader"].as_str()?.strip_prefix('s')?.parse().ok()
}

/// Whether this server has what the leader has: it is the leader, or none that is behind.
fn is_current(answer: &Value, server: usize) -> bool {
    let replicas = answer["cluster"]["replicas"].as_array().map_or(&[][..], Vec::as_slice);
    let name = format!("s{server}");
    replicas.iter().all(|replica| replica["name"] != *name || replica["current"] == true)
}

impl Server {
    fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(self.folder.join("nats.conf"));
        self.process = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// What it says of how it is; empty if it says nothing.
    fn health(&self) -> String {
        let answer = TcpStream::connect(format!("{}:8222", self.address)).and_then(|mut stream| {
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        answer.unwrap_or_default()
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().filter(|line| !line.contains("Healthcheck failed")).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("nats-server {}: {}", self.address, self.log());
        }
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The configuration of one of these servers. Clients are not told of the other servers: they know those that they are given.
fn configuration(address: &str, all: &[String], folder: &str, setup: &Setup<'_>) -> String {
    let number = all.iter().position(|other| other == address).unwrap();
    let mut text = format!("server_name: s{number}\nlisten: \"{address}:4222\"\nhttp: \"{address}:8222\"\n");
    if let Some(store) = setup.store {
        text += &format!("jetstream {{ store_dir: \"{folder}\", max_file_store: {store} }}\n");
    }
    if all.len() > 1 {
        let routes: Vec<String> = all.iter().map(|other| format!("\"nats://{other}:6222\"")).collect();
        text += &format!(
            "cluster {{ name: doors, listen: \"{address}:6222\", no_advertise: true, routes: [{}] }}\n",
            routes.join(", ")
        );
    }
    text + setup.more
}
