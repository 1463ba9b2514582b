//! What clients get from the control socket, and what hostile, odd and slow ones do to a daemon.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::mpsc::{self, TryRecvError};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use simp_proto::Operation;
use simp_proto::control::{
    Answer, Event, FailureKind, Filter, From, Kind, Reason, Reply, Request, VERSION, What,
};
use simp_proto::frame;

use crate::harness::{Client, Daemon, Peer, World, connect, message, queued, resident_kib, send};

/// Requests written before their answers are read.
const PIPELINED: usize = 200;

/// The bytes of a frame.
fn framed(item: &[u8]) -> Vec<u8> {
    [&(item.len() as u32).to_be_bytes(), item].concat()
}

fn frame(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(request, &mut bytes).unwrap();
    bytes
}

fn seen(consumer: &str, id: u64) -> Request {
    Request::Seen { consumer: consumer.to_owned(), id }
}

/// Reads a failure, and then that the daemon hangs up.
#[track_caller]
fn dismissed(client: &mut Client) -> (FailureKind, String) {
    let Some(Answer::Failure(failure)) = client.read() else { panic!("no failure") };
    assert_eq!(client.read(), None);
    (failure.kind, failure.line)
}

/// A daemon with an open chat with a peer that acknowledges nothing.
fn open_chat(world: &World) -> (Daemon, Client, Peer) {
    let alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "2"]);
    let client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&world.address(1));
    (alice, client, bob)
}

/// Queues so many messages; each is an entry of the log.
fn fill(client: &mut Client, count: usize) {
    let text = "x".repeat(900);
    for first in (0..count).step_by(PIPELINED) {
        let numbers = first..count.min(first + PIPELINED);
        numbers.clone().for_each(|number| client.write(&send(Some("bob"), &format!("{number} {text}"))));
        for _ in numbers {
            assert!(matches!(client.read(), Some(Answer::Reply(Reply::Queued { .. }))));
        }
    }
}

/// The ids of the entries up to `last`, as they come.
fn ids_until(client: &mut Client, last: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        ids.push(client.event().id);
    }
    ids
}

#[test]
fn what_is_not_a_frame_is_answered_with_its_reason_and_the_end() {
    let world = World::new();
    let alice = world.start(1, &[]);
    for (bytes, line) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            "the request cannot be read: a frame has at most 1048576 bytes, this one says 1195725856",
        ),
        (
            b"\xff\xff\xff\xff",
            "the request cannot be read: a frame has at most 1048576 bytes, this one says 4294967295",
        ),
        (
            b"\0\x10\0\x01",
            "the request cannot be read: a frame has at most 1048576 bytes, this one says 1048577",
        ),
    ] {
        let mut client = Client::silent(&alice.socket);
        client.stream.write_all(bytes).unwrap();
        assert_eq!(dismissed(&mut client), (FailureKind::Usage, line.to_owned()));
    }
    let unknown = framed(b"\x65dance");
    for (bytes, reason) in [
        (&b"\0\0\0\0"[..], "it ends too early"),
        (b"\0\0\0\x01\xff", "invalid type: break, expected enum"),
        (b"\0\0\0\x05hello", "it ends too early"),
        (b"\0\0\0\x01\x1c", "byte 0 is no cbor"),
        (b"\0\0\0\x02\x18\x18", "invalid type: integer `24`, expected enum"),
        (b"\0\0\0\x05\x9b\xff\xff\xff\xff", "it ends too early"),
        (b"\0\0\0\x08\x66status\x00", "bytes behind the item"),
        (b"\0\0\0\x0e\x66status\x66status", "bytes behind the item"),
        (&[&[0, 1, 0, 0][..], &[0x81; 65_536]].concat(), "invalid type: sequence, expected enum"),
        (
            &unknown,
            "unknown variant `dance`, expected one of `hello`, `status`, `connect`, `accept`, `decline`, \
             `send`, `outbox`, `cancel`, `resend`, `quit`, `chats`, `history`, `follow`, `seen`, `consumers`, `forget`, \
             `peers`, `forget_peer`, `stop`",
        ),
    ] {
        let mut client = Client::silent(&alice.socket);
        client.stream.write_all(bytes).unwrap();
        let line = format!("the request cannot be read: not the cbor item expected: {reason}");
        assert_eq!(dismissed(&mut client), (FailureKind::Usage, line));
    }
    assert_eq!(alice.client().status().clients, 1);
}

#[test]
fn the_first_request_must_be_hello() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let requests = [Request::Status, Request::Stop, send(None, "hi"), seen("me", 0)];
    for request in requests {
        let mut client = Client::silent(&alice.socket);
        client.write(&request);
        let line = "the first request must be hello".to_owned();
        assert_eq!(dismissed(&mut client), (FailureKind::Usage, line));
    }
    alice.client().status();
}

