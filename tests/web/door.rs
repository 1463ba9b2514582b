//! Who gets in, and what whoever is in may ask.

use super::Web;
use crate::harness::World;

#[test]
fn nobody_gets_in_without_the_token() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let host = web.authority();
    let get = |path: &str, more: &str| web.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}"), "");
    let stranger = "this page is for whoever started it: run simp-web open\n";
    for (path, more) in [
        ("/", ""),
        ("/?token=", ""),
        ("/?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
        (&path, ""),
        (&path, "Cookie: simp=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"),
        (&format!("{path}app.js"), ""),
        (&format!("{path}events"), ""),
    ] {
        let got = get(path, more);
        assert_eq!((got.status, got.body()), (403, stranger), "{path} {more}");
    }
    let inside = format!("Cookie: {cookie}\r\n");
    assert_eq!(get("/elsewhere/", &inside).status, 404);
    let page = get(&path, &inside);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    // Whoever reads the address bar, or the history of the browser, has no token.
    assert!(!page.body().contains("token"));
    assert_eq!(get(&format!("{path}app.js"), &inside).status, 200);
}

#[test]
fn no_other_name_and_no_other_page_leads_in() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let (host, port) = (web.authority(), web.authority().rsplit(':').next().unwrap());
    let get = |host: &str, more: &str| {
        web.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{more}"), "")
    };
    assert_eq!(get(host, "").status, 200);
    assert_eq!(get(&format!("localhost:{port}"), "").status, 200);
    // A name that its owner lets lead here for the moment.
    for foreign in [&format!("evil.example:{port}"), "127.0.0.1", &format!("127.0.0.1.evil.example:{port}")] {
        let got = get(foreign, "");
        assert_eq!(
            (got.status, got.body()),
            (403, "this name does not lead here: run simp-web open for one that does\n")
        );
    }
    assert_eq!(get(host, "Origin: http://evil.example\r\n").status, 403);
    let post = |more: &str| {
        let head = format!(
            "POST {path}request HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nSimp-Log: 1\r\n{more}"
        );
        web.ask(&head, "\"status\"")
    };
    let json = "Content-Type: application/json\r\n";
    let ours = format!("Origin: http://{host}\r\n");
    assert_eq!(post(&format!("{json}{ours}")).status, 200);
    for origin in
        ["", "Origin: null\r\n", "Origin: http://evil.example\r\n", &format!("Origin: https://{host}\r\n")]
    {
        let got = post(&format!("{json}{origin}"));
        assert_eq!((got.status, got.body()), (403, "no other page may ask here\n"), "{origin}");
    }
    // A form of another page can send these without asking.
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        assert_eq!(post(&format!("{kind}{ours}")).status, 415, "{kind}");
    }
}

#[test]
fn every_answer_keeps_the_browser_from_what_it_need_not_do() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let host = web.authority();
    for (path, host) in [(path.as_str(), host), ("/", host), ("/nothing", host), ("/", "evil.example")] {
        let got = web.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"), "");
        let policy = got.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(got.header(name), Some(value), "{path}");
        }
        assert_eq!(got.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_page_asks_what_it_needs_and_no_more() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let web = Web::start(&world, 1);
    let (path, cookie) = web.enter();
    let host = web.authority();
    let ask = |log: &str, body: &str| {
        let head = format!(
            "POST {path}request HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
             Content-Type: application/json\r\nSimp-Log: {log}\r\n"
        );
        web.ask(&head, body)
    };
    let status = ask("1", "\"status\"");
    assert!(status.body().starts_with("{\"reply\":{\"status\":{\"version\":"), "{}", status.body());
    let refused = ask("1", r#"{"connect":{"address":"no such/host"}}"#);
    assert_eq!(refused.status, 200);
    assert!(refused.body().starts_with(r#"{"failure":{"kind":"usage","line":"#), "{}", refused.body());
    for body in [
        "\"stop\"",
        "\"consumers\"",
        r#"{"hello":{"version":4}}"#,
        r#"{"follow":{"from":"end"}}"#,
        r#"{"take_file":{"message":1,"folder":"/etc"}}"#,
        r#"{"send_file":{"path":"/etc/shadow","name":"x","size":1,"sha256":"0000000000000000000000000000000000000000000000000000000000000000"}}"#,
        r#"{"trust_keys":{"keys":[]}}"#,
        r#"{"forget_key":{"who":"bob"}}"#,
        r#"{"forget_peer":"all"}"#,
        r#"{"seen":{"consumer":"x","id":1}}"#,
    ] {
        let got = ask("1", body);
        assert_eq!((got.status, got.body()), (403, "a page may not ask that\n"), "{body}");
    }
    for body in ["", "{", "\"nothing\"", r#"{"send":{}}"#, r#"{"cancel":{"message":-1}}"#, "[[[[[["] {
        assert_eq!(ask("1", body).status, 400, "{body}");
    }
    assert_eq!(ask("one", "\"status\"").status, 400);
    assert_eq!(ask("2", "\"status\"").status, 409);
    assert_eq!(ask("1", &format!("\"{}\"", "x".repeat(600 << 10))).status, 413);
    assert_eq!(alice.client().status().requests, 0);
    drop(alice);
    let away = ask("1", "\"status\"");
    assert!(away.body().starts_with(r#"{"failure":{"kind":"no_daemon","line":"#), "{}", away.body());
}
