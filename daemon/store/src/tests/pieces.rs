//! What is read at once fits a frame, however long the texts are.

use simp_control::frame::{FRAME_MAX, LONGEST_TEXT, encode};

use super::*;

fn bytes(events: &[Event]) -> usize {
    let mut frame = Vec::new();
    encode(&events, &mut frame).unwrap();
    frame.len()
}

#[test]
fn the_longest_text_is_not_read_with_what_would_be_too_much_beside_it() {
    let folder = Folder::new("pieces");
    let mut store = folder.open();
    for length in [60_000, LONGEST_TEXT, 60_000, 10, LONGEST_TEXT, 10] {
        let text = "x".repeat(length);
        store.append(1, Some(1), peer(1), What::Message { text }, None);
    }
    let (mut pieces, mut after) = (Vec::new(), 0);
    while after < 6 {
        let (events, looked) = store.read(after, usize::MAX, &EntryFilter::default()).unwrap();
        assert!(bytes(&events) < FRAME_MAX);
        pieces.push(events.iter().map(|event| event.id).collect::<Vec<_>>());
        after = looked;
    }
    assert_eq!(pieces, [vec![1], vec![2], vec![3, 4], vec![5], vec![6]]);
    let (mut pieces, mut before) = (Vec::new(), Some(u64::MAX));
    while let Some(below) = before {
        let (events, older) = store.history(below, 1_000, &EntryFilter::default()).unwrap();
        assert!(bytes(&events) < FRAME_MAX);
        pieces.push(events.iter().map(|event| event.id).collect::<Vec<_>>());
        before = older;
    }
    assert_eq!(pieces, [vec![6], vec![5], vec![4, 3], vec![2], vec![1]]);
}

#[test]
fn the_outbox_comes_in_pieces() {
    let folder = Folder::new("pieces-outbox");
    let longest = "x".repeat(LONGEST_TEXT);
    let (store, _) = with_outbox(&folder, &["one", "two", &longest, "four", "five"]);
    let piece = |after, limit| {
        let (messages, more) = store.outbox(after, limit).unwrap();
        (messages.iter().map(|kept| kept.message).collect::<Vec<_>>(), more)
    };
    assert_eq!(piece(0, 9), (vec![1, 2], true));
    assert_eq!(piece(0, 1), (vec![1], true));
    assert_eq!(piece(2, 9), (vec![3], true));
    assert_eq!(piece(3, 9), (vec![4, 5], false));
    assert_eq!(piece(3, 2), (vec![4, 5], false));
}
