//! Settings that take effect at a start only.

use std::net::SocketAddr;

use simp_store::Durability;

use crate::group::Group;

/// What takes effect at a start only.
#[derive(Debug, Clone)]
pub struct AtStart {
    /// Where to receive: an address and a port that peers can answer to.
    pub address: SocketAddr,
    /// What a commit survives.
    pub durability: Durability,
    /// How much to log.
    pub log: tracing::Level,
    /// Whether there are secure chats, which need a socket and a key.
    pub is_secure: bool,
    /// Whose members may use this simpd, too.
    pub members: Option<Group>,
    /// Whose members may read what it has.
    pub readers: Option<Group>,
}

impl AtStart {
    /// The settings that another configuration changes, by their names.
    pub fn changed_by(&self, next: &Self) -> impl Iterator<Item = &'static str> {
        let changed = [
            ("address", self.address != next.address),
            ("durability", self.durability != next.durability),
            ("log", self.log != next.log),
            ("secure", self.is_secure != next.is_secure),
            ("socket_group", self.members != next.members),
            ("read_group", self.readers != next.readers),
        ];
        changed.into_iter().filter_map(|(name, has_changed)| has_changed.then_some(name))
    }
}
