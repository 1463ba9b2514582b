//! Who is at the other end of a Unix socket. The mode of the socket keeps others out already; this check holds as well
//! if somebody has changed that mode, or handed us a connection.

use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Gid, Uid};

/// Whether a process whose first group is this one has connected.
pub fn is_of_group(stream: &impl AsFd, gid: Gid) -> bool {
    getsockopt(stream, PeerCredentials).is_ok_and(|caller| Gid::from_raw(caller.gid()) == gid)
}

/// Whether a process of our own user, or of root, has connected. If the kernel does not say who it is, it is neither.
pub fn is_ours(stream: &impl AsFd) -> bool {
    getsockopt(stream, PeerCredentials)
        .map(|caller| Uid::from_raw(caller.uid()))
        .is_ok_and(|uid| uid.is_root() || uid == Uid::effective())
}
