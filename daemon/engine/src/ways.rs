//! The way to a peer: over channels or over datagrams. With whoever has a key a chat is secure always, with others if they
//! answer so, and else as our user has set it.

use std::net::SocketAddr;
use std::time::Duration;

use simp_proto::Chat;
use simp_proto::secure::{Broken, KeyId, SecureChat};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::machine::{Machine, Otherwise};
use crate::now::Now;
use crate::policy::Secrecy;

/// How a peer is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over datagrams.
    Plain,
    /// Over channels; whoever is there has to have this key, if one is known.
    Secure(Option<KeyId>),
    /// Over channels, and if nobody answers so over datagrams.
    Either,
}

impl Engine {
    /// How the peer at this address is to be invited; `secure`: how our user wants it, if that was said.
    pub(crate) fn way_to(
        &self,
        now: Now,
        address: SocketAddr,
        secure: Option<bool>,
    ) -> Result<Way, StoreError> {
        let wanted = self.policy.secrecy_with(address);
        let key = self.store.key_of(address)?;
        Ok(match (secure, key) {
            _ if wanted == Secrecy::Off => Way::Plain,
            (Some(false), _) => Way::Plain,
            (Some(true), _) | (None, Some(_)) => Way::Secure(key),
            (None, None) if wanted == Secrecy::Require => Way::Secure(None),
            (None, None) if self.secrecy.no_channels().is_some() => Way::Plain,
            (None, None) if self.policy.pins.of(address).is_some() => Way::Plain,
            (None, None) if self.secrecy.is_plain(now.instant, address) => Way::Plain,
            (None, None) => Way::Either,
        })
    }

    /// There can be no channels in this run, and why: all chats are plain, and with whom that may not be there are none.
    pub fn do_without_channels(&mut self, why: String) {
        self.secrecy.do_without_channels(why);
    }

    /// Why all chats are plain, if our user does not want that.
    pub fn why_plain(&self) -> Option<&str> {
        self.secrecy.no_channels().filter(|_| self.policy.secrecy != Secrecy::Off)
    }

    /// Whether only a secure chat will do with whoever is at this address.
    pub(crate) fn is_to_be_secure(&self, address: SocketAddr) -> Result<bool, StoreError> {
        Ok(match self.policy.secrecy_with(address) {
            Secrecy::Off => false,
            Secrecy::Prefer => self.store.key_of(address)?.is_some(),
            Secrecy::Require => true,
        })
    }

    /// The machine of an invitation that goes this way.
    pub(crate) fn invitation(
        &mut self,
        now: Now,
        address: SocketAddr,
        way: Way,
        expires_after: Duration,
    ) -> Result<Machine, StoreError> {
        let (key, otherwise) = match way {
            Way::Plain => {
                return self.plain_invitation(now, address, expires_after).map(Box::new).map(Machine::Plain);
            }
            Way::Secure(key) => (key, Otherwise::Closed),
            Way::Either => (None, Otherwise::Plain),
        };
        let chat = (self.secrecy.name(), key);
        let chat = SecureChat::invite(now.instant, self.secrecy.me(), chat, expires_after);
        Ok(Machine::Secure(Box::new(chat), otherwise))
    }

    fn plain_invitation(
        &self,
        now: Now,
        address: SocketAddr,
        expires_after: Duration,
    ) -> Result<Chat, StoreError> {
        let known = self.known_of(now, address)?;
        let mut chat = Chat::invite(now.instant, self.policy.us.clone(), known, expires_after);
        if let Some(until) = self.wake.copies_until(now.instant, address) {
            chat.invite_from(until);
        }
        Ok(chat)
    }

    /// Nobody has answered securely: the invitation goes on as a plain one.
    pub(crate) fn fall_back(&mut self, now: Now, key: usize, why: Broken) -> Result<(), StoreError> {
        let Some(ongoing) = self.chats.get(key) else { return Ok(()) };
        let (address, expires_ms) = (ongoing.place.address(), ongoing.times.expires_ms);
        tracing::debug!(chat = ongoing.id, peer = %address, ?why, "not secure");
        self.secrecy.note_plain(now.instant, address);
        let left = Duration::from_millis(expires_ms.map_or(0, |at| at.get().saturating_sub(now.ms)));
        let chat = self.plain_invitation(now, address, left)?;
        self.chats.change(key, |ongoing| {
            ongoing.chat.channel().into_iter().for_each(|channel| self.channels.end(channel));
            ongoing.chat = Machine::Plain(Box::new(chat));
        });
        Ok(())
    }
}
