//! Copies of a log, and what they have in common with it.

use simp_control::Epochs;

use super::*;

/// Opens the log, appends so many entries, and closes it; gives its epochs.
fn run(folder: &Folder, entries: u64) -> Epochs {
    let mut store = folder.open();
    for _ in 0..entries {
        store.append(1, Some(1), peer(1), What::Request, None);
    }
    store.commit().unwrap();
    store.epochs().clone()
}

/// A copy of the log as it is on the disk, also while it is in use.
fn copy(of: &Folder, name: &str) -> Folder {
    let copy = Folder::new(name);
    for file in ["log.db", "log.db-wal"] {
        let _ = std::fs::copy(of.0.join(file), copy.0.join(file));
    }
    copy
}

#[test]
fn a_copy_has_the_entries_of_before_and_is_another_log_for_those_that_came_then() {
    let log = Folder::new("epochs");
    run(&log, 3);
    let older = copy(&log, "epochs-older");
    run(&log, 2);
    // In the middle of a run, after the sixth.
    let mut store = log.open();
    store.append(1, Some(1), peer(1), What::Request, None);
    store.commit().unwrap();
    let middle = copy(&log, "epochs-middle");
    for _ in 0..4 {
        store.append(1, Some(1), peer(1), What::Request, None);
    }
    store.commit().unwrap();
    let told = store.epochs().clone();
    drop(store);
    // Longer than the log that they are copies of, by then.
    let (older, middle) = (run(&older, 50), run(&middle, 50));
    let same = run(&log, 1);
    for id in 1..=10 {
        let position = told.position(id);
        let has = [&same, &older, &middle].map(|log| log.have(position));
        assert_eq!(has, [true, id <= 3, id <= 6], "{id}");
    }
}

#[test]
fn a_simpd_that_is_started_time_and_again_keeps_a_bounded_number_of_epochs_and_forgets_none_without_need() {
    let log = Folder::new("epochs-many");
    let first = run(&log, 1).position(1);
    for _ in 0..300 {
        run(&log, 0);
    }
    assert!(run(&log, 0).have(first), "no entry has been appended since");
    for _ in 0..149 {
        run(&log, 1);
    }
    let last = run(&log, 1);
    assert!(!last.have(first));
    assert!(last.have(last.position(151)) && last.have(last.position(70)));
    let rows: i64 =
        log.open().db().unwrap().query_row("SELECT count(*) FROM epochs", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 100);
}

#[test]
fn what_was_in_a_log_that_had_no_epochs_is_in_one() {
    let folder = Folder::new("epochs-old");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v1.db"), folder.0.join("log.db"))
        .unwrap();
    let (first, second) = (run(&folder, 0), run(&folder, 0));
    assert!(first.position(14).epoch.is_some());
    assert!(second.have(first.position(14)) && !second.have(first.position(15)));
}
