//! Names of users between simpds: in any script, and held to the keys that they are known by.

use crate::harness::World;

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
    let remedy = "(if yours is right, here: simpctl keys forget bob)";
    world
        .ctl(2, &["connect", &at])
        .fails(4, &format!("simpctl: {at} declined: another key is known of bob here {remedy}"));
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
