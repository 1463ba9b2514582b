//! The folder that files of peers are saved in, checked before simpd is asked: what simpd finds out only once the peer has
//! been told so would be refused, and whoever sends it could not help that.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::{Outcome, fail, system};
use crate::failure::FailureKind;

/// The absolute path of a folder in which simpd, which is of the same user, can make files.
///
/// # Errors
/// `failed` if it is no folder, takes no files, or its path is not UTF-8.
pub fn check(folder: &Path) -> Outcome<String> {
    let failed = |why: &str| fail(FailureKind::Failed, format!("{}: {why}", folder.display()));
    let real = fs::canonicalize(folder).map_err(|error| failed(&system(&error)))?;
    if !real.is_dir() {
        return Err(failed("not a folder"));
    }
    let no_file = |error| failed(&format!("no file can be made there: {}", system(&error)));
    try_out(&real).map_err(no_file)?;
    Ok(real.to_str().ok_or_else(|| failed("its path is not UTF-8 (choose another)"))?.to_owned())
}

/// Makes a file in this folder, hidden and for a moment.
fn try_out(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".simp-{}.part", std::process::id()));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => fs::remove_file(&path),
        // One that was killed here has left it, so there was no trouble.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
