//! Which addresses we can invite.

use std::net::{Ipv4Addr, SocketAddr};

use simp_control::{Address, AddressError, Failure, FailureKind, Host};

use crate::engine::Engine;

impl Engine {
    /// The address of a peer that we can invite.
    ///
    /// # Errors
    /// The text is no address, or that of nobody whom our socket can reach: the line says which.
    pub(crate) fn peer_address(&self, text: &str) -> Result<SocketAddr, Failure> {
        let usage = |line: String| Err(Failure::new(FailureKind::Usage, line));
        let failed = |line: String| Err(Failure::new(FailureKind::Failed, line));
        let ours = self.address;
        let address = match Address::parse(text) {
            Ok(address) => address.socket_address(),
            Err(error) => return usage(format!("{text}: {error}")),
        };
        // An IPv4 address in IPv6 form is the same peer: its answers come from the IPv4 address. And whoever is bound to a
        // link-local address reaches others by no other interface.
        let host = Host::of(address).by_interface_of(ours);
        if host.lacks_interface() {
            let error = AddressError::LacksInterface(host.ip());
            return usage(format!("{text}: {error}"));
        }
        let address = host.with_port(address.port());
        let is_broadcast = address.ip() == Ipv4Addr::BROADCAST;
        if address.ip().is_unspecified() || address.ip().is_multicast() || is_broadcast || address.port() == 0
        {
            return usage(format!("{address}: not the address of one host"));
        }
        // Bound to all addresses, we are on each: of which ones these are, at least the loopback is known.
        let on_all = ours.ip().is_unspecified() && address.ip().is_loopback();
        if address == ours || (on_all && address.port() == ours.port()) {
            return failed(format!("{address}: this is the address of this simpd"));
        }
        // Our socket cannot transmit there: the user would wait for nothing.
        if address.is_ipv6() && ours.is_ipv4() {
            return failed(format!("{address}: this simpd speaks IPv4 only (start one on an IPv6 address)"));
        }
        if address.is_ipv4() && ours.is_ipv6() && !ours.ip().is_unspecified() {
            return failed(format!("{address}: this simpd speaks IPv6 only (start one on an IPv4 address)"));
        }
        Ok(address)
    }
}
