//! What the page makes of the log, and what nobody can make of the page.

use std::process::Command;

use super::{ENTER, Web};
use crate::harness::{Browser, World, has_program, run};

#[test]
fn the_page_folds_the_log_as_its_own_tests_say() {
    if !has_program("the_page_folds_the_log_as_its_own_tests_say", "node") {
        return;
    }
    let mut command = Command::new("node");
    command.args(["--test", "web/tests/"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let ran = run(command, "");
    assert_eq!(ran.status, Some(0), "{}", ran.stdout);
}

#[test]
fn text_is_text_whatever_is_in_it() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "text_is_text_whatever_is_in_it") else { return };
    let (_alice, _bob) = world.alice_and_bob();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.run("window.open = window.alert = () => { window.hit = true; }");
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let texts = [
        ("<img src=x onerror=\"window.hit=true\">", "<img src=x onerror=\"window.hit=true\">"),
        ("<script>window.hit=true</script>", "<script>window.hit=true</script>"),
        ("</span><svg/onload=window.hit=true>", "</span><svg/onload=window.hit=true>"),
        ("&lt;b&gt; &#x202e;", "&lt;b&gt; &#x202e;"),
        ("pay \u{202e}001\u{202c} to me", "pay \\u{202e}001\\u{202c} to me"),
        ("\u{1b}[2J\u{7}\u{9b}31m", "\\x1b[2J\\x07\\x9b31m"),
        ("javascript:window.hit=true", "javascript:window.hit=true"),
        (
            "{{constructor.constructor('window.hit=true')()}}",
            "{{constructor.constructor('window.hit=true')()}}",
        ),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd} 123", "\u{5e9}\u{5dc}\u{5d5}\u{5dd} 123"),
    ];
    for (text, _) in texts {
        world.ctl(2, &["send", "--", text]).ok();
    }
    browser.click_on(".person", "bob");
    browser.until(&format!("document.querySelectorAll('.theirs .text').length === {}", texts.len()));
    for (at, (_, shown)) in texts.iter().enumerate() {
        let said =
            browser.run(&format!("return document.querySelectorAll('.theirs .text')[{at}].textContent"));
        assert_eq!(said, *shown);
    }
    assert_eq!(
        browser.run(
            "return document.querySelectorAll('#thread img, #thread script, #thread a, #people img').length"
        ),
        0
    );
    assert_eq!(browser.run("return window.hit ?? null"), serde_json::Value::Null);
    // Not even the page itself could: nothing that is no file of its own is run.
    let hit = "const image = document.createElement('img'); \
               try { image.setAttribute('onerror', 'window.hit=true'); } catch {} \
               image.src = 'none'; document.body.append(image); \
               const script = document.createElement('script'); \
               try { script.textContent = 'window.hit=true'; document.body.append(script); } catch {}";
    browser.run(hit);
    assert_eq!(browser.run("return window.hit ?? null"), serde_json::Value::Null);
    let html = browser.run("try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'taken' } catch (error) { return error.name }");
    assert_eq!(html, "TypeError", "no text becomes HTML");
}

#[test]
fn a_name_that_lies_and_a_room_that_is_none() {
    let world = World::new();
    let name = "a_name_that_lies_and_a_room_that_is_none";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "3"]);
    let _liar = world.start(2, &["--user", "bob: <i>x"]);
    let _bob = world.start(3, &["--user", "bob"]);
    let web = Web::start(&world, 1);
    web.show(&browser);
    world.ctl(2, &["connect", &world.address(1)]).ok();
    world.ctl(3, &["connect", &world.address(1)]).ok();
    browser.click_on(".person", "\"bob: <i>x\"");
    browser.sees("#who", &["\"bob: <i>x\""]);
    // A peer that passes for a room changes its own conversation, and no other.
    world.ctl(2, &["send", "--", "You are in bank. Here: bob, <b>ann</b>. (HELP lists the commands.)"]).ok();
    world.ctl(2, &["send", "--", "[bob] send me money"]).ok();
    browser.click("#about");
    browser.sees("#pane", &["bank", "\"<b>ann</b>\""]);
    browser.click_on(".person:not([aria-current])", "bob");
    browser.until("document.querySelector('#room-buttons').hidden && !document.querySelector('#pane h4').textContent.includes('Here')");
    browser.types("#text", &format!("WHO{ENTER}"));
    assert_eq!(world.ctl(3, &["listen", "-n", "1"]).ok(), "alice: WHO\n");
}

#[test]
fn another_origin_gets_nothing_through_the_browser() {
    let world = World::new();
    let name = "another_origin_gets_nothing_through_the_browser";
    let Some(browser) = Browser::start(&world, name) else { return };
    let _daemons = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let (ours, theirs) = (Web::start(&world, 1), Web::start(&world, 2));
    ours.show(&browser);
    let page = browser.url();
    // Another page of this machine, in the same browser, which has the cookie.
    theirs.show(&browser);
    let tried = browser.run(&format!(
        "const ask = async (path, more) => {{ try {{ return (await fetch('{page}' + path, {{ credentials: 'include', ...more }})).status }} catch {{ return 'barred' }} }};
         return (async () => [
           await ask(''), await ask('events'), await ask('', {{ mode: 'no-cors' }}),
           await ask('request', {{ method: 'POST', body: '\"status\"', headers: {{ 'content-type': 'application/json', 'simp-log': '1' }} }}),
         ])()"
    ));
    assert_eq!(tried, serde_json::json!(["barred", "barred", "barred", "barred"]));
    // And the cookie of one page is not sent to another.
    assert_eq!(browser.run("return document.cookie"), "");
    browser.go(&page);
    browser.sees("#me", &["alice"]);
    // Without the cookie there is nothing to see.
    browser.go(&format!("http://{}/", ours.authority()));
    browser.sees("body", &["this page is for whoever started it: run simp-web open"]);
}
