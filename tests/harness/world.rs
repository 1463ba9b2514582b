//! A world for each test: folders that are gone with it, and a network of its own. What runs there is started
//! here, and is in `daemon` and `command`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};
use simp_control::{Address, places};
use tempfile::TempDir;

use super::{Daemon, Peer, Ran, Running, run};

/// A temporary folder, and a network 127.70.N.0/24 that no other test has at the same time.
pub struct World {
    folder: TempDir,
    network: u8,
    _lock: Flock<File>,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("simp-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        // What a killed test left behind would be in the way: a daemon, or a server that listens.
        let udp = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let tcp = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let bound: Vec<&str> = udp.lines().chain(tcp.lines().filter(|line| line.contains(" 0A "))).collect();
        let is_free = |network: &u8| !bound.iter().any(|line| line.contains(&format!("{network:02X}467F:")));
        for network in (0..=255).filter(is_free) {
            let path = std::env::temp_dir().join(format!("simp-test-network-{network}"));
            // If another user has run tests here the file is theirs, and may be read and locked all the same.
            let file =
                File::open(&path).or_else(|_| File::options().create(true).append(true).open(&path)).unwrap();
            if let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                return Self { folder, network, _lock: lock };
            }
        }
        panic!("no free network for the test");
    }

    /// Address number `host` of this world.
    pub fn address(&self, host: u8) -> String {
        format!("127.70.{}.{host}", self.network)
    }

    /// Port number `n`, 0 to 15, of this world, on any address.
    pub fn port(&self, n: u16) -> u16 {
        10_000 + 16 * u16::from(self.network) + n
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self, host: u8) -> PathBuf {
        self.path("run/simp").join(self.address(host) + ".sock")
    }

    /// Removes the log of the daemon on address number `host`, which does not run.
    pub fn remove_log(&self, host: u8) {
        let folder = self.path("state/simp").join(self.address(host));
        for name in ["log.db", "log.db-wal", "log.db-shm"] {
            // SQLite removes some of them by itself.
            let _ = std::fs::remove_file(folder.join(name));
        }
        assert!(!folder.join("log.db").exists());
    }

    /// Copies the log of the daemon on address number `host` to a folder of this name.
    pub fn copy_log(&self, host: u8, name: &str) {
        self.copy_files(&self.path("state/simp").join(self.address(host)), &self.path(name));
    }

    /// Puts that copy in the place of the log of the daemon on address number `host`, which does not run.
    pub fn put_log_back(&self, host: u8, name: &str) {
        self.remove_log(host);
        self.copy_files(&self.path(name), &self.path("state/simp").join(self.address(host)));
    }

    fn copy_files(&self, from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for name in ["log.db", "log.db-wal"] {
            if from.join(name).exists() {
                std::fs::copy(from.join(name), to.join(name)).unwrap();
            }
        }
    }

    /// A command with this world's environment and nothing of the caller's but the search path.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(match program {
            "simpd" => env!("CARGO_BIN_EXE_simpd"),
            "simpctl" => env!("CARGO_BIN_EXE_simpctl"),
            "simp-room" => env!("CARGO_BIN_EXE_simp-room"),
            "simp-web" => env!("CARGO_BIN_EXE_simp-web"),
            other => other,
        });
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs a simpd that is expected to end by itself.
    pub fn simpd(&self, args: &[&str]) -> Ran {
        let mut command = self.command("simpd");
        command.args(args);
        run(command, "")
    }

    /// Starts simpd on address number `host` and waits until it is ready.
    pub fn start(&self, host: u8, args: &[&str]) -> Daemon {
        let mut command = self.command("simpd");
        command.arg(self.address(host)).args(args);
        Daemon::start(command, self.socket(host))
    }

    /// Starts simpd on any address, and waits until it is ready.
    pub fn start_on(&self, address: &str, args: &[&str]) -> Daemon {
        let mut command = self.command("simpd");
        command.arg(address).args(args);
        let socket = places::socket_path(&self.path("run/simp"), Address::parse_complete(address).unwrap());
        Daemon::start(command, socket)
    }

    /// A bare peer on address number `host`, port 7777.
    pub fn peer(&self, host: u8, user: &str) -> Peer {
        Peer::new(&(self.address(host) + ":7777"), user)
    }

    /// Two daemons, alice on address 1 and bob on address 2.
    pub fn alice_and_bob(&self) -> (Daemon, Daemon) {
        (self.start(1, &["--user", "alice"]), self.start(2, &["--user", "bob", "--accept", "all"]))
    }

    /// Runs simpctl against the daemon on address number `host`.
    pub fn ctl(&self, host: u8, args: &[&str]) -> Ran {
        self.ctl_with(host, args, "")
    }

    /// The same, with this on standard input.
    pub fn ctl_with(&self, host: u8, args: &[&str], input: &str) -> Ran {
        let mut command = self.command("simpctl");
        command.arg("-d").arg(self.address(host)).args(args);
        run(command, input)
    }

    /// Starts simpctl and leaves it running.
    pub fn spawn_ctl(&self, host: u8, args: &[&str]) -> Running {
        let mut command = self.command("simpctl");
        command.arg("-d").arg(self.address(host)).args(args);
        Running::start(command)
    }
}
