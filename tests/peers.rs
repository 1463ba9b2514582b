//! Peers that speak otherwise, as a user sees them: what is told of them, kept, forgotten and said in simpd.toml, and
//! messages that such a peer cannot confirm or receive.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use simp_control::{FollowFrom, Reason, What};
use simp_proto::Operation;

use crate::harness::{Daemon, World, queued};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes a simpd.toml that says how the peer on address 2 speaks, and returns its path.
fn pin(world: &World, habits: &str) -> String {
    let path = world.path("simpd.toml");
    std::fs::write(&path, format!("[peers]\n\"{}\" = \"{habits}\"\n", world.address(2))).unwrap();
    path.display().to_string()
}

fn alice(world: &World, config: &str) -> Daemon {
    world.start(1, &["--user", "alice", "--accept", "all", "--config", config])
}

/// The settings are read again.
fn read_again(daemon: &Daemon) {
    let before = daemon.log().matches("configuration reloaded").count();
    daemon.signal(Signal::SIGHUP);
    daemon.client().status_when(|_| daemon.log().matches("configuration reloaded").count() > before);
}

#[test]
fn what_a_peer_shows_is_listed_used_again_and_forgotten() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    let at = format!("{}:7777", world.address(2));
    assert_eq!(world.ctl(1, &["peers"]).ok(), "");
    assert_eq!(world.ctl(1, &["peers", "--json"]).ok(), "");
    bob.open(&to);
    bob.say(&to, 0, "\0hi");
    let known = world.ctl(1, &["peers"]).ok();
    let columns: Vec<&str> = known.trim_end().split("  ").collect();
    assert_eq!(
        (&columns[..2], &columns[3..]),
        (&[&at, "bob"][..], &["leading-nul", "cuts at 984 bytes"][..])
    );
    let known = lines(&world.ctl(1, &["peers", "--json"]).ok()).remove(0);
    let expected = json!({
        "peer": format!("bob@{at}"), "dialect": "leading-nul", "notes": ["cuts at 984 bytes"],
        "seen": known["seen"], "pinned": false,
    });
    assert_eq!(known, expected);
    assert!(known["seen"].is_string());
    // The next chat begins with it.
    bob.send(&to, Operation::Fin, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    bob.open(&to);
    let opened = lines(&world.ctl(1, &["history", "--all", "--json"]).ok()).pop().unwrap();
    assert_eq!((&opened["event"], &opened["note"]), (&json!("opened"), &json!("cuts at 984 bytes")));
    assert_eq!(world.ctl(1, &["peers", "forget", "bob"]).ok(), "");
    assert_eq!(world.ctl(1, &["peers"]).ok(), "");
    // What is not new is not kept again.
    bob.say(&to, 0, "\0hi again");
    assert_eq!(world.ctl(1, &["peers"]).ok(), "");
    bob.say(&to, 1, "no longer");
    assert!(world.ctl(1, &["peers"]).ok().trim_end().ends_with("  plain"));
    assert_eq!(world.ctl(1, &["peers", "forget", "--all", "--json"]).ok(), "{\"forgotten\":1}\n");
    assert_eq!(world.ctl(1, &["peers", "forget", "--all", "--json"]).ok(), "{\"forgotten\":0}\n");
}

#[test]
fn what_cannot_be_forgotten_is_named_with_the_remedy() {
    let world = World::new();
    let alice = alice(&world, &pin(&world, "plain"));
    let two = world.address(2);
    for who in ["10.0.0.9", "10.0.0.9:7777", "eve@10.0.0.9:7777"] {
        world.ctl(1, &["peers", "forget", who]).fails(
            7,
            &format!("simpctl: {who}: nothing is known about this peer (list them: simpctl peers)"),
        );
    }
    for who in [two.clone(), format!("{two}:7778"), format!("bob@{two}:7777")] {
        let remedy = format!("change [peers] there, then: kill -HUP {}", alice.pid());
        world
            .ctl(1, &["peers", "forget", &who])
            .fails(7, &format!("simpctl: {who}: set in simpd.toml, nothing was learned ({remedy})"));
    }
    world.ctl(1, &["peers", "forget"]).fails(2, "simpctl: no peer given (name one, or use --all)");
    world
        .ctl(1, &["peers", "forget", "--all", "bob"])
        .fails(2, "simpctl: --all means every peer: do not name one too");
    let pinned = json!({"peer": two, "dialect": "plain", "notes": [], "pinned": true});
    assert_eq!(lines(&world.ctl(1, &["peers", "--json"]).ok()), [pinned]);
}

