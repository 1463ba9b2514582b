//! Turns that programs of one user take: a lock that is waited for with a time limit.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{F_WRLCK, SEEK_SET, flock};
use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, homes, sleep};
use simp_service::disk;
use simp_service::folders::make_private;
use simp_service::plain_file;

/// What sets where the folder is.
const VARIABLE: &str = "XDG_RUNTIME_DIR";

/// A turn. It is over once this is dropped, or its process ends in any way.
pub(crate) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits for our turn in this chat of the daemon, or in all of them; `None` once the deadline has passed.
    ///
    /// # Errors
    /// There can be no lock, or nobody reads our output any more.
    pub(crate) fn take(
        client: &mut Client,
        chat: Option<u64>,
        deadline: Option<Instant>,
    ) -> Outcome<Option<Self>> {
        let path = homes::sockets().join(format!("{}.asks", client.address()?));
        let failed = |error: io::Error| {
            let trouble = disk::trouble(&error, VARIABLE, &format!("set {VARIABLE} to a folder of yours"));
            fail(FailureKind::Failed, format!("{}: {trouble}", path.display()))
        };
        let file = open(&path)?.map_err(failed)?;
        let lock = part(chat);
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)) {
            Ok(_) => return Ok(Some(Self { _lock: file })),
            Err(Errno::EAGAIN | Errno::EACCES) => (),
            Err(errno) => return Err(failed(errno.into())),
        }
        let (ended, waiting) = wait(&file, lock).map_err(failed)?;
        if !client.called(ended.as_fd(), deadline)? {
            // The thread goes on waiting until the process ends, which it is about to do.
            return Ok(None);
        }
        waiting.join().unwrap_or_else(|_| Err(Errno::ENOLCK.into())).map_err(failed)?;
        // Many may have waited for as long as this one, and one after the other has its turn when that is over.
        let is_over = deadline.is_some_and(|deadline| deadline <= sleep::now());
        Ok(Some(Self { _lock: file }).filter(|_| !is_over))
    }
}

/// The part of the file that is locked: the kernel keeps locks of single bytes, also of bytes that are not there, and each
/// chat is one.
fn part(chat: Option<u64>) -> flock {
    flock {
        l_type: F_WRLCK as i16,
        l_whence: SEEK_SET as i16,
        l_start: chat.map_or(0, |chat| chat.min(i64::MAX as u64 - 1) as i64),
        // 0: up to the end, wherever that will be.
        l_len: i64::from(chat.is_some()),
        l_pid: 0,
    }
}

/// The file, which is made if it is missing, and its folder too: that of our user, who may be allowed to use the daemon of
/// another one.
fn open(path: &Path) -> Outcome<io::Result<File>> {
    match (plain_file::append(path), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            make_private(folder, VARIABLE).map_err(|error| fail(FailureKind::Failed, error.to_string()))?;
            Ok(plain_file::append(path))
        }
        (file, _) => Ok(file),
    }
}

/// Locks it as soon as that can be done. What is given first ends then: the kernel waits for locks without any time limit.
fn wait(file: &File, lock: flock) -> io::Result<(PipeReader, JoinHandle<io::Result<()>>)> {
    let (ended, ends) = io::pipe()?;
    // The same lock: it is that of what is open, not of a process or a descriptor.
    let file = file.try_clone()?;
    let waiting = thread::Builder::new().spawn(move || {
        let _ends = ends;
        loop {
            match fcntl(&file, FcntlArg::F_OFD_SETLKW(&lock)) {
                Err(Errno::EINTR) => (),
                locked => return locked.map(drop).map_err(io::Error::from),
            }
        }
    })?;
    Ok((ended, waiting))
}
