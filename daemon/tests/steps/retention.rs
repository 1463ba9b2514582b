//! What the removal of old entries costs, counted in turns and commits, and what it leaves.

use simp_control::{Consumer, Kind, Peer, Reason, Reply, Request, What};
use simp_engine::{Accept, Policy, Reader, Retain};
use simp_proto::Operation;
use simp_store::{Discard, Span, Store};

use super::{Host, ask_me, driver, peer};

/// The newest 100 entries are kept.
fn keeping_100() -> Policy {
    Policy { retain: Retain { count: Some(100), ..Retain::default() }, ..ask_me(1) }
}

/// Appends so many entries of this kind, 900 bytes each.
fn append(store: &mut Store, count: u64, what: impl Fn(String) -> What) {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    for _ in 0..count {
        store.append(1, Some(1), peer.clone(), what("x".repeat(900)), None);
    }
}

fn error(text: String) -> What {
    What::Error { text }
}

fn message(text: String) -> What {
    What::Message { text }
}

#[test]
fn space_is_given_back_with_few_commits_also_by_the_run_after_one_that_was_killed() {
    for is_killed in [false, true] {
        let mut host = Host::over(keeping_100(), |store| {
            append(store, 10_000, error);
            if is_killed {
                // After the removal, and before any page was given back.
                store.set_kept(store.last_id()).unwrap();
                let mut span = Span { after: 0, until: 9_950 };
                while span.after < span.until {
                    span.after = store.remove(span, Discard::default()).unwrap().until;
                }
            }
        });
        let before = host.status().counters.commits;
        let spare = |host: &Host| host.driver.store().spare_pages().unwrap();
        while host.driver.has_more() {
            host.turn();
            assert!(is_killed || spare(&host) < 4_096, "a long list of free pages: {}", spare(&host));
        }
        assert_eq!(spare(&host), 0);
        let commits = host.status().counters.commits - before;
        assert!(commits < 40, "{commits} commits for 10,000 pages");
    }
}

#[test]
fn what_has_to_stay_is_gone_through_once_and_again_if_there_is_a_consumer() {
    // Nobody reads, so that messages have to stay.
    let mut host = Host::over(keeping_100(), |store| append(store, 8_000, message));
    assert!(host.works_on() > 4);
    let seen = |host: &mut Host, id| {
        host.ask(Request::Seen { consumer: "me".to_owned(), id }).unwrap();
        host.keep(peer(9), "another entry", None);
        host.works_on()
    };
    let mut turns = 0;
    // Four times an eighth of 100.
    for _ in 0..50 {
        host.keep(peer(9), "another entry", None);
        turns += host.works_on();
    }
    assert_eq!(host.driver.store().first_id(), 1);
    assert!(turns < 20, "{turns} turns");
    for _ in 0..13 {
        turns += seen(&mut host, 7_000);
    }
    assert_eq!(host.driver.store().first_id(), 7_001);
    assert!(turns < 50, "{turns} turns");
    assert_eq!(host.log(Kind::Message).len(), 1_000);
}

/// A host that lets everybody in, in a chat with 2, 3 and 4: the first never answers again, the second is there, and the
/// third our user invited.
fn with_three_chats() -> Host {
    let policy = driver::policy("ann", Accept::All, 10);
    let mut host = Host::with(Policy { retain: keeping_100().retain, ..policy });
    for n in [2, 3] {
        host.hears(peer(n), Operation::Syn, 0);
        host.hears(peer(n), Operation::Ack, 0);
    }
    host.is_heard_by(peer(3));
    host.ask(driver::connect(peer(4))).unwrap();
    host.hears(peer(4), Operation::SynAck, 0);
    host
}

/// The peers whose messages are left of those that were given up, and how many these are.
fn given_up(host: &Host) -> Vec<(String, usize)> {
    let mut left: Vec<(String, usize)> = Vec::new();
    for kind in [Kind::Undelivered, Kind::Queued] {
        for event in host.log(kind) {
            match left.iter_mut().find(|(peer, _)| *peer == event.peer.address) {
                Some((_, count)) => *count += 1,
                None => left.push((event.peer.address, 1)),
            }
        }
    }
    left
}

