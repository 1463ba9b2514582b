//! Which addresses are neighbours: whoever has one of them, or can forge one, easily has all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first and the last address of the network that this one is in: its /24, or with IPv6 its /64.
pub fn network_of(ip: IpAddr) -> (IpAddr, IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let first = u32::from(ip) & !0xff;
            (Ipv4Addr::from(first).into(), Ipv4Addr::from(first | 0xff).into())
        }
        IpAddr::V6(ip) => {
            let hosts = u128::from(u64::MAX);
            let first = u128::from(ip) & !hosts;
            (Ipv6Addr::from(first).into(), Ipv6Addr::from(first | hosts).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_256_addresses_and_with_ipv6_what_one_site_has() {
        for (ip, first, last) in [
            ("10.1.2.3", "10.1.2.0", "10.1.2.255"),
            ("255.255.255.255", "255.255.255.0", "255.255.255.255"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ] {
            let [ip, first, last] = [ip, first, last].map(|ip| ip.parse::<IpAddr>().unwrap());
            assert_eq!(network_of(ip), (first, last));
        }
    }
}
