//! How the page looks, in light, dark and on a phone; and whether everybody can use it.

use serde_json::Value;

use super::Web;
use crate::harness::{Browser, Look, Running, World, run, skipped};

/// What a page checks of itself, if tests/run.sh has fetched it.
fn axe(test: &str) -> Option<String> {
    let target = std::path::Path::new(env!("CARGO_BIN_EXE_simp-web")).ancestors().nth(2).unwrap();
    let found = std::fs::read_to_string(target.join("axe/node_modules/axe-core/axe.min.js")).ok();
    if found.is_none() {
        skipped(test, "axe-core was not fetched (tests/run.sh does it, with npm)");
    }
    found
}

/// Nothing on the page keeps anybody out, as far as a program can see.
#[track_caller]
fn everybody_can_use(browser: &Browser, axe: Option<&String>, where_: &str) {
    let Some(axe) = axe else { return };
    let script = format!(
        "{axe}; return axe.run(document, {{ resultTypes: ['violations'] }}).then(({{ violations }}) => violations
           .filter(({{ impact }}) => ['serious', 'critical'].includes(impact))
           .map(({{ id, help, nodes }}) => `${{id}}: ${{help}}: ${{nodes.map((node) => node.html).join(' ')}}`))"
    );
    assert_eq!(browser.run(&script), Value::Array(Vec::new()), "{where_}");
}

/// A world in which something is going on.
struct Scene {
    world: World,
    web: Web,
    _running: (Vec<crate::harness::Daemon>, Vec<Running>),
}

fn scene() -> Scene {
    let world = World::new();
    let all = |user: &'static str| ["--user", user, "--accept", "all", "--max-chats", "20"];
    let mut daemons = vec![world.start(1, &["--user", "alice", "--max-chats", "20"])];
    for (host, user) in [(2, "bob"), (3, "hikers"), (4, "carol"), (5, "dave"), (6, "erin"), (7, "frank")] {
        daemons.push(world.start(host, &all(user)));
    }
    let mut command = world.command("simp-room");
    command.args(["run", "--open", "--name", "hikers", "-d", &world.address(3)]);
    let mut room = Running::start(command);
    room.read_line();
    let say = |from: u8, to: u8, text: &str| {
        world.ctl(from, &["send", "-t", &world.address(to), "--", text]).ok();
    };
    for host in [4, 5, 1] {
        world.ctl(host, &["connect", &world.address(3)]).ok();
    }
    let mut topic = world.command("simp-room");
    topic.args(["topic", "Saturday: the cabin by the lake"]);
    run(topic, "").ok();
    say(4, 3, "Who brings the canoe?");
    say(5, 3, "I do. There is room for two more on the trailer.");
    world.ctl(1, &["connect", &world.address(6)]).ok();
    say(6, 1, "The report is on the intranet, if you need it");
    world.ctl(6, &["quit"]).ok();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    say(1, 2, "Good morning! Did the backup of the NAS run last night?");
    say(2, 1, "It did: 41 GB in 12 minutes, half of what it took before the new disk.");
    say(2, 1, "One folder was left out, though: /srv/photos/2019. Its permissions are wrong.");
    say(1, 2, "I will have a look after lunch.");
    say(1, 2, "The same owner as the others?");
    say(
        2,
        1,
        "Yes, and let the group write. Otherwise the phone cannot sync:\n\n  rsync: mkdir failed: Permission denied (13)",
    );
    say(1, 2, "Done.");
    say(2, 1, "Thank you. I started it once more by hand, and it went through.");
    world
        .ctl(1, &["send", "--queue", "-t", &world.address(9), "--", "Are you there? The keys are with Ann."])
        .ok();
    let asks = world.spawn_ctl(7, &["connect", &world.address(1)]);
    let web = Web::start(&world, 1);
    Scene { world, web, _running: (daemons, vec![room, asks]) }
}

fn looked_at(name: &str, look: Look, as_: &str) {
    let scene = scene();
    let Some(browser) = Browser::start_as(&scene.world, name, look) else { return };
    let axe = axe(name);
    let check = |what: &str| {
        browser.shoot(&format!("{as_}-{what}"));
        everybody_can_use(&browser, axe.as_ref(), &format!("{as_} {what}"));
        assert_eq!(
            browser.run("return document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{what} is too wide"
        );
    };
    scene.web.show(&browser);
    browser.sees("#requests", &["frank invites you"]);
    browser.until("document.querySelectorAll('.person').length === 4");
    check("list");
    let back = || {
        if look == Look::Phone {
            browser.click_on(".bar .icon", "");
            browser.run("for (const id of ['back', 'desk-back']) if (document.getElementById(id).offsetParent) document.getElementById(id).click()");
        }
    };
    browser.click_on(".person", "bob");
    browser.sees("#thread", &["it went through"]);
    check("chat");
    back();
    browser.click_on(".person", "hikers");
    browser.sees("#thread", &["on the trailer"]);
    browser.until("!document.querySelector('#room-buttons').hidden");
    assert_eq!(browser.run("return document.querySelector('#room-buttons').offsetHeight < 50"), true);
    browser.run("document.getElementById('about').click()");
    browser.sees("#pane", &["Here (2)", "Saturday"]);
    check("room");
    browser.click_on("#pane button", "Close");
    for page in ["outbox", "peers", "status"] {
        back();
        browser.run(&format!("document.querySelector('[data-page={page}]').click()"));
        browser.until("document.querySelector('#desk-body').children.length > 0");
        check(page);
    }
    back();
    browser.run("document.getElementById('new').click()");
    browser.until("document.querySelector('#connect').open");
    check("connect");
}

#[test]
fn in_light_it_looks_well_and_everybody_can_use_it() {
    looked_at("in_light_it_looks_well_and_everybody_can_use_it", Look::Light, "light");
}

#[test]
fn in_dark_it_looks_well_and_everybody_can_use_it() {
    looked_at("in_dark_it_looks_well_and_everybody_can_use_it", Look::Dark, "dark");
}

#[test]
fn on_a_phone_it_looks_well_and_everybody_can_use_it() {
    looked_at("on_a_phone_it_looks_well_and_everybody_can_use_it", Look::Phone, "phone");
}
