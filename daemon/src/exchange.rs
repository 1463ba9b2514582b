//! What passes between peers and chats, without sockets and without a clock: an arrival goes to its chat, or to
//! nobody's, and what the chat then says is appended to the log, armed, and put among the outgoing datagrams,
//! which leave after the commit.
//!
//! - here: arrivals and timers. `messages`: what chats say, and our messages. `outbox`: peers that are off.
//! - `ports`: answers from another port than the one that we invited.
//! - `resume`: taking up where the log says that we were.

#[cfg(test)]
mod foreign;
mod messages;
mod outbox;
mod ports;
mod resume;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use outbox::NotCancelled;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use simp_control::{Counters, Peer};
use simp_proto::{Chat, Datagram, DecodeError, Handled, Known, Operation};

use crate::chats::{Chats, Entry};
use crate::config::Config;
use crate::echoes::{DEAD_AFTER, Echoes};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::pins::Pins;
use crate::store::{Store, StoreError};
use crate::wheel::Wheel;

/// Requests that wait at the same time, at most: anybody can make them.
const REQUESTS_MAX: usize = 64;

/// Of those, requests of one host.
const REQUESTS_PER_HOST_MAX: usize = 8;

/// The longest that an invitation lasts: a day. A clock that jumped back makes none longer.
pub const INVITATION_MAX: Duration = Duration::from_secs(86_400);

/// The text that a stranger's chat datagram is answered with (SIMP 5).
const NO_CHAT: &str = "No chat with you";

/// The text that an invitation is answered with while there are as many chats as allowed (SIMP 5).
const BUSY: &str = "User already in another chat";

/// One moment, on both clocks. Read once per turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For people: milliseconds since 1970. It may jump.
    pub ms: u64,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy)]
pub enum Timer {
    /// A chat's deadline.
    Chat(usize),
    /// A peer is invited again for the outbox.
    Invite(SocketAddr),
    /// A message in the outbox is given up.
    Expire(u64),
    /// A client owes us something.
    Client(usize),
    /// The disk is tried again.
    Disk,
    /// Old entries of the log are looked for.
    Retention,
}

/// Datagrams that leave after the commit.
#[derive(Debug, Default)]
pub struct Outgoing {
    datagrams: Vec<(SocketAddr, Option<IpAddr>, Range<usize>)>,
    bytes: Vec<u8>,
}

impl Outgoing {
    fn push(&mut self, to: SocketAddr, local: Option<IpAddr>, datagram: &Datagram) {
        let start = self.bytes.len();
        datagram.encode(&mut self.bytes);
        self.datagrams.push((to, local, start..self.bytes.len()));
    }

    /// To whom, from which of our addresses, and the bytes; in order.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, Option<IpAddr>, &[u8])> {
        let bytes = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.datagrams.iter().map(move |(to, local, range)| (*to, *local, bytes(range)))
    }

    /// They have left, or never will.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.bytes.clear();
    }
}

/// All chats, their log, and what belongs to both.
#[derive(Debug)]
pub struct Exchange {
    pub config: Config,
    /// How some peers speak by simpd.toml.
    pub pins: Pins,
    pub address: SocketAddr,
    pub store: Store,
    pub chats: Chats,
    pub outbox: Outbox,
    pub wheel: Wheel<Timer>,
    pub limits: Limits,
    pub counters: Counters,
    pub outgoing: Outgoing,
    echoes: Echoes,
    /// Until when peers of chats that are over may end them once more.
    farewells: Echoes,
    /// Whether there was no room for a further chat when this was last looked at.
    was_full: bool,
    /// A peer of the outbox may be waiting for room.
    is_room_wanted: bool,
    /// The first of them has just begun to.
    is_hurried: bool,
}

