//! What all UDP sockets of simpd have in common, whatever goes over them: their options, and the queue of their errors.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{c_int, in_pktinfo, in6_pktinfo, sock_extended_err, sockaddr_in6};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, getsockname, getsockopt, recvmsg,
    setsockopt, socket, sockopt,
};

use super::incoming::Unreachable;
pub(crate) use super::kernel::{canonical, may_be_about_another};
use super::kernel::{to_socket_addr, unreachable};

/// What we ask the kernel to hold for us of what comes, in bytes: some 20,000 small datagrams, for it counts much more than
/// their bytes, and doubles what it is asked for. It grants up to `net.core.rmem_max`, and root may have more. The usual limit
/// has room for about 550, and a lost one costs the chat a whole retransmit wait.
const KERNEL_BUFFER: usize = 8 << 20;

/// What the kernel counts for a small datagram, about.
const KERNEL_DATAGRAM: usize = 768;

/// The same for what leaves. What waits there may not grow old: on a slow way, an ACK would come too late.
const KERNEL_SEND_BUFFER: usize = 128 * 1024;

/// How often in a row a call is repeated because it failed with the error of an earlier datagram.
pub(crate) const REPEATS: u32 = 8;

/// A non-blocking socket for this address, which is still to be bound. `::` serves IPv4 too.
pub(crate) fn open(address: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Datagram, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    if setsockopt(&fd, sockopt::RcvBufForce, &KERNEL_BUFFER).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &KERNEL_BUFFER)?;
    }
    let granted = getsockopt(&fd, sockopt::RcvBuf)?;
    tracing::debug!("{address}: the kernel has room for about {} datagrams", granted / KERNEL_DATAGRAM);
    setsockopt(&fd, sockopt::SndBuf, &KERNEL_SEND_BUFFER)?;
    // Also if it is on no interface yet, or no more. On an IPv6 socket too.
    setsockopt(&fd, sockopt::IpFreebind, &true)?;
    // On an IPv6 socket too: errors of IPv4 destinations come under the IPv4 option.
    setsockopt(&fd, sockopt::Ipv4RecvErr, &true)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6RecvErr, &true)?;
        setsockopt(&fd, sockopt::Ipv6V6Only, &!address.ip().is_unspecified())?;
    }
    Ok(fd)
}

/// Binds it; says to what, which is another port if that was 0.
pub(crate) fn bind(fd: &OwnedFd, address: SocketAddr) -> nix::Result<SocketAddr> {
    nix::sys::socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    let bound = getsockname::<SockaddrStorage>(fd.as_raw_fd())?;
    Ok(to_socket_addr(&bound).unwrap_or(address))
}

/// Passes every destination found unreachable since the last call to `sink`. Never blocks.
///
/// # Errors
/// Only what no repetition can cure.
pub(crate) fn receive_errors(fd: &OwnedFd, sink: &mut impl FnMut(Unreachable)) -> io::Result<()> {
    // The error comes after all else that the socket was told to say of datagrams: addresses, marks of both families, lengths.
    let mut control =
        cmsg_space!((sock_extended_err, sockaddr_in6), in6_pktinfo, in_pktinfo, c_int, c_int, c_int);
    loop {
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        match recvmsg(fd.as_raw_fd(), &mut [], Some(&mut control), flags) {
            Ok(message) => {
                if let Some(unreachable) = unreachable(&message) {
                    sink(unreachable);
                }
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// `ip` as a socket with this address has to write it. An IPv6 address on an IPv4 socket stays; the kernel refuses it.
pub(crate) fn in_family_of(local: SocketAddr, ip: IpAddr) -> IpAddr {
    match (local, ip) {
        (SocketAddr::V6(_), IpAddr::V4(ip)) => ip.to_ipv6_mapped().into(),
        (SocketAddr::V6(_), IpAddr::V6(_)) => ip,
        (SocketAddr::V4(_), ip) => ip.to_canonical(),
    }
}
