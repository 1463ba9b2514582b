//! What somebody does on the page who would rather look than type.

use nix::sys::signal::Signal;
use simp_control::{Reply, Request};

use super::{ENTER, RELEASE, SHIFT, Web};
use crate::harness::{Browser, Daemon, World};

/// How far this daemon's user has read what the peer on address number `host` said.
fn read_mark(daemon: &Daemon, address: &str) -> Option<u64> {
    let Reply::Peers { peers, .. } = daemon.client().reply(&Request::Peers { after: String::new() }) else {
        panic!()
    };
    peers.into_iter().find(|info| info.peer.address == address).and_then(|info| info.read)
}

fn connect(browser: &Browser, address: &str) {
    browser.click("#new");
    browser.types("#to", &format!("{address}{ENTER}"));
}

#[test]
fn the_page_and_simpctl_chat() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "the_page_and_simpctl_chat") else { return };
    let (alice, _bob) = world.alice_and_bob();
    let _web = Web::start(&world, 1);
    // As simp-web open does it: coming from elsewhere the browser must be let in all the same.
    let page = world.path("run/simp-web").join(world.address(1)).join("open.html");
    browser.go(&format!("file://{}", page.display()));
    browser.until("document.querySelector('#me')?.textContent === 'alice'");
    // Whoever looks over the shoulder, or at the history of the browser, sees no token.
    assert!(!browser.url().contains("token"), "{}", browser.url());
    browser.until("document.cookie === ''");
    connect(&browser, &world.address(2));
    browser.sees("#who", &["bob"]);
    browser.sees("#how", &[&world.address(2), "encrypted, new key"]);
    browser.types("#text", &format!("Hello Bob{ENTER}"));
    browser.until("document.querySelector('.own .fate.delivered')");
    assert_eq!(world.ctl(2, &["listen", "-n", "1"]).ok(), "alice: Hello Bob\n");
    world.ctl(2, &["send", "Hello Alice"]).ok();
    browser.until("document.querySelector('.theirs .text')?.textContent === 'Hello Alice'");
    // Whoever looks at it has read it, here and in every other program.
    let bob = world.address(2) + ":7777";
    let mut client = alice.client();
    client.status_when(|status| read_mark(&alice, &bob) == Some(status.last_id));
    world.ctl(2, &["send", "see https://example.org/a."]).ok();
    let link = browser.until("(({ href, rel, target, textContent }) => [href, rel, target, textContent])(document.querySelector('.text a'))");
    let to = "https://example.org/a";
    assert_eq!(link, serde_json::json!([to, "noopener noreferrer", "_blank", to]));
    // A reload, and the browser's own way back, lead where one was.
    browser.reload();
    browser.sees("#who", &["bob"]);
    browser.sees("#thread", &["Hello Bob", "Hello Alice"]);
    browser.run("history.back()");
    browser.until("document.querySelector('#talk').hidden && !document.querySelector('#welcome').hidden");
    browser.run("history.forward()");
    browser.sees("#thread", &["Hello Bob", "Hello Alice"]);
    browser.types("#text", &format!("one{SHIFT}{ENTER}{RELEASE}two{ENTER}"));
    browser.until("[...document.querySelectorAll('.own .text')].at(-1).textContent === 'one\\ntwo'");
    assert_eq!(world.ctl(2, &["listen", "-n", "1"]).ok(), "alice: one\\ntwo\n");
    browser.until("document.querySelectorAll('.own .fate.delivered').length === 2");
    browser.click("#quit");
    browser.sees("#thread", &["The chat is over: you left"]);
    browser.sees("#hint", &["No chat is open"]);
    // Whoever has ended it too soon need not know the address.
    browser.sees("#invite", &["Invite again"]);
    browser.click("#invite");
    browser.until("!document.querySelector('#quit').hidden && document.querySelector('#invite').hidden");
    browser.until("document.querySelector('#over').hidden");
}

#[test]
fn a_request_is_answered_by_a_button() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "a_request_is_answered_by_a_button") else { return };
    let _alice = world.start(1, &["--user", "alice", "--max-chats", "3"]);
    let _others = (world.start(2, &["--user", "bob"]), world.start(3, &["--user", "carol"]));
    let web = Web::start(&world, 1);
    web.show(&browser);
    let bob = world.spawn_ctl(2, &["connect", &world.address(1)]);
    browser.sees("#requests", &["bob invites you", &world.address(2), "first contact", "SHA256:"]);
    browser.click("[aria-label='Accept the request of bob']");
    browser.sees("#who", &["bob"]);
    assert!(bob.wait().stdout.starts_with("connected to alice@"));
    browser.until("document.querySelector('#requests').hidden");
    let carol = world.spawn_ctl(3, &["connect", &world.address(1)]);
    browser.click("[aria-label='Decline the request of carol']");
    assert_eq!(carol.wait().status, Some(4));
    // Somebody who looks at the conversation of whoever asks has the same two buttons there.
    let carol = world.spawn_ctl(3, &["connect", &world.address(1)]);
    browser.click_on("#requests .card button", "carol invites you");
    browser.sees("#asked", &["carol invites you"]);
    assert_eq!(browser.run("return document.querySelector('#text').disabled"), true);
    browser.click("#accept");
    assert_eq!(carol.wait().status, Some(0));
    browser.until("!document.querySelector('#text').disabled");
}