#[test]
fn another_version_is_refused_with_both_versions() {
    let world = World::new();
    let alice = world.start(1, &[]);
    for version in [0, VERSION + 1, u32::MAX] {
        let mut client = Client::silent(&alice.socket);
        client.write(&Request::Hello { version });
        let line = format!(
            "simpd 0.1.0 speaks version {VERSION} of the control API, this client {version} (install simpctl \
             and simpd of the same release, and start simpd again)"
        );
        assert_eq!(dismissed(&mut client), (FailureKind::NoDaemon, line));
    }
}

#[test]
fn requests_written_at_once_are_answered_in_order_even_to_a_client_that_writes_no_more() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = Client::silent(&alice.socket);
    let requests =
        [Request::Hello { version: VERSION }, Request::Status, Request::Chats { after: 0 }, seen("me", 0)];
    client.stream.write_all(&requests.iter().flat_map(frame).collect::<Vec<u8>>()).unwrap();
    client.stream.shutdown(Shutdown::Write).unwrap();
    let Some(Answer::Reply(Reply::Hello { version, program, address, user })) = client.read() else {
        panic!("no hello")
    };
    let expected = (VERSION, "0.1.0", format!("{}:7777", world.address(1)), "alice");
    assert_eq!((version, program.as_str(), address, user.as_str()), expected);
    assert!(matches!(client.read(), Some(Answer::Reply(Reply::Status(_)))));
    assert_eq!(client.read(), Some(Answer::Reply(Reply::Chats { chats: vec![], more: false })));
    assert_eq!(client.read(), Some(Answer::Reply(Reply::Done)));
    assert_eq!(client.read(), None);
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut client = Client::silent(&alice.socket);
    for byte in frame(&Request::Hello { version: VERSION }) {
        client.stream.write_all(&[byte]).unwrap();
    }
    assert!(matches!(client.read(), Some(Answer::Reply(Reply::Hello { .. }))));
    client.status();
}

