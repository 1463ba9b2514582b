//! Entries that share a row: whoever reads the log sees what it would see if each had its own.

use std::collections::BTreeMap;

use super::*;
use crate::read::SCAN;

/// What the log says, as plain lists.
#[derive(Debug, Clone, Default)]
struct Model {
    events: Vec<Event>,
    /// The Sequence fields of messages, by id.
    numbers: BTreeMap<u64, u64>,
    last_id: u64,
    seen: Option<u64>,
}

impl Model {
    /// The id of the oldest entry.
    fn first_id(&self) -> u64 {
        self.events.first().map_or(0, |event| event.id)
    }

    fn append(&mut self, store: &mut Store, at_ms: u64, chat: u64, (what, number): (What, Option<u64>)) {
        let (secure, answers, peer) = (None, None, peer(chat));
        let id = store.append(at_ms, Some(chat), peer.clone(), what.clone(), number);
        self.numbers.extend(number.map(|number| (id, number)));
        assert_eq!(id, self.last_id + 1);
        self.events.push(Event { id, at_ms, chat, peer, secure, answers, what });
        self.last_id = id;
    }

    /// What a removal leaves.
    fn remove(&mut self, span: Span, discard: Discard) {
        let is_unread = |event: &Event| match self.seen {
            Some(seen) => event.id > seen,
            None => event.what.kind() == Kind::Message,
        };
        self.events.retain(|event| {
            event.id <= span.after || event.id > span.until || (!discard.unread && is_unread(event))
        });
    }

    fn ages(&self, span: Span, (old, now): (u64, u64)) -> Ages {
        let all = || self.events.iter().filter(|event| event.id > span.after && event.id <= span.until);
        Ages {
            newest_old: all().filter(|event| event.at_ms <= old).map(|event| event.id).max(),
            any_young: all().any(|event| event.at_ms > old && event.at_ms <= now),
        }
    }
}

/// A filter of any kind.
fn filter(random: &mut Random, model: &Model) -> EntryFilter {
    let mut filter = Filter::default();
    if random.below(3) == 0 {
        filter.kinds =
            vec![[Kind::Delivered, Kind::Message, Kind::Queued, Kind::Opened][random.below(4) as usize]];
    }
    match random.below(6) {
        0 => filter.chat = Some(1 + random.below(5)),
        1 => filter.who = Some(format!("127.0.0.{}", 1 + random.below(5))),
        2 => filter.since_ms = Some(random.below(model.last_id + 2)),
        3 => filter.until_ms = Some(random.below(model.last_id + 2)),
        4 => filter.text = Some("text 1".to_owned()),
        _ => {}
    }
    EntryFilter::new(&filter)
}

/// Reads from anywhere to the end, both ways, in pieces of any size.
fn read_all(store: &Store, model: &Model, random: &mut Random) {
    let wanted = filter(random, model);
    let from = random.below(model.last_id + 3);
    let limit = |random: &mut Random| [1, 2, 7, 1_000][random.below(4) as usize];
    let expected = |asked: &dyn Fn(u64) -> bool| {
        let is_wanted = |event: &&Event| asked(event.id) && wanted.matches(event);
        model.events.iter().filter(is_wanted).cloned().collect::<Vec<_>>()
    };

    let (mut after, mut found) = (from, Vec::new());
    while after < model.last_id {
        let (events, looked) = store.read(after, limit(random), &wanted).unwrap();
        assert!(looked > after, "each call makes progress");
        (after, found) = (looked, [found, events].concat());
    }
    assert_eq!(found, expected(&|id| id > from), "above {from}: {wanted:?}");

    let (mut before, mut found) = (Some(from), Vec::new());
    while let Some(below) = before {
        let (events, older) = store.history(below, limit(random), &wanted).unwrap();
        assert!(older.is_none_or(|older| older < below), "each call makes progress");
        (before, found) = (older, [found, events].concat());
    }
    found.reverse();
    assert_eq!(found, expected(&|id| id < from), "below {from}: {wanted:?}");
}