#[test]
fn what_is_special_about_a_peer_is_told_wherever_its_chat_is() {
    let world = World::new();
    let config = pin(&world, "takes-turns, cuts-at=500");
    let daemon = alice(&world, &config);
    let (to, bob, note) = (world.address(1), world.peer(2, "bob"), "takes turns; cuts at 500 bytes");
    let name = format!("bob@{}:7777", world.address(2));
    let connect = world.spawn_ctl(1, &["connect", &world.address(2)]);
    bob.expect(Operation::Syn, 0, b"");
    bob.send(&to, Operation::SynAck, 0, b"");
    assert_eq!(connect.wait().ok(), format!("connected to {name} ({note})\n"));
    let again = lines(&world.ctl(1, &["connect", &world.address(2), "--json"]).ok());
    assert_eq!(again[0]["note"], note);
    assert!(world.ctl(1, &["chats"]).ok().trim_end().ends_with(note));
    assert_eq!(lines(&world.ctl(1, &["chats", "--json"]).ok())[0]["note"], note);
    assert!(world.ctl(1, &["status"]).ok().ends_with(&format!("{name} {note}\n")));
    let notes = &lines(&world.ctl(1, &["status", "--json"]).ok())[0]["notes"];
    assert_eq!(notes[0]["note"], note);
    let line = format!("* chat with {name} is open ({note})");
    assert!(world.ctl(1, &["history", "--all"]).ok().trim_end().ends_with(&line));
    let all = world.ctl(1, &["listen", "--all", "--since", "1", "-n", "1"]).ok();
    assert_eq!(all.trim_end(), line);
    // Whatever it shows, it is what simpd.toml says, and nothing of it is kept.
    bob.expect(Operation::Ack, 0, b"");
    bob.say(&to, 0, "\0hi");
    assert_eq!(world.ctl(1, &["listen", "-n", "1", "--text"]).ok(), "hi\n");
    let peers = world.ctl(1, &["peers"]).ok();
    assert_eq!(peers.trim_end(), format!("{}  -  pinned  takes-turns,cuts-at=500  {note}", world.address(2)));
    // A start takes the chat up as the file has it then.
    world.ctl(1, &["stop"]).ok();
    drop(daemon);
    let _alice = alice(&world, &pin(&world, "takes-turns"));
    assert!(world.ctl(1, &["chats"]).ok().trim_end().ends_with("  takes turns"));
}

