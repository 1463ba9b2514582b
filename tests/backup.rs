//! A backup of a simpd that goes on, and a simpd that begins with one. `restored`: what the other side sees of that.

mod restored;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use nix::sys::signal::Signal;
use serde_json::Value;
use simp_control::{Answer, Failure, FailureKind, Reply, Request};

use crate::harness::scripted::{hello, scripted};
use crate::harness::{Daemon, Running, Terminal, World, within};

/// Alice, whose log is longer than what a pipe and the programs at its ends hold.
fn alice(world: &World) -> Daemon {
    let alice = world.start(1, &["--user", "alice"]);
    alice.signal(Signal::SIGTERM);
    alice.wait();
    let log = world.path("state/simp").join(world.address(1)).join("log.db");
    let db = rusqlite::Connection::open(log).unwrap();
    // Texts of 1000 characters, which nobody is to have.
    let sql = "INSERT INTO events (id, at, kind, chat, address, user, text)
        WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < 2000)
        SELECT id, 1, 4, 1, '127.0.0.9:7777', 'eve', hex(randomblob(500)) FROM n";
    db.execute(sql, []).unwrap();
    drop(db);
    world.start(1, &["--user", "alice"])
}

fn file(world: &World, name: &str) -> (PathBuf, String) {
    let path = world.path(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

/// What is in an archive.
fn unpacked(world: &World, archive: &[u8]) -> (rusqlite::Connection, Vec<u8>) {
    let folder = world.path("unpacked");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    simp_backup::unpack(archive, &folder).unwrap();
    let db = rusqlite::Connection::open(folder.join("log.db")).unwrap();
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    (db, fs::read(folder.join("key")).unwrap())
}

fn entries(db: &rusqlite::Connection) -> u64 {
    db.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0)).unwrap() as u64
}

/// `backup -` whose output somebody reads who has not begun yet.
fn piped(world: &World) -> Child {
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.address(1)).args(["backup", "-"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// All that it writes, then what it says and its status.
fn drained(mut child: Child) -> (Vec<u8>, String, Option<i32>) {
    within(move || {
        let mut archive = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut archive).unwrap();
        let output = child.wait_with_output().unwrap();
        (archive, String::from_utf8(output.stderr).unwrap(), output.status.code())
    })
}

#[test]
fn a_backup_has_all_that_there_was_and_is_for_its_user_alone() {
    let world = World::new();
    let alice = alice(&world);
    let (path, name) = file(&world, "a.tar");
    let printed: Value = serde_json::from_str(&world.ctl(1, &["--json", "backup", &name]).ok()).unwrap();
    let status = alice.client().status();
    assert_eq!(printed["backup"], name.as_str());
    assert_eq!(printed["log"], status.log.unwrap().to_string());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (db, key) = unpacked(&world, &fs::read(&path).unwrap());
    assert_eq!(entries(&db), status.last_id);
    assert!(key == fs::read(world.path("state/simp").join(world.address(1)).join("key")).unwrap());
    // Any tar reads it.
    let mut tar = world.command("tar");
    let listed = tar.arg("tf").arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "key\nlog.db\nbackup.json\n");
    // And nothing else is left.
    let in_folder: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!in_folder.iter().any(|name| name.to_str().unwrap().starts_with('.')), "{in_folder:?}");
    let (second, name) = file(&world, "b.tar");
    assert_eq!(world.ctl(1, &["backup", &name]).ok(), "");
    assert!(second.exists());
}

