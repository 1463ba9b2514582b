//! The doubles themselves, held byte for byte to what was seen on the wire: a double that does something else
//! proves nothing about simpd.
//!
//! - `table`: the rows of the table. `others`: those after it, and the invented ones.
//! - `pairs`: two doubles with each other.

#![allow(missing_docs, clippy::unwrap_used)]

mod others;
mod pairs;
mod table;

use std::net::SocketAddr;

use simp_doubles::{Double, DoubleState, Port, Traits, rows};

const ERR: [u8; 2] = [1, 0x01];
const SYN: [u8; 2] = [1, 0x02];
const ACK: [u8; 2] = [1, 0x04];
const SYN_ACK: [u8; 2] = [1, 0x06];
const FIN: [u8; 2] = [1, 0x08];
const ERR_FIN: [u8; 2] = [1, 0x09];
const FIN_ACK: [u8; 2] = [1, 0x0c];
const CHAT: [u8; 2] = [2, 0x01];

/// The traits of this row.
fn traits(name: &str) -> Traits {
    rows().into_iter().find(|row| row.name == name).unwrap().traits
}

/// A datagram of the specification.
fn plain(head: [u8; 2], seq: u8, user: &str, payload: &str) -> Vec<u8> {
    padded(head, seq, user.as_bytes(), 0, payload.as_bytes())
}

/// The same from a user that is filled up with another byte.
fn padded(head: [u8; 2], seq: u8, user: &[u8], fill: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = short(head, seq, user, fill);
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The same without Length.
fn short(head: [u8; 2], seq: u8, user: &[u8], fill: u8) -> Vec<u8> {
    let mut bytes = vec![head[0], head[1], seq];
    bytes.extend(user);
    bytes.resize(35, fill);
    bytes
}

fn us() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7777))
}

/// A double called bob, and we, called ann, as the specification has us.
struct Bob {
    double: Double,
    now: u64,
}

impl Bob {
    fn of(row: &str) -> Self {
        Self::with(traits(row))
    }

    fn with(traits: Traits) -> Self {
        Self { double: Double::new(traits, "bob", 1), now: 0 }
    }

    /// Invited by us, and its user accepts; what the opening was is thrown away.
    fn invited(row: &str) -> Self {
        let mut bob = Self::of(row);
        bob.hears(SYN, 0, "");
        bob.double.accept(bob.now);
        bob.hears(ACK, 0, "");
        assert_eq!(bob.double.state(), DoubleState::Open);
        bob.says();
        bob
    }

    fn hears(&mut self, head: [u8; 2], seq: u8, payload: &str) {
        self.hears_raw(&plain(head, seq, "ann", payload));
    }

    fn hears_raw(&mut self, bytes: &[u8]) {
        self.double.handle(self.now, bytes, us(), Port::Main);
    }

    /// What it has transmitted since the last time.
    fn says(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.double.poll_transmit()).map(|transmit| transmit.bytes).collect()
    }

    /// Writes a line, and says what that transmits.
    fn writes(&mut self, text: &str) -> Vec<Vec<u8>> {
        assert!(self.double.say(self.now, text));
        self.says()
    }

    /// Hears something, and says what that transmits.
    fn answers(&mut self, head: [u8; 2], seq: u8, payload: &str) -> Vec<Vec<u8>> {
        self.hears(head, seq, payload);
        self.says()
    }

    /// Lets so much time pass, and says what is transmitted meanwhile.
    fn waits(&mut self, ms: u64) -> Vec<Vec<u8>> {
        let until = self.now + ms;
        while let Some(due) = self.double.deadline().filter(|due| *due <= until) {
            self.now = due;
            self.double.handle_timeout(due);
        }
        self.now = until;
        self.says()
    }
}
