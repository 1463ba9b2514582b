//! Who is at the other end of a Unix socket, asked before a word is said there. Without a runtime folder sockets are in /tmp,
//! where anybody can make a folder with our name.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Gid, Uid, getgroups};

use crate::homes::{is_trusted, user_name};

/// How we came by the path of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is where a program of ours puts it. Only our own user's is meant.
    Place,
    /// The user has named it. Root may mean that of any user.
    Named,
}

/// Why there is nobody to talk to.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// The system says so.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What is at this path is this other user's.
    #[error("{0}: belongs to {owner}, so nothing was sent there (set XDG_RUNTIME_DIR to a folder of yours)", owner = user_name(*.1))]
    Foreign(PathBuf, Uid),
}

/// Connects to the socket at `path`, if its folder, the socket and the process that listens there all are of our own user
/// or of root. If the user has named the path, those of one other user will do for root, and for whoever is in the group that
/// this user has given them to.
///
/// # Errors
/// [`Untrusted`]: nothing was said to whoever is there.
pub fn connect(path: &Path, origin: Origin) -> Result<UnixStream, Untrusted> {
    // Not what is behind a link: somebody else may have put the link there.
    let owner = |metadata: &Metadata| Uid::from_raw(metadata.uid());
    let folder = folder_of(path);
    let of_folder = folder.symlink_metadata()?;
    let meant = match origin {
        Origin::Named if Uid::effective().is_root() => owner(&path.symlink_metadata()?),
        Origin::Named if is_shared(&of_folder, &path.symlink_metadata()?) => owner(&of_folder),
        _ => Uid::effective(),
    };
    let check = |path: &Path, uid: Uid| match uid == meant || is_trusted(uid) {
        true => Ok(()),
        false => Err(Untrusted::Foreign(path.to_owned(), uid)),
    };
    check(folder, owner(&of_folder))?;
    check(path, owner(&path.symlink_metadata()?))?;
    let stream = UnixStream::connect(path)?;
    // The kernel's word: it holds whatever has become of the path since then.
    let peer = getsockopt(&stream, PeerCredentials).map_err(io::Error::from)?;
    check(path, Uid::from_raw(peer.uid()))?;
    Ok(stream)
}

/// The folder that a socket is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether their owner has given both to a group that we are in, and to nobody else: then nobody but the owner can have put
/// the socket there.
fn is_shared(folder: &Metadata, socket: &Metadata) -> bool {
    let is_closed = folder.mode() & 0o027 == 0 && socket.mode() & 0o007 == 0;
    let gid = Gid::from_raw(folder.gid());
    is_closed && folder.is_dir() && socket.gid() == folder.gid() && is_in(gid)
}

/// Whether our process is in this group.
pub(crate) fn is_in(gid: Gid) -> bool {
    gid == Gid::effective() || getgroups().is_ok_and(|groups| groups.contains(&gid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_of_ours_is_connected_to_and_one_that_is_missing_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let missing = connect(&path, Origin::Place);
        assert!(matches!(missing, Err(Untrusted::Io(error)) if error.kind() == io::ErrorKind::NotFound));
        let _listener = UnixListener::bind(&path).unwrap();
        for origin in [Origin::Place, Origin::Named] {
            connect(&path, origin).unwrap();
        }
    }
}
