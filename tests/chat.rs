//! Two hosts chat by simpctl: what a user does, from the invitation to the end, and what scripts rely on.

use nix::sys::signal::Signal;
use simp_proto::Operation;

use crate::harness::{Peer, Raw, World, is_connected_to};

/// Lines of JSON, parsed.
fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn two_users_chat_from_invitation_to_quit() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob"]);
    let (one, two) = (world.address(1), world.address(2));

    let connecting = world.spawn_ctl(1, &["connect", &two]);
    let request = json(&world.ctl(2, &["listen", "--all", "-n", "1", "--timeout", "20", "--json"]).ok());
    assert_eq!(request[0]["event"], "request");
    assert_eq!(request[0]["from"], format!("alice@{one}:7777"));
    let requests = world.ctl(2, &["requests"]).ok();
    assert!(requests.contains("invited") && requests.contains(&format!("alice@{one}:7777")), "{requests}");

    is_connected_to(&format!("alice@{one}:7777"), &world.ctl(2, &["accept"]).ok());
    is_connected_to(&format!("bob@{two}:7777"), &connecting.wait().ok());
    assert_eq!(world.ctl(2, &["requests"]).ok(), "");

    assert_eq!(world.ctl(1, &["send", "Hello", "Bob"]).ok(), "");
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--timeout", "20"]).ok(), "alice: Hello Bob\n");
    assert_eq!(world.ctl(2, &["send", "Hello Alice"]).ok(), "");
    assert_eq!(world.ctl(1, &["listen", "-n", "1", "--timeout", "20", "--text"]).ok(), "Hello Alice\n");
    assert!(world.ctl(1, &["chats"]).ok().contains("open"));

    world.ctl(1, &["quit"]).ok();
    assert_eq!(world.ctl(1, &["chats"]).ok(), "");
    let closed = world.ctl(2, &["history", "--all", "-n", "1", "--json"]).ok();
    assert_eq!(
        (&json(&closed)[0]["event"], &json(&closed)[0]["reason"]),
        (&"closed".into(), &"peer quit".into())
    );
}

#[test]
fn lines_of_standard_input_arrive_in_order_and_once() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let lines: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    world.ctl_with(1, &["send"], &lines).ok();
    assert_eq!(world.ctl(2, &["listen", "--text", "-n", "300", "--timeout", "20"]).ok(), lines);
    world.ctl(2, &["listen", "-n", "1", "--timeout", "0.1"]).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn a_line_is_sent_as_soon_as_it_is_written() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let mut sending = world.spawn_ctl(1, &["send"]);
    let mut listening = world.spawn_ctl(2, &["listen", "--text"]);
    for line in ["one", "two"] {
        sending.write_line(line);
        assert_eq!(listening.read_line(), line);
    }
}

#[test]
fn a_message_is_kept_for_whoever_listens_later_and_each_consumer_gets_it() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl_with(1, &["send"], "one\ntwo\nthree\n").ok();
    assert_eq!(world.ctl(2, &["listen", "-n", "2", "--text"]).ok(), "one\ntwo\n");
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--text"]).ok(), "three\n");
    assert_eq!(world.ctl(2, &["listen", "-n", "3", "--text", "--consumer", "log"]).ok(), "one\ntwo\nthree\n");
    let since = world.ctl(2, &["listen", "-n", "3", "--text", "--since", "0"]).ok();
    assert_eq!(since, "one\ntwo\nthree\n");
    let found = world.ctl(2, &["history", "--search", "TW"]).ok();
    assert!(found.ends_with(" alice: two\n") && found.lines().count() == 1, "{found}");
    assert_eq!(world.ctl(2, &["history", "--search", "four"]).ok(), "");
}

#[test]
fn listening_to_one_peer_skips_nothing_of_another_for_good() {
    let world = World::new();
    let bob = world.start(2, &["--user", "bob", "--accept", "all", "--max-chats", "2"]);
    let (one, three) =
        (Peer::new(&(world.address(1) + ":7777"), "ann"), Peer::new(&(world.address(3) + ":7777"), "cid"));
    for (peer, text) in [(&one, "from ann"), (&three, "from cid")] {
        peer.open(&world.address(2));
        peer.say(&world.address(2), 0, text);
    }
    drop(bob.client());
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--from", "cid"]).ok(), "cid: from cid\n");
    assert_eq!(world.ctl(2, &["listen", "-n", "2"]).ok(), "ann: from ann\ncid: from cid\n");
}

