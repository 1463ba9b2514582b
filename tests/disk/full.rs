//! The disk is filled and freed again and again while two daemons and a bare peer talk and simpctl is used.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::errno::Errno;
use simp_control::{Event, FollowFrom, Kind, Reply, Request, What};
use simp_proto::Operation;

use super::refuse::{Disk, FOR_GOOD, GROWS, library};
use crate::harness::{
    DEADLINE, Daemon, Peer, Ran, Running, TestClient, World, is_root, queued, send, skipped,
};

/// Times that each disk is filled.
const ROUNDS: usize = 5;

/// A disk that can be filled.
enum Small {
    /// Of simpd alone: nobody else sees it, and it is gone with simpd. This is a name for it from outside.
    Real(PathBuf),
    Refused(Disk),
}

impl Small {
    fn fill(&self) {
        match self {
            Self::Real(folder) => {
                let mut filler = File::create(folder.join("filler")).unwrap();
                while filler.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
            }
            Self::Refused(disk) => disk.fail(GROWS, 0, FOR_GOOD, Some(Errno::ENOSPC)),
        }
    }

    fn free(&self) {
        match self {
            Self::Real(folder) => fs::remove_file(folder.join("filler")).unwrap(),
            Self::Refused(disk) => disk.mend(),
        }
    }
}

/// Alice, whose disk it is, in a chat with the daemon bob and in one with the bare peer carol.
struct Pair<'a> {
    world: &'a World,
    host: u8,
    disk: Small,
    daemons: [Daemon; 2],
    /// Of alice, and of bob.
    client: TestClient,
    bob: TestClient,
    carol: Peer,
    /// What is wrong with the disk when it is full.
    error: String,
    /// Texts of carol that were acknowledged.
    from_carol: Vec<String>,
    /// Shows all messages, as long as alice runs.
    listener: Running,
    /// Commands that wait for carol.
    waiting: Vec<Running>,
    counts: Counts,
}

/// What was measured.
#[derive(Debug, Default)]
struct Counts {
    filled: usize,
    messages: usize,
    /// Commands that were refused.
    refused: usize,
    /// Datagrams that were not acknowledged.
    unacknowledged: usize,
}

