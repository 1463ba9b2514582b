//! A datagram from an address that we have no chat with (SIMP 2, 5).

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::Peer;
use simp_proto::{Chat, Datagram, Operation};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::Origin;
use crate::machine::Machine;
use crate::neighbours::network_of;
use crate::now::Now;
use crate::ongoing::{Ongoing, WantedBy};
use crate::policy::{Accept, Admits, Secrecy};
use crate::standing::Standing;
use crate::wake::DEAD_AFTER;

/// Requests that wait at the same time, at most: anybody can make them.
const REQUESTS_MAX: usize = 64;

/// Of those, requests of one network.
const REQUESTS_PER_NETWORK_MAX: usize = 16;

/// Of those, requests of one host.
const REQUESTS_PER_HOST_MAX: usize = 8;

/// Why a stranger is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It invites us, and there are as many chats as allowed (SIMP 5).
    Busy,
    /// It answers an invitation that is over, or speaks in a chat that is none (SIMP 5).
    NoChat,
    /// Only a secure chat will do: we know a key of whoever is there, or our user wants no others.
    NotSecure,
    /// The same, for a key is trusted for its name.
    NameHasKey,
}

impl Engine {
    /// Answers a stranger as often as `limits` allows. Of a chat that has just ended, copies may be under way until
    /// `copies_live_until`.
    pub(crate) fn handle_stranger(
        &mut self,
        now: Now,
        origin: Origin,
        datagram: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        match datagram.operation {
            Operation::Syn => return self.handle_invitation(now, origin, datagram, copies_live_until),
            // A SYN+ACK answers an invitation that we gave up: its sender learns it the same way.
            Operation::Chat | Operation::SynAck => self.refuse(now, origin, Refusal::NoChat),
            Operation::Fin | Operation::ErrFin => return self.acknowledge_fin(now, origin, datagram.seq),
            Operation::Ack | Operation::Err | Operation::FinAck => self.counters.ignored += 1,
        }
        Ok(())
    }

    fn acknowledge_fin(&mut self, now: Now, origin: Origin, seq: u8) -> Result<(), StoreError> {
        self.asking.forget(origin.from);
        // An ACK that is larger than its FIN counts as a notice.
        let is_allowed = if origin.length >= origin.form.header_len() {
            self.limits.allow_answer(now.instant)
        } else {
            self.limits.allow_notice(now.instant, origin.from.ip())
        };
        if is_allowed {
            let answer = self.known_of(now, origin.from)?.dialect.answer_to_fin();
            self.answer_stranger(now, origin, (answer, origin.form.ack_of_control(seq), ""));
        } else {
            self.counters.refused.rate += 1;
        }
        Ok(())
    }

    /// Takes up an invitation, if there is room for it.
    pub(crate) fn handle_invitation(
        &mut self,
        now: Now,
        origin: Origin,
        syn: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        if self.is_to_be_secure(origin.from)? {
            self.refuse(now, origin, Refusal::NotSecure);
            return Ok(());
        }
        if self.is_name_of_key(origin.from, syn.user.as_str())? {
            self.refuse(now, origin, Refusal::NameHasKey);
            return Ok(());
        }
        let accepts = self.accepts_unasked(origin.from, syn)?;
        // Our user is not asked: whoever has as many chats as allowed is busy (SIMP 5).
        let has_room = if accepts { self.make_room(now)? } else { !self.is_full() };
        if !has_room {
            if !(accepts && self.wait_for_room(origin, syn)) {
                self.refuse(now, origin, Refusal::Busy);
            }
            return Ok(());
        }
        // It cannot be answered before something of the last chat has left. Its SYN comes again.
        if self.outlet.outlives_chat(origin.from) {
            self.counters.ignored += 1;
            return Ok(());
        }
        // An invitation that finds no place is not busy: it gets no answer, and its SYN comes again.
        let in_the_way = if accepts { None } else { self.in_the_way_of(origin.from) };
        if in_the_way.is_some() && !self.limits.allow_giving_way(now.instant) {
            self.counters.refused.rate += 1;
            return Ok(());
        }
        let is_expected = self.expects(origin.from);
        if !self.budgets.take_invitation(now.instant, origin.from.ip(), self.policy.budget, is_expected) {
            self.counters.refused.budget += 1;
            return Ok(());
        }
        if let Some(key) = in_the_way {
            self.chats.change(key, |ongoing| ongoing.chat.give_way());
            self.settle_if_over(now, key)?;
        }
        // From here on it has a place in the log: that is what the limits above are for.
        let known = self.known_of(now, origin.from)?;
        let mut chat = Chat::invited(now.instant, self.policy.us.clone(), known, syn);
        let late = self.wake.copies_until(now.instant, origin.from);
        if let Some(until) = copies_live_until.max(late) {
            chat.answer_from(until);
        }
        let wanted_by = if accepts { WantedBy::Peer } else { WantedBy::Users };
        let standing = Standing::unheard(now.instant, origin.length);
        let expires_after = self.policy.us.settings.request_expiry;
        let place = (origin.from, origin.local);
        let key =
            self.insert(now, place, Machine::Plain(Box::new(chat)), (wanted_by, standing), expires_after);
        self.note_likeness(key)?;
        if accepts {
            self.asking.look_anew();
            // The machine has just been made: it is invited.
            self.chats.change(key, |ongoing| _ = ongoing.chat.accept(now.instant));
        }
        Ok(())
    }

