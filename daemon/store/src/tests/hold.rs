//! The file of the log while it is held: it is the log of one moment, whatever is written meanwhile.

use rusqlite::Connection;

use super::*;
use crate::checkpoint::HELD_BYTES_MAX;

/// A log of so many entries, whose file is held.
fn held(folder: &Folder, entries: u64) -> (Store, HeldFile) {
    let mut store = folder.open();
    append(&mut store, entries, 100);
    assert!(matches!(store.hold().unwrap(), Holding::NotYet) && !store.is_held());
    store.commit().unwrap();
    let Holding::Held(file) = store.hold().unwrap() else { panic!("not held") };
    (store, file)
}

/// Each with a commit of its own.
fn append(store: &mut Store, entries: u64, bytes: usize) {
    for _ in 0..entries {
        let text = "x".repeat(bytes);
        store.append(1, Some(1), peer(1), What::Message { text }, None);
        store.commit().unwrap();
    }
}

/// How many entries a copy of the file has, which is in order.
fn entries_of(copy: &[u8], folder: &Folder) -> u64 {
    let path = folder.0.join("copy.db");
    std::fs::write(&path, copy).unwrap();
    let db = Connection::open(&path).unwrap();
    let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    text("SELECT CAST(count(*) AS TEXT) FROM events").parse().unwrap()
}

#[test]
fn a_file_that_is_held_has_all_that_was_committed_and_does_not_change() {
    let folder = Folder::new("held");
    let (mut store, file) = held(&folder, 30);
    let before = std::fs::read(&file.path).unwrap();
    assert_eq!((file.bytes, entries_of(&before, &folder)), (before.len() as u64, 30));
    // More than what is copied back at other times, and what gives pages back to the disk.
    append(&mut store, 700, 8_000);
    store.tidy_up_with_commit().unwrap();
    store.commit().unwrap();
    assert!(store.is_held());
    assert!(std::fs::read(&file.path).unwrap() == before, "it has changed");
    // Nothing of it is lost.
    store.end_hold();
    append(&mut store, 1, 100);
    assert_eq!(std::fs::metadata(store.wal_path()).unwrap().len(), 0, "it takes up room");
    assert_eq!(entries_of(&std::fs::read(&file.path).unwrap(), &folder), 731);
}

#[test]
fn a_hold_ends_if_too_much_is_written_meanwhile() {
    let folder = Folder::new("held-long");
    let (mut store, file) = held(&folder, 1);
    let bytes = 200 << 10;
    for entry in 0.. {
        append(&mut store, 1, bytes as usize);
        if !store.is_held() {
            assert!((HELD_BYTES_MAX / bytes - 20..=HELD_BYTES_MAX / bytes).contains(&entry), "{entry}");
            break;
        }
    }
    assert!(std::fs::metadata(&file.path).unwrap().len() > HELD_BYTES_MAX / 2);
    assert_eq!(std::fs::metadata(store.wal_path()).unwrap().len(), 0);
}

#[test]
fn a_turn_that_is_undone_holds_nothing() {
    let folder = Folder::new("held-undone");
    let mut store = folder.open();
    assert!(matches!(store.hold().unwrap(), Holding::NotYet));
    store.roll_back().unwrap();
    append(&mut store, 1, 100);
    assert!(!store.is_held());
}

#[test]
fn the_write_ahead_log_is_copied_back_by_what_is_in_it_and_not_by_what_was_appended() {
    let folder = Folder::new("checkpoint");
    let mut store = folder.open();
    let copied = |store: &Store| std::fs::metadata(&store.path).unwrap().len();
    append(&mut store, 1, 10);
    let before = copied(&store);
    // Many entries in few pages.
    for _ in 0..5 {
        for _ in 0..400 {
            store.append(1, Some(1), peer(1), What::Message { text: "x".to_owned() }, None);
        }
        store.commit().unwrap();
    }
    assert_eq!(copied(&store), before);
    let few = std::fs::metadata(store.wal_path()).unwrap().len();
    // Few entries in many pages.
    append(&mut store, 14, 200 << 10);
    assert!(copied(&store) > before + (1 << 20), "{} bytes after {before}", copied(&store));
    // It begins anew.
    let long = std::fs::metadata(store.wal_path()).unwrap().len();
    append(&mut store, 40, 10);
    assert_eq!(std::fs::metadata(store.wal_path()).unwrap().len(), long);
    assert!(few < 1 << 19 && long < 3 << 20, "{few} and {long} bytes");
}

#[test]
fn a_commit_finds_room_in_the_write_ahead_log_and_what_is_empty_there_is_nothing() {
    let folder = Folder::new("room");
    let mut store = folder.open();
    let wal = |store: &Store| std::fs::read(store.wal_path()).unwrap();
    append(&mut store, 1, 10);
    let before = wal(&store).len();
    let mut lengths: Vec<usize> = (0..10)
        .map(|_| {
            append(&mut store, 1, 10);
            wal(&store).len()
        })
        .collect();
    lengths.dedup();
    assert!(lengths.len() <= 2, "it grows with each commit: {lengths:?}");
    append(&mut store, 20, 8_000);
    let now = wal(&store);
    assert!(now.len() > before && now.ends_with(&[0; 8_000]), "{} bytes after {before}", now.len());
    // As a killed simpd leaves them.
    let killed = Folder::new("room-killed");
    for file in ["log.db", "log.db-wal"] {
        std::fs::copy(folder.0.join(file), killed.0.join(file)).unwrap();
    }
    assert_eq!(killed.open().last_id(), store.last_id());
}
