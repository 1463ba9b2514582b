//! Handshakes that are begun and never go on, from some hundred addresses: an honest peer comes through, the answers are
//! small, and so is the memory.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use simp_proto::secure::ChannelId;
use simp_secure::{Endpoint, Identity, Settings};

use super::relay::SECURE;
use super::{ALICE, BOB, start};
use crate::harness::{World, is_connected_to, resident_kib};

/// First datagrams of as many handshakes, each with names of its own.
const WISHES: usize = 3_000;

/// Addresses that they come from.
const FROM: std::ops::RangeInclusive<u8> = 10..=209;

/// So many are sent before it is seen what has become of them: no socket may lose any on the way.
const AT_ONCE: usize = 100;

/// What a daemon may take, in KiB, with all that it keeps of handshakes.
const GROWN_MAX: u64 = 24 << 10;

/// The first byte of "come again with this proof", as far as it is the same in all.
const RETRY: u8 = 0xf;

fn wishes(world: &World) -> Vec<Vec<u8>> {
    let identity = Identity::load(&world.path("nobody")).unwrap();
    let mut endpoint = Endpoint::new(&identity, Settings::default()).unwrap();
    let (mut wishes, mut buffer, now) = (Vec::new(), Vec::new(), Instant::now());
    for n in 0..WISHES {
        let to = SocketAddr::from(([127, 1, (n >> 8) as u8, n as u8], SECURE));
        endpoint.open(now, ChannelId(2 * n as u64), to, None);
        while endpoint.poll_transmit(now, &mut buffer).is_some() {
            wishes.push(buffer.clone());
        }
    }
    assert_eq!(wishes.len(), WISHES);
    wishes
}

/// One address of the flood.
struct Source {
    socket: UdpSocket,
    sent: usize,
    answered: usize,
    retries: usize,
    answers: usize,
}

impl Source {
    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.answered += length;
            self.answers += 1;
            self.retries += usize::from(buffer[0] >> 4 == RETRY);
        }
    }
}

#[test]
fn handshakes_that_never_go_on_keep_nobody_out_and_are_answered_with_little() {
    let world = World::new();
    let alice = start(&world, ALICE, "alice");
    let _bob = start(&world, BOB, "bob");
    let before = resident_kib(alice.pid());
    let wishes = wishes(&world);
    let mut sources: Vec<Source> = FROM
        .map(|host| {
            let socket = UdpSocket::bind((world.address(host).as_str(), 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            Source { socket, sent: 0, answered: 0, retries: 0, answers: 0 }
        })
        .collect();
    let to = (world.address(ALICE), SECURE);
    let stop = Arc::new(AtomicBool::new(false));
    let stops = stop.clone();
    let mut client = alice.client();
    let flood = std::thread::spawn(move || {
        let mut count = 0;
        while !stops.load(Ordering::SeqCst) || count < WISHES {
            for _ in 0..AT_ONCE {
                let at = count % sources.len();
                let wish = &wishes[count % WISHES];
                sources[at].socket.send_to(wish, (to.0.as_str(), to.1)).unwrap();
                sources[at].sent += wish.len();
                count += 1;
            }
            client.status();
            sources.iter_mut().for_each(Source::hear);
        }
        (count, sources)
    });
    let mut client = alice.client();
    client.status_when(|_| resident_kib(alice.pid()) > before + 256 || stop.load(Ordering::SeqCst));
    // Amid the flood.
    let at = world.address(ALICE);
    is_connected_to(&format!("alice@{at}:7777"), &world.ctl(BOB, &["connect", &at]).ok());
    world.ctl(BOB, &["send", "I had to prove my address"]).ok();
    world.ctl(ALICE, &["send", "and nobody else did"]).ok();
    stop.store(true, Ordering::SeqCst);
    let (count, sources) = flood.join().unwrap();
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    assert!(grown <= GROWN_MAX, "{grown} KiB more");
    for source in &sources {
        assert!(source.answered <= 3 * source.sent, "{} bytes for {}", source.answered, source.sent);
    }
    let answered: usize = sources.iter().map(|source| source.answered).sum();
    let sent: usize = sources.iter().map(|source| source.sent).sum();
    let answers: usize = sources.iter().map(|source| source.answers).sum();
    let retries: usize = sources.iter().map(|source| source.retries).sum();
    println!(
        "{count} wishes of {sent} bytes, {answers} answers of {answered}, {retries} retries; {grown} KiB more"
    );
    assert!(
        answered < sent && retries > answers / 2 && retries > 0,
        "{retries} of {answers}, {answered} bytes"
    );
    // All that it has noticed is a chat.
    assert_eq!((client.status().chats, client.status().requests), (1, 0));
}
