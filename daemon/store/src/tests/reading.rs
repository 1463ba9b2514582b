//! Reading the log in pieces, forwards and backwards, and searching it.

use super::*;
use crate::read::SEARCHED_PER_READ;

#[test]
fn reading_in_pieces_gives_every_wanted_entry_once_and_in_order() {
    let folder = Folder::new("read");
    let mut store = folder.open();
    for n in 1..=5_000 {
        let what =
            if n % 1_000 == 0 { What::Opened { note: None } } else { What::Message { text: n.to_string() } };
        store.append(n, Some(1), peer(1), what, None);
    }
    store.commit().unwrap();
    let wanted = EntryFilter::new(&Filter { kinds: vec![Kind::Opened], ..Default::default() });
    let (mut after, mut forwards, mut calls) = (0, Vec::new(), 0);
    while after < store.last_id() {
        let (events, looked) = store.read(after, 64, &wanted).unwrap();
        assert!(looked > after, "each call makes progress");
        forwards.extend(events.iter().map(|event| event.id));
        (after, calls) = (looked, calls + 1);
    }
    assert_eq!(forwards, [1_000, 2_000, 3_000, 4_000, 5_000]);
    assert!(calls <= 3, "a call looks through 2,048 entries");
    let (mut before, mut backwards) = (Some(u64::MAX), Vec::new());
    while let Some(below) = before {
        let (events, older) = store.history(below, 2, &wanted).unwrap();
        backwards.extend(events.iter().map(|event| event.id));
        before = older;
    }
    assert_eq!(backwards, [5_000, 4_000, 3_000, 2_000, 1_000]);
}

#[test]
fn long_texts_are_read_a_few_at_a_time_and_those_that_nobody_wants_not_at_all() {
    let folder = Folder::new("long");
    let mut store = folder.open();
    for n in 1..=100 {
        let text = "x".repeat(60_000);
        let what = if n % 50 == 0 { What::Opened { note: None } } else { What::Message { text } };
        store.append(n, Some(1), peer(1), what, None);
    }
    let all = EntryFilter::default();
    let (events, looked) = store.read(0, usize::MAX, &all).unwrap();
    assert_eq!((events.len(), looked), (2, 2));
    let (events, older) = store.history(u64::MAX, 1_000, &all).unwrap();
    assert_eq!((events.len(), older), (3, Some(98)), "the newest is short");
    let opened = EntryFilter::new(&Filter { kinds: vec![Kind::Opened], ..Default::default() });
    let (events, looked) = store.read(0, usize::MAX, &opened).unwrap();
    assert_eq!((events.len(), looked), (2, 100));
    // One that is longer than a piece comes all the same.
    let what = What::Message { text: "x".repeat(BYTES_PER_READ + 1) };
    let longest = store.append(1, Some(1), peer(1), what, None);
    assert_eq!(store.history(u64::MAX, 9, &all).unwrap().0[0].id, longest);
    assert_eq!(ids(&store), (1..=longest).collect::<Vec<_>>());
}

#[test]
fn a_search_finds_words_in_any_case_and_looks_through_no_more_than_a_piece_at_once() {
    let folder = Folder::new("search");
    let mut store = folder.open();
    let long = "x".repeat(SEARCHED_PER_READ / 2);
    for text in ["Grüße aus Köln", &long, &long, &long, "grüsse", "GRÜSSE", "köln"] {
        store.append(1, Some(1), peer(1), What::Message { text: text.to_owned() }, None);
    }
    let opened = store.append(1, Some(1), peer(1), What::Opened { note: None }, None);
    let search = |text: &str| {
        let wanted = EntryFilter::new(&Filter { text: Some(text.to_owned()), ..Default::default() });
        let (mut before, mut found, mut calls) = (Some(u64::MAX), Vec::new(), 0);
        while let Some(below) = before {
            let (events, older) = store.history(below, 9, &wanted).unwrap();
            found.extend(events.iter().map(|event| event.id));
            (before, calls) = (older, calls + 1);
        }
        (found, calls)
    };
    assert_eq!(search("KÖLN"), (vec![7, 1], 2), "long texts that do not match count too");
    assert_eq!(search("grüSSe"), (vec![6, 5], 2));
    assert_eq!(search("nobody wrote this"), (vec![], 2));
    assert_eq!(search("").0.len() as u64, opened, "nothing is asked for");
    let wanted = EntryFilter::new(&Filter { text: Some("aus k".to_owned()), ..Default::default() });
    assert_eq!(store.read(0, 9, &wanted).unwrap().0.len(), 1, "forwards too");
}

