//! Any order of input keeps what must always be true; the driver holds the machine to it.

use simp_proto::secure::{Broken, ChannelId, ChatId, Frame, Hello, KeyId, SecureChat, Stands};
use simp_seeds::{Random, Replay, seeds};

use crate::common::at;
use crate::secure::driver::{Driver, SETTINGS, ann_key, bob, hello, letter};

#[test]
fn any_order_of_input_keeps_the_invariants_and_comes_to_rest() {
    for seed in seeds(1_500) {
        let _replay = Replay { package: "simp-proto", test: "any_order_of_input", seed };
        let mut random = Random(seed);
        let mut now = 0;
        let mut bob = begin(&mut random);
        for step in 0..80 {
            now += random.pick(&[0, 1, 100, 1_000, 5_000, 10_000, 60_000]);
            one_step(&mut bob, &mut random, now, step);
        }
        assert_all_ends(&mut bob, now);
    }
}

fn begin(random: &mut Random) -> Driver {
    let states = [
        Driver::fresh,
        Driver::of_smaller_key,
        Driver::inviting,
        Driver::invited,
        Driver::accepted,
        Driver::open,
        Driver::open_of_smaller_key,
        Driver::draining,
        Driver::leaving,
    ];
    let before = random.pick(&states)();
    let Some(snapshot) = before.snapshot.clone().filter(|_| random.percent(30)) else { return before };
    let (has_messages, after) = (random.percent(50), SETTINGS.request_expiry);
    Driver::new(SecureChat::resume(at(0), bob(9), snapshot, has_messages, after).unwrap())
}

fn one_step(bob: &mut Driver, random: &mut Random, now: u64, step: u64) {
    let fresh = ChannelId(100 + step);
    let used = bob.chat.channel().unwrap_or(fresh);
    let channel = if random.percent(90) { used } else { ChannelId(random.below(step + 101)) };
    if bob.chat.wants_channel(at(now)) && random.percent(70) {
        return bob.dials(at(now), fresh);
    }
    match random.below(40) {
        // What is refused depends on the state, and is allowed to.
        0..2 => _ = bob.does(|chat| _ = chat.accept(at(now))),
        2 => _ = bob.does(|chat| _ = chat.decline(at(now))),
        3..9 => {
            let text = "a".repeat(random.index(30));
            bob.does(|chat| _ = chat.send(at(now), letter(step + 2, &text)));
        }
        9 => {
            let at_once = random.percent(50);
            bob.does(|chat| _ = chat.close(at(now), at_once));
        }
        10 => {
            let id = simp_proto::MessageId(random.below(step + 2));
            bob.does(|chat| _ = chat.take_back(at(now), id));
        }
        11 if random.percent(10) => _ = bob.does(SecureChat::abandon),
        11 if random.percent(10) => _ = bob.does(SecureChat::end_forgotten),
        11 => _ = bob.does(SecureChat::give_way),
        12..15 => _ = bob.waits(at(now)),
        15..20 => _ = bob.does(|chat| chat.handle_connected(at(now), channel, ann_key())),
        20..23 => {
            let why = random.pick(&[
                Broken::Unreachable,
                Broken::NoAnswer,
                Broken::OtherKey(KeyId::new([3; 32])),
                Broken::Lost,
                Broken::Misused,
            ]);
            bob.breaks(at(now), channel, why);
        }
        23..26 => {
            let hello = some_hello(random);
            bob.meets(at(now), fresh, hello);
        }
        _ => {
            let frame = some_frame(random);
            bob.hears(at(now), channel, frame);
        }
    }
}

fn some_hello(random: &mut Random) -> Frame {
    let stands = random.pick(&[Stands::Inviting, Stands::Invited, Stands::Open, Stands::Open, Stands::Over]);
    let Frame::Hello(ann) = hello(stands) else { unreachable!() };
    let received = some_number(random);
    let chat = if random.percent(95) { ann.chat } else { ChatId(random.next()) };
    let text_max = random.pick(&[0, 20, 20, u64::MAX]);
    Frame::Hello(Hello { received, chat, text_max, ..ann })
}

fn some_number(random: &mut Random) -> u64 {
    let small = random.below(80);
    random.pick(&[small, small, small, 0, u64::MAX, i64::MAX as u64])
}

fn some_frame(random: &mut Random) -> Frame {
    match random.below(20) {
        0..6 => some_hello(random),
        6..9 => Frame::Accept,
        // They end most chats: rarely, so that something happens before.
        9 if random.percent(20) => Frame::Busy,
        9 => Frame::Bye { reason: random.percent(50).then(|| "x".repeat(random.index(400))) },
        10..14 => Frame::Ack { upto: some_number(random) },
        _ => {
            let (number, kept) = (some_number(random), random.percent(50));
            Frame::Text { number, text: "a".repeat(random.index(16)), kept, answers: None }
        }
    }
}

/// Without a word from the peer, nothing goes on for ever: what is open is idle in the end.
fn assert_all_ends(bob: &mut Driver, now: u64) {
    let end = at(now + 1_000_000);
    for step in 0.. {
        let Some(deadline) = bob.chat.poll_timeout() else { break };
        assert!(step < 1_000 && deadline <= end, "still waiting");
        let deadline = deadline.max(at(now));
        bob.waits(deadline);
        if bob.chat.wants_channel(deadline) {
            let channel = ChannelId(1_000 + step);
            bob.dials(deadline, channel);
            bob.breaks(deadline, channel, Broken::NoAnswer);
        }
    }
    assert_eq!(bob.chat.unacknowledged(), 0);
}