#[test]
fn simpd_goes_on_while_it_is_backed_up_and_the_backup_is_of_one_moment() {
    let world = World::new();
    let alice = alice(&world);
    let before = alice.client().status().last_id;
    let mut child = piped(&world);
    // It has begun, and waits for whoever reads.
    let mut archive = vec![0; 512];
    child.stdout.as_mut().unwrap().read_exact(&mut archive).unwrap();
    for _ in 0..100 {
        world.ctl(1, &["send", "--queue", "-t", &world.address(2), "--", &"y".repeat(900)]).ok();
    }
    let line = "no backup was made: another backup is being made (try again when it is done)";
    let (path, name) = file(&world, "second.tar");
    world.ctl(1, &["backup", &name]).fails(1, &format!("simpctl: {line}"));
    assert!(!path.exists());
    let (rest, said, status) = drained(child);
    assert_eq!((said.as_str(), status), ("", Some(0)));
    archive.extend(rest);
    let (db, _) = unpacked(&world, &archive);
    assert_eq!(entries(&db), before);
    // What was written meanwhile is there, and the next backup has it.
    assert_eq!(alice.client().status().last_id, before + 100);
    world.ctl(1, &["backup", &name]).ok();
    assert_eq!(entries(&unpacked(&world, &fs::read(&path).unwrap()).0), before + 100);
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_overwritten() {
    let world = World::new();
    let (path, name) = file(&world, "a.tar");
    fs::write(&path, "mine").unwrap();
    let socket = world.socket(1);
    let line = format!(
        "simpctl: {}: simpd is not running (start it with: simpctl start {})",
        socket.display(),
        world.address(1)
    );
    world.ctl(1, &["backup", &name]).fails(3, &line);
    let _alice = world.start(1, &["--user", "alice"]);
    let line = format!("no backup was made: {name}: exists already (move it away, or choose another name)");
    world.ctl(1, &["backup", &name]).fails(1, &format!("simpctl: {line}"));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let (_, missing) = file(&world, "none/a.tar");
    let line = format!("no backup was made: {missing}: no such file or directory");
    world.ctl(1, &["backup", &missing]).fails(1, &format!("simpctl: {line}"));
    world.ctl(1, &["backup", ""]).fails(2, "simpctl: no file given (for standard output: simpctl backup -)");
    let line = "standard output is the backup, so that --json means nothing (leave it out)";
    let refused = world.ctl(1, &["--json", "backup", "-"]);
    assert_eq!((refused.status, refused.stderr.as_str()), (Some(2), format!("simpctl: {line}\n").as_str()));
    let line = "<file> is missing (see simpctl backup --help)";
    world.ctl(1, &["backup"]).fails(2, &format!("simpctl: {line}"));
}

#[test]
fn a_full_disk_and_a_reader_that_goes_away_are_said() {
    let world = World::new();
    let alice = alice(&world);
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    for (output, why) in [
        (
            Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap()),
            "the disk is full (free some space, or choose another folder)",
        ),
        (Stdio::from(writer), "broken pipe"),
    ] {
        let mut command = world.command("simpctl");
        command.arg("-d").arg(world.address(1)).args(["backup", "-"]).stdout(output).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // It holds a writer as well.
        drop(command);
        let ended = within(|| child.wait_with_output().unwrap());
        let line = format!("simpctl: no backup was made: standard output: {why}\n");
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(1), line));
    }
    // Nobody holds it any more.
    world.ctl(1, &["backup", &file(&world, "a.tar").1]).ok();
    drop(alice);
}

#[test]
fn a_simpd_that_is_killed_or_stopped_in_the_middle_leaves_no_backup() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let world = World::new();
        let alice = alice(&world);
        let mut child = piped(&world);
        let mut archive = vec![0; 512];
        child.stdout.as_mut().unwrap().read_exact(&mut archive).unwrap();
        alice.signal(signal);
        alice.wait();
        let (rest, said, status) = drained(child);
        let address = world.address(1);
        let line = format!(
            "simpctl: no backup was made: simpd on {address} went away (start it with: simpctl start {address}, and try \
             again)\n"
        );
        assert_eq!((said, status), (line, Some(3)));
        archive.extend(rest);
        let folder = world.path("half");
        fs::create_dir(&folder).unwrap();
        let unusable = simp_backup::unpack(archive.as_slice(), &folder).unwrap_err();
        assert_eq!(unusable.to_string(), "not complete: it ends too early");
    }
}

/// A backup that is being made, of what the test writes.
struct Scripted {
    making: Running,
    log: fs::File,
    made: PathBuf,
    _asked: Receiver<Vec<Vec<Request>>>,
}

