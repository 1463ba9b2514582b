//! simp-room with real programs: what members and the operator see of it, to the letter, and that nothing that was
//! confirmed is lost or comes twice when one of the programs is killed.
//!
//! - here: a room that runs on a simpd. `guest`: a member that is a bare peer. `member`: one with simpd and simpctl.
//! - `foreign`: members with other programs. `accounts`: names and passwords. `talk`: what members say. `long`: what is long, odd or empty.
//! - `welcome`: what somebody new is shown, and who is told of it.
//! - `operator`: the operator's commands. `runs`: how a room starts and stops. `users`: the accounts from outside.
//! - `keys`: members that are known by their keys.
//! - `kills`: members, room and simpd are killed. `again`: what is done again is not done twice, nor left out.
//! - `other_log`: simpd loses its log. `cut`: the connection between room and simpd is cut, and answers are lost. `flood`: too much at once.
//! - `trouble`: the disk of the room is full or damaged, or simpd is away.
//! - `doors`: a room with several doors, and NATS servers between them.

mod accounts;
mod again;
mod cut;
mod doors;
mod flood;
mod foreign;
mod guest;
mod keys;
mod kills;
mod long;
mod member;
mod operator;
mod other_log;
mod runs;
mod talk;
mod trouble;
mod users;
mod welcome;

use std::process::Command;

use nix::sys::signal::Signal;

use crate::harness::{Daemon, Ran, Running, World, run};

/// What somebody is told on coming in if nobody is there.
pub const ALONE: &str = "You are in lobby. Here: nobody. (HELP lists the commands.)";

/// Where members come in.
pub trait Entrance {
    /// The world that they live in.
    fn world(&self) -> &World;

    /// The address of the simpd there.
    fn to(&self) -> String;
}

/// A room called lobby, on a simpd on address 1. Neither waits for the disk: that is not what is tried here.
pub struct Lobby {
    room: Option<Running>,
    simpd: Option<Daemon>,
    pub world: World,
}

impl Entrance for Lobby {
    fn world(&self) -> &World {
        &self.world
    }

    fn to(&self) -> String {
        self.to()
    }
}

impl Lobby {
    /// With these arguments for the room.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with("", args)
    }

    /// The same, with these lines of configuration for its simpd.
    pub fn start_with(config: &str, args: &[&str]) -> Self {
        let mut lobby = Self::closed(config);
        lobby.start_room(args);
        lobby
    }

    /// Its simpd, and no room yet.
    pub fn closed(config: &str) -> Self {
        let world = World::new();
        std::fs::write(world.path("simpd.toml"), format!("durability = \"process\"\n{config}")).unwrap();
        let mut lobby = Self { room: None, simpd: None, world };
        lobby.start_simpd();
        lobby
    }

    /// The address of its simpd.
    pub fn to(&self) -> String {
        self.world.address(1)
    }

    pub fn start_simpd(&mut self) {
        self.start_simpd_with(&[]);
    }

    fn start_simpd_with(&mut self, further: &[&str]) {
        let config = self.world.path("simpd.toml");
        let args = ["--user", "lobby", "--accept", "all", "--max-chats", "50", "--config"];
        self.simpd = Some(self.world.start(1, &[&args[..], &[config.to_str().unwrap()], further].concat()));
    }

    /// Starts the room and waits until it is open.
    pub fn start_room(&mut self, args: &[&str]) {
        self.start_room_on(&self.to(), args);
    }

    /// The same, with this for its simpd.
    pub fn start_room_on(&mut self, daemon: &str, args: &[&str]) {
        let mut command = self.world.command("simp-room");
        command.args([&["run", "-d", daemon], args].concat());
        self.start_command(command);
    }

    /// The same with this command.
    pub fn start_command(&mut self, command: Command) {
        let mut room = Running::start(command);
        let open = format!("simp-room: the room lobby is open on simpd {}:7777", self.to());
        assert_eq!(room.read_line(), open);
        self.room = Some(room);
    }

    /// Starts simp-room with these arguments and leaves it running.
    pub fn spawn(&self, args: &[&str]) -> Running {
        let mut command = self.world.command("simp-room");
        command.args(args);
        Running::start(command)
    }

    /// Runs simp-room to its end.
    pub fn does(&self, args: &[&str]) -> Ran {
        self.does_with(args, "")
    }

    /// The same, with this on standard input.
    pub fn does_with(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.world.command("simp-room");
        command.args(args);
        run(command, input)
    }

    /// Stops the room, or kills it.
    pub fn end_room(&mut self, signal: Signal) -> Ran {
        let room = self.room.take().unwrap();
        room.signal(signal);
        room.wait()
    }

    pub fn room_pid(&self) -> u32 {
        self.room.as_ref().unwrap().id()
    }

    pub fn kill_simpd(&mut self) {
        let simpd = self.simpd.take().unwrap();
        simpd.signal(Signal::SIGKILL);
        simpd.wait();
    }

    /// Signals the room.
    pub fn signal_room(&self, signal: Signal) {
        self.room.as_ref().unwrap().signal(signal);
    }

    /// Simpd is killed, and begins a log anew.
    pub fn lose_log(&mut self) {
        self.kill_simpd();
        self.world.remove_log(1);
        self.start_simpd();
    }

    /// Simpd's log as it is now; [`put_log_back`](Self::put_log_back) is for later.
    pub fn copy_log(&self) {
        self.world.copy_log(1, "older");
    }

    pub fn put_log_back(&mut self) {
        self.kill_simpd();
        self.world.put_log_back(1, "older");
        self.start_simpd();
    }

    /// Backs its simpd up; [`restore`](Self::restore) is for later.
    pub fn back_up(&self) {
        self.world.ctl(1, &["backup", self.world.path("lobby.tar").to_str().unwrap()]).ok();
    }

    /// Simpd is killed, loses all that it has, and begins with the backup.
    pub fn restore(&mut self) {
        self.kill_simpd();
        std::fs::remove_dir_all(self.world.path("state/simp").join(self.world.address(1))).unwrap();
        let backup = self.world.path("lobby.tar");
        self.start_simpd_with(&["--restore", backup.to_str().unwrap()]);
    }

    pub fn simpd(&self) -> &Daemon {
        self.simpd.as_ref().unwrap()
    }

    /// What the room says next on standard error.
    pub fn says(&mut self) -> String {
        self.room.as_mut().unwrap().read_error_line()
    }
}

/// Whether a line of news says this of somebody: `* ann, bob joined; carol left`.
pub fn is_news_of(line: &str, name: &str, verb: &str) -> bool {
    let runs = line.strip_prefix("* ").unwrap_or_default().split("; ");
    let names = runs.filter_map(|run| run.strip_suffix(verb)?.strip_suffix(' '));
    names.flat_map(|names| names.split(", ")).any(|found| found == name)
}
