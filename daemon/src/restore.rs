//! `--restore`: a log and its key come from a backup, into a folder that has no log. They are made ready in a folder beside
//! their place and then moved: a kill at any moment leaves nothing, or what the next start goes on with.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use simp_backup::{About, KEY, LOG, Unusable, unpack};
use simp_control::error::system;
use simp_engine::{Engine, GivenUpAll, Policy};
use simp_secure::{Identity, IdentityError};
use simp_service::{disk, plain_file};
use simp_store::{Durability, Store, StoreError, check_file};

use crate::server::read_clocks;
use crate::startup::DaemonFiles;

/// What stands for standard input.
pub const STDIN: &str = "-";

/// The folder in which a backup is made ready. What a kill leaves there is worth nothing.
const BEGUN: &str = "restoring";

/// The same folder once all is ready.
const READY: &str = "restored";

/// Why a backup is not taken back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is a log.
    #[error("{0}: there is a log already (move its folder away, or restore on another address)")]
    LogThere(PathBuf),
    /// There is a key, which others may know us by.
    #[error("{0}: there is another key than that of the backup (move it away)")]
    OtherKey(PathBuf),
    /// It cannot be read.
    #[error("{0}: {why}", why = system(.1))]
    Unread(String, io::Error),
    /// It is none, or not whole.
    #[error("{0}: {1}")]
    Unusable(String, Unusable),
    /// What should be a key is none.
    #[error("{0}: damaged: its key is none")]
    NotAKey(String),
    /// What should be a log is none.
    #[error("{0}: damaged: its log is none, or not whole")]
    NotALog(String),
    /// A newer simpd wrote it.
    #[error("{0}: its log was written by a newer simpd (install that one)")]
    Newer(String),
    /// The log cannot be used for another reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be put there.
    #[error("{0}: {trouble}", trouble = disk::trouble(.1, "XDG_STATE_HOME", "it must be ours to write"))]
    Unwritten(PathBuf, io::Error),
}

/// What was taken back.
pub struct Restored {
    about: About,
    entries: u64,
    given_up: GivenUpAll,
}

impl Restored {
    /// What there is to say of it, in lines.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let About { user, address, at, .. } = &self.about;
        let entries = count(self.entries, "entry", "entries");
        let mut lines =
            vec![format!("restored {name}: the log of {user} on {address} as of {at} ({entries})")];
        let GivenUpAll { chats, messages } = self.given_up;
        if chats > 0 {
            lines.push(format!("{} that it had open then: ended", count(chats, "chat", "chats")));
        }
        if messages > 0 {
            lines.push(format!(
                "{} that waited then: not delivered from here, but perhaps since then (list: simpctl history --all; send \
                 again: simpctl resend ID)",
                count(messages, "message", "messages")
            ));
        }
        lines
    }
}

fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Takes a backup back, all of it or nothing.
///
/// # Errors
/// [`RestoreError`]; then all is as it was.
pub fn restore(
    name: &str,
    files: &DaemonFiles,
    policy: &Policy,
    address: SocketAddr,
) -> Result<Restored, RestoreError> {
    if files.log.exists() {
        return Err(RestoreError::LogThere(files.log.clone()));
    }
    let folder = files.folder();
    let begun = Begun::make(folder.join(BEGUN))?;
    let about = unpack_from(name, &begun.0)?;
    check_key(name, &begun.0, &files.key)?;
    let (entries, given_up) = prepare(name, &begun.0, policy, address)?;
    let ready = folder.join(READY);
    let moved = fs::rename(&begun.0, &ready).and_then(|()| sync(folder));
    moved.map_err(|error| RestoreError::Unwritten(ready, error))?;
    finish(folder)?;
    Ok(Restored { about, entries, given_up })
}

