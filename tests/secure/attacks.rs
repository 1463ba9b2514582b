//! Somebody between two simpds that have met, who changes, repeats and forges what passes, or answers in the place of one of
//! them: the chat goes on, nothing is lost or comes twice, and it is said who was there.

use std::net::UdpSocket;

use nix::sys::signal::Signal;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use simp_control::{Kind, What};
use simp_proto::Operation;

use super::relay::{Network, Passed, SECURE};
use super::{ALICE, ALICE_AS_SEEN, BOB, MALLORY, Pair, count, heard, start};
use crate::harness::{Daemon, Random, World, seed};

/// Texts each way while an attack goes on.
const TEXTS: usize = 10;

/// How often something is forged that ends a handshake: then the peers are let alone.
const HANDSHAKES: usize = 3;

/// The key and the nonce of version 1 for the tag of a Retry (RFC 9001 5.8). Everybody has them.
const RETRY_KEY: [u8; 16] =
    [0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e];
const RETRY_NONCE: [u8; 12] = [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];

impl Pair {
    /// Alice is killed and started again: all that she had open on the network is gone.
    fn restart_alice(&mut self) {
        self.alice.signal(Signal::SIGKILL);
        self.alice.wait();
        self.alice = start(&self.world, ALICE, "alice");
    }

    /// So many texts each way, and both have heard just these after what they had before.
    fn talk(&self, what: &str) {
        let before = self.heard();
        let texts: Vec<String> = (0..TEXTS).map(|n| format!("{what} {n}")).collect();
        texts.iter().for_each(|text| self.talks(text));
        for (daemon, before, speaker) in [(&self.alice, &before[0], "bob"), (&self.bob, &before[1], "alice")]
        {
            let said = texts.iter().map(|text| format!("{text}, says {speaker}"));
            let expected: Vec<String> = before.iter().cloned().chain(said).collect();
            assert_eq!(heard(&mut daemon.client()), expected, "{what}: what was heard of {speaker}");
        }
    }

    /// It is the same chat as at the beginning.
    fn is_in_one_chat(&self) {
        for daemon in [&self.alice, &self.bob] {
            let mut client = daemon.client();
            assert_eq!(count(&mut client, |what| matches!(what, What::Opened { .. })), 1);
            assert_eq!(count(&mut client, |what| what.kind() == Kind::Closed), 0);
            assert_eq!(client.status().requests, 0);
        }
    }
}

/// Waits until the daemon has written this.
fn says(daemon: &Daemon, line: &str) {
    daemon.client().status_when(|_| daemon.log().contains(line));
}

fn key(world: &World, host: u8) -> String {
    world.ctl(host, &["key"]).ok().trim().to_owned()
}

#[test]
fn whoever_answers_with_another_key_hears_nothing_and_both_keys_are_shown() {
    let mut pair = Pair::in_a_chat(seed());
    pair.talks("before");
    let mallory = start(&pair.world, MALLORY, "bob");
    pair.relay.seat(1, pair.world.address(MALLORY));
    pair.restart_alice();
    let send = pair.world.spawn_ctl(ALICE, &["send", "meant for bob"]);
    says(&pair.alice, "answers there has another key than before");
    let (found, known) = (key(&pair.world, MALLORY), key(&pair.world, BOB));
    assert!(pair.alice.log().contains(&found) && pair.alice.log().contains(&known), "{}", pair.alice.log());
    // Nor is an invitation taken up that comes from there.
    let alice = pair.world.address(ALICE_AS_SEEN);
    let bob = format!("{}:7777", pair.bob_as_seen());
    let reason = format!(
        "another key is known of {bob} there (if yours is right, its user there has to forget it: simpctl keys forget {bob})"
    );
    let refused = pair.world.ctl(MALLORY, &["connect", &alice]);
    refused.fails(4, &format!("simpctl: {alice}:7777 declined: {reason}"));

    pair.relay.seat(1, pair.world.address(BOB));
    send.wait().ok();
    pair.talk("after");
    pair.is_in_one_chat();

    pair.world.ctl(ALICE, &["quit"]).ok();
    pair.bob.client().status_when(|status| status.chats == 0);
    pair.relay.seat(1, pair.world.address(MALLORY));
    pair.restart_alice();
    let remedy = format!("if that is right: simpctl keys forget {bob}");
    let refused = pair.world.ctl(ALICE, &["connect", &pair.bob_as_seen()]);
    refused.fails(9, &format!("simpctl: {bob}: its key is {found}, not {known} as before ({remedy})"));
    let mut mallory = mallory.client();
    assert_eq!(heard(&mut mallory), Vec::<String>::new());
    assert_eq!(count(&mut mallory, |what| *what == What::Request), 0);

    pair.relay.seat(1, pair.world.address(BOB));
    pair.connect();
    pair.talk("again");
}

