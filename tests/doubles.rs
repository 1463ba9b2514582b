//! simpd and foreign peers over real UDP: the doubles of the crate `simp-doubles`, each on its own address, port
//! 7777, and a user of ours with simpctl. A chat in both roles, without loss. What happens on bad links, and all
//! else, is tried in virtual time (`daemon/tests/compatibility.rs`).
//!
//! `ROW=E` runs one row alone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use simp_doubles::{Double, DoubleState, OnFin, Row, rows};

use crate::harness::{Daemon, RunningDouble, World};

/// Chats that go on at the same time.
const AT_ONCE: usize = 16;

/// A chat of our user, ann, with a double.
struct Chat<'a> {
    world: &'a World,
    row: &'a Row,
    daemon: Daemon,
    host: u8,
    double: RunningDouble,
}

impl<'a> Chat<'a> {
    /// Ours on address number `host`, theirs on the next.
    fn new(world: &'a World, row: &'a Row, host: u8) -> Self {
        let config = world.path("simpd.toml").display().to_string();
        let daemon = world.start(host, &["--user", "ann", "--config", &config]);
        let double = RunningDouble::start(row.traits.clone(), "bob", &world.address(host + 1));
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
            // With some it says which messages are not confirmed.
            OnFin::Ack | OnFin::FinAck => {
                let quit = self.world.ctl(self.host, &["quit"]);
                assert_eq!(quit.status, Some(0), "{}", quit.stderr);
            }
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