impl Exchange {
    /// With no chats yet; see [`Exchange::resume`]. `random` is any number.
    pub fn new(now: Now, config: Config, address: SocketAddr, store: Store, random: u64) -> Self {
        Self {
            config,
            pins: Pins::default(),
            address,
            store,
            chats: Chats::default(),
            outbox: Outbox::new(random),
            wheel: Wheel::new(now.instant),
            limits: Limits::new(now.instant),
            counters: Counters::default(),
            outgoing: Outgoing::default(),
            echoes: Echoes::default(),
            farewells: Echoes::default(),
            was_full: false,
            is_room_wanted: false,
            is_hurried: false,
        }
    }

    /// Whether there are as many chats as allowed.
    pub fn is_full(&self) -> bool {
        self.chats.count() >= self.config.max_chats
    }
}

/// Input from the network, and from the clock.
impl Exchange {
    /// A datagram came.
    pub fn handle_arrival(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: Result<Datagram, DecodeError>,
    ) -> Result<(), StoreError> {
        self.counters.datagrams_in += 1;
        let refused = &mut self.counters.refused;
        let datagram = match datagram {
            _ if from.port() == 0 => {
                refused.port += 1;
                return Ok(());
            }
            Ok(datagram) => datagram,
            Err(error) => {
                *match error {
                    DecodeError::Short => &mut refused.short,
                    DecodeError::Type => &mut refused.r#type,
                    DecodeError::Operation => &mut refused.operation,
                } += 1;
                tracing::debug!("datagram refused from={from} reason={error}");
                return Ok(());
            }
        };
        tracing::debug!(
            "datagram from={from} operation={:?} seq={} odd={}",
            datagram.operation,
            datagram.seq,
            datagram.deviations
        );
        let there = self.chats.at(from);
        let Some(key) =
            there.map_or_else(|| self.move_invitation(now, from, &datagram), |key| Ok(Some(key)))?
        else {
            return self.handle_stranger(now, from, local, &datagram, None);
        };
        if self.is_full() && self.withdraw(now, key)? {
            return Ok(());
        }
        let may_be_late = self.farewells.until(now.instant, from).is_some();
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        // Soon after a chat, an ACK is one of its FIN: an acceptance only of one that is known to accept so.
        if may_be_late
            && datagram.operation == Operation::Ack
            && entry.chat.would_take_for_acceptance(&datagram)
        {
            self.counters.ignored += 1;
            return Ok(());
        }
        entry.local = local;
        let copies_live_until = entry.chat.copies_live_until();
        let handled = entry.chat.handle_datagram(now.instant, &datagram);
        self.drain(now, key)?;
        match handled {
            Handled::Accepted => {}
            Handled::Duplicate => self.counters.duplicates += 1,
            Handled::Ignored => self.counters.ignored += 1,
            Handled::InvitesAnew => {
                return self.handle_stranger(now, from, local, &datagram, copies_live_until);
            }
        }
        Ok(())
    }

