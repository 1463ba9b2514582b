//! What monitoring sees of a simpd: `status --check` and `status --prometheus`.

use crate::harness::{Ran, World};

/// An address that no way leads to from one of loopback.
const NO_WAY: &str = "198.51.100.7";

/// Without what says how long ago something was, which a slow machine makes another.
#[track_caller]
fn lines(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    let without_age = |line: &str| {
        let (before, after) = line.split_once(", since ").unwrap();
        format!("{before}, since{}", after.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
    };
    ran.stdout.lines().map(without_age).collect()
}

#[test]
fn a_check_is_silent_if_all_is_well_and_has_a_line_for_each_thing_that_is_wrong() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    assert_eq!(world.ctl(1, &["status", "--check"]).ok(), "");
    assert_eq!(world.ctl(1, &["status", "--check", "--json"]).ok(), "{\"ok\":true,\"problems\":[]}\n");
    let to = world.address(2);
    world.ctl(1, &["send", "--queue", "-t", &to, "hi"]).ok();
    world.ctl(1, &["send", "--queue", "-t", NO_WAY, "hi"]).ok();
    let no_way = format!(
        "datagrams for {NO_WAY}:7777 do not leave, since: it cannot be reached from the address of simpd (see: ip address)"
    );
    let waits = |id: u8, to: &str| {
        format!("message {id} waits in the outbox for {to}:7777, since (see: simpctl outbox)")
    };
    assert_eq!(lines(&world.ctl(1, &["status", "--check"])), [no_way.as_str()], "they may wait for an hour");
    let checked = lines(&world.ctl(1, &["status", "--check", "--max-age", "0.001"]));
    assert_eq!(checked, [no_way, waits(1, &to), waits(2, NO_WAY)]);
    let json = world.ctl(1, &["status", "--check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"][0]["problem"], "not_leaving");
    // Whoever cancels it has nothing to complain of.
    world.ctl(1, &["outbox", "cancel", "2"]).ok();
    assert_eq!(world.ctl(1, &["status", "--check"]).ok(), "");
}

#[test]
fn metrics_are_in_the_text_format_and_there_are_some_of_a_simpd_that_is_not_there() {
    let world = World::new();
    let named = format!("daemon=\"{}\"", world.address(1));
    let alice = world.start(1, &["--user", "a\"b"]);
    let page = world.ctl(1, &["status", "--prometheus"]).ok();
    let (mut help, mut kind) = (String::new(), String::new());
    for line in page.lines() {
        if let Some(line) = line.strip_prefix("# HELP ") {
            help = line.split(' ').next().unwrap().to_owned();
        } else if let Some(line) = line.strip_prefix("# TYPE ") {
            kind = line.to_owned();
        } else {
            let (name, rest) = line.split_once('{').unwrap();
            let (labels, value) = rest.rsplit_once("} ").unwrap();
            let is_counter = kind == format!("{name} counter");
            assert!(help == name && (is_counter || kind == format!("{name} gauge")), "{line}");
            assert_eq!(is_counter, name.ends_with("_total"), "{line}");
            assert!(labels.starts_with(&named) && value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(page.contains(&format!("\nsimp_up{{{named}}} 1\n")), "{page}");
    assert!(page.contains("user=\"a\\\"b\"} 1\n"), "{page}");
    drop(alice);
    let gone = world.ctl(1, &["status", "--prometheus"]);
    let down = format!(
        "# HELP simp_up Whether simpd runs and answers.\n# TYPE simp_up gauge\nsimp_up{{{named}}} 0\n"
    );
    assert_eq!((gone.status, gone.stdout), (Some(3), down));
    assert!(gone.stderr.starts_with("simpctl: ") && gone.stderr.lines().count() == 1, "{}", gone.stderr);
}

#[test]
fn a_check_of_a_simpd_that_is_not_there_ends_with_3() {
    let world = World::new();
    let socket = world.socket(1);
    let line = format!(
        "simpctl: {}: simpd is not running (start it with: simpctl start {})",
        socket.display(),
        world.address(1)
    );
    world.ctl(1, &["status", "--check"]).fails(3, &line);
}

#[test]
fn what_asks_for_two_things_at_once_or_for_nothing_is_a_usage_error() {
    let world = World::new();
    for (args, line) in [
        (
            &["--check", "--prometheus"][..],
            "--check says what is wrong, and --prometheus all there is: give only one of them",
        ),
        (&["--max-age", "5m"], "--max-age needs --check: nothing else has a limit"),
        (&["--prometheus", "--max-age", "5m"], "--max-age needs --check: nothing else has a limit"),
        (&["--check", "--max-age", "0"], "--max-age '0': a time is more than 0 (see simpctl status --help)"),
    ] {
        world.ctl(1, &[&["status"], args].concat()).fails(2, &format!("simpctl: {line}"));
    }
    let json = world.ctl(1, &["status", "--prometheus", "--json"]);
    let line = "simpctl: --prometheus has a form of its own, so that --json means nothing (leave one out)\n";
    assert_eq!((json.status, json.stderr.as_str()), (Some(2), line));
}
