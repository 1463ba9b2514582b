//! The keys of peers, numbers of their messages, and a log that knows neither.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use simp_control::{KeyId, KeyOwner, KnownKey, Secure};

use super::*;

fn key(n: u32) -> KeyId {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&n.to_be_bytes());
    KeyId::new(digest)
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 2], port))
}

fn bob() -> Name {
    Name::new("bob").unwrap()
}

fn rows(store: &Store) -> Vec<(String, KeyId, String, u64, bool)> {
    let known = store.keys("", usize::MAX >> 1).unwrap().into_iter();
    known.map(|known| (known.who, known.key, known.user, known.seen_ms, known.trusted)).collect()
}

#[test]
fn a_key_is_noted_once_and_never_in_place_of_another() {
    let folder = Folder::new("keys");
    let mut store = folder.open();
    assert_eq!((store.key_of(at(1)).unwrap(), store.is_known(key(1)).unwrap()), (None, false));
    assert!(store.note_key(5, at(1), key(1), "").unwrap());
    assert!(store.note_key(6, at(1), key(1), "bob").unwrap(), "it is seen again");
    assert!(!store.note_key(7, at(1), key(2), "bob").unwrap());
    assert!(store.note_key(8, at(2), key(1), "bob").unwrap(), "it has moved");
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    let row = |port, seen_ms| (at(port).to_string(), key(1), "bob".to_owned(), seen_ms, false);
    assert_eq!(rows(&store), [row(1, 6), row(2, 8)]);
    assert_eq!((store.key_of(at(1)).unwrap(), store.key_of(at(2)).unwrap()), (Some(key(1)), Some(key(1))));
    assert_eq!((store.is_known(key(1)).unwrap(), store.is_known(key(2)).unwrap()), (true, false));
    assert_eq!(store.addresses_of(key(1)).unwrap(), [at(2), at(1)]);
    let second =
        KnownKey { who: at(2).to_string(), key: key(1), user: "bob".to_owned(), seen_ms: 8, trusted: false };
    assert_eq!(store.keys(&at(1).to_string(), 1).unwrap(), [second]);
}

#[test]
fn what_our_user_trusts_takes_the_place_of_what_was_seen_and_is_seen_afterwards() {
    let folder = Folder::new("trust");
    let mut store = folder.open();
    let owner = KeyOwner::Address(at(1));
    store.note_key(5, at(1), key(1), "bob").unwrap();
    store.trust_keys(6, &[(owner.clone(), key(1))]).unwrap();
    assert_eq!(rows(&store), [(at(1).to_string(), key(1), "bob".to_owned(), 6, true)]);
    store.trust_keys(7, &[(owner.clone(), key(2))]).unwrap();
    assert_eq!(rows(&store), [(at(1).to_string(), key(2), String::new(), 7, true)], "somebody else");
    assert!(!store.note_key(8, at(1), key(1), "bob").unwrap());
    assert!(store.note_key(9, at(1), key(2), "bob").unwrap());
    store.trust_keys(9, &[(KeyOwner::User(bob()), key(2))]).unwrap();
    let trusted = |who: String, user: &str| (who, key(2), user.to_owned(), 9, true);
    assert_eq!(rows(&store), [trusted(at(1).to_string(), "bob"), trusted("bob".to_owned(), "")]);
    assert_eq!(store.key_of_owner(&KeyOwner::User(bob())).unwrap(), Some(key(2)));
    assert_eq!(store.addresses_of(key(2)).unwrap(), [at(1)], "a name is no address");
    assert_eq!(store.forget_keys(|known| known.who == "bob").unwrap(), 1);
    assert_eq!(store.forget_keys(|known| known.key == key(1)).unwrap(), 0);
    assert_eq!(store.forget_keys(|known| known.key == key(2)).unwrap(), 1);
    assert_eq!(rows(&store), []);
}

#[test]
fn a_peer_that_moves_time_and_again_has_its_last_addresses_and_those_that_are_trusted() {
    let folder = Folder::new("moves");
    let mut store = folder.open();
    store.trust_keys(1, &[(KeyOwner::Address(at(1)), key(1))]).unwrap();
    store.note_key(1, at(99), key(2), "bob").unwrap();
    for port in 2..=20 {
        // The clock jumps back before the last.
        store.note_key(if port == 20 { 1 } else { u64::from(port) }, at(port), key(1), "bob").unwrap();
    }
    let ports = |key| store.addresses_of(key).unwrap().iter().map(SocketAddr::port).collect::<Vec<_>>();
    assert_eq!(ports(key(1)), [19, 18, 17, 16, 15, 14, 13, 20, 1]);
    assert_eq!(ports(key(2)), [99]);
}

