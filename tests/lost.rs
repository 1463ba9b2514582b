//! The connection between simpctl and simpd breaks at the worst moments. In between is either a relay that
//! swallows an answer of the real simpd, or a simpd that says exactly what the test says.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use simp_control::{
    Answer, Event, Failure, FailureKind, FollowFrom, FrameStream, OutboxMessage, Peer, Reply, Request, What,
};
use simp_proto::Operation;

use crate::harness::scripted::{asked, hello, scripted};
use crate::harness::{Ran, Running, World, within};

/// Starts simpctl with a daemon behind this socket.
fn spawn(world: &World, socket: &Path, args: &[&str]) -> Running {
    let mut command = world.command("simpctl");
    command.arg("-d").arg(socket).args(args);
    Running::start(command)
}

/// Status 0, and one loss and return were said; returns standard output.
#[track_caller]
fn survived(socket: &Path, outcome: Ran) -> String {
    let simpd = format!("simpctl: simpd on {}", socket.display());
    let said = format!("{simpd} went away, waiting for it\n{simpd} is back\n");
    assert_eq!((outcome.status, outcome.stderr), (Some(0), said), "stdout: {}", outcome.stdout);
    outcome.stdout
}

/// A socket before that of the daemon on address 1. Of its first client it swallows the first reply to what
/// was asked for, and hangs up; before it serves the second, this is done.
fn relay(world: &World, between: impl FnOnce() + Send + 'static) -> PathBuf {
    let (path, real) = (world.path("relay.sock"), world.socket(1));
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        swallow(client, UnixStream::connect(&real).unwrap());
        between();
        let (client, _) = listener.accept().unwrap();
        let daemon = UnixStream::connect(&real).unwrap();
        pass_on(client.try_clone().unwrap(), daemon.try_clone().unwrap());
        pass_on(daemon, client);
    });
    path
}

/// Copies one way until the end, in the background.
fn pass_on(mut from: UnixStream, mut to: UnixStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

fn swallow(client: UnixStream, daemon: UnixStream) {
    pass_on(client.try_clone().unwrap(), daemon.try_clone().unwrap());
    let (mut client, mut daemon) = (FrameStream::new(client), FrameStream::new(daemon));
    while let Some(answer) = daemon.receive::<Answer>().unwrap() {
        if let Answer::Reply(Reply::Queued { .. } | Reply::Chat { .. }) = answer {
            client.stream().shutdown(std::net::Shutdown::Both).unwrap();
            return;
        }
        client.write(&answer).unwrap();
    }
}

#[test]
fn a_send_whose_reply_is_lost_is_sent_once() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let relay = relay(&world, || ());
    let sending = spawn(&world, &relay, &["send", "hi"]);
    peer.hear(&world.address(1), 0, "hi");
    survived(&relay, sending.wait());
    assert_eq!(world.ctl(1, &["history"]).ok().lines().count(), 1);
}

#[test]
fn a_send_whose_reply_is_lost_and_that_is_delivered_meanwhile_is_known_to_be() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    let one = world.address(1);
    peer.open(&one);
    let mut client = alice.client();
    let relay = relay(&world, move || {
        peer.hear(&one, 0, "hi");
        // request, opened, queued, delivered
        client.status_when(|status| status.last_id == 4);
    });
    let sending = spawn(&world, &relay, &["send", "--json", "hi"]);
    let delivered = survived(&relay, sending.wait());
    assert!(
        delivered.contains(r#""event":"delivered""#) && delivered.contains(r#""message":3"#),
        "{delivered}"
    );
    assert_eq!(world.ctl(1, &["history"]).ok().lines().count(), 1);
}

#[test]
fn messages_that_are_not_waited_for_are_queued_once_though_a_reply_is_lost() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let to = world.address(9);
    for args in [&["send", "--no-wait"][..], &["send", "--queue", "-t", &to]] {
        let relay = relay(&world, || ());
        let mut sending = spawn(&world, &relay, args);
        sending.write_line("one");
        sending.write_line("two");
        survived(&relay, sending.wait());
        std::fs::remove_file(relay).unwrap();
    }
    let texts = world.ctl(1, &["history"]).ok();
    // Each line ends with `(waiting)`.
    let texts: Vec<&str> = texts.lines().map(|line| line.rsplit(' ').nth(1).unwrap()).collect();
    assert_eq!(texts, ["one", "two", "one", "two"]);
}

