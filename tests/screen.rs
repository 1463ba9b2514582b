//! `simpctl chat` in a terminal: what two people see and do. `terminal`: what becomes of the terminal.

mod terminal;

use nix::sys::signal::Signal;
use simp_control::{Answer, Event, FollowFrom, Peer, PeerInfo, Reply};
use simp_proto::Operation;

use crate::harness::scripted::{hello, scripted};
use crate::harness::{Terminal, World, has_program, message, run, skipped};

/// The screen of the user on address number `host`.
fn screen(world: &World, host: u8, args: &[&str]) -> Terminal {
    sized(world, host, args, 20, 90)
}

fn sized(world: &World, host: u8, args: &[&str], rows: u16, columns: u16) -> Terminal {
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.address(host)).arg("chat").args(args);
    Terminal::start(&command, rows, columns)
}

#[test]
fn two_people_chat_on_their_screens() {
    let world = World::new();
    let _daemons = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let (mut alice, mut bob) = (screen(&world, 1, &[&world.address(2)]), screen(&world, 2, &[]));
    alice.shows("invited, waiting for the answer");
    bob.shows("alice invites you (secure, new key)");
    bob.keys("\x1by");
    alice.shows("* the chat is open (secure, new key");
    bob.shows("* the chat is open (secure, new key");

    alice.keys("hello bob\r");
    bob.shows("alice: hello bob");
    alice.shows("you: hello bob \u{2713}");
    bob.keys("hello alice\r");
    alice.shows("bob: hello alice");
    // What is done by command is seen as well.
    world.ctl(1, &["send", "from elsewhere"]).ok();
    alice.shows("you: from elsewhere \u{2713}");

    bob.keys("/quit\r");
    alice.shows("* the chat is closed: the peer left");
    bob.shows("* the chat is closed: you left");
    alice.keys("\x04");
    bob.keys("/exit\r");
    for terminal in [alice, bob] {
        let (status, screen) = terminal.ends();
        assert_eq!((status.code(), screen.trim()), (Some(0), ""));
    }
}

#[test]
fn whoever_leaves_hears_that_the_chat_stays_open_and_finds_it_again() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("* the chat is open");
    alice.keys("before\r\x03");
    let (status, said) = alice.ends();
    assert_eq!(status.code(), Some(0));
    assert_eq!(said.trim(), "1 chat stays open (end it with: simpctl quit)");
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--timeout", "20"]).ok(), "alice: before\n");
    let alice = screen(&world, 1, &["bob"]);
    alice.shows("you: before");
}

#[test]
fn an_invitation_is_declined() {
    let world = World::new();
    let _daemons = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let mut bob = screen(&world, 2, &[]);
    bob.shows("no conversations yet");
    let alice = screen(&world, 1, &[&world.address(2)]);
    bob.shows("alice invites you");
    bob.keys("/decline alice\r");
    alice.shows("* no chat: the peer declined");
    bob.no_longer_shows("invites you (");
    alice.shows("no chat with");
}

#[test]
fn with_whom_is_accepted_who_has_invited() {
    let world = World::new();
    let _daemons = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let connecting = world.spawn_ctl(1, &["connect", &world.address(2)]);
    world.ctl(2, &["listen", "--all", "-n", "1", "--timeout", "20"]).ok();
    let bob = screen(&world, 2, &["alice"]);
    bob.shows("* the chat is open");
    connecting.wait().ok();
}

#[test]
fn an_invitation_that_nobody_hears_says_so_in_the_conversation() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let alice = screen(&world, 1, &[&world.address(9)]);
    alice.shows("* no chat: nobody listens there (is simpd");
}

#[test]
fn what_is_written_without_a_chat_waits_in_the_outbox() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("nobody listens there");
    alice.keys("for later\r");
    alice.shows("you: for later (queued until the peer is there)");
    assert!(world.ctl(1, &["outbox"]).ok().contains("for later"));
    alice.keys("/cancel\r");
    alice.shows("you: for later (taken out of the outbox)");
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
}

