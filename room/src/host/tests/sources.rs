//! How far a room was counts in the log of then, and in no other.

use simp_control::LogId;

use super::{at, settings};
use crate::room::{Changes, Room, Stored};
use crate::store::{Deeds, RoomStore, Source};

#[test]
fn a_room_that_has_begun_on_another_simpd_or_log_knows_nothing_of_how_far_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = RoomStore::open(&folder.path().join("room.db")).unwrap();
    let on = |simpd: &str, log: Option<&str>| Source { simpd: simpd.to_owned(), log: log.map(LogId::new) };
    let before = on("127.0.0.1:7777", Some("a"));
    store.begin(&before, at(0)).unwrap();
    let room = Room::new(settings(), Stored::default());
    let deeds = Deeds { done: Some(at(500)), ..Deeds::default() };
    store.commit(0, &room, &Changes::default(), &deeds).unwrap();
    let done = |store: &RoomStore, source: &Source| store.load(source, 0).unwrap().1.done;
    assert_eq!(done(&store, &before), Some(at(500)));
    assert_eq!(done(&store, &on("127.0.0.1:7777", None)), Some(at(500)), "an older simpd does not say");
    for other in [on("127.0.0.1:7777", Some("b")), on("127.0.0.2:7777", Some("a"))] {
        assert_eq!(done(&store, &other), None, "{other:?}");
    }
    let other = on("127.0.0.1:7777", Some("b"));
    store.begin(&other, at(7)).unwrap();
    assert_eq!(done(&store, &other), Some(at(7)));
}

#[test]
fn a_room_whose_log_had_no_name_remembers_the_name_that_it_gets() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = RoomStore::open(&folder.path().join("room.db")).unwrap();
    let on = |log: Option<&str>| Source { simpd: "127.0.0.1:7777".to_owned(), log: log.map(LogId::new) };
    store.begin(&on(None), at(0)).unwrap();
    let deeds = Deeds { done: Some(at(500)), ..Deeds::default() };
    store.commit(0, &Room::new(settings(), Stored::default()), &Changes::default(), &deeds).unwrap();
    store.go_on(&on(Some("a"))).unwrap();
    let done = |log| store.load(&on(Some(log)), 0).unwrap().1.done;
    assert_eq!((done("a"), done("b")), (Some(at(500)), None));
}
