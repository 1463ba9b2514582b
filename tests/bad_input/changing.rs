//! Peers that begin as the specification has it, speak otherwise in mid-chat, and return to it.

use super::peer::{Bob, PLAIN, Ways};
use super::{Ann, harmless};

/// A way to speak, with its name.
type Change = (&'static str, Ways);

/// Control datagrams without Length.
fn short(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes[0] == 1 {
        bytes.truncate(35);
    }
    bytes
}

/// A text begins with NUL.
fn after_nul(bytes: Vec<u8>) -> Vec<u8> {
    if bytes[0] == 1 {
        return bytes;
    }
    let length = (bytes.len() as u32 - 38).to_be_bytes();
    [&bytes[..35], &length, b"\0", &bytes[39..]].concat()
}

/// A name padded with spaces, and no Length.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[6..35].fill(b' ');
    bytes[35..39].fill(0);
    bytes
}

/// Each alone, and each several times in a row.
const ALL_ORDERS: &[usize] = &[0, 1, 0, 1, 0, 0, 1, 1, 0];

/// Both talk, bob where it says 0. Ann's command says nothing and succeeds.
pub fn talk(ann: &Ann, bob: &Bob, address: &str, said: &mut [Vec<String>; 2], order: &[usize]) {
    for who in order.iter().copied() {
        let text = format!("{} {}", ["theirs", "ours"][who], said[who].len());
        if who == 0 {
            bob.say(&text);
        } else {
            assert_eq!(ann.ctl(&["send", "-t", address, &text]).ok(), "");
        }
        said[who].push(text);
    }
}

/// A chat with a peer that changes its ways and returns to the first. All is shown once on both sides.
fn change(ann: &Ann, host: u8, ways: Ways, we_invite: bool) {
    let address = ann.world.address(host);
    let bob = if we_invite { Bob::new(ann, host, PLAIN) } else { Bob::invites(ann, host, PLAIN) };
    if we_invite {
        ann.ctl(&["connect", &address]).ok();
    }
    let mut said = [Vec::new(), Vec::new()];
    for ways in [PLAIN, ways, PLAIN] {
        bob.change(ways);
        talk(ann, &bob, &address, &mut said, ALL_ORDERS);
    }
    // It is one chat from the beginning to the end, and both ways to end it work.
    bob.change(ways);
    bob.say("goodbye");
    said[0].push("goodbye".to_owned());
    assert_eq!(ann.heard(host), said[0]);
    assert_eq!(bob.shown(), said[1]);
    if we_invite {
        bob.quit();
    } else {
        ann.ctl(&["quit", &address]).ok();
        bob.is_left();
    }
    let told = ann.told(host);
    let ends: Vec<_> = told.iter().filter(|event| event.starts_with("closed")).collect();
    assert_eq!((ends.len(), told.last()), (1, ends.first().copied()), "{told:?}");
    let shown = ann.ctl(&["history", "--all", "-n", "1000", "--from", &address]).ok();
    assert_eq!(harmless(shown).lines().count(), told.len());
}

/// All of them at once, each in both roles.
fn all(changes: &[Change]) {
    let ann = Ann::open_to_all();
    let mut failed = Vec::new();
    std::thread::scope(|scope| {
        let mut host = 1;
        let mut running = Vec::new();
        for (name, ways) in changes {
            for we_invite in [false, true] {
                host += 1;
                let (ann, host) = (&ann, host);
                running.push((name, we_invite, scope.spawn(move || change(ann, host, *ways, we_invite))));
            }
        }
        for (name, we_invite, thread) in running {
            if thread.join().is_err() {
                failed.push(format!("{name} (we invite: {we_invite})"));
            }
        }
    });
    assert!(failed.is_empty(), "not with one that changes to: {failed:?}");
    ann.serves(250);
}

#[test]
fn a_peer_that_writes_otherwise_in_mid_chat_is_understood_and_understands() {
    all(&[
        ("short control datagrams", Ways { form: short, ..PLAIN }),
        ("texts after NUL", Ways { form: after_nul, read: |text| &text[1..], ..PLAIN }),
        ("spaces, and Length 0", Ways { form: padded, ..PLAIN }),
    ]);
}

#[test]
fn a_peer_that_numbers_otherwise_in_mid_chat_is_heard_and_hears() {
    all(&[
        ("counting up", Ways { next: |last| last.wrapping_add(1), ..PLAIN }),
        ("counting up from 200", Ways { next: |last| last.max(200).wrapping_add(1), ..PLAIN }),
        ("one number too far", Ways { next: |last| last & 1, ..PLAIN }),
    ]);
}

#[test]
fn a_peer_that_numbers_its_messages_all_alike_in_mid_chat_is_heard_and_hears() {
    all(&[("always 0", Ways { next: |_| 0, ..PLAIN }), ("always 1", Ways { next: |_| 1, ..PLAIN })]);
}

#[test]
fn a_peer_that_acknowledges_with_wrong_numbers_in_mid_chat_is_understood() {
    all(&[
        ("ACKs with the other number", Ways { ack: |seq| Some(seq ^ 1), ..PLAIN }),
        ("ACKs with 0", Ways { ack: |_| Some(0), ..PLAIN }),
        ("ACKs with 1", Ways { ack: |_| Some(1), ..PLAIN }),
        ("ACKs with 7", Ways { ack: |_| Some(7), ..PLAIN }),
        ("ACKs with 255", Ways { ack: |_| Some(255), ..PLAIN }),
    ]);
}

#[test]
fn a_peer_that_stops_acknowledging_is_heard_on_and_ours_is_not_told_as_delivered() {
    let ann = Ann::start_with("attempts = 2\n", &["--accept", "all"]);
    let bob = Bob::invites(&ann, 2, PLAIN);
    let mut said = [Vec::new(), Vec::new()];
    talk(&ann, &bob, &ann.world.address(2), &mut said, ALL_ORDERS);
    bob.change(Ways { ack: |_| None, ..PLAIN });
    let sending = ann.world.spawn_ctl(1, &["send", "are you there?"]);
    for n in 0..3 {
        bob.say(&format!("I say {n}"));
        said[0].push(format!("I say {n}"));
    }
    let outcome = sending.wait();
    let message = ann.told(2).iter().filter(|event| event.as_str() == "queued are you there?").count();
    assert_eq!(message, 1);
    match outcome.status {
        Some(0) => assert!(outcome.stdout.starts_with("sent, not confirmed: "), "{outcome:?}"),
        status => {
            let line = outcome.stderr.trim_end();
            assert!(
                line.starts_with("simpctl: not delivered: peer gone (send it again with: simpctl resend ")
            );
            assert_eq!((status, line.lines().count()), (Some(8), 1));
        }
    }
    let told = ann.told(2);
    assert_eq!(told.iter().filter(|event| event.starts_with("delivered")).count(), said[1].len(), "{told:?}");
    said[1].push("are you there?".to_owned());
    assert_eq!((ann.heard(2), bob.shown()), (said[0].clone(), said[1].clone()));
    ann.ctl(&["quit"]);
}
