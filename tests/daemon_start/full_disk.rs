//! Starts on a disk that has no room, and starts in the background that come to nothing without a word.

use std::fs;

use crate::harness::{Ran, World, is_root, run, skipped};

/// What follows the path of a file on a full disk.
const FULL: &str = "the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)";

/// Runs a program with a state folder of so many KiB, all of which but a few are taken. Then it says on standard output
/// what is left there. `None` if no disk can be mounted here.
fn run_on(world: &World, test: &str, [kib, left]: [u32; 2], words: &[&str]) -> Option<Ran> {
    if !is_root(test) {
        return None;
    }
    fs::create_dir_all(world.path("state")).unwrap();
    let mut command = world.command("unshare");
    // The mount is gone with the shell.
    let script = format!(
        r#"mount -t tmpfs -o size={kib}k,mode=700 tmpfs "$XDG_STATE_HOME" || exit
        head -c {}k /dev/zero > "$XDG_STATE_HOME/filler"
        "$@"; status=$?
        rm "$XDG_STATE_HOME/filler"
        ls -A "$XDG_STATE_HOME"
        exit $status"#,
        kib - left
    );
    command.args(["-m", "sh", "-c", &script, "sh"]).args(words);
    let outcome = run(command, "secret\n");
    if outcome.stderr.contains("unshare") || outcome.stderr.contains("mount:") {
        skipped(test, outcome.stderr.trim());
        return None;
    }
    Some(outcome)
}

#[test]
fn a_full_disk_is_found_at_the_start() {
    let world = World::new();
    let address = world.address(1);
    let state = world.path("state/simp").join(&address);
    let rooms = world.path("state/simp-room/lobby");
    let (simpd, room) = (env!("CARGO_BIN_EXE_simpd"), env!("CARGO_BIN_EXE_simp-room"));
    let in_background = "cannot start in the background: ";
    for (left, words, line) in [
        (8, &[simpd, &address][..], format!("simpd: {}: {FULL}", state.join("log.db").display())),
        (8, &[simpd, &address, "--background"], format!("simpd: {}: {FULL}", state.join("log.db").display())),
        (0, &[simpd, &address], format!("simpd: {}: {FULL}", state.join("lock").display())),
        (
            0,
            &[simpd, &address, "--background"],
            format!("simpd: {in_background}{}: {FULL}", state.join("simpd.log").display()),
        ),
        (0, &[room, "run", "-d", &address], format!("simp-room: {}: {FULL}", rooms.join("lock").display())),
        (
            0,
            &[room, "run", "-d", &address, "--background"],
            format!("simp-room: {in_background}{}: {FULL}", rooms.join("room.log").display()),
        ),
    ] {
        let Some(outcome) = run_on(&world, "a_full_disk_is_found_at_the_start", [64, left], words) else {
            return;
        };
        outcome.fails(1, &line);
        assert_eq!(outcome.stdout, "", "nothing is left there: {words:?}");
        assert!(!world.socket(1).exists());
    }
}

#[test]
fn a_room_says_that_the_disk_of_its_accounts_is_full() {
    let world = World::new();
    let words = [env!("CARGO_BIN_EXE_simp-room"), "users", "add", "bob"];
    let test = "a_room_says_that_the_disk_of_its_accounts_is_full";
    // For the file beside the accounts, and for the accounts.
    for left in [8, 40] {
        let Some(outcome) = run_on(&world, test, [128, left], &words) else { return };
        let path = world.path("state/simp-room/lobby/room.db");
        let line = format!("simp-room: {}: {FULL}\n", path.display());
        assert_eq!((outcome.status, outcome.stderr), (Some(1), line), "{left} KiB left");
    }
}

#[test]
fn whoever_dies_in_the_background_without_a_word_is_not_passed_over() {
    let world = World::new();
    let mut command = world.command("sh");
    // Of its log no more may be written than this, and the system ends it.
    let script = r#"ulimit -c 0; ulimit -f 16; exec "$@""#;
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_simpd"), &world.address(1), "--background"]);
    let died = "it ended with signal 25 and did not say why (start it without --background)";
    run(command, "").fails(1, &format!("simpd: cannot start in the background: {died}"));
}
