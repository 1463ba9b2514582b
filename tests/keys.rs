//! The keys of peers, as a user handles them. No chat is needed for that.

use serde_json::{Value, json};
use simp_control::{
    Answer, ChatInfo, Event, KeyId, KnownKey, Peer, Reason, Reply, Request, Secure, State, What,
};

use crate::harness::scripted::{asked, hello, scripted};
use crate::harness::{Ran, Running, World};

const ONE: &str = "SHA256:AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk";
const TWO: &str = "SHA256:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NO_KEY: &str = "a key is SHA256: and 43 characters (see: simpctl key)";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The columns of a list, without the time in it.
fn columns(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let mut row: Vec<_> = line.split("  ").map(|cell| cell.trim().to_owned()).collect();
        row.retain(|cell| !cell.is_empty());
        row.remove(3);
        row
    };
    text.lines().map(row).collect()
}

#[test]
fn a_key_is_trusted_listed_and_forgotten() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    let two = world.address(2);
    let at = format!("{two}:7777");
    assert_eq!(world.ctl(1, &["keys"]).ok(), "");
    assert_eq!(world.ctl(1, &["keys", "--json"]).ok(), "");
    assert_eq!(world.ctl(1, &["keys", "trust", &two, ONE]).ok(), "");
    assert_eq!(world.ctl(1, &["keys", "trust", "bob", ONE, "--json"]).ok(), "{\"trusted\":1}\n");
    let expected = [[&at, ONE, "-", "trusted"], ["bob", ONE, "-", "trusted"]];
    assert_eq!(columns(&world.ctl(1, &["keys"]).ok()), expected);
    let known = lines(&world.ctl(1, &["keys", "--json"]).ok());
    let expected = json!({"who": at, "key": ONE, "seen": known[0]["seen"], "trusted": true});
    assert_eq!(known[0], expected);
    assert!(known[0]["seen"].is_string());
    // Another one, in its place.
    assert_eq!(world.ctl(1, &["keys", "trust", &at, TWO]).ok(), "");
    assert_eq!(columns(&world.ctl(1, &["keys"]).ok())[0][1], TWO);
    assert_eq!(world.ctl(1, &["keys", "forget", "bob"]).ok(), "");
    assert_eq!(world.ctl(1, &["keys", "forget", TWO, "--json"]).ok(), "{\"forgotten\":1}\n");
    assert_eq!(world.ctl(1, &["keys"]).ok(), "");
}

#[test]
fn a_simpd_without_secure_chats_has_no_key() {
    let world = World::new();
    let config = world.path("simpd.toml");
    std::fs::write(&config, "secure = 'off'").unwrap();
    let _alice = world.start(1, &["--config", config.to_str().unwrap()]);
    let name = world.address(1);
    let line = format!("simpd on {name} has no key: its chats are plain (see secure in simpd.toml(5))");
    world.ctl(1, &["key"]).fails(1, &format!("simpctl: {line}"));
    assert!(!world.ctl(1, &["status"]).ok().contains("key"));
}

#[test]
fn a_host_is_meant_by_its_name_when_its_key_is_forgotten() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    world.ctl(1, &["keys", "trust", "127.0.0.1", ONE]).ok();
    assert_eq!(world.ctl(1, &["keys", "forget", "localhost"]).ok(), "");
    assert_eq!(world.ctl(1, &["keys"]).ok(), "");
}

#[test]
fn keys_are_carried_to_another_host_all_of_them_or_none() {
    let world = World::new();
    let _daemons = [world.start(1, &[]), world.start(2, &[])];
    let three = world.address(3);
    let given = format!("# ours\n\n{three} {ONE}\nAnn Lee  {TWO}\n#{three}:1 {TWO}\n\"#1\" {ONE}\n");
    let file = world.path("keys");
    std::fs::write(&file, &given).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(world.ctl(1, &["keys", "import", file, "--json"]).ok(), "{\"trusted\":3}\n");
    let exported = world.ctl(1, &["keys", "export"]).ok();
    assert_eq!(exported, format!("\"#1\" {ONE}\n{three}:7777 {ONE}\nAnn Lee {TWO}\n"));
    let wrong = format!("{exported}# the last\neve@{three} {ONE}\n");
    let import = |input: &str, args: &[&str]| world.ctl_with(2, &[&["keys", "import"], args].concat(), input);
    import(&wrong, &[]).fails(
        2,
        &format!(
            "simpctl: standard input: line 5: eve@{three}: a key is that of an address or of a name, not of both at once"
        ),
    );
    assert_eq!(world.ctl(2, &["keys"]).ok(), "", "none of them");
    assert_eq!(import(&exported, &["-"]).ok(), "");
    assert_eq!(world.ctl(2, &["keys", "export"]).ok(), exported);
    assert_eq!(lines(&world.ctl(2, &["keys", "export", "--json"]).ok()).len(), 3);
    assert_eq!(import("", &[]).ok(), "");
    assert_eq!(world.ctl(2, &["keys", "export"]).ok(), exported);
}

