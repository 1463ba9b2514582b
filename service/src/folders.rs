//! Folders that only their user can enter, or a group besides. Which there are, and what is in them, is the program's business.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};

use crate::disk;

/// Why there is no such folder. The name is that of the variable that sets it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, looked at, or written in.
    #[error("{0}: {trouble}", trouble = disk::trouble(.1, .2, &format!("set {} to a folder of yours", .2)))]
    Io(PathBuf, io::Error, &'static str),
    /// It is open to others, or no folder.
    #[error("{0}: this folder must be yours alone (chmod 700, or set {1} to a folder of yours)")]
    NotPrivate(PathBuf, &'static str),
    /// It is open to others than the group that it is for.
    #[error("{0}: this folder must be closed to all but you and the group {1} (chmod 750 {0})")]
    NotForGroup(PathBuf, String),
    /// We may not give it to the group.
    #[error(
        "{0}: cannot be given to the group {1}, of which this user is no member (usermod -aG {1} USER, or \
         SupplementaryGroups={1} in the service of systemd)"
    )]
    NoMember(PathBuf, String),
    /// The group cannot get there. The first is the folder above that is closed.
    #[error(
        "{0}: the group {1} cannot pass through this folder (chmod it, or set {2} to a folder that it can)"
    )]
    Impassable(PathBuf, String, &'static str),
    /// It is another user's.
    #[error("{0}: this folder belongs to another user (set {1} to a folder of yours)")]
    NotOurs(PathBuf, &'static str),
    /// Nothing says where it is. The text is what would be kept there.
    #[error("neither XDG_STATE_HOME nor HOME is set (set one, for {0})")]
    NoHome(&'static str),
}

/// Makes a folder with mode 0700, and those above it that are missing; or checks that the one there is ours and nobody
/// else's. `variable` is the one that sets where it is.
///
/// # Errors
/// [`FolderError`] names the folder, and says what to do.
pub fn make_private(folder: &Path, variable: &'static str) -> Result<(), FolderError> {
    let failed = |error| FolderError::Io(folder.to_owned(), error, variable);
    let missing = missing(folder).count();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    // A new folder, with all that will be in it, outlives a loss of power only once the one above it is synced. Some
    // file systems cannot do that, and then there is nothing better.
    for above in folder.ancestors().skip(1).take(missing) {
        let _ = File::open(above).and_then(|above| above.sync_all());
    }
    // Not the folder behind a link: somebody else may have put the link there.
    let meta = fs::symlink_metadata(folder).map_err(failed)?;
    if meta.uid() != Uid::effective().as_raw() {
        return Err(FolderError::NotOurs(folder.to_owned(), variable));
    }
    if !meta.is_dir() || meta.mode() & 0o077 != 0 {
        return Err(FolderError::NotPrivate(folder.to_owned(), variable));
    }
    Ok(())
}

/// Makes a folder that only we and the group of this id and name can look into, with mode 0750, and those above it that are
/// missing; or sees to it that the one there is so. `variable` is the one that sets where it is.
///
/// # Errors
/// [`FolderError`] names the folder, and says what to do.
pub fn make_for_group(
    folder: &Path,
    (gid, name): (Gid, &str),
    variable: &'static str,
) -> Result<(), FolderError> {
    let failed = |error| FolderError::Io(folder.to_owned(), error, variable);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    // Not the folder behind a link: somebody else may have put the link there.
    let meta = fs::symlink_metadata(folder).map_err(failed)?;
    if meta.uid() != Uid::effective().as_raw() {
        return Err(FolderError::NotOurs(folder.to_owned(), variable));
    }
    if !meta.is_dir() || meta.mode() & 0o027 != 0 {
        return Err(FolderError::NotForGroup(folder.to_owned(), name.to_owned()));
    }
    let is_closed = |folder: &&Path| fs::metadata(folder).is_ok_and(|above| above.mode() & 0o011 == 0);
    if let Some(above) = folder.ancestors().skip(1).find(is_closed) {
        return Err(FolderError::Impassable(above.to_owned(), name.to_owned(), variable));
    }
    give(folder, (gid, name), variable)?;
    fs::set_permissions(folder, Permissions::from_mode(0o750)).map_err(failed)
}

/// Gives a file or folder of ours to the group of this id and name.
///
/// # Errors
/// [`FolderError`], mostly that our user is no member of it.
pub fn give(path: &Path, (gid, name): (Gid, &str), variable: &'static str) -> Result<(), FolderError> {
    lchown(path, None, Some(gid.as_raw())).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => FolderError::NoMember(path.to_owned(), name.to_owned()),
        _ => FolderError::Io(path.to_owned(), error, variable),
    })
}

/// The folder and those above it that are not there, the lowest first.
fn missing(folder: &Path) -> impl Iterator<Item = &Path> {
    folder.ancestors().take_while(|folder| !folder.exists())
}

/// Folders that a start has made. Those that are empty go with this, unless they are kept.
#[derive(Debug, Default)]
pub struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    /// As [`make_private`] does.
    ///
    /// # Errors
    /// [`FolderError`] names the folder, and says what to do.
    pub fn make_private(&mut self, folder: &Path, variable: &'static str) -> Result<(), FolderError> {
        let new: Vec<PathBuf> = missing(folder).map(Path::to_owned).collect();
        self.0.splice(0..0, new);
        make_private(folder, variable)
    }

    /// As [`make_for_group`] does.
    ///
    /// # Errors
    /// [`FolderError`] names the folder, and says what to do.
    pub fn make_for_group(
        &mut self,
        folder: &Path,
        group: (Gid, &str),
        variable: &'static str,
    ) -> Result<(), FolderError> {
        let new: Vec<PathBuf> = missing(folder).map(Path::to_owned).collect();
        self.0.splice(0..0, new);
        make_for_group(folder, group, variable)
    }

    /// The start has come to something: all of them stay.
    pub fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // What somebody has put something into since then is not ours alone.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_and_those_above_it_are_ours_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/simp/room");
        make_private(&folder, "HOME").unwrap();
        make_private(&folder, "HOME").unwrap();
        for path in folder.ancestors().take(3) {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn what_a_start_has_made_goes_with_it_unless_it_is_kept_or_in_use() {
        let home = tempfile::tempdir().unwrap();
        let (used, gone) = (home.path().join("a/used"), home.path().join("a/b/gone"));
        let mut new = NewFolders::default();
        new.make_private(&used, "HOME").unwrap();
        new.make_private(&gone, "HOME").unwrap();
        fs::write(used.join("file"), "").unwrap();
        drop(new);
        assert!(used.exists() && !home.path().join("a/b").exists());
        let mut new = NewFolders::default();
        new.make_private(&gone, "HOME").unwrap();
        new.keep();
        drop(new);
        assert!(gone.exists());
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("open");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o710)).unwrap();
        let error = make_private(&folder, "HOME").unwrap_err();
        assert!(matches!(error, FolderError::NotPrivate(..)), "{error}");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o710);
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path(), &link).unwrap();
        assert!(matches!(make_private(&link, "HOME"), Err(FolderError::NotPrivate(..))));
    }
}
