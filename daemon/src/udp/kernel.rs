//! How the kernel has addresses, source addresses and errors, and how they become ours.

use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;
use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6};
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, RecvMsg, SockaddrStorage};

use super::incoming::{Received, Unreachable, UnreachableKind};

/// A source address in the form the kernel takes it. An IPv6 socket takes an IPv4 one mapped.
pub(super) enum SourceInfo {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl SourceInfo {
    /// Of a datagram that is to leave from this address.
    pub(super) fn new(ip: IpAddr) -> Self {
        match ip {
            // Only the address is chosen: the interface, if it is 0, is up to the routing table.
            IpAddr::V4(ip) => Self::V4(in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: in_addr { s_addr: 0 },
            }),
            IpAddr::V6(ip) => {
                Self::V6(in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 })
            }
        }
    }

    /// What is passed along with the datagram.
    pub(super) fn control_message(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

/// Errors of datagrams transmitted earlier, which the kernel reports by failing the next call of any kind,
/// once. The same errors can be about the call's own datagram; then they are still there when it is repeated.
pub(crate) fn may_be_about_another(errno: Errno) -> bool {
    use Errno::*;
    matches!(
        errno,
        ECONNREFUSED
            | EHOSTUNREACH
            | EHOSTDOWN
            | ENETUNREACH
            | ENETDOWN
            | ENONET
            | EACCES
            | EMSGSIZE
            | EPROTO
            | ENOPROTOOPT
            | EOPNOTSUPP
    )
}

/// A datagram as it came; `None` if its sender has no IP address.
pub(super) fn received<'a>(message: &RecvMsg<'_, 'a, SockaddrStorage>) -> Option<Received<'a>> {
    let from = message.address.as_ref().and_then(to_socket_addr)?;
    let local =
        message.cmsgs().ok().and_then(|mut messages| messages.find_map(|message| local_address(&message)));
    Some(Received { from, local, bytes: message.iovs().next().unwrap_or_default() })
}

/// The address a datagram was sent to, if an answer can leave from it.
pub(super) fn local_address(message: &ControlMessageOwned) -> Option<IpAddr> {
    let ip = match message {
        // For a broadcast this is the address of the interface it came in by.
        ControlMessageOwned::Ipv4PacketInfo(info) => IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()),
        ControlMessageOwned::Ipv6PacketInfo(info) => IpAddr::from(info.ipi6_addr.s6_addr).to_canonical(),
        _ => return None,
    };
    (!ip.is_unspecified() && !ip.is_multicast()).then_some(ip)
}

/// What an entry of the error queue says of a destination, if it does.
pub(super) fn unreachable(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Unreachable> {
    let to = message.address.as_ref().and_then(to_socket_addr)?;
    let error = message.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            Some(error)
        }
        _ => None,
    })?;
    // Our own kernel's complaints have already failed the call they are about.
    if !matches!(error.ee_origin, SO_EE_ORIGIN_ICMP | SO_EE_ORIGIN_ICMP6) {
        return None;
    }
    let kind = match Errno::from_raw(error.ee_errno as i32) {
        Errno::ECONNREFUSED => UnreachableKind::Port,
        Errno::EHOSTUNREACH | Errno::EHOSTDOWN | Errno::ENONET | Errno::EACCES => UnreachableKind::Host,
        Errno::ENETUNREACH => UnreachableKind::Network,
        // Such as a datagram that is too long for a link: the peer can be reached.
        _ => return None,
    };
    Some(Unreachable { to, kind })
}

/// An address of the kernel as ours; `None` if it is of another family.
pub(super) fn to_socket_addr(raw: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = raw.as_sockaddr_in().map(|v4| SocketAddr::from(*v4));
    v4.or_else(|| raw.as_sockaddr_in6().map(|v6| canonical(SocketAddr::from(*v6))))
}

/// An IPv4-mapped address as IPv4; any other as it is, with its scope.
pub(crate) fn canonical(mut address: SocketAddr) -> SocketAddr {
    address.set_ip(address.ip().to_canonical());
    address
}
