//! Files that go from one user to another, in a secure chat. `leaving`: the end of that chat.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_FILE_MB=n` sets how large the file is that goes on through kills.

mod leaving;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use simp_control::error::system;
use simp_control::{FailureKind, Filter, FollowFrom, Kind, Reply, Request, TransferState, What};

use crate::harness::{DEADLINE, Daemon, Random, TestClient, World, is_root, seed, skipped};

/// How often both daemons are killed.
const KILLS: u64 = 20;

/// Alice and bob, in a secure chat.
fn in_a_chat(world: &World) -> (Daemon, Daemon) {
    let daemons = world.alice_and_bob();
    let connected = world.ctl(1, &["connect", &world.address(2)]).ok();
    assert!(connected.contains("(secure, new key "), "{connected}");
    daemons
}

/// A file of so many bytes that nobody could guess.
fn file(world: &World, name: &str, size: u64) -> PathBuf {
    let path = world.path(name);
    let mut random = Random(size ^ 0x5eed);
    let mut file = fs::File::create(&path).unwrap();
    let mut left = size;
    while left > 0 {
        let piece: Vec<u8> =
            (0..left.min(64 << 10).div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
        let length = left.min(piece.len() as u64);
        file.write_all(&piece[..length as usize]).unwrap();
        left -= length;
    }
    path
}

/// An empty folder.
fn folder(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    fs::create_dir(&path).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What is in a folder, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Offers an empty file under this name, which no file could have.
fn offer_as(client: &mut TestClient, path: &Path, name: &str) -> u64 {
    // That of nothing.
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
    let (path, name) = (text(path).to_owned(), name.to_owned());
    let (who, chat, token, again_after) = (None, None, None, None);
    match client.reply(&Request::SendFile { who, chat, path, name, size: 0, sha256, token, again_after }) {
        Reply::Queued { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_offered_taken_and_there_and_both_users_are_told() {
    let world = World::new();
    let _daemons = in_a_chat(&world);
    let (given, saved) = (file(&world, "report.pdf", 1_234_567), folder(&world, "saved"));
    let listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "3"]);
    assert_eq!(world.ctl(1, &["send", "--file", text(&given)]).ok(), "");
    assert_eq!(fs::read(saved.join("report.pdf")).unwrap(), fs::read(&given).unwrap());
    // Nothing is overwritten, and a text goes its own way.
    assert_eq!(world.ctl(1, &["send", "and", "another"]).ok(), "");
    let told = world.ctl(1, &["send", "--json", "--file", text(&given)]).ok();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (delivered, progress) = told.split_last().unwrap();
    assert_eq!(
        (&delivered["event"], &delivered["to"]),
        (&json!("delivered"), &json!(format!("bob@{}:7777", world.address(2))))
    );
    for step in progress {
        assert_eq!(
            (&step["event"], &step["name"], &step["size"]),
            (&json!("progress"), &json!("report.pdf"), &json!(1_234_567))
        );
        assert_eq!(step["message"], delivered["message"]);
    }
    let shown = listener.wait().ok();
    let mut shown: Vec<_> = shown.lines().collect();
    shown.sort_unstable();
    assert_eq!(
        shown,
        ["alice: and another", "saved alice: report-1.pdf (1.2 MB)", "saved alice: report.pdf (1.2 MB)"]
    );
    assert_eq!(names(&saved), ["report-1.pdf", "report.pdf"]);
    let history = world.ctl(1, &["history"]).ok();
    assert!(history.lines().next().unwrap().ends_with("you -> bob: file report.pdf (1.2 MB)"), "{history}");
    let history = world.ctl(2, &["history"]).ok();
    assert!(history.contains("alice offers a file: report.pdf (1.2 MB)\n"), "{history}");
    let history = world.ctl(2, &["history", "--all", "--json"]).ok();
    let path = saved.join("report.pdf");
    assert!(history.contains(&format!("\"path\":\"{}\",\"size\":1234567", text(&path))), "{history}");
}

#[test]
fn an_offer_waits_for_somebody_who_takes_it_through_restarts_of_both() {
    let world = World::new();
    let (alice, bob) = in_a_chat(&world);
    let (given, saved) = (file(&world, "x.bin", 300_000), folder(&world, "saved"));
    assert_eq!(world.ctl(1, &["send", "--no-wait", "--file", text(&given)]).ok(), "");
    let shown = world.ctl(2, &["listen", "-n", "1"]).ok();
    assert_eq!(shown, "alice offers a file: x.bin (300.0 kB); take it: simpctl listen --save DIR\n");
    for daemon in [alice, bob] {
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), Some(0));
    }
    let (_alice, _bob) = world.alice_and_bob();
    // Not from everybody.
    let none = ["listen", "--save", text(&saved), "--from", "eve", "--timeout", "0.001"];
    world.ctl(2, &none).fails(6, "simpctl: no message within 0.001 s");
    assert_eq!(names(&saved), [""; 0]);
    let taken = world.ctl(2, &["listen", "--save", text(&saved), "--from", "alice", "-n", "1"]).ok();
    // Its own mark: what was shown before is new to it, and taken all the same only once.
    assert_eq!(taken, "saved alice: x.bin (300.0 kB)\n");
    assert_eq!(fs::read(saved.join("x.bin")).unwrap(), fs::read(&given).unwrap());
    assert_eq!(names(&saved), ["x.bin"]);
}

#[test]
fn a_name_leads_nowhere_but_into_the_folder() {
    let world = World::new();
    let (alice, _bob) = in_a_chat(&world);
    let (given, saved) = (file(&world, "empty", 0), folder(&world, "saved"));
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    for name in ["../../etc/passwd", "..", ".bashrc", "a\u{1b}[2J\u{202e}b", "/", "x\\y.txt", "y.txt"] {
        offer_as(&mut client, &given, name);
    }
    let shown = world.ctl(2, &["listen", "--save", text(&saved), "-n", "7"]).ok();
    let expected = ["passwd", "file", "bashrc", "a[2Jb", "file-1", "y.txt", "y-1.txt"];
    let expected: String = expected.iter().map(|name| format!("saved alice: {name} (0 bytes)\n")).collect();
    assert_eq!(shown, expected);
    assert_eq!(names(&saved), ["a[2Jb", "bashrc", "file", "file-1", "passwd", "y-1.txt", "y.txt"]);
}

#[test]
fn what_is_refused_says_why_to_whoever_sends_it() {
    let world = World::new();
    let (_alice, bob) = in_a_chat(&world);
    let (given, saved) = (file(&world, "x.bin", 11), folder(&world, "saved"));
    let listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "--max-size", "10", "-n", "1"]);
    let refused = world.ctl(1, &["send", "--file", text(&given)]);
    refused.fails(8, "simpctl: x.bin: not delivered: refused by the peer: larger than 10 bytes");
    assert_eq!(listener.wait().ok(), "not saved alice: x.bin (larger than 10 bytes)\n");
    let sending = world.spawn_ctl(1, &["send", "--file", text(&given)]);
    let mut client = bob.client();
    let message = loop {
        let Reply::Transfers { transfers, .. } = client.reply(&Request::Transfers { after: 0 }) else {
            panic!("no transfers")
        };
        if let [file] = transfers.as_slice() {
            assert_eq!((file.name.as_str(), file.size, file.done), ("x.bin", 11, 0));
            assert_eq!(file.state, TransferState::Offered);
            break file.message;
        }
    };
    client.reply(&Request::RefuseFile { message, reason: "no, thanks".to_owned() });
    sending.wait().fails(8, "simpctl: x.bin: not delivered: refused by the peer: no, thanks");
    assert_eq!(names(&saved), [""; 0]);
    let gone = format!("message {message}: no file that a peer offers");
    let again = Request::TakeFile { message, folder: text(&saved).to_owned() };
    // Until the peer knows, it is known here too.
    if client.ask(&again) != simp_control::Answer::Reply(Reply::Done) {
        client.fails(&again, FailureKind::NoSuch, &gone);
    }
}