#[test]
fn a_connect_whose_reply_is_lost_invites_once() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let peer = world.peer(3, "eve");
    let relay = relay(&world, || ());
    let connecting = spawn(&world, &relay, &["connect", &world.address(3)]);
    peer.expect(Operation::Syn, 0, b"");
    peer.send(&world.address(1), Operation::SynAck, 0, b"");
    assert_eq!(survived(&relay, connecting.wait()), format!("connected to eve@{}:7777\n", world.address(3)));
    let log = world.ctl(1, &["history", "--all"]).ok();
    assert_eq!(log.lines().count(), 2, "invited and opened: {log}");
}

#[test]
fn an_accept_whose_reply_is_lost_finds_the_chat_open() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let peer = world.peer(3, "eve");
    let one = world.address(1);
    peer.send(&one, Operation::Syn, 0, b"");
    let mut client = alice.client();
    client.status_when(|status| status.requests == 1);
    let relay = relay(&world, move || {
        peer.is_accepted(&one);
        client.status_when(|status| status.last_id == 2);
    });
    let accepting = spawn(&world, &relay, &["accept", "eve"]);
    assert_eq!(survived(&relay, accepting.wait()), format!("connected to eve@{}:7777\n", world.address(3)));
}

#[test]
fn an_accept_whose_reply_is_lost_and_whose_peer_leaves_says_that_there_is_none() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let peer = world.peer(3, "eve");
    let one = world.address(1);
    peer.send(&one, Operation::Syn, 0, b"");
    let mut client = alice.client();
    client.status_when(|status| status.requests == 1);
    let relay = relay(&world, move || {
        peer.is_accepted(&one);
        peer.send(&one, Operation::Fin, 0, b"");
        client.status_when(|status| status.last_id == 3);
    });
    let outcome = spawn(&world, &relay, &["accept"]).wait();
    assert_eq!(outcome.status, Some(7), "{outcome:?}");
    assert!(outcome.stderr.ends_with("\nsimpctl: there is no request\n"), "{outcome:?}");
}

#[test]
fn a_decline_and_a_quit_whose_replies_are_lost_find_it_done() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let (declined, left) = (world.peer(3, "eve"), world.peer(4, "ann"));
    let one = world.address(1);
    for peer in [&declined, &left] {
        peer.send(&one, Operation::Syn, 0, b"");
    }
    alice.client().status_when(|status| status.requests == 2);
    let begun = world.ctl(1, &["requests", "--json"]).ok();
    let since: Vec<serde_json::Value> = begun
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["since"].clone())
        .collect();

    let path = relay(&world, || ());
    let outcome = survived(&path, spawn(&world, &path, &["--json", "decline", "eve"]).wait());
    let chat: serde_json::Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!((&chat["state"], &chat["since"], &chat["chat"]), (&"closed".into(), &since[0], &1.into()));

    let accepting = world.spawn_ctl(1, &["accept", "ann"]);
    left.is_accepted(&one);
    accepting.wait().ok();
    std::fs::remove_file(&path).unwrap();
    let mut client = alice.client();
    let path = relay(&world, move || {
        left.expect(Operation::Fin, 0, b"");
        left.send(&one, Operation::Ack, 0, b"");
        client.status_when(|status| status.chats == 0);
    });
    let outcome = survived(&path, spawn(&world, &path, &["--json", "quit"]).wait());
    let chat: serde_json::Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!((&chat["state"], &chat["since"], &chat["chat"]), (&"closed".into(), &since[1], &2.into()));
    drop(declined);
}

fn following(after: u64, texts: &[(u64, &str)]) -> Vec<Answer> {
    let peer = || Peer { user: "eve".to_owned(), address: "127.0.0.3:7777".to_owned() };
    let event = |&(id, text): &(u64, &str)| {
        let what = What::Message { text: text.to_owned() };
        Answer::Event(Event { id, at_ms: 0, chat: 1, peer: peer(), secure: None, answers: None, what })
    };
    std::iter::once(Answer::Reply(Reply::Following { after })).chain(texts.iter().map(event)).collect()
}

fn done() -> Vec<Answer> {
    vec![Answer::Reply(Reply::Done)]
}

fn full() -> Vec<Answer> {
    let line = "nothing was changed: the disk is full";
    vec![Answer::Failure(Failure::new(FailureKind::Failed, line))]
}

