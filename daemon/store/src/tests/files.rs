//! Files that are under way, across restarts.

use simp_control::Digest;
use simp_proto::secure::Offer;

use super::*;

fn offer(name: &str) -> Offer {
    Offer { name: name.to_owned(), size: 7, sha256: Digest::new([9; 32]) }
}

fn kept_file(message: u64, number: u64, stands: FileStands) -> KeptFile {
    KeptFile { message, chat: 3, number, offer: offer("x"), stands }
}

#[test]
fn a_file_is_kept_as_it_stands_until_it_is_dropped() {
    let folder = Folder::new("files");
    let mut store = folder.open();
    let offered = |store: &mut Store, number| {
        let what = What::File { name: "x".to_owned(), size: 7 };
        store.append(1, Some(3), peer(3), what, Some(number))
    };
    let refused = |folder| FileStands::Refused { reason: "no room".to_owned(), folder };
    let all = [
        FileStands::Offered,
        FileStands::Taken("/tmp".to_owned()),
        FileStands::Saved("/tmp".to_owned()),
        refused(None),
        refused(Some("/tmp".to_owned())),
        FileStands::Fetched("/tmp/x".to_owned()),
    ];
    let mut files = Vec::new();
    for (number, stands) in (10..).zip(all) {
        let file = kept_file(offered(&mut store, number), number, stands);
        store.keep_file(&file).unwrap();
        files.push(file);
    }
    store.commit().unwrap();
    drop(store);
    let mut store = folder.open();
    let ours = files[5].clone();
    assert_eq!(store.files(0, 9).unwrap(), [&files[..2], std::slice::from_ref(&ours)].concat());
    assert_eq!(store.files(1, 9).unwrap(), [files[1].clone(), ours]);
    assert_eq!(store.fetched_files().unwrap(), files[1..5]);
    assert_eq!(store.files_of(3).unwrap(), files);
    assert_eq!(store.files_of(4).unwrap(), []);
    assert_eq!(store.taken_file(3).unwrap().as_ref(), Some(&files[1]));
    assert_eq!(store.untold_files(3, 2).unwrap(), files[2..4]);
    assert_eq!(store.offered_files(3).unwrap(), 2);
    assert!(store.drop_file(2).unwrap() && !store.drop_file(2).unwrap());
    assert_eq!((store.taken_file(3).unwrap(), store.file(2).unwrap()), (None, None));
    store.drop_files(3).unwrap();
    assert_eq!(store.files_of(3).unwrap(), []);
    // What nobody has taken is under way for nobody.
    for file in files {
        let is_taken = !matches!(file.stands, FileStands::Offered);
        store.keep_file(&file).unwrap();
        assert_eq!(store.has_files_under_way(3).unwrap(), is_taken, "{file:?}");
        store.drop_file(file.message).unwrap();
    }
    store.keep_file(&kept_file(1, 1, FileStands::Ours("/tmp/x".to_owned()))).unwrap();
    assert!(!store.has_files_under_way(3).unwrap());
}

#[test]
fn a_file_of_ours_waits_until_it_is_settled_and_what_was_sent_since_is_not_sent_again() {
    let folder = Folder::new("our-files");
    let mut store = folder.open();
    let chat = kept(3);
    for n in 1..=3 {
        store.append(1, Some(3), peer(3), What::Message { text: "hi".to_owned() }, Some(n));
    }
    store.keep_chat(&chat).unwrap();
    let what = What::Queued { text: "x".to_owned(), again: None, size: Some(7) };
    let file = store.append(1, Some(3), peer(3), what.clone(), None);
    store.keep_file(&kept_file(file, file, FileStands::Ours("/tmp/x".to_owned()))).unwrap();
    let text = What::Queued { text: "text".to_owned(), again: None, size: None };
    let text = store.append(1, Some(3), peer(3), text, None);
    assert_eq!(store.read(3, 1, &EntryFilter::default()).unwrap().0[0].what, what);
    assert_eq!(store.message(file).unwrap().unwrap().size, Some(7));
    let waiting = store.waiting(of(&chat), 0, (9, usize::MAX)).unwrap();
    assert_eq!((waiting[0].id, &waiting[0].body), (file, &Body::File(offer("x"))));
    assert_eq!((waiting.len(), store.queued(of(&chat), 0).unwrap()), (2, 2));
    // The text is delivered before the file is.
    for message in [text, file] {
        store.append(1, Some(3), peer(3), What::Delivered { message }, None);
    }
    store.drop_file(file).unwrap();
    store.commit().unwrap();
    assert_eq!(store.kept_chats().unwrap()[0].settled, text);
    assert_eq!(store.queued(of(&chat), 0).unwrap(), 1, "the text alone counts by what is settled");
    store.give_up_queued(1, 3, &peer(3), 0, (Reason::Quit, GivenUp::Stays)).unwrap();
    assert_eq!(store.not_delivered(file).unwrap(), None);
}

#[test]
fn a_number_of_the_peer_that_is_one_of_a_file_is_known_after_a_restart() {
    let folder = Folder::new("file-numbers");
    let mut store = folder.open();
    for n in 1..=2 {
        store.append(1, Some(3), peer(3), What::Message { text: "hi".to_owned() }, Some(n));
    }
    store.keep_chat(&kept(3)).unwrap();
    let what = What::File { name: "x".to_owned(), size: u64::MAX >> 1 };
    store.append(1, Some(3), peer(3), what, Some(77));
    store.commit().unwrap();
    drop(store);
    let KeptMachine::Secure(snapshot) = folder.open().kept_chats().unwrap().remove(0).machine else {
        panic!("it is plain")
    };
    assert_eq!(snapshot.received, 77);
}

#[test]
fn who_names_no_kinds_gets_none_that_an_older_client_does_not_know() {
    let folder = Folder::new("file-kinds");
    let mut store = folder.open();
    store.append(1, Some(1), peer(1), What::Message { text: "hi".to_owned() }, None);
    for what in [
        What::File { name: "x".to_owned(), size: 7 },
        What::FileSaved { message: 2, path: "/tmp/x".to_owned(), size: 7 },
        What::FileFailed { message: 2, why: "no room".to_owned() },
    ] {
        store.append(1, Some(1), peer(1), what, None);
    }
    store.commit().unwrap();
    let read = |kinds: &[Kind]| {
        let filter = EntryFilter::new(&Filter { kinds: kinds.to_vec(), ..Filter::default() });
        store.read(0, 9, &filter).unwrap().0.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(read(&[]), [1]);
    assert_eq!(read(&Kind::ALL), [1, 2, 3, 4]);
    assert_eq!(read(&[Kind::FileSaved]), [3]);
}
