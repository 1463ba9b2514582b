//! Clients that owe a request, never read, or are a thousand, and answers of many pieces: the others are served all
//! the time, and it costs little.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, TryRecvError};

use simp_control::{Answer, FailureKind, Filter, FollowFrom, Reply, Request, VERSION};

use super::{fill, frame, ids_until, open_chat};
use crate::harness::{Daemon, Peer, Raw, TestClient, World, may_open_files, resident_kib};

#[test]
fn who_owes_a_request_for_ten_seconds_is_dismissed_and_who_reads_slowly_is_not() {
    let world = World::new();
    let (alice, mut client, _bob) = open_chat(&world);
    fill(&mut client, 1_000);

    // More answers than are kept for a client, and requests after them: it waits for us, not we for it.
    let mut slow = alice.client();
    let history = Request::History { before: None, limit: 1_000, filter: Filter::default() };
    let asked = 20;
    (0..asked).for_each(|_| slow.write(&history));

    let silent = Raw::connect(&alice.socket);
    let half = greeted(&alice);
    let bytes = frame(&Request::Status);
    half.stream().write_all(&bytes[..bytes.len() / 2]).unwrap();
    let (sender, dismissals) = mpsc::channel();
    for mut client in [silent, half] {
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(client.dismissed()));
    }
    drop(sender);
    // The others are served all the time.
    let mut served = 0;
    let mut told = Vec::new();
    while told.len() < 2 {
        client.status();
        served += 1;
        match dismissals.try_recv() {
            Ok(failure) => told.push(failure),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => panic!("not all were dismissed: {told:?}"),
        }
    }
    assert!(served > 2, "{served}");
    let line = "no complete request came within 10 s".to_owned();
    assert_eq!(told, [(FailureKind::Usage, line.clone()), (FailureKind::Usage, line)]);
    for _ in 0..asked {
        assert!(matches!(slow.read(), Some(Answer::Reply(Reply::History { .. }))));
    }
    slow.status();
}

#[test]
fn clients_that_never_read_cost_little_and_get_everything_once_when_they_do() {
    let world = World::new();
    let (alice, mut client, _bob) = open_chat(&world);
    fill(&mut client, 4_000);
    // One that reads: what the daemon's caches take is taken now.
    let last = client.status().last_id;
    let mut quick = alice.client();
    quick.follow(FollowFrom::After(0));
    ids_until(&mut quick, last);
    drop(quick);
    let before = resident_kib(alice.pid());

    let mut slow: Vec<TestClient> = (0..20).map(|_| alice.client()).collect();
    for client in &mut slow {
        client.write(&Request::Follow { from: FollowFrom::After(0), filter: Filter::default() });
    }
    fill(&mut client, 2_000);
    let last = client.status().last_id;
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more, for twenty who do not read 6 MB each");

    for mut client in slow {
        assert_eq!(client.read(), Some(Answer::Reply(Reply::Following { after: 0 })));
        assert!(ids_until(&mut client, last).into_iter().eq(1..=last));
    }
}

#[test]
fn who_closed_its_side_and_reads_nothing_for_ten_seconds_is_let_go_and_who_pauses_or_is_slow_is_not() {
    let world = World::new();
    let (alice, mut client, _bob) = open_chat(&world);
    fill(&mut client, 1_000);
    let last = client.status().last_id;
    let history = Request::History { before: None, limit: 1_000, filter: Filter::default() };
    let Reply::History { events, .. } = client.reply(&history) else { panic!("no history") };
    let little = socket_holds() / (900 * events.len()) + 2;
    // More than is kept for a client, with requests after it; and little more than its socket holds.
    let closed = |asked| {
        let mut closed = greeted(&alice);
        (0..asked).for_each(|_| closed.write(&history));
        closed.stream().shutdown(Shutdown::Write).unwrap();
        closed
    };
    let dead: Vec<_> = [20, 20, little, little].map(closed).into();
    let mut slow = closed(20);
    let mut paused = alice.client();
    paused.write(&Request::Follow { from: FollowFrom::After(0), filter: Filter::default() });
    client.status_when(|status| status.clients == 7);

    let mut answers = 0;
    client.status_when(|status| {
        // One that reads a little now and then, as long as the others are there.
        if answers < 20 && status.uptime_ms > 1_000 * answers {
            assert!(matches!(slow.read(), Some(Answer::Reply(Reply::History { .. }))));
            answers += 1;
        }
        status.clients == 3
    });
    (answers..20).for_each(|_| assert!(matches!(slow.read(), Some(Answer::Reply(Reply::History { .. })))));
    assert_eq!(slow.read(), None);
    assert_eq!(paused.read(), Some(Answer::Reply(Reply::Following { after: 0 })));
    assert!(ids_until(&mut paused, last).into_iter().eq(1..=last));
    drop(dead);

    // Nobody who does not read keeps it from ending.
    let _stuck = closed(20);
    client.reply(&Request::Stop);
    assert_eq!(alice.wait(), Some(0));
}