#[test]
fn who_has_the_name_of_somebody_else_is_told_apart() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "who_has_the_name_of_somebody_else_is_told_apart") else {
        return;
    };
    let _alice = world.start(1, &["--user", "alice", "--max-chats", "3"]);
    let _bobs = (world.start(2, &["--user", "bob", "--accept", "all"]), world.start(3, &["--user", "bob"]));
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.sees("#people", &["bob"]);
    let _other = world.spawn_ctl(3, &["connect", &world.address(1)]);
    browser.sees("#requests", &["bob invites you", "another key is known for bob!"]);
    browser.click("[aria-label='Accept the request of bob']");
    browser
        .sees("#people", &[&format!("bob · {}", world.address(2)), &format!("bob · {}", world.address(3))]);
}

#[test]
fn a_simpd_that_is_killed_is_waited_for_and_nothing_is_lost_or_twice() {
    let world = World::new();
    let name = "a_simpd_that_is_killed_is_waited_for_and_nothing_is_lost_or_twice";
    let Some(browser) = Browser::start(&world, name) else { return };
    let (mut alice, _bob) = world.alice_and_bob();
    let web = Web::start(&world, 1);
    web.show(&browser);
    connect(&browser, &world.address(2));
    browser.sees("#who", &["bob"]);
    for round in 0..3 {
        alice.signal(Signal::SIGKILL);
        drop(alice);
        browser.sees("#banner", &["simpd", "waiting for it"]);
        browser.types("#text", &format!("round {round}{ENTER}"));
        browser.sees(".trouble", &["Not sent yet"]);
        alice = world.start(1, &["--user", "alice"]);
        browser.until("document.querySelector('#banner').textContent === ''");
        browser.until(&format!("document.querySelectorAll('.own .fate.delivered').length === {}", round + 1));
    }
    let heard = world.ctl(2, &["listen", "-n", "3"]).ok();
    assert_eq!(heard, "alice: round 0\nalice: round 1\nalice: round 2\n");
    assert_eq!(browser.run("return document.querySelectorAll('.own').length"), 3);
    // Another log: nothing of the old one is left on the screen.
    drop(alice);
    world.remove_log(1);
    let _alice = world.start(1, &["--user", "anna"]);
    browser.sees("#toast", &["simpd has another log than before"]);
    browser.until("document.querySelector('#me').textContent === 'anna'");
    browser.until("document.querySelectorAll('.person, .line, .card').length === 0");
    // The token in the browser is of a simp-web that is gone.
    drop(web);
    let _web = Web::start(&world, 1);
    browser.sees("#banner", &["simp-web is not there"]);
}

#[test]
fn what_is_written_while_simp_web_is_gone_stays_where_it_was_written() {
    let world = World::new();
    let name = "what_is_written_while_simp_web_is_gone_stays_where_it_was_written";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _alice_and_bob = world.alice_and_bob();
    let web = Web::start(&world, 1);
    web.show(&browser);
    connect(&browser, &world.address(2));
    browser.sees("#who", &["bob"]);
    let authority = web.authority().to_owned();
    drop(web);
    browser.sees("#banner", &["simp-web is not there"]);
    browser.types("#text", &format!("Are you there?{ENTER}"));
    browser.sees("#refusal", &["not sent: simp-web is not there"]);
    let written = || browser.run("return document.querySelector('#text').value");
    assert_eq!(written(), "Are you there?");
    assert_eq!(browser.run("return document.querySelectorAll('.own').length"), 0);
    // The next one knows this page no more, and says so; what was written can still be copied.
    let _web = Web::start_at(&world, 1, &authority);
    browser.sees("#banner", &["simp-web was started anew", "open it with simp-web open"]);
    browser.types("#text", &format!("{ENTER}"));
    browser.sees("#refusal", &["not sent: simp-web was started anew"]);
    assert_eq!(written(), "Are you there?");
}

#[test]
fn what_is_written_to_somebody_who_is_away_waits() {
    let world = World::new();
    let name = "what_is_written_to_somebody_who_is_away_waits";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _alice = world.start(1, &["--user", "alice"]);
    world.ctl(1, &["send", "--queue", "-t", &world.address(2), "one"]).ok();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.click_on(".person .name", &world.address(2));
    browser.types("#text", &format!("two{ENTER}"));
    browser.until("document.querySelectorAll('.own .fate.queued').length === 2");
    browser.click("[data-page=outbox]");
    browser.sees("#desk-body", &["one", "two", "since", "next try in", "(nobody is there)"]);
    browser.until("document.querySelector('#outbox-count').textContent === '2'");
    browser.click_on(".entry button", "Take back");
    browser.until("document.querySelectorAll('.entry').length === 1");
    browser.click_on(".person .name", &world.address(2));
    browser.sees(".trouble", &["Not delivered: you took it back", "Send again"]);
    browser.click_on(".trouble button", "Send again");
    browser.until("document.querySelectorAll('.own .fate.queued').length === 2 && document.querySelector('.fate.resent')");
    let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    browser.until("document.querySelectorAll('.own .fate.delivered').length === 2");
    assert_eq!(world.ctl(2, &["listen", "-n", "2"]).ok(), "alice: two\nalice: one\n");
    browser.until("document.querySelector('#outbox-count').hidden");
    browser.sees("#who", &["bob"]);
    // Who it is for is named as everywhere, once that is known.
    world.ctl(1, &["quit"]).ok();
    drop(bob);
    world.ctl(1, &["send", "--queue", "-t", &world.address(2), "three"]).ok();
    browser.click("[data-page=outbox]");
    browser.sees("#desk-body", &["bob", "three"]);
}