#[test]
fn somebody_whose_key_is_known_is_no_heir_of_whoever_is_at_an_address() {
    let pair = Pair::in_a_chat(seed());
    let mallory = start(&pair.world, MALLORY, "mallory");
    // She has a chat of her own, and then had one.
    pair.world.ctl(MALLORY, &["connect", &pair.world.address(ALICE)]).ok();
    let bobs_door = pair.world.address(ALICE_AS_SEEN);
    for round in 0..2 {
        pair.relay.seat(1, pair.world.address(MALLORY));
        let reason = "there is a chat with another key at this address";
        let refused = pair.world.ctl(MALLORY, &["connect", &bobs_door]);
        refused.fails(4, &format!("simpctl: {bobs_door}:7777 declined: {reason}"));
        pair.relay.seat(1, pair.world.address(BOB));
        let text = format!("are you there? {round}");
        pair.world.ctl(ALICE, &["send", "-t", "bob", &text]).ok();
        pair.world.ctl(BOB, &["send", "yes"]).ok();
        if round == 0 {
            pair.world.ctl(MALLORY, &["send", "-t", &pair.world.address(ALICE), "I am mallory"]).ok();
            pair.world.ctl(MALLORY, &["quit", &pair.world.address(ALICE)]).ok();
        }
    }
    pair.world.ctl(MALLORY, &["connect", &pair.world.address(ALICE)]).ok();
    assert_eq!(heard(&mut pair.alice.client()), ["yes", "I am mallory", "yes"]);
    assert_eq!(heard(&mut pair.bob.client()), ["are you there? 0", "are you there? 1"]);
    assert_eq!(heard(&mut mallory.client()), Vec::<String>::new());
    assert!(pair.alice.log().contains("refused: another key than before"), "{}", pair.alice.log());
}

#[test]
fn nothing_is_said_in_the_clear_to_whoever_has_a_key() {
    let world = World::new();
    let alice = start(&world, ALICE, "alice");
    let bob = start(&world, BOB, "bob");
    let at = world.address(BOB);
    world.ctl(ALICE, &["connect", &at]).ok();
    world.ctl(ALICE, &["send", "hello"]).ok();
    bob.signal(Signal::SIGKILL);
    bob.wait();
    // Plain SIMP alone is there, and then a secure port too that says nothing.
    let plain = world.peer(BOB, "bob");
    let send = world.spawn_ctl(ALICE, &["send", "--timeout", "1", "in the clear?"]);
    assert_eq!(send.wait().status, Some(6));
    let invites = || plain.send(&world.address(ALICE), Operation::Syn, 0, b"");
    invites();
    says(&alice, "refused: it invites in the clear, and there is a secure chat");
    let given_up = "simpctl: not delivered: message 5 (it is kept in the log)";
    assert_eq!(world.ctl(ALICE, &["quit", "--now"]).stderr, format!("{given_up}\n"));
    let why = "(is simpd running on that host, and not with secure = \"off\"?)";
    let nobody = format!("simpctl: {at}:7777: nobody listens for secure chats there {why}");
    world.ctl(ALICE, &["connect", &at]).fails(1, &nobody);
    let silent = UdpSocket::bind((at.as_str(), SECURE)).unwrap();
    let no_answer = format!(
        "simpctl: {at}:7777: no answer (nobody has accepted, or a firewall closes its port or the one below)"
    );
    world.ctl(ALICE, &["connect", "--timeout", "2", &at]).fails(6, &no_answer);
    // What was said went there.
    (0..3).for_each(|_| _ = silent.recv(&mut [0; 2_048]).unwrap());
    assert_eq!(plain.arrived(), []);
    invites();
    plain.expect(Operation::Err, 0, b"Only secure chats with you");
    plain.expect(Operation::Fin, 0, b"");
    says(&alice, "refused: it invites in the clear, and only a secure chat will do");
    assert_eq!(alice.client().status().requests, 0);
}

#[test]
fn a_session_that_is_said_again_later_and_in_any_order_brings_nothing() {
    let mut random = Random(seed());
    let pair = Pair::in_a_chat(random.next());
    pair.talk("recorded");
    pair.world.ctl(ALICE, &["quit"]).ok();
    pair.bob.client().status_when(|status| status.chats == 0);
    let mut session = pair.relay.passed();
    assert!(session.len() > 2 * TEXTS && session.iter().all(|passed| passed.port == SECURE));
    // First as it was, and then in any order, to either side and from either side.
    session.iter().for_each(|passed| pair.relay.say(passed));
    let before = pair.heard();
    for mut passed in session.clone() {
        passed.from = random.index(2);
        let place = random.index(session.len());
        session[place] = passed;
    }
    pair.connect();
    let mut rest = session.into_iter();
    pair.relay.attack(move |_, _| rest.by_ref().take(20).collect());
    pair.talk("with echoes");
    pair.relay.leave_alone();
    for (daemon, before) in [&pair.alice, &pair.bob].into_iter().zip(before) {
        let mut client = daemon.client();
        assert_eq!(heard(&mut client).len(), before.len() + TEXTS);
        assert_eq!(count(&mut client, |what| matches!(what, What::Opened { .. })), 2);
        assert_eq!(
            count(&mut client, |what| *what == What::Request),
            usize::from(daemon.pid() == pair.bob.pid()) * 2
        );
        assert_eq!(client.status().requests, 0);
    }
}

