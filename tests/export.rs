//! `history --all --json` prints the whole log, however long that is.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use simp_control::clock::rfc3339;
use simp_control::{Event, Filter, Kind, Reply, Request, What};

use crate::harness::{Daemon, World, within};

const ENTRIES: u64 = 100_000;

/// Adds rows to alice's log while she does not run.
fn with(world: &World, alice: Daemon, sql: &str) -> Daemon {
    alice.signal(Signal::SIGTERM);
    alice.wait();
    let log = world.path("state/simp").join(world.address(1)).join("log.db");
    rusqlite::Connection::open(log).unwrap().execute_batch(sql).unwrap();
    world.start(1, &["--user", "alice"])
}

/// Whether a line has all that there is of an entry.
fn has_all(line: &Value, event: &Event) {
    let of = |name: &str| line.get(name).cloned().unwrap_or(Value::Null);
    assert_eq!(of("id"), event.id);
    assert_eq!(of("at"), rfc3339(event.at_ms));
    assert_eq!(of("event"), json!(event.what.kind()));
    assert_eq!(of("chat"), event.chat);
    assert_eq!(of("secure"), json!(event.secure));
    let peers: Vec<Value> = ["from", "to", "peer"].map(of).into_iter().filter(|it| !it.is_null()).collect();
    assert_eq!(peers, [json!(event.peer.to_string())]);
    // The fields that an entry of this kind has of its own, by their names.
    let own = match &event.what {
        What::Request | What::Inviting => json!({}),
        What::Opened { note } => json!({ "note": note }),
        What::Closed { reason, text } => json!({ "reason": reason, "text": text }),
        What::Message { text } | What::Error { text } => json!({ "text": text }),
        What::Queued { text, again, size } => {
            json!({ "text": text, "again": again, "size": size, "name": size.map(|_| text) })
        }
        What::Delivered { message } | What::Unconfirmed { message } => json!({ "message": message }),
        What::Undelivered { message, reason } => json!({ "message": message, "reason": reason }),
        What::File { name, size } => json!({ "name": name, "size": size }),
        What::FileSaved { message, path, size } => json!({ "message": message, "path": path, "size": size }),
        What::FileFailed { message, why } => json!({ "message": message, "why": why }),
    };
    for (name, value) in own.as_object().unwrap() {
        assert_eq!(of(name), *value, "{name} of {line}");
    }
}

#[test]
fn an_export_has_every_entry_with_all_that_there_is_of_it() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "--", "gr\u{fc}n\u{1b}\n"]).ok();
    world.ctl(1, &["quit"]).ok();
    // One of each kind that these have left out, and what is sent again.
    let alice = with(
        &world,
        alice,
        "INSERT INTO events (id, at, kind, chat, address, user, message, reason, text, size)
            SELECT 100 + column1, 7, column1, 1, '127.0.0.9:7777', 'eve', column2, column3, column4, column5
            FROM (VALUES (0, NULL, NULL, NULL, NULL), (1, NULL, NULL, NULL, NULL), (3, NULL, 4, 'why', NULL),
                (4, NULL, NULL, 'hi', NULL), (5, 3, NULL, 'again', NULL), (7, 3, 11, NULL, NULL),
                (8, NULL, NULL, 'wrong', NULL), (9, 3, NULL, NULL, NULL), (10, NULL, NULL, 'a.txt', 7),
                (11, 110, NULL, '/tmp/a.txt', 7), (12, 110, NULL, 'why', NULL))",
    );
    // A filter that names no kinds lets none of files pass.
    let filter = Filter { kinds: Kind::ALL.to_vec(), ..Filter::default() };
    let Reply::History { events, older: None } =
        alice.client().reply(&Request::History { before: None, limit: 1_000, filter })
    else {
        panic!("there is more")
    };
    let log: Vec<Event> = events.into_iter().rev().collect();
    let printed = world.ctl(1, &["--json", "history", "--all"]).ok();
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), log.len());
    lines.iter().zip(&log).for_each(|(line, event)| has_all(line, event));
    let kinds: std::collections::HashSet<String> =
        log.iter().map(|it| json!(it.what.kind()).to_string()).collect();
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    // For people, and if their number is given, it is as it was.
    assert_eq!(world.ctl(1, &["history", "--all"]).ok().lines().count(), log.len().min(20));
    assert_eq!(world.ctl(1, &["--json", "history", "--all", "-n", "3"]).ok().lines().count(), 3);
}

#[test]
fn a_long_export_takes_little_memory() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let sql = format!(
        "INSERT INTO events (id, at, kind, chat, address, user, text)
            WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < {ENTRIES})
            SELECT id, id, 4, 1, '127.0.0.9:7777', 'eve', hex(zeroblob(60)) || id FROM n"
    );
    let _alice = with(&world, alice, &sql);
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.address(1)).args(["--json", "history", "--all"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (pid, output) = (child.id(), child.stdout.take().unwrap());
    let peak = within(move || {
        let mut lines = BufReader::new(output).lines();
        let mut next = |id: u64| {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(
                (&line["id"], line["text"].as_str().unwrap().len()),
                (&json!(id), 120 + id.to_string().len())
            );
        };
        (1..=ENTRIES - 2_000).for_each(&mut next);
        // It cannot have ended: so much does not fit into a pipe.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        (ENTRIES - 1_999..=ENTRIES).for_each(&mut next);
        assert!(lines.next().is_none());
        peak
    });
    assert!(child.wait().unwrap().success());
    // All entries at once would take 50 MB.
    assert!(peak < 40_000, "{peak} kB");
}
