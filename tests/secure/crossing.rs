//! Both invite at the same moment: one chat comes of it.

use simp_control::{Reply, Request, State, What};

use super::{ALICE, BOB, count, start};
use crate::harness::{World, is_connected_to};

/// How often.
const ROUNDS: usize = 50;

#[test]
fn both_invite_at_once_and_are_in_one_chat_that_goes_both_ways() {
    let world = World::new();
    let (alice, bob) = (start(&world, ALICE, "alice"), start(&world, BOB, "bob"));
    let mut clients = [alice.client(), bob.client()];
    let hosts = [(ALICE, BOB, "bob"), (BOB, ALICE, "alice")];
    for round in 1..=ROUNDS {
        let connects = hosts.map(|(from, to, _)| world.spawn_ctl(from, &["connect", &world.address(to)]));
        for (connect, (_, to, user)) in connects.into_iter().zip(hosts) {
            is_connected_to(&format!("{user}@{}:7777", world.address(to)), &connect.wait().ok());
        }
        for ((from, ..), client) in hosts.iter().zip(&mut clients) {
            world.ctl(*from, &["send", &format!("{round}")]).ok();
            let Reply::Chats { chats, .. } = client.reply(&Request::Chats { after: 0 }) else {
                panic!("no chats")
            };
            assert_eq!(chats.iter().map(|chat| chat.state).collect::<Vec<_>>(), [State::Open]);
            assert_eq!(count(client, |what| matches!(what, What::Opened { .. })), round);
            assert_eq!(count(client, |what| matches!(what, What::Undelivered { .. })), 0);
        }
        world.ctl(hosts[round % 2].0, &["quit"]).ok();
        for client in &mut clients {
            client.status_when(|status| status.chats == 0);
        }
    }
    let expected: Vec<String> = (1..=ROUNDS).map(|round| round.to_string()).collect();
    for client in &mut clients {
        assert_eq!(super::heard(client), expected);
        assert_eq!(count(client, |what| matches!(what, What::Closed { .. })), ROUNDS);
    }
}
