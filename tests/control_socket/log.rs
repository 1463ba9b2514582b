//! The log as clients get it: followed from where they ask, marked by consumers, and read in pieces. What events
//! there are is tried elsewhere.

use nix::sys::signal::Signal;
use simp_control::{Answer, Event, FailureKind, Filter, FollowFrom, Kind, Reply, Request};
use simp_proto::Operation;

use super::{fill, ids_until, open_chat, seen};
use crate::harness::{Daemon, TestClient, World, connect, queued};

/// A log with an invitation, and chats with bob and carol; and the ids of those two.
fn two_chats(world: &World) -> (Daemon, TestClient, u64, u64) {
    let to = world.address(1);
    let (alice, mut client, bob) = open_chat(world);
    let carol = world.peer(3, "carol");
    carol.open(&to);
    for (seq, text) in [(0, "one"), (1, "two")] {
        for peer in [&bob, &carol] {
            peer.say(&to, seq, text);
        }
    }
    carol.send(&to, Operation::Fin, 0, b"");
    carol.expect(Operation::Ack, 0, b"");
    let log = client.log();
    let begun = |user: &str| log.iter().find(|event| event.peer.user == user).unwrap().chat;
    let ids = (begun("bob"), begun("carol"));
    (alice, client, ids.0, ids.1)
}

fn kinds(events: &[Event]) -> Vec<(Kind, &str)> {
    events.iter().map(|event| (event.what.kind(), event.peer.user.as_str())).collect()
}

#[test]
fn a_follower_gets_what_it_asks_for_from_where_it_asks() {
    use Kind::{Closed, Message, Opened, Queued, Request as Asked};
    let world = World::new();
    let (alice, mut client, bob, carol) = two_chats(&world);
    let last = client.status().last_id;
    assert_eq!(last, 9);
    let filter = |kinds: &[Kind], chat, who: Option<&str>| Filter {
        kinds: kinds.to_vec(),
        chat,
        who: who.map(str::to_owned),
        ..Filter::default()
    };
    let all_of_bob = vec![(Asked, "bob"), (Opened, "bob"), (Message, "bob"), (Message, "bob")];
    let all_of_carol =
        vec![(Asked, "carol"), (Opened, "carol"), (Message, "carol"), (Message, "carol"), (Closed, "carol")];
    let messages = vec![(Message, "bob"), (Message, "carol"), (Message, "bob"), (Message, "carol")];
    let carol_address = world.address(3);
    let carol_whole = format!("carol@{carol_address}:7777");
    for (name, from, filter, expected) in [
        ("bob's chat", 0, filter(&[], Some(bob), None), all_of_bob.clone()),
        ("carol's chat", 0, filter(&[], Some(carol), None), all_of_carol.clone()),
        ("carol's name", 0, filter(&[], None, Some("carol")), all_of_carol.clone()),
        ("carol's address", 0, filter(&[], None, Some(&carol_address)), all_of_carol.clone()),
        ("carol as printed", 0, filter(&[], None, Some(&carol_whole)), all_of_carol.clone()),
        ("nobody", 0, filter(&[], None, Some("dave")), vec![]),
        ("no such chat", 0, filter(&[], Some(u64::MAX), None), vec![]),
        ("messages", 0, filter(&[Message], None, None), messages.clone()),
        (
            "two kinds",
            0,
            filter(&[Opened, Closed], Some(carol), None),
            vec![(Opened, "carol"), (Closed, "carol")],
        ),
        ("the last", last - 1, filter(&[], None, None), vec![(Closed, "carol")]),
        ("after the last", last, filter(&[], None, None), vec![]),
        ("beyond the last", u64::MAX, filter(&[], None, None), vec![]),
    ] {
        let mut follower = alice.client();
        follower.write(&Request::Follow { from: FollowFrom::After(from), filter });
        let after = from.min(last);
        assert_eq!(follower.read(), Some(Answer::Reply(Reply::Following { after })), "{name}");
        let events: Vec<Event> = expected.iter().map(|_| follower.event()).collect();
        assert_eq!(kinds(&events), expected, "{name}");
        // Nothing else came before this answer.
        follower.status();
    }

    // Only what comes from now on, and only what passes the filter.
    let mut follower = alice.client();
    let filter = filter(&[Queued], None, Some("bob"));
    follower.write(&Request::Follow { from: FollowFrom::End, filter: filter.clone() });
    assert_eq!(follower.read(), Some(Answer::Reply(Reply::Following { after: last })));
    client.reply(&connect(&world.address(9)));
    client.status_when(|status| status.chats == 1);
    client.send("a");
    assert_eq!(follower.expect(queued("a")).id, last + 3);

    // A second `follow` replaces the first.
    follower.follow(FollowFrom::After(last + 2));
    follower.expect(queued("a"));
    client.send("b");
    follower.expect(queued("b"));
    follower.status();
}