/// What an entry says, much as the one before it; and the Sequence field of a message.
fn what(random: &mut Random, before: Option<&Event>, id: u64) -> (What, Option<u64>) {
    let text = |random: &mut Random| format!("text {}", random.below(3)).repeat(1 + random.below(3) as usize);
    let is_of_messages = before.is_some_and(|before| before.what.kind() == Kind::Message);
    match random.below(12) {
        0 => (What::Opened { note: None }, None),
        1 => (What::Queued { text: text(random), again: None, size: None }, None),
        2 => (What::Message { text: "text 1".repeat(40 + random.below(400) as usize) }, Some(1)),
        3 => {
            (What::Message { text: text(random) }, [None, Some(0), Some(u64::MAX)][random.below(3) as usize])
        }
        4..10 if is_of_messages => {
            let bits = random.below(40);
            (What::Message { text: text(random) }, Some(random.below(1 << bits)))
        }
        // Near ones, far ones, and what cannot be.
        4 => (What::Delivered { message: id + random.below(2) }, None),
        5 => (What::Delivered { message: random.below(id) }, None),
        _ => (What::Delivered { message: id.saturating_sub(1 + random.below(300)) }, None),
    }
}

#[test]
fn a_log_with_rows_of_several_entries_reads_like_one_with_a_row_for_each() {
    for seed in seeds(12) {
        let _replay = Replay { package: "simp-store", test: "reads_like_one_with_a_row_for_each", seed };
        compare(seed);
    }
}

fn compare(seed: u64) {
    let folder = Folder::new(&format!("runs-{seed}"));
    let mut random = Random(seed);
    let (mut store, mut model, mut kept) = (folder.open(), Model::default(), Model::default());
    let mut shared = [0; 2];
    for turn in 1..=150 {
        store.begin_turn();
        let chats = 1 + random.below(5);
        for _ in 0..random.below(40) {
            let chat = 1 + random.below(chats);
            let what = what(&mut random, model.events.last(), model.last_id + 1);
            model.append(&mut store, turn, chat, what);
            if random.below(40) == 0 {
                read_all(&store, &model, &mut random);
            }
        }
        match random.below(8) {
            0 if model.last_id > 0 => {
                let seen = random.below(model.last_id + 1);
                model.seen = model.seen.max(Some(seen));
                store.set_mark("a", seen).unwrap();
            }
            1 | 2 if model.last_id > 0 => {
                store.set_kept(store.last_id()).unwrap();
                let discard = Discard { unread: random.below(2) == 0, undelivered: true };
                let span = store.removable(discard).unwrap();
                assert_eq!(span.after, model.first_id() - 1);
                let until = span.after + random.below(span.until.saturating_sub(span.after) + 1);
                let removed = store.remove(Span { until, ..span }, discard).unwrap();
                model.remove(Span { until: removed.until, ..span }, discard);
            }
            3 => {
                store.roll_back().unwrap();
                model = kept.clone();
            }
            _ => {}
        }
        let span = Span { after: random.below(model.last_id + 1), until: random.below(model.last_id + 1) };
        let times = (random.below(turn + 2), random.below(turn + 2));
        if span.after < span.until {
            assert_eq!(store.ages(span, times.0, times.1).unwrap(), model.ages(span, times));
        }
        if random.below(3) > 0 {
            store.commit().unwrap();
            kept = model.clone();
        }
        if random.below(20) == 0 {
            // Stopped, or killed.
            if random.below(2) == 0 {
                store.end_piece().unwrap();
                kept = model.clone();
            }
            drop(store);
            (store, model) = (folder.open(), kept.clone());
        }
        assert_eq!((store.first_id(), store.last_id()), (model.first_id(), model.last_id));
        assert_eq!(store.entries().unwrap(), model.events.len() as u64);
        read_all(&store, &model, &mut random);
        for event in &model.events {
            let is_message = event.what.kind() == Kind::Message;
            let number = model.numbers.get(&event.id).filter(|_| is_message);
            let found = store.numbered(event.id).unwrap();
            assert_eq!(found, number.map(|number| (event.chat, *number)), "{event:?}");
        }
        for (most, kind) in shared.iter_mut().zip([Kind::Message, Kind::Delivered]) {
            let all = model.events.iter().filter(|event| event.what.kind() == kind).count() as u64;
            *most = all.saturating_sub(rows(&store, &format!("kind = {}", kind as i64))).max(*most);
        }
    }
    assert!(shared.iter().all(|most| *most > 20), "no more than {shared:?} entries ever shared a row");
}

fn rows(store: &Store, condition: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM events WHERE {condition}");
    store.db().unwrap().query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64
}

