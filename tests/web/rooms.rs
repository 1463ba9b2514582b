//! A room on the page: nobody need know its commands.

use super::{ENTER, UP, Web};
use crate::harness::{Browser, Running, World};

#[test]
fn a_room_is_used_without_knowing_its_commands() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "a_room_is_used_without_knowing_its_commands") else { return };
    let _alice = world.start(1, &["--user", "alice"]);
    let _lobby = world.start(2, &["--user", "lobby", "--accept", "all", "--max-chats", "10"]);
    let _others = (world.start(3, &["--user", "bob"]), world.start(4, &["--user", "carol"]));
    let mut command = world.command("simp-room");
    command.args(["run", "--open", "-d", &world.address(2)]);
    let mut room = Running::start(command);
    room.read_line();
    for host in [3, 4] {
        world.ctl(host, &["connect", &world.address(2)]).ok();
        world.ctl(host, &["listen", "-n", "1"]).ok();
    }
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.click("#new");
    browser.types("#to", &format!("{}{ENTER}", world.address(2)));
    browser.sees("#thread", &["You are in lobby, with bob, carol"]);
    browser.click("#about");
    browser.sees("#pane", &["Here (2)", "bob", "carol"]);
    let mut topic = world.command("simp-room");
    topic.args(["topic", "Friday"]);
    crate::harness::run(topic, "").ok();
    browser.sees("#pane", &["Topic", "Friday"]);
    browser.sees("#how", &["Friday"]);
    // What reads as a command is said all the same.
    browser.types("#text", &format!("who?{ENTER}"));
    browser.types("#text", &format!("WHO{ENTER}"));
    browser.sees("#thread", &["sent to 2"]);
    let heard = |host: u8, text: &str| {
        let listen = ["listen", "-n", "1", "--timeout", "20"];
        while !world.ctl(host, &listen).ok().ends_with(text) {}
    };
    heard(3, "[alice] WHO\n");
    browser.click_on(".member", "bob");
    browser.until("document.querySelector('#text').placeholder === 'Write to bob alone'");
    browser.types("#text", &format!("psst{ENTER}"));
    heard(3, "[alice -> you] psst\n");
    browser.sees("#thread", &["to bob alone", "sent to bob"]);
    browser.sees(".person .says", &["You to bob alone: psst"]);
    world.ctl(3, &["send", "--", "DM alice what?"]).ok();
    browser.sees("#thread", &["bob to you alone", "what?"]);
    browser.click_on("#room-buttons button", "Everybody");
    // By keyboard: each key only chooses, and what is typed goes nowhere else.
    browser.types("#room-buttons select", "ca");
    browser.until("document.querySelector('#text').placeholder === 'Write to carol alone'");
    assert_eq!(browser.run("return document.activeElement.localName"), "select");
    browser.types("#room-buttons select", &UP.to_string());
    browser.until("document.querySelector('#text').placeholder === 'Write to bob alone'");
    browser.types("#room-buttons select", &ENTER.to_string());
    browser.until("document.activeElement.id === 'text'");
    assert_eq!(browser.run("return document.querySelector('#text').value"), "");
    browser.click_on("#room-buttons button", "Everybody");
    browser.until("document.querySelector('#text').placeholder === 'Write to everybody here'");
    browser.click_on("#room-buttons button", "Who is here");
    browser.sees("#thread", &["here: you, bob, carol"]);
    world.ctl(4, &["quit"]).ok();
    browser.sees("#pane", &["Here (1)", "bob"]);
    browser.click_on("#room-buttons button", "Leave the room");
    browser.sees("#thread", &["you asked who is here", "The chat is over: you left"]);
    let own = browser.run("return [...document.querySelectorAll('.own .text')].map((e) => e.textContent)");
    assert_eq!(own, serde_json::json!(["who?", "WHO", "psst"]));
    browser.sees("#pane", &["You are not in the room."]);
    browser.until("document.querySelector('#room-buttons').hidden");
    // Nothing is said to the door of a room that was meant for those in it.
    assert_eq!(browser.run("return document.querySelector('#text').disabled"), true);
    browser.sees("#hint", &["You are not in the room."]);
    browser.sees("#invite", &["Join"]);
    browser.click("#invite");
    browser.sees("#pane", &["Here (1)", "bob"]);
    browser.until("!document.querySelector('#text').disabled && document.querySelector('#invite').hidden");
}

#[test]
fn a_password_is_for_nobody_who_looks_over_the_shoulder() {
    let world = World::new();
    let Some(browser) = Browser::start(&world, "a_password_is_for_nobody_who_looks_over_the_shoulder") else {
        return;
    };
    let _alice = world.start(1, &["--user", "alice"]);
    let _lobby = world.start(2, &["--user", "lobby", "--accept", "all", "--max-chats", "10"]);
    let mut command = world.command("simp-room");
    command.args(["run", "-d", &world.address(2)]);
    let mut room = Running::start(command);
    room.read_line();
    let web = Web::start(&world, 1);
    web.show(&browser);
    browser.click("#new");
    browser.types("#to", &format!("{}{ENTER}", world.address(2)));
    for _ in 0..2 {
        browser.until("document.querySelector('#text').placeholder === 'Password for lobby'");
        let seen = "return getComputedStyle(document.querySelector('#text')).webkitTextSecurity";
        assert_eq!(browser.run(seen), "disc");
        let said = browser.run("return document.querySelectorAll('.theirs').length");
        browser.types("#text", &format!("sesame open{ENTER}"));
        browser.until(&format!("document.querySelectorAll('.theirs').length > {said} || document.querySelector('.note:last-of-type')?.innerText.includes('You are in lobby')"));
    }
    browser.sees("#thread", &["You are in lobby"]);
    browser.until("document.querySelector('#text').placeholder === 'Write to everybody here'");
    assert!(!browser.text("body").contains("sesame"));
    browser.until("document.querySelectorAll('.own .text').length === 2");
    // Nor after a reload.
    browser.reload();
    browser.sees("#thread", &["You are in lobby", "••••••••"]);
    assert!(!browser.text("body").contains("sesame"));
}