#[test]
fn with_too_many_keys_the_one_goes_that_was_not_seen_for_longest_and_is_not_trusted() {
    let folder = Folder::new("many");
    let mut store = folder.open();
    store.trust_keys(1, &[(KeyOwner::User(bob()), key(1))]).unwrap();
    store.begin().unwrap();
    let fill = "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 65536)
        INSERT INTO keys SELECT 'host ' || n, randomblob(32), '', n, 0, NULL, NULL, NULL FROM n";
    store.write(fill, []).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = folder.open();
    let count = |store: &Store| rows(store).len();
    assert_eq!(count(&store), 65_536);
    for port in 1..=3 {
        store.note_key(1, at(port), key(2), "bob").unwrap();
        assert_eq!(count(&store), 65_536);
    }
    let oldest = rows(&store).into_iter().map(|(who, ..)| who).collect::<Vec<_>>();
    // The first two that were noted here are as old as the clock says.
    assert!(oldest.contains(&"bob".to_owned()) && oldest.contains(&at(3).to_string()));
    assert!(!oldest.contains(&"host 2".to_owned()) && !oldest.contains(&at(1).to_string()));
    store.trust_keys(1, &[(KeyOwner::Address(at(9)), key(9))]).unwrap();
    assert_eq!(count(&store), 65_536);
    assert_eq!(store.key_of(at(9)).unwrap(), Some(key(9)));
}

#[test]
fn the_newest_numbers_of_each_peer_are_known_whatever_their_order() {
    let folder = Folder::new("numbers");
    let mut store = folder.open();
    for number in (1..=2_000).chain([7]) {
        store.note_kept(key(1), "one", number).unwrap();
    }
    store.note_kept(key(1), "two", 3).unwrap();
    store.note_kept(key(2), "one", u64::MAX >> 1).unwrap();
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    let known = store.kept_numbers(key(1), "one").unwrap();
    assert_eq!((known[0], known[1], known.last()), (7, 1_473, Some(&2_000)), "{} of them", known.len());
    assert!(known.is_sorted() && known.len() == 529, "{} of them", known.len());
    assert_eq!(store.kept_numbers(key(1), "two").unwrap(), [3]);
    assert_eq!(store.kept_numbers(key(2), "one").unwrap(), [u64::MAX >> 1]);
    assert_eq!(store.kept_numbers(key(3), "one").unwrap(), [0; 0]);
}

#[test]
fn with_too_many_peers_the_numbers_of_those_go_that_were_not_seen_for_longest() {
    let folder = Folder::new("number-peers");
    let mut store = folder.open();
    for n in 1..=1_024 {
        store.note_key(u64::from(if n == 5 { 1 } else { n + 1 }), at(n as u16), key(n), "bob").unwrap();
        store.note_kept(key(n), "one", 1).unwrap();
        store.note_kept(key(n), "one", 2).unwrap();
    }
    let has = |store: &Store, n| !store.kept_numbers(key(n), "one").unwrap().is_empty();
    assert!((1..=1_024).all(|n| has(&store, n)));
    // 64 go: the fifth and the first 63 others. The new one is not seen at all, and stays until others have to go.
    store.note_kept(key(2_000), "one", 1).unwrap();
    let gone = (1..=1_024).filter(|n| !has(&store, *n)).collect::<Vec<_>>();
    assert_eq!(gone, (1..=64).collect::<Vec<_>>());
    (2_001..=2_063).for_each(|n| store.note_kept(key(n), "one", 1).unwrap());
    assert!(has(&store, 65) && has(&store, 2_000));
    store.note_kept(key(2_064), "one", 1).unwrap();
    assert!(has(&store, 65) && !has(&store, 2_000) && has(&store, 2_064));
}

#[test]
fn with_whom_a_chat_is_secure_is_kept_with_its_entry() {
    let folder = Folder::new("secure");
    let mut store = folder.open();
    let secure = [true, false].map(|known| Secure { key: key(7), known });
    let opened = What::Opened { note: None };
    let bob = store.peer(at(1), "bob");
    let request = store.append_secure(1, None, bob.clone(), secure[0], What::Request);
    store.append_secure(2, Some(request), bob, secure[1], opened.clone());
    store.append(3, None, peer(2), opened, None);
    store.commit().unwrap();
    let fresh = store.fresh().to_vec();
    drop(store);
    let (events, _) = folder.open().read(0, 9, &EntryFilter::default()).unwrap();
    assert_eq!(events, fresh);
    let kept: Vec<_> = events.into_iter().map(|event| (event.chat, event.secure)).collect();
    assert_eq!(kept, [(1, Some(secure[0])), (1, Some(secure[1])), (3, None)]);
}

