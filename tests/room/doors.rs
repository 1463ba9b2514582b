//! A room with several doors, each on a simpd of its own, and real NATS servers between them.
//!
//! - here: the doors. `across`: members at different doors, and operators. `away`: a door, a server or the way to it is away.
//! - `spoilt`: what is stored between the doors is removed, full, or not from a door. `kills`: all of them are killed, again
//!   and again. `crowd`: many members.

mod across;
mod away;
mod crowd;
mod kills;
mod spoilt;

use std::process::Command;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::Entrance;
use super::guest::Guest;
use crate::harness::{DEADLINE, Daemon, Ran, Running, Servers, World, run};

/// The names of the doors; each simpd is on the address of this number and the next ones.
const NAMES: [&str; 4] = ["north", "east", "south", "west"];
const FIRST: u8 = 201;

/// What is stored between the doors: the stream, and the stream of the bucket.
pub const STREAM: &str = "SIMP_lobby";
pub const BUCKET: &str = "KV_SIMP_lobby";

/// What members are told when the server is away, and when it is back.
pub const UNREACHED: &str =
    "* the other doors cannot be reached: what you say waits, and is confirmed when it is out";
pub const REACHED: &str = "* the other doors are there again";

/// The arguments of a room that takes everybody, and as much as they say.
pub const OPEN: [&str; 3] = ["--open", "--rate", "100000"];

/// What the simpd of a door is started with, before the path of its configuration.
const FOR_ALL: [&str; 7] = ["--user", "lobby", "--accept", "all", "--max-chats", "300", "--config"];

/// One door of the room.
struct Door {
    room: Option<Running>,
    simpd: Option<Daemon>,
    /// Where it looks for servers.
    urls: String,
}

/// A room called lobby with several doors.
pub struct Doors {
    doors: Vec<Door>,
    pub servers: Servers,
    pub world: World,
    args: Vec<String>,
}

/// One of them, for who comes in there.
pub struct At<'a> {
    world: &'a World,
    door: usize,
}

impl Entrance for At<'_> {
    fn world(&self) -> &World {
        self.world
    }

    fn to(&self) -> String {
        self.world.address(host(self.door))
    }
}

fn host(door: usize) -> u8 {
    FIRST + door as u8
}

impl Doors {
    /// So many, with these arguments and one server; `None`, and `test` is skipped, if there is no nats-server.
    pub fn open(test: &str, count: usize, args: &[&str]) -> Option<Self> {
        let world = World::new();
        let servers = Servers::one(test, &world)?;
        Some(Self::between(world, servers, count, args))
    }

    /// The same with these servers.
    pub fn between(world: World, servers: Servers, count: usize, args: &[&str]) -> Self {
        let urls = vec![servers.urls().join(","); count];
        Self::at_urls(world, servers, &urls, args)
    }

    /// The same, with what each door has for the URLs of its servers.
    pub fn at_urls(world: World, servers: Servers, urls: &[String], args: &[&str]) -> Self {
        std::fs::write(world.path("simpd.toml"), "durability = \"process\"\n").unwrap();
        let mut args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        if servers.count() > 1 {
            args.extend(["--replicas".to_owned(), servers.count().to_string()]);
        }
        let mut doors = Self { doors: Vec::new(), servers, world, args };
        for urls in urls {
            doors.add_at(urls);
        }
        doors
    }

    /// Another door, which is open.
    pub fn add(&mut self) -> usize {
        self.add_at(&self.servers.urls().join(","))
    }

    fn add_at(&mut self, urls: &str) -> usize {
        let door = self.doors.len();
        self.doors.push(Door { room: None, simpd: None, urls: urls.to_owned() });
        std::fs::create_dir_all(self.world.path(&format!("run-{}", NAMES[door]))).unwrap();
        self.start_simpd(door);
        self.start_room(door);
        door
    }