#[test]
fn a_row_has_as_many_deliveries_as_fit_a_page_and_one_of_each_turn_has_its_own() {
    let folder = Folder::new("runs-rows");
    let mut store = folder.open();
    for n in 0..4_000 {
        store.append(1, Some(1), peer(1), What::Delivered { message: 1 + n / 2 }, None);
    }
    store.commit().unwrap();
    assert!(rows(&store, "TRUE") <= 4_000 / 300, "{} rows", rows(&store, "TRUE"));
    for turn in 0..10 {
        for chat in 1..=64 {
            store.append(2 + turn, Some(chat), peer(chat), What::Delivered { message: 4_000 }, None);
        }
        store.commit().unwrap();
        store.begin_turn();
    }
    let of_many = rows(&store, "at > 1");
    assert!((20..=30).contains(&of_many), "{of_many} rows");
    assert_eq!(rows(&store, "length(list) > 864 OR (list IS NULL) <> (first IS NULL)"), 0);
    // Not those of two moments, or with something between them.
    store.append(98, Some(1), peer(1), What::Delivered { message: 1 }, None);
    store.append(99, Some(1), peer(1), What::Delivered { message: 1 }, None);
    store.append(99, Some(1), peer(1), What::Opened { note: None }, None);
    store.append(99, Some(1), peer(1), What::Delivered { message: 2 }, None);
    assert_eq!((rows(&store, "at = 98"), rows(&store, "at = 99")), (1, 3));
}

#[test]
fn a_row_has_as_many_messages_as_fit_a_page_and_a_long_one_has_its_own() {
    let folder = Folder::new("runs-messages");
    let mut store = folder.open();
    let pages = |store: &Store| {
        store.db().unwrap().pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = pages(&store);
    for chat in 1..=640 {
        let text = "0123456789abcdef".repeat(4);
        store.append(1, Some(chat), peer(chat), What::Message { text }, Some(chat));
    }
    store.commit().unwrap();
    let (rows_of_all, pages) = (rows(&store, "TRUE"), pages(&store) - before);
    assert!(rows_of_all <= 640 / 8, "{rows_of_all} rows");
    assert!(pages <= rows_of_all as i64 + 4, "{pages} pages for {rows_of_all} rows");
    for length in [10, 865, 10, 10, 850, 10, 10] {
        store.append(2, Some(1), peer(1), What::Message { text: "x".repeat(length) }, Some(1));
    }
    store.commit().unwrap();
    assert_eq!(rows(&store, "at = 2"), 5);
}

#[test]
fn no_more_entries_are_looked_at_in_one_call_however_many_share_a_row() {
    let folder = Folder::new("runs-scan");
    let mut store = folder.open();
    for n in 2..=10_001 {
        store.append(1, Some(n % 3), peer(n % 3), What::Delivered { message: n / 2 }, None);
    }
    let of_nobody = EntryFilter::new(&Filter { who: Some("nobody".to_owned()), ..Filter::default() });
    assert_eq!(store.read(0, 9, &of_nobody).unwrap(), (vec![], SCAN));
    assert_eq!(store.history(u64::MAX, 9, &of_nobody).unwrap(), (vec![], Some(10_001 - SCAN)));
}

#[test]
fn a_damaged_list_is_an_error_and_takes_no_memory() {
    for damage in
        ["list = NULL", "list = x''", "list = x'ffffffffffffffffffff'", "list = x'0001ff7f'", "first = 0"]
    {
        let folder = Folder::new("runs-damaged");
        let mut store = folder.open();
        for message in [1, 1, 2] {
            store.append(1, Some(7), peer(7), What::Delivered { message: message / 2 }, None);
        }
        store.write(&format!("UPDATE events SET {damage}"), []).unwrap();
        assert!(store.read(0, 9, &EntryFilter::default()).is_err(), "{damage}");
        let folder = Folder::new("runs-damaged-messages");
        let mut store = folder.open();
        for chat in [7, 7, 8] {
            store.append(1, Some(chat), peer(chat), What::Message { text: "hi".to_owned() }, Some(1));
        }
        store.write(&format!("UPDATE events SET {damage}"), []).unwrap();
        assert!(store.read(0, 9, &EntryFilter::default()).is_err(), "{damage}");
    }
}

#[test]
fn what_is_rare_in_the_log_is_found_by_its_index() {
    let folder = Folder::new("runs-plans");
    let store = folder.open();
    for sql in [
        "SELECT reason FROM events WHERE kind = 7 AND message = ?1",
        "SELECT NULL FROM events WHERE kind = 9 AND message = ?1",
        "SELECT id FROM events WHERE kind = 5 AND message IS NOT NULL AND message = ?1",
        "SELECT 1 FROM events AS u WHERE u.kind = 7 AND u.message = ?1 AND u.seq IS NULL",
    ] {
        let plan: String = store
            .db()
            .unwrap()
            .query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [1], |row| row.get(3))
            .unwrap();
        assert!(plan.contains("INDEX outcomes (message=? AND kind=?)"), "{sql}: {plan}");
    }
}

