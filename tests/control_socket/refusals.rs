//! Requests that make sense and cannot be carried out: each is refused with one line that says why, and what helps.

use simp_control::{Answer, Failure, FailureKind, FollowFrom, Reason, Request, Takes, What};
use simp_proto::Operation;

use super::open_chat;
use crate::harness::{World, connect, message, send};

#[test]
fn a_text_that_simp_can_carry_arrives_and_any_other_is_refused_with_the_reason() {
    let world = World::new();
    let (_alice, mut client, bob) = open_chat(&world);
    for (text, line) in [
        ("", "an empty text cannot be sent"),
        ("gr\u{fc}n", "a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not"),
        ("\u{1f600}", "a text must be ASCII; '\u{1f600}' (U+1F600) at position 1 is not"),
        ("a\0b", "a text must be ASCII; the character U+0000 at position 2 is not"),
        (&"x".repeat(986), "a text has at most 985 characters, this one has 986 (send it in parts)"),
        (&"x".repeat(900_000), "a text has at most 985 characters, this one has 900000 (send it in parts)"),
    ] {
        // Of nothing no peer takes anything, whatever is made of it.
        let takes = (!text.is_empty()).then_some(Takes { bytes: 985, ascii: true });
        let refused = Failure { takes, ..Failure::new(FailureKind::Usage, line) };
        assert_eq!(client.ask(&send(None, text)), Answer::Failure(refused));
    }
    let longest: String = (b' '..=b'~').cycle().take(985).map(char::from).collect();
    for (seq, text) in [(0, longest.as_str()), (1, "\x1b[31m\t\r\n"), (0, " ")] {
        client.send(text);
        bob.hear(&world.address(1), seq, text);
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
    let quit = |who: Option<&str>| Request::Quit { who: who.map(str::to_owned), chat: None, now: false };
    client.fails(&accept(None), NoSuch, "there is no request");
    client.fails(&decline(Some("bob")), NoSuch, "there is no request");
    client.fails(&quit(None), NoSuch, "there is no chat to quit");
    let line = "there is no open chat (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)";
    client.fails(&send(None, "hi"), NoSuch, line);
    client.fails(&send(Some("bob"), "hi"), NoSuch, line);

    let itself = format!("{to}:7777: this is the address of this simpd");
    for (address, kind, line) in [
        (
            "localhost",
            Usage,
            "localhost: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        ("", Usage, ": not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)"),
        (
            "127.0.0.1:70000",
            Usage,
            "127.0.0.1:70000: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        ("0.0.0.0", Usage, "0.0.0.0:7777: not the address of one host"),
        ("224.0.0.1", Usage, "224.0.0.1:7777: not the address of one host"),
        ("127.0.0.1:0", Usage, "127.0.0.1:0: not the address of one host"),
        (&to, Failed, &itself),
        ("::1", Failed, "[::1]:7777: this simpd speaks IPv4 only (start one on an IPv6 address)"),
    ] {
        client.fails(&connect(address), kind, line);
    }
    for timeout_ms in [0, 86_400_001, u64::MAX] {
        let request =
            Request::Connect { address: world.address(9), timeout_ms: Some(timeout_ms), secure: None };
        client.fails(&request, Usage, "the time limit must be from 0.001 to 86400 s");
    }

    let (bob, carol) = (world.peer(2, "bob"), world.peer(3, "carol"));
    client.follow(FollowFrom::End);
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    carol.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    let both = format!("bob@{}:7777, carol@{}:7777", world.address(2), world.address(3));
    client.fails(
        &accept(None),
        NoSuch,
        &format!("several match: {both} (choose one with simpctl accept WHO)"),
    );
    client.fails(
        &decline(None),
        NoSuch,
        &format!("several match: {both} (choose one with simpctl decline WHO)"),
    );
    client.fails(&accept(Some("dave")), NoSuch, &format!("no match for dave among {both}"));
    client.fails(&quit(None), NoSuch, "there is no chat to quit");
    client.reply(&accept(Some("bob")));
    bob.is_accepted(&to);
    client.expect(What::Opened { note: None });

    let one = format!("bob@{}:7777", world.address(2));
    let line =
        format!("already in a chat with {one} (end it: simpctl quit, or start simpd with --max-chats 2)");
    client.fails(&accept(Some("carol")), Failed, &line);
    client.fails(&connect(&world.address(4)), Failed, &line);
    let keep =
        "open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR";
    client.fails(&send(Some("carol"), "hi"), NoSuch, &format!("no match for carol among {one} ({keep})"));
    client.fails(&quit(Some("carol")), NoSuch, &format!("no match for carol among {one}"));

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
        let line = format!("{itself}: this is the address of this simpd");
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
    carol.say(&to, 0, "here");
    let both = format!("bob@{}:7777, carol@{}:7777", world.address(2), world.address(3));
    let line = format!("several match: {both} (choose one with -t WHO)");
    client.fails(&send(None, "hi"), FailureKind::NoSuch, &line);
    let line = format!("several match: {both} (choose one with simpctl quit WHO)");
    client.fails(&Request::Quit { who: None, chat: None, now: false }, FailureKind::NoSuch, &line);
    let line = "the limit of 2 chats is reached (end one, or start simpd with a higher --max-chats)";
    client.fails(&connect(&world.address(4)), FailureKind::Failed, line);
    client.reply(&send(Some("carol"), "to carol"));
    carol.expect(Operation::Chat, 0, b"to carol");
    client.reply(&send(Some(&world.address(2)), "to bob"));
    bob.expect(Operation::Chat, 0, b"to bob");
    assert_eq!(client.log().iter().filter(|event| event.what == message("here")).count(), 1);
}
