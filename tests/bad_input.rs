//! Peers that say what makes no sense, change how they speak, or are not who they say: what a user of simpd and
//! simpctl sees then. Nothing is lost or comes twice, nothing reaches a terminal raw, one line says what to expect,
//! and the next peer is served as if nothing had been.
//!
//! - here: our user, ann. `peer`: a peer that can change its ways, for `changing`: one that does.
//! - `ports`: answers from elsewhere than where they are expected. `names`: others' names, and no names.
//! - `texts`: what is in a payload. `strays`: ACKs and other answers to nothing. `syns`: a SYN for every message.
//! - `floods`: all of that two thousand times.

mod changing;
mod floods;
mod names;
mod peer;
mod ports;
mod strays;
mod syns;
mod texts;

use std::sync::Mutex;

use serde_json::Value;

use crate::harness::{Daemon, Peer, Ran, TestClient, World};

/// Our user, on address 1.
pub struct Ann {
    pub world: World,
    daemon: Mutex<Daemon>,
    pub to: String,
}

impl Ann {
    /// With these arguments. The disk is not what is tried here.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with("", args)
    }

    /// The same, with these lines of configuration.
    pub fn start_with(config: &str, args: &[&str]) -> Self {
        let world = World::new();
        let path = world.path("simpd.toml");
        std::fs::write(&path, format!("durability = \"process\"\n{config}")).unwrap();
        let args = [&["--user", "ann", "--config", path.to_str().unwrap()], args].concat();
        let daemon = Mutex::new(world.start(1, &args));
        let to = world.address(1);
        Self { world, daemon, to }
    }

    /// Open to everybody.
    pub fn open_to_all() -> Self {
        Self::start(&["--accept", "all", "--max-chats", "250"])
    }

    pub fn client(&self) -> TestClient {
        self.daemon.lock().unwrap().client()
    }

    pub fn pid(&self) -> u32 {
        self.daemon.lock().unwrap().pid()
    }

    pub fn ctl(&self, args: &[&str]) -> Ran {
        self.world.ctl(1, args)
    }

    /// A peer that has invited ann and was accepted.
    pub fn chats_with(&self, host: u8, user: &str) -> Peer {
        let peer = self.world.peer(host, user);
        peer.open(&self.to);
        peer
    }

    /// What ann is told of the peers at this address: each event with its kind, and what was said with it.
    pub fn told(&self, host: u8) -> Vec<String> {
        let args = ["history", "--all", "--json", "-n", "10000", "--from", &self.world.address(host)];
        let events = self.ctl(&args).ok();
        let line = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            let word = |name: &str| event[name].as_str().map(str::to_owned);
            [word("event"), word("reason"), word("text")].into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        events.lines().map(line).collect()
    }

    /// What the peers at this address said, each message as often as ann sees it.
    pub fn heard(&self, host: u8) -> Vec<String> {
        let told = self.told(host).into_iter();
        told.filter_map(|event| event.strip_prefix("message ").map(str::to_owned)).collect()
    }

    /// Ann sends this peer a text: it comes with this number, and is delivered.
    #[track_caller]
    pub fn says(&self, to: &Peer, seq: u8, text: &str) {
        let sending = self.world.spawn_ctl(1, &["send", "-t", &to.address().to_string(), text]);
        to.hear(&self.to, seq, text);
        assert_eq!(sending.wait().ok(), "");
    }

    /// Asserts that simpd lives on: somebody new is heard, and hears.
    pub fn serves(&self, host: u8) {
        let user = "zoe";
        let zoe = self.chats_with(host, user);
        zoe.say(&self.to, 0, "hello");
        assert_eq!(self.heard(host), ["hello"]);
        self.says(&zoe, 0, "welcome");
        self.ctl(&["status"]).ok();
    }
}

/// Asserts that there is nothing that a terminal would obey, but line ends, and returns it.
#[track_caller]
pub fn harmless(shown: String) -> String {
    let bad = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}'));
    assert!(!shown.contains(bad), "{shown:?}");
    shown
}