#[test]
fn what_makes_no_sense_about_keys_is_named_with_the_remedy() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    let file = world.path("keys");
    std::fs::write(&file, "bob SHA256:abc\n").unwrap();
    let file = file.to_str().unwrap();
    let quote = world.path("quote");
    std::fs::write(&quote, format!("\"bob {ONE}\n")).unwrap();
    let quote = quote.to_str().unwrap();
    let missing = world.path("missing").display().to_string();
    let folder = world.path("run").display().to_string();
    let not_a_file = "not a regular file (to read from a pipe: simpctl keys import -)";
    for (args, status, line) in [
        (&["trust", "bob", "SHA256:abc"][..], 2, format!("SHA256:abc: {NO_KEY}")),
        (&["trust", ONE, "bob"], 2, format!("bob: {NO_KEY}")),
        (
            &["trust", "127.0.0.300", ONE],
            2,
            "127.0.0.300: not an address, nor the name of a user (an address is ADDR or ADDR:PORT)".to_owned(),
        ),
        (&["trust", "", ONE], 2, "'': a user name cannot be empty".to_owned()),
        (&["import", quote], 2, format!("{quote}: line 1: a quotation mark is missing after the name")),
        (&["trust", "0.0.0.0", ONE], 2, "0.0.0.0:7777: not the address of one host".to_owned()),
        (
            &["trust", "bob@127.0.0.9", ONE],
            2,
            "bob@127.0.0.9: a key is that of an address or of a name, not of both at once".to_owned(),
        ),
        (
            &["trust", "fe80::1", ONE],
            2,
            "[fe80::1]:7777: a link-local address needs its interface, such as fe80::1%eth0 (list them: ip link)"
                .to_owned(),
        ),
        (&["forget", "bob"], 7, "bob: no key is known (list them: simpctl keys)".to_owned()),
        (&["forget", ONE], 7, format!("{ONE}: no key is known (list them: simpctl keys)")),
        (&["import", file], 2, format!("{file}: line 1: SHA256:abc: {NO_KEY}")),
        (&["import", ""], 2, "keys import: no file given".to_owned()),
        (&["import", &missing], 1, format!("{missing}: no such file or directory")),
        (&["import", &folder], 1, format!("{folder}: {not_a_file}")),
    ] {
        world.ctl(1, &[&["keys"][..], args].concat()).fails(status, &format!("simpctl: {line}"));
    }
    assert_eq!(world.ctl(1, &["keys"]).ok(), "");
    let both = "a chat is secure or plain: give only one of --secure and --plain";
    world
        .ctl(1, &["connect", "--plain", "--secure", &world.address(2)])
        .fails(2, &format!("simpctl: {both}"));
}

#[test]
fn a_list_of_keys_longer_than_an_answer_is_whole_and_trusted_at_once() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    let all: String = (0..5_000).map(|n| format!("u{n:04} {ONE}\n")).collect();
    assert_eq!(world.ctl_with(1, &["keys", "import"], &all).ok(), "");
    assert_eq!(world.ctl(1, &["keys", "export"]).ok(), all);
}

fn key(text: &str) -> KeyId {
    text.parse().unwrap()
}

fn bob(user: &str) -> Peer {
    Peer { user: user.to_owned(), address: "127.0.0.2:7777".to_owned() }
}

/// What `simpctl connect` says if this becomes of its invitation, with what simpd was asked.
fn connect(what: What, secure: Option<Secure>, args: &[&str]) -> (Ran, Vec<Request>) {
    let world = World::new();
    let path = world.path("scripted.sock");
    let (state, peer) = (State::Inviting, bob(""));
    let (queued, since_ms, note, ends_ms) = (0, 0, None, None);
    let chat = ChatInfo { chat: 1, peer, state, queued, since_ms, note, ends_ms, secure: None };
    let known = ["127.0.0.2:77700", "127.0.0.2:7777"].map(|who| {
        let n = if who.ends_with("00") { TWO } else { ONE };
        KnownKey { who: who.to_owned(), key: key(n), user: String::new(), seen_ms: 0, trusted: false }
    });
    let event = Event { id: 2, at_ms: 0, chat: 1, peer: bob("bob"), secure, answers: None, what };
    let answers = vec![
        hello(),
        vec![Answer::Reply(Reply::Chat { chat, after: 1 })],
        vec![Answer::Reply(Reply::Following { after: 1 }), Answer::Event(event)],
        vec![Answer::Reply(Reply::Keys { keys: known.to_vec(), more: false })],
    ];
    let keys_too = secure.is_none();
    let script = scripted(&path, vec![answers.into_iter().take(if keys_too { 4 } else { 3 }).collect()]);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(&path).args(["connect", "127.0.0.2"]).args(args);
    let ran = Running::start(command).wait();
    (ran, asked(&script).remove(0))
}

#[test]
fn whoever_has_another_key_than_before_is_refused_with_both_and_the_remedy() {
    let closed = What::Closed { reason: Reason::OtherKey, text: Some(TWO.to_owned()) };
    let (ran, asked) = connect(closed, None, &[]);
    let remedy = "if that is right: simpctl keys forget 127.0.0.2:7777";
    ran.fails(9, &format!("simpctl: 127.0.0.2:7777: its key is {TWO}, not {ONE} as before ({remedy})"));
    assert_eq!(asked[3], Request::Keys { after: "127.0.0.2:777".to_owned() });
}

#[test]
fn a_key_that_is_new_is_shown_as_the_chat_opens_and_one_that_is_known_is_not() {
    for (known, how) in [(false, format!("secure, new key {ONE}")), (true, "secure".to_owned())] {
        let secure = Some(Secure { key: key(ONE), known });
        for (args, said) in [(&[][..], None), (&["--secure"], Some(true)), (&["--plain"], Some(false))] {
            let (ran, asked) = connect(What::Opened { note: None }, secure, args);
            assert_eq!(ran.ok(), format!("connected to bob@127.0.0.2:7777 ({how})\n"));
            let address = "127.0.0.2".to_owned();
            assert_eq!(asked[1], Request::Connect { address, timeout_ms: None, secure: said });
        }
        let (ran, _) = connect(What::Opened { note: None }, secure, &["--json"]);
        assert_eq!(lines(&ran.ok())[0]["secure"], json!({"key": ONE, "known": known}));
    }
}
