//! Chats that are to be secure, or plain, and cannot be.

use std::net::UdpSocket;

use crate::harness::World;

/// Of those who are asked for a chat, what they are told.
#[track_caller]
fn fails(world: &World, args: &[&str], status: i32, line: &str) {
    world.ctl(1, args).fails(status, &format!("simpctl: {line}"));
}

#[test]
fn a_chat_of_the_other_kind_is_not_taken_for_what_was_asked() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let two = world.address(2);
    let at = format!("{two}:7777");
    for (there, wanted, kind) in [("--plain", "--secure", "plain"), ("--secure", "--plain", "secure")] {
        world.ctl(1, &["connect", there, &two]).ok();
        let line = format!("there is a {kind} chat with bob@{at} already (end it first: simpctl quit {at})");
        fails(&world, &["connect", wanted, &two], 1, &line);
        assert!(world.ctl(1, &["connect", there, &two]).ok().starts_with(&format!("connected to bob@{at}")));
        assert!(world.ctl(1, &["connect", &two]).ok().starts_with(&format!("connected to bob@{at}")));
        world.ctl(1, &["quit"]).ok();
    }
}

#[test]
fn a_request_of_the_other_kind_is_not_accepted_by_who_wants_this_one() {
    let world = World::new();
    let [alice, _bob] = [world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"])];
    let (one, two) = (world.address(1), world.address(2));
    let at = format!("{two}:7777");
    for (there, wanted, kind) in [("--plain", "--secure", "plain"), ("--secure", "--plain", "secure")] {
        let inviting = world.spawn_ctl(2, &["connect", there, &one]);
        alice.client().status_when(|status| status.requests == 1);
        let line = format!("bob@{at} invites to a {kind} chat (decline that first: simpctl decline {at})");
        fails(&world, &["connect", wanted, &two], 1, &line);
        world.ctl(1, &["decline"]).ok();
        inviting.wait().fails(4, &format!("simpctl: {one}:7777 declined"));
    }
}

#[test]
fn a_simpd_whose_second_port_is_taken_says_so_wherever_one_looks() {
    let world = World::new();
    let (one, two) = (world.address(1), world.address(2));
    let _taken = UdpSocket::bind((&*one, 7776)).unwrap();
    let why = format!(
        "{one}:7776: the port is taken by another program (secure chats need this port too: choose another \
         address, or secure = \"off\" in simpd.toml)"
    );
    let ran = world.simpd(&[&one, "--user", "alice", "--background"]);
    assert_eq!(
        (ran.status, ran.stdout, ran.stderr),
        (
            Some(0),
            format!("simpd: ready on {one}:7777 as alice; all chats are plain: {why}\n"),
            String::new()
        )
    );
    let status = world.ctl(1, &["status"]).ok();
    let plain = status.lines().find_map(|line| line.strip_prefix("plain "));
    assert_eq!(plain.map(str::trim), Some(&*why));
    let key = "SHA256:AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk";
    fails(
        &world,
        &["connect", "--secure", &two],
        1,
        &format!("{two}:7777: this chat must be secure, but {why}"),
    );
    world.ctl(1, &["keys", "trust", &two, key]).ok();
    fails(&world, &["connect", &two], 1, &format!("{two}:7777: this chat must be secure, but {why}"));
    world.ctl(1, &["keys", "forget", &two]).ok();
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    assert_eq!(world.ctl(1, &["connect", &two]).ok(), format!("connected to bob@{two}:7777\n"));
    world.ctl(1, &["stop"]).ok();
}

#[test]
fn who_wants_a_secure_chat_where_there_can_be_none_is_told_why() {
    let world = World::new();
    let (two, three) = (world.address(2), world.address(3));
    let config = world.path("simpd.toml");
    std::fs::write(&config, format!("[peers]\n'{two}' = 'never-secure'")).unwrap();
    let _alice = world.start(1, &["--config", config.to_str().unwrap()]);
    let line = format!(
        "{two}:7777: secure chats with it are off (remove never-secure from its line in [peers] of simpd.toml)"
    );
    fails(&world, &["connect", "--secure", &two], 1, &line);
    std::fs::write(&config, "secure = 'off'").unwrap();
    let _carol = world.start(3, &["--config", config.to_str().unwrap()]);
    let why = "(is simpd running on that host, and not with secure = \"off\"?)";
    let line = format!("{three}:7777: nobody listens for secure chats there {why}");
    fails(&world, &["connect", "--secure", &three], 1, &line);
}
