//! Servers, doors and their simpds are killed at any moment under traffic: every line is confirmed and heard by everybody
//! once, and all hear the lines in one order.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_KILLS=n` sets how many kills.

use std::ops::AddAssign;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use simp_control::{Incoming, What};

use super::super::member::Member;
use super::{BUCKET, Doors, OPEN, STREAM};
use crate::harness::{DEADLINE, Daemon, Random, Servers, TestClient, World, seed};

/// Kills, of all rooms together.
const KILLS: usize = 50;

/// One member at each door speaks, and another one only listens.
const DOORS: usize = 3;

/// Lines of each speaker that are not confirmed yet.
const WAITING: usize = 30;

/// What is killed at the same time.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Server(usize),
    Room(usize),
    Simpd(usize),
    /// Of one door.
    Both(usize),
    /// The room is started when the server is back.
    ServerAndRoom(usize, usize),
}

/// Somebody in the room, whose lines come through the channel.
struct Somebody {
    daemon: Daemon,
    client: TestClient,
    /// Lines of others, in the order in which they came.
    heard: Vec<String>,
}

struct Traffic {
    doors: Doors,
    /// First those who speak, then those who only listen; the door of each is its number modulo [`DOORS`].
    all: Vec<Somebody>,
    lines: Receiver<(usize, String)>,
    said: [usize; DOORS],
    confirmed: [usize; DOORS],
    random: Random,
    measured: Measured,
}

#[derive(Debug, Default, Clone, Copy)]
struct Measured {
    servers: usize,
    rooms: usize,
    simpds: usize,
    lines: usize,
    /// Confirmed while somebody was taken for gone.
    with_fewer: usize,
}

impl AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.servers += other.servers;
        self.rooms += other.rooms;
        self.simpds += other.simpds;
        self.lines += other.lines;
        self.with_fewer += other.with_fewer;
    }
}

/// Passes on what somebody hears, except news.
fn listen(mut log: TestClient, number: usize, to: &Sender<(usize, String)>) {
    // For as long as it takes: whoever waits for lines has a deadline.
    while let Ok(Some(Incoming::Event(event))) = log.0.next_here(None) {
        let line = match event.what {
            What::Message { text } if text.starts_with("* ") => continue,
            What::Message { text } => text,
            What::Closed { reason, .. } => format!("the chat is over: {reason:?}"),
            _ => continue,
        };
        if to.send((number, line)).is_err() {
            break;
        }
    }
}

impl Traffic {
    fn begin(doors: Doors, random: Random) -> Self {
        let (sender, lines) = channel();
        let mut all = Vec::new();
        for number in 0..2 * DOORS {
            let member = Member::enters(&doors.at(number % DOORS), 2 + number as u8, &format!("m{number}"));
            (0..DOORS).for_each(|door| doors.knows_of(door, number + 1));
            let (daemon, log) = member.into_parts();
            let sender = sender.clone();
            thread::spawn(move || listen(log, number, &sender));
            let client = daemon.client();
            all.push(Somebody { daemon, client, heard: Vec::new() });
        }
        let (said, confirmed, measured) = Default::default();
        Self { doors, all, lines, said, confirmed, random, measured }
    }

    fn top_up(&mut self) {
        for speaker in 0..DOORS {
            while self.said[speaker] < self.confirmed[speaker] + WAITING {
                self.say(speaker);
            }
        }
    }

    /// Many lines say the same as the one before.
    fn say(&mut self, speaker: usize) {
        let text = format!("line {}", self.said[speaker] / 3);
        self.all[speaker].client.send(&text);
        self.said[speaker] += 1;
    }

    /// Takes the next line that somebody hears.
    fn take(&mut self) {
        let (number, line) =
            self.lines.recv_timeout(2 * DEADLINE).expect("nothing happened within the deadline");
        match line.strip_prefix("sent to ") {
            Some(count) if number < DOORS => {
                let count: usize = count.parse().unwrap();
                assert!(count < self.all.len(), "{line}");
                self.confirmed[number] += 1;
                assert!(
                    self.confirmed[number] <= self.said[number],
                    "a line of m{number} is confirmed twice"
                );
                self.measured.lines += 1;
                self.measured.with_fewer += usize::from(count + 1 < self.all.len());
            }
            _ => {
                assert!(line.starts_with("[m"), "m{number} hears: {line}");
                self.all[number].heard.push(line);
            }
        }
    }

    /// Goes on for so many lines at most.
    fn go_on(&mut self, at_most: u64) {
        for _ in 0..self.random.below(at_most) {
            self.top_up();
            self.take();
        }
        self.top_up();
    }

    fn choose(&mut self) -> Victim {
        let door = self.random.index(DOORS);
        let server = match self.random.percent(50) {
            true => self.doors.servers.leader(STREAM),
            false => self.random.index(self.doors.servers.count()),
        };
        match self.random.below(10) {
            0..=4 => Victim::Server(server),
            5 => Victim::ServerAndRoom(server, door),
            6 | 7 => Victim::Room(door),
            8 => Victim::Simpd(door),
            _ => Victim::Both(door),
        }
    }

