//! The nats-servers that the doors of a measure meet at: one, or a cluster of three.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Attempt;
use crate::builds::Build;
use crate::machine::cpu_time;
use crate::world::{PLAIN, Process, World, fresh_ip};

/// How long they may take to be ready: a cluster has to choose leaders.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a look at a server is from the next one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Servers with JetStream; killed at the end.
pub struct Servers {
    servers: Vec<Server>,
    _world: World,
}

struct Server {
    address: String,
    config: PathBuf,
    /// `None` while it is killed.
    process: Option<Process>,
}

impl Servers {
    /// Whether there is a program to run at all.
    pub fn are_installed() -> bool {
        Process::launch(Command::new("nats-server").arg("--version")).is_ok()
    }

    /// So many. They are ready.
    pub fn start(count: usize) -> Attempt<Self> {
        let world = World::new(&Build::now(), "process", PLAIN)?;
        let addresses: Vec<String> = (0..count).map(|_| fresh_ip()).collect();
        let mut servers = Vec::new();
        for (number, address) in addresses.iter().enumerate() {
            let config = world.state.join(format!("nats-{number}.conf"));
            let store = world.state.join(format!("nats-{number}"));
            let mut text = format!(
                "server_name: s{number}\nlisten: \"{address}:4222\"\nhttp: \"{address}:8222\"\n\
                 jetstream {{ store_dir: \"{}\" }}\n",
                store.display()
            );
            if count > 1 {
                let routes: Vec<String> =
                    addresses.iter().map(|other| format!("\"nats://{other}:6222\"")).collect();
                text += &format!(
                    "cluster {{ name: doors, listen: \"{address}:6222\", no_advertise: true, routes: [{}] }}\n",
                    routes.join(", ")
                );
            }
            fs::write(&config, text)?;
            servers.push(Server { address: address.clone(), config, process: None });
        }
        let mut all = Self { servers, _world: world };
        all.launch()?;
        all.wait_until_ready()?;
        Ok(all)
    }

    /// As `--nats` takes them.
    pub fn urls(&self) -> String {
        let urls = self.servers.iter().map(|server| format!("nats://{}:4222", server.address));
        urls.collect::<Vec<_>>().join(",")
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// The CPU time of all of them since they began.
    pub fn cpu_time(&self) -> Attempt<Duration> {
        self.servers.iter().filter_map(|server| server.process.as_ref()).map(|it| cpu_time(it.id())).sum()
    }

    /// Kills all of them with -9.
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(|server| server.process = None);
    }

    /// Starts all of them, with what they had stored.
    pub fn launch(&mut self) -> Attempt<()> {
        for server in &mut self.servers {
            let process = Process::launch(Command::new("nats-server").arg("-c").arg(&server.config))?;
            server.process = Some(process);
        }
        Ok(())
    }

    /// Waits until all have what they are to have, and their streams have leaders.
    pub fn wait_until_ready(&self) -> Attempt<()> {
        let deadline = Instant::now() + PATIENCE;
        let is_ready = |server: &Server| {
            get(&server.address, "healthz").is_ok_and(|answer| answer.contains("\"status\":\"ok\""))
        };
        while !self.servers.iter().all(is_ready) {
            if Instant::now() > deadline {
                return Err("nats-server does not get ready".into());
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }

    /// Where the first says what it has.
    pub fn monitor(&self) -> String {
        self.servers.first().map(|server| server.address.clone()).unwrap_or_default()
    }
}

/// How many messages all streams of a server have.
pub fn messages(monitor: &str) -> Attempt<u64> {
    let answer = get(monitor, "jsz")?;
    let (_, count) = answer.split_once("\"messages\":").ok_or("nats-server does not count its messages")?;
    let count: String = count.trim_start().chars().take_while(char::is_ascii_digit).collect();
    Ok(count.parse()?)
}

fn get(address: &str, what: &str) -> Attempt<String> {
    let mut stream = TcpStream::connect(format!("{address}:8222"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /{what} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