#[test]
fn a_peer_is_told_no_more_of_our_system_than_concerns_it() {
    let world = World::new();
    let (_alice, bob) = in_a_chat(&world);
    let (given, saved) = (file(&world, "x.bin", 11), folder(&world, "saved"));
    let mut listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "2"]);
    world.ctl(1, &["send", "--file", text(&given)]).ok();
    assert_eq!(listener.read_line(), "saved alice: x.bin (11 bytes)");
    fs::remove_dir_all(&saved).unwrap();
    let refused = world.ctl(1, &["send", "--file", text(&given)]);
    refused.fails(8, "simpctl: x.bin: not delivered: refused by the peer: it cannot be saved there");
    let why = format!("{}: no such file or directory", saved.display());
    assert_eq!(listener.wait().ok(), format!("not saved alice: x.bin ({why})\n"));
    // And the other way round.
    fs::create_dir(&saved).unwrap();
    let sending = world.spawn_ctl(1, &["send", "--file", text(&given)]);
    let (mut client, offered) = (bob.client(), What::File { name: "x.bin".to_owned(), size: 11 });
    let filter = Filter { kinds: vec![Kind::File], ..Filter::default() };
    client.reply(&Request::Follow { from: FollowFrom::After(0), filter });
    (0..3).for_each(|_| drop(client.expect(offered.clone())));
    fs::remove_file(&given).unwrap();
    let listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "1"]);
    sending.wait().fails(8, "simpctl: x.bin: not delivered: it cannot be read: no such file or directory");
    assert_eq!(listener.wait().ok(), "not saved alice: x.bin (it cannot be read any more)\n");
}

