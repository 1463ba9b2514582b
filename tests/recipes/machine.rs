//! A machine of a reader: a home and an address of its own, and what is typed, started and installed there.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::document::Recipe;
use crate::harness::{Ran, Running, World, run, within};

/// The machines that docs/recipes.md has, users of their own among them, with the last number of the address and the port.
const MACHINES: [(&str, u8, &str); 5] =
    [("web1", 7, ""), ("ops", 8, ""), ("ops2", 9, ""), ("logs", 8, ":7779"), ("nagios", 8, ":7781")];

/// The network of the page.
const NETWORK: &str = "192.0.2.";

pub struct Machine<'a> {
    world: &'a World,
    pub name: &'static str,
    address: String,
    /// The process that keeps its network, if that is not the one of all tests.
    network: Option<Running>,
}

impl<'a> Machine<'a> {
    pub fn new(world: &'a World, name: &'static str) -> Self {
        let (_, number, port) = MACHINES.into_iter().find(|(known, ..)| *known == name).unwrap();
        let machine = Self { world, name, address: world.address(number) + port, network: None };
        for folder in ["run", "bin"] {
            fs::create_dir_all(machine.home().join(folder)).unwrap();
        }
        machine
    }

    /// The same in a network of its own, in which it has the address of the page; `network` is a process there.
    pub fn in_network(world: &'a World, name: &'static str, network: Running) -> Self {
        let mut machine = Self::new(world, name);
        let number = machine.address.rsplit('.').next().unwrap();
        (machine.address, machine.network) = (format!("{NETWORK}{number}"), Some(network));
        machine
    }

    /// The process that keeps its network.
    pub fn network(&self) -> u32 {
        self.network.as_ref().unwrap().id()
    }

    pub fn home(&self) -> PathBuf {
        self.world.path(self.name)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The text as it is here: the addresses are those of the test, the programs those that are tested.
    pub fn here(&self, text: &str) -> String {
        let text = text.replace("/usr/bin/simp", &format!("{}/simp", programs().display()));
        let network = self.world.address(0);
        match self.network {
            Some(_) => text,
            None => text.replace(NETWORK, network.strip_suffix('0').unwrap()),
        }
    }

    /// Writes the files of this machine in the recipe.
    pub fn install(&self, recipe: &Recipe) {
        for (path, text) in recipe.files(self.name) {
            self.write(path, &self.here(text));
        }
    }

    /// Writes a file, which can be run.
    pub fn write(&self, path: &str, text: &str) {
        // What is for /etc is below the home too.
        let path = self.home().join(path.trim_start_matches(['~', '/']));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home().join(path)).unwrap_or_default()
    }

    /// A shell that does this, with what somebody has who is logged in.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.cron(script);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}/bin:{}:{path}", self.home().display(), programs().display());
        command.env("PATH", path).env("XDG_RUNTIME_DIR", self.home().join("run"));
        command
    }

    /// The same with what cron gives a job.
    pub fn cron(&self, script: &str) -> Command {
        let mut command = match &self.network {
            Some(network) => {
                let mut command = self.world.command("nsenter");
                command.args(["-t", &network.id().to_string(), "-n", "/bin/sh"]);
                command
            }
            None => self.world.command("/bin/sh"),
        };
        command.env_clear().envs([("LOGNAME", "nobody"), ("SHELL", "/bin/sh")]);
        command.env("PATH", format!("{}:/usr/bin:/bin", programs().display())).env("HOME", self.home());
        // The user who runs the tests may have a simpd, which is found without a variable too.
        command.env("SIMP_DAEMON", &self.address);
        command.current_dir(self.home()).args(["-c", &self.here(script)]);
        command
    }

    /// What comes of typing this.
    pub fn types(&self, script: &str) -> Ran {
        run(self.shell(script), "")
    }

    /// Starts the service in this file.
    pub fn service(&self, path: &str) -> Service {
        self.service_with(path, Self::shell)
    }

    /// The same with a shell of this kind.
    pub fn service_with(&self, path: &str, shell: fn(&Self, &str) -> Command) -> Service {
        let unit = self.read(path.strip_prefix("~/").unwrap_or(path)).replace("\\\n", " ");
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let line = line.replace("%h", &self.home().display().to_string());
        Service::start(shell(self, &format!("exec {line}")))
    }

    /// Starts this, and leaves it running.
    pub fn background(&self, script: &str) -> Service {
        Service::start(self.shell(script))
    }

    /// Kills the simpd here.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let lock = self.lock();
        within(move || File::open(lock).unwrap().lock().unwrap());
    }

    pub fn signal(&self, signal: Signal) {
        let holder = fs::read_to_string(self.lock()).unwrap();
        kill(Pid::from_raw(holder.lines().nth(1).unwrap().parse().unwrap()), signal).unwrap();
    }

    fn lock(&self) -> PathBuf {
        self.home().join(".local/state/simp").join(&self.address).join("lock")
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        // A test that has failed may have left it in any state. Whoever holds the lock is the one that it names.
        let lock = File::open(self.lock());
        if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
            self.kill();
        }
    }
}

/// Something that runs in the background, and all that it has started; killed when the test ends.
pub struct Service(Option<Running>);

impl Service {
    fn start(mut command: Command) -> Self {
        command.process_group(0);
        Self(Some(Running::start(command)))
    }

    pub fn kill(self) {}

    /// The next line of its standard output.
    pub fn read_line(&mut self) -> String {
        self.0.as_mut().unwrap().read_line()
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Ran {
        self.0.take().unwrap().wait()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            let _ = killpg(Pid::from_raw(running.id() as i32), Signal::SIGKILL);
        }
    }
}

fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap()
}
