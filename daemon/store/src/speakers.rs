//! Peers as entries name them, for those that say much: to make a text of an address takes longer than all else of an append.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use simp_control::Peer;

use crate::piece::Piece;

/// So many are kept at most. Two in one place take it from each other, and cost what each would without this.
const PLACES: usize = 512;

/// A peer as entries of this turn name it.
#[derive(Debug, Clone)]
pub struct Speaker(pub(crate) Arc<Peer>);

impl Deref for Speaker {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.0
    }
}

/// The last peer in each place.
#[derive(Debug, Default)]
pub(crate) struct Speakers(Vec<Option<Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    address: SocketAddr,
    peer: Arc<Peer>,
    /// The last piece of the log that it is noted in.
    piece: u64,
}

impl Speakers {
    /// The peer at this address, which calls itself so. It is noted in this piece of the log, if it is not yet.
    pub(crate) fn peer(&mut self, address: SocketAddr, user: &str, piece: &mut Piece) -> Speaker {
        if self.0.is_empty() {
            self.0.resize(PLACES, None);
        }
        let place = self.0.get_mut(place(address));
        if let Some(Some(kept)) = &place
            && (kept.address, kept.piece) == (address, piece.number())
            && kept.peer.user == user
        {
            return Speaker(Arc::clone(&kept.peer));
        }
        let text = text(address);
        match address.ip() {
            IpAddr::V4(_) => piece.note_at(text.split(':').next().unwrap_or_default(), user),
            IpAddr::V6(ip) => piece.note_at(&ip.to_canonical().to_string(), user),
        }
        let peer = Arc::new(Peer { user: user.to_owned(), address: text });
        if let Some(place) = place {
            *place = Some(Kept { address, peer: Arc::clone(&peer), piece: piece.number() });
        }
        Speaker(peer)
    }
}

/// As `to_string` has it, which takes much longer.
fn text(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { return address.to_string() };
    // The longest address.
    let mut text = String::with_capacity(21);
    let mut digits = itoa::Buffer::new();
    for octet in address.ip().octets() {
        text.push_str(digits.format(octet));
        text.push('.');
    }
    text.pop();
    text.push(':');
    text.push_str(digits.format(address.port()));
    text
}

/// Peers of one network, and those of one host, have places of their own.
fn place(address: SocketAddr) -> usize {
    let ip = match address.ip() {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(ip) => (u128::from(ip) ^ (u128::from(ip) >> 64)) as u32,
    };
    (ip ^ (ip >> 9)).wrapping_add(u32::from(address.port())) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_as_it_is_whoever_had_its_place_before() {
        let (mut speakers, mut piece) = (Speakers::default(), Piece::begin(0));
        let addresses: Vec<SocketAddr> = (0..=1_023u16)
            .map(|n| format!("127.0.{}.{}:7777", n / 256, n % 256).parse().unwrap())
            .chain((1..2_000).map(|port| format!("[::1]:{port}").parse().unwrap()))
            .chain(["[fe80::1%1]:7777".parse().unwrap(), "[::ffff:127.0.0.1]:80".parse().unwrap()])
            .collect();
        for user in ["bob", "ann", "", "bob"] {
            for address in &addresses {
                let peer = speakers.peer(*address, user, &mut piece);
                assert_eq!(*peer, Peer { user: user.to_owned(), address: address.to_string() });
                let mut same = Piece::begin(0);
                same.note(&peer);
                piece.end(1);
                speakers.peer(*address, user, &mut piece);
                assert_eq!(piece.sieve, same.sieve, "{address}");
            }
        }
        assert_eq!(speakers.0.len(), PLACES);
    }

    #[test]
    fn those_of_one_network_and_those_of_one_host_do_not_share_places() {
        let of = |addresses: Vec<String>| {
            let mut places: Vec<_> =
                addresses.iter().map(|address| place(address.parse().unwrap())).collect();
            places.sort_unstable();
            places.dedup();
            places.len()
        };
        assert_eq!(of((1..=255).map(|n| format!("10.1.2.{n}:7777")).collect()), 255);
        assert_eq!(of((1..=255).map(|n| format!("10.1.2.3:{}", 40_000 + n)).collect()), 255);
    }
}
