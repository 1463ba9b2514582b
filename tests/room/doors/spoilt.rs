//! What is stored between the doors is removed, is full, or does not come from a door; or a door is not the only one of its
//! name. Members and operators are told, and the room goes on.

use std::process::Command;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::super::ALONE;
use super::super::guest::Guest;
use super::{BUCKET, Doors, OPEN, REACHED, STREAM, UNREACHED, two};
use crate::harness::{DEADLINE, run};

/// Each says something, and the other hears it.
fn talk(ann: &mut Guest, bob: &mut Guest, what: &str) {
    ann.asks(what, "sent to 1");
    bob.hears(&[&format!("[ann] {what}")]);
    bob.asks(what, "sent to 1");
    ann.hears(&[&format!("[bob] {what}")]);
}

#[test]
fn a_stream_that_is_purged_has_nothing_that_was_not_heard() {
    let test = "a_stream_that_is_purged_has_nothing_that_was_not_heard";
    let Some(doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    for text in ["one", "two", "three"] {
        talk(&mut ann, &mut bob, text);
        doors.servers.stranger(0).purges(STREAM);
    }
    talk(&mut ann, &mut bob, "four");
}

#[test]
fn what_a_door_has_not_heard_of_a_stream_that_is_purged_is_said_to_be_lost() {
    let test = "what_a_door_has_not_heard_of_a_stream_that_is_purged_is_said_to_be_lost";
    let Some(mut doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    talk(&mut ann, &mut bob, "one");
    doors.kill_room(1);
    ann.asks("two", "sent to 1");
    doors.servers.stranger(0).purges(STREAM);
    doors.start_room(1);
    ann.asks("three", "sent to 1");
    bob.hears(&["[ann] three"]);
    bob.learns_that("* some lines from the door north are lost: the server has them no more");
    talk(&mut ann, &mut bob, "four");
}

#[test]
fn a_stream_that_is_deleted_is_made_again_with_what_the_doors_still_have() {
    let test = "a_stream_that_is_deleted_is_made_again_with_what_the_doors_still_have";
    let Some(mut doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    talk(&mut ann, &mut bob, "one");
    doors.servers.stranger(0).deletes(STREAM);
    talk(&mut ann, &mut bob, "two");
    // The other door has not heard it yet.
    doors.kill_room(1);
    ann.asks("three", "sent to 1");
    doors.servers.stranger(0).deletes(STREAM);
    ann.asks("four", "sent to 1");
    doors.start_room(1);
    bob.hears(&["[ann] three", "[ann] four"]);
    talk(&mut ann, &mut bob, "five");
}

/// A room with an account, a ban and a topic.
fn with_records(test: &str) -> Option<Doors> {
    let doors = Doors::open(test, 2, &[])?;
    doors.does_with(0, &["users", "add", "ann"], "secret\n").ok();
    doors.does(0, &["ban", "carl", "spam"]).ok();
    doors.does(0, &["topic", "tea"]).ok();
    doors.does_until(1, &["users", "list"], |told| told.starts_with("ann "));
    doors.does_until(1, &["bans"], |told| told.contains("carl"));
    doors.does_until(1, &["status"], |told| told.contains("\ntopic        tea\n"));
    Some(doors)
}

/// The bucket has these records again, and all doors go by them.
fn has_records(doors: &mut Doors) {
    let mut stranger = doors.servers.stranger(0);
    // Each record is a subject of its own; the doors renew theirs.
    let records = |info: &Value| info["state"]["num_subjects"].as_u64().unwrap_or_default();
    let deadline = Instant::now() + DEADLINE;
    while records(&stranger.stream(BUCKET)) < 3 {
        assert!(Instant::now() < deadline, "{}", stranger.stream(BUCKET));
    }
    // A door that is new has nothing but what is there.
    let door = doors.add();
    doors.does_until(door, &["users", "list"], |told| told.starts_with("ann "));
    let mut ann = Guest::comes(&doors.at(door), 20 + door as u8, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", "topic: tea");
    ann.hears(&[ALONE]);
    ann.says("EX");
    ann.is_left_with("goodbye");
    Guest::comes(&doors.at(door), 30 + door as u8, "carl").is_left_with("you are banned from lobby: spam");
}

#[test]
fn a_bucket_that_is_purged_is_filled_again_by_the_doors() {
    let Some(mut doors) = with_records("a_bucket_that_is_purged_is_filled_again_by_the_doors") else {
        return;
    };
    // Each door looks at it when it has renewed its lease, every few seconds.
    let mut stranger = doors.servers.stranger(0);
    let mut writes = || stranger.stream(BUCKET)["state"]["last_seq"].as_u64().unwrap();
    let (before, deadline) = (writes(), Instant::now() + DEADLINE);
    while writes() < before + 4 {
        assert!(Instant::now() < deadline, "the leases are not renewed");
    }
    doors.servers.stranger(0).purges(BUCKET);
    has_records(&mut doors);
}

#[test]
fn a_bucket_that_is_deleted_is_made_and_filled_again_by_the_doors() {
    let Some(mut doors) = with_records("a_bucket_that_is_deleted_is_made_and_filled_again_by_the_doors")
    else {
        return;
    };
    doors.servers.stranger(0).deletes(BUCKET);
    has_records(&mut doors);
}

#[test]
fn a_stream_at_its_limit_confirms_nothing_and_goes_on_when_there_is_room() {
    let test = "a_stream_at_its_limit_confirms_nothing_and_goes_on_when_there_is_room";
    let Some(doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    talk(&mut ann, &mut bob, "one");
    let mut stranger = doors.servers.stranger(0);
    let before = stranger.stream(STREAM);
    let bytes = before["state"]["bytes"].as_u64().unwrap();
    stranger.changes(STREAM, &json!({ "max_bytes": bytes + 10 }));
    ann.says("two");
    ann.learns_that(UNREACHED);
    ann.asks("WHO", "here: you, bob");
    let told = doors.does_until(0, &["status"], |told| told.contains("trouble"));
    let full = "\ntrouble      the room's stream is full (simp-room doors shows ";
    assert!(told.contains(full), "{told}");
    stranger.changes(STREAM, &json!({ "max_bytes": before["config"]["max_bytes"] }));
    ann.learns_that(REACHED);
    ann.hears(&["sent to 1"]);
    bob.hears(&["[ann] two"]);
    talk(&mut ann, &mut bob, "three");
}

#[test]
fn what_no_door_has_written_is_counted_and_heard_by_nobody() {
    let test = "what_no_door_has_written_is_counted_and_heard_by_nobody";
    let Some(doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    talk(&mut ann, &mut bob, "one");
    let mut stranger = doors.servers.stranger(0);
    let last = stranger.stream(STREAM)["state"]["last_seq"].as_u64().unwrap();
    let message = stranger.reads(STREAM, last);
    let post = message["data"].as_str().unwrap();
    let nonsense: [&[u8]; 8] = [
        b"",
        b"hello",
        b"{}",
        b"\x00\xff\x1b[2J",
        b"{\"post\":\"public\",\"text\":\"hello\"}",
        b"{\"door\":\"north\",\"id\":\"x\",\"n\":-1,\"through\":0,\"attempt\":0,\"post\":\"gone\"}",
        &[b'['; 100_000],
        post.as_bytes(),
    ];
    for subject in ["public", "news", "door.east", "x"] {
        for body in nonsense {
            stranger.stores(&format!("simp.room.lobby.{subject}"), body);
        }
    }
    for key in ["account.ann", "ban.=zz", "topic", "door.east", "door.x", "x"] {
        stranger.stores(&format!("$KV.SIMP_lobby.{key}"), b"\xff\x1b[2J");
    }
    talk(&mut ann, &mut bob, "two");
    bob.asks("WHO", "here: you, ann");
    let told = doors.does(1, &["status", "--all"]).ok();
    assert!(told.contains(&format!("\nnot ours     {} posts in the stream\n", 4 * nonsense.len())), "{told}");
    assert!(!told.contains('\x1b'), "{told:?}");
    Guest::enters(&doors.at(0), 5, "dora");
}

#[test]
fn a_line_that_a_stranger_forges_is_shown_as_text_and_nothing_else() {
    let test = "a_line_that_a_stranger_forges_is_shown_as_text_and_nothing_else";
    let Some(doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    let text = format!("x\x1b[2J\n{}", "y".repeat(5_000));
    let forged = json!({
        "door": "mars\x1b[2J", "id": "m", "n": 1, "through": 0, "attempt": 0, "post": "public",
        "by": { "member": { "name": "zed", "chat": 1 } }, "text": text,
    });
    doors.servers.stranger(0).stores("simp.room.lobby.public", forged.to_string().as_bytes());
    talk_after(&mut ann, &mut bob);
}

/// What is heard before a line of ann's is text that a terminal can show, in lines that are not too long.
fn talk_after(ann: &mut Guest, bob: &mut Guest) {
    ann.says("two");
    loop {
        let line = bob.next_line();
        assert!(line.len() <= 985 && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        if line == "[ann] two" {
            break;
        }
    }
    while ann.next_line() != "sent to 1" {}
}

#[test]
fn two_doors_of_one_name_are_not_open_at_the_same_time() {
    let test = "two_doors_of_one_name_are_not_open_at_the_same_time";
    let Some(mut doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    doors.does_until(1, &["doors"], |told| told.contains("north "));
    doors.end_room(1, Signal::SIGTERM);
    let line = format!(
        "simp-room: a door called north is registered already, on simpd {} (choose another name: --door NAME; or if that \
         one is gone for good: simp-room doors remove north)",
        doors.simpd_name(0)
    );
    let mut command = doors.run_command(1, "north");
    command.env("XDG_STATE_HOME", doors.world.path("state-new"));
    run(command, "").fails(1, &line);
    doors.start_room(1);
    talk(&mut ann, &mut bob, "one");
}

#[test]
fn a_copy_of_a_door_that_runs_is_not_opened() {
    let test = "a_copy_of_a_door_that_runs_is_not_opened";
    let Some(mut doors) = Doors::open(test, 1, &OPEN) else { return };
    doors.end_room(0, Signal::SIGTERM);
    let copy = doors.world.path("copy");
    let copied =
        Command::new("cp").arg("-a").args([&doors.world.path("state-north"), &copy]).status().unwrap();
    assert!(copied.success());
    doors.start_room(0);
    let simpd = doors.world.start(2, &["--user", "lobby", "--accept", "all", "--max-chats", "9"]);
    let mut command = doors.world.command("simp-room");
    command.env("XDG_STATE_HOME", &copy).args(["run", "--open", "--door", "north", "-d"]);
    command.arg(&simpd.socket).args(["--nats", &doors.servers.urls()[0]]);
    let line = format!(
        "simp-room: the door north runs already, on simpd {}, and this has a copy of its folder (remove room.db here, \
         and choose another name: --door NAME)",
        doors.simpd_name(0)
    );
    run(command, "").fails(1, &line);
}
