//! Whoever opens a channel to us, and says hello: a peer of a chat that we have, or one that invites us.

use std::net::SocketAddr;

use simp_control::{Peer, State};
use simp_proto::secure::{ChannelId, Frame, Hello, KeyId, SecureChat, Stands};
use simp_store::StoreError;

use crate::channels::Owner;
use crate::engine::Engine;
use crate::machine::{Machine, Otherwise};
use crate::now::Now;
use crate::ongoing::{Ongoing, WantedBy};
use crate::standing::Standing;

/// What is there with a peer that invites us.
enum Before {
    /// Nothing.
    Nothing,
    /// Our own invitation.
    Invitation(usize),
    /// A chat or a request, which it has forgotten.
    Forgotten(usize),
    /// Where it comes from is a peer with another key.
    Another(KeyId),
}

impl Engine {
    /// The peer with this key has said hello on a channel that it has opened. Its address is that of its SIMP.
    pub(crate) fn meet(
        &mut self,
        now: Now,
        channel: ChannelId,
        (key, address): (KeyId, SocketAddr),
        hello: Hello,
    ) -> Result<(), StoreError> {
        let same = self.chats.with_key(key).filter(|chat| {
            let machine = self.chats.get(*chat).and_then(|ongoing| ongoing.chat.secure());
            machine.is_some_and(|machine| machine.id() == hello.chat)
        });
        // It has messages that we have not sent: our log is an older one, or its is of another.
        let is_ours = hello.received <= self.store.last_id();
        match same {
            Some(chat) if is_ours => self.meet_again(now, channel, chat, (key, address), hello),
            _ if hello.stands == Stands::Inviting => self.meet_inviting(now, channel, (key, address), &hello),
            _ => {
                if let Some(chat) = same {
                    self.end_forgotten(now, chat)?;
                }
                self.send_away(channel, Frame::Bye { reason: Some("no such chat".to_owned()) });
                Ok(())
            }
        }
    }

    fn meet_again(
        &mut self,
        now: Now,
        channel: ChannelId,
        chat: usize,
        (key, address): (KeyId, SocketAddr),
        hello: Hello,
    ) -> Result<(), StoreError> {
        let already = self.already(key, &hello)?;
        self.channels.give(channel, Owner::Chat(chat));
        self.roam(now, chat, address)?;
        self.chats.change(chat, |ongoing| {
            if let Some(machine) = ongoing.chat.secure_mut() {
                machine.handle_incoming(now.instant, channel, hello, already);
            }
        });
        self.settle_if_over(now, chat)
    }

    fn end_forgotten(&mut self, now: Now, chat: usize) -> Result<(), StoreError> {
        self.chats.change(chat, |ongoing| ongoing.chat.end_forgotten());
        self.settle_if_over(now, chat)
    }

    /// Says this to somebody that we have no chat with, and nothing more.
    fn send_away(&mut self, channel: ChannelId, frame: Frame) {
        self.channels.write(channel, frame);
        self.channels.end(channel);
    }

    fn meet_inviting(
        &mut self,
        now: Now,
        channel: ChannelId,
        peer: (KeyId, SocketAddr),
        hello: &Hello,
    ) -> Result<(), StoreError> {
        let (key, address) = peer;
        let me = self.secrecy.me();
        if let Some(reason) = self.other_key(now, peer, &hello.user)? {
            self.send_away(channel, Frame::Bye { reason: Some(reason) });
            return Ok(());
        }
        let mut before = self.before(key, address);
        if let Before::Forgotten(chat) = before
            && !self.is_newly_open(now, chat)
        {
            self.end_forgotten(now, chat)?;
            // That may have been elsewhere.
            before = self.before(key, address);
        }
        match before {
            // Both invite: the invitation of the smaller key counts, if the peer may have heard it, or will.
            Before::Invitation(chat) if me.key < key && self.is_under_way(chat) => {
                self.channels.end(channel);
                Ok(())
            }
            Before::Invitation(chat) => self.meet_halfway(now, channel, chat, peer, hello),
            // Both invited, and this was on its way since before the chat opened. A peer that means it comes again.
            Before::Forgotten(chat) if self.is_newly_open(now, chat) => {
                self.channels.end(channel);
                Ok(())
            }
            Before::Forgotten(chat) => {
                self.end_forgotten(now, chat)?;
                self.take_request(now, channel, peer, hello)
            }
            // It can write that address on its datagrams, which makes it no heir of whoever is there.
            Before::Another(other) => {
                if self.limits.allow_notice(now.instant, address.ip()) {
                    tracing::warn!(peer = %address, %key, expected = %other, "refused: another key than before");
                }
                let reason = "there is a chat with another key at this address".to_owned();
                self.send_away(channel, Frame::Bye { reason: Some(reason) });
                Ok(())
            }
            Before::Nothing => self.take_request(now, channel, peer, hello),
        }
    }

    /// Why a peer with this key is not who it should be, at its address or under its name; nothing if it is.
    fn other_key(
        &mut self,
        now: Now,
        (key, address): (KeyId, SocketAddr),
        user: &str,
    ) -> Result<Option<String>, StoreError> {
        let is_other = |expected: &KeyId| *expected != key;
        let at_address = self.store.key_of(address)?.filter(is_other);
        let (expected, what, who) = match (self.key_of_name(user)?.filter(is_other), at_address) {
            (Some(expected), _) => (expected, "the name has another key", user.to_owned()),
            (None, Some(expected)) if !self.store.is_known(key)? => {
                (expected, "another key than before", address.to_string())
            }
            _ => return Ok(None),
        };
        if self.limits.allow_notice(now.instant, address.ip()) {
            tracing::warn!(peer = %address, %key, %expected, "refused: {what}");
        }
        Ok(Some(format!(
            "another key is known of {who} there (if yours is right, its user there has to forget it: simpctl keys forget {who})"
        )))
    }