#[test]
fn a_decline_a_busy_peer_and_silence_have_their_own_exit_statuses() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob"]);
    let two = world.address(2);

    let connecting = world.spawn_ctl(1, &["connect", &two]);
    world.ctl(2, &["listen", "--all", "-n", "1", "--timeout", "20"]).ok();
    world.ctl(2, &["decline"]).ok();
    connecting.wait().fails(4, &format!("simpctl: {two}:7777 declined"));

    let silent = Peer::new(&(world.address(3) + ":7777"), "eve");
    world
        .ctl(1, &["connect", &world.address(3), "--timeout", "0.3"])
        .fails(6, &format!("simpctl: {}:7777: no answer (nobody has accepted, or a firewall closes its port or the one below)", world.address(3)));
    silent.expect(Operation::Syn, 0, b"");
    silent.expect(Operation::Fin, 0, b"");
    silent.send(&world.address(1), Operation::Ack, 0, b"");

    let busy = Peer::new(&(world.address(4) + ":7777"), "max");
    let connecting = world.spawn_ctl(1, &["connect", &world.address(4)]);
    busy.expect(Operation::Syn, 0, b"");
    busy.send(&world.address(1), Operation::Err, 0, b"User already in another \x1b[31mchat");
    connecting.wait().fails(
        5,
        &format!("simpctl: {}:7777 is busy: User already in another \\x1b[31mchat", world.address(4)),
    );
}

#[test]
fn nobody_there_is_known_at_once() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    world.ctl(1, &["connect", &world.address(9)]).fails(
        1,
        &format!("simpctl: {}:7777: nobody listens there (is simpd running on that host?)", world.address(9)),
    );
}

#[test]
fn both_inviting_each_other_open_one_chat() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob"]);
    let alice = world.spawn_ctl(1, &["connect", &world.address(2)]);
    let bob = world.spawn_ctl(2, &["connect", &world.address(1)]);
    alice.wait().ok();
    bob.wait().ok();
    world.ctl(1, &["send", "hi"]).ok();
    world.ctl(2, &["send", "ho"]).ok();
    assert_eq!(world.ctl(2, &["listen", "-n", "1"]).ok(), "alice: hi\n");
    assert_eq!(world.ctl(1, &["listen", "-n", "1"]).ok(), "bob: ho\n");
}

#[test]
fn a_peer_that_leaves_with_a_message_under_way_is_status_8_and_the_message_is_kept() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    peer.open(&world.address(1));
    let sending = world.spawn_ctl(1, &["send", "important"]);
    peer.expect(Operation::Chat, 0, b"important");
    peer.send(&world.address(1), Operation::Fin, 0, b"");
    let outcome = sending.wait();
    assert_eq!(outcome.status, Some(8));
    assert_eq!(outcome.stderr, "simpctl: not delivered: peer quit (send it again with: simpctl resend 3)\n");
    assert!(world.ctl(1, &["history"]).ok().contains("you -> eve: important"));
}

#[test]
fn no_wait_returns_once_it_is_queued_and_a_time_limit_when_it_is_over() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    peer.open(&world.address(1));
    world.ctl(1, &["send", "--no-wait", "one"]).ok();
    peer.expect(Operation::Chat, 0, b"one");
    let queued = json(&world.ctl(1, &["send", "--no-wait", "--json", "two"]).ok());
    assert_eq!((&queued[0]["event"], &queued[0]["text"]), (&"queued".into(), &"two".into()));
    let late = world.ctl(1, &["send", "--timeout", "0.2", "three"]);
    assert_eq!(late.status, Some(6), "{late:?}");
    assert!(late.stderr.ends_with("is not acknowledged yet (simpd keeps trying)\n"), "{late:?}");
    for (seq, text) in [(0, "two"), (1, "three")] {
        peer.send(&world.address(1), Operation::Ack, seq, b"");
        peer.expect(Operation::Chat, 1 - seq, text.as_bytes());
    }
}

