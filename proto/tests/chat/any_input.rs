//! Any order of input keeps what must always be true; the driver holds the machine to it.

use std::time::Duration;

use simp_proto::{Chat, Datagram, Dialect, Handled, MessageId, Operation, Outgoing, UserName};

use simp_seeds::{Random, Replay, seeds};

use crate::chat::driver::{Driver, SETTINGS};
use crate::common::{ANN, BOB, at, text};

const OPERATIONS: [Operation; 6] =
    [Operation::Chat, Operation::Err, Operation::Syn, Operation::Ack, Operation::SynAck, Operation::Fin];

#[test]
fn random_bytes_are_never_more_than_an_error() {
    for seed in seeds(300) {
        let _replay = Replay { package: "simp-proto", test: "random_bytes", seed };
        let mut random = Random(seed);
        for _ in 0..100 {
            let mut bytes = random.bytes(80);
            // Most would fail at the first byte: give them a chance to come further.
            for (byte, plausible) in bytes.iter_mut().zip([1 + random.below(2), random.below(16)]) {
                *byte = plausible as u8;
            }
            if random.percent(50) {
                bytes.iter_mut().skip(3).for_each(|byte| *byte %= 0x7f);
            }
            if let Ok(datagram) = Datagram::decode(&bytes) {
                assert!(datagram.payload.len() <= bytes.len());
            }
        }
    }
}

#[test]
fn every_datagram_with_a_payload_reads_back_as_it_was() {
    for seed in seeds(300) {
        let _replay = Replay { package: "simp-proto", test: "every_datagram", seed };
        let mut random = Random(seed);
        for _ in 0..100 {
            let name: String =
                (0..random.below(40)).map(|_| char::from(b' ' + random.below(95) as u8)).collect();
            let user = UserName::new(&name).unwrap_or_default();
            let operation = random.pick(&OPERATIONS);
            let mut payload = random.bytes(1_500);
            payload.push(random.next() as u8);
            let datagram = Datagram::new(operation, random.next() as u8, user, payload);
            let mut bytes = Vec::new();
            datagram.encode(&mut bytes);
            let read = Datagram::decode(&bytes).unwrap();
            assert_eq!(Datagram { deviations: datagram.deviations, ..read }, datagram);
        }
    }
}

#[test]
fn any_order_of_input_keeps_the_invariants() {
    for seed in seeds(1_500) {
        let _replay = Replay { package: "simp-proto", test: "any_order", seed };
        let mut random = Random(seed);
        let mut now = 0;
        let mut bob = begin(&mut random);
        for step in 0..60 {
            now += random.pick(&[0, 1, 100, 1_000, 5_000, 10_000, 60_000]);
            one_step(&mut bob, &mut random, now, step);
            bob.drain();
            if let Some(deadline) = bob.chat.poll_timeout() {
                bob.chat.handle_timeout(deadline.min(at(now)));
                bob.drain();
            }
        }
        assert_all_ends(&mut bob, now);
    }
}

fn begin(random: &mut Random) -> Driver {
    match random.below(5) {
        0 | 1 => Driver::new(Chat::invite(at(0), BOB.us(), Dialect::default(), Duration::from_secs(100))),
        2 | 3 => Driver::new(Chat::invited(at(0), BOB.us(), Dialect::default(), &ANN.syn())),
        _ => {
            let states =
                [Driver::inviting, Driver::invited, Driver::accepting, Driver::open, Driver::leaving];
            let snapshot = random.pick(&states)().chat.snapshot().unwrap();
            Driver::new(Chat::resume(at(0), BOB.us(), snapshot, false, SETTINGS.request_expiry).unwrap())
        }
    }
}

fn one_step(bob: &mut Driver, random: &mut Random, now: u64, step: u64) {
    let chat = &mut bob.chat;
    match random.below(40) {
        // What is refused depends on the state, and is allowed to.
        0..2 => _ = chat.accept(at(now)),
        2 => _ = chat.decline(at(now)),
        3..10 => {
            let message = Outgoing { id: MessageId(step + 1), text: text(&format!("text {step}")) };
            _ = chat.send(at(now), message);
        }
        10 => _ = chat.close(at(now), random.percent(50)),
        11 => chat.handle_unreachable(),
        12 if random.percent(20) => chat.abandon(),
        12..20 => {
            _ = chat.handle_timeout(at(now));
        }
        _ => {
            let operation = random.pick(&OPERATIONS);
            // FIN and ERR end most chats: rarely, so that something happens before.
            if matches!(operation, Operation::Fin | Operation::Err) && random.percent(80) {
                return;
            }
            let payload = if random.percent(50) { Vec::new() } else { random.bytes(8) };
            let over = chat.is_over_for_us();
            let handled =
                chat.handle_datagram(at(now), &ANN.says(operation, random.pick(&[0, 1, 2]), &payload));
            if over {
                assert_ne!(handled, Handled::Duplicate);
            }
        }
    }
}

/// Without a word from the peer, nothing goes on for ever: what is open is idle in the end.
fn assert_all_ends(bob: &mut Driver, now: u64) {
    let end = at(now + 1_000_000);
    let mut steps = 0;
    while let Some(deadline) = bob.chat.poll_timeout() {
        assert!(deadline <= end, "still waiting");
        bob.transmits(deadline);
        steps += 1;
        assert!(steps < 100, "a deadline that does not pass");
    }
    assert_eq!(bob.chat.unacknowledged(), 0);
}
