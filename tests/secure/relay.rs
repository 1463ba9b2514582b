//! The network between two daemons, on both of their ports: a relay that loses, copies, delays and reorders, changes what
//! passes, keeps all of it, and says things of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::harness::{Random, World};

/// SIMP, and the secure channels beside it.
pub const PLAIN: u16 = 7777;
pub const SECURE: u16 = 7776;

const PORTS: [u16; 2] = [SECURE, PLAIN];

/// What passes in a hundred datagrams, and how long it is on the way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    pub lost: u64,
    pub copied: u64,
    /// They take up to twice as long as all others, and so come after some of these.
    pub reordered: u64,
    pub delay: Duration,
}

impl Network {
    /// As bad as it gets.
    pub const BAD: Self = Self { lost: 20, copied: 10, reordered: 30, delay: Duration::from_millis(10) };
    /// Nothing passes.
    pub const CUT: Self = Self { lost: 100, copied: 0, reordered: 0, delay: Duration::ZERO };
    pub const GOOD: Self = Self { lost: 0, copied: 0, reordered: 0, delay: Duration::ZERO };
}

/// A datagram that came to the relay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passed {
    /// The side that it came from.
    pub from: usize,
    /// The port that it was sent to.
    pub port: u16,
    pub bytes: Vec<u8>,
}

/// What somebody on the way says when this passes, before it does.
pub type Attack = Box<dyn FnMut(&Passed, &mut Random) -> Vec<Passed> + Send>;

/// What the test may change while it runs.
struct State {
    /// Who is on either side.
    sides: [String; 2],
    network: Network,
    attack: Option<Attack>,
    passed: Vec<Passed>,
    counts: Counts,
}

/// What it did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub lost: u64,
    pub copied: u64,
    pub reordered: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.copied += other.copied;
        self.reordered += other.reordered;
    }
}

/// Stands between two daemons, each of which takes it for the other: what side 0 sends to its door comes to side 1 from the
/// other door. A good network at first. It ends when it is dropped.
pub struct Relay {
    doors: Arc<Doors>,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

/// For each side a socket at each port.
struct Doors([[UdpSocket; 2]; 2]);

impl Doors {
    /// This comes to the other side.
    fn hand_over(&self, sides: &[String; 2], passed: &Passed) {
        let to = 1 - passed.from;
        let index = usize::from(passed.port == PLAIN);
        // Nobody may be there at the moment, and the system says so.
        let _ = self.0[to][index].send_to(&passed.bytes, (sides[to].as_str(), passed.port));
    }

    /// All that has come to one.
    fn drain(&self, side: usize, index: usize) -> Vec<(SocketAddr, Passed)> {
        let mut all = Vec::new();
        let mut buffer = [0; 65_536];
        // That nobody was there for an earlier one is no end.
        while let Some((length, from)) = match self.0[side][index].recv_from(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => Some((usize::MAX, SocketAddr::from(([0; 4], 0)))),
            Ok(received) => Some(received),
        } {
            if length != usize::MAX {
                let bytes = buffer[..length].to_vec();
                all.push((from, Passed { from: side, port: PORTS[index], bytes }));
            }
        }
        all
    }
}

impl Relay {
    /// `sides` are where the daemons are, `doors` where side 0 and side 1 see the other: numbers of addresses of the world.
    pub fn start(world: &World, sides: [u8; 2], doors: [u8; 2], seed: u64) -> Self {
        let open = |host: u8| {
            PORTS.map(|port| {
                let door = UdpSocket::bind((world.address(host).as_str(), port)).unwrap();
                door.set_nonblocking(true).unwrap();
                door
            })
        };
        let doors = Arc::new(Doors(doors.map(open)));
        let state = Arc::new(Mutex::new(State {
            sides: sides.map(|host| world.address(host)),
            network: Network::default(),
            attack: None,
            passed: Vec::new(),
            counts: Counts::default(),
        }));
        let run = Run {
            doors: doors.clone(),
            state: state.clone(),
            random: Random(seed),
            on_the_way: BinaryHeap::new(),
            order: 0,
        };
        let thread = Some(std::thread::spawn(move || run.go()));
        Self { doors, state, thread }
    }