#[test]
fn text_with_terminal_escapes_is_shown_escaped_and_kept_exact_in_json() {
    let world = World::new();
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    peer.open(&world.address(2));
    let text = "\x1b]0;owned\x07 two\nlines \u{202e}x\u{9b}1m";
    peer.say(&world.address(2), 0, text);
    assert_eq!(
        world.ctl(2, &["listen", "-n", "1"]).ok(),
        "eve: \\x1b]0;owned\\x07 two\\nlines \\u{202e}x\\x9b1m\n"
    );
    for command in [&["history"][..], &["listen", "--since", "0", "-n", "1", "--text"]] {
        let shown = world.ctl(2, command).ok();
        assert!(!shown.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
    }
    let exact = world.ctl(2, &["listen", "--since", "0", "-n", "1", "--json"]).ok();
    assert_eq!(json(&exact)[0]["text"], text);
    assert!(!exact.trim_end().contains(char::is_control), "{exact:?}");
}

#[test]
fn exec_runs_a_command_for_each_message_and_again_until_it_succeeds() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl_with(1, &["send"], "$(touch owned); `id`\ntwo\n").ok();
    let command = format!(
        "test -e {0}/tried || {{ touch {0}/tried; exit 7; }}; cat >> {0}/out; echo \"$SIMP_USER $SIMP_TEXT\" >> {0}/env",
        world.path("").display()
    );
    let outcome = world.ctl(2, &["listen", "--since", "0", "-n", "2", "--exec", &command]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "one line says that it failed once: {}", outcome.stderr);
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(read("out"), "$(touch owned); `id`\ntwo\n");
    assert_eq!(read("env"), "alice $(touch owned); `id`\nalice two\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let lines: String = (1..=50).map(|n| format!("line {n}\n")).collect();
    world.ctl_with(1, &["send"], &lines).ok();
    let mut shell = world.command("sh");
    let script = format!(
        "{{ {} -d {} listen; echo $? >&2; }} | head -1",
        env!("CARGO_BIN_EXE_simpctl"),
        world.address(2)
    );
    shell.args(["-c", &script]);
    let outcome = crate::harness::run(shell, "");
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("alice: line 1\n", "0\n"));
}

#[test]
fn quit_delivers_first_what_is_queued() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    peer.open(&world.address(1));
    world.ctl(1, &["send", "--no-wait", "one"]).ok();
    world.ctl(1, &["send", "--no-wait", "two"]).ok();
    let quitting = world.spawn_ctl(1, &["quit"]);
    peer.hear(&world.address(1), 0, "one");
    peer.hear(&world.address(1), 1, "two");
    peer.expect(Operation::Fin, 0, b"");
    peer.send(&world.address(1), Operation::Ack, 0, b"");
    quitting.wait().ok();
}

#[test]
fn a_quit_that_lasts_says_what_it_waits_for() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, eve) = (world.address(1), world.address(3) + ":7777");
    let peer = Peer::new(&eve, "eve");
    peer.open(&to);
    world.ctl(1, &["send", "--no-wait", "one"]).ok();
    world.ctl(1, &["send", "--no-wait", "two"]).ok();
    let mut quitting = world.spawn_ctl(1, &["quit"]);
    assert_eq!(quitting.read_error_line(), format!("simpctl: waiting for eve@{eve} to take 2 messages"));
    // Copies of the first have come meanwhile.
    let mut heard = peer.receive();
    while heard.payload != b"two" {
        peer.send(&to, Operation::Ack, heard.seq, b"");
        heard = peer.receive();
    }
    peer.send(&to, Operation::Ack, heard.seq, b"");
    peer.expect(Operation::Fin, 0, b"");
    let line = quitting.read_error_line();
    let before = format!("simpctl: waiting for eve@{eve} to acknowledge the end (up to ");
    let left = line.strip_prefix(&before).and_then(|rest| rest.strip_suffix(" s)")).unwrap();
    // Six FINs, 5 s each, of which the first have passed.
    assert!((1..=25).contains(&left.parse::<u32>().unwrap()), "{line}");
    peer.send(&to, Operation::Ack, 0, b"");
    assert_eq!(quitting.wait().ok(), "");
}

#[test]
fn stop_waits_until_the_daemon_is_gone() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    world.ctl(1, &["stop"]).ok();
    assert!(!world.socket(1).exists());
    assert_eq!(alice.wait(), Some(0));
}

#[test]
fn an_interrupted_command_ends_and_the_daemon_goes_on() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let listening = world.spawn_ctl(1, &["listen"]);
    // Not SIGINT, which is ignored by whoever runs in the background of a shell.
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.wait().status, None, "ended by the signal");
    world.ctl(1, &["status"]).ok();
}

#[test]
fn quit_now_gives_up_every_message_however_many_wait_and_for_good() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    peer.open(&world.address(1));
    let lines: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    world.ctl_with(1, &["send", "--no-wait"], &lines).ok();
    peer.expect(Operation::Chat, 0, b"line 1");
    let quitting = world.spawn_ctl(1, &["quit", "--now"]);
    peer.expect(Operation::Fin, 1, b"");
    let undelivered = || {
        let all = json(&world.ctl(1, &["history", "--all", "-n", "1000", "--json"]).ok());
        all.iter().filter(|event| event["event"] == "undelivered").count()
    };
    assert_eq!(undelivered(), 200);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    drop(quitting);
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    peer.expect(Operation::Fin, 1, b"");
    peer.send(&world.address(1), Operation::Ack, 1, b"");
    assert_eq!(world.ctl(1, &["chats"]).ok(), "");
    assert_eq!(undelivered(), 200);
}

