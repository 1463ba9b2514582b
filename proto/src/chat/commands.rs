//! What begins and resumes a chat, and what our user wants of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_values::text::Seq;
use simp_values::{Reason, State};

use super::opening::RING_AFTER;
use super::phase::{Acceptance, Invitee, OpenedBy, Phase};
use super::table::SYN_AGAIN_AFTER;
use super::{Chat, ChatEvent, Known, Snapshot, StateError, Us, words};
use crate::arq::{COPY_LIVES_FOR, MessageId, Outgoing, RETRANSMIT_AFTER, Repeat};
use crate::datagram::{Datagram, Operation};
use crate::dialect::Habit;
use crate::messages::Messages;

impl Chat {
    /// Invites a peer: a chat that is `inviting` until the peer answers or `expires_after` is over.
    pub fn invite(
        now: Instant,
        us: impl Into<Arc<Us>>,
        known: impl Into<Known>,
        expires_after: Duration,
    ) -> Self {
        let known = known.into();
        let expires = (now + expires_after).into();
        // Such a peer may ask its user for each SYN: it gets one.
        let again =
            if known.dialect.behaves_otherwise() { expires } else { (now + SYN_AGAIN_AFTER[0]).into() };
        let syn = Repeat { sent: 1, due: again };
        let invitee = if known.is_stranger { Invitee::Stranger } else { Invitee::Known };
        let phase = Phase::Inviting { syn, expires, invitee };
        let mut chat = Self::new(us.into(), Messages::new(known.dialect()), phase);
        chat.out.transmit(Operation::Syn, Seq::ZERO.field());
        chat
    }

    /// Makes a request of a SYN: a chat that is `invited` until our user answers.
    pub fn invited(now: Instant, us: impl Into<Arc<Us>>, known: impl Into<Known>, syn: &Datagram) -> Self {
        let (us, known) = (us.into(), known.into());
        let expires = (now + us.settings.request_expiry).into();
        let message_max = us.settings.message_max;
        let phase = Phase::Invited { expires, acceptance: Acceptance::SynAck { from: None } };
        let mut chat = Self::new(us, Messages::new(known.dialect()), phase);
        chat.messages.see_form(syn);
        chat.user = syn.user.into();
        if let Some(words) = words(syn, message_max) {
            chat.aside_mut().invitation = Some(words.into_boxed_str());
        }
        if chat.waits_for_ringing(syn) {
            let acceptance = Acceptance::RingAt((now + RING_AFTER).into());
            chat.phase = Phase::Invited { expires, acceptance };
            chat.messages.detector.see_ringing(true);
        }
        chat.out.tell(ChatEvent::Request);
        chat.tell_learned();
        chat
    }

    /// Sends no acceptance before this moment: until then, copies of what we sent in an earlier chat with this
    /// peer may arrive, and would count as messages of the new one (SIMP 6). See
    /// [`copies_live_until`](Self::copies_live_until).
    pub fn answer_from(&mut self, from: Instant) {
        if let Phase::Invited { acceptance: Acceptance::SynAck { from: since }, .. } = &mut self.phase {
            *since = Some(from.into());
        }
    }

    /// Invites no sooner than this moment, for the same reason; no effect once it has.
    pub fn invite_from(&mut self, from: Instant) {
        if let Phase::Inviting { syn, .. } = &mut self.phase
            && self.out.take_back_syn()
        {
            *syn = Repeat { sent: 0, due: from.into() };
        }
    }

    /// Transmits no message of ours before this moment: until then, an ACK may come of what we sent before this
    /// chat, and would pass for that of the message (SIMP 6). See [`acks_until`](Self::acks_until).
    pub fn hold_until(&mut self, until: Instant) {
        self.messages.arq.hold(until, false);
    }

    /// Of a chat that has ended: until when ACKs of what we sent in it may come; `None` if none is missing.
    pub fn acks_until(&self) -> Option<Instant> {
        self.messages.arq.held_until()
    }

    /// Until when copies of a message may be under way that the peer has not acknowledged; `None` if there is
    /// no such message.
    pub fn copies_live_until(&self) -> Option<Instant> {
        match self.phase {
            // It has just been given up.
            Phase::Leaving { dead_at, .. } => Some(dead_at - (RETRANSMIT_AFTER - COPY_LIVES_FOR)),
            _ => self.messages.arq.in_flight().map(|in_flight| in_flight.transmitted + COPY_LIVES_FOR),
        }
    }

    /// Goes on with a chat of an earlier run. Its messages that were not acknowledged are given to
    /// [`send`](Self::send) again; `in_flight` says that there are some. The first message leaves when
    /// its time to be transmitted again has come, for it may have left a moment ago.
    pub fn resume(
        now: Instant,
        us: impl Into<Arc<Us>>,
        snapshot: Snapshot,
        in_flight: bool,
        expires_after: Duration,
    ) -> Option<Self> {
        let due_at_once = Repeat { sent: 0, due: now.into() };
        let expires = (now + expires_after).into();
        let phase = match snapshot.state {
            State::Inviting => {
                let gets_one = snapshot.dialect.behaves_otherwise();
                let syn = if gets_one { Repeat { sent: 1, due: expires } } else { due_at_once };
                Phase::Inviting { syn, expires, invitee: Invitee::Known }
            }
            State::Invited => {
                let rings = snapshot.dialect.has(Habit::Rings);
                let syn_ack = Acceptance::SynAck { from: None };
                let acceptance = if rings { Acceptance::RingAt(now.into()) } else { syn_ack };
                Phase::Invited { expires, acceptance }
            }
            // One has left in the earlier run, so two ACKs may come.
            State::Accepting => {
                Phase::Accepting { syn_ack: Repeat { sent: 1, due: now.into() }, ack_at: None }
            }
            // How it opened is not kept: that matters only soon after, and for that the moment must be known.
            State::Open => Phase::Open { since: None, opened_by: OpenedBy::SynAck },
            State::Closing if in_flight => Phase::Draining { since: None, opened_by: OpenedBy::SynAck },
            State::Closing => {
                let dead_at = (now + RETRANSMIT_AFTER).into();
                Phase::Leaving { fin: due_at_once, dead_at, untold: Some(Reason::Quit) }
            }
            State::Closed => return None,
        };
        let mut messages = Messages::resume(snapshot.dialect, snapshot.seq, snapshot.received);
        if matches!(phase, Phase::Draining { .. }) {
            messages.end_turns();
        }
        let mut chat = Self::new(us.into(), messages, phase);
        chat.user = snapshot.user.into();
        // Whatever left in the earlier run, its ACK must not pass for that of a message of this one.
        chat.messages.arq.hold(now + RETRANSMIT_AFTER, false);
        // It is what is kept already.
        chat.kept.is_outdated = false;
        Some(chat)
    }

