//! A datagram from an address that we have no chat with (SIMP 2, 5).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use simp_control::Peer;
use simp_proto::{Chat, Datagram, Operation};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::now::Now;
use crate::ongoing::WantedBy;
use crate::policy::Accept;
use crate::wake::DEAD_AFTER;

/// Requests that wait at the same time, at most: anybody can make them.
const REQUESTS_MAX: usize = 64;

/// Of those, requests of one host.
const REQUESTS_PER_HOST_MAX: usize = 8;

/// The text that a stranger's chat datagram or SYN+ACK is answered with (SIMP 5).
const NO_CHAT: &str = "No chat with you";

/// The text that an invitation is answered with while there are as many chats as allowed (SIMP 5).
const BUSY: &str = "User already in another chat";

/// Who sent a datagram, and to which of our addresses if we receive on several.
type Origin = (SocketAddr, Option<IpAddr>);

impl Engine {
    /// Answers a stranger as often as `limits` allows. Of a chat that has just ended, copies may be under way until
    /// `copies_live_until`.
    pub(crate) fn handle_stranger(
        &mut self,
        now: Now,
        from: Origin,
        datagram: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        match datagram.operation {
            Operation::Syn => return self.handle_invitation(now, from, datagram, copies_live_until),
            // A SYN+ACK answers an invitation that we gave up: its sender learns it the same way.
            Operation::Chat | Operation::SynAck if self.limits.allow_notice(now.instant, from.0) => {
                self.refuse(now, from, NO_CHAT);
            }
            Operation::Fin | Operation::ErrFin if self.limits.allow_answer(now.instant) => {
                let answer = self.known_of(now, from.0)?.dialect.answer_to_fin();
                self.answer_stranger(now, from, (answer, datagram.seq, ""));
            }
            Operation::Ack | Operation::Err | Operation::FinAck => self.counters.ignored += 1,
            Operation::Chat | Operation::SynAck | Operation::Fin | Operation::ErrFin => {
                self.counters.refused.rate += 1;
            }
        }
        Ok(())
    }

    fn handle_invitation(
        &mut self,
        now: Now,
        from: Origin,
        syn: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        // Our user is not asked: whoever has as many chats as allowed is busy (SIMP 5).
        if self.is_full() {
            if self.limits.allow_answer(now.instant) {
                self.refuse(now, from, BUSY);
            } else {
                self.counters.refused.rate += 1;
            }
            return Ok(());
        }
        // It cannot be answered before something of the last chat has left. Its SYN comes again.
        if self.outlet.outlives_chat(from.0) {
            self.counters.ignored += 1;
            return Ok(());
        }
        let accepts = self.accepts_unasked(from.0, syn);
        // An invitation that finds no room is not busy: it gets no answer, and its SYN comes again.
        let has_room = accepts
            || (self.chats.requests() < REQUESTS_MAX
                && self.chats.requests_of(from.0.ip()) < REQUESTS_PER_HOST_MAX);
        if !has_room {
            self.counters.refused.rate += 1;
            return Ok(());
        }
        let is_expected = self.expects(from.0);
        if !self.budgets.take_invitation(now.instant, from.0.ip(), self.policy.budget, is_expected) {
            self.counters.refused.budget += 1;
            return Ok(());
        }
        // From here on it has a place in the log: that is what the limits above are for.
        let known = self.known_of(now, from.0)?;
        let mut chat = Chat::invited(now.instant, self.policy.user, self.policy.chat, known, syn);
        if let Some(until) = copies_live_until {
            chat.answer_from(until);
        }
        let expires_after = self.policy.chat.request_expiry;
        let key = self.insert(now, from, chat, WantedBy::Users, expires_after);
        if accepts {
            // The machine has just been made: it is invited.
            self.chats.change(key, |ongoing| _ = ongoing.chat.accept(now.instant));
        }
        Ok(())
    }

    /// Whether our user need not be asked.
    fn accepts_unasked(&self, from: SocketAddr, syn: &Datagram) -> bool {
        let peer = Peer { user: syn.user.as_str().to_owned(), address: from.to_string() };
        self.is_awaited(from) || self.policy.accept.allows(&peer)
    }

    /// Whether our user wants a chat with whoever is at this address. Of an address, for anybody may claim a name.
    fn expects(&self, from: SocketAddr) -> bool {
        let whoever = Peer { user: String::new(), address: from.to_string() };
        self.is_awaited(from) || (self.policy.accept != Accept::All && self.policy.accept.allows(&whoever))
    }

    /// Whoever has messages in the outbox is to be let in: we would invite it ourselves, unless the peer that is meant
    /// answers from another port.
    fn is_awaited(&self, from: SocketAddr) -> bool {
        self.absent.has(from) && self.chats.for_outbox(from).is_none()
    }

    /// ERR with this text, and FIN, which will be acknowledged.
    fn refuse(&mut self, now: Now, to: Origin, text: &str) {
        // Its ACK must not pass for that of a message, should there be a chat soon.
        self.wake.note_acks(now.instant, to.0, now.instant + DEAD_AFTER);
        self.answer_stranger(now, to, (Operation::Err, 0, text));
        self.answer_stranger(now, to, (Operation::Fin, 0, ""));
    }

    fn answer_stranger(&mut self, now: Now, to: Origin, answer: (Operation, u8, &str)) {
        // Of what cannot leave at once, answers to strangers go first.
        if self.outlet.has_room() {
            self.outlet.take();
            self.transmits.answer(now.instant, to, self.policy.user, answer);
        } else {
            self.counters.not_transmitted += 1;
        }
    }
}