#[test]
fn what_was_not_delivered_is_sent_again_by_a_key() {
    let world = World::new();
    let (one, two) = (world.address(1), world.address(2));
    let _alice = world.start(1, &["--user", "alice"]);
    let bob = world.peer(2, "bob");
    let mut alice = screen(&world, 1, &[&two]);
    bob.expect(Operation::Syn, 0, b"");
    bob.accept(&one);
    alice.shows("* the chat is open (plain)");
    alice.keys("are you there?\r");
    alice.shows("you: are you there? (queued)");
    bob.expect(Operation::Chat, 0, b"are you there?");
    bob.send(&one, Operation::Fin, 0, b"");
    alice.shows("not delivered: peer quit; Alt-R sends it again");
    alice.keys("\x1br");
    alice.shows("you: are you there? (sent again)");
    alice.shows("you: are you there? (queued");
}

#[test]
fn simpd_is_killed_under_the_screen_and_nothing_is_lost_or_comes_twice() {
    let world = World::new();
    let (alice, _bob) = world.alice_and_bob();
    let mut screen = screen(&world, 1, &[&world.address(2)]);
    screen.shows("* the chat is open");
    screen.keys("one\r");
    screen.shows("you: one \u{2713}");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    screen.shows("simpd is away, waiting for it");
    screen.keys("two\rthree\r");
    screen.shows("you: three (waits for simpd)");
    let _alice = world.start(1, &["--user", "alice"]);
    screen.shows("you: three \u{2713}");
    let shown = screen.no_longer_shows("simpd is away");
    for text in ["you: one", "you: two", "you: three"] {
        assert_eq!(shown.matches(text).count(), 1, "{shown}");
    }
    let heard = world.ctl(2, &["listen", "--text", "-n", "3", "--timeout", "20"]).ok();
    assert_eq!(heard, "one\ntwo\nthree\n");
    world.ctl(2, &["listen", "-n", "1", "--timeout", "0.1"]).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn whoever_leaves_while_simpd_is_away_hears_what_it_has_not_taken() {
    let world = World::new();
    let (alice, _bob) = world.alice_and_bob();
    let mut screen = screen(&world, 1, &[&world.address(2)]);
    screen.shows("* the chat is open");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    screen.shows("simpd is away");
    screen.keys("lost?\r\x04");
    let (status, said) = screen.ends();
    assert_eq!(status.code(), Some(3));
    let line = "simpctl: simpd is away and has not taken what was written last: lost?";
    assert_eq!(said.trim(), line);
}

#[test]
fn simpd_comes_back_with_another_log() {
    let world = World::new();
    let (alice, _bob) = world.alice_and_bob();
    let screen = screen(&world, 1, &[&world.address(2)]);
    screen.shows("* the chat is open");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    world.remove_log(1);
    let _alice = world.start(1, &["--user", "alice"]);
    screen.shows("simpd is back with another log");
    screen.shows("You are alice");
}

#[test]
fn many_lines_are_asked_about_once() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("* the chat is open");
    alice.paste("one\rtwo\r\rthree\r");
    alice.shows("Enter  send it as 3 messages");
    alice.keys("\r");
    alice.shows("you: three \u{2713}");
    alice.paste("never\rthis\r");
    alice.shows("2 lines were pasted");
    alice.keys("\x1b");
    alice.no_longer_shows("2 lines were pasted");
    alice.paste("as\rone\r");
    alice.shows("O      send it as one message");
    alice.keys("o");
    alice.no_longer_shows("2 lines were pasted");
    // One line is as if it were typed.
    alice.paste("typed\r");
    alice.keys("!\r");
    alice.keys("typed\x1b\ras\none\r");
    let heard = world.ctl(2, &["listen", "--text", "-n", "6", "--timeout", "20"]).ok();
    assert_eq!(heard, "one\ntwo\nthree\nas\\none\ntyped!\ntyped\\nas\\none\n");
}

