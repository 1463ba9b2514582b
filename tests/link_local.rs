//! Link-local addresses, which mean something only together with an interface: by its name or its number, in every program
//! and setting.

use std::fs;
use std::thread;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};

use crate::harness::{Running, World, has_program, is_connected_to, is_root, run, skipped};

/// Runs a test in a network of its own, in which two interfaces are connected: `left` has fe80::a1 and `right` fe80::b1.
fn in_a_network(test: &'static str, body: fn(&World)) {
    if !is_root(test) || !has_program(test, "ip") {
        return;
    }
    // Of this thread alone, and of what it starts.
    let thread = thread::spawn(move || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return skipped(test, "no network can be made here");
        }
        let world = World::new();
        for line in [
            "link set lo up",
            "link add left type veth peer name right",
            "link set left up",
            "link set right up",
            "-6 addr add fe80::a1/64 dev left nodad",
            "-6 addr add fe80::b1/64 dev right nodad",
        ] {
            let mut ip = world.command("ip");
            ip.args(line.split(' '));
            if run(ip, "").status != Some(0) {
                return skipped(test, "no interfaces with IPv6 can be made here");
            }
        }
        body(&world);
    });
    thread.join().unwrap();
}

fn ctl(world: &World, daemon: &str, args: &[&str]) -> crate::harness::Ran {
    let mut command = world.command("simpctl");
    command.arg("-d").arg(daemon).args(args);
    run(command, "")
}

#[test]
fn an_interface_is_named_or_numbered_wherever_an_address_is_written() {
    in_a_network("an_interface_is_named_or_numbered_wherever_an_address_is_written", |world| {
        let (left, right) = (if_nametoindex("left").unwrap(), if_nametoindex("right").unwrap());
        let _alice = world.start_on(&format!("fe80::a1%{left}"), &["--user", "alice"]);
        let _bob = world.start_on("[fe80::b1%right]:7777", &["--user", "bob", "--accept", "fe80::a1%right"]);
        let peer = format!("[fe80::b1%{left}]:7777");
        let alice = |args: &[&str]| ctl(world, "fe80::a1%left", args);
        for address in
            ["fe80::b1%left", &format!("fe80::b1%{left}"), "[fe80::b1%left]", "[fe80::b1%left]:7777", &peer]
        {
            let connected = alice(&["connect", "--timeout", "20", address]).ok();
            is_connected_to(&format!("bob@{peer}"), &connected);
        }
        // Whoever is bound to a link-local address reaches others by no other interface.
        assert!(alice(&["connect", "fe80::b1"]).ok().contains(&peer));
        assert!(alice(&["chats"]).ok().contains(&format!("bob@{peer}")));
        let names = [
            "fe80::b1",
            "fe80::b1%left",
            "[fe80::b1%left]:7777",
            &peer,
            &format!("bob@{peer}"),
            "bob@[fe80::b1%left]:7777",
        ];
        for who in names {
            assert_eq!(alice(&["send", "-t", who, "hi"]).ok(), "", "{who}");
        }
        let bob = format!("[fe80::b1%{right}]:7777");
        let heard = ctl(world, &bob, &["listen", "--text", "-n", "6", "--from", "fe80::a1%right"]).ok();
        assert_eq!(heard, "hi\n".repeat(6));
        assert_eq!(alice(&["history", "--from", "fe80::b1%left"]).ok().lines().count(), 6);
        assert_eq!(alice(&["quit", "fe80::b1%left"]).ok(), "");
        // Both are called by the name of the interface, which stays when its number changes.
        for path in
            ["run/simp/fe80::a1%left.sock", "run/simp/fe80::b1%right.sock", "state/simp/fe80::a1%left/log.db"]
        {
            assert!(world.path(path).exists(), "{path}");
        }
    });
}

