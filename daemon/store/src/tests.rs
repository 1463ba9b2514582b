//! The log against a plain list, killed and opened again after any commit.

use std::path::PathBuf;

use simp_control::{Event, Filter, Kind, Peer, Reason, State, What};
use simp_proto::secure::{Body, ChatId, KeyId, Name, SecureSnapshot, Them};
use simp_proto::{LastReceived, Seq, Snapshot, UserName};

use simp_seeds::{Random, Replay, seeds};

use super::*;

mod epochs;
mod files;
mod habits;
mod hold;
mod kept_letters;
mod keys;
mod named;
mod pieces;
mod reading;
mod runs;
mod waiting;

/// A folder of this test alone.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("simpd-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn open(&self) -> Store {
        Store::open(&self.0.join("log.db"), Durability::Process, 1).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn peer(chat: u64) -> Peer {
    Peer { user: "bob".to_owned(), address: format!("127.0.0.{chat}:7777") }
}

fn kept(chat: u64) -> KeptChat {
    let snapshot = Snapshot {
        state: State::Open,
        user: UserName::new("bob").unwrap(),
        seq: Seq::ZERO,
        received: None,
        dialect: simp_proto::Dialect::default(),
    };
    let address = peer(chat).address.parse().unwrap();
    let them = Them { key: Some(KeyId::new([3; 32])), user: "j\u{f6}rg".into(), log: "a log".into() };
    let secure = SecureSnapshot { id: ChatId(u64::MAX - 3), state: State::Open, them, received: 0 };
    KeptChat {
        chat,
        address,
        since_ms: 7,
        settled: 0,
        expires_ms: Some(9),
        for_outbox: chat == 2,
        outbox_at: (chat != 2).then_some(address),
        is_key_known: chat == 3,
        machine: if chat == 3 { KeptMachine::Secure(secure) } else { KeptMachine::Plain(snapshot) },
    }
}

/// What is kept of a plain chat.
fn plain(chat: &mut KeptChat) -> &mut Snapshot {
    match &mut chat.machine {
        KeptMachine::Plain(snapshot) => snapshot,
        KeptMachine::Secure(_) => panic!("it is secure"),
    }
}

/// The text that waits.
fn text_of(waiting: WaitingMessage) -> String {
    match waiting.body {
        Body::Text(text) | Body::Answer { text, .. } => text,
        Body::File(offer) => panic!("{offer:?}"),
    }
}

fn of(chat: &KeptChat) -> Backlog {
    Backlog { chat: Some(chat.chat), outbox: None }
}

/// Chats with random messages both ways, kept at random moments; the store is dropped without a word at
/// random moments, with what was not committed, and must come back as of the last commit.
#[test]
fn a_store_that_is_killed_comes_back_as_of_its_last_commit() {
    for seed in seeds(12) {
        let _replay = Replay { package: "simp-store", test: "comes_back_as_of", seed };
        run(seed);
    }
}

