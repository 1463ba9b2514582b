//! The file of the log is held for one client at a time, as long as that is there and takes no longer than it may.

use std::time::Instant;

use simp_control::{Failure, FailureKind, Reply, Request};
use simp_store::{Durability, Store};
use tempfile::TempDir;

use super::{Host, ask_me, peer};
use crate::driver::{self, BadDisk, Driver};

/// A host whose log is a file.
fn host() -> (Host, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("log.db"), Durability::Process, 1).unwrap();
    let start = Instant::now();
    let driver = Driver::start(driver::moment(start, 0, 0), ask_me(2), peer(1), store, 7);
    (Host { driver, disk: BadDisk::default(), start, now: 0, skew: 0 }, folder)
}

impl Host {
    /// The same request until it has its answer, as the server hands it in again.
    fn asks_until_answered(&mut self, request: Request) -> Result<Reply, Failure> {
        let mut request = request;
        loop {
            let mut answers = self.driver.ask_all(self.moment(), [request]);
            match self.driver.not_yet() {
                Some(again) => request = again,
                None => return answers.pop().unwrap(),
            }
        }
    }

    fn is_held(&mut self) -> bool {
        let held = self.asks_until_answered(Request::HoldLog);
        matches!(held, Ok(Reply::HeldLog { .. }))
    }
}

#[test]
fn one_client_at_a_time_has_it_and_leaves_it_to_the_next() {
    let (mut host, folder) = host();
    host.ask(driver::keep(peer(9), "hi", None)).unwrap();
    let Ok(Reply::HeldLog { path, bytes }) = host.asks_until_answered(Request::HoldLog) else {
        panic!("it is not held")
    };
    assert_eq!(path, folder.path().join("log.db").to_str().unwrap());
    let before = std::fs::read(&path).unwrap();
    assert_eq!(before.len() as u64, bytes);
    let refused = host.asks_until_answered(Request::HoldLog).unwrap_err();
    let line = "another backup is being made (try again when it is done)";
    assert_eq!((refused.kind, refused.line.as_str()), (FailureKind::Failed, line));
    for _ in 0..50 {
        host.ask(driver::keep(peer(9), "hi", None)).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(host.ask(Request::ReleaseLog), Ok(Reply::Done));
    assert!(host.is_held());
}

#[test]
fn whoever_takes_too_long_is_told_so() {
    let (mut host, _folder) = host();
    assert!(host.is_held());
    host.waits(599_999);
    assert!(host.driver.store().is_held());
    host.waits(1);
    assert!(!host.driver.store().is_held());
    let refused = host.ask(Request::ReleaseLog).unwrap_err();
    let line = "the log has changed meanwhile: it is held for 10 min, and until 64 MiB more are written to it (try again \
                at a quieter time, or onto a faster disk)";
    assert_eq!(refused.line, line);
    assert!(host.is_held());
}

#[test]
fn it_is_held_for_nobody_who_is_gone() {
    let (mut host, _folder) = host();
    assert!(host.is_held());
    host.driver.inputs.gone.push(0);
    host.turn();
    assert!(!host.driver.store().is_held());
    // Nor for whoever goes before it is told.
    host.driver.ask_all(host.moment(), [Request::HoldLog]);
    assert!(host.driver.not_yet().is_some() && host.driver.store().is_held());
    host.turn();
    assert!(!host.driver.store().is_held());
}

#[test]
fn a_log_that_was_moved_away_is_held_for_nobody_and_goes_on() {
    let (mut host, folder) = host();
    std::fs::rename(folder.path().join("log.db"), folder.path().join("away")).unwrap();
    let refused = host.asks_until_answered(Request::HoldLog).unwrap_err();
    assert!(refused.line.contains("no such file or directory"), "{refused}");
    host.ask(driver::keep(peer(9), "hi", None)).unwrap();
    assert_eq!(host.status().trouble, None);
    assert!(!host.driver.store().is_held());
}