#[test]
fn a_queued_file_is_shown_as_one() {
    let world = World::new();
    let _daemons = in_a_chat(&world);
    let given = file(&world, "x.bin", 11);
    let told = world.ctl(1, &["send", "--no-wait", "--json", "--file", text(&given)]).ok();
    let is_file = r#""text":"x.bin","name":"x.bin","size":11}"#;
    assert_eq!(told, format!("{{\"id\":3,\"event\":\"queued\",\"chat\":1,{is_file}\n"));
    let history = world.ctl(1, &["history", "--json"]).ok();
    assert!(
        history.ends_with(&format!("{is_file}\n")) && history.contains(r#""event":"queued""#),
        "{history}"
    );
}

#[test]
fn a_file_that_changes_is_not_taken_for_what_was_offered() {
    let world = World::new();
    let _daemons = in_a_chat(&world);
    let saved = folder(&world, "saved");
    let changed = "it changed after it was offered";
    let other = "refused by the peer: what came is not what was offered (did it change while it was sent?)";
    for (change, why) in [(&b"longer than it was"[..], changed), (b"other", other)] {
        let path = world.path("x.txt");
        fs::write(&path, "first").unwrap();
        let sending = world.spawn_ctl(1, &["send", "--file", text(&path)]);
        assert!(world.ctl(2, &["listen", "-n", "1"]).ok().contains("x.txt (5 bytes)"));
        fs::write(&path, change).unwrap();
        let listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "1"]);
        sending.wait().fails(8, &format!("simpctl: x.txt: not delivered: {why}"));
        let told = listener.wait().ok();
        assert!(told.starts_with("not saved alice: x.txt ("), "{told}");
        assert_eq!(names(&saved), [""; 0]);
    }
    // The chat lives on, and the file can be offered as it is now.
    let listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "1"]);
    assert_eq!(world.ctl(1, &["send", "--file", text(&world.path("x.txt"))]).ok(), "");
    assert_eq!(listener.wait().ok(), "saved alice: x.txt (5 bytes)\n");
    assert_eq!(fs::read(saved.join("x.txt")).unwrap(), b"other");
}

