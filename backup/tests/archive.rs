//! What is written is read back, and what was not written so is refused, and no harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use simp_backup::{About, FORMAT, Unusable, Writing, unpack};
use tar::{Builder, EntryType, Header};

/// A log that fills no whole number of blocks.
fn log() -> Vec<u8> {
    (0..300_001_u32).map(|n| (n % 251) as u8).collect()
}

fn backup() -> Vec<u8> {
    let mut writing = Writing::begin(Vec::new(), 7);
    let key = writing.key(b"secret").unwrap();
    let log_db = writing.log(300_001, log().as_slice()).unwrap();
    let words = |words: &str| words.to_owned();
    writing
        .seal(&About {
            format: FORMAT,
            version: words("0.2.0"),
            address: words("10.0.0.1:7777"),
            user: words("ann"),
            log: None,
            at: words("2026-11-29T10:00:00Z"),
            key,
            log_db,
        })
        .unwrap()
}

/// What becomes of an archive; what it leaves in its folder is in that alone.
fn taken(from: impl Read) -> Result<About, Unusable> {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let about = unpack(from, &folder);
    let names = |folder: &Path| {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(above.path()), ["folder"]);
    assert!(names(&folder).iter().all(|name| name == "key" || name == "log.db"));
    if about.is_ok() {
        assert!(fs::read(folder.join("key")).unwrap() == b"secret");
        assert!(fs::read(folder.join("log.db")).unwrap() == log());
        for name in ["key", "log.db"] {
            assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    about
}

/// The same, as a line.
#[track_caller]
fn refused(from: impl Read) -> String {
    taken(from).unwrap_err().to_string()
}

/// An archive of these files.
fn archive(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, kind, bytes) in files {
        let mut header = Header::new_gnu();
        // As it is: `set_path` would refuse what leads out of a folder.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn a_backup_is_taken_apart_as_it_was_put_together() {
    let about = taken(backup().as_slice()).unwrap();
    assert_eq!((about.user.as_str(), about.log_db.bytes), ("ann", 300_001));
}

#[test]
fn one_that_ends_too_early_is_refused_wherever_that_is() {
    let whole = backup();
    // In and between the headers and what is after them. The last file has less than a block, and what fills that says nothing.
    let ends = (0..3_000).step_by(500).chain((3_000..whole.len() - 1_024).step_by(59_999));
    for end in ends.chain([whole.len() - 1_024 - 500, whole.len() - 2_000]) {
        let line = refused(&whole[..end]);
        let expected = if end < 512 { "not a backup of simpd" } else { "not complete: it ends too early" };
        assert_eq!(line, expected, "{end}");
    }
    // What ends an archive may be missing: nothing that was backed up is.
    assert!(taken(&whole[..whole.len() - 1_024]).is_ok());
}

#[test]
fn one_in_which_a_bit_has_changed_is_refused() {
    let whole = backup();
    for (place, name) in [(512, "key"), (1_536, "log.db"), (300_000, "log.db")] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert_eq!(refused(changed.as_slice()), format!("damaged: its {name} is not what was written"));
    }
}

#[test]
fn names_and_links_lead_nowhere() {
    use EntryType::{Directory, Fifo, GNULongName, GNUSparse, Link, Regular, Symlink, XHeader};
    for (name, kind) in [
        ("../key", Regular),
        ("/tmp/key", Regular),
        ("./key", Regular),
        ("log.db", Regular),
        ("key", Symlink),
        ("key", Link),
        ("key", Directory),
        ("key", Fifo),
        ("key", GNUSparse),
        ("key", XHeader),
        ("key", GNULongName),
    ] {
        assert_eq!(
            refused(archive(&[(name, kind, b"secret")]).as_slice()),
            "not a backup of simpd",
            "{name} {kind:?}"
        );
        let second = archive(&[("key", Regular, b"secret"), (name, kind, b"")]);
        if (name, kind) != ("log.db", Regular) {
            assert_eq!(refused(second.as_slice()), "not a backup of simpd", "{name} {kind:?}");
        }
    }
}

#[test]
fn what_says_that_it_is_longer_than_anything_takes_no_room() {
    for (name, bytes) in [("key", u64::MAX / 2), ("key", 65_537), ("log.db", u64::MAX / 2)] {
        let mut tar = archive(&[("key", EntryType::Regular, b"secret")]);
        tar.truncate(1_024);
        let mut header = Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_cksum();
        let all = match name {
            "key" => header.as_bytes().to_vec(),
            _ => [tar, header.as_bytes().to_vec(), vec![7; 9_000]].concat(),
        };
        refused(all.as_slice());
    }
}

#[test]
fn anything_else_is_no_backup() {
    for bytes in [vec![], b"hello".to_vec(), vec![0; 4_096], log()] {
        assert_eq!(refused(bytes.as_slice()), "not a backup of simpd");
    }
    let about = |text: &str| {
        archive(&[
            ("key", EntryType::Regular, b"secret"),
            ("log.db", EntryType::Regular, b"log"),
            ("backup.json", EntryType::Regular, text.as_bytes()),
        ])
    };
    let later = r#"{ "format": 2, "version": "9.0", "log_db": [] }"#;
    let line = "made by simpctl 9.0, in a later format than this simpd knows";
    assert_eq!(refused(about(later).as_slice()), line);
    for text in ["", "{}", "[[[", r#"{ "format": 1, "version": "0.2.0" }"#] {
        assert_eq!(refused(about(text).as_slice()), "damaged: its backup.json is not what was written");
    }
}

#[test]
fn a_disk_that_fails_is_not_taken_for_a_wrong_archive() {
    struct Bad(usize);
    impl Read for Bad {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let whole = backup();
            let count = buffer.len().min(2_000 - self.0);
            buffer[..count].copy_from_slice(&whole[self.0..self.0 + count]);
            self.0 += count;
            if count == 0 { Err(io::Error::from_raw_os_error(5)) } else { Ok(count) }
        }
    }
    assert_eq!(refused(Bad(0)), "it cannot be read");
    let folder = tempfile::tempdir().unwrap();
    let gone = unpack(backup().as_slice(), &folder.path().join("gone")).unwrap_err();
    assert!(matches!(gone, Unusable::Unwritten(..)), "{gone}");
}

#[test]
fn a_log_that_is_shorter_than_it_was_said_to_be_is_no_log() {
    let mut writing = Writing::begin(Vec::new(), 7);
    let short = writing.log(4, &b"abc"[..]).unwrap_err();
    assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    // And of one that has grown only so much is taken.
    let mut writing = Writing::begin(Vec::new(), 7);
    assert_eq!(writing.log(2, &b"abc"[..]).unwrap().bytes, 2);
}
