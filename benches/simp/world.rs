//! A place of its own for a measure: folders, addresses, and the daemons in it. All of it ends with the values.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simp_control::{Request, places};

use crate::Attempt;
use crate::builds::Build;
use crate::client::BenchClient;
use crate::machine::{self, Core};

/// Counts what is made in this process, to give each its own name.
static MADE: AtomicU16 = AtomicU16::new(0);

/// With this as `secure`, all chats are plain.
pub const PLAIN: &str = "off";

/// With this, all are secure.
pub const SECURE: &str = "require";

/// Folders that nobody else uses, removed at the end, and whose programs are in them.
pub struct World {
    /// Which programs.
    pub build: Build,
    /// Short, because the sockets are in it.
    pub runtime: PathBuf,
    /// In the target folder, for /tmp may be in memory, where nothing waits for a disk.
    pub state: PathBuf,
}

impl World {
    /// `durability` and `secure` are those of simpd.toml.
    pub fn new(build: &Build, durability: &str, secure: &str) -> Attempt<Self> {
        let name = format!("simp-bench-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let world = Self {
            build: build.clone(),
            runtime: std::env::temp_dir().join(&name),
            state: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name),
        };
        // simpd trusts no folder that others may read, whatever our umask is.
        let make = |folder: &Path| DirBuilder::new().recursive(true).mode(0o700).create(folder);
        make(&world.runtime)?;
        let config = world.config().join("simp");
        make(&config)?;
        // What is measured is how fast it can be, not how fast it lets one host be.
        let settings =
            format!("durability = \"{durability}\"\nsecure = \"{secure}\"\npeer_bytes = 1099511627776\n");
        fs::write(config.join("simpd.toml"), settings)?;
        Ok(world)
    }

    fn config(&self) -> PathBuf {
        self.state.join("config")
    }

    /// One of our programs, in this world.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("SIMP_DAEMON")
            .env("XDG_RUNTIME_DIR", &self.runtime)
            .env("XDG_STATE_HOME", &self.state)
            .env("XDG_CONFIG_HOME", self.config())
            .env("HOME", &self.state);
        command
    }

    /// A simpd that accepts everybody, ready to serve.
    pub fn simpd(&self, core: Core, flags: &[&str]) -> Attempt<Simpd> {
        let address = SocketAddr::new(fresh_ip().parse()?, places::PORT);
        let mut command = self.command(self.build.simpd());
        command.arg(address.to_string()).args(["--user", "bench", "--accept", "all", "--log", "error"]);
        command.args(flags);
        let process = machine::on(core, || Process::start(&mut command))?;
        let socket = places::socket_path(&self.runtime.join("simp"), address);
        Ok(Simpd { process, address, socket, command, core })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What cannot be removed stays in folders for temporary files.
        let _ = fs::remove_dir_all(&self.runtime);
        let _ = fs::remove_dir_all(&self.state);
    }
}

/// An address of this machine that no other run uses.
pub fn fresh_ip() -> String {
    // With programs of before, a measure of secure chats has more than one network of this run has room for.
    let (run, number) = (std::process::id() % 250, MADE.fetch_add(1, Ordering::Relaxed) % 500);
    let network = if number < 250 { 61 } else { 63 };
    format!("127.{network}.{}.{}", run + 1, number % 250 + 1)
}

/// A process that has said it is ready; killed at the end.
pub struct Process(Child);

impl Process {
    /// Starts it and waits for the first line it writes.
    pub fn start(command: &mut Command) -> Attempt<Self> {
        let mut process = Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        if let Some(stdout) = &mut process.0.stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.is_empty() {
            return Err(format!("{}: ended before it was ready", command.get_program().display()).into());
        }
        Ok(process)
    }

    /// Starts it. Whether it is ready is to be asked elsewhere: what it writes is for nobody.
    pub fn launch(command: &mut Command) -> Attempt<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// This benchmark again, as the far end of a reference.
    pub fn bare(words: &[&str]) -> Attempt<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(words))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it with this signal, and waits until it has ended.
    pub fn end(&mut self, signal: Signal) -> Attempt<()> {
        kill(Pid::from_raw(self.id() as i32), signal)?;
        self.0.wait()?;
        Ok(())
    }

    /// It stands still, or goes on.
    pub fn pause(&self, is_paused: bool) -> Attempt<()> {
        let signal = if is_paused { Signal::SIGSTOP } else { Signal::SIGCONT };
        Ok(kill(Pid::from_raw(self.id() as i32), signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running simpd.
pub struct Simpd {
    /// The program.
    pub process: Process,
    /// Where it receives.
    pub address: SocketAddr,
    /// Of its control socket.
    pub socket: PathBuf,
    command: Command,
    core: Core,
}

impl Simpd {
    /// A connection to its control socket.
    pub fn client(&self) -> Attempt<BenchClient> {
        BenchClient::connect(&self.socket)
    }

    /// Starts it again, which has to have ended; returns how long it takes until it serves.
    pub fn start_again(&mut self) -> Attempt<Duration> {
        let begin = Instant::now();
        self.process = machine::on(self.core, || Process::start(&mut self.command))?;
        Ok(begin.elapsed())
    }

    /// The CPU time that it has taken, in microseconds.
    pub fn cpu(&self) -> Attempt<f64> {
        Ok(machine::cpu_time(self.process.id())?.as_secs_f64() * 1e6)
    }

    /// Opens a chat with another simpd, ready to deliver at full speed; returns its id.
    pub fn open_chat(&self, peer: &Self) -> Attempt<u64> {
        let mut client = self.client()?;
        let chat = client.open_chat(peer.address)?;
        // Right after the opening a chat waits a moment before its first message.
        client.deliver(&Request::send(Some(peer.address.to_string()), "hi"))?;
        Ok(chat)
    }
}