#[test]
fn what_cannot_be_sent_or_saved_is_said_before_anything_is() {
    let world = World::new();
    let config = world.path("plain.toml");
    fs::write(&config, "secure = 'off'").unwrap();
    let _alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob", "--accept", "all", "--config", text(&config)]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let given = file(&world, "x.bin", 11);
    let peer = format!("bob@{}:7777", world.address(2));
    let missing = world.path("missing");
    let no_file = system(&fs::File::create("/proc/simp.part").unwrap_err());
    for (args, status, line) in [
        (
            &["send", "--file", text(&given)][..],
            2,
            format!("{peer}: files go only through secure chats, and this one is plain"),
        ),
        (&["send", "--file", text(&missing)], 1, format!("{}: no such file or directory", missing.display())),
        (&["send", "--file", "/dev/null"], 1, "/dev/null: not a regular file".to_owned()),
        (
            &["send", "--queue", "--file", "x"],
            2,
            "--file needs an open chat, so that --queue means nothing (leave it out)".to_owned(),
        ),
        (
            &["send", "--file", "x", "hi"],
            2,
            "--file and a text are two messages (send them one after the other)".to_owned(),
        ),
        (
            &["listen", "--save", text(&missing)],
            1,
            format!("{}: no such file or directory", missing.display()),
        ),
        (&["listen", "--save", text(&given)], 1, format!("{}: not a folder", given.display())),
        (&["listen", "--save", ""], 2, "--save: no folder given (this one: --save .)".to_owned()),
        (&["listen", "--save", "/proc"], 1, format!("/proc: no file can be made there: {no_file}")),
        (&["send", "--file", ""], 2, "--file: no file given".to_owned()),
        (&["listen", "--max-size", "9"], 2, "--max-size is about files, and needs --save DIR".to_owned()),
        (
            &["listen", "--save", ".", "--exec", "true"],
            2,
            "--exec prints nothing of what --save does (run two: each has a --consumer of its own)"
                .to_owned(),
        ),
    ] {
        world.ctl(1, args).fails(status, &format!("simpctl: {line}"));
    }
}

#[test]
fn a_chat_that_ends_ends_its_files() {
    let world = World::new();
    let (_alice, bob) = in_a_chat(&world);
    let given = file(&world, "x.bin", 11);
    let sending = world.spawn_ctl(1, &["send", "--file", text(&given)]);
    assert!(world.ctl(2, &["listen", "-n", "1"]).ok().contains("x.bin"));
    let quit = world.ctl(2, &["quit"]);
    let not_saved = "simpctl: not saved: file 3 (x.bin): the chat is over\n";
    assert_eq!((quit.status, quit.stdout.as_str(), quit.stderr.as_str()), (Some(0), "", not_saved));
    sending.wait().fails(8, "simpctl: x.bin: not delivered: peer quit");
    let Reply::Transfers { transfers, .. } = bob.client().reply(&Request::Transfers { after: 0 }) else {
        panic!("no transfers")
    };
    assert_eq!(transfers, []);
    let history = world.ctl(2, &["history", "--all"]).ok();
    assert!(history.contains(": the chat is over\n"), "{history}");
    let id = world.ctl(1, &["history"]).ok();
    let id = id.split(' ').next().unwrap();
    world
        .ctl(1, &["resend", id])
        .fails(1, &format!("simpctl: message {id}: is a file (send it again: simpctl send --file)"));
}

