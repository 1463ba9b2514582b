//! The outbox, for hosts.

use simp_control::HostName;

use super::*;

fn host(name: &str) -> HostName {
    HostName::parse(name).unwrap()
}

fn keep(store: &mut Store, to: &Recipient, text: &str) -> u64 {
    let what = What::Queued { text: text.to_owned(), again: None, size: None };
    let id = store.append_kept(5, (String::new(), to), what, None);
    store.keep_in_outbox(id, to, text.len() as u64, None).unwrap();
    id
}

#[test]
fn messages_for_a_host_go_with_it_and_a_restart_knows_where_it_was_found() {
    let folder = Folder::new("hosts");
    let mut store = folder.open();
    let (nas, other) = (host("nas"), host("nas:7778"));
    let at: std::net::SocketAddr = "127.0.0.2:7777".parse().unwrap();
    let unknown = |host: &HostName| Recipient::Host(host.clone(), None);
    assert_eq!(keep(&mut store, &unknown(&nas), "one"), 1);
    keep(&mut store, &Recipient::At(at), "for the address");
    keep(&mut store, &unknown(&nas), "two");
    keep(&mut store, &unknown(&other), "three");
    assert_eq!(store.outbox_hosts().unwrap(), [(nas.clone(), None, 2), (other.clone(), None, 1)]);
    assert_eq!((store.oldest_for(&nas).unwrap(), store.outbox_peers().unwrap()), (Some(1), vec![(at, 1)]));
    store.move_outbox(&nas, at).unwrap();
    store.commit().unwrap();
    drop(store);

    let mut store = folder.open();
    let found = Recipient::Host(nas.clone(), Some(at));
    assert_eq!(store.outbox_hosts().unwrap(), [(nas.clone(), Some(at), 2), (other, None, 1)]);
    assert_eq!(store.outbox_peers().unwrap(), [(at, 3)]);
    assert_eq!(store.in_outbox(3).unwrap().unwrap().to, found);
    let to: Vec<_> = store.addressed(1, 2).unwrap().into_iter().map(|it| (it.message, it.to)).collect();
    assert_eq!(to, [(2, Recipient::At(at)), (3, found)]);
    let waiting = store.waiting(Backlog { chat: None, outbox: Some(at) }, 0, (9, usize::MAX)).unwrap();
    assert_eq!(waiting.into_iter().map(text_of).collect::<Vec<_>>(), ["one", "for the address", "two"]);
    assert_eq!(store.unfit_in_outbox((at, Some(&nas)), 1, false).unwrap(), [1, 3]);
    // The entry says what it said: the host, and that it was nowhere.
    assert_eq!(store.message(1).unwrap().unwrap().to, unknown(&nas));
    assert_eq!(store.read(0, 1, &EntryFilter::default()).unwrap().0[0].peer.address, "nas:7777");
    assert_eq!(store.take_from_outbox(1).unwrap(), Some(Taken { message: 1, host: Some(nas) }));
}

#[test]
fn the_outbox_is_counted_also_if_a_turn_is_rolled_back_and_after_a_start() {
    let folder = Folder::new("counted");
    let (mut store, at) = with_outbox(&folder, &["one", "gr\u{fc}n"]);
    let size = |messages, bytes| OutboxSize { messages, bytes };
    assert_eq!(store.outbox_size(), size(2, 8));
    store.take_from_outbox(1).unwrap();
    keep(&mut store, &Recipient::At(at), "ten bytes!");
    assert_eq!(store.outbox_size(), size(2, 15));
    store.roll_back().unwrap();
    assert_eq!(store.outbox_size(), size(2, 8));
    store.take_from_outbox(2).unwrap();
    store.commit().unwrap();
    drop(store);
    assert_eq!(folder.open().outbox_size(), size(1, 3));
}
