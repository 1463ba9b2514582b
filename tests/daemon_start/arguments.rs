//! What is wrong with the command line or with simpd.toml, in one line each.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::{Daemon, World};

#[test]
fn wrong_usage_is_status_2_and_one_line() {
    let world = World::new();
    let address = world.address(1);
    let max = |said| format!("simpd: --max-chats '{said}': expected a whole number from 1 to 100000");
    for (args, line) in [
        (&[][..], "simpd: no address given (for example: simpd 127.0.0.1)"),
        (
            &["localhost"],
            "simpd: 'localhost': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &["127.0.0.1:0"],
            "simpd: '127.0.0.1:0': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &["127.0.0.1\n\x1b[2J"],
            "simpd: '127.0.0.1\\n\\x1b[2J': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &[&address, "--accept", " "],
            "simpd: --accept: nobody is named (ask: nobody is let in without asking; all: everybody)",
        ),
        (&[&address, "--config", ""], "simpd: --config: no file given"),
        (&[&address, "-"], "simpd: one argument too many: - (see simpd --help)"),
        (
            &["--", &address, "--background"],
            "simpd: one argument too many: --background (options go before --; see simpd --help)",
        ),
        (
            &[&address, "--", "--user", "bob"],
            "simpd: one argument too many: --user (options go before --; see simpd --help)",
        ),
        (&["--verbose"], "simpd: no option --verbose (see simpd --help)"),
        (&[&address, "127.0.0.2"], "simpd: one argument too many: 127.0.0.2 (see simpd --help)"),
        (&[&address, "--user"], "simpd: --user: no value given (see simpd --help)"),
        (&[&address, "--max-chats", "0"], &max("0")),
        (&[&address, "--max-chats", "100001"], &max("100001")),
        (&[&address, "--max-chats", "many"], &max("many")),
        (&[&address, "--log", "loud"], "simpd: --log 'loud': expected error, warn, info or debug"),
        (
            &[&address, "--user", &"x".repeat(33)],
            "simpd: --user: a user name has at most 32 characters, this one has 33 (choose another with --user NAME)",
        ),
        (
            &[&address, "--user", "j\u{202e}rg"],
            "simpd: --user: a user name cannot contain the character U+202E (choose another with --user NAME)",
        ),
        (
            &[&address, "--user", "a\x1b"],
            "simpd: --user: a user name cannot contain the character U+001B (choose another with --user NAME)",
        ),
        (
            &[&address, "--user", ""],
            "simpd: --user: a user name cannot be empty (choose another with --user NAME)",
        ),
    ] {
        world.simpd(args).fails(2, line);
    }
}

#[test]
fn version_and_help_are_printed() {
    let world = World::new();
    assert_eq!(world.simpd(&["--version"]).ok(), concat!("simpd ", env!("CARGO_PKG_VERSION"), "\n"));
    for help in ["--help", "-h"] {
        assert!(world.simpd(&[help]).ok().starts_with("Usage: simpd "));
    }
}

#[test]
fn a_wrong_configuration_names_the_line() {
    let world = World::new();
    let folder = world.path("config/simp");
    fs::create_dir_all(&folder).unwrap();
    let default = folder.join("simpd.toml");
    let shown = default.display();
    for (toml, line) in [
        (
            "accept = 'all'\nmax_chat = 2\n",
            "line 2: max_chat: unknown setting (known: address, log, durability, user, accept, max_chats, attempts, \
             request_expiry, message_max, secure, text_max, outbox_max, outbox_peer_max, outbox_bytes, retain_age, retain_count, \
             retain_discard, peer_bytes, stranger_bytes, peers, socket_group, read_group)",
        ),
        ("socket_group = 7", "line 1: socket_group: expected a text between quotation marks"),
        (
            "\nsocket_group = 'no such group'",
            "line 2: socket_group 'no such group': there is no such group (list them: getent group)",
        ),
        ("read_group = ''", "line 1: read_group '': there is no such group (list them: getent group)"),
        (
            "read_group = '../x'",
            "line 1: read_group '../x': there is no such group (list them: getent group)",
        ),
        (
            "read_group = '4294967296'",
            "line 1: read_group '4294967296': there is no such group (list them: getent group)",
        ),
        ("\n\nuser = 'x\n", "line 3: user: the quotation mark at its end is missing"),
        ("max_chats = 'many'\n", "line 1: max_chats: expected a number, without quotation marks"),
        ("\nattempts = 0\n", "line 2: attempts '0': expected a whole number from 1 to 100"),
        ("user = ''\n", "line 1: user: a user name cannot be empty (choose another with --user NAME)"),
        ("log = 'loud'\n", "line 1: log 'loud': expected error, warn, info or debug"),
        (
            "\naddress = 'localhost'\n",
            "line 2: address 'localhost': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
    ] {
        fs::write(&default, toml).unwrap();
        world.simpd(&[]).fails(2, &format!("simpd: {shown}: {line}"));
    }
    // What the command line goes before is checked all the same.
    for (setting, option, line) in [
        (
            "address = 'here'",
            world.address(1),
            "address 'here': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        ("log = 'loud'", "--log=info".to_owned(), "log 'loud': expected error, warn, info or debug"),
        (
            "accept = ''",
            "--accept=all".to_owned(),
            "accept: nobody is named (ask: nobody is let in without asking; all: everybody)",
        ),
    ] {
        fs::write(&default, setting).unwrap();
        world.simpd(&[&option]).fails(2, &format!("simpd: {shown}: line 1: {line}"));
    }
    fs::write(&default, b"user = 'j\xf6rg'").unwrap();
    world.simpd(&[]).fails(2, &format!("simpd: {shown}: not UTF-8 text"));
    let missing = world.path("no.toml");
    world
        .simpd(&["--config", missing.to_str().unwrap()])
        .fails(2, &format!("simpd: {}: no such file or directory", missing.display()));
    // The file may say everything, and the command line goes before it.
    fs::write(&default, format!("address = '{}'\nuser = 'eve'\naccept = 'all'", world.address(1))).unwrap();
    let mut command = world.command("simpd");
    command.args(["--user", "alice"]);
    let status = Daemon::start(command, world.socket(1)).client().status();
    assert_eq!((status.user.as_str(), status.accept.as_str()), ("alice", "all"));
}

#[test]
fn a_configuration_that_is_no_file_is_refused_at_once() {
    let world = World::new();
    let folder = world.path("config/simp");
    fs::create_dir_all(&folder).unwrap();
    let (default, named) = (folder.join("simpd.toml"), world.path("named"));
    for path in [&default, &named] {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let refused =
        |path: &str| format!("simpd: {path}: not a regular file (name one with --config; it may be empty)");
    world.simpd(&[&world.address(1)]).fails(2, &refused(default.to_str().unwrap()));
    for path in [named.to_str().unwrap(), folder.to_str().unwrap(), "/dev/null"] {
        world.simpd(&[&world.address(1), "--config", path]).fails(2, &refused(path));
    }
}

#[test]
fn a_configuration_that_is_far_too_long_is_refused_and_not_held() {
    let world = World::new();
    let file = world.path("long");
    // More than any machine has memory for.
    fs::File::create(&file).unwrap().set_len(1 << 42).unwrap();
    let path = file.to_str().unwrap();
    let line = format!("simpd: {path}: more than 1 MiB (name a configuration with --config)");
    world.simpd(&[&world.address(1), "--config", path]).fails(2, &line);
    // With a great many settings, too, the line of each is known at once.
    let many = (0..60_000).map(|n| format!("k{n} = 1\n")).collect::<String>();
    fs::write(&file, format!("\n\n{many}user = 5\n")).unwrap();
    let line = format!("simpd: {path}: line 60003: user: expected a text between quotation marks");
    world.simpd(&[&world.address(1), "--config", path]).fails(2, &line);
}

#[test]
fn a_configuration_behind_a_link_to_nothing_is_no_missing_one() {
    let world = World::new();
    let (file, folder) = (world.path("config/simp/simpd.toml"), world.path("config/simp"));
    let target = world.path("gone");
    let refused = |link: &Path| {
        let (link, target) = (link.display(), target.display());
        format!("simpd: {link}: a link to {target}, which is not there (make it, or remove the link)")
    };
    fs::create_dir_all(&folder).unwrap();
    symlink(&target, &file).unwrap();
    world.simpd(&[&world.address(1)]).fails(2, &refused(&file));
    world.simpd(&[&world.address(1), "--config", file.to_str().unwrap()]).fails(2, &refused(&file));
    fs::remove_dir_all(&folder).unwrap();
    symlink(&target, &folder).unwrap();
    world.simpd(&[&world.address(1)]).fails(2, &refused(&folder));
    // A link to a file is as good as the file.
    fs::create_dir(&target).unwrap();
    fs::write(target.join("simpd.toml"), "log = 'loud'").unwrap();
    let line = format!("simpd: {}: line 1: log 'loud': expected error, warn, info or debug", file.display());
    world.simpd(&[&world.address(1)]).fails(2, &line);
}
