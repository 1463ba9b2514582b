//! Everything that passes between two simpds, on both ports: nobody who reads it finds a text, a name or a key in it.

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use nix::sys::signal::Signal;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::relay::{Relay, SECURE};
use super::{ALICE, ALICE_AS_SEEN, BOB, BOB_AS_SEEN, heard, start};
use crate::harness::{World, is_connected_to, seed};

const USERS: [&str; 2] = ["alice-of-the-looking-glass", "bob-the-walrus"];
const TEXTS: [&str; 3] =
    ["The time has come, the walrus said", "Zażółć gęślą jaźń", "two lines,\nand this is the second"];

/// The key of a daemon in all the forms in which it could be told: itself, what it is known by, and both as digits.
fn forms(world: &World, host: u8) -> Vec<(String, Vec<u8>)> {
    let path = world.path("state/simp").join(world.address(host)).join("key");
    let pem = std::fs::read_to_string(path).unwrap();
    let private = Base64::decode_vec(pem.lines().nth(1).unwrap()).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&private[private.len() - 32..]).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    // SubjectPublicKeyInfo (RFC 8410 4).
    let info =
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &public[..]].concat();
    let [known_by, of_itself] = [&info, &public].map(|bytes| digest(&SHA256, bytes).as_ref().to_vec());
    let shown = world.ctl(host, &["key"]).ok();
    assert_eq!(shown.trim(), format!("SHA256:{}", Base64Unpadded::encode_string(&known_by)));
    let mut forms = Vec::new();
    for (name, bytes) in [("key", public), ("name", known_by), ("digest", of_itself)] {
        let base64 = Base64Unpadded::encode_string(&bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push((format!("{name} {host} in base64"), base64.into_bytes()));
        forms.push((format!("{name} {host} in hex"), hex.into_bytes()));
        forms.push((format!("{name} {host}"), bytes));
    }
    forms
}

#[test]
fn whoever_reads_all_that_passes_finds_no_text_no_name_and_no_key() {
    let world = World::new();
    let relay = Relay::start(&world, [ALICE, BOB], [BOB_AS_SEEN, ALICE_AS_SEEN], seed());
    let alice = start(&world, ALICE, USERS[0]);
    let bob = start(&world, BOB, USERS[1]);
    let to = world.address(BOB_AS_SEEN);
    is_connected_to(&format!("{}@{to}:7777", USERS[1]), &world.ctl(ALICE, &["connect", &to]).ok());
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        let (mut from, mut to) = (from.client(), to.client());
        TEXTS.iter().for_each(|text| _ = from.send(text));
        from.status_when(|_| heard(&mut to) == TEXTS);
    }
    // Another link, and one that tells that its daemon goes.
    bob.signal(Signal::SIGTERM);
    bob.wait();
    let _bob = start(&world, BOB, USERS[1]);
    world.ctl(ALICE, &["send", TEXTS[0]]).ok();
    world.ctl(BOB, &["quit"]).ok();
    alice.client().status_when(|status| status.chats == 0);

    let mut secrets: Vec<(String, Vec<u8>)> = [ALICE, BOB].map(|host| forms(&world, host)).concat();
    let words = USERS.iter().chain(&TEXTS).flat_map(|text| text.split(['\n', ',', '-']));
    secrets
        .extend(words.filter(|word| word.len() > 4).map(|word| (word.to_owned(), word.as_bytes().to_vec())));
    let passed = relay.passed();
    let bytes: usize = passed.iter().map(|passed| passed.bytes.len()).sum();
    assert!(passed.iter().all(|passed| passed.port == SECURE), "something was said in the clear");
    assert!(passed.len() > 30 && bytes > 5_000, "only {} datagrams of {bytes} bytes", passed.len());
    for (name, secret) in &secrets {
        let shows = |passed: &&super::relay::Passed| {
            passed.bytes.windows(secret.len()).any(|part| part == secret.as_slice())
        };
        assert_eq!(passed.iter().find(shows), None, "{name} is to be read");
    }
}
