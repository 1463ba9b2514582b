//! What was said before: scrolled through, searched, and counted.

use simp_control::Request;

use super::{ALT, DOWN, ENTER, ESCAPE, UP, Web};
use crate::harness::{Browser, Daemon, World, send};

/// Has the daemon say so many numbered texts in its only chat.
fn say(daemon: &Daemon, texts: std::ops::RangeInclusive<u32>) {
    let mut client = daemon.client();
    let count = texts.clone().count();
    for number in texts {
        client.0.submit(&send(None, &format!("number {number}"))).unwrap();
    }
    client.0.write().unwrap();
    for _ in 0..count {
        client.0.reply().unwrap();
    }
    client.status_when(|_| true);
    // All of them are with the other side.
    let mut last = daemon.client();
    loop {
        let chats = last.0.chats().unwrap();
        if chats.iter().all(|chat| chat.queued == 0) {
            break;
        }
        last.reply(&Request::Status);
    }
}

#[test]
fn ten_thousand_messages_are_scrolled_through_with_few_elements() {
    let world = World::new();
    let name = "ten_thousand_messages_are_scrolled_through_with_few_elements";
    let Some(browser) = Browser::start(&world, name) else { return };
    let (_alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    for thousand in 0..10 {
        say(&bob, thousand * 1_000 + 1..=(thousand + 1) * 1_000);
    }
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.until("document.querySelector('.badge')?.textContent === '10000' && document.title.startsWith('(10000) alice')");
    browser.click_on(".person", "bob");
    browser.until("[...document.querySelectorAll('.text')].at(-1)?.textContent === 'number 10000'");
    browser.until("document.querySelector('.badge').hidden && document.title === 'alice · simp'");
    // As somebody with a wheel does; what is on the screen stays where it is while more comes before it.
    for thousands in 1..=10 {
        browser.until(&format!(
            "(() => {{
               const thread = document.querySelector('#thread');
               window.most = Math.max(window.most ?? 0, document.querySelectorAll('.line').length);
               window.seen ??= new Set();
               for (const text of document.querySelectorAll('.text')) window.seen.add(text.textContent);
               thread.scrollTop -= 2000;
               return window.seen.size >= {thousands}000;
             }})()"
        ));
    }
    browser.until("document.querySelector('.begin').textContent === 'This is where it begins.'");
    browser.until("document.querySelector('.text').textContent === 'number 1'");
    assert_eq!(browser.run("for (const text of document.querySelectorAll('.text')) window.seen.add(text.textContent); return window.seen.size"), 10_000);
    let most = browser.run("return window.most").as_u64().unwrap();
    assert!(most <= 250, "{most}");
    // And down again, one screen after another, without a gap.
    browser.until(
        "(() => {
           const thread = document.querySelector('#thread');
           const numbers = [...document.querySelectorAll('.text')].map((text) => Number(text.textContent.slice(7)));
           window.gap ||= numbers.some((number, at) => at > 0 && number !== numbers[at - 1] + 1);
           thread.scrollTop += 4000;
           return numbers.at(-1) >= 2000;
         })()",
    );
    assert_eq!(browser.run("return window.gap"), false);
    // What comes does not move somebody who reads.
    let read = "return [...document.querySelectorAll('.line')].find((line) =>
                  line.getBoundingClientRect().bottom > document.querySelector('#thread').getBoundingClientRect().top).innerText";
    let before = browser.run(read);
    say(&bob, 10_001..=10_001);
    browser.sees(".person", &["number 10001", "1"]);
    assert_eq!(browser.run(read), before);
    browser.click("#newest");
    browser.until("[...document.querySelectorAll('.text')].at(-1).textContent === 'number 10001'");
    browser.until("document.querySelector('.badge').hidden");
    // Whoever is at the end stays there, however much comes at once.
    say(&bob, 10_002..=11_000);
    browser.until("[...document.querySelectorAll('.text')].at(-1).textContent === 'number 11000'");
    browser.until("document.querySelector('.badge').hidden && document.querySelector('#newest').hidden");
}

#[test]
fn what_was_said_is_found_and_shown_among_what_was_said_then() {
    let world = World::new();
    let name = "what_was_said_is_found_and_shown_among_what_was_said_then";
    let Some(browser) = Browser::start(&world, name) else { return };
    let (_alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    say(&bob, 1..=1);
    world.ctl(2, &["send", "The KEY is under the mat"]).ok();
    say(&bob, 2..=600);
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.click_on(".person", "bob");
    browser.until("[...document.querySelectorAll('.text')].at(-1)?.textContent === 'number 600'");
    browser.types("#wanted", &format!("key is{ENTER}"));
    browser.sees("#found", &["1 found", "The KEY is under the mat"]);
    browser.click(".hit");
    browser.until(
        "(() => { const box = document.querySelector('.line.found')?.getBoundingClientRect();
           return box && box.top > 60 && box.bottom < innerHeight; })()",
    );
    browser.sees(".line.found", &["The KEY is under the mat"]);
    browser.sees("#thread", &["number 1", "number 2"]);
    browser.types("#wanted", &ESCAPE.to_string());
    browser.until("document.querySelector('#found').hidden");
}

#[test]
fn keys_lead_from_chat_to_chat_and_the_desktop_tells_what_comes() {
    let world = World::new();
    let name = "keys_lead_from_chat_to_chat_and_the_desktop_tells_what_comes";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _alice = world.start(1, &["--user", "alice", "--max-chats", "3", "--accept", "all"]);
    let _others = (world.start(2, &["--user", "bob"]), world.start(3, &["--user", "carol"]));
    world.ctl(2, &["connect", &world.address(1)]).ok();
    world.ctl(3, &["connect", &world.address(1)]).ok();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.until("document.querySelectorAll('.person').length === 2");
    browser.types("body", &format!("{ALT}{DOWN}"));
    browser.sees("#who", &["carol"]);
    browser.types("body", &format!("{ALT}{DOWN}"));
    browser.sees("#who", &["bob"]);
    browser.types("body", &format!("{ALT}{UP}"));
    browser.sees("#who", &["carol"]);
    // What the desktop would show.
    browser.run(
        "window.told = [];
         window.Notification = class extends EventTarget {
           static permission = 'default';
           static async requestPermission() { return (Notification.permission = 'granted'); }
           constructor(who, { body }) { super(); window.told.push(`${who}: ${body}`); }
         };",
    );
    world.ctl(2, &["send", "not yet"]).ok();
    browser.sees(".person .below .badge:not([hidden])", &["1"]);
    browser.until("document.title.startsWith('(1) ')");
    browser.click("#bell");
    browser.until("document.querySelector('#bell').getAttribute('aria-pressed') === 'true'");
    world.ctl(2, &["send", "now\nand here"]).ok();
    world.ctl(3, &["send", "you see this"]).ok();
    browser.sees("#thread", &["you see this"]);
    assert_eq!(browser.run("return window.told"), serde_json::json!(["bob: now and here"]));
    browser.sees("#announce", &["carol: you see this"]);
    browser.types("body", &format!("{ALT}u"));
    browser.sees("#who", &["bob"]);
    // What was not read stands below a line of its own.
    browser
        .until("document.querySelector('.new').nextSibling.querySelector('.text').textContent === 'not yet'");
    browser.until("document.title === 'alice · simp'");
    browser.types("body", &format!("{ALT}k"));
    browser.until("document.querySelector('#keys').open");
}
