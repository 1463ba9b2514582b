//! Which chat is with the peer at an address: one look, and a few bytes for each chat, for the addresses are in the chats.

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;

use hashbrown::HashTable;

/// Keys of chats, found by the addresses of their peers. Who is asked must know these.
#[derive(Debug, Default)]
pub struct ByAddress {
    keys: HashTable<u32>,
    /// Of its own in each run: nobody can choose addresses that collide.
    hasher: RandomState,
}

impl ByAddress {
    /// Adds a chat, which must not be here. `address_of` knows the address of each chat that is here.
    pub fn insert(
        &mut self,
        address: SocketAddr,
        key: usize,
        address_of: impl Fn(usize) -> Option<SocketAddr>,
    ) {
        let hash = |address: SocketAddr| self.hasher.hash_one(address);
        // There are never so many chats: the memory for them ends before.
        let short = u32::try_from(key).unwrap_or(u32::MAX);
        let hash_of = |key: &u32| address_of(*key as usize).map_or(0, hash);
        self.keys.insert_unique(hash(address), short, hash_of);
    }

    /// Removes a chat that was added with this address.
    pub fn remove(&mut self, address: SocketAddr, key: usize) {
        let found = self.keys.find_entry(self.hasher.hash_one(address), |other| *other as usize == key);
        if let Ok(found) = found {
            found.remove();
        }
    }

    /// The chat with this address.
    pub fn get(
        &self,
        address: SocketAddr,
        address_of: impl Fn(usize) -> Option<SocketAddr>,
    ) -> Option<usize> {
        let is_it = |key: &u32| address_of(*key as usize) == Some(address);
        self.keys.find(self.hasher.hash_one(address), is_it).map(|key| *key as usize)
    }
}