#[test]
fn a_client_that_names_no_kinds_gets_none_of_files() {
    let world = World::new();
    let (_alice, bob) = in_a_chat(&world);
    let given = file(&world, "x.bin", 11);
    let mut client = bob.client();
    client.follow(FollowFrom::End);
    world.ctl(1, &["send", "--no-wait", "--file", text(&given)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    client.expect(What::Message { text: "hi".to_owned() });
    let filter = Filter { kinds: vec![Kind::File], ..Filter::default() };
    client.reply(&Request::Follow { from: FollowFrom::After(0), filter });
    client.expect(What::File { name: "x.bin".to_owned(), size: 11 });
}

#[test]
fn a_disk_without_room_refuses_the_file_and_not_the_chat() {
    let test = "a_disk_without_room_refuses_the_file_and_not_the_chat";
    if !is_root(test) {
        return;
    }
    let world = World::new();
    let small = folder(&world, "small");
    let _alice = world.start(1, &["--user", "alice"]);
    let mut bob = world.command("unshare");
    let script = r#"mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" && exec "$@""#;
    bob.args(["-m", "sh", "-c", script, text(&small), env!("CARGO_BIN_EXE_simpd")]);
    bob.args(["--user", "bob", "--accept", "all", &world.address(2)]);
    let _bob = match Daemon::try_start(bob, world.socket(2)) {
        Ok(bob) => bob,
        Err(ended) => return skipped(test, ended.stderr.trim()),
    };
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let (large, fits) = (file(&world, "large.bin", 2 << 20), file(&world, "fits.bin", 300_000));
    let listener = world.spawn_ctl(2, &["listen", "--save", text(&small), "-n", "2"]);
    let refused = world.ctl(1, &["send", "--file", text(&large)]);
    let why = format!("{}: it needs 2097152 bytes, and 1048576 are free", small.display());
    // What there is on a disk is not for everybody.
    let told = "refused by the peer: there is no room for it";
    refused.fails(8, &format!("simpctl: large.bin: not delivered: {told}"));
    world.ctl(1, &["send", "--file", text(&fits)]).ok();
    let expected = format!("not saved alice: large.bin ({why})\nsaved alice: fits.bin (300.0 kB)\n");
    assert_eq!(listener.wait().ok(), expected);
}

/// Bytes of the file that is being saved; `None` if there is none.
fn saved_so_far(folder: &Path) -> Option<u64> {
    let part = names(folder).into_iter().find(|name| name.ends_with(".part"))?;
    fs::metadata(folder.join(part)).ok().map(|there| there.len())
}

#[test]
fn a_large_file_arrives_once_and_whole_however_often_both_are_killed() {
    let megabytes = std::env::var("SIMP_FILE_MB").map_or(48, |megabytes| megabytes.parse().unwrap());
    let mut random = Random(seed());
    let world = World::new();
    let size = (megabytes << 20) + 7;
    let (given, saved) = (file(&world, "large.bin", size), folder(&world, "saved"));
    let (alice, bob) = in_a_chat(&world);
    let mut daemons = [Some(alice), Some(bob)];
    let mut listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "1"]);
    let sending = world.spawn_ctl(1, &["send", "--file", text(&given)]);
    let mut moments: Vec<_> = (0..KILLS).map(|_| random.below(size)).collect();
    moments.sort_unstable();
    for moment in moments {
        let deadline = Instant::now() + DEADLINE;
        while saved_so_far(&saved).is_none_or(|there| there < moment) && !saved.join("large.bin").exists() {
            assert!(Instant::now() < deadline, "it does not go on at {:?}", saved_so_far(&saved));
            std::thread::yield_now();
        }
        let victims: &[usize] = random.pick(&[&[0][..], &[1], &[0, 1], &[1, 0]]);
        for victim in victims {
            let daemon = daemons[*victim].take().unwrap();
            daemon.signal(Signal::SIGKILL);
            assert_eq!(daemon.wait(), None, "it ended by itself");
        }
        for victim in victims {
            let args: &[&str] =
                if *victim == 0 { &["--user", "alice"] } else { &["--user", "bob", "--accept", "all"] };
            daemons[*victim] = Some(world.start(*victim as u8 + 1, args));
        }
        if random.below(4) == 0 {
            // Whoever asked for it is gone as well, and somebody else asks.
            listener.signal(Signal::SIGKILL);
            drop(listener);
            listener = world.spawn_ctl(2, &["listen", "--save", text(&saved), "-n", "1"]);
        }
    }
    let sent = sending.wait();
    assert_eq!((sent.status, sent.stdout.as_str()), (Some(0), ""), "{}", sent.stderr);
    let shown = listener.wait();
    assert!(shown.stdout.starts_with("saved alice: large.bin ("), "{shown:?}");
    assert_eq!(names(&saved), ["large.bin"]);
    assert!(fs::read(saved.join("large.bin")).unwrap() == fs::read(&given).unwrap());
    let delivered = Filter { kinds: vec![Kind::Delivered, Kind::FileSaved], ..Filter::default() };
    for daemon in daemons.iter().flatten() {
        let told = daemon.client().0.history(simp_control::Piece::ALL, &delivered).unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
