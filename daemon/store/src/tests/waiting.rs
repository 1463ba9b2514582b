//! Messages of ours that wait, wherever they are found.

use super::*;

#[test]
fn what_waits_in_a_chat_and_in_the_outbox_comes_together_and_in_order() {
    let folder = Folder::new("outbox");
    let (mut store, address) = with_outbox(&folder, &["one", "two"]);
    let what = What::Queued { text: "three".to_owned(), again: None, size: None };
    store.append(6, Some(3), peer(9), what, None);
    let of = Backlog { chat: Some(3), outbox: Some(address) };
    let texts = |store: &Store, after, limit| {
        let waiting = store.waiting(of, after, (limit, usize::MAX)).unwrap();
        waiting.into_iter().map(|waiting| (waiting.id, text_of(waiting))).collect::<Vec<_>>()
    };
    let all = [(1, "one".to_owned()), (2, "two".to_owned()), (3, "three".to_owned())];
    assert_eq!(texts(&store, 0, 9), all);
    assert_eq!(texts(&store, 1, 1), all[1..2]);
    assert_eq!(store.queued(of, 1).unwrap(), 2);
    store.set_kept(store.last_id()).unwrap();
    assert_eq!(texts(&store, 0, 9), all);
    store.begin_turn();
    for (after, fresh) in [(3, 1), (0, 0)] {
        store.append(7, Some(3), peer(9), What::Opened { note: None }, None);
        store.give_up_queued(8, 3, &peer(9), after, (Reason::Quit, GivenUp::Stays)).unwrap();
        assert_eq!(store.fresh().len(), fresh, "what is not among these is read from the log");
    }
    let (events, _) = store.read(5, 9, &EntryFilter::default()).unwrap();
    let given_up = What::Undelivered { message: 3, reason: Reason::Quit };
    assert_eq!(
        events,
        [Event { id: 6, at_ms: 8, chat: 3, peer: peer(9), secure: None, answers: None, what: given_up }]
    );
    assert_eq!(store.append(9, Some(3), peer(9), What::Opened { note: None }, None), 7);
    assert_eq!(store.outbox_peers().unwrap(), [(address, 2)]);
    let taken = [store.take_from_outbox(1).unwrap(), store.take_from_outbox(1).unwrap()];
    assert_eq!(taken, [Some(Taken { message: 1, host: None }), None]);
    assert_eq!(store.outbox(0, 9).unwrap().0.into_iter().map(|kept| kept.text).collect::<Vec<_>>(), ["two"]);
    assert_eq!(store.in_outbox(2).unwrap().unwrap().expires_after_ms, Some(1_000));
}

#[test]
fn what_waits_since_before_chats_were_kept_and_what_was_queued_later_are_given_up_together_and_in_order() {
    let folder = Folder::new("since");
    let mut store = folder.open();
    let queue = |store: &mut Store| {
        let what = What::Queued { text: "hi".to_owned(), again: None, size: None };
        store.append(5, Some(3), peer(9), what, None)
    };
    let (first, second) = (queue(&mut store), queue(&mut store));
    store.set_kept(store.last_id()).unwrap();
    store.commit().unwrap();
    let undone = queue(&mut store);
    store.roll_back().unwrap();
    let (third, fourth) = (queue(&mut store), queue(&mut store));
    assert_eq!(third, undone, "what is rolled back does not wait");
    let of = Backlog { chat: Some(3), outbox: None };
    let waiting = |store: &Store, after, limit| {
        let waiting = store.waiting(of, after, limit).unwrap();
        waiting.into_iter().map(|waiting| waiting.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&store, first, (2, usize::MAX)), [second, third]);
    assert_eq!(waiting(&store, first, (9, 3)), [second, third], "no further once there are so many bytes");
    assert_eq!(store.queued(of, first).unwrap(), 3);
    assert_eq!(store.oldest_queued(3, first).unwrap(), Some(second));
    assert_eq!(store.oldest_queued(3, second).unwrap(), Some(third));
    let cancelled = What::Undelivered { message: third, reason: Reason::Cancelled };
    store.append(6, Some(3), peer(9), cancelled, None);
    assert_eq!(waiting(&store, first, (9, usize::MAX)), [second, fourth]);
    let last = store.last_id();
    store.give_up_queued(7, 3, &peer(9), first, (Reason::Quit, GivenUp::Stays)).unwrap();
    let (events, _) = store.read(last, 9, &EntryFilter::default()).unwrap();
    let given_up = |message| What::Undelivered { message, reason: Reason::Quit };
    let whats: Vec<_> = events.into_iter().map(|event| (event.id, event.what)).collect();
    assert_eq!(whats, [(last + 1, given_up(second)), (last + 2, given_up(fourth))]);
    assert_eq!(waiting(&store, first, (9, usize::MAX)), []);
}

/// What the table has.
fn kept_ids(store: &Store) -> Vec<u64> {
    let mut query = store.aside().prepare("SELECT message FROM waiting ORDER BY message").unwrap();
    let ids = query.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    ids.map(|id| id.unwrap() as u64).collect()
}

#[test]
fn what_is_settled_or_of_a_chat_that_is_over_is_kept_no_longer() {
    let folder = Folder::new("settled");
    let mut store = folder.open();
    let mut queue = |chat| {
        let what = What::Queued { text: "hi".to_owned(), again: None, size: None };
        store.append(5, Some(chat), peer(9), what, None)
    };
    let [first, second, third, _] = [3, 3, 3, 4].map(&mut queue);
    store.set_kept(store.last_id()).unwrap();
    assert_eq!(kept_ids(&store), [1, 2, 3, 4]);
    store.drop_chat(4).unwrap();
    store.keep_chat(&KeptChat { settled: first, ..kept(3) }).unwrap();
    assert_eq!(kept_ids(&store), [second, third]);
    let cancelled = What::Undelivered { message: second, reason: Reason::Cancelled };
    store.append(6, Some(3), peer(9), cancelled, None);
    assert_eq!(store.oldest_queued(3, first).unwrap(), Some(third), "what was taken back does not wait");
}

#[test]
fn what_was_queued_in_a_chat_that_was_over_at_a_kill_is_not_kept() {
    let folder = Folder::new("over");
    let mut store = folder.open();
    for chat in [1, 2] {
        store.keep_chat(&kept(chat)).unwrap();
        let what = What::Queued { text: "hi".to_owned(), again: None, size: None };
        store.append(5, Some(chat), peer(chat), what, None);
    }
    store.drop_chat(1).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = folder.open();
    store.set_kept(store.last_id()).unwrap();
    assert_eq!(kept_ids(&store), [2]);
}

#[test]
fn chats_are_kept_less_often_the_more_there_are_up_to_a_limit() {
    let folder = Folder::new("due");
    let mut store = folder.open();
    let mut entries = 0;
    for (chats, most) in [(1, 4_096), (1_000, 16_000), (1_000_000, 65_536)] {
        for due in [false, true] {
            let until = most - u64::from(!due);
            (entries..until).for_each(|_| {
                store.append(1, Some(1), peer(1), What::Opened { note: None }, None);
            });
            entries = until;
            assert_eq!(store.is_keeping_due(chats), due, "{chats} chats, {entries} entries");
        }
    }
}
