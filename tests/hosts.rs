//! Messages for hosts by their names, with the real resolver: each test has an /etc/hosts and DNS servers of its own.

use std::fs;
use std::net::UdpSocket;
use std::time::Instant;

use nix::sys::signal::Signal;
use simp_control::{Answer, Failure, FailureKind, OutboxMessage, Peer, Reply, Request};

use crate::harness::scripted::{asked, hello, scripted};
use crate::harness::{DEADLINE, Daemon, Names, World, run};

fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first message in the outbox, once it is so.
fn kept_when(world: &World, so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let kept = json(&world.ctl(1, &["outbox", "--json"]).ok());
        if so(&kept[0]) {
            return kept[0].clone();
        }
        assert!(Instant::now() < deadline, "{kept:?}");
    }
}

fn threads(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().count()
}

#[test]
fn a_message_for_a_host_follows_its_name_to_another_address() {
    let world = World::new();
    let test = "a_message_for_a_host_follows_its_name_to_another_address";
    let Some(names) = Names::new(test, &world, &[]) else { return };
    let alice = names.start(1, &["--user", "alice"]);
    names.knows("nas.example", &world.address(2));
    names.ctl(&["send", "--queue", "-t", "nsa.example", "hi"]).fails(7, "simpctl: nsa.example: unknown host");
    names
        .ctl(&["send", "--queue", "-t", "nsa", "hi"])
        .fails(7, "simpctl: nsa: neither a known peer nor a known host");
    assert_eq!(names.ctl(&["send", "--queue", "-t", "NAS.example", "backup", "done"]).ok(), "");
    let (two, host) = (format!("{}:7777", world.address(2)), "nas.example:7777");
    let kept = kept_when(&world, |kept| kept["tries"].as_u64() >= Some(1));
    assert_eq!((&kept["to"], &kept["host"]), (&two.as_str().into(), &host.into()));
    let listed = world.ctl(1, &["outbox"]).ok();
    assert!(listed.starts_with(&format!("1  {host} ({two})  ")), "{listed}");
    // It is found elsewhere with the next try, and nobody has to ask for that.
    names.knows("nas.example", &world.address(3));
    let _bob = world.start(3, &["--user", "bob", "--accept", "alice"]);
    assert_eq!(world.ctl(3, &["listen", "--text", "-n", "1", "--timeout", "30"]).ok(), "backup done\n");
    world.ctl(1, &["listen", "--all", "--since", "1", "-n", "2", "--timeout", "30"]).ok();
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
    // What has nothing to look up has no thread for it.
    let deadline = Instant::now() + DEADLINE;
    while threads(&alice) > 1 {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_message_is_kept_by_the_name_of_its_host_while_nobody_can_say_where_that_is() {
    let world = World::new();
    let test = "a_message_is_kept_by_the_name_of_its_host_while_nobody_can_say_where_that_is";
    // Nobody listens there, which is found out at once.
    let Some(names) = Names::new(test, &world, &[&world.address(53)]) else { return };
    let alice = names.start(1, &["--user", "alice"]);
    let unfound = "its name cannot be looked up now (does DNS work here?)";
    let sent = names.ctl(&["send", "--queue", "-t", "nas.example", "hi"]);
    let line = format!("simpctl: nas.example: {unfound}; simpd keeps trying, and the message with it\n");
    assert_eq!((sent.status, sent.stderr), (Some(0), line));
    names.ctl(&["connect", "nas.example"]).fails(7, &format!("simpctl: nas.example: {unfound}"));
    let host = "nas.example:7777";
    let kept = kept_when(&world, |kept| kept["lookup"] == unfound);
    assert_eq!((&kept["to"], &kept["host"]), (&host.into(), &host.into()));
    assert!(kept["next"].is_string(), "{kept}");
    let listed = world.ctl(1, &["outbox"]).ok();
    assert!(listed.starts_with(&format!("1  {host}  ")), "{listed}");
    assert!(
        listed.contains(&format!(" ({unfound}, ")) || listed.contains("looking up nas.example"),
        "{listed}"
    );
    let history = world.ctl(1, &["history"]).ok();
    assert!(history.contains(host), "{history}");
    // The name outlives the run.
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let _alice = names.start(1, &["--user", "alice"]);
    kept_when(&world, |kept| kept["host"] == host);
    names.knows("nas.example", &world.address(2));
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    assert_eq!(world.ctl(2, &["listen", "--text", "-n", "1", "--timeout", "30"]).ok(), "hi\n");
}

#[test]
fn a_dns_server_that_does_not_answer_holds_up_nothing_but_its_own_names() {
    let world = World::new();
    let test = "a_dns_server_that_does_not_answer_holds_up_nothing_but_its_own_names";
    let Some(names) = Names::new(test, &world, &[&world.address(53)]) else { return };
    let silent = UdpSocket::bind((world.address(53), 53)).unwrap();
    silent.set_read_timeout(Some(DEADLINE)).unwrap();
    let alice = names.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    // As simpctl asks that has found nobody who knows: more names than are looked up at a time.
    let mut client = alice.client();
    for n in 0..9 {
        let request = match Request::send(None, "hi") {
            Request::Send { who, chat, text, token, again_after, once, expire_ms, .. } => {
                let (queue, host) = (true, Some(format!("nas-{n}.example")));
                Request::Send {
                    who,
                    chat,
                    text,
                    queue,
                    expire_ms,
                    token,
                    again_after,
                    once,
                    host,
                    answers: None,
                }
            }
            other => panic!("{other:?}"),
        };
        assert!(matches!(client.reply(&request), Reply::Queued { chat: 0, .. }));
    }
    // Somebody waits for its answer by now, in vain.
    silent.recv_from(&mut [0; 512]).unwrap();
    world.ctl(1, &["send", "there?"]).ok();
    world.ctl(2, &["send", "yes"]).ok();
    assert_eq!(world.ctl(1, &["listen", "--text", "-n", "1", "--timeout", "30"]).ok(), "yes\n");
    let kept = json(&world.ctl(1, &["outbox", "--json"]).ok());
    assert!(kept.len() == 9 && kept.iter().all(|kept| kept["lookup"] == "asked"), "{kept:?}");
    assert!(world.ctl(1, &["outbox"]).ok().contains("  looking up nas-0.example  "));
    assert!(threads(&alice) <= 5, "{} threads", threads(&alice));
    let taken: String = world.ctl(1, &["outbox", "cancel", "nas-3.example", "--json"]).ok();
    assert_eq!(json(&taken).len(), 1);
    // Nor does it hold up the end.
    world.ctl(1, &["stop"]).ok();
    assert_eq!(alice.wait(), Some(0));
}

#[test]
fn messages_are_cancelled_by_whom_they_are_for() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (nobody, eve) = (world.address(9), world.peer(3, "eve"));
    let queue = |to: &str| world.ctl(1, &["send", "--queue", "-t", to, "hi"]).ok();
    let cancel = |args: &[&str]| world.ctl(1, &[&["outbox", "cancel"], args].concat());
    cancel(&["--all"]).fails(7, "simpctl: the outbox is empty");
    for to in [&nobody, "localhost:9", &nobody, "localhost:8"] {
        queue(to);
    }
    let none = "the outbox has nothing for a peer or host of this name (see: simpctl outbox)";
    cancel(&["bob"]).fails(7, &format!("simpctl: bob: {none}"));
    cancel(&["localhost:7"]).fails(7, &format!("simpctl: localhost:7: {none}"));
    cancel(&[" "]).fails(2, "simpctl: ' ': nobody is called so (leave it out if there is only one)");
    let which = "which messages? (give an id, whom they are for, or --all; see: simpctl outbox)";
    cancel(&[]).fails(2, &format!("simpctl: {which}"));
    cancel(&["1", "--all"]).fails(2, "simpctl: --all takes all messages out: give it or WHICH, not both");
    cancel(&["99999999999999999999"])
        .fails(7, "simpctl: message 99999999999999999999: no such message (see: simpctl outbox)");
    assert_eq!(cancel(&["localhost:9", "--json"]).ok(), "{\"cancelled\":2}\n");
    assert_eq!(cancel(&[&nobody, "--json"]).ok(), "{\"cancelled\":1}\n{\"cancelled\":3}\n");
    // By the address that the host had.
    assert_eq!(cancel(&["127.0.0.1", "--json"]).ok(), "{\"cancelled\":4}\n");
    // What is on its way stays, and what is kept for somebody is found by his name, too.
    eve.open(&world.address(1));
    queue("eve");
    eve.expect(simp_proto::Operation::Chat, 0, b"hi");
    let message = json(&world.ctl(1, &["outbox", "--json"]).ok())[0]["id"].clone();
    let in_flight = format!("simpctl: message {message} is already being delivered (see: simpctl outbox)");
    cancel(&["eve"]).fails(1, &in_flight);
    queue(&nobody);
    cancel(&["--all"]).fails(1, &in_flight);
    assert_eq!(json(&world.ctl(1, &["outbox", "--json"]).ok()).len(), 1);
}

#[test]
fn a_full_outbox_says_what_fills_it_and_how_to_make_room() {
    let world = World::new();
    let config = world.path("simpd.toml");
    fs::write(&config, "outbox_max = 3\noutbox_peer_max = 2\noutbox_bytes = 1000000").unwrap();
    let _alice = world.start(1, &["--config", &config.display().to_string()]);
    let queue = |to: &str| world.ctl(1, &["send", "--queue", "-t", to, "hi"]);
    let (nobody, other) = (world.address(9), world.address(8));
    let full = |held: &str, whose: &str| {
        let remedy = format!("see: simpctl outbox; cancel them: simpctl outbox cancel {whose}");
        format!("simpctl: the outbox has {held}, and takes no more ({remedy})")
    };
    queue(&nobody).ok();
    queue(&nobody).ok();
    queue(&nobody).fails(1, &full(&format!("2 messages for {nobody}:7777"), &format!("{nobody}:7777")));
    queue("localhost:9").ok();
    queue(&other).fails(1, &full("3 messages", "WHO"));
    world.ctl(1, &["outbox", "cancel", &nobody]).ok();
    queue(&other).ok();
}

#[test]
fn an_older_simpd_is_given_the_address_of_a_host_and_cancels_one_message_at_a_time() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let ctl = |args: &[&str]| {
        let mut command = world.command("simpctl");
        command.arg("-d").arg(&path).args(args);
        run(command, "")
    };
    let nobody = Failure::new(FailureKind::NoSuch, "localhost:9: no chat with a user of this name");
    let queued = vec![Answer::Reply(Reply::Queued { message: 1, chat: 0 })];
    let script = scripted(&path, vec![vec![hello(), vec![Answer::Failure(nobody)], queued]]);
    ctl(&["send", "--queue", "-t", "localhost:9", "hi"]).ok();
    let asked = asked(&script).remove(0);
    assert!(
        matches!(&asked[2], Request::Send { who: Some(who), host: None, .. } if who == "127.0.0.1:9"),
        "{asked:?}"
    );
    fs::remove_file(&path).unwrap();
    let _script = scripted(&path, vec![vec![hello()]]);
    let remedy = "install simpctl and simpd from the same release, and restart simpd";
    let lacks = "can only take out one message at a time, by its id";
    ctl(&["outbox", "cancel", "--all"])
        .fails(3, &format!("simpctl: simpd on {} {lacks} ({remedy})", path.display()));
}

#[test]
fn what_an_outbox_has_for_hosts_is_shown_without_a_word_of_what_it_does_not_say() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let message = OutboxMessage {
        message: 7,
        peer: Peer { user: String::new(), address: "nas:7777".to_owned() },
        host: Some("nas:7777\u{1b}".to_owned()),
        lookup: None,
        text: "hi".to_owned(),
        at_ms: 0,
        expires_ms: None,
        tries: 0,
        reason: None,
        next_ms: None,
    };
    let outbox = vec![Answer::Reply(Reply::Outbox { messages: vec![message], more: false })];
    let chats = vec![Answer::Reply(Reply::Chats { chats: vec![], more: false })];
    let status = world.start(1, &["--user", "alice"]).client().status();
    let status = vec![Answer::Reply(Reply::Status(Box::new(status)))];
    let _script = scripted(&path, vec![vec![hello(), outbox, chats, status]]);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(&path).arg("outbox");
    let shown = run(command, "").ok();
    assert!(shown.contains("nas:7777\\x1b (nas:7777)") && shown.contains("inviting"), "{shown}");
}
