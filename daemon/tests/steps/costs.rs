//! What a chat costs the log does not grow with how many there were: no statement looks through a table that it only adds to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use simp_control::{Reply, Request};
use simp_proto::Operation;
use simp_store::{Durability, Store};

use super::{ask_me, datagram};
use crate::driver::{Driver, connect, moment};

/// What each of these does takes as long as its table is.
const LOOKS_THROUGH: [&str; 3] = ["Count", "SorterOpen", "Clear"];

thread_local! {
    /// All statements that SQLite has begun in this thread.
    static STATEMENTS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

#[expect(clippy::needless_pass_by_value, reason = "SQLite calls it so")]
fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, sql) = event {
        STATEMENTS.with_borrow_mut(|statements| statements.insert(sql.to_owned()));
    }
}

/// The one of so many peers on 200 hosts.
fn peer(n: u64) -> SocketAddr {
    ([127, 1, 0, (n % 200) as u8], 1_024 + (n / 200) as u16).into()
}

#[test]
fn the_fifty_thousandth_chat_costs_the_log_no_more_than_the_first_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let steps = Arc::new(AtomicU64::new(0));
    let mut db = Connection::open(&path).unwrap();
    let counted = steps.clone();
    db.progress_handler(
        1,
        Some(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        }),
    )
    .unwrap();
    db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    let store = Store::over(db, &path, Durability::Process, 1).unwrap();
    let now = moment(Instant::now(), 0, 0);
    let mut driver = Driver::start(now, ask_me(50_000), super::peer(1), store, 7);
    STATEMENTS.take();
    let mut costs = Vec::new();
    for thousand in 0..50 {
        let before = steps.load(Ordering::Relaxed);
        for part in 0..4 {
            let first = thousand * 1_000 + part * 250;
            driver.ask_all(now, (first..first + 250).map(|n| connect(peer(n))));
            for (operation, words) in [(Operation::SynAck, ""), (Operation::Chat, "hi")] {
                (first..first + 250).for_each(|n| driver.arrives(peer(n), datagram(operation, 0, words)));
                driver.turn(now);
            }
        }
        costs.push(steps.load(Ordering::Relaxed) - before);
        driver.said();
    }
    let Reply::Status(status) = driver.ask(now, Request::Status).unwrap() else { panic!() };
    assert_eq!(status.chats, 50_000);
    // Beyond ten thousand, somebody is forgotten for each that comes; and now and then it is kept where all chats stand.
    let most = costs[0] + costs[0] / 2;
    assert!(costs.iter().all(|cost| *cost < most), "steps of SQLite for each thousand: {costs:?}");
    let statements = STATEMENTS.take();
    assert!(statements.len() > 5, "{statements:?}");
    drop(driver);
    let db = Connection::open(&path).unwrap();
    for sql in statements {
        let mut plan = db.prepare(&format!("EXPLAIN {sql}")).unwrap();
        // With NULL for all values: it is only explained.
        let codes: Vec<String> = plan.raw_query().mapped(|row| row.get(1)).map(Result::unwrap).collect();
        let found = LOOKS_THROUGH.iter().find(|code| codes.iter().any(|it| it == *code));
        assert_eq!(found, None, "{sql}");
    }
}