    /// Whether our user need not be asked.
    fn accepts_unasked(&self, from: SocketAddr, syn: &Datagram) -> Result<bool, StoreError> {
        let peer = Peer { user: syn.user.as_str().to_owned(), address: from.to_string() };
        Ok(self.is_awaited(from) || self.admits(&peer, None)?)
    }

    /// Whether our user trusts a key for this name, which nobody can show in a plain chat. Whom our user wants to speak with
    /// in plain chats only is let in.
    fn is_name_of_key(&self, from: SocketAddr, user: &str) -> Result<bool, StoreError> {
        let may_be_secure = self.policy.secrecy_with(from) != Secrecy::Off;
        Ok(may_be_secure && self.key_of_name(user)?.is_some())
    }

    /// Whether our user wants a chat with whoever is at this address. Of an address, for anybody may claim a name.
    pub(crate) fn expects(&self, from: SocketAddr) -> bool {
        let whoever = Peer { user: String::new(), address: from.to_string() };
        self.is_awaited(from)
            || (self.policy.accept != Accept::All
                && self.policy.accept.admits(&whoever, None) != Admits::Nobody)
    }

    /// Whoever has messages in the outbox is to be let in: we would invite it ourselves, unless the peer that is meant
    /// answers from another port.
    pub(crate) fn is_awaited(&self, from: SocketAddr) -> bool {
        self.absent.has(from) && self.chats.for_outbox(from).is_none()
    }

    /// The request that a further one from there takes the place of: where there are enough the oldest gives way, so that
    /// nobody keeps others out for as long as requests last.
    pub(crate) fn in_the_way_of(&self, from: SocketAddr) -> Option<usize> {
        let (host, network) = ((from.ip(), from.ip()), network_of(from.ip()));
        if self.chats.requests_within(host).count() >= REQUESTS_PER_HOST_MAX {
            oldest(self.chats.requests_within(host))
        } else if self.chats.requests_within(network).count() >= REQUESTS_PER_NETWORK_MAX {
            oldest(self.chats.requests_within(network))
        } else if self.chats.requests() >= REQUESTS_MAX {
            oldest(self.chats.all_requests())
        } else {
            None
        }
    }

    /// ERR, which says why, and FIN, which will be acknowledged; once a second for each host.
    pub(crate) fn refuse(&mut self, now: Now, origin: Origin, refusal: Refusal) {
        if !self.limits.allow_notice(now.instant, origin.from.ip()) {
            self.counters.refused.rate += 1;
            return;
        }
        // The FIN is paid for by the datagram that it answers, the ERR is the one that an address gets each second.
        match refusal {
            Refusal::NotSecure => {
                tracing::warn!(peer = %origin.from, "refused: it invites in the clear, and only a secure chat will do");
            }
            Refusal::NameHasKey => {
                tracing::warn!(peer = %origin.from, "refused: it invites in the clear under a name that has a key");
            }
            Refusal::Busy | Refusal::NoChat => {}
        }
        let header_len = origin.form.header_len();
        let has_fin = origin.length >= header_len;
        let text = refusal.text();
        let has_err = match refusal {
            Refusal::Busy | Refusal::NotSecure | Refusal::NameHasKey => true,
            // The FIN says all that its sender has to know.
            Refusal::NoChat => !has_fin || 2 * header_len + text.len() <= 2 * origin.length,
        };
        if has_err {
            self.answer_stranger(now, origin, (Operation::Err, 0, text));
        }
        if has_fin {
            // Its ACK must not pass for that of a message, should there be a chat soon.
            self.wake.note_acks(now.instant, origin.from, now.instant + DEAD_AFTER);
            self.answer_stranger(now, origin, (Operation::Fin, 0, ""));
        }
    }

    fn answer_stranger(&mut self, now: Now, to: Origin, answer: (Operation, u8, &str)) {
        // Of what cannot leave at once, answers to strangers go first.
        if self.outlet.has_room() {
            self.outlet.take();
            self.transmits.answer(now.instant, to, self.policy.us.user, answer);
        } else {
            self.counters.not_transmitted += 1;
        }
    }
}

impl Refusal {
    fn text(self) -> &'static str {
        match self {
            Self::Busy => "User already in another chat",
            Self::NoChat => "No chat with you",
            Self::NotSecure | Self::NameHasKey => "Only secure chats with you",
        }
    }
}

/// The request that has waited longest.
fn oldest<'a>(requests: impl Iterator<Item = (usize, &'a Ongoing)>) -> Option<usize> {
    requests.min_by_key(|(key, ongoing)| (ongoing.times.since_ms, *key)).map(|(key, _)| key)
}
