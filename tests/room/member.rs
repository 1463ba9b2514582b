//! A member with a simpd of its own: it uses simpctl, or reads the log of its simpd.

use std::ops::Range;

use nix::sys::signal::Signal;
use simp_control::{FollowFrom, What};

use super::Entrance;
use crate::harness::{Daemon, TestClient, World, is_connected_to};

/// Somebody with a simpd.
pub struct Member {
    daemon: Daemon,
    log: TestClient,
    host: u8,
}

impl Member {
    /// On address number `host`, connected to the room's simpd with simpctl.
    pub fn comes(at: &impl Entrance, host: u8, name: &str) -> Self {
        let config = at.world().path("simpd.toml");
        let daemon = at.world().start(host, &["--user", name, "--config", config.to_str().unwrap()]);
        let connected = at.world().ctl(host, &["connect", &at.to()]).ok();
        is_connected_to(&format!("lobby@{}:7777", at.to()), &connected);
        let mut log = daemon.client();
        log.follow(FollowFrom::After(0));
        Self { daemon, log, host }
    }

    /// In the room, which is open to all, and told so.
    pub fn enters(at: &impl Entrance, host: u8, name: &str) -> Self {
        let mut member = Self::comes(at, host, name);
        while !member.next_line().starts_with("You are in ") {}
        member
    }

    /// Says this with simpctl, and the room's simpd has it.
    #[track_caller]
    pub fn says(&self, world: &World, text: &str) {
        world.ctl(self.host, &["send", "--", text]).ok();
    }

    /// Queues this.
    pub fn queues(&self, texts: impl Iterator<Item = String>) {
        let mut client = self.daemon.client();
        for text in texts {
            client.send(&text);
        }
    }

    /// The next line, news too.
    #[track_caller]
    pub fn next_line(&mut self) -> String {
        loop {
            match self.log.event().what {
                What::Message { text } => return text,
                What::Closed { reason, .. } => panic!("the chat is over: {reason:?}"),
                _ => {}
            }
        }
    }

    /// The next lines that are no news are these.
    #[track_caller]
    pub fn hears(&mut self, lines: &[&str]) {
        for expected in lines {
            assert_eq!(self.next_said(), *expected);
        }
    }

    /// The next line that is no news.
    #[track_caller]
    pub fn next_said(&mut self) -> String {
        std::iter::repeat_with(|| self.next_line()).find(|line| !line.starts_with("* ")).unwrap()
    }

    /// The next lines that are no news are ann's `line n`, with these numbers.
    #[track_caller]
    pub fn hears_on(&mut self, numbers: Range<u64>) {
        for n in numbers {
            self.hears(&[&format!("[ann] line {n}")]);
        }
    }

    /// The chat ends, without another line.
    pub fn is_left(&mut self) {
        loop {
            match self.log.event().what {
                What::Closed { .. } => return,
                What::Message { text } => panic!("another line: {text}"),
                _ => {}
            }
        }
    }

    /// Its simpd, and a client that follows its log.
    pub fn into_parts(self) -> (Daemon, TestClient) {
        (self.daemon, self.log)
    }

    /// Its simpd is gone at once.
    pub fn dies(self) {
        self.daemon.signal(Signal::SIGKILL);
        self.daemon.wait();
    }
}
