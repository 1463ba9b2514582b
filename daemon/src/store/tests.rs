//! The log against a plain list, killed and opened again after any commit.

use simp_proto::control::State;
use simp_proto::{LastReceived, Seq, Snapshot, UserName};

use super::*;

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
    let snapshot =
        Snapshot { state: State::Open, user: UserName::new("bob").unwrap(), seq: Seq::Zero, received: None };
    let address = peer(chat).address.parse().unwrap();
    KeptChat { chat, address, since_ms: 7, settled: 0, expires_ms: Some(9), snapshot }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Chats with random messages both ways, kept at random moments; the store is dropped without a word at
/// random moments, with what was not committed, and must come back as of the last commit.
#[test]
fn a_store_that_is_killed_comes_back_as_of_its_last_commit() {
    let replay = std::env::var("STORE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds: Vec<u64> = replay.map_or_else(|| (1..=12).collect(), |seed| vec![seed]);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "replay with STORE_SEED={seed}");
    }
}

fn run(seed: u64) {
    let folder = Folder::new(&format!("model-{seed}"));
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut store = folder.open();
    for chat in 1..=3 {
        assert_eq!(store.append(1, None, peer(chat), What::Request, None).unwrap(), chat);
        store.keep_chat(&kept(chat)).unwrap();
    }
    store.commit().unwrap();
    let (mut chats, mut entries) = ([1, 2, 3].map(kept), 3);
    let (mut committed, mut committed_entries) = (chats.clone(), entries);
    let mut waiting = [const { Vec::new() }; 3];
    let mut committed_waiting = waiting.clone();
    for _ in 0..300 {
        let place = (random(&mut dice) % 3) as usize;
        let chat = &mut chats[place];
        let mut append = |what, seq| {
            entries += 1;
            assert_eq!(store.append(entries, Some(chat.chat), peer(chat.chat), what, seq).unwrap(), entries);
            entries
        };
        match random(&mut dice) % 8 {
            0 | 1 => {
                let (seq, text) = ((random(&mut dice) % 3) as u8, format!("text {}", random(&mut dice) % 5));
                chat.snapshot.received = Some(LastReceived::of(seq, &text));
                append(What::Message { text }, Some(seq));
            }
            2 => waiting[place].push(append(What::Queued { text: "hi".to_owned() }, None)),
            3 if !waiting[place].is_empty() => {
                let message = waiting[place].remove(0);
                append(What::Delivered { message }, None);
                chat.snapshot.seq = chat.snapshot.seq.next();
                chat.settled = message;
            }
            4 => store.keep_chat(chat).unwrap(),
            5 => {
                for chat in &chats {
                    store.keep_chat(chat).unwrap();
                }
                store.set_kept().unwrap();
            }
            6 => {
                store.commit().unwrap();
                store.end_turn();
                (committed, committed_entries, committed_waiting) = (chats.clone(), entries, waiting.clone());
            }
            7 => {
                drop(store);
                store = folder.open();
                (chats, entries, waiting) = (committed.clone(), committed_entries, committed_waiting.clone());
                assert_eq!(store.last_id(), entries);
                assert_eq!(store.kept_chats().unwrap(), chats);
                for (chat, waiting) in chats.iter().zip(&waiting) {
                    let ids = store.waiting(chat.chat, chat.settled, 1_000).unwrap();
                    assert_eq!(&ids.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), waiting);
                    assert_eq!(store.queued(chat.chat, chat.settled).unwrap(), waiting.len() as u64);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn reading_in_pieces_gives_every_wanted_entry_once_and_in_order() {
    let folder = Folder::new("read");
    let mut store = folder.open();
    for n in 1..=5_000 {
        let what = if n % 1_000 == 0 { What::Opened } else { What::Message { text: n.to_string() } };
        store.append(n, Some(1), peer(1), what, None).unwrap();
    }
    store.commit().unwrap();
    let wanted = Wanted::new(&Filter { kinds: vec![Kind::Opened], ..Default::default() });
    let (mut after, mut forwards, mut calls) = (0, Vec::new(), 0);
    while after < store.last_id() {
        let (events, looked) = store.read(after, 64, &wanted).unwrap();
        assert!(looked > after, "each call makes progress");
        forwards.extend(events.iter().map(|event| event.id));
        (after, calls) = (looked, calls + 1);
    }
    assert_eq!(forwards, [1_000, 2_000, 3_000, 4_000, 5_000]);
    assert!(calls <= 3, "a call looks through {SCAN} entries");
    let (mut before, mut backwards) = (Some(u64::MAX), Vec::new());
    while let Some(below) = before {
        let (events, older) = store.history(below, 2, &wanted).unwrap();
        backwards.extend(events.iter().map(|event| event.id));
        before = older;
    }
    assert_eq!(backwards, [5_000, 4_000, 3_000, 2_000, 1_000]);
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
