//! What the removal of old entries costs, counted in turns and commits.

use simp_control::{Kind, Peer, Request, What};
use simp_engine::{Policy, Retain};
use simp_store::{Discard, Span, Store};

use super::{Host, ask_me};

/// The newest 100 entries are kept.
fn keeping_100() -> Policy {
    Policy { retain: Retain { count: Some(100), ..Retain::default() }, ..ask_me(1) }
}

/// Appends so many entries of this kind, 900 bytes each.
fn append(store: &mut Store, count: u64, what: impl Fn(String) -> What) {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    for _ in 0..count {
        store.append(1, Some(1), peer.clone(), what("x".repeat(900)), None).unwrap();
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
                store.set_kept().unwrap();
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
fn what_has_to_stay_is_gone_through_again_once_there_is_an_eighth_more_or_a_consumer_has_read_on() {
    // Nobody reads, so that messages have to stay.
    let mut host = Host::over(keeping_100(), |store| append(store, 8_000, message));
    assert!(host.works_on() > 4);
    let seen = |host: &mut Host, id| {
        host.ask(Request::Seen { consumer: "me".to_owned(), id }).unwrap();
        host.keep(super::peer(9), "another entry", None);
        host.works_on()
    };
    let mut turns = 0;
    for _ in 0..50 {
        host.keep(super::peer(9), "another entry", None);
        turns += host.works_on();
    }
    assert_eq!((turns, host.driver.store().first_id()), (0, 1));
    for _ in 0..13 {
        turns += seen(&mut host, 7_000);
    }
    assert_eq!(host.driver.store().first_id(), 7_001);
    assert!(turns < 50, "{turns} turns");
    assert_eq!(host.log(Kind::Message).len(), 1_000);
}