    /// Kills something, and starts it again.
    fn round(&mut self) {
        self.go_on(100);
        let victim = self.choose();
        println!("{victim:?} after {:?}", self.confirmed);
        match victim {
            Victim::Server(server) => {
                self.doors.servers.kill(server);
                // The others go on without it.
                if self.doors.servers.count() > 1 && self.random.percent(50) {
                    self.go_on(50);
                }
                self.bring_back(server);
            }
            Victim::ServerAndRoom(server, door) => {
                self.doors.servers.kill(server);
                self.doors.kill_room(door);
                self.bring_back(server);
                self.doors.start_room(door);
                self.measured.rooms += 1;
            }
            Victim::Room(door) => {
                self.doors.kill_room(door);
                self.go_on(20);
                self.doors.start_room(door);
                self.measured.rooms += 1;
            }
            Victim::Simpd(door) => {
                self.doors.kill_simpd(door);
                self.doors.start_simpd(door);
                self.measured.simpds += 1;
            }
            Victim::Both(door) => {
                self.doors.kill_simpd(door);
                self.doors.kill_room(door);
                self.doors.start_simpd(door);
                self.doors.start_room(door);
                self.measured.rooms += 1;
                self.measured.simpds += 1;
            }
        }
    }

    /// Starts a server again. Another one may be killed when it has what the others have: otherwise two of three are away.
    fn bring_back(&mut self, server: usize) {
        self.doors.servers.launch(server);
        for stream in [STREAM, BUCKET] {
            self.doors.servers.leader(stream);
        }
        self.measured.servers += 1;
    }

    /// Everybody has heard everything once, and all in one order.
    fn end(mut self) -> Measured {
        let lines: usize = self.said.iter().sum();
        let others = |number: usize| lines - if number < DOORS { self.said[number] } else { 0 };
        let expected: Vec<usize> = (0..self.all.len()).map(others).collect();
        let is_done = |this: &Self| {
            let has_heard =
                this.all.iter().zip(&expected).all(|(somebody, count)| somebody.heard.len() >= *count);
            this.confirmed == this.said && has_heard
        };
        while !is_done(&self) {
            self.take();
        }
        let order = self.all[DOORS].heard.clone();
        for speaker in 0..DOORS {
            let own: Vec<&String> = order.iter().filter(|line| is_of(line, speaker)).collect();
            let said: Vec<String> =
                (0..self.said[speaker]).map(|n| format!("[m{speaker}] line {}", n / 3)).collect();
            assert_eq!(own, said.iter().collect::<Vec<_>>(), "what m{speaker} has said");
        }
        for (number, somebody) in self.all.iter().enumerate() {
            let expected: Vec<&String> = order.iter().filter(|line| !is_of(line, number)).collect();
            assert_eq!(somebody.heard.iter().collect::<Vec<_>>(), expected, "what m{number} has heard");
            assert!(somebody.daemon.pid() > 0);
        }
        self.measured
    }
}

fn is_of(line: &str, speaker: usize) -> bool {
    line.starts_with(&format!("[m{speaker}] "))
}

/// A room with so many servers, and so many kills.
fn killed(test: &str, servers: u8, kills: usize, random: Random) -> Measured {
    let world = World::new();
    let servers = if servers == 1 { Servers::one(test, &world) } else { Servers::three(test, &world) };
    let Some(servers) = servers else { return Measured::default() };
    let mut traffic = Traffic::begin(Doors::between(world, servers, DOORS, &OPEN), random);
    (0..kills).for_each(|_| traffic.round());
    traffic.end()
}

/// This share of all kills.
fn share(of_ten: usize) -> usize {
    let kills = std::env::var("SIMP_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    (kills * of_ten).div_ceil(10)
}

#[test]
fn one_server_its_doors_and_their_simpds_are_killed_and_every_line_is_heard_once() {
    let test = "one_server_its_doors_and_their_simpds_are_killed_and_every_line_is_heard_once";
    println!("{:?}", killed(test, 1, share(5), Random(seed())));
}

#[test]
fn each_of_three_servers_its_doors_and_their_simpds_are_killed_and_every_line_is_heard_once() {
    let test = "each_of_three_servers_its_doors_and_their_simpds_are_killed_and_every_line_is_heard_once";
    let seed = seed();
    // To choose a leader takes long and costs little: two rooms do it at the same time.
    let rooms = [(3, 1), (2, 2)].map(|(of_ten, room)| {
        thread::spawn(move || killed(test, 3, share(of_ten), Random(seed.wrapping_mul(2) + room)))
    });
    let mut all = Measured::default();
    rooms.into_iter().for_each(|room| all += room.join().unwrap());
    println!("{all:?}");
}
