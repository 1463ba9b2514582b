//! Names of users between simpds: in any script, and held to the keys that they are known by.

use std::path::Path;

use crate::harness::{World, has_program, is_connected_to, is_root, run};

#[test]
fn a_name_is_told_as_it_is_in_a_secure_chat_and_in_ascii_in_a_plain_one() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "\u{c4}lice \u{416}"]);
    let _bob = world.start(2, &["--user", "jo\u{308}rg", "--accept", "\u{c4}lice \u{416},Alice ?"]);
    let at = format!("{}:7777", world.address(2));
    let connected = world.ctl(1, &["connect", &at]).ok();
    assert!(
        connected.starts_with(&format!("connected to j\u{f6}rg@{at} (secure, new key SHA256:")),
        "{connected}"
    );
    world.ctl(2, &["send", "-t", "\u{c4}lice \u{416}", "hi"]).ok();
    assert_eq!(world.ctl(1, &["listen", "-n", "1"]).ok(), "j\u{f6}rg: hi\n");
    assert!(world.ctl(2, &["status"]).ok().contains("\nuser               j\u{f6}rg\n"));
    for host in [1, 2] {
        world.ctl(host, &["quit"]);
        world.ctl(host, &["keys", "forget", "j\u{f6}rg"]);
        world.ctl(host, &["keys", "forget", "\u{c4}lice \u{416}"]);
    }
    assert_eq!(world.ctl(1, &["connect", "--plain", &at]).ok(), format!("connected to jorg@{at}\n"));
    world.ctl(2, &["send", "-t", "Alice ?", "hi"]).ok();
}

#[test]
fn whoever_comes_under_a_name_with_another_key_is_refused_and_the_log_says_why() {
    let world = World::new();
    let _carol = world.start(1, &["--user", "carol"]);
    let _bob = world.start(2, &["--user", "bob"]);
    let alice = world.start(3, &["--user", "alice", "--accept", "all"]);
    let at = format!("{}:7777", world.address(3));
    let key = world.ctl(1, &["key"]).ok();
    world.ctl(3, &["keys", "trust", "bob", key.trim()]).ok();
    let remedy = "(if yours is right, its user there has to forget it: simpctl keys forget bob)";
    world
        .ctl(2, &["connect", &at])
        .fails(4, &format!("simpctl: {at} declined: another key is known of bob there {remedy}"));
    assert!(alice.log().contains("refused: the name has another key"), "{}", alice.log());
    let _plain = world.start(4, &["--user", "bob"]);
    world
        .ctl(4, &["connect", "--plain", &at])
        .fails(4, &format!("simpctl: {at} declined: Only secure chats with you"));
    assert!(alice.log().contains("refused: it invites in the clear under a name that has a key"));
    assert_eq!(world.ctl(3, &["chats"]).ok(), "");
}

#[test]
fn a_request_under_a_name_that_looks_like_another_says_so() {
    let world = World::new();
    let _bob = world.start(1, &["--user", "bob"]);
    let _eve = world.start(2, &["--user", "b\u{43e}b"]);
    let _alice = world.start(3, &["--user", "alice", "--accept", "bob,b\u{43e}b", "--max-chats", "4"]);
    world.ctl(1, &["connect", &world.address(3)]).ok();
    world.ctl(2, &["connect", &world.address(3)]).ok();
    let chats = world.ctl(3, &["chats"]).ok();
    assert_eq!(chats.lines().filter(|line| line.ends_with("; looks like bob")).count(), 1, "{chats}");
}

#[test]
fn a_peer_is_invited_by_its_name_if_it_is_clear_who_is_meant() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice", "--max-chats", "9"]);
    let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    let connect = |name: &str| world.ctl(1, &["connect", name]);
    connect("bob").fails(7, "simpctl: bob: neither a known peer nor a known host");
    // Whoever only asks is nobody that is known.
    let asking = world.spawn_ctl(2, &["connect", &world.address(1)]);
    alice.client().status_when(|status| status.requests == 1);
    connect("bob").fails(7, "simpctl: bob: neither a known peer nor a known host");
    world.ctl(1, &["accept"]).ok();
    assert_eq!(asking.wait().status, Some(0));
    let two = format!("bob@{}:7777", world.address(2));
    is_connected_to(&two, &connect("bob").ok());
    world.ctl(1, &["quit"]).ok();
    is_connected_to(&two, &connect("bob").ok());
    world.ctl(1, &["quit"]).ok();
    connect("bob.").fails(7, "simpctl: bob.: unknown host");

    // With another of the name it is not clear any more, until a key is trusted for it.
    let key = world.ctl(2, &["key"]).ok();
    let _other = world.start(3, &["--user", "bob", "--accept", "all"]);
    world.ctl(1, &["connect", &world.address(3)]).ok();
    world.ctl(1, &["quit"]).ok();
    let both = format!("{}:7777, {}:7777", world.address(2), world.address(3));
    let line = format!("simpctl: bob: several peers are called so: {both} (give the address of one)");
    connect("bob").fails(7, &line);
    world.ctl(1, &["send", "--queue", "-t", "bob", "hi"]).fails(7, &line);
    world.ctl(1, &["keys", "trust", "bob", key.trim()]).ok();
    is_connected_to(&two, &connect("bob").ok());
    world.ctl(1, &["quit"]).ok();
    drop(bob);
    world.ctl(1, &["send", "--queue", "-t", "bob", "hi"]).ok();
    assert!(world.ctl(1, &["outbox"]).ok().contains(&world.address(2)));
}

#[test]
fn a_peer_that_is_called_like_a_host_is_not_taken_for_it() {
    let test = "a_peer_that_is_called_like_a_host_is_not_taken_for_it";
    if !is_root(test) || !["unshare", "ip"].iter().all(|program| has_program(test, program)) {
        return;
    }
    let world = World::new();
    let script = format!(
        "ip link set lo up; export SIMP_DAEMON={one}
        simpd {one} --user alice --background
        meet() {{
            simpd {two} --user $1 --accept all --background
            simpctl connect {two}; simpctl quit; simpctl connect --plain $1; simpctl connect --plain localhost.
            simpctl -d {two} stop
        }}
        meet localhost. 2>&1; meet localhost 2>&1; simpctl stop",
        one = world.address(1),
        two = world.address(2),
    );
    let mut command = world.command("unshare");
    let programs = Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap();
    let path = format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", programs.display());
    command.env("PATH", path).args(["--net", "sh", "-c", &script]);
    let said = run(command, "").ok();
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("simpd: ")).collect();
    let nobody = "simpctl: 127.0.0.1:7777: nobody listens there (is simpd running on that host?)";
    assert_eq!((said.len(), said[1], said[2], said[5]), (6, nobody, nobody, nobody), "{said:?}");
    // Without a dot it is the peer, which is not spoken to in plain SIMP, as its key is known.
    assert!(said[4].contains(&world.address(2)), "{said:?}");
}
