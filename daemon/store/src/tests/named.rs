//! Names of messages of ours.

use super::*;

#[test]
fn a_name_is_one_message_as_long_as_the_log_has_it() {
    let folder = Folder::new("named");
    let mut store = folder.open();
    let queued = |text: &str| What::Queued { text: text.to_owned(), again: None, size: None };
    for name in ["a", "b"] {
        let message = store.append(1, Some(0), peer(2), queued(name), None);
        store.name(name, message).unwrap();
    }
    store.commit().unwrap();
    let again = store.append(1, Some(0), peer(2), queued("c"), None);
    store.name("c", again).unwrap();
    store.roll_back().unwrap();
    assert_eq!(store.named("c").unwrap(), None);
    store.append(1, Some(0), peer(2), What::Inviting, None);
    store.set_kept(3).unwrap();
    store.commit().unwrap();
    drop(store);

    let mut store = folder.open();
    let named = |store: &Store, name| store.named(name).unwrap().map(|(id, message)| (id, message.text));
    assert_eq!(named(&store, "a"), Some((1, "a".to_owned())));
    store.remove(Span { after: 0, until: 1 }, Discard { unread: true, undelivered: true }).unwrap();
    assert_eq!((named(&store, "a"), named(&store, "b")), (None, Some((2, "b".to_owned()))));
    let rows: i64 =
        store.db().unwrap().query_row("SELECT count(*) FROM named", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "the name of what is gone stays");
}
