//! Where the peer of a chat is, in little memory: ten thousand chats have one each, and most of them are the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// Where a peer is, and where the outbox knows it.
#[derive(Debug)]
pub struct Place {
    way: Way,
    /// Of most peers there is nothing: the outbox knows them where they are.
    elsewhere: Option<Box<Elsewhere>>,
}

/// Where a peer transmits from, and which of our addresses it addressed, if we receive on several.
#[derive(Debug)]
enum Way {
    V4 { ip: Ipv4Addr, port: u16, local: Option<Ipv4Addr> },
    Any(Box<(SocketAddr, Option<IpAddr>)>),
}

/// Where the outbox knows a peer, if not at its address.
#[derive(Debug, Clone, Copy)]
enum Elsewhere {
    /// Where it was before.
    At(SocketAddr),
    /// Nowhere: what is kept for its address is delivered in another chat.
    Nowhere,
}

impl Place {
    /// That of a peer which transmits from this address, to this one of ours. `outbox_at`: where the outbox knows it, if it
    /// does.
    pub fn new(address: SocketAddr, local: Option<IpAddr>, outbox_at: Option<SocketAddr>) -> Self {
        let mut place = Self { way: Way::new(address, local), elsewhere: None };
        place.set_outbox_at(outbox_at);
        place
    }

    /// Where it transmits from.
    pub fn address(&self) -> SocketAddr {
        match &self.way {
            Way::V4 { ip, port, .. } => SocketAddrV4::new(*ip, *port).into(),
            Way::Any(way) => way.0,
        }
    }

    /// Which of our addresses it addressed, if we receive on several.
    pub fn local(&self) -> Option<IpAddr> {
        match &self.way {
            Way::V4 { local, .. } => local.map(IpAddr::V4),
            Way::Any(way) => way.1,
        }
    }

    /// It addresses this one from now on.
    pub fn set_local(&mut self, local: Option<IpAddr>) {
        if self.local() != local {
            self.way = Way::new(self.address(), local);
        }
    }

    /// Where the outbox knows it: its address, or the one that was invited if it answered from another port. `None` if
    /// what is kept for this address is delivered in another chat.
    pub fn outbox_at(&self) -> Option<SocketAddr> {
        match self.elsewhere.as_deref() {
            None => Some(self.address()),
            Some(Elsewhere::At(at)) => Some(*at),
            Some(Elsewhere::Nowhere) => None,
        }
    }

    /// What the outbox has for this address is delivered here.
    pub fn deliver_outbox_of(&mut self, at: SocketAddr) {
        self.set_outbox_at(Some(at));
    }

    /// It transmits from there now. The outbox knows it where it was.
    pub fn move_to(&mut self, address: SocketAddr) {
        let outbox_at = self.outbox_at();
        self.way = Way::new(address, self.local());
        self.set_outbox_at(outbox_at);
    }

    /// The address that was invited, if the peer answered from another port of it.
    pub fn moved_from(&self) -> Option<SocketAddr> {
        match self.elsewhere.as_deref()? {
            Elsewhere::At(at) => Some(*at),
            Elsewhere::Nowhere => None,
        }
    }

    /// Where the peer is invited: its address, or where it was invited before it answered from another port.
    pub fn invited_at(&self) -> SocketAddr {
        self.moved_from().unwrap_or_else(|| self.address())
    }

    fn set_outbox_at(&mut self, at: Option<SocketAddr>) {
        self.elsewhere = match at {
            Some(at) if at == self.address() => None,
            Some(at) => Some(Box::new(Elsewhere::At(at))),
            None => Some(Box::new(Elsewhere::Nowhere)),
        };
    }
}

impl Way {
    fn new(address: SocketAddr, local: Option<IpAddr>) -> Self {
        let (ip, port) = match address {
            SocketAddr::V4(address) => (*address.ip(), address.port()),
            SocketAddr::V6(_) => return Self::Any(Box::new((address, local))),
        };
        match local {
            None => Self::V4 { ip, port, local: None },
            Some(IpAddr::V4(local)) => Self::V4 { ip, port, local: Some(local) },
            Some(IpAddr::V6(_)) => Self::Any(Box::new((address, local))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_it_was_told_of_either_family() {
        let addresses = ["127.0.0.2:7777", "[::1]:7777", "[fe80::1%3]:7777"].map(|it| it.parse().unwrap());
        let ours = [None, Some("127.0.0.1".parse().unwrap()), Some("::2".parse().unwrap())];
        for (address, local) in addresses.into_iter().flat_map(|it| ours.map(|local| (it, local))) {
            let mut place = Place::new(address, None, Some(address));
            place.set_local(local);
            assert_eq!((place.address(), place.local()), (address, local));
            assert_eq!((place.outbox_at(), place.moved_from()), (Some(address), None));
            assert_eq!(place.invited_at(), address);
        }
        assert_eq!(size_of::<Place>(), 24);
    }

    #[test]
    fn the_outbox_knows_a_peer_that_moves_where_it_was_until_it_is_back() {
        let [first, second, third]: [SocketAddr; 3] =
            ["127.0.0.2:7777", "127.0.0.2:9", "[::1]:9"].map(|it| it.parse().unwrap());
        let mut place = Place::new(first, None, Some(first));
        for address in [second, third] {
            place.move_to(address);
            assert_eq!((place.address(), place.outbox_at()), (address, Some(first)));
            assert_eq!((place.moved_from(), place.invited_at()), (Some(first), first));
        }
        place.move_to(first);
        assert_eq!((place.outbox_at(), place.moved_from()), (Some(first), None));

        let mut without = Place::new(second, None, None);
        without.move_to(third);
        assert_eq!((without.outbox_at(), without.moved_from(), without.invited_at()), (None, None, third));
        without.deliver_outbox_of(first);
        assert_eq!((without.outbox_at(), without.moved_from()), (Some(first), Some(first)));
    }
}