#[test]
fn a_file_that_is_offered_is_saved_by_a_command() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    std::fs::write(world.path("notes.txt"), "kept").unwrap();
    std::fs::create_dir(world.path("saved")).unwrap();
    let mut bob = screen(&world, 2, &["alice"]);
    bob.shows("* the chat is open");
    let sending = world.spawn_ctl(1, &["send", "--file", world.path("notes.txt").to_str().unwrap()]);
    bob.shows("alice: offers a file: notes.txt (4 bytes) (/save takes it)");
    // What is mistyped costs nothing.
    bob.keys("/save /nonexistent\r");
    bob.shows("* /nonexistent: no such file or directory");
    bob.keys("/save ~nobody\r");
    bob.shows("~nobody: no such file or directory");
    assert!(world.ctl(2, &["chats"]).ok().contains("notes.txt"));
    bob.keys(&format!("/save {}\r", world.path("saved").display()));
    bob.shows("(saved: ");
    assert_eq!(std::fs::read(world.path("saved/notes.txt")).unwrap(), b"kept");
    assert_eq!(sending.wait().status, Some(0));
    bob.keys("/save\r");
    bob.shows("no file is offered here");
}

#[test]
fn what_is_no_command_is_not_sent() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("* the chat is open");
    alice.keys("/quti\r");
    alice.shows("/quti: no such command (F1 lists them; // sends a slash)");
    // It stays in the line, to be mended.
    alice.keys("\x15//etc\r");
    alice.shows("you: /etc \u{2713}");
    assert_eq!(world.ctl(2, &["listen", "--text", "-n", "1", "--timeout", "20"]).ok(), "/etc\n");
}

#[test]
fn a_screen_of_any_size_shows_what_fits() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("* the chat is open");
    for (rows, columns) in [(1, 1), (2, 3), (3, 200), (5, 20), (1, 80), (60, 10)] {
        alice.resize(rows, columns);
        alice.keys("x");
        alice.when("an x", |screen, _| screen.contents().contains('x') || columns < 4);
        alice.keys("\x7f");
    }
    alice.resize(24, 100);
    alice.shows("F1 help");
    alice.keys("still here\r");
    alice.shows("you: still here \u{2713}");
}

#[test]
fn what_a_peer_writes_moves_nothing_on_the_screen() {
    let world = World::new();
    let (one, two) = (world.address(1), world.address(2));
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let mut alice = screen(&world, 1, &[]);
    alice.shows("no conversations yet");
    let bob = world.peer(2, "bob");
    bob.open(&one);
    bob.say(&one, 0, b"\x1b[2J\x1b[1;1Hyou: no\x07\r\n\x1b]2;title\x07");
    alice.shows("1 unread message");
    alice.keys(&format!("/open {two}\r"));
    let shown = alice.shows("\\x1b[2J\\x1b[1;1Hyou: no\\x07");
    assert!(shown.contains("\\x1b]2;title\\x07"), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("you: no")), "{shown}");
    alice.when("a title of ours", |_, calls| calls.title.ends_with("simp"));
}

#[test]
fn what_is_new_is_marked_until_it_is_read() {
    let world = World::new();
    let one = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let bob = world.peer(2, "bob");
    bob.open(&one);
    bob.say(&one, 0, b"first");
    let mut client = alice.client();
    client.follow(FollowFrom::After(0));
    while client.event().what != message("first") {}
    let mut screen = screen(&world, 1, &[]);
    screen.shows("1 unread message: Alt-A shows it");
    bob.say(&one, 1, b"second");
    screen.shows("2 unread messages: Alt-A shows them");
    screen.when("a call", |_, calls| calls.bells > 0 && calls.title == "(2) simp");
    screen.keys("\x1ba");
    let shown = screen.shows("bob: second");
    let lines: Vec<&str> = shown.lines().collect();
    let new = lines.iter().position(|line| line.contains("\u{2500} new \u{2500}")).unwrap();
    assert!(lines[new + 1].contains("* bob invites you"), "{shown}");
    screen.when("no call", |_, calls| calls.title == "simp");
    // What was read here is read for everybody.
    screen.keys("\x04");
    screen.ends();
    let screen = self::screen(&world, 1, &[]);
    let shown = screen.shows("Ctrl-N");
    assert!(!shown.contains("unread"), "{shown}");
}

