//! simpd and foreign peers over real UDP: the doubles of the crate `simp-doubles`, each on its own address, port
//! 7777, and a user of ours with simpctl. A chat in both roles, without loss. What happens on bad links, and all
//! else, is tried in virtual time (`daemon/tests/compatibility.rs`).
//!
//! `ROW=E` runs one row alone.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simp_doubles::{Double, DoubleState, OnFin, Port, Row, rows};

use crate::harness::{DEADLINE, Daemon, World};

/// Chats that go on at the same time.
const AT_ONCE: usize = 16;

/// A double that runs: a thread hears for it, and minds its deadlines.
struct Running {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    double: Mutex<Playing>,
    changed: Condvar,
    sockets: [UdpSocket; 2],
    start: Instant,
}

struct Playing {
    double: Double,
    is_over: bool,
}

impl Shared {
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Does something with the double, and transmits what it says to that.
    fn with<T>(&self, act: impl FnOnce(&mut Playing, u64) -> T) -> T {
        let mut double = self.double.lock().unwrap();
        let result = act(&mut double, self.now());
        while let Some(transmit) = double.double.poll_transmit() {
            let socket = &self.sockets[usize::from(transmit.from == Port::Other)];
            // Nobody may listen there any more.
            let _ = socket.send_to(&transmit.bytes, transmit.to);
        }
        self.changed.notify_all();
        result
    }

    fn run(&self) {
        let mut buffer = [0; 65_536];
        loop {
            let wait = self.with(|double, now| {
                double.double.handle_timeout(now);
                let deadline = double.double.deadline().map_or(20, |deadline| deadline.saturating_sub(now));
                // What a user does may bring another deadline.
                (!double.is_over).then_some(deadline.min(20) as u16)
            });
            let Some(wait) = wait else { return };
            let mut both =
                self.sockets.each_ref().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
            let _ = poll(&mut both, PollTimeout::from(wait));
            for (socket, port) in self.sockets.iter().zip([Port::Main, Port::Other]) {
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    self.with(|double, now| double.double.handle(now, &buffer[..length], from, port));
                }
            }
        }
    }
}