#[test]
fn the_form_of_an_invitation_changes_nothing_of_what_simpd_toml_says() {
    let world = World::new();
    let _alice = alice(&world, &pin(&world, "plain"));
    let bob = world.peer(2, "bob");
    let short = |operation: Operation| [&operation.fields()[..], &[0], b"bob", &[0; 29]].concat();
    for operation in [Operation::Syn, Operation::Ack, Operation::Fin] {
        assert_eq!(short(operation).len(), 35);
        bob.send_raw(&world.address(1), &short(operation));
    }
    bob.expect(Operation::SynAck, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
}

#[test]
fn a_text_that_is_too_long_for_its_peer_is_refused() {
    let world = World::new();
    let _alice = alice(&world, &pin(&world, "cuts-at=500"));
    let (to, bob, two) = (world.address(1), world.peer(2, "bob"), world.address(2));
    let (fits, longer) = ("x".repeat(500), "x".repeat(501));
    let line = |peer: &str| {
        let most = "receives at most 500 bytes of a message, this one has 501 (send it in parts)";
        format!("simpctl: {peer} {most}")
    };
    world.ctl(1, &["send", "--queue", "-t", &two, &longer]).fails(2, &line(&format!("{two}:7777")));
    bob.open(&to);
    let name = format!("bob@{two}:7777");
    world.ctl(1, &["send", &longer]).fails(2, &line(&name));
    world.ctl(1, &["send", "--queue", "-t", "bob", &longer]).fails(2, &line(&name));
    let streamed = format!(
        "{}\nsimpctl: 1 of 1 lines was not sent",
        line("").replacen("simpctl: ", &format!("simpctl: standard input line 1: {name}"), 1)
    );
    world.ctl_with(1, &["send"], &format!("{longer}\n")).fails(1, &streamed);
    let failure = lines(&world.ctl(1, &["send", "--json", &longer]).stdout).remove(0);
    assert_eq!(failure["kind"], "usage");
    world.ctl(1, &["send", "--no-wait", &fits]).ok();
    bob.expect(Operation::Chat, 0, fits.as_bytes());
}

#[test]
fn a_message_that_became_too_long_for_its_peer_is_given_up_and_holds_up_none_after_it() {
    let world = World::new();
    let config = pin(&world, "plain");
    let daemon = alice(&world, &config);
    let (to, two, longer) = (world.address(1), world.address(2), "x".repeat(501));
    let waits = world.spawn_ctl(1, &["send", "--queue", "--timeout", "30", "-t", &two, &longer]);
    let mut client = daemon.client();
    client.follow(FollowFrom::After(0));
    client.expect(queued(&longer));
    world.ctl(1, &["send", "--queue", "-t", &two, "short"]).ok();
    client.expect(queued("short"));
    pin(&world, "cuts-at=500");
    read_again(&daemon);
    let bob = world.peer(2, "bob");
    bob.open(&to);
    client.expect(What::Request);
    let event = client.expect(What::Undelivered { message: 1, reason: Reason::TooLong });
    assert_eq!(event.chat, 0);
    bob.expect(Operation::Chat, 0, b"short");
    waits.wait().fails(
        8,
        "simpctl: not delivered: too long (its peer accepts only shorter messages; send it in parts)",
    );
    world.ctl(1, &["resend", "1"]).fails(
        2,
        &format!(
            "simpctl: {two}:7777 receives at most 500 bytes of a message, this one has 501 (send it in parts)"
        ),
    );
}

#[test]
fn what_a_peer_cannot_confirm_is_told_as_sent_and_may_be_sent_again() {
    let world = World::new();
    let _alice = alice(&world, &pin(&world, "never-acks"));
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    let name = format!("bob@{}:7777", world.address(2));
    bob.open(&to);
    let sent = world.spawn_ctl(1, &["send", "hi"]);
    bob.expect(Operation::Chat, 0, b"hi");
    assert_eq!(sent.wait().ok(), format!("sent, not confirmed: {name} has not acknowledged it\n"));
    let unconfirmed = lines(&world.ctl(1, &["history", "--all", "-n", "1", "--json"]).ok()).remove(0);
    let message = unconfirmed["message"].as_u64().unwrap();
    assert_eq!((&unconfirmed["event"], &unconfirmed["to"]), (&json!("unconfirmed"), &json!(name)));
    let line = format!("* message {message} is sent to {name}, not confirmed");
    assert!(world.ctl(1, &["history", "--all", "-n", "1"]).ok().trim_end().ends_with(&line));
    let shown = world.ctl(1, &["history"]).ok();
    assert!(shown.trim_end().ends_with("you -> bob: hi (not confirmed)"), "{shown}");
    world
        .ctl(1, &["outbox", "cancel", &message.to_string()])
        .fails(1, &format!("simpctl: message {message}: was already sent, but not confirmed"));
    world.ctl(1, &["resend", &message.to_string()]).ok();
    bob.expect(Operation::Chat, 1, b"hi");
    world
        .ctl(1, &["resend", &message.to_string()])
        .fails(1, &format!("simpctl: message {message}: was already resent as message {}", message + 2));
    let sent = lines(&world.ctl(1, &["send", "--json", "bye"]).ok());
    assert_eq!(sent[0]["event"], "unconfirmed");
    // What still waits when our user leaves is told of, too.
    let queued = ["one", "two"].map(|text| {
        let queued = world.ctl(1, &["send", "--no-wait", "--json", text]).ok();
        lines(&queued).remove(0)["id"].as_u64().unwrap()
    });
    let quit = world.spawn_ctl(1, &["quit"]);
    for (seq, text) in [(0, "bye"), (1, "one"), (0, "two")] {
        bob.expect(Operation::Chat, seq, text.as_bytes());
    }
    let fin = bob.receive();
    assert_eq!(fin.operation, Operation::Fin);
    bob.send(&to, Operation::Ack, fin.seq, b"");
    let quit = quit.wait();
    assert_eq!((quit.status, quit.stdout.as_str()), (Some(0), ""));
    let told = quit.stderr.lines().last().unwrap_or_default();
    assert!(told.starts_with("simpctl: sent, not confirmed: message"), "{told}");
    assert!(told.ends_with(&format!(" {}", queued[1])), "{told}");
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
}

#[test]
fn a_table_of_peers_that_makes_no_sense_is_named_and_changes_nothing() {
    let world = World::new();
    let config = pin(&world, "takes-turns");
    let daemon = alice(&world, &config);
    let (one, two) = (world.address(3), world.address(2));
    pin(&world, "pads");
    daemon.signal(Signal::SIGHUP);
    daemon.client().status_when(|_| daemon.log().contains("configuration not changed: "));
    let line = format!(
        "{config}: line 2: [peers] '{two}': unknown habit 'pads' (known: plain, cuts-at=N with N from 1 to 985, two-byte-length, "
    );
    assert!(daemon.log().contains(&line), "{}", daemon.log());
    assert!(world.ctl(1, &["peers"]).ok().contains("takes-turns"));
    let refused = world.simpd(&[&one, "--config", &config]);
    assert_eq!((refused.status, refused.stderr.lines().count()), (Some(2), 1));
    assert!(refused.stderr.starts_with(&format!("simpd: {line}")), "{}", refused.stderr);
    std::fs::write(world.path("simpd.toml"), "[peers]\n127.0.0.2 = \"plain\"\n").unwrap();
    world.simpd(&[&one, "--config", &config]).fails(
        2,
        &format!("simpd: {config}: line 2: [peers] '127': the address and its habits must each be between quotation marks (\"127.0.0.2\" = \"plain\")"),
    );
    std::fs::write(world.path("simpd.toml"), "[peers]\nbob = \"plain\"\n").unwrap();
    world.simpd(&[&one, "--config", &config]).fails(
        2,
        &format!("simpd: {config}: line 2: [peers] 'bob': not an address (ADDR or ADDR:PORT, for example \"127.0.0.1\" or \"[::1]:7777\")"),
    );
}
