//! Whose entries a piece of the log has, so that whoever looks for somebody's need not look at all others: of each peer two
//! things are noted, its host and its name, as bits of a sieve. Where one of them is missing, there is nothing of it.
//!
//! A piece is written with a commit once it is long enough, and when simpd stops. What a killed simpd had not written, and what
//! an older one wrote, is in no piece, and looked at entry by entry.

use std::net::SocketAddr;

use simp_control::{Peer, Who};

/// So many entries are a piece. Tests have more of them.
const ENTRIES: u64 = if cfg!(test) { 64 } else { 4_096 };

/// Bytes of a sieve. One of a few hundred peers lets hardly anybody through who is not among them.
const BYTES: usize = 1_024;

/// A piece that is not written yet.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its entries are above this.
    pub(crate) after: u64,
    pub(crate) sieve: Vec<u8>,
    /// How many were begun before it.
    number: u64,
}

impl Piece {
    /// One that begins after this entry.
    pub(crate) fn begin(after: u64) -> Self {
        Self { after, sieve: vec![0; BYTES], number: 0 }
    }

    /// One that begins there and has this sieve so far.
    pub(crate) fn resume(after: u64, mut sieve: Vec<u8>) -> Self {
        sieve.resize(BYTES, u8::MAX);
        Self { after, sieve, number: 0 }
    }

    /// Which one it is: whoever was noted in another is not in this one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// It has an entry of this peer; or would have one, if the turn is undone.
    pub(crate) fn note(&mut self, peer: &Peer) {
        self.note_key(name_key(&peer.user));
        // Of entries without an address nobody finds any by it.
        if let Ok(at) = peer.address.parse::<SocketAddr>() {
            self.note_key(host_key(&at.ip().to_canonical().to_string()));
        }
    }

    /// The same of whoever calls itself so at this IP address, as [`IpAddr::to_canonical`](std::net::IpAddr::to_canonical) has it.
    pub(crate) fn note_at(&mut self, ip: &str, user: &str) {
        self.note_key(name_key(user));
        self.note_key(host_key(ip));
    }

    fn note_key(&mut self, key: u64) {
        for bit in bits(key) {
            if let Some(byte) = self.sieve.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }

    /// Whether it is to be written with the next commit.
    pub(crate) fn is_long_enough(&self, newest: u64) -> bool {
        newest.saturating_sub(self.after) >= ENTRIES
    }

    /// It was written: the next begins.
    pub(crate) fn end(&mut self, newest: u64) {
        self.sieve.fill(0);
        (self.after, self.number) = (newest, self.number + 1);
    }
}

fn host_key(ip: &str) -> u64 {
    hash(&[0], ip.as_bytes())
}

fn name_key(user: &str) -> u64 {
    hash(&[1], user.as_bytes())
}

/// What all entries of somebody have noted.
fn key_of(who: &Who) -> u64 {
    match who {
        Who::Ip(host) | Who::OnHost(_, host) => host_key(&host.ip().to_string()),
        Who::Address(at) | Who::Both(_, at) => host_key(&at.ip().to_canonical().to_string()),
        Who::User(name) => name_key(name),
    }
}

/// FNV-1a: what is written must mean the same to every simpd.
fn hash(kind: &[u8], text: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    kind.iter().chain(text).fold(0xcbf2_9ce4_8422_2325, step)
}

fn bits(key: u64) -> [usize; 2] {
    // The upper half is mixed better.
    [key >> 32, key >> 45].map(|part| part as usize % (BYTES * 8))
}

/// Whether a piece with this sieve may have entries of whom is meant.
pub(crate) fn lets_through(sieve: &[u8], who: &Who) -> bool {
    bits(key_of(who)).iter().all(|bit| sieve.get(bit / 8).is_none_or(|byte| byte >> (bit % 8) & 1 == 1))
}
