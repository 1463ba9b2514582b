//! A simpd that begins with a backup: nothing that is said from then on is lost, and nothing is shown twice.

use std::fs;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use simp_control::{Event, Kind, Reason, Request, What};

use super::file;
use crate::disk::refuse::{CHANGES, Disk, FOR_GOOD, REMOVES, library};
use crate::harness::{DEADLINE, Daemon, World};

const ALICE: [&str; 4] = ["--user", "alice", "--accept", "all"];

/// All that the daemon on this host had is gone.
fn lose(world: &World, host: u8, daemon: &Daemon) {
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    fs::remove_dir_all(world.path("state/simp").join(world.address(host))).unwrap();
}

/// Alice, who begins with a backup, and what she says of it.
fn restored(world: &World, name: &str) -> (Daemon, String) {
    let alice = world.start(1, &[&ALICE[..], &["--restore", name]].concat());
    let said = alice.log();
    (alice, said)
}

/// The texts that have come, in order.
fn heard(daemon: &Daemon) -> Vec<String> {
    let text = |event: Event| match event.what {
        What::Message { text } => Some(text),
        _ => None,
    };
    daemon.client().log().into_iter().filter_map(text).collect()
}

/// Waits for this.
#[track_caller]
fn until(so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "it has not happened");
    }
}

/// Waits until the chats of this daemon are over.
fn no_chats(daemon: &Daemon) {
    daemon.client().status_when(|status| status.chats == 0);
}

fn says(world: &World, host: u8, to: u8, texts: &[&str], options: &[&str]) {
    for text in texts {
        let to = world.address(to);
        world.ctl(host, &[&["send", "-t", &to], options, &["--", text]].concat()).ok();
    }
}

