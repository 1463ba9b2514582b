//! The folders that a user's environment names. A variable that names another user's folder counts as not set: `sudo -E` and
//! `su` hand the variables of one user on to another, who would find nothing there, or lock its owner out.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Gid, Uid, access};

use crate::{databases, places};

/// What all programs call their folder below those of the user.
const OUR_FOLDER: &str = "simp";

/// A variable that counts as not set, because its folder is another user's, or another one for each program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The variable.
    pub variable: &'static str,
    /// What it names.
    pub folder: PathBuf,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, folder } = self;
        let shown = folder.display();
        match folder.is_absolute() {
            true => write!(f, "{variable} is ignored: {shown} belongs to {}", owner_of(folder)),
            false => write!(f, "{variable} is ignored: {shown} is not an absolute path"),
        }
    }
}

/// The folder of the control sockets: `simp` in `$XDG_RUNTIME_DIR`, or where that is without it (simpd(8)).
pub fn sockets() -> PathBuf {
    places::runtime_folder(runtime().ok().flatten(), Uid::effective().as_raw(), Path::is_dir)
}

/// Where programs keep what outlives them: `$XDG_STATE_HOME`, or `.local/state` in the user's home. `None` if nothing
/// says where that is.
pub fn state() -> Option<PathBuf> {
    own("XDG_STATE_HOME", is_for_ours).ok().flatten().or_else(|| Some(home()?.join(".local/state")))
}

/// Where users keep what they set: `$XDG_CONFIG_HOME`, or `.config` in the user's home. `None` if nothing says where that is.
pub fn config() -> Option<PathBuf> {
    own("XDG_CONFIG_HOME", is_readable).ok().flatten().or_else(|| Some(home()?.join(".config")))
}

/// Of the variables that count as not set those that say where daemons are.
pub fn ignored_places() -> impl Iterator<Item = Ignored> {
    ignored().filter(|ignored| ignored.variable != "XDG_CONFIG_HOME")
}

/// The variables that count as not set, although they are.
pub fn ignored() -> impl Iterator<Item = Ignored> {
    let (state, config) = (own("XDG_STATE_HOME", is_for_ours), own("XDG_CONFIG_HOME", is_readable));
    [runtime(), state, config, own("HOME", is_writable)].into_iter().filter_map(Result::err)
}

fn runtime() -> Result<Option<PathBuf>, Ignored> {
    own("XDG_RUNTIME_DIR", is_for_ours)
}

/// The folder that a variable names. A relative one would be another folder for each program, and is ignored, says the XDG
/// Base Directory Specification.
fn own(variable: &'static str, is_ours: fn(&Path) -> bool) -> Result<Option<PathBuf>, Ignored> {
    let folder =
        std::env::var_os(variable).map(PathBuf::from).filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_absolute() || !is_ours(&folder) => Err(Ignored { variable, folder }),
        folder => Ok(folder),
    }
}

fn home() -> Option<PathBuf> {
    match own("HOME", is_writable) {
        Ok(home) => home,
        // As `sudo -E` leaves it: our own is in the list of users.
        Err(_) => databases::home().filter(|home| is_writable(home)),
    }
}

/// Whether our folder in this one is ours, or can be.
fn is_for_ours(folder: &Path) -> bool {
    let is_the_systems = uid_of(folder).is_ok_and(|uid| uid.is_root() && uid != Uid::effective());
    // In folders such as /var/lib ours is beside those of others, and /tmp is open to all.
    if is_the_systems && let Ok(uid) = uid_of(&folder.join(OUR_FOLDER)) {
        return uid == Uid::effective();
    }
    is_writable(folder)
}

fn is_writable(folder: &Path) -> bool {
    is_usable(folder, AccessFlags::W_OK | AccessFlags::X_OK)
}

fn is_readable(folder: &Path) -> bool {
    is_usable(folder, AccessFlags::X_OK)
}

/// Whether the folder, or the one where it would be made, is ours; or the system's, and open to us.
fn is_usable(folder: &Path, access_flags: AccessFlags) -> bool {
    let is_missing =
        |owner: &io::Result<Uid>| matches!(owner, Err(error) if error.kind() == io::ErrorKind::NotFound);
    let mut owners = folder.ancestors().map(|folder| (folder, uid_of(folder)));
    match owners.find(|(_, owner)| !is_missing(owner)) {
        Some((there, Ok(uid))) => {
            uid == Uid::effective() || (uid.is_root() && access(there, access_flags).is_ok())
        }
        _ => false,
    }
}

fn uid_of(path: &Path) -> io::Result<Uid> {
    path.metadata().map(|metadata| Uid::from_raw(metadata.uid()))
}

/// Whether what belongs to this user can be relied on: our own user, and root, who can do everything anyway.
pub(crate) fn is_trusted(uid: Uid) -> bool {
    uid == Uid::effective() || uid.is_root()
}

/// Whose file it is; whose folder, if we may not even look at the file.
pub(crate) fn owner_of(path: &Path) -> String {
    user_name(path.ancestors().find_map(|path| uid_of(path).ok()).unwrap_or(Uid::from_raw(0)))
}

/// What a user is called.
pub(crate) fn user_name(uid: Uid) -> String {
    databases::user_name(uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// What a group is called.
pub(crate) fn group_name(gid: Gid) -> String {
    databases::group_name(gid).unwrap_or_else(|| gid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_ours_or_one_that_we_can_make_is_usable() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("not/there")] {
            assert!(is_for_ours(&path) && is_writable(&path) && is_readable(&path), "{}", path.display());
        }
    }
}
