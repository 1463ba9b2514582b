//! What clients get from the control socket, and what hostile, odd and slow ones do to a daemon.
//!
//! - `frames`: what a client may write, and what it is told where that makes no sense.
//! - `load`: slow clients, many clients, and long answers.
//! - `log`: the log, followed, marked, and in pieces. `refusals`: what cannot be done, and the remedy.
//! - here: a daemon with a chat, and its log filled.

mod frames;
mod load;
mod log;
mod refusals;

use simp_control::frame;
use simp_control::{Answer, Reply, Request};

use crate::harness::{Daemon, Peer, TestClient, World, send};

/// Requests written before their answers are read.
const PIPELINED: usize = 200;

fn frame(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(request, &mut bytes).unwrap();
    bytes
}

fn seen(consumer: &str, id: u64) -> Request {
    Request::Seen { consumer: consumer.to_owned(), id }
}

/// A daemon with an open chat with a peer that acknowledges nothing.
fn open_chat(world: &World) -> (Daemon, TestClient, Peer) {
    let alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "2"]);
    let client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&world.address(1));
    (alice, client, bob)
}

/// Queues so many messages; each is an entry of the log.
fn fill(client: &mut TestClient, count: usize) {
    let text = "x".repeat(900);
    for first in (0..count).step_by(PIPELINED) {
        let numbers = first..count.min(first + PIPELINED);
        numbers.clone().for_each(|number| client.write(&send(Some("bob"), &format!("{number} {text}"))));
        for _ in numbers {
            assert!(matches!(client.read(), Some(Answer::Reply(Reply::Queued { .. }))));
        }
    }
}

/// The ids of the entries up to `last`, as they come.
fn ids_until(client: &mut TestClient, last: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        ids.push(client.event().id);
    }
    ids
}