    /// From now on nothing is learned of how the peer speaks: our user has said so since the run that the chat is of.
    pub fn pin(&mut self) {
        self.messages.pin();
    }

    /// Accepts the peer's invitation.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `invited`.
    pub fn accept(&mut self, now: Instant) -> Result<(), StateError> {
        match self.phase {
            Phase::Invited { acceptance: Acceptance::RingAt(_) | Acceptance::Message, .. } => {
                self.accept_by_message(now);
                self.tell_learned();
                Ok(())
            }
            Phase::Invited { acceptance: Acceptance::SynAck { from: Some(from) }, .. } if now < from => {
                self.set_phase(Phase::Accepting { syn_ack: Repeat { sent: 0, due: from }, ack_at: None });
                Ok(())
            }
            Phase::Invited { .. } => {
                self.send_syn_ack(now);
                Ok(())
            }
            _ => Err(StateError(self.state())),
        }
    }

    /// Declines the peer's invitation. The chat is `closed` to our user at once, and `closing` until the
    /// peer knows it.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `invited`.
    pub fn decline(&mut self, now: Instant) -> Result<(), StateError> {
        match self.phase {
            Phase::Invited { .. } => {
                self.end_opening(now, Reason::WeDeclined);
                Ok(())
            }
            _ => Err(StateError(self.state())),
        }
    }

    /// Queues a message. It leaves once the chat is open and those before it are acknowledged.
    ///
    /// # Errors
    /// [`StateError`] unless the chat is `open` or about to be.
    pub fn send(&mut self, now: Instant, message: Outgoing) -> Result<(), StateError> {
        match self.phase {
            Phase::Accepting { .. } => self.messages.arq.push(message),
            // A user who knows such peers may write the words that accept: they go once.
            Phase::Open { .. } if self.messages.arq.adopt(&message) => {}
            Phase::Open { .. } => {
                self.messages.arq.push(message);
                self.deliver(now);
                self.tell_learned();
            }
            _ => return Err(StateError(self.state())),
        }
        Ok(())
    }

    /// Takes a message back that has not left yet. False if it is not among those that wait.
    pub fn take_back(&mut self, now: Instant, id: MessageId) -> bool {
        let is_taken = self.messages.take_back(id);
        if is_taken {
            // It may have been the last that a chat that is being left waited for.
            self.leave_if_drained(now);
        }
        is_taken
    }

    /// Sets anew when the invitation ends if it is not answered; without meaning in other states.
    pub fn expire_at(&mut self, at: Instant) {
        let (at, gets_one) = (at.into(), self.dialect().behaves_otherwise());
        if let Phase::Inviting { syn, expires, invitee } = &mut self.phase {
            // If no further SYN is to leave, it stays so.
            let is_last = *invitee == Invitee::Ringing || gets_one;
            syn.due = if is_last { at } else { syn.due };
            *expires = at;
        }
    }

    /// Gives back a queued message that the caller has kept, also to a chat that is `closing`; see
    /// [`resume`](Self::resume). An earlier run may have transmitted it, if it was the first that this had.
    pub fn requeue(&mut self, message: Outgoing, is_of_earlier_run: bool) {
        match is_of_earlier_run {
            true => self.messages.arq.push_resumed(message),
            false => self.messages.arq.push(message),
        }
    }

    /// Leaves the chat: delivers what is queued, unless `at_once`, and tells the peer. An invitation is
    /// taken back and a request declined.
    ///
    /// # Errors
    /// [`StateError`] if the chat is being left already and `at_once` changes nothing.
    pub fn close(&mut self, now: Instant, at_once: bool) -> Result<(), StateError> {
        match self.phase {
            Phase::Inviting { .. } => self.end_opening(now, Reason::Quit),
            Phase::Invited { .. } => self.end_opening(now, Reason::WeDeclined),
            Phase::Open { since, opened_by } if !at_once && self.messages.arq.len() > 0 => {
                self.set_phase(Phase::Draining { since, opened_by });
                self.messages.end_turns();
                self.deliver(now);
            }
            Phase::Open { .. } | Phase::Accepting { .. } => self.leave(now),
            Phase::Draining { .. } if at_once => self.leave(now),
            Phase::Draining { .. } | Phase::Leaving { .. } | Phase::Closed => {
                return Err(StateError(self.state()));
            }
        }
        Ok(())
    }

    /// Forgets a chat that is `closing`: no FIN is repeated any more. For a user who invites the same peer
    /// again before it has answered our FIN.
    pub fn abandon(&mut self) {
        self.give_up(Reason::Quit);
        match self.phase {
            Phase::Closed => {}
            Phase::Leaving { untold, .. } => self.end_leaving(untold),
            _ => self.end(Reason::Quit, None),
        }
    }
}
