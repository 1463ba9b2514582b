//! What peers claim to be called, and what we know of that.

use simp_control::{KeyId, KeyOwner, Peer};
use simp_proto::secure::Name;
use simp_store::{Likeness, StoreError};

use crate::engine::Engine;
use crate::policy::Admits;

impl Engine {
    /// Notes what is to be known of the name of the peer of a chat.
    pub(crate) fn note_likeness(&mut self, chat: usize) -> Result<(), StoreError> {
        let Some(ongoing) = self.chats.get(chat) else { return Ok(()) };
        let likeness = self.store.likeness(ongoing.chat.user(), ongoing.peer_key())?;
        if likeness.is_some() {
            self.chats.change(chat, |ongoing| ongoing.likeness = likeness.map(Box::new));
        }
        Ok(())
    }

    /// Whether this peer's request is accepted without asking. Not for its name alone, if that is somebody else's.
    pub(crate) fn admits(&self, peer: &Peer, key: Option<KeyId>) -> Result<bool, StoreError> {
        Ok(match self.policy.accept.admits(peer, key) {
            Admits::Nobody => false,
            Admits::ForName => !matches!(self.store.likeness(&peer.user, key)?, Some(Likeness::Same(_))),
            Admits::Peer => true,
        })
    }

    /// The key that our user trusts for this name.
    pub(crate) fn key_of_name(&self, user: &str) -> Result<Option<KeyId>, StoreError> {
        self.store.key_of_owner(&KeyOwner::User(Name::read(user)))
    }
}