#[test]
fn a_mark_moves_forward_only_and_outlives_the_daemon() {
    let world = World::new();
    let (mut alice, mut client, ..) = two_chats(&world);
    let last = client.status().last_id;
    assert_eq!(client.follow(FollowFrom::Consumer("me".to_owned())), 0);
    assert!(ids_until(&mut client, last).into_iter().eq(1..=last));
    for (id, mark) in [(5, 5), (3, 5), (0, 5), (6, 6)] {
        let mut other = alice.client();
        assert_eq!(other.reply(&seen("me", id)), Reply::Done);
        assert_eq!(other.follow(FollowFrom::Consumer("me".to_owned())), mark);
    }
    alice.client().fails(&seen("me", last + 1), FailureKind::Usage, "there is no entry 10 yet");
    alice.client().fails(
        &seen("me", u64::MAX),
        FailureKind::Usage,
        &format!("there is no entry {} yet", u64::MAX),
    );
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        alice.signal(signal);
        alice.wait();
        alice = world.start(1, &["--user", "alice"]);
        let mut client = alice.client();
        assert_eq!(client.follow(FollowFrom::Consumer("me".to_owned())), 6);
        assert!(ids_until(&mut client, last).into_iter().eq(7..=last));
        assert_eq!(client.follow(FollowFrom::Consumer("another".to_owned())), 0);
    }
}

#[test]
fn a_consumers_name_has_1_to_64_bytes_and_no_control_characters() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut client = alice.client();
    let line = "a consumer's name has 1 to 64 bytes and no control characters";
    for name in ["", "a\nb", "\x1b[2J", "a\0", &"x".repeat(65), &"\u{f6}".repeat(33)] {
        client.fails(&seen(name, 0), FailureKind::Usage, line);
        let from = FollowFrom::Consumer(name.to_owned());
        client.fails(&Request::Follow { from, filter: Filter::default() }, FailureKind::Usage, line);
    }
    for name in ["x", &"x".repeat(64), "J\u{f6}rg's bot", "'; DROP TABLE consumers; --"] {
        assert_eq!(client.reply(&seen(name, 0)), Reply::Done);
        client.follow(FollowFrom::Consumer(name.to_owned()));
    }
}

/// All pieces of a history, and how many there were.
fn pieces(client: &mut TestClient, limit: u32, filter: &Filter) -> (Vec<Event>, usize) {
    let (mut all, mut count, mut before) = (Vec::new(), 0, None);
    loop {
        let request = Request::History { before, limit, filter: filter.clone() };
        let Reply::History { events, older } = client.reply(&request) else { panic!("not a history") };
        assert!(events.len() <= limit as usize);
        all.extend(events);
        count += 1;
        match older {
            Some(older) => assert!(before.is_none_or(|before| older < before), "no progress at {older}"),
            None => return (all, count),
        }
        before = older;
    }
}

