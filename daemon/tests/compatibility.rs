//! simpd with every kind of other implementation, in virtual time: its engine and its log, and the doubles of the
//! crate `simp-doubles`. Chats in both roles, refusals both ways, lost and doubled datagrams.
//!
//! What comes of it is the table in docs/compatibility.md. A test fails if a cell is worse than the row's expectation, or the
//! table out of date (`SIMP_WRITE=1` writes it anew).
//!
//! `ROW=E` runs one row alone and says how each run went, `SCENARIO='one lost'` one column, and `SIMP_SEED=n` one
//! run of it, with its trace.
//!
//! - `world`: our side, theirs, a third, and what is between them. `users`: what the people on both sides do.
//! - `scenario`: what is tried. `verdict`: what came of it. `matrix`: the table.

mod matrix;
mod scenario;
mod users;
mod verdict;
mod world;

use simp_doubles::rows;

use matrix::Matrix;
use scenario::chat_on_bad_disk;
use verdict::broken_promises;

/// Where the table is.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");

/// A short chat has no more commits.
const COMMITS: u32 = 24;

fn is_narrowed() -> bool {
    ["ROW", "SCENARIO", "SIMP_SEED"].iter().any(|name| std::env::var_os(name).is_some())
}

#[test]
fn every_peer_gets_what_can_be_expected_of_it_and_the_table_of_that_is_up_to_date() {
    let matrix = Matrix::fill(&rows());
    let failures = matrix.failures();
    assert!(failures.is_empty(), "{} cells: {failures:#?}", failures.len());
    if is_narrowed() {
        return;
    }
    let table = matrix.to_markdown();
    if std::env::var_os("SIMP_WRITE").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let kept = std::fs::read_to_string(TABLE).unwrap_or_default();
    let differ = table.lines().zip(kept.lines()).find(|(table, kept)| table != kept);
    assert!(
        kept == table,
        "docs/compatibility.md is out of date: {differ:?}\nwrite it anew with: \
         SIMP_WRITE=1 cargo test -p simp-daemon compatibility"
    );
}

#[test]
fn whichever_commit_fails_what_was_acknowledged_is_kept_and_what_was_delivered_is_shown() {
    let mut broken = Vec::new();
    // Some acknowledge with numbers that we can tell from late ones only after a while in a chat: a disk that fails is
    // the start of a new one.
    for row in rows().iter().filter(|row| row.expect.works && !row.expect.bad.falsely_delivered) {
        for good in 0..COMMITS {
            let promises = broken_promises(row, &chat_on_bad_disk(row, good, false));
            broken
                .extend(promises.into_iter().map(|promise| format!("{} after {good}: {promise}", row.name)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
