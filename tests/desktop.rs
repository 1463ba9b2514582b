//! contrib/desktop/notify, as simp-notify.service runs it: what a peer writes is shown, and is nothing but text.

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Running, World, within};

/// What a desktop shows: each bubble is a line of what notify-send was given, each terminal one of how it was started.
struct Screen(Option<BufReader<File>>);

impl Screen {
    /// That of the user of the daemon on address number 1, and the listener that shows things there. `help` is what
    /// notify-send says of itself; each bubble that can be clicked is.
    fn new(world: &World, help: &str) -> (Self, Running) {
        let (bin, pipe) = (world.path("bin"), world.path("shown"));
        fs::create_dir(&bin).unwrap();
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let said = |name: &str| {
            format!(
                "line={name}; for word; do line=\"$line|$word\"; done; printf '%s\\n' \"$line\" >{}",
                pipe.display()
            )
        };
        let notify = format!(
            "if [ \"$1\" = --help ]; then echo '{help}'; exit; fi
            {}
            case $* in *--action*) echo default ;; esac",
            said("bubble")
        );
        for (name, script) in [("notify-send", notify), ("x-terminal-emulator", said("terminal"))] {
            fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(bin.join(name), Permissions::from_mode(0o755)).unwrap();
        }
        let notify = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/desktop/notify");
        let mut listen = world.command("simpctl");
        listen.args(["-d", &world.address(1), "listen", "--all", "--consumer", "desktop", "--new"]);
        listen.args(["--exec", notify]).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        // Open for both, so that the end of a writer is not that of all.
        let shown = File::options().read(true).write(true).open(&pipe).unwrap();
        let listener = Running::start(listen);
        while !world.ctl(1, &["consumers"]).ok().contains("desktop") {}
        (Self(Some(BufReader::new(shown))), listener)
    }

    /// What comes next, without what all bubbles have in common.
    fn next(&mut self) -> String {
        let mut shown = self.0.take().unwrap();
        let (shown, line) = within(move || {
            let mut line = String::new();
            shown.read_line(&mut line).unwrap();
            (shown, line)
        });
        self.0 = Some(shown);
        line.trim_end_matches('\n')
            .replace("|--app-name=simp|--category=im.received|--icon=mail-message-new", "")
    }
}

#[test]
fn what_comes_is_shown_as_text_and_a_click_opens_the_chat() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob & <b>"]);
    let inviting = world.spawn_ctl(2, &["connect", &world.address(1)]);
    let accept = || while world.ctl(1, &["accept"]).status != Some(0) {};
    accept();
    assert_eq!(inviting.wait().status, Some(0));
    // A new listener shows nothing of what came before it.
    world.ctl(2, &["send", "before"]).ok();
    let (mut screen, _listener) = Screen::new(&world, "-A, --action");
    let terminal = format!("terminal|-e|simpctl|chat|{}:7777", world.address(2));
    for (text, shown) in [
        ("hello", "hello"),
        ("<img src=x> & 'more' \"$(id)\" `id`", "&lt;img src=x&gt; &amp; 'more' \"$(id)\" `id`"),
        ("--action=default=x", "--action=default=x"),
        ("a\nb\u{1b}[2J\u{202e}c\u{2066}d\u{e9}", "a b[2Jcd\u{e9}"),
    ] {
        world.ctl(2, &["send", "--", text]).ok();
        assert_eq!(screen.next(), format!("bubble|--action=default=Open|--|bob & <b>|{shown}"));
        assert_eq!(screen.next(), terminal);
    }
    world.ctl(2, &["send", &"\u{e9}".repeat(1_000)]).ok();
    let long = screen.next();
    assert!(long.ends_with(&"\u{e9}".repeat(200)) && long.len() < 500, "{long}");
    assert_eq!(screen.next(), terminal);
    // The page of a simp-web is opened instead, if one runs.
    let page = format!("#!/bin/sh\necho \"page $*\" >{}\n", world.path("shown").display());
    fs::write(world.path("bin/simp-web"), page).unwrap();
    fs::set_permissions(world.path("bin/simp-web"), Permissions::from_mode(0o755)).unwrap();
    world.ctl(2, &["send", "page"]).ok();
    assert!(screen.next().ends_with("|page"));
    assert_eq!(screen.next(), "page open");
    // Nothing of our own is shown, and requests are.
    world.ctl(1, &["send", "ours"]).ok();
    world.ctl(1, &["quit"]).ok();
    let _inviting = world.spawn_ctl(2, &["connect", &world.address(1)]);
    assert_eq!(screen.next(), "bubble|--action=default=Open|--|bob & <b>|invites you to a chat");
    // Whoever still writes here would wait for ever.
    assert_eq!(screen.next(), "page open");
}

#[test]
fn a_desktop_that_cannot_be_clicked_shows_it_all_the_same() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let (mut screen, _listener) = Screen::new(&world, "no such thing");
    for text in ["one", "two"] {
        world.ctl(2, &["send", text]).ok();
        assert_eq!(screen.next(), format!("bubble|--|bob|{text}"));
    }
    let line = "simpctl: --new, --since and --last say where to begin: only one of them can be given";
    world.ctl(1, &["listen", "--new", "--since", "1h"]).fails(2, line);
}