#[test]
fn whoever_looks_for_somebody_passes_over_what_is_of_others() {
    let folder = Folder::new("of-others");
    let mut store = folder.open();
    for n in 1..=20_000u64 {
        let (chat, user) = if n == 9_000 { (7, "ann") } else { (1 + n % 3, "bob") };
        let speaker = store.peer(peer(chat).address.parse().unwrap(), user);
        let what = What::Message { text: n.to_string() };
        assert_eq!(store.append_answer(n, (Some(chat), speaker), what, None, None), n);
        if n % 50 == 0 {
            store.commit().unwrap();
            store.begin_turn();
        }
    }
    let (nobody, calls) = found(&store, "nobody");
    assert!(nobody.is_empty() && calls <= 6, "{calls} calls");
    for who in ["ann", "127.0.0.7", "127.0.0.7:7777", "ann@127.0.0.7:7777", "ann@127.0.0.7"] {
        let (ids, calls) = found(&store, who);
        assert!(ids == [9_000] && calls <= 10, "{who}: {ids:?} in {calls} calls");
    }
    assert_eq!(found(&store, "bob@127.0.0.7").0, [0; 0]);
    // All the same after a stop, and what a killed simpd had not written is found too.
    store.append(1, Some(9), peer(9), What::Inviting, None);
    store.end_piece().unwrap();
    store.end_piece().unwrap();
    drop(store);
    let pieces = |store: &Store| -> i64 {
        store.db().unwrap().query_row("SELECT count(*) FROM pieces", [], |row| row.get(0)).unwrap()
    };
    let before = pieces(&folder.open());
    for chat in 10..20 {
        let mut store = folder.open();
        store.append(1, Some(chat), peer(chat), What::Inviting, None);
        store.end_piece().unwrap();
        assert_eq!(pieces(&store), before, "one for each start");
    }
    for chat in [8, 7] {
        let mut store = folder.open();
        assert!(found(&store, "nobody").1 <= 6);
        store.append(1, Some(chat), peer(chat), What::Inviting, None);
        store.commit().unwrap();
    }
    let store = folder.open();
    assert_eq!(found(&store, "127.0.0.9").0, [20_001]);
    assert_eq!(found(&store, "127.0.0.15").0, [20_007]);
    assert_eq!(found(&store, "127.0.0.8").0, [20_012]);
    assert_eq!(found(&store, "127.0.0.7").0, [20_013, 9_000]);
}

#[test]
fn a_piece_goes_with_the_last_of_its_entries_though_an_older_one_stays() {
    let folder = Folder::new("stays");
    let mut store = folder.open();
    for n in 1..=1_000u64 {
        let text = n.to_string();
        let what = match n {
            5 => What::Queued { text, again: None, size: None },
            _ => What::Message { text },
        };
        store.append(n, Some(if n == 5 { 0 } else { 1 }), peer(1), what, None);
        if n == 5 {
            store.keep_in_outbox(n, &Recipient::At(peer(1).address.parse().unwrap()), 1, None).unwrap();
        }
        if n % 50 == 0 {
            store.commit().unwrap();
            store.begin_turn();
        }
    }
    let pieces = |store: &Store| -> i64 {
        store.db().unwrap().query_row("SELECT count(*) FROM pieces", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(pieces(&store), 10);
    let discard = Discard { unread: true, undelivered: true };
    for (after, until) in [(0, 250), (250, 730)] {
        store.remove(Span { after, until }, discard).unwrap();
    }
    store.commit().unwrap();
    assert_eq!((store.first_id(), store.entries().unwrap()), (5, 271));
    // That of the one that stays, and those from 701 on.
    assert_eq!(pieces(&store), 4);
    assert_eq!(found(&store, "127.0.0.1").0.len(), 271);
}

/// What there is of somebody, the newest first, and in how many calls it was found both ways.
fn found(store: &Store, who: &str) -> (Vec<u64>, usize) {
    let wanted = EntryFilter::new(&Filter { who: Some(who.to_owned()), ..Filter::default() });
    let (mut before, mut downwards, mut calls) = (Some(u64::MAX), Vec::new(), 0);
    while let Some(below) = before {
        let (events, older) = store.history(below, 9, &wanted).unwrap();
        downwards.extend(events.iter().map(|event| event.id));
        (before, calls) = (older, calls + 1);
    }
    let (mut after, mut upwards) = (0, Vec::new());
    while after < store.last_id() {
        let (events, looked) = store.read(after, 9, &wanted).unwrap();
        upwards.extend(events.iter().map(|event| event.id));
        (after, calls) = (looked, calls + 1);
    }
    upwards.reverse();
    assert_eq!(downwards, upwards);
    (downwards, calls)
}