fn seen(id: u64) -> Request {
    Request::Seen { consumer: "default".to_owned(), id }
}

/// From where each client followed.
fn places(asked: &[Vec<Request>]) -> Vec<FollowFrom> {
    let place = |request: &Request| match request {
        Request::Follow { from, .. } => Some(from.clone()),
        _ => None,
    };
    asked.iter().flatten().filter_map(place).collect()
}

#[test]
fn a_listener_goes_on_after_what_it_has_and_tells_again_what_was_not_answered() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let script = scripted(
        &path,
        vec![
            vec![hello(), following(4, &[(7, "one")]), vec![]],
            vec![hello(), vec![]],
            vec![hello(), following(7, &[]), done()],
            vec![hello(), following(7, &[(9, "two")]), done()],
        ],
    );
    let outcome = spawn(&world, &path, &["listen", "-n", "2", "--text"]).wait();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), "one\ntwo\n"), "{outcome:?}");
    let asked = asked(&script);
    let after = || FollowFrom::Resume { consumer: "default".to_owned(), after: 7 };
    assert_eq!(places(&asked), [FollowFrom::Consumer("default".to_owned()), after(), after(), after()]);
    let marks: Vec<Option<&Request>> = asked.iter().map(|asked| asked.get(2)).collect();
    assert_eq!(marks, [Some(&seen(7)), None, Some(&seen(7)), Some(&seen(9))]);
}

#[test]
fn a_listener_that_has_seen_nothing_yet_goes_on_from_where_it_began() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let script = scripted(
        &path,
        vec![
            vec![hello(), vec![]],
            vec![hello(), following(4, &[])],
            vec![hello(), following(4, &[(5, "one")]), done()],
        ],
    );
    let outcome = spawn(&world, &path, &["listen", "-n", "1", "--text"]).wait();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), "one\n"), "{outcome:?}");
    let consumer = || FollowFrom::Consumer("default".to_owned());
    let resume = FollowFrom::Resume { consumer: "default".to_owned(), after: 4 };
    assert_eq!(places(&asked(&script)), [consumer(), consumer(), resume]);
}

#[test]
fn a_mark_that_cannot_be_written_is_told_again_with_the_next_message_and_at_the_end() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let refused_and = |id, text| [full(), following(0, &[(id, text)]).split_off(1)].concat();
    let listen = |end: Vec<Answer>| {
        let _ = std::fs::remove_file(&path);
        let begin =
            [hello(), following(0, &[(1, "one")]), refused_and(2, "two"), refused_and(3, "three"), end];
        let script = scripted(&path, vec![begin.to_vec()]);
        let outcome = spawn(&world, &path, &["listen", "-n", "3", "--text"]).wait();
        assert_eq!(asked(&script).remove(0).split_off(2), [seen(1), seen(2), seen(3)]);
        outcome
    };
    assert_eq!(listen(done()).ok(), "one\ntwo\nthree\n");
    let outcome = listen(full());
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), "one\ntwo\nthree\n"));
    assert_eq!(outcome.stderr, "simpctl: nothing was changed: the disk is full\n");
}

#[test]
fn an_outbox_that_comes_in_pieces_is_shown_whole_and_what_is_wrong_with_the_disk_is_told() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let piece = |message, more| {
        let (peer, text) =
            (Peer { user: String::new(), address: "127.0.0.3:7777".to_owned() }, "hi".to_owned());
        let (expires_ms, reason, next_ms) = (None, None, None);
        let one = OutboxMessage {
            message,
            peer,
            host: None,
            lookup: None,
            text,
            at_ms: 0,
            expires_ms,
            tries: 0,
            reason,
            next_ms,
        };
        vec![Answer::Reply(Reply::Outbox { messages: vec![one], more })]
    };
    let mut status = world.start(1, &["--user", "alice"]).client().status();
    status.trouble = Some("the disk is full\x1b".to_owned());
    let status = || vec![Answer::Reply(Reply::Status(Box::new(status.clone())))];
    let chats = vec![Answer::Reply(Reply::Chats { chats: vec![], more: false })];
    let script = scripted(
        &path,
        vec![vec![hello(), piece(7, true), piece(9, false), chats, status()], vec![hello(), status()]],
    );
    let kept = spawn(&world, &path, &["outbox", "--json"]).wait().ok();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    let shown = spawn(&world, &path, &["status"]).wait().ok();
    assert!(
        shown.lines().any(|line| line.starts_with("trouble ") && line.ends_with(" the disk is full\\x1b"))
    );
    let asked = asked(&script).remove(0);
    assert_eq!(asked[1..3], [Request::Outbox { after: 0 }, Request::Outbox { after: 7 }]);
}

