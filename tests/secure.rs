//! Secure chats between real programs, on a network that is bad, and in the hands of somebody who means ill.
//!
//! - `relay`: the network between two simpds, which believe in its addresses. `bare`: a peer with a key of its own that
//!   does what the test says.
//! - `kills`: either simpd or both are killed again and again. `crossing`: both invite at the same moment.
//! - `kinds`: chats that are to be secure, or plain, and cannot be.
//! - `attacks`: what somebody on the way can do between two that have met. `capture`: what they can read.
//! - `floods`: handshakes without end. `misuse`: a peer that has shown its key, and then says what makes no sense.

mod attacks;
mod bare;
mod capture;
mod crossing;
mod floods;
mod kills;
mod kinds;
mod misuse;
pub mod relay;

use simp_control::What;

use crate::harness::{Daemon, TestClient, World, is_connected_to};
use relay::Relay;

/// Alice and bob, in a world of their own, with the relay between them. Each takes a door of it for the other.
struct Pair {
    // Dropped first: daemons before the relay, and all before the addresses are free again.
    alice: Daemon,
    bob: Daemon,
    relay: Relay,
    world: World,
}

/// Alice and bob are at these addresses of the world.
const ALICE: u8 = 1;
const BOB: u8 = 2;
/// Where alice sees bob, and where bob sees alice.
const BOB_AS_SEEN: u8 = 3;
const ALICE_AS_SEEN: u8 = 4;
/// Somebody else.
const MALLORY: u8 = 5;

impl Pair {
    fn start(seed: u64) -> Self {
        let world = World::new();
        let relay = Relay::start(&world, [ALICE, BOB], [BOB_AS_SEEN, ALICE_AS_SEEN], seed);
        let alice = start(&world, ALICE, "alice");
        let bob = start(&world, BOB, "bob");
        Self { alice, bob, relay, world }
    }

    /// The same, with a chat.
    fn in_a_chat(seed: u64) -> Self {
        let pair = Self::start(seed);
        pair.connect();
        pair
    }

    /// Where alice sees bob.
    fn bob_as_seen(&self) -> String {
        self.world.address(BOB_AS_SEEN)
    }

    /// Alice invites bob.
    fn connect(&self) {
        let bob = self.bob_as_seen();
        let said = self.world.ctl(ALICE, &["connect", &bob]).ok();
        is_connected_to(&format!("bob@{bob}:7777"), &said);
    }

    /// A text each way is delivered.
    #[track_caller]
    fn talks(&self, text: &str) {
        self.world.ctl(ALICE, &["send", &format!("{text}, says alice")]).ok();
        self.world.ctl(BOB, &["send", &format!("{text}, says bob")]).ok();
    }

    /// What either was told, oldest first.
    fn heard(&self) -> [Vec<String>; 2] {
        [&self.alice, &self.bob].map(|daemon| heard(&mut daemon.client()))
    }
}

fn start(world: &World, host: u8, user: &str) -> Daemon {
    world.start(host, &["--user", user, "--accept", "all", "--max-chats", "4"])
}

/// The messages of peers in the log, oldest first.
fn heard(client: &mut TestClient) -> Vec<String> {
    let texts = client.log().into_iter().filter_map(|event| match event.what {
        What::Message { text } => Some(text),
        _ => None,
    });
    texts.collect()
}

/// How often the log says this.
fn count(client: &mut TestClient, is_it: impl Fn(&What) -> bool) -> usize {
    client.log().iter().filter(|event| is_it(&event.what)).count()
}