#[test]
fn a_network_that_is_cut_for_a_while_loses_nothing() {
    let pair = Pair::in_a_chat(seed());
    pair.talk("before");
    pair.relay.set(Network::CUT);
    let sends = [ALICE, BOB].map(|host| pair.world.spawn_ctl(host, &["send", "into the dark"]));
    pair.alice.client().status_when(|_| pair.relay.counts().lost > 10);
    pair.relay.set(Network::GOOD);
    sends.into_iter().for_each(|send| drop(send.wait().ok()));
    pair.talk("after");
    pair.is_in_one_chat();
}

#[test]
fn what_is_cut_short_or_changed_on_the_way_is_as_lost() {
    let mut random = Random(seed());
    let pair = Pair::in_a_chat(random.next());
    pair.relay.attack(|passed, random| {
        let mut changed = passed.clone();
        let bit = random.index(8 * changed.bytes.len());
        changed.bytes[bit / 8] ^= 1 << (bit % 8);
        let mut short = passed.clone();
        short.bytes.truncate(random.index(passed.bytes.len()));
        let mut long = passed.clone();
        long.bytes.extend(random.bytes(200));
        vec![changed, short, long]
    });
    pair.relay.set(Network { lost: 20, ..Network::GOOD });
    pair.talk("changed");
    // Also what makes a new link.
    pair.bob.signal(Signal::SIGKILL);
    pair.bob.wait();
    let bob = start(&pair.world, BOB, "bob");
    let pair = Pair { bob, ..pair };
    pair.talk("and anew");
    pair.is_in_one_chat();
}

/// What looks like a stateless reset to whoever sent this or gets it: all but the token, which only they have.
fn resets(passed: &Passed, random: &mut Random) -> Vec<Passed> {
    let is_long = passed.bytes[0] & 0x80 != 0;
    if is_long || passed.bytes.len() < 40 {
        return Vec::new();
    }
    let mut there = passed.clone();
    for byte in &mut there.bytes[9..] {
        *byte = random.next() as u8;
    }
    let back = Passed { from: 1 - passed.from, ..there.clone() };
    vec![there, back]
}

/// The names of the link in a datagram that begins one: the peer's, and its sender's.
fn names(passed: &Passed) -> Option<(&[u8], &[u8])> {
    let bytes = passed.bytes.as_slice();
    let is_initial = bytes[0] & 0xf0 == 0xc0;
    let (to, rest) = bytes[6..].split_at_checked(bytes[5].into())?;
    let (length, rest) = rest.split_first()?;
    is_initial.then_some((to, rest.get(..usize::from(*length))?))
}

/// "No version that you know is spoken here", as its peer would say it.
fn other_versions(passed: &Passed, random: &mut Random) -> Option<Passed> {
    let (to, from) = names(passed)?;
    let mut bytes = vec![0x80 | random.next() as u8, 0, 0, 0, 0, from.len() as u8];
    bytes.extend([from, &[to.len() as u8], to, &[0x0a, 0x1a, 0x2a, 0x3a]].concat());
    Some(Passed { from: 1 - passed.from, port: passed.port, bytes })
}

/// "Come again with this", with a good tag.
fn retry(passed: &Passed, random: &mut Random) -> Option<Passed> {
    let (to, from) = names(passed)?;
    let mut bytes = vec![0xf0, 0, 0, 0, 1, from.len() as u8];
    bytes.extend([from, &[8], &random.next().to_be_bytes(), b"a token of somebody else"].concat());
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &RETRY_KEY).unwrap());
    let said = [&[to.len() as u8], to, &bytes].concat();
    let nonce = Nonce::assume_unique_for_key(RETRY_NONCE);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(said), &mut []).unwrap();
    bytes.extend(tag.as_ref());
    Some(Passed { from: 1 - passed.from, port: passed.port, bytes })
}

#[test]
fn forged_resets_end_nothing() {
    let pair = Pair::in_a_chat(seed());
    pair.relay.attack(resets);
    pair.talk("not reset");
    pair.is_in_one_chat();
}

#[test]
fn forged_answers_to_a_handshake_hold_up_no_longer_than_they_last() {
    for forge in [other_versions, retry] {
        let mut pair = Pair::in_a_chat(seed());
        pair.talk("before");
        let mut left = HANDSHAKES;
        pair.relay.attack(move |passed, random| {
            let forged = forge(passed, random).filter(|_| left > 0);
            left -= usize::from(forged.is_some());
            // At once and once more, when it may be too late.
            forged.clone().into_iter().chain(forged).collect()
        });
        pair.restart_alice();
        pair.talk("after");
        let initials = pair.relay.passed().iter().filter(|passed| names(passed).is_some()).count();
        assert!(initials > HANDSHAKES, "only {initials} handshakes");
        pair.is_in_one_chat();
        assert!(pair.relay.passed().iter().all(|passed| passed.port == SECURE));
        assert_eq!(pair.world.ctl(ALICE, &["chats"]).ok().lines().count(), 1);
    }
}