fn run(seed: u64) {
    let folder = Folder::new(&format!("model-{seed}"));
    let mut random = Random(seed);
    let mut store = folder.open();
    for chat in 1..=3 {
        assert_eq!(store.append(1, None, peer(chat), What::Request, None), chat);
        store.keep_chat(&kept(chat)).unwrap();
    }
    store.commit().unwrap();
    let (mut chats, mut entries) = ([1, 2, 3].map(kept), 3);
    let (mut committed, mut committed_entries) = (chats.clone(), entries);
    let mut waiting = [const { Vec::new() }; 3];
    let mut committed_waiting = waiting.clone();
    for _ in 0..300 {
        let place = random.below(3) as usize;
        let chat = &mut chats[place];
        let mut append = |what, seq| {
            entries += 1;
            // Those of a turn at one moment.
            assert_eq!(store.append(committed_entries, Some(chat.chat), peer(chat.chat), what, seq), entries);
            entries
        };
        match random.below(8) {
            0 | 1 => {
                let (seq, text) = (random.below(3) as u8, format!("text {}", random.below(5)));
                match &mut chat.machine {
                    KeptMachine::Plain(snapshot) => {
                        snapshot.received = Some(LastReceived::of(seq, &text));
                        append(What::Message { text }, Some(u64::from(seq)));
                    }
                    KeptMachine::Secure(snapshot) => {
                        snapshot.received += 1 + u64::from(seq);
                        append(What::Message { text }, Some(snapshot.received));
                    }
                }
            }
            2 => waiting[place].push(append(
                What::Queued { text: "hi".to_owned(), again: None, size: None },
                Some(u64::MAX - 7),
            )),
            3 if !waiting[place].is_empty() => {
                let message = waiting[place].remove(0);
                append(What::Delivered { message }, None);
                if let KeptMachine::Plain(snapshot) = &mut chat.machine {
                    snapshot.seq = snapshot.seq.next();
                }
                chat.settled = message;
            }
            4 => store.keep_chat(chat).unwrap(),
            5 => {
                for chat in &chats {
                    store.keep_chat(chat).unwrap();
                }
                store.set_kept(store.last_id()).unwrap();
            }
            6 => {
                store.commit().unwrap();
                store.begin_turn();
                (committed, committed_entries, committed_waiting) = (chats.clone(), entries, waiting.clone());
            }
            7 => {
                drop(store);
                store = folder.open();
                (chats, entries, waiting) = (committed.clone(), committed_entries, committed_waiting.clone());
                assert_eq!(store.last_id(), entries);
                assert_eq!(store.kept_chats().unwrap(), chats);
                for (chat, waiting) in chats.iter().zip(&waiting) {
                    let ids = store.waiting(of(chat), chat.settled, (1_000, usize::MAX)).unwrap();
                    assert_eq!(&ids.into_iter().map(|waiting| waiting.id).collect::<Vec<_>>(), waiting);
                    assert_eq!(store.queued(of(chat), chat.settled).unwrap(), waiting.len() as u64);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_mark_moves_forward_only_and_outlives_the_store() {
    let folder = Folder::new("mark");
    let mut store = folder.open();
    assert_eq!(store.mark("a").unwrap(), None);
    for seen in [5, 9, 7] {
        store.set_mark("a", seen).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    assert_eq!(folder.open().mark("a").unwrap(), Some(9));
}

#[test]
fn a_second_store_on_one_file_is_refused() {
    let folder = Folder::new("twice");
    let _store = folder.open();
    let second = Store::open(&folder.0.join("log.db"), Durability::Disk, 1);
    assert!(matches!(second, Err(StoreError::Busy(_))), "{second:?}");
}

/// A log with these messages for one peer in the outbox, and its address.
fn with_outbox(folder: &Folder, texts: &[&str]) -> (Store, std::net::SocketAddr) {
    let mut store = folder.open();
    let address = peer(9).address.parse().unwrap();
    for text in texts {
        let what = What::Queued { text: (*text).to_owned(), again: None, size: None };
        let id = store.append(5, Some(0), peer(9), what, Some(77));
        store.keep_in_outbox(id, &Recipient::At(address), text.len() as u64, Some(1_000)).unwrap();
    }
    store.commit().unwrap();
    (store, address)
}

#[test]
fn a_message_is_found_by_its_token_behind_an_entry() {
    let folder = Folder::new("token");
    let (store, _) = with_outbox(&folder, &["one"]);
    assert_eq!(store.with_token(77, 0).unwrap(), (Some((1, 0)), 1));
    assert_eq!(store.with_token(77, 1).unwrap(), (None, 1));
    assert_eq!(store.with_token(78, 0).unwrap(), (None, 1));
    assert_eq!(store.with_token(77, u64::MAX).unwrap(), (None, 1), "no id is negative");
    assert_eq!(store.outbox(u64::MAX, 9).unwrap().0, []);
}

#[test]
fn what_is_rolled_back_has_not_been() {
    let folder = Folder::new("roll-back");
    let (mut store, _) = with_outbox(&folder, &["one"]);
    store.begin_turn();
    store.append(6, Some(3), peer(9), What::Opened { note: None }, None);
    store.set_mark("a", 1).unwrap();
    store.roll_back().unwrap();
    assert_eq!((store.last_id(), store.fresh(), store.mark("a").unwrap()), (1, &[][..], None));
    assert!(!store.commit().unwrap());
    assert_eq!(store.append(7, Some(3), peer(9), What::Opened { note: None }, None), 2);
    store.commit().unwrap();
}

/// The ids that are left.
fn ids(store: &Store) -> Vec<u64> {
    let (mut after, mut ids) = (0, Vec::new());
    while after < store.last_id() {
        let (events, looked) = store.read(after, usize::MAX, &EntryFilter::default()).unwrap();
        ids.extend(events.into_iter().map(|event| event.id));
        after = looked;
    }
    ids
}

const NOTHING: Discard = Discard { unread: false, undelivered: false };

/// 1 and 2 wait in the outbox and in a chat, 3 was given up, 4 was given up and sent again as 5, which is
/// delivered; the rest are the outcomes, three messages, and the newest.
fn with_all_kinds(folder: &Folder) -> Store {
    let (mut store, address) = with_outbox(folder, &["outbox"]);
    let queued = |again| What::Queued { text: "x".to_owned(), again, size: None };
    let reason = Reason::PeerGone;
    store.keep_chat(&KeptChat { chat: 3, settled: 1, address, ..kept(9) }).unwrap();
    let whats = [
        queued(None),
        queued(None),
        queued(None),
        queued(Some(4)),
        What::Undelivered { message: 3, reason },
        What::Undelivered { message: 4, reason },
        What::Delivered { message: 5 },
        What::Message { text: "a".to_owned() },
        What::Message { text: "b".to_owned() },
        What::Message { text: "c".to_owned() },
        What::Opened { note: None },
    ];
    for (what, id) in whats.into_iter().zip(2..) {
        let chat = if id == 2 { 3 } else { 4 };
        assert_eq!(store.append(10 * id, Some(chat), peer(9), what, None), id);
    }
    store.set_kept(store.last_id()).unwrap();
    store.commit().unwrap();
    store
}

#[test]
fn what_waits_what_was_given_up_and_what_nobody_read_stays() {
    for (discard, seen, left) in [
        // Without any consumer, messages count as unread.
        (NOTHING, None, vec![1, 2, 3, 6, 9, 10, 11, 12]),
        (NOTHING, Some(10), vec![1, 2, 3, 6, 11, 12]),
        (NOTHING, Some(12), vec![1, 2, 3, 6, 12]),
        (Discard { undelivered: true, ..NOTHING }, Some(12), vec![1, 2, 12]),
        (Discard { unread: true, ..NOTHING }, Some(9), vec![1, 2, 3, 6, 12]),
        (Discard { unread: true, undelivered: true }, None, vec![1, 2, 12]),
    ] {
        let folder = Folder::new(&format!("retain-{discard:?}-{seen:?}"));
        let mut store = with_all_kinds(&folder);
        if let Some(seen) = seen {
            store.set_mark("a", 12).unwrap();
            store.set_mark("b", seen).unwrap();
        }
        let until = seen.filter(|_| !discard.unread).unwrap_or(11).min(11);
        let span = store.removable(discard).unwrap();
        assert_eq!(span, Span { after: 0, until });
        store.remove(span, discard).unwrap();
        store.commit().unwrap();
        assert_eq!(ids(&store), left, "{discard:?}, seen {seen:?}");
        assert_eq!(store.first_id(), 1);
        drop(store);
        assert_eq!(folder.open().last_id(), 12, "no id is used again");
    }
}

#[test]
fn a_message_that_nobody_is_to_send_again_goes_with_its_outcome() {
    let folder = Folder::new("goes");
    let mut store = folder.open();
    for _ in 0..2 {
        let what = What::Queued { text: "x".to_owned(), again: None, size: None };
        store.append(1, Some(1), peer(1), what, None);
    }
    let what = What::Undelivered { message: 1, reason: Reason::NoAnswer };
    store.append(1, Some(1), peer(1), what, GivenUp::Goes.extra());
    store.give_up_queued(1, 1, &peer(1), 1, (Reason::NoAnswer, GivenUp::Goes)).unwrap();
    store.append(1, Some(1), peer(1), What::Opened { note: None }, None);
    store.set_kept(5).unwrap();
    assert_eq!(
        (store.settled(), store.not_delivered(2).unwrap()),
        (2, Some(NotDelivered::Undelivered(Reason::NoAnswer)))
    );
    let span = store.removable(NOTHING).unwrap();
    assert_eq!(store.remove(span, NOTHING).unwrap(), Removed { until: 4, stayed: 0 });
    assert_eq!(ids(&store), [5]);
}

#[test]
fn entries_are_as_old_as_the_old_ones_behind_them_whatever_the_clock_said() {
    let folder = Folder::new("ages");
    let mut store = folder.open();
    // The clock was a year ahead for a while, and jumped back.
    for at in [1_000, 99_000, 99_000, 2_000, 3_000, 4_000] {
        store.append(at, Some(1), peer(1), What::Opened { note: None }, None);
    }
    store.commit().unwrap();
    let ages = |until, old| store.ages(Span { after: 0, until }, old, 5_000).unwrap();
    assert_eq!(ages(6, 2_500), Ages { newest_old: Some(4), any_young: true });
    assert_eq!(ages(3, 2_500), Ages { newest_old: Some(1), any_young: false });
    assert_eq!(ages(6, 500), Ages { newest_old: None, any_young: true });
    assert_eq!(ages(6, 4_000), Ages { newest_old: Some(6), any_young: false });
}

/// Removes all of it that may go, one part for each commit.
fn remove_all(store: &mut Store, mut span: Span) -> Vec<Removed> {
    let mut parts = Vec::new();
    while span.after < span.until {
        let part = store.remove(span, NOTHING).unwrap();
        assert!(part.until > span.after, "each part makes progress");
        store.commit().unwrap();
        span.after = part.until;
        parts.push(part);
    }
    parts
}

#[test]
fn what_had_to_stay_long_ago_costs_one_part_and_not_one_for_each_piece_of_the_ids_since() {
    let folder = Folder::new("far-apart");
    let (mut store, _) = with_outbox(&folder, &["waits"]);
    for n in 0..9_000 {
        store.append(n, Some(1), peer(1), What::Opened { note: None }, None);
    }
    store.set_kept(store.last_id()).unwrap();
    let whole = Span { after: 0, until: 9_000 };
    assert_eq!(remove_all(&mut store, whole).len(), 5, "2,048 entries each");
    assert_eq!((ids(&store), store.last_id()), (vec![1, 9_001], 9_001));
    assert_eq!(remove_all(&mut store, whole), [Removed { until: 9_000, stayed: 1 }]);
}

#[test]
fn a_log_that_lost_most_of_its_entries_is_a_smaller_file() {
    let folder = Folder::new("shrink");
    let mut store = folder.open();
    for n in 0..3_000 {
        let text = "x".repeat(900);
        store.append(n, Some(1), peer(1), What::Message { text }, None);
    }
    store.set_mark("a", 3_000).unwrap();
    store.set_kept(store.last_id()).unwrap();
    store.tidy_up_with_commit().unwrap();
    store.commit().unwrap();
    let before = store.bytes();
    let parts = remove_all(&mut store, Span { after: 0, until: 2_990 });
    assert_eq!(parts.iter().map(|part| part.until).collect::<Vec<_>>(), [1_166, 2_332, 2_990], "1 MiB each");
    let mut parts = 0;
    while store.shrink().unwrap() {
        store.commit().unwrap();
        parts += 1;
    }
    assert!(parts <= 4, "{parts} parts");
    store.tidy_up_with_commit().unwrap();
    store.commit().unwrap();
    assert_eq!(ids(&store), (2_991..=3_000).collect::<Vec<_>>());
    assert!(store.bytes() < before / 20, "{before} bytes before, {} after", store.bytes());
}

#[test]
fn a_log_of_the_first_schema_is_taken_over_with_all_that_is_in_it() {
    let folder = Folder::new("old");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/old/log-v1.db"), folder.0.join("log.db"))
        .unwrap();
    let mut log_ids = Vec::new();
    for _ in 0..2 {
        let store = folder.open();
        log_ids.push(store.log_id().to_string());
        assert_eq!(ids(&store), (1..=14).collect::<Vec<_>>());
        assert_eq!(store.mark("old").unwrap(), Some(8));
        let chats = store.kept_chats().unwrap();
        let shown: Vec<_> = chats
            .iter()
            .map(|chat| {
                (chat.chat, chat.address.to_string(), chat.machine.state(), chat.settled, chat.for_outbox)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (1, "127.70.250.2:7777".to_owned(), State::Open, 9, false),
                (12, "127.70.250.3:7777".to_owned(), State::Invited, 0, false)
            ]
        );
        let waiting = store.waiting(of(&chats[0]), 9, (9, usize::MAX)).unwrap();
        assert_eq!(waiting.into_iter().map(text_of).collect::<Vec<_>>(), ["waits 1", "waits 2"]);
        assert!(store.outbox(0, 9).unwrap().0.is_empty());
        assert_eq!(store.outbox_size(), OutboxSize::default());
    }
    let other = Folder::new("other").open();
    assert!(log_ids[0] == log_ids[1] && log_ids[0].len() == 32, "{log_ids:?}");
    assert_ne!(log_ids[0], other.log_id().to_string());
}

#[test]
fn no_more_of_what_waits_is_read_than_the_caller_has_room_for() {
    let folder = Folder::new("room");
    let mut store = folder.open();
    store.append(1, None, peer(1), What::Inviting, None);
    for _ in 0..5 {
        let what = What::Queued { text: "x".repeat(100), again: None, size: None };
        store.append(2, Some(1), peer(1), what, None);
    }
    let read = |limit, bytes| store.waiting(of(&kept(1)), 0, (limit, bytes)).unwrap().len();
    assert_eq!([read(9, 1), read(9, 100), read(9, 101), read(9, 250), read(3, 1_000)], [1, 1, 2, 3, 3]);
}
