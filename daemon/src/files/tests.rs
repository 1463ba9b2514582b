//! Files of peers on a real disk, cut off at any moment.

use std::fs;
use std::path::Path;

use ring::digest::{SHA256, digest};
use simp_control::Digest;
use simp_proto::secure::ChannelId;
use tempfile::TempDir;

use super::*;

const LOG: &str = "0123456789abcdef";
const PART: &str = ".simp-01234567-7.part";

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

fn saving(folder: &Path, name: &str, bytes: &[u8]) -> Saving {
    let sha256 = Digest::new(digest(&SHA256, bytes).as_ref().try_into().unwrap());
    let (folder, name, size) = (folder.to_str().unwrap().to_owned(), name.to_owned(), bytes.len() as u64);
    Saving { message: 7, folder, name, size, sha256 }
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a run of simpd does with files, and what it says.
fn run(files: &mut Files, commands: Vec<FileCommand>) -> Vec<FileEvent> {
    files.obey(commands.into_iter());
    while files.has_work() {
        files.work();
    }
    let mut events = Vec::new();
    files.take_events(&mut events);
    events
}

#[test]
fn a_file_goes_on_after_a_kill_and_gets_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let (all, saving) = (bytes(3_000_000), saving(folder.path(), "x.txt", &bytes(3_000_000)));
    fs::write(folder.path().join("x.txt"), "mine").unwrap();
    let begin = || vec![FileCommand::Save(saving.clone())];
    let mut files = Files::new(LOG);
    assert_eq!(run(&mut files, begin()), [FileEvent::Ready(7, 0)]);
    let part = FileCommand::Write(7, all[..2_000_000].to_vec());
    assert_eq!(run(&mut files, vec![part]), [FileEvent::Written(7, 2_000_000)]);
    assert_eq!(names(&folder), [PART, "x.txt"]);
    // Each new one is another run.
    let mut files = Files::new(LOG);
    assert_eq!(run(&mut files, begin()), [FileEvent::Ready(7, 2_000_000)]);
    let path = folder.path().join("x-1.txt").display().to_string();
    let rest = FileCommand::Write(7, all[2_000_000..].to_vec());
    assert_eq!(run(&mut files, vec![rest]), [FileEvent::Saved(7, path.clone())]);
    // Killed before it is in the log: it is found, and not saved a second time.
    assert_eq!(run(&mut Files::new(LOG), begin()), [FileEvent::Saved(7, path.clone())]);
    let discard = FileCommand::Discard(7, saving.folder.clone());
    assert_eq!(run(&mut Files::new(LOG), vec![discard]), []);
    assert_eq!(names(&folder), ["x-1.txt", "x.txt"]);
    assert!(fs::read(path).unwrap() == all);
    assert_eq!(fs::read(folder.path().join("x.txt")).unwrap(), b"mine");
}

#[test]
fn what_a_loss_of_power_has_spoilt_comes_again_and_what_was_never_right_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (all, saving) = (bytes(1_000), saving(folder.path(), "x", &bytes(1_000)));
    fs::write(folder.path().join(PART), vec![0; 500]).unwrap();
    let mut files = Files::new(LOG);
    assert_eq!(run(&mut files, vec![FileCommand::Save(saving)]), [FileEvent::Ready(7, 500)]);
    let write = |bytes: &[u8]| vec![FileCommand::Write(7, bytes.to_vec())];
    assert_eq!(run(&mut files, write(&all[500..])), [FileEvent::Ready(7, 0)]);
    let [FileEvent::Failed(7, why)] = &run(&mut files, write(&[1; 1_000]))[..] else { panic!("it is saved") };
    assert_eq!(why.told, "what came is not what was offered (did it change while it was sent?)");
    assert_eq!(run(&mut files, write(&all)), [], "it is given up");
}

#[test]
fn what_is_in_the_place_of_a_part_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let saving = saving(folder.path(), "x", b"all of it");
    fs::write(folder.path().join("other"), "other").unwrap();
    std::os::unix::fs::symlink(folder.path().join("other"), folder.path().join(PART)).unwrap();
    let [FileEvent::Failed(7, _)] = &run(&mut Files::new(LOG), vec![FileCommand::Save(saving)])[..] else {
        panic!("a link was followed")
    };
    assert_eq!(fs::read(folder.path().join("other")).unwrap(), b"other");
}

#[test]
fn a_file_of_ours_is_read_part_by_part_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, bytes(1_000)).unwrap();
    let part = |from| {
        let (message, channel, path) = (7, ChannelId(1), path.to_str().unwrap().to_owned());
        vec![FileCommand::Read(Reading { message, channel, path, size: 1_000, from, length: 100 })]
    };
    let mut files = Files::new(LOG);
    let expected = FileEvent::Part(ChannelId(1), 7, 200, bytes(1_000)[200..300].to_vec());
    assert_eq!(run(&mut files, part(200)), [expected]);
    fs::write(&path, bytes(999)).unwrap();
    let changed = FileEvent::Unreadable(7, "it changed after it was offered".into());
    assert_eq!([run(&mut files, part(300)), run(&mut Files::new(LOG), part(0))].concat(), vec![changed; 2]);
    // A link to what is just as long.
    let other = folder.path().join("other");
    fs::rename(&path, &other).unwrap();
    fs::write(&other, bytes(1_000)).unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    assert!(matches!(run(&mut files, part(0))[..], [FileEvent::Unreadable(7, _)]), "a link was followed");
}
