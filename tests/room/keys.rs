//! Accounts with a key instead of a password.

use serde_json::Value;

use super::guest::Guest;
use super::{ALONE, Lobby};
use crate::harness::{Daemon, World};

const KEY: &str = "SHA256:AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk";

/// A simpd on address 2, and its key.
fn robert(world: &World) -> (Daemon, String) {
    let daemon = world.start(2, &["--user", "Robert"]);
    let key = world.ctl(2, &["key"]).ok().trim().to_owned();
    (daemon, key)
}

#[test]
fn whoever_comes_with_the_key_of_an_account_is_in_at_once_under_its_name() {
    let mut lobby = Lobby::start(&[]);
    let (_robert, key) = robert(&lobby.world);
    assert_eq!(lobby.does(&["users", "add", "--key", &key, "bob"]).ok(), "bob added\n");
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    let mut ann = Guest::comes(&lobby, 3, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
    lobby.world.ctl(2, &["connect", &lobby.to()]).ok();
    let told = lobby.world.ctl(2, &["listen", "-n", "1", "--text"]).ok();
    assert_eq!(told, "You are in lobby. Here: ann. (HELP lists the commands.)\n");
    ann.learns("bob", "joined");
    lobby.world.ctl(2, &["send", "hello"]).ok();
    ann.hears(&["[bob] hello"]);
    // A room that starts again knows who it is.
    lobby.end_room(nix::sys::signal::Signal::SIGKILL);
    lobby.start_room(&[]);
    lobby.world.ctl(2, &["send", "still here"]).ok();
    ann.hears(&["[bob] still here"]);
    // Nobody else is bob.
    let mut eve = Guest::comes(&lobby, 4, "bob");
    eve.is_left_with("bob is known by a key, and you have another or none: choose another name");
}

#[test]
fn an_account_with_a_key_is_listed_gets_a_password_and_is_removed() {
    let lobby = Lobby::closed("");
    let users = |args: &[&str], input: &str| lobby.does_with(&[&["users"], args].concat(), input);
    users(&["add", "--key", KEY, "bob"], "").ok();
    let list = users(&["list"], "").ok();
    assert!(list.starts_with("bob  ") && list.ends_with(&format!("  {KEY}\n")), "{list}");
    let listed: Value = serde_json::from_str(&users(&["list", "--json"], "").ok()).unwrap();
    assert_eq!(listed["key"], KEY);
    let line = format!("simp-room: ann: {KEY} is the key of bob (a key is that of one account)");
    users(&["add", "--key", KEY, "ann"], "").fails(1, &line);
    assert_eq!(users(&["passwd", "bob"], "secret").ok(), "password changed for bob\n");
    assert!(!users(&["list"], "").ok().contains(KEY));
    users(&["remove", "bob"], "").ok();
    users(&["add", "--key", KEY, "ann"], "").ok();
    let line = "simp-room: --key 'SHA256:abc': a key is SHA256: and 43 characters (see: simpctl key) (see simp-room users add --help)";
    users(&["add", "--key", "SHA256:abc", "cid"], "").fails(2, line);
}

#[test]
fn keys_are_imported_in_place_of_passwords_all_or_none() {
    let lobby = Lobby::closed("");
    let import = |file: &str| lobby.does_with(&["users", "import", "-"], file);
    let twice =
        format!("[{{\"name\":\"ann\",\"password\":\"{KEY}\"}},{{\"name\":\"bob\",\"password\":\"{KEY}\"}}]");
    import(&twice).fails(
        1,
        "simp-room: standard input: bob: its key is that of another in the file (a key is that of one account)",
    );
    let good = format!("name,password\nann,secret\nbob,{KEY}\n");
    assert_eq!(import(&good).ok(), "2 added\n");
    let list = lobby.does(&["users", "list"]).ok();
    assert_eq!(list.lines().filter(|line| line.ends_with(KEY)).count(), 1, "{list}");
    let other = format!("name,password\ncid,{KEY}\n");
    import(&other).fails(
        1,
        &format!("simp-room: standard input: cid: {KEY} is the key of bob (a key is that of one account)"),
    );
}

#[test]
fn what_is_said_is_whole_to_those_with_secure_chats_and_cut_to_the_others() {
    let lobby = Lobby::start(&["--open"]);
    let world = &lobby.world;
    let mut ann = Guest::enters(&lobby, 3, "ann");
    let _daemons = [world.start(2, &["--user", "J\u{f6}rg"]), world.start(4, &["--user", "cid"])];
    world.ctl(2, &["connect", &lobby.to()]).ok();
    ann.learns("Jorg", "joined");
    world.ctl(4, &["connect", &lobby.to()]).ok();
    ann.learns("cid", "joined");
    let long = format!("gr\u{fc}\u{df}e\n{}", "x".repeat(3_000));
    world.ctl(2, &["send", &long]).ok();
    ann.hears(&[
        &format!("[Jorg] gr\\xfc\\xdfe\\n{}", "x".repeat(960)),
        &format!("[Jorg] {} [2023 more bytes]", "x".repeat(17)),
    ]);
    let heard = world.ctl(4, &["listen", "-n", "9", "--json", "--timeout", "1"]).stdout;
    let last: Value = serde_json::from_str(heard.lines().last().unwrap()).unwrap();
    assert_eq!(last["text"], format!("[J\u{f6}rg] {long}"));
    ann.asks("DM jorg hi", "sent to Jorg");
}
