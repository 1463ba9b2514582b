//! What a daemon makes of datagrams, seen by bare peers.
//!
//! - `chats`: whole chats, to the byte. `strangers`: datagrams of those whom we have no chat with.
//! - `nonsense`: what is malformed, odd, too large, random. `addresses`: where datagrams go to and come from.
//! - here: datagrams written by hand, and a daemon with a chat.

mod addresses;
mod chats;
mod nonsense;
mod strangers;

use simp_control::{FollowFrom, What};

use crate::harness::{Daemon, Peer, TestClient, World};

pub const ERR: [u8; 2] = [0x01, 0x01];
pub const SYN: [u8; 2] = [0x01, 0x02];
pub const ACK: [u8; 2] = [0x01, 0x04];
pub const SYN_ACK: [u8; 2] = [0x01, 0x06];
pub const FIN: [u8; 2] = [0x01, 0x08];
pub const CHAT: [u8; 2] = [0x02, 0x01];

/// A datagram written by hand, so that our own encoder is not its own witness.
pub fn wire(operation: [u8; 2], seq: u8, user: &str, payload: &[u8]) -> Vec<u8> {
    let mut user = user.as_bytes().to_vec();
    user.resize(32, 0);
    let length = (payload.len() as u32).to_be_bytes();
    [&operation, &[seq][..], &user, &length, payload].concat()
}

/// A daemon that accepts everybody, and a peer that it has a chat with.
fn open_chat(world: &World, args: &[&str]) -> (Daemon, TestClient, Peer) {
    let alice = world.start(1, &[&["--user", "alice", "--accept", "all"], args].concat());
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    let bob = world.peer(2, "bob");
    bob.open(&world.address(1));
    client.expect(What::Request);
    client.expect(What::Opened { note: None });
    (alice, client, bob)
}

/// The daemon on address 1, and a client that follows what happens there.
fn followed(world: &World, args: &[&str]) -> (Daemon, TestClient) {
    let daemon = world.start(1, args);
    let mut client = daemon.client();
    client.follow(FollowFrom::End);
    (daemon, client)
}
