//! The control sockets, and whom each lets in with which rights: one for our own user, and one each for the groups that it has
//! named. Those of a group are in a folder of the group, so that the folder of the first stays closed to everybody, whatever
//! other daemons of the same user share with whom.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use simp_control::places;
use simp_engine::Rights;
use simp_service::callers;
use simp_service::folders::{self, FolderError, NewFolders};

use crate::group::Group;

/// What sets where the folders are.
const VARIABLE: &str = "XDG_RUNTIME_DIR";

/// A control socket.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Where it is.
    pub socket: PathBuf,
    whom: Whom,
}

/// Whom it lets in, besides our own user and root.
#[derive(Debug, Clone)]
enum Whom {
    /// Nobody.
    Own,
    /// Members of this group, who may ask nearly everything.
    Members(Group),
    /// Members of this group, who may only read.
    Readers(Group),
}

impl Entrance {
    /// That of our own user, in this folder.
    pub fn own(folder: &Path, address: SocketAddr) -> Self {
        Self { socket: places::socket_path(folder, address), whom: Whom::Own }
    }

    /// That of the members of a group, beside that folder.
    pub fn of_members(folder: &Path, address: SocketAddr, group: Group) -> Self {
        let socket = places::socket_path(&beside(folder, &group), address);
        Self { socket, whom: Whom::Members(group) }
    }

    /// That of those who may only read.
    pub fn of_readers(folder: &Path, address: SocketAddr, group: Group) -> Self {
        let socket = places::socket_path(&beside(folder, &group), address).with_extension("read.sock");
        Self { socket, whom: Whom::Readers(group) }
    }

    fn group(&self) -> Option<&Group> {
        match &self.whom {
            Whom::Own => None,
            Whom::Members(group) | Whom::Readers(group) => Some(group),
        }
    }

    fn folder(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("/"))
    }

    /// Makes its folder, at a start.
    ///
    /// # Errors
    /// [`FolderError`] names the folder and the remedy.
    pub fn prepare(&self, new: &mut NewFolders) -> Result<(), FolderError> {
        match self.group() {
            None => new.make_private(self.folder(), VARIABLE),
            Some(group) => new.make_for_group(self.folder(), group.for_folder(), VARIABLE),
        }
    }

    /// Makes its folder again.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn make_folder(&self) -> Result<(), FolderError> {
        match self.group() {
            None => folders::make_private(self.folder(), VARIABLE),
            Some(group) => folders::make_for_group(self.folder(), group.for_folder(), VARIABLE),
        }
    }

    /// Makes the socket, which must not exist.
    ///
    /// # Errors
    /// [`FolderError`] names it and the remedy.
    pub fn bind(&self) -> Result<UnixListener, FolderError> {
        let failed = |error| FolderError::Io(self.socket.clone(), error, VARIABLE);
        let listener = UnixListener::bind(&self.socket).map_err(failed)?;
        // Nobody else can write to it until it has its group.
        let mode = match self.group() {
            None => 0o600,
            Some(group) => {
                folders::give(&self.socket, group.for_folder(), VARIABLE)?;
                0o660
            }
        };
        // The folder is closed already. This holds even if its user opens that to others.
        fs::set_permissions(&self.socket, Permissions::from_mode(mode)).map_err(failed)?;
        Ok(listener)
    }

    /// What whoever has connected may ask; `None` if it is to go.
    pub fn rights_of(&self, stream: &impl AsFd) -> Option<Rights> {
        let is_ours = callers::is_ours(stream);
        match &self.whom {
            Whom::Own => is_ours.then_some(Rights::All),
            Whom::Members(_) if is_ours => Some(Rights::All),
            Whom::Members(group) => self.is_member(stream, group).then_some(Rights::Shared),
            Whom::Readers(group) => (is_ours || self.is_member(stream, group)).then_some(Rights::Reading),
        }
    }

    /// Whether a member of the group has connected. The kernel lets nobody else connect as long as the socket is as we have
    /// made it; to ask who is in a group takes time if the list of groups is on another machine.
    fn is_member(&self, stream: &impl AsFd, group: &Group) -> bool {
        let is_as_made = |meta: fs::Metadata| meta.gid() == group.gid.as_raw() && meta.mode() & 0o007 == 0;
        callers::is_of_group(stream, group.gid) || fs::symlink_metadata(&self.socket).is_ok_and(is_as_made)
    }

    /// What whoever is not let in is told.
    pub fn refusal(&self) -> String {
        match self.group() {
            None => {
                "permission denied: this simpd belongs to another user (start your own: simpctl start ADDR)"
                    .to_owned()
            }
            Some(group) => {
                let name = &group.name;
                format!(
                    "permission denied: only the user of simpd, root and the group {name} may use this socket"
                )
            }
        }
    }

    /// Removes the socket.
    ///
    /// # Errors
    /// That of the system; that there is none is no error.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folder of a group, beside that of our own user.
fn beside(folder: &Path, group: &Group) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push("-");
    name.push(&group.name);
    folder.with_file_name(name)
}