    /// Where who comes in at this door does so.
    pub fn at(&self, door: usize) -> At<'_> {
        At { world: &self.world, door }
    }

    /// What its simpd is called.
    pub fn simpd_name(&self, door: usize) -> String {
        format!("{}:7777", self.at(door).to())
    }

    /// A program on the host of this door.
    pub fn command(&self, door: usize, program: &str) -> Command {
        let mut command = self.world.command(program);
        let folder = |what| self.world.path(&format!("{what}-{}", NAMES[door]));
        command.env("XDG_STATE_HOME", folder("state")).env("XDG_RUNTIME_DIR", folder("run"));
        command
    }

    /// What simp-room is started with there.
    pub fn run_command(&self, door: usize, name: &str) -> Command {
        let mut command = self.command(door, "simp-room");
        let to = self.at(door).to();
        command.args(["run", "-d", &to, "--nats", &self.doors[door].urls, "--door", name]).args(&self.args);
        command
    }

    pub fn start_simpd(&mut self, door: usize) {
        let mut command = self.command(door, "simpd");
        let address = self.at(door).to();
        command.arg(&address).args(FOR_ALL).arg(self.world.path("simpd.toml"));
        let socket = self.world.path(&format!("run-{}/simp/{address}.sock", NAMES[door]));
        self.doors[door].simpd = Some(Daemon::start(command, socket));
    }

    /// Starts the room there, and it is open.
    pub fn start_room(&mut self, door: usize) {
        let mut room = Running::start(self.run_command(door, NAMES[door]));
        let (simpd, name) = (self.simpd_name(door), NAMES[door]);
        let open = format!("simp-room: the room lobby is open on simpd {simpd} as the door {name}");
        assert_eq!(room.read_line(), open, "{name}");
        self.doors[door].room = Some(room);
    }

    pub fn simpd(&self, door: usize) -> &Daemon {
        self.doors[door].simpd.as_ref().unwrap()
    }

    pub fn kill_simpd(&mut self, door: usize) {
        let simpd = self.doors[door].simpd.take().unwrap();
        simpd.signal(Signal::SIGKILL);
        simpd.wait();
    }

    pub fn kill_room(&mut self, door: usize) {
        self.end_room(door, Signal::SIGKILL);
    }

    pub fn end_room(&mut self, door: usize, signal: Signal) -> Ran {
        let room = self.doors[door].room.take().unwrap();
        room.signal(signal);
        room.wait()
    }

    /// Runs simp-room on the host of this door to its end.
    pub fn does(&self, door: usize, args: &[&str]) -> Ran {
        self.does_with(door, args, "")
    }

    /// The same, with this on standard input.
    pub fn does_with(&self, door: usize, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(door, "simp-room");
        command.args(args);
        run(command, input)
    }

    /// Waits until this door knows of so many who are inside.
    #[track_caller]
    pub fn knows_of(&self, door: usize, count: usize) {
        self.does_until(door, &["who"], |told| told.matches(" inside ").count() == count);
    }

    /// Asks this at a door again and again until what is printed is so.
    #[track_caller]
    pub fn does_until(&self, door: usize, args: &[&str], is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let ran = self.does(door, args);
            if ran.status == Some(0) && is_so(&ran.stdout) {
                return ran.stdout;
            }
            assert!(Instant::now() < deadline, "it does not come to be: {ran:?}");
        }
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (door, name) in self.doors.iter_mut().zip(NAMES) {
            if let Some(room) = door.room.take() {
                room.signal(Signal::SIGKILL);
                println!("simp-room as the door {name}: {}", room.wait().stderr);
            }
        }
    }
}

/// Ann in the north and bob in the east, who know of each other.
fn two(doors: &Doors) -> [Guest; 2] {
    let mut ann = Guest::enters(&doors.at(0), 2, "ann");
    doors.knows_of(1, 1);
    let bob = Guest::enters(&doors.at(1), 3, "bob");
    ann.learns("bob", "joined");
    [ann, bob]
}
