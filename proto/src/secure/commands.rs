//! What begins and resumes a secure chat, and what our user wants of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_values::KeyId;
use simp_values::{Reason, State};

use super::chat::{Me, SecureChat, SecureSnapshot, Them, patience};
use super::frame::{ChannelId, ChatId, Hello};
use super::ours::Letter;
use super::phase::{Carries, Phase, Reach};
use super::way::Way;
use crate::chat::{ChatEvent, StateError};

impl SecureChat {
    /// Invites a peer, which has this key if one is known: a chat that is `inviting` until the peer answers or
    /// `expires_after` is over.
    pub fn invite(
        now: Instant,
        me: Arc<Me>,
        (id, key): (ChatId, Option<KeyId>),
        expires_after: Duration,
    ) -> Self {
        let them = Them { key, user: "".into(), log: "".into() };
        let phase = Phase::Inviting { expires: now + expires_after, reach: Reach::Nobody };
        Self::new(me, id, them, phase, Way::from(now))
    }

    /// Makes a request of the hello of a peer that invites, on a channel that it has opened: a chat that is `invited`
    /// until our user answers. `already`: see [`handle_incoming`](Self::handle_incoming).
    pub fn invited(
        now: Instant,
        me: Arc<Me>,
        (channel, key): (ChannelId, KeyId),
        hello: &Hello,
        already: Vec<u64>,
    ) -> Self {
        let them = Them { key: Some(key), user: "".into(), log: "".into() };
        let phase = Phase::Invited { expires: now + me.settings.request_expiry };
        let mut chat = Self::new(me, hello.chat, them, phase, Way::from(now).up(now, channel));
        chat.out.due.hello = true;
        chat.take_hello(now, hello, already);
        chat.out.events.push_back(ChatEvent::Request);
        chat
    }

    /// Both invite: the chat is open at once, with the name that the peer has given it. Else as
    /// [`invited`](Self::invited).
    pub fn met(
        now: Instant,
        me: Arc<Me>,
        peer: (ChannelId, KeyId),
        hello: &Hello,
        already: Vec<u64>,
    ) -> Self {
        let mut chat = Self::invited(now, me, peer, hello, already);
        // Our user has asked for it, and need not be told of a request.
        chat.out.events.clear();
        chat.open(now, false);
        chat
    }

    /// Goes on with a chat of an earlier run; its messages that were not acknowledged are given to
    /// [`requeue`](Self::requeue). `has_more` says that there are some, or files that are under way: see
    /// [`carry`](Self::carry).
    pub fn resume(
        now: Instant,
        me: Arc<Me>,
        snapshot: SecureSnapshot,
        has_more: bool,
        expires_after: Duration,
    ) -> Option<Self> {
        let expires = now + expires_after;
        let phase = match snapshot.state {
            State::Inviting => {
                let has_answered = !snapshot.them.log.is_empty();
                let reach = if has_answered { Reach::Peer } else { Reach::Perhaps };
                Phase::Inviting { expires, reach }
            }
            State::Invited => Phase::Invited { expires },
            State::Accepting => Phase::Open { since: now, is_known: false },
            State::Open => Phase::Open { since: now, is_known: true },
            State::Closing if has_more => Phase::Draining(Carries::Nothing),
            State::Closing => {
                Phase::Leaving { dead_at: now + patience(me.settings), untold: Some(Reason::Quit) }
            }
            State::Closed => return None,
        };
        let mut chat = Self::new(me, snapshot.id, snapshot.them, phase, Way::from(now));
        chat.out.due.bye = chat.is_leaving();
        chat.theirs.received = snapshot.received;
        chat.out.is_changed = false;
        chat.wait(now);
        Some(chat)
    }

    /// A channel is being opened for it. The caller has seen that it [wants](Self::wants_channel) one.
    pub fn dial(&mut self, channel: ChannelId) {
        self.way = Way::Dialling { channel, failures: self.way.failures() };
    }

    /// Accepts the peer's invitation.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `invited`.
    pub fn accept(&mut self, now: Instant) -> Result<(), StateError> {
        let Phase::Invited { .. } = self.phase else { return Err(StateError(self.state())) };
        self.out.due.accept = self.way.is_up();
        self.open(now, false);
        Ok(())
    }

    pub(super) fn open(&mut self, now: Instant, is_known: bool) {
        self.set_phase(Phase::Open { since: now, is_known });
        self.out.events.push_back(ChatEvent::Opened);
        self.wait(now);
    }