#[test]
fn the_pieces_of_a_history_make_up_the_whole() {
    let world = World::new();
    let (alice, mut client, _, carol) = two_chats(&world);
    fill(&mut client, 5_000);
    let last = client.status().last_id;
    assert_eq!(last, 9 + 5_000);
    let mut client = alice.client();
    for (limit, least) in [(1_000, 6), (u32::MAX, 6), (7, 715)] {
        let (all, count) = pieces(&mut client, limit, &Filter::default());
        assert!(all.iter().map(|event| event.id).eq((1..=last).rev()), "limit {limit}");
        assert!(count >= least, "{count} pieces");
    }
    for (filter, expected) in [
        (Filter { chat: Some(carol), ..Filter::default() }, 5),
        (Filter { who: Some("carol".to_owned()), ..Filter::default() }, 5),
        (Filter { kinds: vec![Kind::Message], ..Filter::default() }, 4),
        (Filter { kinds: vec![Kind::Message, Kind::Closed], ..Filter::default() }, 5),
        (Filter { kinds: vec![Kind::Queued], who: Some("bob".to_owned()), ..Filter::default() }, 5_000),
        (Filter { kinds: vec![Kind::Error], ..Filter::default() }, 0),
        (Filter { text: Some("TWO".to_owned()), ..Filter::default() }, 2),
        (Filter { text: Some("two".to_owned()), who: Some("bob".to_owned()), ..Filter::default() }, 1),
    ] {
        for limit in [1_000, 2] {
            let (events, _) = pieces(&mut client, limit, &filter);
            assert_eq!(events.len(), expected, "{filter:?} limit {limit}");
            assert!(events.is_sorted_by(|newer, older| newer.id > older.id));
        }
    }
    // No more than asked for, the newest first, and only what is older than `before`.
    for (before, first) in [(None, last), (Some(last), last - 1), (Some(2), 1)] {
        let request = Request::History { before, limit: 1, filter: Filter::default() };
        let Reply::History { events, .. } = client.reply(&request) else { panic!("not a history") };
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [first]);
    }
    for (before, limit) in [(Some(1), 1), (Some(0), 1), (None, 0)] {
        let request = Request::History { before, limit, filter: Filter::default() };
        let Reply::History { events, .. } = client.reply(&request) else { panic!("not a history") };
        assert_eq!(events, []);
    }
}

#[test]
fn what_the_user_has_read_of_a_peer_is_kept_by_its_address() {
    let world = World::new();
    let (alice, mut client, bob) = open_chat(&world);
    bob.say(&world.address(1), 0, "hi");
    let address = format!("{}:7777", world.address(2));
    let read = |client: &mut TestClient| {
        let Reply::Peers { peers, .. } = client.reply(&Request::Peers { after: String::new() }) else {
            panic!()
        };
        peers.iter().map(|info| (info.peer.address.clone(), info.read)).collect::<Vec<_>>()
    };
    assert_eq!(read(&mut client), [(address.clone(), None)]);
    let last = client.status().last_id;
    for id in [last, 1] {
        assert_eq!(client.reply(&Request::Read { address: address.clone(), id }), Reply::Done);
    }
    for (address, id, line) in [
        (address.clone(), last + 1, format!("there is no entry {} yet", last + 1)),
        ("bob".to_owned(), 1, "bob: not an address with a port".to_owned()),
        ("127.0.0.1".to_owned(), 1, "127.0.0.1: not an address with a port".to_owned()),
    ] {
        client.fails(&Request::Read { address, id }, FailureKind::Usage, &line);
    }
    drop(client);
    drop(alice);
    let alice = world.start(1, &["--user", "alice", "--max-chats", "2"]);
    let mut client = alice.client();
    assert_eq!(read(&mut client), [(address.clone(), Some(last))]);
    // A peer that is spoken with securely is known too, as soon as there is a chat with it.
    let _carol = world.start(3, &["--user", "carol", "--accept", "all"]);
    world.ctl(1, &["connect", &world.address(3)]).ok();
    let carol = format!("{}:7777", world.address(3));
    let last_id = client.status().last_id;
    assert_eq!(client.reply(&Request::Read { address: carol.clone(), id: last_id }), Reply::Done);
    assert_eq!(read(&mut client), [(address, Some(last)), (carol, Some(last_id))]);
}