    /// Nothing listens at this address, or no way leads there.
    pub fn handle_unreachable(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        let Some(key) = self.chats.at(address) else { return Ok(()) };
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.handle_unreachable();
        }
        self.drain(now, key)
    }

    /// A chat's deadline has come, or the time at which we leave it by ourselves.
    pub fn handle_timeout(&mut self, now: Now, key: usize) -> Result<(), StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        entry.timer = None;
        if entry.chat.handle_timeout(now.instant) {
            self.counters.retransmitted += 1;
        }
        self.leave_if_due(now, key);
        self.drain(now, key)
    }

    /// A datagram from an address that we have no chat with (SIMP 2, 5). Of one that has just ended, copies may
    /// be under way.
    fn handle_stranger(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        match datagram.operation {
            Operation::Syn => return self.handle_invitation(now, from, local, datagram, copies_live_until),
            // A SYN+ACK to an invitation that we gave up: its sender is told the same way.
            Operation::Chat | Operation::SynAck if self.limits.allow_notice(now.instant, from) => {
                self.refuse(now, from, local, NO_CHAT);
            }
            Operation::Fin | Operation::ErrFin if self.limits.allow_answer(now.instant) => {
                let answer = self.known_of(now, from)?.dialect.answer_to_fin();
                self.answer(from, local, answer, datagram.seq, "");
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
        from: SocketAddr,
        local: Option<IpAddr>,
        syn: &Datagram,
        copies_live_until: Option<Instant>,
    ) -> Result<(), StoreError> {
        let full = self.is_full();
        let peer = Peer { user: syn.user.as_str().to_owned(), address: from.to_string() };
        // Whoever has messages in the outbox is to be let in: we would invite it ourselves.
        let accept = !full && (self.config.accept.allows(&peer) || self.outbox_wants(from));
        if full {
            if self.limits.allow_answer(now.instant) {
                self.refuse(now, from, local, BUSY);
            } else {
                self.counters.refused.rate += 1;
            }
            return Ok(());
        }
        // One that finds no room is not busy: it gets no answer, and its SYN comes again.
        let room = accept
            || (self.chats.requests() < REQUESTS_MAX
                && self.chats.requests_of(from.ip()) < REQUESTS_PER_HOST_MAX);
        if !room || !self.limits.allow_request(now.instant) {
            self.counters.refused.rate += 1;
            return Ok(());
        }
        let known = self.known_of(now, from)?;
        let mut chat = Chat::invited(now.instant, self.config.user, self.config.chat, known, syn);
        if let Some(until) = copies_live_until {
            chat.answer_from(until);
        }
        let key = self.insert_chat(now, from, local, chat, self.config.chat.request_expiry);
        if accept {
            // The machine has just been made: it is invited.
            let _ = self.chats.get_mut(key).map(|entry| entry.chat.accept(now.instant));
        }
        self.drain(now, key)
    }

    /// ERR with this text, and FIN, which will be acknowledged.
    fn refuse(&mut self, now: Now, to: SocketAddr, local: Option<IpAddr>, text: &str) {
        self.echoes.note(now.instant, to, now.instant + DEAD_AFTER);
        self.answer(to, local, Operation::Err, 0, text);
        self.answer(to, local, Operation::Fin, 0, "");
    }

    fn answer(&mut self, to: SocketAddr, local: Option<IpAddr>, operation: Operation, seq: u8, text: &str) {
        let payload = text.as_bytes().to_vec();
        self.outgoing.push(to, local, &Datagram::new(operation, seq, self.config.user, payload));
    }

    /// What is known of the peer at this address: by simpd.toml, else as earlier chats showed it.
    pub(crate) fn known_of(&self, now: Now, address: SocketAddr) -> Result<Known, StoreError> {
        if let Some(dialect) = self.pins.of(address) {
            return Ok(Known { dialect, is_pinned: true, is_stranger: false });
        }
        let known = self.store.known_of(address)?;
        // Of a chat that has just ended datagrams may be under way, also where our user has let it be forgotten.
        let is_stranger = known.is_stranger && self.farewells.until(now.instant, address).is_none();
        Ok(Known { is_stranger, ..known })
    }

    /// Adds a chat that has just begun and ends if it is not answered. Its id comes with the entry that it
    /// begins with.
    pub fn insert_chat(
        &mut self,
        now: Now,
        address: SocketAddr,
        local: Option<IpAddr>,
        mut chat: Chat,
        expires_after: Duration,
    ) -> usize {
        if let Some(until) = self.echoes.until(now.instant, address) {
            chat.hold_until(until);
        }
        self.chats.insert(Entry {
            id: 0,
            address,
            local,
            since_ms: now.ms,
            chat,
            timer: None,
            backlog: 0,
            loaded: 0,
            settled: 0,
            progressed: false,
            expires_ms: Some(now.ms + expires_after.as_millis() as u64),
            has_outbox: false,
            outbox_at: Some(address).filter(|address| self.chats.for_outbox(*address).is_none()),
            for_outbox: false,
            leave_at: None,
            learned: None,
            is_pinned: self.pins.of(address).is_some(),
        })
    }
}
