//! The archive is taken apart. It may come from anywhere: its names say nothing of where anything is written, and what is
//! no backup is no harm.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tar::{Archive, Entries, Entry, EntryType};

use crate::about::{About, FORMAT, Sum, Summing};
use crate::{ABOUT, KEY, LOG, SMALL_MAX};

/// So many bytes are copied at once.
const PIECE: usize = 256 << 10;

/// Why a backup is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unread(#[source] io::Error),
    /// A file of it cannot be written.
    #[error("{0} cannot be written")]
    Unwritten(PathBuf, #[source] io::Error),
    /// It is something else.
    #[error("not a backup of simpd")]
    NotABackup,
    /// It ends too early.
    #[error("not complete: it ends too early")]
    CutOff,
    /// It is not what was written.
    #[error("damaged: its {0} is not what was written")]
    Damaged(&'static str),
    /// A later program made it.
    #[error("made by simpctl {0}, in a later format than this simpd knows")]
    Newer(String),
}

/// Writes the `key` and the `log.db` of a backup into this folder, which has neither, synced and with mode 0600. Whatever
/// else is in it leads to nothing, and nothing is ever written elsewhere.
///
/// # Errors
/// [`Unusable`]; then what is in the folder is worth nothing.
pub fn unpack(from: impl Read, folder: &Path) -> Result<About, Unusable> {
    let mut archive = Archive::new(Noting { from, failed: None });
    let taken = take_apart(&mut archive, folder);
    // What the disk said, rather than what that looks like.
    match (taken, archive.into_inner().failed) {
        (Ok(about), _) => Ok(about),
        (Err(unwritten @ Unusable::Unwritten(..)), _) | (Err(unwritten), None) => Err(unwritten),
        (Err(_), Some(error)) => Err(Unusable::Unread(error)),
    }
}

fn take_apart<R: Read>(archive: &mut Archive<R>, folder: &Path) -> Result<About, Unusable> {
    // Raw, or the names of files would be read that are as long as the archive says.
    let mut entries = archive.entries().map_err(|_| Unusable::NotABackup)?.raw(true);
    let key = unpack_file(next(&mut entries, KEY)?.ok_or(Unusable::NotABackup)?, KEY, folder)?;
    let log = unpack_file(next(&mut entries, LOG)?.ok_or(Unusable::CutOff)?, LOG, folder)?;
    let about = next(&mut entries, ABOUT)?.ok_or(Unusable::CutOff)?;
    let mut text = Vec::new();
    let bytes = about.size();
    about.take(SMALL_MAX).read_to_end(&mut text).map_err(|_| Unusable::CutOff)?;
    if (text.len() as u64) < bytes {
        return Err(Unusable::CutOff);
    }
    // Of a later format the first may be all that is as it was.
    let format = serde_json::from_slice::<Format>(&text).map_err(|_| Unusable::Damaged(ABOUT))?;
    if format.format != FORMAT {
        return Err(Unusable::Newer(format.version));
    }
    let about: About = serde_json::from_slice(&text).map_err(|_| Unusable::Damaged(ABOUT))?;
    match (about.key == key, about.log_db == log) {
        (false, _) => Err(Unusable::Damaged(KEY)),
        (_, false) => Err(Unusable::Damaged(LOG)),
        (true, true) => Ok(about),
    }
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
    version: String,
}

/// The next file, which must be the one of this name and nothing but a file; `None` at the end.
fn next<'a, R: Read>(entries: &mut Entries<'a, R>, name: &str) -> Result<Option<Entry<'a, R>>, Unusable> {
    let failed = if name == KEY { Unusable::NotABackup } else { Unusable::CutOff };
    let entry = match entries.next() {
        None => return Ok(None),
        Some(entry) => entry.map_err(|_| failed)?,
    };
    let is_it = entry.path_bytes().as_ref() == name.as_bytes()
        && entry.header().entry_type() == EntryType::Regular
        && (name == LOG || entry.size() <= SMALL_MAX);
    if is_it { Ok(Some(entry)) } else { Err(Unusable::NotABackup) }
}

fn unpack_file<R: Read>(mut entry: Entry<'_, R>, name: &str, folder: &Path) -> Result<Sum, Unusable> {
    let path = folder.join(name);
    let unwritten = |error| Unusable::Unwritten(path.clone(), error);
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(unwritten)?;
    let (mut piece, mut sum) = (vec![0; PIECE], Summing::begin());
    loop {
        let count = match entry.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Unusable::CutOff),
        };
        let bytes = piece.get(..count).unwrap_or_default();
        file.write_all(bytes).map_err(unwritten)?;
        sum.add(bytes);
    }
    file.sync_all().map_err(unwritten)?;
    let sum = sum.end();
    if sum.bytes < entry.size() { Err(Unusable::CutOff) } else { Ok(sum) }
}

/// Keeps what the system says of a failure, which the archive's reader puts into words of its own.
struct Noting<R> {
    from: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            kind.into()
        })
    }
}