#[test]
fn who_owes_a_request_for_ten_seconds_is_dismissed_and_who_reads_slowly_is_not() {
    let world = World::new();
    let (alice, mut client, _bob) = open_chat(&world);
    fill(&mut client, 1_000);

    // More answers than are kept for a client, and requests behind them: it waits for us, not we for it.
    let mut slow = alice.client();
    let history = Request::History { before: None, limit: 1_000, filter: Filter::default() };
    let asked = 20;
    (0..asked).for_each(|_| slow.write(&history));

    let silent = Client::silent(&alice.socket);
    let mut half = alice.client();
    let bytes = frame(&Request::Status);
    half.stream.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let (sender, dismissals) = mpsc::channel();
    for mut client in [silent, half] {
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(dismissed(&mut client)));
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
    quick.follow(From::After(0));
    ids_until(&mut quick, last);
    drop(quick);
    let before = resident_kib(alice.pid());

    let mut slow: Vec<Client> = (0..20).map(|_| alice.client()).collect();
    for client in &mut slow {
        client.write(&Request::Follow { from: From::After(0), filter: Filter::default() });
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

/// Whether this process may have so many open files; says so where it may not.
fn may_open_files(test: &str, count: u64) -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < count {
        eprintln!("SKIPPED {test}: this system allows only {hard} open files");
        return false;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(count), hard).unwrap();
    true
}

#[test]
fn a_thousand_clients_are_served_and_the_one_too_many_is_told() {
    if !may_open_files("a_thousand_clients_are_served_and_the_one_too_many_is_told", 4_096) {
        return;
    }
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut clients: Vec<Client> = (0..1_024).map(|_| Client::silent(&alice.socket)).collect();
    for client in &mut clients {
        client.write(&Request::Hello { version: VERSION });
        client.write(&Request::Status);
    }
    for client in &mut clients {
        assert!(matches!(client.read(), Some(Answer::Reply(Reply::Hello { .. }))));
        let Some(Answer::Reply(Reply::Status(status))) = client.read() else { panic!("no status") };
        assert!(status.clients <= 1_024);
    }
    assert_eq!(clients[7].status().clients, 1_024);

    let mut late = Client::silent(&alice.socket);
    let line = "1024 clients are connected already (end some of them)".to_owned();
    assert_eq!(dismissed(&mut late), (FailureKind::Failed, line));
    // One that leaves makes room for another.
    let mut leaving = clients.pop().unwrap();
    leaving.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(leaving.read(), None);
    clients.push(alice.client());
    assert_eq!(clients[7].status().clients, 1_024);
}

/// A log with an invitation, and chats with bob and carol; and the ids of those two.
fn two_chats(world: &World) -> (Daemon, Client, u64, u64) {
    let to = world.address(1);
    let (alice, mut client, bob) = open_chat(world);
    let carol = world.peer(3, "carol");
    carol.open(&to);
    for (seq, text) in [(0, "one"), (1, "two")] {
        for peer in [&bob, &carol] {
            peer.send(&to, Operation::Chat, seq, text.as_bytes());
            peer.expect(Operation::Ack, seq, b"");
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
        ("behind the last", last, filter(&[], None, None), vec![]),
        ("beyond the last", u64::MAX, filter(&[], None, None), vec![]),
    ] {
        let mut follower = alice.client();
        follower.write(&Request::Follow { from: From::After(from), filter });
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
    follower.write(&Request::Follow { from: From::End, filter: filter.clone() });
    assert_eq!(follower.read(), Some(Answer::Reply(Reply::Following { after: last })));
    client.reply(&connect(&world.address(9)));
    client.status_when(|status| status.chats == 1);
    client.send("a");
    assert_eq!(follower.expect(queued("a")).id, last + 3);

    // A second `follow` replaces the first.
    follower.follow(From::After(last + 2));
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
    assert_eq!(client.follow(From::Consumer("me".to_owned())), 0);
    assert!(ids_until(&mut client, last).into_iter().eq(1..=last));
    for (id, mark) in [(5, 5), (3, 5), (0, 5), (6, 6)] {
        let mut other = alice.client();
        assert_eq!(other.reply(&seen("me", id)), Reply::Done);
        assert_eq!(other.follow(From::Consumer("me".to_owned())), mark);
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
        assert_eq!(client.follow(From::Consumer("me".to_owned())), 6);
        assert!(ids_until(&mut client, last).into_iter().eq(7..=last));
        assert_eq!(client.follow(From::Consumer("another".to_owned())), 0);
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
        let from = From::Consumer(name.to_owned());
        client.fails(&Request::Follow { from, filter: Filter::default() }, FailureKind::Usage, line);
    }
    for name in ["x", &"x".repeat(64), "J\u{f6}rg's bot", "'; DROP TABLE consumers; --"] {
        assert_eq!(client.reply(&seen(name, 0)), Reply::Done);
        client.follow(From::Consumer(name.to_owned()));
    }
}

/// All pieces of a history, and how many there were.
fn pieces(client: &mut Client, limit: u32, filter: &Filter) -> (Vec<Event>, usize) {
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
fn a_text_that_simp_can_carry_arrives_and_any_other_is_refused_with_the_reason() {
    let world = World::new();
    let (_alice, mut client, bob) = open_chat(&world);
    for (text, line) in [
        ("", "an empty text cannot be sent"),
        ("gr\u{fc}n", "a text is ASCII, '\u{fc}' (U+00FC) at position 3 is not"),
        ("\u{1f600}", "a text is ASCII, '\u{1f600}' (U+1F600) at position 1 is not"),
        ("a\0b", "a text is ASCII, the character U+0000 at position 2 is not"),
        (&"x".repeat(986), "a text has at most 985 characters, this one has 986 (send it in parts)"),
        (&"x".repeat(900_000), "a text has at most 985 characters, this one has 900000 (send it in parts)"),
    ] {
        client.fails(&send(None, text), FailureKind::Usage, line);
    }
    let longest: String = (b' '..=b'~').cycle().take(985).map(char::from).collect();
    for (seq, text) in [(0, longest.as_str()), (1, "\x1b[31m\t\r\n"), (0, " ")] {
        client.send(text);
        bob.expect(Operation::Chat, seq, text.as_bytes());
        bob.send(&world.address(1), Operation::Ack, seq, b"");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_the_remedy() {
    use FailureKind::{Failed, NoSuch, Usage};
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    let accept = |who: Option<&str>| Request::Accept { who: who.map(str::to_owned) };
    let decline = |who: Option<&str>| Request::Decline { who: who.map(str::to_owned) };
    let quit = |who: Option<&str>| Request::Quit { who: who.map(str::to_owned), now: false };
    client.fails(&accept(None), NoSuch, "there is no request");
    client.fails(&decline(Some("bob")), NoSuch, "there is no request");
    client.fails(&quit(None), NoSuch, "there is no chat to quit");
    let line = "there is no open chat (open one: simpctl connect ADDR, or keep the message until there is one: send --queue -t ADDR)";
    client.fails(&send(None, "hi"), NoSuch, line);
    client.fails(&send(Some("bob"), "hi"), NoSuch, line);

    let itself = format!("{to}:7777: that is this simpd itself");
    for (address, kind, line) in [
        ("localhost", Usage, "localhost: not an address (ADDR or ADDR:PORT)"),
        ("", Usage, ": not an address (ADDR or ADDR:PORT)"),
        ("127.0.0.1:70000", Usage, "127.0.0.1:70000: not an address (ADDR or ADDR:PORT)"),
        ("0.0.0.0", Usage, "0.0.0.0:7777: not the address of one host"),
        ("224.0.0.1", Usage, "224.0.0.1:7777: not the address of one host"),
        ("127.0.0.1:0", Usage, "127.0.0.1:0: not the address of one host"),
        (&to, Failed, &itself),
        ("::1", Failed, "[::1]:7777: this simpd speaks IPv4 only (start one on an IPv6 address)"),
    ] {
        client.fails(&connect(address), kind, line);
    }
    for timeout_ms in [0, 86_400_001, u64::MAX] {
        let request = Request::Connect { address: world.address(9), timeout_ms: Some(timeout_ms) };
        client.fails(&request, Usage, "the time limit must be from 0.001 to 86400 s");
    }

    let (bob, carol) = (world.peer(2, "bob"), world.peer(3, "carol"));
    client.follow(From::End);
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    carol.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    let both = format!("bob@{}:7777, carol@{}:7777", world.address(2), world.address(3));
    client.fails(&accept(None), NoSuch, &format!("which one of {both}? (choose with simpctl accept WHO)"));
    client.fails(&decline(None), NoSuch, &format!("which one of {both}? (choose with simpctl decline WHO)"));
    client.fails(&accept(Some("dave")), NoSuch, &format!("dave: not among {both}"));
    client.fails(&quit(None), NoSuch, "there is no chat to quit");
    client.reply(&accept(Some("bob")));
    bob.expect(Operation::SynAck, 0, b"");
    bob.send(&to, Operation::Ack, 0, b"");
    client.expect(What::Opened { note: None });

    let one = format!("bob@{}:7777", world.address(2));
    let line = format!(
        "there is a chat with {one} already (end it: simpctl quit, or start simpd with --max-chats 2)"
    );
    client.fails(&accept(Some("carol")), Failed, &line);
    client.fails(&connect(&world.address(4)), Failed, &line);
    let keep = "open one: simpctl connect ADDR, or keep the message until there is one: send --queue -t ADDR";
    client.fails(&send(Some("carol"), "hi"), NoSuch, &format!("carol: not among {one} ({keep})"));
    client.fails(&quit(Some("carol")), NoSuch, &format!("carol: not among {one}"));

    carol.send(&to, Operation::Fin, 0, b"");
    client.expect(What::Closed { reason: Reason::Withdrawn, text: None });
    assert_eq!(client.log().len(), 4);
}

#[test]
fn a_daemon_on_every_address_does_not_invite_itself() {
    let world = World::new();
    let port = world.port(0);
    let alice = world.start_on(&format!("0.0.0.0:{port}"), &["--user", "alice"]);
    for host in ["127.0.0.1", &world.address(5)] {
        let itself = format!("{host}:{port}");
        let line = format!("{itself}: that is this simpd itself");
        alice.client().fails(&connect(&itself), FailureKind::Failed, &line);
    }
}

#[test]
fn with_several_chats_the_user_is_asked_which_one() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world);
    let carol = world.peer(3, "carol");
    carol.open(&to);
    carol.send(&to, Operation::Chat, 0, b"here");
    carol.expect(Operation::Ack, 0, b"");
    let both = format!("bob@{}:7777, carol@{}:7777", world.address(2), world.address(3));
    let line = format!("which one of {both}? (choose with -t WHO)");
    client.fails(&send(None, "hi"), FailureKind::NoSuch, &line);
    let line = format!("which one of {both}? (choose with simpctl quit WHO)");
    client.fails(&Request::Quit { who: None, now: false }, FailureKind::NoSuch, &line);
    let line = "there are 2 chats already (end one, or start simpd with a higher --max-chats)";
    client.fails(&connect(&world.address(4)), FailureKind::Failed, line);
    client.reply(&send(Some("carol"), "to carol"));
    carol.expect(Operation::Chat, 0, b"to carol");
    client.reply(&send(Some(&world.address(2)), "to bob"));
    bob.expect(Operation::Chat, 0, b"to bob");
    assert_eq!(client.log().iter().filter(|event| event.what == message("here")).count(), 1);
}

#[test]
fn more_chats_than_one_reply_holds_come_in_pieces() {
    if !may_open_files("more_chats_than_one_reply_holds_come_in_pieces", 4_096) {
        return;
    }
    let world = World::new();
    let daemon = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "3000"]);
    let peers: Vec<_> = (0..2_100).map(|_| Peer::new(&(world.address(2) + ":0"), "bob")).collect();
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
    assert_eq!((ids.len(), replies), (2_100, 2));
    assert!(ids.is_sorted_by(|one, next| one < next));
    assert_eq!(world.ctl(1, &["chats"]).ok().lines().count(), 2_100);
}
