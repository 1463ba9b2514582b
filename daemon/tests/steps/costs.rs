//! What a chat costs the log does not grow with how many there were: no statement looks through a table that it only adds to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use simp_control::{KeyId, Reply, Request};
use simp_engine::{Accept, ChannelEvent, Policy, Secrecy};
use simp_proto::Operation;
use simp_proto::secure::{ChannelId, ChatId, Frame, Stands};
use simp_store::{Durability, Store};

use super::{ask_me, datagram, hello};
use crate::driver::{Driver, connect, moment};

/// What each of these does takes as long as its table is. So does sorting, which the plan of a statement tells.
const LOOKS_THROUGH: [&str; 2] = ["Count", "Clear"];

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
    drop(driver);
    none_looks_through_a_table(&path);
}

#[test]
fn whoever_invites_us_costs_the_log_no_more_if_many_have_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let mut db = Connection::open(&path).unwrap();
    db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    let store = Store::over(db, &path, Durability::Process, 1).unwrap();
    let now = moment(Instant::now(), 0, 0);
    let policy = Policy { secrecy: Secrecy::Prefer, accept: Accept::parse("all").unwrap(), ..ask_me(999) };
    let mut driver = Driver::start(now, policy, super::peer(1), store, 7);
    STATEMENTS.take();
    for n in 0..9 {
        let (channel, key) = (ChannelId(n * 2 + 1), KeyId::new([n as u8; 32]));
        let invites = hello(&format!("bob{}", n % 5), ChatId(n), Stands::Inviting);
        let incoming = ChannelEvent::Incoming(channel, key, peer(n));
        driver.inputs.channels.extend([incoming, ChannelEvent::Frame(channel, invites)]);
        driver.turn(now);
        let says = Frame::Text { number: 1, text: "hi".to_owned(), kept: true, answers: None };
        driver.inputs.channels.push(ChannelEvent::Frame(channel, says));
        driver.arrives(peer(100 + n), datagram(Operation::Syn, 0, ""));
        driver.turn(now);
    }
    let Reply::Status(status) = driver.ask(now, Request::Status).unwrap() else { panic!() };
    assert_eq!(status.chats, 18);
    drop(driver);
    none_looks_through_a_table(&path);
}

fn none_looks_through_a_table(path: &Path) {
    let statements = STATEMENTS.take();
    assert!(statements.len() > 5, "{statements:?}");
    let db = Connection::open(path).unwrap();
    for sql in statements {
        // With NULL for all values: it is only explained.
        let explained = |how: &str, column: usize| {
            let mut plan = db.prepare(&format!("{how} {sql}")).unwrap();
            plan.raw_query().mapped(|row| row.get(column)).collect::<rusqlite::Result<Vec<String>>>().unwrap()
        };
        let (codes, plan) = (explained("EXPLAIN", 1), explained("EXPLAIN QUERY PLAN", 3));
        let found = LOOKS_THROUGH.iter().find(|code| codes.iter().any(|it| it == *code));
        assert_eq!((found, plan.iter().find(|part| part.contains("TEMP B-TREE"))), (None, None), "{sql}");
    }
}