#[test]
fn a_log_that_is_named_by_the_number_is_taken_over() {
    in_a_network("a_log_that_is_named_by_the_number_is_taken_over", |world| {
        let number = if_nametoindex("left").unwrap();
        let daemon = world.start_on("fe80::a1%left", &["--user", "alice"]);
        ctl(world, "fe80::a1%left", &["send", "--queue", "-t", "fe80::b1%left", "kept"]).ok();
        ctl(world, "fe80::a1%left", &["stop"]).ok();
        daemon.wait();
        let folder = world.path("state/simp/fe80::a1%left");
        fs::rename(&folder, world.path(&format!("state/simp/fe80::a1%{number}"))).unwrap();
        let _daemon = world.start_on(&format!("[fe80::a1%{number}]:7777"), &["--user", "alice"]);
        assert!(ctl(world, "fe80::a1%left", &["outbox"]).ok().ends_with("kept\n"));
    });
}

#[test]
fn an_interface_that_is_missing_or_makes_no_sense_is_one_line_with_the_remedy() {
    let world = World::new();
    let _daemon = world.start(1, &["--user", "alice"]);
    let missing = "no interface 'no-such' here (list them: ip link)";
    let lacking = "a link-local address needs its interface, such as fe80::1%eth0 (list them: ip link)";
    let senseless = "only a link-local address, fe80::..., has an interface";
    let unbracketed = "a port after an interface needs brackets (write [fe80::1%lo]:8888)";
    for (address, why) in [
        ("fe80::1%no-such", missing),
        ("fe80::1", lacking),
        ("::1%lo", senseless),
        ("fe80::1%lo:8888", unbracketed),
    ] {
        world.simpd(&[address]).fails(2, &format!("simpd: '{address}': {why}"));
        ctl(&world, address, &["status"]).fails(2, &format!("simpctl: {address}: {why}"));
        world.ctl(1, &["connect", address]).fails(2, &format!("simpctl: {address}: {why}"));
        world
            .ctl(1, &["send", "--queue", "-t", address, "hi"])
            .fails(2, &format!("simpctl: {address}: {why}"));
        let mut room = world.command("simp-room");
        room.args(["run", "-d", address]);
        run(room, "").fails(2, &format!("simp-room: {address}: {why}"));
        let mut probe = world.command("simpctl");
        probe.args(["probe", address]);
        run(probe, "").fails(2, &format!("simpctl: {address}: {why}"));
    }
    for (typed, why) in [
        ("bob@[fe80::1%no-such]:7777", missing),
        ("fe80::1%lo:8888", unbracketed),
        ("bob@fe80::1%lo:8888", unbracketed),
    ] {
        for args in [
            &["send", "-t", typed, "hi"][..],
            &["accept", typed],
            &["decline", typed],
            &["quit", typed],
            &["listen", "--from", typed],
            &["history", "--from", typed],
            &["peers", "forget", typed],
        ] {
            world.ctl(1, args).fails(2, &format!("simpctl: {typed}: {why}"));
        }
    }
    let file = world.path("simpd.toml");
    let config = file.to_str().unwrap();
    for (typed, why) in [("fe80::1%no-such", missing), ("fe80::1%lo:8888", unbracketed)] {
        world
            .simpd(&[&world.address(2), "--accept", &format!("bob,{typed}")])
            .fails(2, &format!("simpd: --accept: {typed}: {why}"));
        fs::write(&file, format!("[peers]\n'{typed}' = 'plain'\n")).unwrap();
        world
            .simpd(&[&world.address(2), "--config", config])
            .fails(2, &format!("simpd: {config}: line 2: [peers] '{typed}': {why}"));
    }
}

#[test]
fn an_address_that_no_interface_has_yet_is_named_with_its_interface() {
    in_a_network("an_address_that_no_interface_has_yet_is_named_with_its_interface", |world| {
        let mut command = world.command("simpd");
        command.args(["fe80::c1%left", "--user", "alice"]);
        let mut alice = Running::start(command);
        let absent = "no interface has fe80::c1%left yet: waiting for it (list them: ip address)";
        assert!(alice.read_line().ends_with(&format!(" as alice; {absent}")));
        let said = ctl(world, "fe80::c1%left", &["connect", "fe80::b1%left"]);
        said.fails(1, "simpctl: no interface has fe80::c1%left (list them: ip address)");
        let status = ctl(world, "fe80::c1%left", &["status"]).ok();
        let trouble = "no interface has fe80::c1%left; chats wait for it (list them: ip address)\n";
        assert!(status.contains(trouble), "{status}");
    });
}
