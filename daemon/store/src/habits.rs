//! How peers speak, by address: what a chat showed is where the next one begins.

use std::net::SocketAddr;

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::Peer;
use simp_proto::{Dialect, Habit, Known};

use crate::error::StoreError;
use crate::store::Store;

/// Most peers that are remembered: beyond, the one that was heard of longest ago is forgotten, those first that hold to
/// the specification.
const PEERS_MAX: u64 = 10_000;

/// What chats with a peer showed of how it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// The peer.
    pub peer: Peer,
    /// How it speaks.
    pub dialect: Dialect,
    /// When that was kept, in milliseconds since 1970.
    pub seen_ms: u64,
    /// The last entry that our user has read of what it has written.
    pub read: Option<u64>,
}

/// What one peer does is not taken for what another on its host does, if that could lose messages of a plain one, or
/// let it in before our user is asked.
const NOT_OF_A_HOST: [Habit; 5] =
    [Habit::Rings, Habit::StartsAtOne, Habit::NeverAcks, Habit::WantsNoAcks, Habit::SameNumber];

impl Store {
    /// Keeps how the peer at this address speaks.
    pub fn learn(
        &mut self,
        now_ms: u64,
        address: SocketAddr,
        user: &str,
        dialect: Dialect,
    ) -> Result<(), StoreError> {
        self.begin()?;
        let (ip, dialect) = (address.ip().to_string(), dialect.to_string());
        let row = params![address.to_string(), ip, user, now_ms as i64, dialect];
        let change = "UPDATE peers SET ip = ?2, user = ?3, seen = ?4, dialect = ?5 WHERE address = ?1";
        let added = self.change_or_add(change, "INSERT INTO peers VALUES (?1, ?2, ?3, ?5, ?4)", row)?;
        self.note_peers_added(added)
    }

    /// Keeps that there was a chat with the peer at this address, which called itself so, and nothing of how it speaks.
    pub fn meet(&mut self, now_ms: u64, address: SocketAddr, user: &str) -> Result<(), StoreError> {
        self.begin()?;
        let row = params![address.to_string(), address.ip().to_string(), user, now_ms as i64];
        let change = "UPDATE peers SET ip = ?2, user = ?3, seen = ?4 WHERE address = ?1";
        let added = self.change_or_add(change, "INSERT INTO peers VALUES (?1, ?2, ?3, 'plain', ?4)", row)?;
        self.note_peers_added(added)
    }

    fn note_peers_added(&mut self, added: u64) -> Result<(), StoreError> {
        self.extent.bounded.peers += added;
        if self.extent.bounded.peers > PEERS_MAX {
            // By an index. Plain ones go first: whoever is forgotten is taken for plain anyway.
            let oldest = "DELETE FROM peers WHERE rowid = (
                SELECT rowid FROM peers ORDER BY dialect <> 'plain', seen LIMIT 1)";
            self.extent.bounded.peers -= self.write(oldest, [])? as u64;
        }
        Ok(())
    }

    /// How the peer at this address is known to speak; else whoever was heard of last on the same host, and then it is
    /// a stranger. Of a stranger nothing is believed that would lose a message of a plain one.
    pub fn known_of(&self, address: SocketAddr) -> Result<Known, StoreError> {
        // Each part by an index: there may be thousands of one host.
        let sql = "SELECT dialect, 1 FROM peers WHERE address = ?2
            UNION ALL SELECT dialect, 0 FROM (SELECT dialect FROM peers WHERE ip = ?1 ORDER BY seen DESC LIMIT 1)
            LIMIT 1";
        let found = self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let values = [address.ip().to_string(), address.to_string()];
            query.query_row(values, |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))).optional()
        }))?;
        let (dialect, is_itself) = found.unwrap_or_default();
        let mut dialect = Dialect::from_kept(&dialect);
        // On another port of its host there is most likely the same program, started anew; but nothing says so.
        if !is_itself {
            for habit in NOT_OF_A_HOST {
                dialect.set(habit, false);
            }
        }
        Ok(Known { dialect, is_pinned: false, is_stranger: !is_itself })
    }

    /// How peers are known to speak, those with addresses greater than `after` as texts, in this order.
    pub fn peers(&self, after: &str, limit: usize) -> Result<Vec<KnownPeer>, StoreError> {
        let sql = "SELECT address, user, dialect, seen, read FROM peers LEFT JOIN read_marks USING (address)
            WHERE address > ?1 ORDER BY address LIMIT ?2";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map(params![after, limit as i64], known_peer)?.collect()))
    }

    /// Forgets how these peers speak, and returns their addresses.
    pub fn forget_peers(&mut self, is_meant: impl Fn(&Peer) -> bool) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT address, user FROM peers ORDER BY address";
        let all: Vec<Peer> = self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            query.query_map([], |row| Ok(Peer { address: row.get(0)?, user: row.get(1)? }))?.collect()
        }))?;
        let count = all.len();
        let meant: Vec<String> = all.into_iter().filter(is_meant).map(|peer| peer.address).collect();
        self.begin()?;
        if meant.len() == count {
            // Without a condition the pages are given free as they are, and no row is looked at.
            self.write("DELETE FROM peers", [])?;
            self.extent.bounded.peers = 0;
            return Ok(meant);
        }
        for address in &meant {
            self.extent.bounded.peers -=
                self.write("DELETE FROM peers WHERE address = ?1", [address])? as u64;
        }
        Ok(meant)
    }
}

fn known_peer(row: &Row<'_>) -> rusqlite::Result<KnownPeer> {
    Ok(KnownPeer {
        peer: Peer { address: row.get(0)?, user: row.get(1)? },
        dialect: Dialect::from_kept(&row.get::<_, String>(2)?),
        seen_ms: row.get::<_, i64>(3)? as u64,
        read: row.get::<_, Option<i64>>(4)?.map(|read| read as u64),
    })
}