#[test]
fn words_of_long_ago_are_found_and_shown_in_their_place() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let lines: String =
        (1..=1500).map(|n| format!("line {n} {}\n", if n == 300 { "Needle" } else { "" })).collect();
    world.ctl_with(1, &["send", "--no-wait"], &lines).ok();
    let mut alice = screen(&world, 1, &["bob"]);
    alice.shows("line 1500");
    alice.keys("/search needle\r");
    alice.shows("you: line 300 Needle");
    alice.keys("\r");
    alice.shows("line 299");
    // Forward from there, without a gap, to the newest.
    let mut next = 0;
    while next < 1_500 {
        let shown = alice.no_longer_shows("(reading on)");
        let numbers = shown.split("line ").skip(1).map(|rest| rest.split(' ').next().unwrap());
        let numbers: Vec<u32> = numbers.filter_map(|number| number.trim().parse().ok()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{shown}");
        assert!(next == 0 || numbers[0] <= next, "{next}: {shown}");
        next = *numbers.last().unwrap() + 1;
        alice.keys("\x1b[6~");
        if next <= 1_500 {
            alice.shows(&format!("line {next} "));
        }
    }
    alice.keys("\x1b[5~");
    alice.no_longer_shows("line 1500");
    alice.keys("\x1b[1;5F");
    alice.shows("line 1500");
}

#[test]
fn a_room_shows_who_is_there_and_what_it_is_about() {
    let world = World::new();
    let one = world.address(1);
    let _room = world.start(1, &["--user", "lobby", "--accept", "all", "--max-chats", "9"]);
    let mut command = world.command("simp-room");
    command.args(["run", "-d", &one, "--open"]);
    let mut room = crate::harness::Running::start(command);
    room.read_line();
    let _daemons = (world.start(2, &["--user", "bob"]), world.start(3, &["--user", "carol"]));
    let mut bob = screen(&world, 2, &[&one]);
    bob.shows("0 others here");
    let carol = screen(&world, 3, &[&one]);
    carol.shows("1 other here");
    bob.shows("1 other here");
    bob.shows("carol");
    bob.keys("hello all\r");
    carol.shows("bob: hello all");
    let mut topic = world.command("simp-room");
    topic.args(["topic", "cats and dogs"]);
    run(topic, "").ok();
    bob.shows("cats and dogs");
    // It is known again from the log.
    bob.keys("\x04");
    bob.ends();
    let mut bob = screen(&world, 2, &["lobby"]);
    let shown = bob.shows("1 other here");
    assert!(shown.contains("carol"), "{shown}");
    // Nothing waits for a room, which would take it for something else.
    bob.keys("/quit\r");
    bob.shows("you are not in lobby: Alt-C joins");
    bob.keys("\x15\x04");
    bob.ends();
    let mut bob = screen(&world, 2, &[]);
    bob.shows("You are bob");
    bob.keys("/open lobby\r");
    bob.shows("you are not in lobby: Alt-C joins");
    bob.keys("later\r");
    bob.shows("lobby is a room, to be joined first: Alt-C, or /connect lobby");
    assert_eq!(world.ctl(2, &["outbox"]).ok(), "");
    bob.keys("\x1bc");
    bob.shows("1 other here");
}

#[test]
fn the_first_frame_comes_after_as_few_requests_however_long_the_log_is() {
    let world = World::new();
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    let event = |id| Event {
        id,
        at_ms: id,
        chat: 1,
        peer: peer.clone(),
        secure: None,
        answers: None,
        what: message(&format!("line {id}")),
    };
    let page = || vec![Answer::Reply(Reply::History { events: vec![event(100_000)], older: Some(100_000) })];
    let (chats, messages) = (Vec::new(), Vec::new());
    let peers = vec![PeerInfo {
        peer: peer.clone(),
        dialect: "plain".to_owned(),
        notes: Vec::new(),
        seen_ms: Some(1),
        pinned: false,
        read: None,
    }];
    let alice = world.start(1, &["--user", "alice"]);
    let status = alice.client().status();
    let script = vec![
        hello(),
        page(),
        vec![Answer::Reply(Reply::Status(Box::new(status)))],
        vec![Answer::Reply(Reply::Chats { chats, more: true })],
        vec![Answer::Reply(Reply::Outbox { messages, more: true })],
        vec![Answer::Reply(Reply::Peers { peers, more: true })],
        page(),
        // What is asked next has no answer any more.
        vec![],
    ];
    let socket = world.path("scripted.sock");
    let _asked = scripted(&socket, vec![script]);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(&socket).args(["chat", "bob"]);
    let screen = Terminal::start(&command, 20, 90);
    screen.shows("bob: line 100000");
}