impl<'a> Pair<'a> {
    /// `None` if this machine has no such disk.
    fn new(world: &'a World, host: u8, library: Option<&Path>) -> Option<Self> {
        let state = world.path(&format!("small-{host}"));
        fs::create_dir(&state).unwrap();
        let state = state.canonicalize().unwrap();
        let (alice, bob) = (world.address(host), world.address(host + 1));
        let config = world.path("simpd.toml").into_os_string().into_string().unwrap();
        let words = [&alice, "--user", "alice", "--accept", "all", "--max-chats", "2", "--config", &config];
        let mut command = world.command(if library.is_some() { "simpd" } else { "unshare" });
        let mut disk = None;
        if let Some(library) = library {
            let refused = Disk::new(library, world.path(&format!("order-{host}")), state.clone());
            refused.attach(&mut command);
            disk = Some(Small::Refused(refused));
        } else {
            let script = r#"mount -t tmpfs -o size=1m,mode=700 tmpfs "$XDG_STATE_HOME" && exec "$0" "$@""#;
            command
                .args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_simpd")])
                .env("XDG_STATE_HOME", &state);
        }
        command.args(words);
        let daemon = match Daemon::try_start(command, world.socket(host)) {
            Err(ended) if ended.stderr.contains("unshare") || ended.stderr.contains("mount:") => {
                skipped("a_real_disk_that_becomes_full_costs_nothing_but_time", ended.stderr.trim());
                return None;
            }
            started => started.unwrap_or_else(|ended| panic!("{ended:?}")),
        };
        let root = PathBuf::from(format!("/proc/{}/root", daemon.pid()));
        let disk = disk.unwrap_or_else(|| Small::Real(root.join(state.strip_prefix("/").unwrap())));
        let mut client = daemon.client();
        client.follow(FollowFrom::End);
        let peer = world.peer(host + 2, "carol");
        peer.open(&alice);
        client.expect(What::Request);
        client.expect(What::Opened { note: None });
        let other = world.start(host + 1, &["--user", "bob", "--accept", "all", "--config", &config]);
        world.ctl(host, &["connect", &bob]).ok();
        let log = state.join("simp").join(&alice).join("log.db");
        Some(Self {
            world,
            host,
            disk,
            client: daemon.client(),
            bob: other.client(),
            listener: world.spawn_ctl(host, &["listen", "--consumer", "steady"]),
            daemons: [daemon, other],
            carol: peer,
            error: format!(
                "{}: the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)",
                log.display()
            ),
            from_carol: Vec::new(),
            waiting: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Carol says something. Whether it is acknowledged.
    fn say(&mut self, text: &str) -> bool {
        let seq = (self.from_carol.len() % 2) as u8;
        self.carol.send(&self.world.address(self.host), Operation::Chat, seq, text.as_bytes());
        // Its answer comes after the acknowledgement.
        self.client.status();
        let acks = self.carol.arrived().into_iter().filter(|datagram| datagram.operation == Operation::Ack);
        let is_acknowledged = acks.map(|ack| assert_eq!(ack.seq, seq)).count() > 0;
        match is_acknowledged {
            true => self.from_carol.push(text.to_owned()),
            false => self.counts.unacknowledged += 1,
        }
        is_acknowledged
    }

    fn round(&mut self, round: usize) {
        let nothing_changed = format!("simpctl: nothing was changed: {}", self.error);
        assert!(self.say(&format!("before {round}")));
        // Carol acknowledges it in the end.
        let text = format!("for carol {round}");
        self.client.follow(FollowFrom::End);
        self.waiting.push(self.world.spawn_ctl(self.host, &["send", "-t", "carol", &text]));
        while self.client.event().what != queued(&text) {}
        self.client = self.daemons[0].client();
        let bob = self.world.address(self.host + 1);
        for text in ["one", "two"] {
            let alice = self.world.address(self.host);
            self.bob.reply(&send(Some(&alice), &format!("bob {round} {text}")));
            self.client.reply(&send(Some(&bob), &format!("alice {round} {text}")));
        }

        self.disk.fill();
        let sends = (0..).find(|number| {
            let sent = self.ctl(&["send", "--no-wait", "-t", "bob", &format!("full {round} {number}")]);
            if sent.status != Some(0) {
                sent.fails(1, &nothing_changed);
            }
            assert!(*number < 500, "the disk does not become full");
            sent.status != Some(0)
        });
        let before = self.client.log();
        assert!(before.iter().all(|event| event.what != queued(&format!("full {round} {}", sends.unwrap()))));
        self.ctl(&["send", "-t", "bob", "refused"]).fails(1, &nothing_changed);
        self.ctl(&["quit", "bob"]).fails(1, &nothing_changed);
        let text = format!("while full {round}");
        assert!(!self.say(&text) && !self.say(&text));
        assert!(self.ctl(&["status"]).ok().contains(&self.error));
        assert!(self.ctl(&["status", "--json"]).ok().contains(&format!("\"trouble\":\"{}\"", self.error)));
        assert_eq!(self.ctl(&["chats"]).ok().lines().count(), 2);
        assert!(self.ctl(&["history", "--since", "0"]).ok().contains("carol: before 0"));
        let once = ["listen", "-n", "1", "--consumer", "once"];
        let shown = self.ctl(&once);
        assert_eq!((shown.status, shown.stderr), (Some(1), format!("{nothing_changed}\n")));
        assert!(
            shown.stdout.ends_with(&format!("{}\n", self.from_carol[0])) || round > 0,
            "{}",
            shown.stdout
        );
        let mut late = self.world.spawn_ctl(self.host, &["listen", "--consumer", &format!("late {round}")]);
        assert!(late.read_line().contains("before 0"));
        assert_eq!(self.client.log(), before);
        assert!(self.client.status().trouble.is_some());

        self.disk.free();
        self.client.status_when(|status| status.trouble.is_none());
        assert!(!self.ctl(&["status"]).ok().contains("trouble"));
        assert!(self.say(&text));
        while late.read_line() != format!("carol: {text}") {}
        assert_eq!(self.ctl(&once).ok(), shown.stdout);
        self.ctl(&["send", "--no-wait", "-t", "bob", &format!("after {round}")]).ok();
        (self.counts.filled, self.counts.refused) = (round + 1, self.counts.refused + 4);
    }

    /// All is delivered, once and in order.
    fn check(mut self) -> Counts {
        let alice = self.world.address(self.host);
        let mut heard = Vec::new();
        while heard.len() < self.waiting.len() {
            let datagram = self.carol.receive();
            if datagram.operation == Operation::Chat {
                self.carol.send(&alice, Operation::Ack, datagram.seq, b"");
                heard.push(String::from_utf8(datagram.payload).unwrap());
                heard.dedup();
            }
        }
        assert!(heard.into_iter().eq((0..self.waiting.len()).map(|round| format!("for carol {round}"))));
        for waiting in std::mem::take(&mut self.waiting) {
            waiting.wait().ok();
        }
        for client in [&mut self.client, &mut self.bob] {
            let deadline = Instant::now() + DEADLINE;
            while unacknowledged(client) > 0 {
                assert!(Instant::now() < deadline, "not all is delivered");
            }
        }
        let [here, there] = [self.client.log(), self.bob.log()];
        for log in [&here, &there] {
            assert!(log.iter().map(|event| event.id).eq(1..=log.len() as u64));
        }
        let [to_bob, to_alice] = [self.world.address(self.host + 1), alice];
        let (received, sent) =
            (|event: &What| event.kind() == Kind::Message, |event: &What| event.kind() == Kind::Queued);
        assert_eq!(texts(&there, &to_alice, received), texts(&here, &to_bob, sent));
        assert_eq!(texts(&here, &to_bob, received), texts(&there, &to_alice, sent));
        assert_eq!(texts(&here, &self.world.address(self.host + 2), received), self.from_carol);
        let queued = here.iter().filter(|event| sent(&event.what)).count();
        assert_eq!(here.iter().filter(|event| event.what.kind() == Kind::Delivered).count(), queued);
        let messages: Vec<_> = here.iter().filter(|event| received(&event.what)).collect();
        for event in &messages {
            assert_eq!(
                self.listener.read_line(),
                format!("{}: {}", event.peer.user, event.what.text().unwrap())
            );
        }
        let log = self.daemons[0].log();
        let errors = log.lines().filter(|line| line.contains("ERROR")).count();
        // The same trouble is not told again within a minute.
        assert!((1..=ROUNDS.div_ceil(2)).contains(&errors) && log.contains(&self.error), "{log}");
        Counts { messages: messages.len() + queued, ..self.counts }
    }

    fn ctl(&self, args: &[&str]) -> Ran {
        self.world.ctl(self.host, args)
    }
}

/// Messages that wait.
fn unacknowledged(client: &mut TestClient) -> u64 {
    match client.reply(&Request::Chats { after: 0 }) {
        Reply::Chats { chats, .. } => chats.iter().map(|chat| chat.queued).sum(),
        other => panic!("{other:?}"),
    }
}

/// The texts of such entries in chats with this host.
fn texts<'a>(log: &'a [Event], host: &str, is: impl Fn(&What) -> bool) -> Vec<&'a str> {
    let with_host = |event: &&Event| event.peer.address == format!("{host}:7777");
    log.iter()
        .filter(with_host)
        .filter(|event| is(&event.what))
        .filter_map(|event| event.what.text())
        .collect()
}

fn fill_and_free(world: &World, library: Option<&Path>) {
    fs::write(world.path("simpd.toml"), "attempts = 100\n").unwrap();
    let started = Instant::now();
    let mut all = Counts::default();
    std::thread::scope(|scope| {
        // What is waited for is mostly the next look at the disk.
        let pairs = [0, 1, 2, 3].map(|number| {
            scope.spawn(move || {
                let mut pair = Pair::new(world, 1 + 3 * number, library)?;
                (0..ROUNDS).for_each(|round| pair.round(round));
                Some(pair.check())
            })
        });
        for counts in pairs.into_iter().filter_map(|pair| pair.join().unwrap()) {
            all.filled += counts.filled;
            all.messages += counts.messages;
            all.refused += counts.refused;
            all.unacknowledged += counts.unacknowledged;
        }
    });
    println!("in {:.0} s: {all:?}, 0 lost, 0 twice", started.elapsed().as_secs_f64());
}

#[test]
fn a_disk_that_becomes_full_costs_nothing_but_time() {
    let world = World::new();
    let library = library(&world);
    fill_and_free(&world, Some(&library));
}

#[test]
fn a_real_disk_that_becomes_full_costs_nothing_but_time() {
    if is_root("a_real_disk_that_becomes_full_costs_nothing_but_time") {
        fill_and_free(&World::new(), None);
    }
}
