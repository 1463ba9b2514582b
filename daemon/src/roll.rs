//! For which clients there is something to do. Each is entered anew after whatever has changed it, so that a turn looks at
//! these and at no others: a client that does nothing costs nothing.

use std::collections::BTreeSet;

use simp_engine::ClientId;

use crate::audience::Audience;
use crate::connection::ClientConnection;

/// Clients by what there is to do for them, each list in the order of their keys.
#[derive(Debug, Default)]
pub struct Roll {
    /// Those that were changed since that was asked last: in the order in which they were, and perhaps more than once.
    pub changed: Vec<ClientId>,
    /// A request may come out of these without a further event of their sockets.
    pub asking: BTreeSet<ClientId>,
    /// The same, and the request is one that was held.
    pub holding: BTreeSet<ClientId>,
    /// They have room for entries of the log that they have not been given.
    pub behind: BTreeSet<ClientId>,
    /// They have been given all entries that they want.
    pub audience: Audience,
    /// They follow the log for a consumer, or did until they left.
    pub reading: BTreeSet<ClientId>,
}

impl Roll {
    /// Enters a client as it is now, as one that was changed.
    pub fn enter(&mut self, key: ClientId, client: &mut ClientConnection) {
        if self.changed.last() != Some(&key) {
            self.changed.push(key);
        }
        self.sort(key, client);
    }

    /// The same, but it is none of those that were changed.
    pub fn sort(&mut self, key: ClientId, client: &mut ClientConnection) {
        let (asks, holds) = (client.has_more(), client.holds_request());
        put(&mut self.asking, key, asks && !holds);
        put(&mut self.holding, key, asks && holds);
        put(&mut self.reading, key, client.is_reader());
        self.seat(key, client);
        put(&mut self.behind, key, client.is_behind());
    }

    /// Whoever has all up to where the audience is belongs to it, as long as it follows the log.
    fn seat(&mut self, key: ClientId, client: &mut ClientConnection) {
        match client.follower() {
            None => self.unseat(key, client),
            Some(follower) if follower.cursor == self.audience.upto() && client.is_behind() => {
                self.audience.join(key, &follower.wanted);
                client.set_seated();
            }
            Some(_) => {}
        }
    }

    /// It leaves the audience, if it is there.
    pub fn unseat(&mut self, key: ClientId, client: &mut ClientConnection) {
        if let Some(wanted) = client.fall_behind(self.audience.upto()) {
            self.audience.leave(key, wanted);
        }
    }

    /// Forgets a client that is gone.
    pub fn strike(&mut self, key: ClientId, client: &mut ClientConnection) {
        self.unseat(key, client);
        for list in [&mut self.asking, &mut self.holding, &mut self.behind, &mut self.reading] {
            list.remove(&key);
        }
    }

    /// Those that were changed since this was asked last, each once.
    pub fn take_changed(&mut self) -> Vec<ClientId> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Whether there is something to do that no event will tell.
    pub fn has_work(&self) -> bool {
        !(self.asking.is_empty() && self.holding.is_empty() && self.behind.is_empty())
    }
}

fn put(list: &mut BTreeSet<ClientId>, key: ClientId, belongs: bool) {
    if belongs {
        list.insert(key);
    } else {
        list.remove(&key);
    }
}
