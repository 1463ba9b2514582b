//! How peers speak, what becomes of messages that cannot be confirmed or are too long, and logs that know neither.

use super::*;

fn address(peer: &Peer) -> std::net::SocketAddr {
    peer.address.parse().unwrap()
}

fn learn(store: &mut Store, host: u64, user: &str, dialect: &str) {
    store.learn(100 + host, address(&peer(host)), user, dialect.parse().unwrap()).unwrap();
}

fn addresses(store: &Store, after: &str, limit: usize) -> Vec<String> {
    store.peers(after, limit).unwrap().into_iter().map(|learned| learned.peer.address).collect()
}

#[test]
fn whoever_was_met_is_listed_and_what_was_learned_of_it_stays() {
    let folder = Folder::new("met");
    let mut store = folder.open();
    learn(&mut store, 1, "ann", "never-acks");
    store.meet(300, address(&peer(1)), "Ann").unwrap();
    store.meet(300, address(&peer(2)), "bob").unwrap();
    let listed = store.peers("", 9).unwrap().into_iter();
    let listed: Vec<_> =
        listed.map(|known| (known.peer.user, known.dialect.to_string(), known.seen_ms)).collect();
    assert_eq!(listed, [("Ann".into(), "never-acks".into(), 300), ("bob".into(), "plain".into(), 300)]);
}

#[test]
fn what_was_learned_of_peers_is_listed_in_parts_and_forgotten() {
    let folder = Folder::new("peers");
    let mut store = folder.open();
    for (host, user) in [(3, "cid"), (1, "ann"), (2, "bob")] {
        learn(&mut store, host, user, "never-acks,cuts-at=500");
    }
    let all = [1, 2, 3].map(|host| peer(host).address);
    assert_eq!(addresses(&store, "", 9), all);
    assert_eq!(addresses(&store, &all[0], 1), all[1..2]);
    let bob = store.peers(&all[0], 1).unwrap().remove(0);
    assert_eq!((bob.dialect.to_string().as_str(), bob.seen_ms), ("never-acks,cuts-at=500", 102));
    assert_eq!(store.forget_peers(|peer| peer.user == "bob").unwrap(), all[1..2]);
    store.commit().unwrap();
    drop(store);
    let mut store = folder.open();
    assert_eq!(addresses(&store, "", 9), [all[0].clone(), all[2].clone()]);
    assert_eq!(store.known_of(address(&peer(2))).unwrap().dialect, simp_proto::Dialect::default());
    assert_eq!(store.forget_peers(|_| true).unwrap().len(), 2);
    assert_eq!(store.forget_peers(|_| true).unwrap(), [""; 0]);
}

#[test]
fn how_far_a_peer_was_read_moves_forward_only_and_stays_if_the_peer_is_forgotten() {
    let folder = Folder::new("read-marks");
    let mut store = folder.open();
    let read =
        |store: &Store| store.peers("", 9).unwrap().into_iter().map(|peer| peer.read).collect::<Vec<_>>();
    for (host, user) in [(1, "ann"), (2, "bob")] {
        learn(&mut store, host, user, "plain");
    }
    assert_eq!(read(&store), [None, None]);
    for id in [5, 9, 7] {
        store.set_read(&peer(1).address, id).unwrap();
    }
    assert_eq!(read(&store), [Some(9), None]);
    // What its next chat shows is not about that.
    learn(&mut store, 1, "ann", "never-acks");
    store.forget_peers(|peer| peer.user == "bob").unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = folder.open();
    assert_eq!(read(&store), [Some(9)]);
    store.forget_peers(|_| true).unwrap();
    learn(&mut store, 1, "ann", "plain");
    assert_eq!(read(&store), [Some(9)]);
}

#[test]
fn of_too_many_read_marks_those_of_what_was_read_longest_ago_go() {
    let folder = Folder::new("many-read-marks");
    let mut store = folder.open();
    let marks = crate::read_marks::MARKS_MAX;
    (1..=marks + 1).for_each(|id| store.set_read(&format!("127.0.0.1:{id}"), id).unwrap());
    for (port, read) in [(1, None), (2, Some(2)), (3, Some(3))] {
        store.meet(1, ([127, 0, 0, 1], port).into(), "ann").unwrap();
        assert_eq!(store.peers("", 9).unwrap().pop().unwrap().read, read);
    }
}