/// Both go on talking after the backup that alice comes back with.
fn goes_on(how: &[&str]) {
    let world = World::new();
    let (alice, bob) = (world.start(1, &ALICE), world.start(2, &["--user", "bob", "--accept", "all"]));
    let meets = |world: &World| world.ctl(1, &[&["connect"], how, &[&world.address(2)]].concat()).ok();
    let queued = ["--queue", "--timeout", "30"];
    meets(&world);
    says(&world, 1, 2, &["a1", "a2"], &[]);
    says(&world, 2, 1, &["b1"], &[]);
    let (_, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    // The backup knows nothing of this. So many that some have the ids of those of later.
    let many = |what: &str| (0..20).map(|n| format!("{what}{n}")).collect::<Vec<_>>();
    let keeps = |texts: &[String]| {
        let lines = texts.join("\n");
        world.ctl_with(1, &["send", "--queue", "-t", &world.address(2)], &lines).ok();
        until(|| heard(&bob).last() == texts.last());
    };
    keeps(&many("a3."));
    says(&world, 2, 1, &["b2", "b3"], &queued);
    says(&world, 1, 2, &["a5"], &[]);
    lose(&world, 1, &alice);
    drop(alice);
    // Somebody waits for her meanwhile.
    says(&world, 2, 1, &["b4"], &["--queue"]);
    let (alice, said) = restored(&world, &name);
    assert!(said.contains("1 chat that it had open then: ended\n"), "{said}");
    // Bob is told that the chat is over.
    let closed = || bob.client().log().into_iter().find(|event| event.what.kind() == Kind::Closed);
    until(|| closed().is_some());
    let closed = closed().unwrap();
    assert!(
        matches!(closed.what, What::Closed { reason: Reason::PeerQuit | Reason::PeerRestarted, .. }),
        "{closed:?}"
    );
    keeps(&many("n1."));
    says(&world, 1, 2, &["n2", "n3"], &[]);
    says(&world, 2, 1, &["m1", "m2", "m3"], &queued);
    says(&world, 2, 1, &["m4"], &[]);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let all = [words(&["a1", "a2"]), many("a3."), words(&["a5"]), many("n1."), words(&["n2", "n3"])];
    assert_eq!(heard(&bob), all.concat());
    // What bob said between the backup and the loss is lost: alice had said that she has it.
    assert_eq!(heard(&alice), ["b1", "b4", "m1", "m2", "m3", "m4"]);
}

#[test]
fn a_secure_chat_goes_on_without_loss_or_copies() {
    goes_on(&["--secure"]);
}

#[test]
fn a_plain_chat_goes_on_without_loss_or_copies() {
    goes_on(&["--plain"]);
}

#[test]
fn what_waited_when_the_backup_was_made_is_not_sent_again_by_itself() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    // Bob is away for a while, and has two messages to come in the chat and one in the outbox. There is one for a host that
    // nobody knows, too.
    bob.signal(Signal::SIGKILL);
    bob.wait();
    says(&world, 1, 2, &["one", "two"], &["--no-wait"]);
    says(&world, 1, 2, &["three"], &["--queue"]);
    let mut four = Request::send(None, "four");
    if let Request::Send { queue, host, .. } = &mut four {
        (*queue, *host) = (true, Some("nobody.invalid".to_owned()));
    }
    alice.client().reply(&four);
    let (_, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    until(|| heard(&bob).len() == 3);
    lose(&world, 1, &alice);
    drop(alice);
    let (alice, said) = restored(&world, &name);
    let line = "4 messages that waited then: not delivered from here, but perhaps since then (list: simpctl history \
                --all; send again: simpctl resend ID)\n";
    assert!(said.contains(line), "{said}");
    no_chats(&bob);
    let status = alice.client().status();
    assert_eq!((status.chats, status.outbox), (0, 0));
    let given_up = alice.client().log().into_iter().filter_map(|event| match event.what {
        What::Undelivered { message, reason } => Some((message, reason)),
        _ => None,
    });
    let given_up: Vec<_> = given_up.collect();
    assert_eq!(
        given_up.iter().map(|it| it.1).collect::<Vec<_>>(),
        [Reason::Quit, Reason::Quit, Reason::Cancelled, Reason::Cancelled]
    );
    // Whoever wants one sent again says so.
    world.ctl(1, &["resend", &given_up[1].0.to_string()]).ok();
    until(|| heard(&bob).len() == 4);
    assert_eq!(heard(&bob), ["one", "two", "three", "two"]);
}

#[test]
fn a_log_that_is_restored_is_another_one_with_the_same_key() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let before = alice.client().status();
    let (_, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    lose(&world, 1, &alice);
    drop(alice);
    let (alice, _) = restored(&world, &name);
    let after = alice.client().status();
    assert_eq!(after.key, before.key);
    assert_ne!(after.log, before.log);
    // Restarted, it is the same again. And it can be on another address.
    alice.signal(Signal::SIGTERM);
    assert_eq!(alice.wait(), Some(0));
    let alice = world.start(1, &ALICE);
    assert_eq!(alice.client().status().log, after.log);
    let moved = world.start(3, &["--user", "alice", "--restore", &name]);
    assert_eq!(moved.client().status().key, before.key);
}

/// Alice cannot begin with that, and all is as it was.
#[track_caller]
fn refused(world: &World, args: &[&str], status: i32, line: &str) {
    let ended = world.simpd(&[&[world.address(1).as_str()], args].concat());
    ended.fails(status, &format!("simpd: {line}"));
}

#[test]
fn a_backup_takes_the_place_of_no_log_and_of_no_other_key() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let (_, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    let running = format!(
        "{0}: simpd is already running there, with pid {1} (see: simpctl -d {0} status)",
        world.address(1),
        alice.pid()
    );
    refused(&world, &["--restore", &name], 1, &running);
    alice.signal(Signal::SIGTERM);
    alice.wait();
    drop(alice);
    let folder = world.path("state/simp").join(world.address(1));
    let log = folder.join("log.db");
    let line = format!(
        "{}: there is a log already (move its folder away, or restore on another address)",
        log.display()
    );
    refused(&world, &["--restore", &name], 1, &line);
    fs::remove_file(&log).unwrap();
    let (mine, key) = (fs::read(folder.join("key")).unwrap(), folder.join("key"));
    fs::remove_file(&key).unwrap();
    world.start(1, &ALICE).signal(Signal::SIGKILL);
    let other = fs::read(&key).unwrap();
    world.remove_log(1);
    let line = format!("{}: there is another key than that of the backup (move it away)", key.display());
    refused(&world, &["--restore", &name], 1, &line);
    assert!(fs::read(&key).unwrap() == other && !log.exists());
    fs::write(&key, mine).unwrap();
    restored(&world, &name).0.client().status();
}

#[test]
fn what_is_no_backup_is_refused_and_leaves_nothing() {
    let world = World::new();
    let (path, name) = file(&world, "a.tar");
    let state = world.path("state/simp");
    refused(&world, &["--restore", &name], 1, &format!("{name}: no such file or directory"));
    for (bytes, why) in [(vec![], "not a backup of simpd"), (vec![7; 9_999], "not a backup of simpd")] {
        fs::write(&path, bytes).unwrap();
        refused(&world, &["--restore", &name], 1, &format!("{name}: {why}"));
    }
    let folder = path.parent().unwrap().to_str().unwrap();
    refused(&world, &["--restore", folder], 1, &format!("{folder}: not a regular file"));
    refused(&world, &["--restore", ""], 2, "--restore: no file given");
    let line = "--restore -: in the background there is no standard input (give a file, or no --background)";
    refused(&world, &["--background", "--restore", "-"], 2, line);
    fs::remove_file(&path).unwrap();
    let alice = world.start(1, &ALICE);
    world.ctl(1, &["backup", &name]).ok();
    lose(&world, 1, &alice);
    drop(alice);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 4_000]).unwrap();
    refused(&world, &["--restore", &name], 1, &format!("{name}: not complete: it ends too early"));
    let mut changed = whole.clone();
    changed[3_000] ^= 1;
    fs::write(&path, &changed).unwrap();
    refused(
        &world,
        &["--restore", &name],
        1,
        &format!("{name}: damaged: its log.db is not what was written"),
    );
    assert!(fs::read_dir(&state).unwrap().next().is_none());
}