    pub fn set(&self, network: Network) {
        self.state.lock().unwrap().network = network;
    }

    /// From here on somebody says more, whenever something passes.
    pub fn attack(&self, attack: impl FnMut(&Passed, &mut Random) -> Vec<Passed> + Send + 'static) {
        self.state.lock().unwrap().attack = Some(Box::new(attack));
    }

    pub fn leave_alone(&self) {
        self.state.lock().unwrap().attack = None;
    }

    /// From here on somebody else is on this side.
    pub fn seat(&self, side: usize, address: String) {
        self.state.lock().unwrap().sides[side] = address;
    }

    /// Says this, as if it had come from there.
    pub fn say(&self, passed: &Passed) {
        let sides = self.state.lock().unwrap().sides.clone();
        self.doors.hand_over(&sides, passed);
    }

    /// All that came to the relay, lost or not.
    pub fn passed(&self) -> Vec<Passed> {
        self.state.lock().unwrap().passed.clone()
    }

    pub fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // What comes from itself tells it to stop.
        let door = &self.doors.0[0][0];
        let _ = door.send_to(b"", door.local_addr().unwrap());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Run {
    doors: Arc<Doors>,
    state: Arc<Mutex<State>>,
    random: Random,
    /// By the moment at which they arrive.
    on_the_way: BinaryHeap<Reverse<(Instant, u64, Passed)>>,
    order: u64,
}

impl Run {
    fn go(mut self) {
        let doors = self.doors.clone();
        let me = doors.0[0][0].local_addr().unwrap();
        loop {
            let wait =
                self.on_the_way.peek().map(|Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
            let wait = wait.map_or(PollTimeout::NONE, |wait| {
                // A whole number of milliseconds, and not one too early.
                PollTimeout::try_from(wait + Duration::from_micros(999)).unwrap()
            });
            let fds = doors.0.iter().flatten().map(|door| PollFd::new(door.as_fd(), PollFlags::POLLIN));
            let _ = poll(&mut fds.collect::<Vec<_>>(), wait);
            for (side, index) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                for (from, passed) in doors.drain(side, index) {
                    if from == me {
                        return;
                    }
                    self.take(from, passed);
                }
            }
            self.deliver();
        }
    }

    fn take(&mut self, from: SocketAddr, passed: Passed) {
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        // Whoever was on this side before says nothing here any more.
        if from.ip().to_string() != state.sides[passed.from] {
            return;
        }
        state.passed.push(passed.clone());
        if let Some(attack) = &mut state.attack {
            for forged in attack(&passed, &mut self.random) {
                self.doors.hand_over(&state.sides, &forged);
            }
        }
        let Network { lost, copied, reordered, delay } = state.network;
        if self.random.percent(lost) {
            state.counts.lost += 1;
            return;
        }
        let is_copied = self.random.percent(copied);
        state.counts.copied += u64::from(is_copied);
        for _ in 0..=usize::from(is_copied) {
            let is_late = self.random.percent(reordered);
            state.counts.reordered += u64::from(is_late);
            let late = if is_late { delay * self.random.below(1_000) as u32 / 1_000 } else { Duration::ZERO };
            self.order += 1;
            self.on_the_way.push(Reverse((Instant::now() + delay + late, self.order, passed.clone())));
        }
    }

    fn deliver(&mut self) {
        let sides = self.state.lock().unwrap().sides.clone();
        let now = Instant::now();
        while self.on_the_way.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            if let Some(Reverse((.., passed))) = self.on_the_way.pop() {
                self.doors.hand_over(&sides, &passed);
            }
        }
    }
}