impl Running {
    fn start(row: &Row, address: &str) -> Self {
        let sockets = [7777, 0].map(|port| {
            let socket = UdpSocket::bind((address, port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        let double = Double::new(row.traits.clone(), "bob", 1);
        let double = Mutex::new(Playing { double, is_over: false });
        let shared = Arc::new(Shared { double, changed: Condvar::new(), sockets, start: Instant::now() });
        let runs = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || runs.run())) }
    }

    /// Its user does something.
    fn act<T>(&self, act: impl FnOnce(&mut Double, u64) -> T) -> T {
        self.shared.with(|double, now| act(&mut double.double, now))
    }

    /// Waits until it is so.
    #[track_caller]
    fn when(&self, what: &str, mut so: impl FnMut(&Double) -> bool) {
        let double = self.shared.double.lock().unwrap();
        let waits = |double: &mut Playing| !so(&double.double);
        let (playing, result) = self.shared.changed.wait_timeout_while(double, DEADLINE, waits).unwrap();
        let double = &playing.double;
        let seen = (double.state(), double.notices(), double.shown());
        let failure = result.timed_out().then(|| format!("{what} does not come to be: {seen:?}"));
        drop(playing);
        assert_eq!(failure, None);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.with(|double, _| double.is_over = true);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// A chat of our user, ann, with a double.
struct Chat<'a> {
    world: &'a World,
    row: &'a Row,
    daemon: Daemon,
    host: u8,
    double: Running,
}

impl<'a> Chat<'a> {
    /// Ours on address number `host`, theirs on the next.
    fn new(world: &'a World, row: &'a Row, host: u8) -> Self {
        let config = world.path("simpd.toml").display().to_string();
        let daemon = world.start(host, &["--user", "ann", "--config", &config]);
        let double = Running::start(row, &world.address(host + 1));
        Self { world, row, daemon, host, double }
    }

    fn we_invite(&self) {
        self.double.act(Double::wait);
        let connect = self.world.spawn_ctl(self.host, &["connect", &self.world.address(self.host + 1)]);
        self.double.when("asked", |double| matches!(double.state(), DoubleState::Asked | DoubleState::Open));
        self.double.act(Double::accept);
        connect.wait().ok();
        self.double.when("open", |double| double.state() == DoubleState::Open);
    }

    fn they_invite(&self) {
        let ours: SocketAddr = format!("{}:7777", self.world.address(self.host)).parse().unwrap();
        self.double.act(|double, now| double.invite(now, ours));
        self.daemon.client().status_when(|status| status.requests == 1);
        let accept = self.world.spawn_ctl(self.host, &["accept"]);
        self.double.when("open", |double| matches!(double.state(), DoubleState::Open | DoubleState::Ringing));
        if !self.row.traits.acks_syn_ack {
            // Its first line stands for the ACK.
            self.they_say("first");
        }
        accept.wait().ok();
    }

    /// Each side writes, in its turn.
    fn talk(&self) {
        let lines = if self.row.traits.polls_every.is_some() { 1 } else { 3 };
        for n in 0..lines {
            if self.double.act(|double, _| double.may_say()) {
                self.they_say(&format!("theirs {n}"));
                self.we_say(&format!("ours {n}"));
            } else {
                self.we_say(&format!("ours {n}"));
                self.they_say(&format!("theirs {n}"));
            }
        }
    }

    fn we_say(&self, text: &str) {
        let sending = self.world.spawn_ctl(self.host, &["send", text]);
        self.double.when(text, |double| double.shown().iter().any(|shown| shown == text));
        if self.row.expect.good.unconfirmed {
            // What comes next from it is what tells.
            return;
        }
        sending.wait().ok();
        let shown = self.double.act(|double, _| double.shown().iter().filter(|shown| *shown == text).count());
        assert_eq!(shown, 1, "{text}");
    }

    fn they_say(&self, text: &str) {
        self.double.when("their turn", Double::may_say);
        assert!(self.double.act(|double, now| double.say(now, text)));
        // What it says by itself comes before.
        let by_itself = |line: &str| line == "bob accepted." || line.starts_with("ours ");
        loop {
            let line = self.world.ctl(self.host, &["listen", "-n", "1", "--text", "--timeout", "20"]).ok();
            if !by_itself(line.trim_end()) {
                // One says `name: text`, one ends its lines itself.
                assert!(line.contains(text), "{line}");
                return;
            }
        }
    }

    fn we_quit(&self) {
        match self.row.traits.on_fin {
            OnFin::Ack | OnFin::FinAck => _ = self.world.ctl(self.host, &["quit"]).ok(),
            // Nobody answers, and that takes its time.
            OnFin::Silent | OnFin::Ignored => _ = self.world.ctl(self.host, &["quit", "--timeout", "0.1"]),
        }
        if self.row.traits.on_fin != OnFin::Ignored {
            self.double.when("over", |double| double.state() == DoubleState::Idle);
        }
    }

    fn they_quit(&self) {
        self.double.act(Double::quit);
        self.daemon.client().status_when(|status| status.chats == 0);
        self.double.when("over", |double| double.state() == DoubleState::Idle);
    }
}

/// What is to be run: a row, and whether we invite.
type Job = (Row, bool);

fn run(world: &World, (row, we_invite): &Job, host: u8) {
    let chat = Chat::new(world, row, host);
    if *we_invite {
        chat.we_invite();
        chat.talk();
        chat.we_quit();
    } else {
        chat.they_invite();
        chat.talk();
        chat.they_quit();
    }
}

#[test]
fn simpd_gets_on_with_foreign_peers() {
    let world = World::new();
    // The disk is not what is tried here.
    std::fs::write(world.path("simpd.toml"), "durability = \"process\"\n").unwrap();
    let wanted = |row: &Row| match std::env::var("ROW") {
        Ok(name) => row.name == name,
        Err(_) => {
            let good = row.expect.good;
            // Of one that acknowledges nothing, and differs in nothing else, that is known after half a minute.
            let is_slow = row.name == "never-acks";
            let is_good = !good.breaks && !good.falsely_delivered && !good.fin_unanswered;
            row.expect.works && is_good && !is_slow
        }
    };
    let mut jobs: VecDeque<Job> =
        rows().into_iter().filter(wanted).flat_map(|row| [(row.clone(), true), (row, false)]).collect();
    // Those that take long begin.
    jobs.make_contiguous().sort_by_key(|(row, _)| row.traits.polls_every.is_none());
    let (jobs, failed) = (Mutex::new(jobs.into_iter().zip(0_u8..)), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().unwrap().next();
                    let Some((job, n)) = next else { return };
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        run(&world, &job, 2 * n + 1);
                    }));
                    if outcome.is_err() {
                        failed.lock().unwrap().push(format!("ROW={} (we invite: {})", job.0.name, job.1));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "not with {failed:?}");
}