#[test]
fn of_too_many_peers_those_are_forgotten_that_were_heard_of_longest_ago_and_plain_ones_first() {
    let folder = Folder::new("many-peers");
    let mut store = folder.open();
    learn(&mut store, 1, "ann", "never-acks");
    let at = |port| std::net::SocketAddr::from(([127, 0, 9, 9], port));
    (1..10_000).for_each(|port| store.meet(1_000 + u64::from(port), at(port), "bob").unwrap());
    store.commit().unwrap();
    // What is undone has not been counted, and whoever is there already is no further one.
    (10_000..10_009).for_each(|port| store.meet(1, at(port), "bob").unwrap());
    store.roll_back().unwrap();
    store.meet(1, at(7), "bob").unwrap();
    drop(store);
    let mut store = folder.open();
    let is_there = |store: &Store, address| !store.known_of(address).unwrap().is_stranger;
    assert!(is_there(&store, at(1)) && is_there(&store, at(9_999)));
    for (port, gone) in [(20_001, 1), (20_002, 2)] {
        store.meet(100_000, at(port), "bob").unwrap();
        assert!(is_there(&store, at(port)) && !is_there(&store, at(gone)) && is_there(&store, at(gone + 1)));
    }
    assert!(is_there(&store, address(&peer(1))), "it was heard of first, but is not plain");
    assert_eq!(store.forget_peers(|_| true).unwrap().len(), 10_000);
    (1..=20).for_each(|port| store.meet(1, at(port), "bob").unwrap());
    assert!((1..=20).all(|port| is_there(&store, at(port))));
}

#[test]
fn the_note_of_an_opening_is_kept_with_it() {
    let folder = Folder::new("note");
    let mut store = folder.open();
    let opened = |note: Option<&str>| What::Opened { note: note.map(str::to_owned) };
    for note in [None, Some("takes turns")] {
        store.append(1, Some(1), peer(1), opened(note), None);
    }
    store.commit().unwrap();
    drop(store);
    let (events, _) = folder.open().read(0, 9, &EntryFilter::default()).unwrap();
    let whats: Vec<_> = events.into_iter().map(|event| event.what).collect();
    assert_eq!(whats, [opened(None), opened(Some("takes turns"))]);
}

#[test]
fn a_message_that_is_not_confirmed_is_known_as_such_and_goes_like_one_that_is_delivered() {
    let folder = Folder::new("unconfirmed");
    let mut store = folder.open();
    let queued = || What::Queued { text: "x".to_owned(), again: None, size: None };
    let whats = [
        queued(),
        queued(),
        What::Unconfirmed { message: 1 },
        What::Undelivered { message: 2, reason: Reason::TooLong },
        What::Opened { note: None },
    ];
    for what in whats {
        store.append(1, Some(0), peer(1), what, None);
    }
    store.set_mark("a", 5).unwrap();
    store.set_kept(store.last_id()).unwrap();
    store.commit().unwrap();
    let known = [1, 2, 5].map(|message| store.not_delivered(message).unwrap());
    assert!(matches!(known, [Some(NotDelivered::Unconfirmed), Some(NotDelivered::Undelivered(_)), None]));
    let span = store.removable(NOTHING).unwrap();
    store.remove(span, NOTHING).unwrap();
    assert_eq!(ids(&store), [2, 4, 5]);
}

#[test]
fn messages_of_the_outbox_that_are_longer_than_a_limit_are_found() {
    let folder = Folder::new("longer");
    let (store, at) = with_outbox(&folder, &["12345", "1234", "123456", "äéi"]);
    assert_eq!(store.unfit_in_outbox((at, None), 4, false).unwrap(), [1, 3, 4]);
    assert_eq!(store.unfit_in_outbox((at, None), 6, false).unwrap(), [0; 0]);
    assert_eq!(store.unfit_in_outbox((address(&peer(8)), None), 1, false).unwrap(), [0; 0]);
}