#[test]
fn a_name_that_looks_like_an_address_is_not_taken_for_it() {
    let world = World::new();
    let (friend, secret) = (world.address(5), world.address(6));
    let _alice = world.start(1, &["--user", "alice", "--accept", &friend, "--max-chats", "2"]);
    let eve = Peer::new(&(world.address(3) + ":7777"), &friend);
    eve.send(&world.address(1), Operation::Syn, 0, b"");
    let requests = json(&world.ctl(1, &["listen", "--all", "-n", "1", "--json"]).ok());
    assert_eq!(requests[0]["event"], "request");
    assert!(world.ctl(1, &["requests"]).ok().contains("invited"), "not accepted for its name");
    world
        .ctl(1, &["accept", &friend])
        .fails(7, &format!("simpctl: no match for {friend} among {friend}@{}:7777", world.address(3)));
    world
        .ctl(1, &["send", "-t", &secret, "hi"])
        .fails(7, "simpctl: there is no open chat (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)");
}

#[test]
fn a_text_that_is_sent_twice_by_a_peer_that_came_back_is_shown_twice() {
    let world = World::new();
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    let peer = Peer::new(&(world.address(3) + ":7777"), "eve");
    for _ in 0..2 {
        peer.open(&world.address(2));
        peer.say(&world.address(2), 0, "backup done");
    }
    assert_eq!(
        world.ctl(2, &["listen", "-n", "2", "--text", "--timeout", "20"]).ok(),
        "backup done\nbackup done\n"
    );
}

#[test]
fn standard_input_may_be_silent_for_longer_than_a_client_may_owe_its_hello() {
    let world = World::new();
    let (alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let mut sending = world.spawn_ctl(1, &["send"]);
    let marker = world.path("ran");
    let command = format!("cat >> {}", marker.display());
    let listening = world.spawn_ctl(2, &["listen", "-n", "1", "--exec", &command]);
    // One that says nothing at all is hung up on; by then those that were there before it have been silent for
    // longer. The one that asks counts itself.
    for daemon in [&alice, &bob] {
        daemon.client().status_when(|status| status.clients == 2);
    }
    let silent = [&alice, &bob].map(|daemon| Raw::connect(&daemon.socket));
    for mut client in silent {
        while client.read().is_some() {}
    }
    sending.write_line("hello");
    listening.wait().ok();
    assert_eq!(std::fs::read_to_string(marker).unwrap(), "hello\n");
    world.ctl(2, &["listen", "-n", "1", "--timeout", "0.1"]).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn messages_are_sent_though_nobody_reads_of_their_delivery() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let mut shell = world.command("sh");
    let script = format!(
        "seq 50 | {} -d {} --json send | head -1 >/dev/null",
        env!("CARGO_BIN_EXE_simpctl"),
        world.address(1)
    );
    shell.args(["-c", &script]);
    crate::harness::run(shell, "").ok();
    let lines: String = (1..=50).map(|n| format!("{n}\n")).collect();
    assert_eq!(world.ctl(2, &["listen", "-n", "50", "--text", "--timeout", "20"]).ok(), lines);
}

#[test]
fn a_chat_that_is_being_left_takes_no_room() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (gone, next) =
        (Peer::new(&(world.address(3) + ":7777"), "eve"), Peer::new(&(world.address(4) + ":7777"), "ann"));
    gone.open(&world.address(1));
    let left = world.ctl(1, &["quit", "--now", "--timeout", "0.2"]);
    assert_eq!(left.status, Some(6), "{left:?}");
    gone.expect(Operation::Fin, 0, b"");
    next.open(&world.address(1));
    next.say(&world.address(1), 0, "hi");
}

#[test]
fn an_ipv6_daemon_says_that_it_cannot_reach_ipv4() {
    let world = World::new();
    if !crate::harness::has_ipv6("an_ipv6_daemon_says_that_it_cannot_reach_ipv4") {
        return;
    }
    let _alice = world.start_on(&format!("[::1]:{}", world.port(0)), &["--user", "alice"]);
    let mut command = world.command("simpctl");
    command.args(["connect", "127.70.0.1"]);
    crate::harness::run(command, "")
        .fails(1, "simpctl: 127.70.0.1:7777: this simpd speaks IPv6 only (start one on an IPv4 address)");
}
