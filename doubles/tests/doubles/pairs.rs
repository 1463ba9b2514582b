//! Two doubles of one row with each other: programs that were written against themselves get on with themselves.

use super::*;
use simp_doubles::Row;

fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1 + host as u8], 7777))
}

/// Both programs, 20 ms from each other.
struct Pair {
    both: [Double; 2],
    now: u64,
}

impl Pair {
    fn of(row: &Row) -> Self {
        let double = |name, seed| Double::new(row.traits.clone(), name, seed);
        Self { both: [double("ann", 1), double("bob", 2)], now: 0 }
    }

    /// Lets so much time pass.
    fn waits(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            self.now += 10;
            for (from, to) in [(0, 1), (1, 0)] {
                self.both[from].handle_timeout(self.now);
                while let Some(transmit) = self.both[from].poll_transmit() {
                    let from = SocketAddr::new(address(from).ip(), port(transmit.from));
                    let at = if transmit.to.port() == 7777 { Port::Main } else { Port::Other };
                    self.both[to].handle(self.now + 10, &transmit.bytes, from, at);
                }
            }
        }
    }
}

fn port(port: Port) -> u16 {
    match port {
        Port::Main => 7777,
        Port::Other => 40_000,
    }
}

/// What two of a row make of a chat in which each has written five lines; `None` if they do not get so far.
fn chat(row: &Row) -> Option<()> {
    let mut pair = Pair::of(row);
    pair.both[1].wait(0);
    pair.both[0].invite(0, address(1));
    for _ in 0..12 {
        pair.waits(1_000);
        pair.both[1].accept(pair.now);
    }
    if pair.both.iter().any(|double| double.state() != DoubleState::Open) {
        return None;
    }
    let mut left = [5, 5];
    for _ in 0..20 {
        for (host, left) in left.iter_mut().enumerate() {
            if *left > 0 && pair.both[host].say(pair.now, &format!("line {left}")) {
                *left -= 1;
            }
            pair.waits(6_000);
        }
    }
    let shown = |host: usize| pair.both[host].shown().iter().filter(|text| text.contains("line")).count();
    let is_done = left == [0, 0] && shown(0) >= 5 && shown(1) >= 5;
    pair.both[0].quit(pair.now);
    pair.waits(60_000);
    (is_done && pair.both[0].state() == DoubleState::Idle).then_some(())
}

#[test]
fn programs_get_on_with_themselves() {
    // One waits for an acceptance that it does not give itself, some answer each other for ever, and the ACKs
    // of some say something else than they want to hear.
    let do_not = ["D", "K", "two-roles", "other-port", "ack-ack", "echo", "ack-next", "ack-count", "ack-0"];
    for row in rows().iter().filter(|row| !do_not.contains(&row.name)) {
        assert!(chat(row).is_some(), "{}", row.name);
    }
}

#[test]
fn names_are_short_and_their_own() {
    let mut names: Vec<_> = rows().iter().map(|row| row.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