#[test]
fn a_log_of_the_second_schema_is_taken_over_and_goes_on() {
    let folder = Folder::new("second");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v2.db");
    std::fs::copy(old, folder.0.join("log.db")).unwrap();
    let mut store = folder.open();
    assert_eq!(ids(&store), (1..=11).collect::<Vec<_>>());
    assert_eq!(store.read(1, 1, &EntryFilter::default()).unwrap().0[0].what, What::Opened { note: None });
    assert_eq!(store.mark("old").unwrap(), Some(7));
    let chats = store.kept_chats().unwrap();
    let [chat] = chats.as_slice() else { panic!("{chats:?}") };
    assert_eq!((chat.chat, chat.machine.state(), chat.settled), (1, State::Open, 5));
    assert_eq!(plain(&mut chat.clone()).dialect, simp_proto::Dialect::default());
    let texts = |waiting: Vec<WaitingMessage>| waiting.into_iter().map(text_of).collect::<Vec<_>>();
    assert_eq!(texts(store.waiting(of(chat), chat.settled, (9, usize::MAX)).unwrap()), ["waits 1"]);
    assert_eq!(
        store.outbox(0, 9).unwrap().0.into_iter().map(|kept| kept.text).collect::<Vec<_>>(),
        ["kept 2"]
    );
    // Counted without the texts from now on, and for addresses all of them.
    assert_eq!(store.outbox_size(), OutboxSize { messages: 1, bytes: 6 });
    assert_eq!((store.outbox_peers().unwrap().len(), store.outbox_hosts().unwrap()), (1, Vec::new()));
    let known: Vec<_> = store.peers("", 9).unwrap();
    let [bob] = known.as_slice() else { panic!("{known:?}") };
    assert_eq!(
        (bob.peer.to_string(), bob.dialect),
        ("bob@127.70.250.2:7777".to_owned(), "plain".parse().unwrap())
    );
    // What the new tables and columns are for, in the old file.
    learn(&mut store, 1, "ann", "never-acks");
    let mut kept = chat.clone();
    plain(&mut kept).dialect = "never-acks".parse().unwrap();
    store.keep_chat(&kept).unwrap();
    let what = What::Unconfirmed { message: 11 };
    assert_eq!(store.append(1, Some(1), peer(1), what, None), 12);
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(store.not_delivered(11).unwrap(), Some(NotDelivered::Unconfirmed));
    let gone_on = store.kept_chats().unwrap().remove(0);
    assert_eq!((gone_on.settled, plain(&mut gone_on.clone()).dialect), (11, plain(&mut kept).dialect));
    assert_eq!(addresses(&store, "", 9).len(), 2);
}

#[test]
fn peers_of_an_older_log_are_no_strangers() {
    let folder = Folder::new("strangers");
    let path = folder.0.join("log.db");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v2.db"), &path).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    for (id, kind, address, user) in [
        (100, 2, "[::1]:7777", "ann"),
        (101, 2, "[::1]:7777", "bob"),
        (102, 2, "[fe80::1%2]:7777", "cid"),
        (103, 1, "127.0.0.9:7777", ""),
    ] {
        let row = rusqlite::params![id, id, kind, id, address, user];
        old.execute("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, NULL, NULL)", row)
            .unwrap();
    }
    drop(old);
    let store = folder.open();
    let is_stranger = |at: &str| store.known_of(at.parse().unwrap()).unwrap().is_stranger;
    assert!(!is_stranger("127.70.250.2:7777") && !is_stranger("[::1]:7777"));
    assert!(is_stranger("127.70.250.2:1") && is_stranger("127.0.0.9:7777"), "never open");
    drop(store);
    let new = rusqlite::Connection::open(&path).unwrap();
    let mut rows = new
        .prepare("SELECT ip, user, seen FROM peers WHERE user <> 'bob' OR ip = '::1' ORDER BY seen")
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(String, String, i64)> = rows.map(Result::unwrap).collect();
    assert_eq!(rows, [("::1".into(), "bob".into(), 101), ("fe80::1".into(), "cid".into(), 102)]);
}

#[test]
fn a_first_guess_is_nothing_that_could_lose_a_message_of_another() {
    let folder = Folder::new("guess");
    let mut store = folder.open();
    learn(&mut store, 1, "ann", "never-acks,ignores-repeats,rings");
    let dialect = |port| {
        let at = std::net::SocketAddr::new(address(&peer(1)).ip(), port);
        store.known_of(at).unwrap().dialect.to_string()
    };
    assert_eq!(
        (dialect(7777), dialect(1)),
        ("never-acks,ignores-repeats,rings".to_owned(), "ignores-repeats".to_owned())
    );
}