/// A backup that somebody has made of these.
fn made_of(key: &[u8], log: &[u8]) -> Vec<u8> {
    let mut writing = simp_backup::Writing::begin(Vec::new(), 0);
    let key = writing.key(key).unwrap();
    let log_db = writing.log(log.len() as u64, log).unwrap();
    let words = |words: &str| words.to_owned();
    writing
        .seal(&simp_backup::About {
            format: simp_backup::FORMAT,
            version: words("0.2.0"),
            address: words("127.0.0.1:7777"),
            user: words("eve\x1b[2J"),
            log: None,
            at: words("now"),
            key,
            log_db,
        })
        .unwrap()
}

#[test]
fn a_log_that_is_none_or_does_more_than_hold_data_is_refused() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let folder = world.path("state/simp").join(world.address(1));
    let key = fs::read(folder.join("key")).unwrap();
    alice.signal(Signal::SIGTERM);
    alice.wait();
    let log = fs::read(folder.join("log.db")).unwrap();
    lose(&world, 1, &alice);
    drop(alice);
    let changed = |sql: &str| {
        let path = world.path("changed.db");
        fs::write(&path, &log).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        fs::read(&path).unwrap()
    };
    let (path, name) = file(&world, "a.tar");
    let none = "damaged: its log is none, or not whole";
    for (bytes, why) in [
        (made_of(b"secret", &log), "damaged: its key is none"),
        (made_of(&key, b"hello"), none),
        (made_of(&key, &log[..log.len() / 2]), none),
        (made_of(&key, &changed("CREATE TRIGGER t AFTER DELETE ON events BEGIN SELECT 1; END")), none),
        (
            made_of(&key, &changed("PRAGMA user_version = 999")),
            "its log was written by a newer simpd (install that one)",
        ),
        (made_of(&key, &changed("PRAGMA application_id = 7")), none),
        (made_of(&key, &changed("DROP TABLE events")), none),
    ] {
        fs::write(&path, bytes).unwrap();
        refused(&world, &["--restore", &name], 1, &format!("{name}: {why}"));
    }
    // One that is right is said with what it says of itself, as it can be shown.
    fs::write(&path, made_of(&key, &log)).unwrap();
    let (_alice, said) = restored(&world, &name);
    assert!(said.contains("the log of eve\\x1b[2J on 127.0.0.1:7777 as of now (0 entries)\n"), "{said}");
}

#[test]
fn a_restore_that_is_killed_in_the_middle_leaves_nothing() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let (path, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    lose(&world, 1, &alice);
    drop(alice);
    let whole = fs::read(&path).unwrap();
    let mut command = world.command("simpd");
    command.args([&world.address(1), "--restore", "-"]).stdin(std::process::Stdio::piped());
    let mut restoring = command.spawn().unwrap();
    let mut input = restoring.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &whole[..whole.len() / 2]).unwrap();
    let folder = world.path("state/simp").join(world.address(1));
    until(|| folder.join("restoring/log.db").exists());
    restoring.kill().unwrap();
    restoring.wait().unwrap();
    assert!(!folder.join("log.db").exists() && !folder.join("key").exists());
    // The same again, to its end.
    let mut command = world.command("simpd");
    command.args([&world.address(1), "--restore", "-"]).stdin(fs::File::open(&path).unwrap());
    let alice = Daemon::start(command, world.socket(1));
    assert!(alice.client().status().key.is_some());
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().starts_with("restor")), "{left:?}");
}

#[test]
fn a_disk_that_fails_in_the_middle_of_a_restore_leaves_nothing() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let (_, name) = file(&world, "a.tar");
    world.ctl(1, &["backup", &name]).ok();
    lose(&world, 1, &alice);
    drop(alice);
    let library = library(&world);
    let home = world.path("state");
    let folder = home.join("simp").join(world.address(1));
    // Each call to the disk, and all after it.
    let mut calls = 0;
    loop {
        let disk = Disk::new(&library, world.path(&format!("order-{calls}")), home.clone());
        let mut command = world.command("simpd");
        command.arg(world.address(1)).args(["--restore", &name]);
        disk.attach(&mut command);
        disk.fail(CHANGES - REMOVES, calls as u32, FOR_GOOD, Some(Errno::ENOSPC));
        let failed = match Daemon::try_start(command, world.socket(1)) {
            // All calls were let through.
            Ok(alice) => return assert!(calls > 20 && alice.client().status().key.is_some(), "{calls}"),
            Err(failed) => failed,
        };
        let (last, is_last) = (failed.stderr.lines().last().unwrap_or_default(), failed.status == Some(1));
        assert!(is_last && last.contains(": the disk ") && last.contains("set XDG_STATE_HOME"), "{failed:?}");
        for left in ["log.db", "log.db-wal", "key", "restoring", "restored"] {
            assert!(!folder.join(left).exists(), "{left} after {calls} calls: {failed:?}");
        }
        calls += 1;
    }
}