/// `backup` to `a.tar` of a simpd whose log of so many bytes the test writes into the pipe `log.db`, and that says this of
/// it in the end; `None`: it hangs up before.
fn scripted_backup(
    world: &World,
    bytes: u64,
    last: Option<Answer>,
) -> (Command, Receiver<Vec<Vec<Request>>>) {
    let (log, path) = file(world, "log.db");
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(world.path("key"), "secret").unwrap();
    let status = world.start(9, &[]).client().reply(&Request::Status);
    let held = Reply::HeldLog { path, bytes };
    let mut hello = hello();
    if let Some(Answer::Reply(Reply::Hello { features, .. })) = hello.first_mut() {
        features.push("backup".to_owned());
    }
    let mut answers = vec![hello, vec![Answer::Reply(status)], vec![Answer::Reply(held)]];
    answers.extend(last.map(|last| vec![last]));
    let asked = scripted(&world.path("scripted.sock"), vec![answers]);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.path("scripted.sock")).args(["backup", &file(world, "a.tar").1]);
    (command, asked)
}

fn of_scripted(world: &World, last: Option<Answer>) -> Scripted {
    let (command, asked) = scripted_backup(world, 100_000, last);
    let making = Running::start(command);
    let path = world.path("log.db");
    let log = within(move || fs::File::options().write(true).open(path).unwrap());
    Scripted { making, log, made: world.path("a.tar"), _asked: asked }
}

#[test]
fn a_backup_has_its_name_only_once_simpd_has_confirmed_it() {
    let refusal = Failure::new(FailureKind::Failed, "the log has changed meanwhile");
    let lost = "simpd on SOCKET went away (start it with: simpctl start ADDR, and try again)";
    for (last, status, line) in [
        (Some(Answer::Failure(refusal)), Some(1), "the log has changed meanwhile"),
        (None, Some(3), lost),
        (Some(Answer::Reply(Reply::Done)), Some(0), ""),
    ] {
        let world = World::new();
        let Scripted { making, mut log, made, _asked } = of_scripted(&world, last);
        log.write_all(&[7; 100_000]).unwrap();
        drop(log);
        let ended = making.wait();
        let line = line.replace("SOCKET", world.path("scripted.sock").to_str().unwrap());
        let lines =
            if line.is_empty() { String::new() } else { format!("simpctl: no backup was made: {line}\n") };
        assert_eq!((ended.stderr, ended.status, made.exists()), (lines, status, status == Some(0)));
    }
}

#[test]
fn a_backup_that_is_killed_or_cannot_read_the_log_leaves_nothing() {
    let world = World::new();
    let Scripted { making, mut log, made, _asked } = of_scripted(&world, None);
    log.write_all(&[7; 50_000]).unwrap();
    making.signal(Signal::SIGKILL);
    making.wait();
    assert!(!made.exists());
    let world = World::new();
    let Scripted { making, mut log, made, _asked } = of_scripted(&world, None);
    log.write_all(&[7; 50_000]).unwrap();
    drop(log);
    let log = world.path("log.db");
    making.wait().fails(1, &format!("simpctl: no backup was made: {}: it ends too early", log.display()));
    assert!(!made.exists());
}

#[test]
fn a_person_sees_how_far_it_is() {
    let world = World::new();
    let (command, asked) = scripted_backup(&world, 1 << 40, None);
    let terminal = Terminal::start(&command, 24, 80);
    let path = world.path("log.db");
    let mut log = within(move || fs::File::options().write(true).open(path).unwrap());
    let is_seen = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_seen);
    let writing = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            log.write_all(&[7]).unwrap();
        }
    });
    let shown = terminal.shows("a.tar: ");
    is_seen.store(true, Ordering::Relaxed);
    assert!(shown.contains(" of 1.0 TB (0 %)"), "{shown}");
    writing.join().unwrap();
    // Its line goes with it.
    terminal.no_longer_shows(" of 1.0 TB");
    assert_eq!(terminal.ends().0.code(), Some(1));
    drop(asked);
}

#[test]
fn an_older_simpd_makes_no_backups() {
    let world = World::new();
    let _asked = scripted(&world.path("scripted.sock"), vec![vec![hello()]]);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.path("scripted.sock")).args(["backup", &file(&world, "a.tar").1]);
    let line = format!(
        "simpctl: simpd on {} makes no backups of itself (install simpctl and simpd from the same release, and restart simpd)",
        world.path("scripted.sock").display()
    );
    Running::start(command).wait().fails(3, &line);
    assert!(!world.path("a.tar").exists());
}