#[test]
fn a_daemon_that_lacks_what_is_asked_of_it_is_named_with_the_remedy() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let file = world.path("file");
    std::fs::write(&file, "x").unwrap();
    let file = file.display().to_string();
    let commands = [
        (&["history", "--search", "x"][..], "cannot search"),
        (&["send", "--file", &file], "sends no files"),
        (&["send", "--token", "t", "hi"], "keeps no tokens"),
        (&["send", "--timeout", "1", "--or-cancel", "hi"], "takes no message back out of a chat"),
        (&["send", "--on-error", "replace"], "does not say which texts a peer takes"),
    ];
    for (args, lacks) in commands {
        let _ = std::fs::remove_file(&path);
        let _script = scripted(&path, vec![vec![hello()]]);
        let name = path.display();
        let remedy = "install simpctl and simpd from the same release, and restart simpd";
        spawn(&world, &path, args).wait().fails(3, &format!("simpctl: simpd on {name} {lacks} ({remedy})"));
    }
}

#[test]
fn a_daemon_that_comes_back_with_another_version_is_not_waited_for() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let line = "simpd 9 speaks version 9 of the control API, this client 2 (install both)";
    let other = vec![Answer::Failure(Failure::new(FailureKind::NoDaemon, line))];
    let _script = scripted(&path, vec![vec![hello(), following(0, &[])], vec![other]]);
    let outcome = spawn(&world, &path, &["listen"]).wait();
    let lines = format!("simpctl: simpd on {} went away, waiting for it\nsimpctl: {line}\n", path.display());
    assert_eq!((outcome.status, outcome.stderr), (Some(3), lines));
}

#[test]
fn a_send_that_knows_no_place_in_the_log_finds_the_outcome_that_is_there_already() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let reply = |reply| vec![Answer::Reply(reply)];
    let mut delivered = reply(Reply::Following { after: 7 });
    let peer = Peer { user: "eve".to_owned(), address: "127.0.0.3:7777".to_owned() };
    let what = What::Delivered { message: 7 };
    delivered.push(Answer::Event(Event {
        id: 8,
        at_ms: 0,
        chat: 1,
        peer,
        secure: None,
        answers: None,
        what,
    }));
    let script = scripted(
        &path,
        vec![
            vec![hello(), vec![], vec![]],
            vec![
                hello(),
                reply(Reply::Following { after: 9 }),
                reply(Reply::Queued { message: 7, chat: 1 }),
                delivered,
            ],
        ],
    );
    survived(&path, spawn(&world, &path, &["send", "hi"]).wait());
    let asked = asked(&script);
    assert_eq!(places(&asked), [FollowFrom::End, FollowFrom::End, FollowFrom::After(7)]);
    let sent = |asked: &[Request]| match &asked[2] {
        Request::Send { token, again_after, .. } => (token.unwrap(), *again_after),
        other => panic!("{other:?}"),
    };
    let ((token, first), (again, second)) = (sent(&asked[0]), sent(&asked[1]));
    assert_eq!((token, first, second), (again, None, Some(0)));
}

#[test]
fn a_send_without_an_answer_says_that_the_message_may_be_there() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let script = scripted(&path, vec![vec![hello(), vec![]]]);
    let sending = spawn(&world, &path, &["send", "--no-wait", "--timeout", "1", "hi"]);
    let asked = asked(&script).remove(0).remove(1);
    assert!(matches!(asked, Request::Send { token: Some(_), again_after: None, .. }), "{asked:?}");
    within({
        let path = path.clone();
        move || std::fs::remove_file(path).unwrap()
    });
    let outcome = sending.wait();
    let name = path.display();
    let lines = format!(
        "simpctl: simpd on {name} went away, waiting for it\nsimpctl: simpd on {name} went away; the message may or may not be queued (start it again, then see: simpctl history)\n"
    );
    assert_eq!((outcome.status, outcome.stderr), (Some(3), lines));
}