    /// Declines the peer's invitation. The chat is `closed` to our user at once, and `closing` until the peer knows it.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `invited`.
    pub fn decline(&mut self, now: Instant) -> Result<(), StateError> {
        let Phase::Invited { .. } = self.phase else { return Err(StateError(self.state())) };
        self.end_opening(now, Reason::WeDeclined);
        Ok(())
    }

    /// Queues a message, whose number is higher than that of any before it. If it is longer than what the peer has said
    /// that it takes, it is undelivered at once.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `open`.
    pub fn send(&mut self, now: Instant, letter: Letter) -> Result<(), StateError> {
        let Phase::Open { .. } = self.phase else { return Err(StateError(self.state())) };
        self.queue(now, letter, false);
        Ok(())
    }

    /// Gives back a queued message that the caller has kept, also to a chat that is `closing`: if that has none left, it
    /// leaves at its next deadline, which is at once. An earlier run may have transmitted it.
    pub fn requeue(&mut self, now: Instant, letter: Letter, may_have_left: bool) {
        self.queue(now, letter, may_have_left);
    }

    fn queue(&mut self, now: Instant, letter: Letter, may_have_left: bool) {
        self.ours.push(letter, may_have_left);
        self.tell_too_long();
        self.wait(now);
    }

    /// Sets anew when the invitation ends if it is not answered; without meaning in other states.
    pub fn expire_at(&mut self, at: Instant) {
        if let Phase::Inviting { expires, .. } = &mut self.phase {
            *expires = at;
        }
    }

    /// Leaves the chat: delivers what is queued and waits for what it [carries](Self::carry), unless `at_once`, and tells the
    /// peer. An invitation is taken back and a request declined.
    ///
    /// # Errors
    /// [`StateError`] if the chat is being left already and `at_once` changes nothing.
    pub fn close(&mut self, now: Instant, at_once: bool) -> Result<(), StateError> {
        match self.phase {
            Phase::Inviting { .. } => self.end_opening(now, Reason::Quit),
            Phase::Invited { .. } => self.end_opening(now, Reason::WeDeclined),
            Phase::Open { .. } | Phase::Draining(_) if at_once => self.leave_at_once(now),
            Phase::Open { .. } => {
                self.set_phase(Phase::Draining(Carries::Nothing));
                self.wait(now);
            }
            Phase::Draining(_) | Phase::Leaving { .. } | Phase::Closed => {
                return Err(StateError(self.state()));
            }
        }
        Ok(())
    }

    /// One that is being left stays as long as this goes on in it, and the peer gives signs; no effect on any other.
    pub fn carry(&mut self, now: Instant, carries: Carries) {
        if let Phase::Draining(before) = &mut self.phase {
            *before = carries;
            self.wait(now);
        }
    }

    fn leave_at_once(&mut self, now: Instant) {
        self.give_up(Reason::Quit);
        self.leave(now, Some(Reason::Quit));
    }

    /// Ends what was not open yet: our user knows it at once, the peer is told until it answers.
    pub(super) fn end_opening(&mut self, now: Instant, reason: Reason) {
        let is_unheard = self.is_untold();
        self.out.events.push_back(ChatEvent::Closed { reason, text: None });
        if is_unheard { self.set_phase(Phase::Closed) } else { self.leave(now, None) }
    }

    /// Forgets a chat that is `closing`, for a user who invites the same peer again.
    pub fn abandon(&mut self) {
        self.give_up(Reason::Quit);
        match self.phase {
            Phase::Closed => {}
            Phase::Leaving { untold, .. } => self.end_left(untold),
            _ => self.end(Reason::Quit, None),
        }
    }

    /// Ends a request whose place another one needs, as if its time were over; no effect on anything else.
    pub fn give_way(&mut self) {
        if let Phase::Invited { .. } = self.phase {
            // Else it would invite again, and take the place of another in its turn.
            self.out.due.bye = true;
            self.end(Reason::RequestExpired, None);
        }
    }

    /// The peer has forgotten the chat, and invites anew.
    pub fn end_forgotten(&mut self) {
        let reason =
            if let Phase::Invited { .. } = self.phase { Reason::Withdrawn } else { Reason::PeerRestarted };
        self.give_up(reason);
        match self.phase {
            Phase::Closed => {}
            Phase::Leaving { untold, .. } => self.end_left(untold),
            _ => self.end(reason, None),
        }
    }
}
