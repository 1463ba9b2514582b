//! Very many chats: what they all need at one moment is done a part in each turn.

use std::net::SocketAddr;

use simp_control::Kind;
use simp_engine::{Policy, Retain};
use simp_proto::Operation;
use simp_store::Discard;

use super::{Host, ask_me};
use crate::driver::connect;

fn crowd(count: u16) -> impl Iterator<Item = SocketAddr> {
    (0..count).map(|n| ([10, 1, (n >> 8) as u8, n as u8], 7777).into())
}

/// Open chats with so many.
fn with_chats(count: u16) -> Host {
    let mut host = Host::new(count.into());
    host.driver.ask_all(host.moment(), crowd(count).map(connect));
    for peer in crowd(count) {
        host.driver.arrives(peer, super::datagram(Operation::SynAck, 0, ""));
    }
    host.turn();
    host.said();
    host
}

/// Each of them says the same, once more or for the first time.
fn all_say_hi(host: &mut Host, count: u16) {
    for peer in crowd(count) {
        host.driver.arrives(peer, super::datagram(Operation::Chat, 0, "hi"));
    }
    host.turn();
}

#[test]
fn what_is_due_for_all_at_once_is_done_a_part_in_each_turn() {
    let mut host = Host::new(1_000);
    host.driver.ask_all(host.moment(), crowd(1_000).map(connect));
    host.works_on();
    assert_eq!(host.said().len(), 1_000);
    host.now = 20_000;
    let mut turns = Vec::new();
    while turns.iter().sum::<usize>() < 1_000 {
        assert!(
            host.driver.due(host.start).is_some_and(|due| due <= host.now),
            "the next turn is due at once"
        );
        host.turn();
        turns.push(host.said().len());
    }
    assert_eq!(turns, [256, 256, 256, 232]);
}

#[test]
fn where_all_chats_stand_is_written_down_a_part_in_each_turn_and_a_kill_in_between_loses_nothing() {
    for turns in 0..5 {
        let mut host = with_chats(300);
        all_say_hi(&mut host, 300);
        host.said();
        // Entries are to go, and for that the chats must have been written down.
        let retain = Retain { count: Some(10), ..Retain::default() };
        host.driver.inputs.policy = Some(Policy { retain, ..ask_me(300) });
        host.turn();
        let discard = Discard { unread: true, ..Discard::default() };
        for turn in 2..turns + 2 {
            let may_any_go = host.driver.store().removable(discard).unwrap().until > 0;
            assert_eq!(may_any_go, turn > 3, "128 chats in each turn, before the {turn}th");
            host.turn();
        }
        let mut host = host.restarted(300);
        host.now += 10_000;
        assert_eq!(host.status().chats, 300);
        let messages = host.log(Kind::Message).len();
        all_say_hi(&mut host, 300);
        assert_eq!(host.log(Kind::Message).len(), messages, "each is known as a copy");
    }
}
