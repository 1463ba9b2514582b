//! The disk of the room is full, may not be written or is damaged, or its simpd is away: what is said of it.

use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::Lobby;
use super::guest::Guest;
use crate::disk::refuse::{CHANGES, Disk, FOR_GOOD, GROWS, library};
use crate::harness::{Ran, run};

const FULL: &str = "the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)";

/// The disk of all rooms.
fn disk(lobby: &Lobby) -> Disk {
    let folder = lobby.world.path("state/simp-room").canonicalize().unwrap();
    Disk::new(&library(&lobby.world), lobby.world.path("order"), folder)
}

/// Runs simp-room on it to its end.
fn does_on(disk: &Disk, lobby: &Lobby, args: &[&str], input: &str) -> Ran {
    let mut command = lobby.world.command("simp-room");
    disk.attach(&mut command);
    command.env("XDG_STATE_HOME", lobby.world.path("state")).args(args);
    run(command, input)
}

/// Its only account is bob's.
fn with_bob() -> (Lobby, PathBuf) {
    let lobby = Lobby::closed("");
    lobby.does_with(&["users", "add", "bob"], "secret\n").ok();
    let path = lobby.world.path("state/simp-room/lobby/room.db");
    (lobby, path)
}

#[test]
fn a_disk_that_is_full_or_may_not_be_written_is_named_with_the_remedy() {
    let (lobby, path) = with_bob();
    let disk = disk(&lobby);
    let to = lobby.to();
    let commands = [
        (&["users", "add", "ann"][..], "secret\n"),
        (&["users", "import", "-"], "ann,one\ncarl,two\n"),
        (&["users", "passwd", "bob"], "another\n"),
    ];
    disk.fail(GROWS, 0, FOR_GOOD, Some(Errno::ENOSPC));
    let line = format!("simp-room: {}: {FULL}", path.with_file_name("lock").display());
    does_on(&disk, &lobby, &["run", "-d", &to], "").fails(1, &line);
    for (args, input) in commands {
        disk.fail(GROWS, 0, FOR_GOOD, Some(Errno::ENOSPC));
        does_on(&disk, &lobby, args, input).fails(1, &format!("simp-room: {}: {FULL}", path.display()));
        disk.fail(CHANGES, 0, FOR_GOOD, Some(Errno::EROFS));
        let failed = does_on(&disk, &lobby, args, input);
        assert_eq!((failed.status, failed.stderr.lines().count()), (Some(1), 1), "{failed:?}");
        assert!(failed.stderr.contains(" (mount it for writing, or set XDG_STATE_HOME to "), "{failed:?}");
    }
    // The lock is written, and the rest is not.
    disk.fail(GROWS, 1, FOR_GOOD, Some(Errno::ENOSPC));
    let line = format!("simp-room: {}: {FULL}", path.display());
    does_on(&disk, &lobby, &["run", "-d", &to], "").fails(1, &line);
    disk.mend();
    assert_eq!(does_on(&disk, &lobby, &["users", "list"], "").ok().lines().count(), 1);
}

#[test]
fn a_room_that_waits_for_its_disk_says_so_to_whoever_asks_and_goes_on_by_itself() {
    let mut lobby = Lobby::start(&["--open"]);
    lobby.end_room(Signal::SIGTERM).ok();
    let path = lobby.world.path("state/simp-room/lobby/room.db");
    let disk = disk(&lobby);
    let mut command = lobby.world.command("simp-room");
    disk.attach(&mut command);
    command.env("XDG_STATE_HOME", lobby.world.path("state")).args(["run", "--open", "-d", &lobby.to()]);
    lobby.start_command(command);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    disk.fail(CHANGES, 0, FOR_GOOD, Some(Errno::ENOSPC));
    ann.says("hello");
    let why = format!("{}: {FULL}; retrying", path.display());
    assert_eq!(lobby.says(), format!("simp-room: {why}"));
    let line = format!("simp-room: the room lobby waits: {why}");
    for args in [&["status"][..], &["status", "--json"], &["topic", "tea"], &["ban", "bob"], &["say", "x"]] {
        lobby.does(args).fails(1, &line);
    }
    disk.mend();
    assert_eq!(lobby.says(), "simp-room: the accounts can be written again");
    ann.hears(&["sent to 0"]);
    let told = lobby.does(&["status"]).ok();
    assert!(told.contains("\ntopic\n") && !told.contains("trouble"), "{told}");
    assert_eq!(lobby.does(&["bans"]).ok(), "");
}

#[test]
fn a_room_says_when_its_simpd_is_away_and_when_it_is_back() {
    let mut lobby = Lobby::start(&["--open"]);
    lobby.kill_simpd();
    let away = format!("simpd on {} went away, waiting for it", lobby.to());
    assert_eq!(lobby.says(), format!("simp-room: {away}"));
    let told = lobby.does(&["status"]).ok();
    assert!(told.ends_with(&format!("\ntrouble      {away}\n")), "{told}");
    assert!(lobby.does(&["status", "--json"]).ok().ends_with(&format!(",\"trouble\":\"{away}\"}}\n")));
    lobby.start_simpd();
    assert_eq!(lobby.says(), format!("simp-room: simpd on {} is back", lobby.to()));
    assert!(!lobby.does(&["status"]).ok().contains("trouble"));
}

#[test]
fn accounts_that_are_damaged_are_named_with_the_remedy() {
    let (lobby, path) = with_bob();
    let whole = std::fs::read(&path).unwrap();
    let mut broken = whole.clone();
    broken[200..20_000].fill(0x5a);
    let to = lobby.to();
    for bytes in [&broken[..], &whole[..5_000]] {
        for (args, input) in [
            (&["users", "list"][..], ""),
            (&["users", "add", "ann"], "secret\n"),
            (&["users", "import", "-"], "ann,one\n"),
            (&["run", "-d", &to], ""),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let line = format!(
                "simp-room: {}: damaged, or the disk fails to read it (see the system's log; if that has nothing, put a \
                 copy of it back, or move it away to start without accounts)",
                path.display()
            );
            lobby.does_with(args, input).fails(1, &line);
        }
    }
    // What was another version's, or somebody else has put there.
    std::fs::write(&path, &whole).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TABLE accounts").unwrap();
    drop(db);
    let failed = lobby.does(&["users", "list"]);
    assert!(failed.stderr.contains(": damaged, or the disk fails to read it "), "{failed:?}");
}
