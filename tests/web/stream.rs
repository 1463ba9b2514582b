//! Events as they come, and where a page goes on that was away.

use serde_json::json;

use super::{Stream, Web};
use crate::harness::World;

fn entry_text(stream: &mut Stream) -> (String, String) {
    loop {
        let (id, entry) = stream.next_called("entry");
        if let Some(text) = entry["what"]["message"]["text"].as_str() {
            return (id, text.to_owned());
        }
    }
}

#[test]
fn a_page_that_was_away_goes_on_after_the_entry_that_came_last() {
    let world = World::new();
    let (_alice, _bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let mut stream = web.events(&path, &cookie, "");
    let (name, first, hello) = stream.next();
    assert_eq!((name.as_str(), &hello["log"], &hello["user"]), ("hello", &json!(1), &json!("alice")));
    assert_eq!(hello["address"], json!(format!("{}:7777", world.address(1))));
    assert!(hello["features"].as_array().unwrap().contains(&json!("read")));
    world.ctl(2, &["send", "one"]).ok();
    let (id, text) = entry_text(&mut stream);
    assert_eq!(text, "one");
    drop(stream);
    world.ctl(2, &["send", "two"]).ok();
    world.ctl(2, &["send", "three"]).ok();
    // As the browser does by itself. One that has heard nothing but the greeting goes on there too.
    for (last, texts) in [(id.as_str(), &["two", "three"][..]), (&first, &["one", "two", "three"])] {
        let mut again = web.events(&path, &cookie, &format!("Last-Event-ID: {last}\r\n"));
        let (name, id, _) = again.next();
        assert_eq!((name.as_str(), id.as_str()), ("hello", last));
        for text in texts {
            assert_eq!(entry_text(&mut again).1, *text);
        }
    }
    // What is no id of ours is that of a page that knows nothing.
    for last in ["", "7", "x.y", "1.-1", "1.7.9"] {
        let mut stream = web.events(&path, &cookie, &format!("Last-Event-ID: {last}\r\n"));
        assert!(stream.next().2["after"].as_u64() >= Some(5), "{last}");
    }
}

#[test]
fn a_simpd_that_is_killed_is_waited_for_and_another_log_is_told() {
    let world = World::new();
    let (alice, _bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let mut stream = web.events(&path, &cookie, "");
    let after = stream.next().2["after"].clone();
    drop(alice);
    let (_, away) = stream.next_called("away");
    assert!(away["line"].as_str().unwrap().contains("went away"), "{away}");
    let alice = world.start(1, &["--user", "alice"]);
    let (_, hello) = stream.next_called("hello");
    assert_eq!((&hello["log"], &hello["after"]), (&json!(1), &after));
    world.ctl(2, &["send", "back?"]).ok();
    assert_eq!(entry_text(&mut stream).1, "back?");

    drop(alice);
    world.remove_log(1);
    let _alice = world.start(1, &["--user", "alice"]);
    stream.next_called("other");
    // A page that comes back later, and one that begins anew.
    web.events(&path, &cookie, "Last-Event-ID: 1.1\r\n").next_called("other");
    let (_, hello) = web.events(&path, &cookie, "").next_called("hello");
    assert_eq!(hello["log"], json!(2));
}

#[test]
fn an_older_copy_of_the_log_is_another_one() {
    let world = World::new();
    let (alice, _bob) = world.alice_and_bob();
    drop(alice);
    world.copy_log(1, "copy");
    let alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let mut stream = web.events(&path, &cookie, "");
    stream.next();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(2, &["send", "one"]).ok();
    assert_eq!(entry_text(&mut stream).1, "one");
    drop(alice);
    world.put_log_back(1, "copy");
    let _alice = world.start(1, &["--user", "alice"]);
    stream.next_called("other");
}

#[test]
fn pages_are_bounded_and_one_that_is_closed_makes_room() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let mut open: Vec<Stream> = (0..32).map(|_| web.events(&path, &cookie, "")).collect();
    for stream in &mut open {
        stream.next();
    }
    let host = web.authority();
    let head = format!("GET {path}events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n");
    let got = web.ask(&head, "");
    assert_eq!((got.status, got.body()), (503, "too many pages are open\n"));
    let mut client = alice.client();
    client.status_when(|status| status.clients == 33);
    drop(open);
    // Not only the connections to the browser: those to simpd end too.
    client.status_when(|status| status.clients == 1);
    web.events(&path, &cookie, "").next_called("hello");
}