/// Goes on with a restore that was killed, if there is one: it comes to an end, or to nothing.
///
/// # Errors
/// [`RestoreError::Unwritten`]; the next start tries again.
pub fn finish(folder: &Path) -> Result<(), RestoreError> {
    drop(Begun(folder.join(BEGUN)));
    let ready = folder.join(READY);
    if !ready.exists() {
        return Ok(());
    }
    let moved =
        [KEY, LOG].into_iter().try_for_each(|file| match fs::rename(ready.join(file), folder.join(file)) {
            // It is there already.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        });
    let ended = moved.and_then(|()| sync(folder)).and_then(|()| fs::remove_dir_all(&ready));
    ended.map_err(|error| RestoreError::Unwritten(ready, error))
}

fn sync(folder: &Path) -> io::Result<()> {
    // Some file systems cannot do that, and then there is nothing better.
    let _ = File::open(folder)?.sync_all();
    Ok(())
}

/// The folder in which a backup is made ready, unless it is moved away.
struct Begun(PathBuf);

impl Begun {
    fn make(path: PathBuf) -> Result<Self, RestoreError> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(RestoreError::Unwritten(path, error)),
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unpack_from(name: &str, folder: &Path) -> Result<About, RestoreError> {
    let unread = |error| RestoreError::Unread(name.to_owned(), error);
    let from: Box<dyn Read> = match name {
        STDIN => Box::new(io::stdin().lock()),
        path => Box::new(plain_file::open_to_read(Path::new(path)).map_err(unread)?),
    };
    unpack(from, folder).map_err(|error| match error {
        Unusable::Unread(error) => unread(error),
        Unusable::Unwritten(path, error) => RestoreError::Unwritten(path, error),
        other => RestoreError::Unusable(name.to_owned(), other),
    })
}

/// The key must be one, and not take the place of another.
fn check_key(name: &str, folder: &Path, in_place: &Path) -> Result<(), RestoreError> {
    let id = |path: &Path| match Identity::load(path) {
        Ok(identity) => Ok(Some(identity.id())),
        Err(IdentityError::NotAKey(_)) => Ok(None),
        Err(IdentityError::Io(path, error)) => Err(RestoreError::Unwritten(path, error)),
        Err(_) => Ok(None),
    };
    let Some(restored) = id(&folder.join(KEY))? else { return Err(RestoreError::NotAKey(name.to_owned())) };
    if in_place.exists() && id(in_place)? != Some(restored) {
        return Err(RestoreError::OtherKey(in_place.to_owned()));
    }
    Ok(())
}

/// Makes the log one that can go on here: how many entries it has, and what was given up of it.
fn prepare(
    name: &str,
    folder: &Path,
    policy: &Policy,
    address: SocketAddr,
) -> Result<(u64, GivenUpAll), RestoreError> {
    let failed = |error| match error {
        StoreError::Damaged(_) | StoreError::NotALog(_) | StoreError::Other { .. } => {
            RestoreError::NotALog(name.to_owned())
        }
        StoreError::Newer { .. } => RestoreError::Newer(name.to_owned()),
        other => RestoreError::Store(other),
    };
    let path = folder.join(LOG);
    check_file(&path).map_err(failed)?;
    let now = read_clocks();
    let mut store = Store::open(&path, Durability::Disk, now.ms).map_err(failed)?;
    let entries = store.entries().map_err(failed)?;
    store.become_another().map_err(failed)?;
    let identity = Identity::load(&folder.join(KEY)).map_err(|_| RestoreError::NotAKey(name.to_owned()))?;
    let place = (address, identity.id());
    let mut engine = Engine::new(now, policy.clone(), place, store, now.ms).map_err(failed)?;
    let given_up = engine.give_up_all(now).map_err(failed)?;
    Ok((entries, given_up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_kill_has_left_comes_to_an_end_or_to_nothing() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        let there = |names: &[&str]| names.iter().all(|name| folder.join(name).exists());
        // Not yet ready: nothing of it stays, not even what is not ours to know.
        fs::create_dir_all(folder.join(BEGUN).join("log.db-wal")).unwrap();
        fs::write(folder.join(BEGUN).join(LOG), "half").unwrap();
        finish(folder).unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        // Ready, and neither, one or both of its files moved.
        for moved in [&[][..], &[KEY], &[KEY, LOG]] {
            fs::create_dir(folder.join(READY)).unwrap();
            for file in [KEY, LOG] {
                let place =
                    if moved.contains(&file) { folder.join(file) } else { folder.join(READY).join(file) };
                fs::write(place, file).unwrap();
            }
            finish(folder).unwrap();
            assert!(there(&[KEY, LOG]) && fs::read_dir(folder).unwrap().count() == 2);
            [KEY, LOG].iter().for_each(|file| fs::remove_file(folder.join(file)).unwrap());
        }
    }
}