#[test]
fn a_log_of_the_fifth_schema_is_taken_over_and_goes_on() {
    let folder = Folder::new("fifth");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v5.db");
    std::fs::copy(old, folder.0.join("log.db")).unwrap();
    let mut store = folder.open();
    assert_eq!(ids(&store), (1..=7).collect::<Vec<_>>());
    assert_eq!(store.mark("default").unwrap(), Some(5));
    let chats = store.kept_chats().unwrap();
    let [chat] = chats.as_slice() else { panic!("{chats:?}") };
    assert_eq!((chat.chat, chat.machine.state(), chat.settled), (1, State::Open, 3));
    let texts = |waiting: Vec<WaitingMessage>| waiting.into_iter().map(text_of).collect::<Vec<_>>();
    assert_eq!(texts(store.waiting(of(chat), chat.settled, (9, usize::MAX)).unwrap()), ["waits 1"]);
    assert_eq!(
        store.outbox(0, 9).unwrap().0.into_iter().map(|kept| kept.text).collect::<Vec<_>>(),
        ["kept 2"]
    );
    assert_eq!(rows(&store), []);
    // What the new tables and columns are for, in the old file.
    store.note_key(1, at(1), key(1), "bob").unwrap();
    store.note_kept(key(1), "one", 1).unwrap();
    store.keep_chat(chat).unwrap();
    assert_eq!(store.append(1, Some(1), peer(1), What::Delivered { message: 6 }, None), 8);
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!((rows(&store).len(), store.kept_numbers(key(1), "one").unwrap()), (1, vec![1]));
    assert_eq!(store.kept_chats().unwrap().remove(0).settled, 6);
}

/// What a name is to somebody with this key, or without any.
fn likeness(store: &Store, name: &str, key: Option<KeyId>) -> Option<String> {
    store.likeness(name, key).unwrap().map(|likeness| likeness.to_string())
}

#[test]
fn a_name_is_compared_with_those_that_are_known_now() {
    let folder = Folder::new("likeness");
    let mut store = folder.open();
    let another = Some("another key is known for bob".to_owned());
    let like = |name: &str| Some(format!("looks like {name}"));
    store.note_key(1, at(1), key(1), "").unwrap();
    assert_eq!(likeness(&store, "", Some(key(2))), None);
    assert_eq!(likeness(&store, "bob", None), None);
    store.note_key(1, at(1), key(1), "bob").unwrap();
    assert_eq!(
        ["bob", "Bob", "rob"].map(|name| likeness(&store, name, None)),
        [another.clone(), like("bob"), None]
    );
    assert_eq!(["bob", "Bob", "rob"].map(|name| likeness(&store, name, Some(key(1)))), [const { None }; 3]);
    // Rather the one that our user trusts, in whichever way they look alike.
    store.trust_keys(2, &[(KeyOwner::User(Name::new("B0b").unwrap()), key(3))]).unwrap();
    assert_eq!(likeness(&store, "Bob", Some(key(2))), like("B0b"));
    assert_eq!(likeness(&store, "Bob", Some(key(3))), like("bob"));
    // It calls itself otherwise, somebody else is there, it is forgotten.
    store.note_key(3, at(1), key(1), "Illy").unwrap();
    assert_eq!(["bob", "lIly"].map(|name| likeness(&store, name, None)), [like("B0b"), like("Illy")]);
    store.trust_keys(4, &[(KeyOwner::Address(at(1)), key(1))]).unwrap();
    assert_eq!(likeness(&store, "lIly", None), like("Illy"));
    store.trust_keys(5, &[(KeyOwner::Address(at(1)), key(4))]).unwrap();
    assert_eq!(likeness(&store, "lIly", None), None);
    store.forget_keys(|known| known.key == key(3)).unwrap();
    assert_eq!(likeness(&store, "bob", None), None);
}

#[test]
fn to_compare_a_name_takes_as_long_among_ten_thousand_as_among_ten() {
    let folder = Folder::new("likeness-cost");
    let path = folder.0.join("log.db");
    let mut db = Connection::open(&path).unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let counted = steps.clone();
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    db.progress_handler(1, Some(count)).unwrap();
    let mut store = Store::over(db, &path, Durability::Process, 1).unwrap();
    // As bad as it can be: all look alike, and no two have one key.
    let mut costs = Vec::new();
    for all in [1..=10, 11..=10_000] {
        for n in all {
            store.note_key(1, at(n as u16), key(n), ["b0b", "Bob", "bob"][n as usize % 3]).unwrap();
        }
        let before = steps.load(Ordering::Relaxed);
        let said = [("bob", None), ("b\u{43e}b", None), ("rob", None), ("bob", Some(key(5)))];
        let said = said.map(|(name, key)| likeness(&store, name, key));
        assert_eq!(said.map(|said| said.map(|said| said.len())), [Some(28), Some(14), None, None]);
        costs.push(steps.load(Ordering::Relaxed) - before);
    }
    assert!(costs[1] <= costs[0] + 20, "steps of SQLite: {costs:?}");
}

#[test]
fn a_log_that_is_older_than_the_looks_of_names_has_them_from_then_on() {
    let folder = Folder::new("looks");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v11.db");
    let path = folder.0.join("log.db");
    std::fs::copy(old, &path).unwrap();
    let row =
        "INSERT INTO keys VALUES ('Illy', zeroblob(32), '', 1, 1), ('[::1]:7777', zeroblob(32), '', 1, 0)";
    Connection::open(&path).unwrap().execute(row, []).unwrap();
    let store = folder.open();
    let said = ["b0b", "lIly", "bob"].map(|name| likeness(&store, name, Some(key(7))));
    assert_eq!(
        said.map(Option::unwrap),
        ["looks like bob", "looks like Illy", "another key is known for bob"]
    );
}
