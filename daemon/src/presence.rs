//! Whether an interface of this machine has the address that we receive on. It may come after us, as with DHCP at boot,
//! and go and come back; an IPv6 address counts once it is known to be nobody else's.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::libc::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, recv,
    socket,
};
use simp_control::Host;

/// What is said of an address that no interface has.
pub fn absence(address: SocketAddr) -> String {
    let host = Host::of(address).by_name();
    format!("no interface has {host} yet: waiting for it (list them: ip address)")
}

/// Watches over our address.
#[derive(Debug)]
pub struct Presence {
    address: SocketAddr,
    /// Tells of every address that comes or goes, and of nothing else.
    changes: OwnedFd,
    is_there: bool,
}

impl Presence {
    /// Looks for it, and watches. `token` is that of [`look_again`](Self::look_again). `None` if we receive on all
    /// addresses: there is always one.
    ///
    /// # Errors
    /// The system does not tell of changes.
    pub fn watch(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Option<Self>> {
        if address.ip().is_unspecified() {
            return Ok(None);
        }
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let changes = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(changes.as_raw_fd(), &NetlinkAddr::new(0, (RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR) as u32))?;
        registry.register(&mut SourceFd(&changes.as_raw_fd()), token, Interest::READABLE)?;
        // Only now, so that no change is missed.
        Ok(Some(Self { address, changes, is_there: is_there(address) }))
    }

    /// Whether an interface has it, as far as we know.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// Some address has come or gone. Returns whether ours has.
    pub fn look_again(&mut self) -> bool {
        // What it was does not matter, nor whether some of it was lost.
        let mut change = [0; 8 * 1024];
        let mut next = || recv(self.changes.as_raw_fd(), &mut change, MsgFlags::MSG_DONTWAIT);
        while matches!(next(), Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR)) {}
        let was_there = std::mem::replace(&mut self.is_there, is_there(self.address));
        was_there != self.is_there
    }
}

/// Whether a socket can be bound there as usual, to any port.
fn is_there(address: SocketAddr) -> bool {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let mut any_port = address;
    any_port.set_port(0);
    let bound = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .and_then(|probe| bind(probe.as_raw_fd(), &SockaddrStorage::from(any_port)));
    // Anything else that is wrong says nothing of the address.
    bound != Err(Errno::EADDRNOTAVAIL)
}