/// How many bytes this system keeps for one end of a socket that nobody reads from.
fn socket_holds() -> usize {
    let (mut writer, _reader) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    std::iter::from_fn(|| writer.write(&[0; 64 << 10]).ok()).sum()
}

/// One that has said hello.
fn greeted(daemon: &Daemon) -> Raw {
    let mut client = Raw::connect(&daemon.socket);
    client.write(&Request::Hello { version: VERSION });
    assert!(matches!(client.read(), Some(Answer::Reply(Reply::Hello { .. }))));
    client
}

/// How many clients there are, by the status that was asked for.
fn counted(client: &mut Raw) -> u64 {
    let Some(Answer::Reply(Reply::Status(status))) = client.read() else { panic!("no status") };
    status.clients
}

#[test]
fn a_thousand_clients_are_served_and_the_one_too_many_is_told() {
    if !may_open_files("a_thousand_clients_are_served_and_the_one_too_many_is_told", 4_096) {
        return;
    }
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut clients: Vec<Raw> = (0..1_024).map(|_| Raw::connect(&alice.socket)).collect();
    for client in &mut clients {
        client.write(&Request::Hello { version: VERSION });
        client.write(&Request::Status);
    }
    for client in &mut clients {
        assert!(matches!(client.read(), Some(Answer::Reply(Reply::Hello { .. }))));
        assert!(counted(client) <= 1_024);
    }
    assert_eq!(
        {
            clients[7].write(&Request::Status);
            counted(&mut clients[7])
        },
        1_024
    );

    let mut late = Raw::connect(&alice.socket);
    let line = "the limit of 1024 clients is reached (close some of them)".to_owned();
    assert_eq!(late.dismissed(), (FailureKind::Failed, line));
    // One that leaves makes room for another.
    let mut leaving = clients.pop().unwrap();
    leaving.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(leaving.read(), None);
    clients.push(greeted(&alice));
    assert_eq!(
        {
            clients[7].write(&Request::Status);
            counted(&mut clients[7])
        },
        1_024
    );
}

#[test]
fn more_chats_than_one_reply_holds_come_in_pieces() {
    if !may_open_files("more_chats_than_one_reply_holds_come_in_pieces", 4_096) {
        return;
    }
    let world = World::new();
    let daemon = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "700"]);
    // Of several hosts: one alone may not open so many at once.
    let peers: Vec<_> =
        (0..600_u16).map(|n| Peer::new(&(world.address(2 + (n / 100) as u8) + ":0"), "bob")).collect();
    for peer in &peers {
        peer.open(&world.address(1));
    }
    let mut client = daemon.client();
    let (mut after, mut ids, mut replies) = (0, Vec::new(), 0);
    loop {
        let Reply::Chats { chats, more } = client.reply(&Request::Chats { after }) else {
            panic!("no chats")
        };
        ids.extend(chats.iter().map(|chat| chat.chat));
        (after, replies) = (chats.last().unwrap().chat, replies + 1);
        if !more {
            break;
        }
    }
    assert_eq!((ids.len(), replies), (600, 3));
    assert!(ids.is_sorted_by(|one, next| one < next));
    assert_eq!(world.ctl(1, &["chats"]).ok().lines().count(), 600);
}