#[test]
fn a_message_that_was_given_up_stays_if_our_user_wanted_the_chat_or_the_peer_was_there() {
    let mut host = with_three_chats();
    // More than a chat holds at once.
    for n in [2, 3, 4] {
        (0..100).for_each(|_| _ = host.send(peer(n)));
    }
    for _ in 0..300 {
        host.hears_words(peer(3), Operation::Err, 0, "another entry");
        host.works_on();
    }
    // What waits stays, whoever is to have it.
    assert_eq!(given_up(&host).into_iter().map(|(_, count)| count).collect::<Vec<_>>(), [100; 3]);
    for n in [2, 4, 3] {
        host.ask(driver::quit(Some(peer(n)), true)).unwrap();
    }
    host.hears(peer(5), Operation::Syn, 0);
    host.hears(peer(5), Operation::Ack, 0);
    for _ in 0..120 {
        host.hears_words(peer(5), Operation::Err, 0, "another entry");
        host.works_on();
    }
    let left = [4, 3].map(|n| (peer(n).to_string(), 200));
    assert_eq!(given_up(&host), left);
}

#[test]
fn what_had_to_stay_is_not_gone_through_again_for_a_consumer_that_reads_on() {
    let mut host = Host::over(keeping_100(), |store| {
        append(store, 20, error);
        for _ in 0..10_000 {
            append(store, 1, |_| What::Queued { text: "hi".to_owned(), again: None, size: None });
        }
        for message in 21..10_021 {
            append(store, 1, |_| What::Undelivered { message, reason: Reason::PeerGone });
        }
    });
    assert!(host.works_on() > 10);
    let mut turns = 0;
    for _ in 0..50 {
        host.keep(peer(9), "another entry", None);
        let id = host.driver.store().last_id();
        host.ask(Request::Seen { consumer: "me".to_owned(), id }).unwrap();
        turns += host.works_on();
        if id == 20_021 {
            // There was no consumer before.
            turns = 0;
        }
    }
    assert_eq!(host.driver.store().first_id(), 21);
    assert!(turns < 20, "{turns} turns");
}

#[test]
fn what_a_consumer_has_read_at_last_goes_also_if_nothing_follows() {
    let mut host = Host::over(keeping_100(), |store| {
        append(store, 1_000, message);
        store.set_mark("me", 10).unwrap();
        store.set_mark("other", 900).unwrap();
    });
    host.works_on();
    assert_eq!(host.driver.store().first_id(), 11);
    host.ask(Request::Seen { consumer: "me".to_owned(), id: 500 }).unwrap();
    host.works_on();
    assert_eq!(host.driver.store().first_id(), 501);
    host.ask(Request::Forget { consumer: "me".to_owned() }).unwrap();
    host.works_on();
    assert_eq!(host.driver.store().first_id(), 901);
}

/// The marks of all consumers.
fn marks(host: &mut Host) -> Vec<(String, u64)> {
    match host.ask(Request::Consumers).unwrap() {
        Reply::Consumers { consumers } => {
            consumers.into_iter().map(|Consumer { name, seen }| (name, seen)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mark_moves_past_what_is_left_out_once_all_that_was_given_is_seen_and_never_past_anything_else() {
    let prepare = |store: &mut Store| {
        append(store, 50, error);
        store.set_mark("me", 10).unwrap();
    };
    for (readers, mark) in [
        // Nothing was given, or all of it is seen.
        (&[(0, 40)][..], 40),
        (&[(10, 40)], 40),
        (&[(3, 40)], 40),
        // One is not seen yet, by whomever it was given to.
        (&[(11, 40)], 10),
        (&[(10, 40), (11, 40)], 10),
        (&[(11, 40), (10, 40)], 10),
        // What one has not been given yet is not passed by for it.
        (&[(10, 40), (10, 30)], 30),
        (&[(10, 30), (10, 40)], 30),
        // A mark never moves back.
        (&[(0, 5)], 10),
    ] {
        let mut host = Host::over(keeping_100(), prepare);
        let reader = |consumer: &str, given, looked| Reader { consumer: consumer.to_owned(), given, looked };
        let readers = readers.iter().map(|(given, looked)| reader("me", *given, *looked));
        host.driver.inputs.readers.extend(readers.chain([reader("has no mark", 0, 40)]));
        host.turn();
        assert_eq!(marks(&mut host), [("me".to_owned(), mark)]);
    }
}

#[test]
fn a_mark_that_cannot_be_written_has_not_moved() {
    let mut host = Host::over(keeping_100(), |store| {
        append(store, 50, error);
        store.set_mark("me", 10).unwrap();
    });
    host.disk.refuse(1);
    host.driver.inputs.readers.push(Reader { consumer: "me".to_owned(), given: 10, looked: 40 });
    host.turn();
    assert_eq!(marks(&mut host), [("me".to_owned(), 10)]);
}