    fn before(&self, key: KeyId, address: SocketAddr) -> Before {
        let (its, there) = (self.chats.with_key(key), self.chats.at(address));
        let is_on = |ongoing: &&Ongoing| !ongoing.chat.is_leaving() && !ongoing.chat.is_over_for_us();
        let ongoing = there.and_then(|chat| self.chats.get(chat)).filter(is_on);
        if let Some(other) = ongoing.and_then(Ongoing::peer_key).filter(|other| *other != key) {
            return Before::Another(other);
        }
        let Some(chat) = its.or(there) else { return Before::Nothing };
        match self.chats.get(chat) {
            Some(ongoing) if ongoing.chat.state() == State::Inviting => Before::Invitation(chat),
            Some(_) => Before::Forgotten(chat),
            None => Before::Nothing,
        }
    }

    fn is_under_way(&self, chat: usize) -> bool {
        let machine = self.chats.get(chat).and_then(|it| it.chat.secure());
        machine.is_some_and(|machine| machine.channel().is_some() && !machine.is_untold())
    }

    fn is_newly_open(&self, now: Now, chat: usize) -> bool {
        let machine = self.chats.get(chat).and_then(|it| it.chat.secure());
        machine.is_some_and(|machine| machine.is_newly_open(now.instant))
    }

    /// Our invitation becomes a chat by theirs.
    fn meet_halfway(
        &mut self,
        now: Now,
        channel: ChannelId,
        chat: usize,
        (key, address): (KeyId, SocketAddr),
        hello: &Hello,
    ) -> Result<(), StoreError> {
        let me = self.secrecy.me();
        if self.chats.get(chat).is_some_and(Ongoing::is_unlogged) && self.is_full() {
            self.chats.take_invitation_back(now.instant, chat);
            self.send_away(channel, Frame::Busy);
            return Ok(());
        }
        let already = self.already(key, hello)?;
        let is_key_known = self.store.is_known(key)?;
        let ours = self.chats.get(chat).and_then(|it| it.chat.secure()?.channel());
        ours.into_iter().for_each(|ours| self.channels.end(ours));
        self.channels.give(channel, Owner::Chat(chat));
        self.roam(now, chat, address)?;
        self.chats.change(chat, |ongoing| {
            let machine = SecureChat::met(now.instant, me, (channel, key), hello, already);
            ongoing.chat = Machine::Secure(Box::new(machine), Otherwise::Closed);
            ongoing.noted.is_key_known = is_key_known;
        });
        self.note_likeness(chat)
    }

    /// Takes up an invitation, if there is room for it.
    fn take_request(
        &mut self,
        now: Now,
        channel: ChannelId,
        (key, address): (KeyId, SocketAddr),
        hello: &Hello,
    ) -> Result<(), StoreError> {
        let me = self.secrecy.me();
        let peer = Peer { user: hello.user.clone(), address: address.to_string() };
        let awaited_at = self.awaited_at(key, address)?;
        let accepts = awaited_at.is_some() || self.admits(&peer, Some(key))?;
        let has_room = if accepts { self.make_room(now)? } else { !self.is_full() };
        if !has_room {
            // Whoever is being asked may not be there: it comes again, and hears nothing until then.
            let may_be_room = accepts && self.asking.is_any_asked(&self.chats);
            if may_be_room {
                self.channels.end(channel);
            } else {
                self.send_away(channel, Frame::Busy);
            }
            return Ok(());
        }
        let in_the_way = if accepts { None } else { self.in_the_way_of(address) };
        let is_expected = awaited_at.is_some() || self.expects(address);
        if !self.budgets.take_invitation(now.instant, address.ip(), self.policy.budget, is_expected) {
            self.counters.refused.budget += 1;
            // As if the network had lost it: it comes again.
            self.channels.end(channel);
            return Ok(());
        }
        if let Some(key) = in_the_way {
            self.chats.change(key, |ongoing| ongoing.chat.give_way());
            self.settle_if_over(now, key)?;
        }
        let already = self.already(key, hello)?;
        let is_key_known = self.store.is_known(key)?;
        let machine = SecureChat::invited(now.instant, me, (channel, key), hello, already);
        let wanted_by = if accepts { WantedBy::Peer } else { WantedBy::Users };
        let expires_after = self.policy.us.settings.request_expiry;
        let machine = Machine::Secure(Box::new(machine), Otherwise::Closed);
        let standing = Standing::proved();
        let chat = self.insert(now, (address, None), machine, (wanted_by, standing), expires_after);
        self.channels.give(channel, Owner::Chat(chat));
        if let Some(at) = awaited_at {
            self.chats.deliver_outbox_of(chat, at);
        }
        self.note_likeness(chat)?;
        self.chats.change(chat, |ongoing| {
            ongoing.noted.is_key_known = is_key_known;
            if accepts {
                // The machine has just been made: it is invited.
                _ = ongoing.chat.accept(now.instant);
            }
        });
        Ok(())
    }
}