#[test]
fn a_log_of_the_eleventh_schema_is_taken_over_and_goes_on() {
    let folder = Folder::new("eleventh");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v11.db");
    std::fs::copy(old, folder.0.join("log.db")).unwrap();
    let mut store = folder.open();
    assert_eq!(ids(&store), (1..=11).collect::<Vec<_>>());
    let delivered = |store: &Store| {
        let wanted = EntryFilter::new(&Filter { kinds: vec![Kind::Delivered], ..Filter::default() });
        let (events, _) = store.read(0, 99, &wanted).unwrap();
        events.into_iter().map(|event| (event.id, event.what)).collect::<Vec<_>>()
    };
    let of = |id, message| (id, What::Delivered { message });
    assert_eq!(delivered(&store), [of(4, 3), of(6, 5), of(8, 7)]);
    assert_eq!((store.mark("old").unwrap(), store.outbox_size().messages), (Some(9), 1));
    let chats = store.kept_chats().unwrap();
    let [chat] = chats.as_slice() else { panic!("{chats:?}") };
    assert_eq!((chat.chat, chat.machine.state(), chat.settled), (1, State::Open, 7));
    let texts = |waiting: Vec<WaitingMessage>| waiting.into_iter().map(text_of).collect::<Vec<_>>();
    let backlog = Backlog { chat: Some(chat.chat), outbox: None };
    assert_eq!(texts(store.waiting(backlog, chat.settled, (9, usize::MAX)).unwrap()), ["waits 1"]);
    // What the new columns are for, in the old file.
    for (chat, message) in [(1, 10), (2, 11)] {
        store.append(1, Some(chat), peer(chat), What::Delivered { message }, None);
    }
    store.append(1, Some(1), peer(1), What::Undelivered { message: 9, reason: Reason::Quit }, None);
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!((rows(&store, "id > 11"), store.entries().unwrap()), (2, 14));
    assert_eq!(delivered(&store)[3..], [of(12, 10), of(13, 11)]);
    assert_eq!(store.not_delivered(9).unwrap(), Some(NotDelivered::Undelivered(Reason::Quit)));
    assert_eq!(store.kept_chats().unwrap().remove(0).settled, 10);
}

#[test]
fn of_those_in_a_row_a_start_counts_those_that_came_after_what_was_kept() {
    let folder = Folder::new("runs-kept");
    let mut store = folder.open();
    store.append(1, None, peer(1), What::Inviting, None);
    for _ in 0..2 {
        let what = What::Queued { text: "x".to_owned(), again: None, size: None };
        store.append(1, Some(1), peer(1), what, None);
    }
    // As of the fourth entry, which comes in one row with the fifth.
    let mut chat = KeptChat { settled: 2, ..kept(1) };
    plain(&mut chat).seq = Seq::ZERO.next();
    store.keep_chat(&chat).unwrap();
    for message in [2, 3] {
        store.append(2, Some(1), peer(1), What::Delivered { message }, None);
    }
    store.set_kept(4).unwrap();
    store.commit().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(rows(&store, "kind = 6"), 1);
    plain(&mut chat).seq = Seq::ZERO;
    assert_eq!(store.kept_chats().unwrap(), [KeptChat { settled: 3, ..chat }]);
}

#[test]
fn a_statement_is_not_prepared_anew_for_each_value() {
    let folder = Folder::new("runs-prepared");
    let store = folder.open();
    for chat in 1..10 {
        let backlog = Backlog { chat: Some(chat), outbox: None };
        assert!(store.waiting(backlog, chat, (9, usize::MAX)).unwrap().is_empty());
    }
    let statement = store.db().unwrap().prepare_cached(&crate::waiting::sql_before()).unwrap();
    assert_eq!(statement.get_status(rusqlite::StatementStatus::Run), 9);
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}