#[test]
fn what_simpd_refuses_is_said_and_kept() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "what_simpd_refuses_is_said_and_kept") else { return };
    let _alice_and_bob = world.alice_and_bob();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.click("#new");
    let own = world.address(1);
    for (address, line) in [
        ("no host", "no host: neither an address nor the name of a host"),
        (&own, &format!("{own}:7777: this is the address of this simpd")),
    ] {
        // What was refused is chosen, and made place for.
        browser.types("#to", &format!("{address}{ENTER}"));
        browser.until("document.querySelector('#connect-refusal').textContent !== '' && !document.querySelector('#connect-yes').disabled");
        assert_eq!(browser.text("#connect-refusal"), line);
    }
    browser.click("[value=plain]");
    browser.run("document.querySelector('#to').value = ''");
    browser.types("#to", &format!("{}{ENTER}", world.address(2)));
    browser.sees("#how", &["not encrypted"]);
    browser.types("#text", &format!("Grüße{ENTER}"));
    browser.until("!document.querySelector('#refusal').hidden");
    assert_eq!(browser.run("return document.querySelector('#text').value"), "Grüße");
    browser.until("document.querySelectorAll('.own').length === 0");
    assert_eq!(browser.text("#refusal"), "a text must be ASCII; 'ü' (U+00FC) at position 3 is not");
}

#[test]
fn a_file_that_is_offered_is_shown_and_may_be_refused() {
    let world = World::new();
    let name = "a_file_that_is_offered_is_shown_and_may_be_refused";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _alice_and_bob = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let web = Web::start(&world, 1);
    web.show(&browser);
    let file = world.path("plans <b>.pdf");
    std::fs::write(&file, vec![7; 2_048]).unwrap();
    let file = file.display().to_string();
    let sending = world.spawn_ctl(2, &["send", "--file", &file]);
    browser.sees(".person", &["plans <b>.pdf", "1"]);
    browser.click_on(".person", "bob");
    browser.sees(".file", &["plans <b>.pdf", "2.0 kB", "Save", "Refuse"]);
    browser.click_on(".file button", "Refuse");
    browser.sees(".file", &["came to nothing"]);
    sending.wait().fails(8, "simpctl: plans <b>.pdf: not delivered: refused by the peer: declined");
    // One that is taken by another program is seen to be there.
    let sending = world.spawn_ctl(2, &["send", "--file", &file]);
    browser.until("document.querySelectorAll('.file').length === 2");
    let folder = world.path("saved");
    std::fs::create_dir(&folder).unwrap();
    world.ctl(1, &["listen", "--save", &folder.display().to_string(), "-n", "1"]);
    sending.wait().ok();
    browser.until("[...document.querySelectorAll('.file')].at(-1).innerText.includes('saved: ')");
}

#[test]
fn a_file_is_saved_where_downloads_go() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "a_file_is_saved_where_downloads_go") else { return };
    let _alice_and_bob = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    std::fs::create_dir_all(world.path("config")).unwrap();
    let dirs = world.path("config/user-dirs.dirs");
    std::fs::write(&dirs, "XDG_DOWNLOAD_DIR=\"$HOME/Got it\"\n").unwrap();
    std::fs::create_dir_all(world.path("home")).unwrap();
    let web = Web::start(&world, 1);
    web.show(&browser);
    let file = world.path("plans.pdf");
    std::fs::write(&file, vec![7; 2_048]).unwrap();
    let sending = world.spawn_ctl(2, &["send", "--file", &file.display().to_string()]);
    browser.click_on(".person", "bob");
    browser.sees(".file", &["plans.pdf"]);
    // Something else is in the way: the offer stays.
    let folder = world.path("home/Got it");
    std::fs::write(&folder, "").unwrap();
    browser.click_on(".file button", "Save");
    browser.sees("#toast", &[&format!("{}: ", folder.display())]);
    std::fs::remove_file(&folder).unwrap();
    browser.click_on(".file button", "Save");
    browser.sees(".file", &[&format!("saved: {}", folder.join("plans.pdf").display())]);
    sending.wait().ok();
    assert_eq!(std::fs::read(folder.join("plans.pdf")).unwrap(), [7; 2_048]);
}
