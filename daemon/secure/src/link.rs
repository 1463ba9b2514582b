//! One link: a connection with its channels. It says what they come to; who else there is, it does not know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn_proto::{
    Connection, ConnectionClose, ConnectionError, ConnectionEvent, ConnectionHandle, Dir, EndpointEvent,
    Event, StreamEvent, StreamId, Transmit, TransportErrorCode, VarInt,
};
use rustls::pki_types::CertificateDer;
use simp_proto::secure::{Broken, ChannelId, Frame, KeyId};

use crate::channel::{Channel, Next, Outgoing};
use crate::channel_event::ChannelEvent;
use crate::gate::Pass;
use crate::guarded::Guarded;
use crate::identity::key_id;
use crate::outlet::Outlet;
use crate::transport::CHANNELS;

/// How long we wait for the first sign of somebody whom we call.
const ANSWER_AFTER: Duration = Duration::from_secs(1);

/// How long a handshake may take: the network may lose much of it.
const HANDSHAKE_AFTER: Duration = Duration::from_secs(5);

/// The same for one that a peer has begun. Longer, so that it is the peer who gives up, and knows it.
const THEIR_HANDSHAKE_AFTER: Duration = Duration::from_secs(10);

/// Bytes for each byte of somebody who may not be where it says (RFC 9000 8.1).
const UNPROVED_FACTOR: u64 = 3;

/// Bytes of the first datagram, at least (RFC 9000 14.1).
const FIRST_LEN: u64 = 1_200;

/// Most bytes of frames that are not whole on all channels of a link: no daemon that speaks as we do has so many.
const HELD_MAX: usize = 5 << 20;

/// The same for all links. If there are more, whoever has a large share of them has to come again.
const HELD_OF_ALL_MAX: usize = 64 << 20;

/// What is no large share.
const HELD_FREELY: usize = 64 << 10;

/// Who has begun it.
#[derive(Debug)]
pub(crate) enum Side {
    /// We, to this address.
    Ours(SocketAddr),
    /// The peer.
    Theirs(Pass),
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The handshake is under way.
    Making { since: Instant },
    /// The peer has this key.
    Made(KeyId),
    /// No channel can use it any more.
    Over(Broken),
}

/// A peer that may be gone: unless something comes until then, it is.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    received: u64,
    until: Instant,
}

/// One link.
pub(crate) struct Link {
    pub(crate) handle: ConnectionHandle,
    pub(crate) side: Side,
    connection: Guarded,
    phase: Phase,
    /// Where the peer was when it had shown its key.
    made_at: Option<SocketAddr>,
    doubt: Option<Doubt>,
    channels: BTreeMap<ChannelId, Channel>,
    /// What was written to channels before they were closed.
    rests: Vec<Outgoing>,
    /// Bytes of frames that are not whole, as the outlet counts them.
    held: usize,
    /// As the endpoint has it.
    pub(crate) deadline: Option<Instant>,
    /// It is among those that may have something to transmit.
    pub(crate) is_touched: bool,
}

impl Link {
    pub(crate) fn new(now: Instant, handle: ConnectionHandle, connection: Connection, side: Side) -> Self {
        Self {
            handle,
            side,
            connection: Guarded::new(connection),
            phase: Phase::Making { since: now },
            made_at: None,
            doubt: None,
            channels: BTreeMap::new(),
            rests: Vec::new(),
            held: 0,
            deadline: None,
            is_touched: false,
        }
    }

    /// Whether a channel to this address, and key, can be one of this link.
    pub(crate) fn serves(&self, to: SocketAddr, expects: Option<KeyId>) -> bool {
        let serves = match (self.phase, &self.side) {
            (Phase::Making { .. }, Side::Ours(address)) => *address == to,
            (Phase::Making { .. }, Side::Theirs(_)) => false,
            (Phase::Made(key), _) => {
                self.address() == Some(to) && expects.is_none_or(|expected| expected == key)
            }
            (Phase::Over(_), _) => false,
        };
        serves && self.channels.len() < CHANNELS as usize
    }

    /// Where the peer's datagrams come from.
    fn address(&self) -> Option<SocketAddr> {
        self.connection.look(Connection::remote_address)
    }

    /// Datagrams of the peer.
    fn received(&self) -> u64 {
        self.connection.look(|connection| connection.stats().udp_rx.datagrams).unwrap_or_default()
    }

    /// One more channel of ours.
    pub(crate) fn open(&mut self, now: Instant, id: ChannelId, expects: Option<KeyId>, outlet: &mut Outlet) {
        self.channels.insert(id, Channel::wanted(expects));
        if let Phase::Made(key) = self.phase {
            outlet.events.push_back(ChannelEvent::Opened { channel: id, key });
            // It may have been idle for long, and nobody is there any more.
            self.doubt(now);
        }
    }

    /// Whether datagrams to this address are those of this link.
    pub(crate) fn is_to(&self, to: SocketAddr) -> bool {
        self.address() == Some(to)
    }

    /// The network says that the peer cannot be reached, which may be true or not. Says whether the link has to be given up.
    pub(crate) fn hear_unreachable(&mut self, now: Instant) -> bool {
        match (self.phase, &self.side) {
            (Phase::Making { .. }, Side::Ours(_)) => self.received() == 0,
            (Phase::Made(_), _) => {
                self.doubt(now);
                false
            }
            (Phase::Making { .. }, Side::Theirs(_)) | (Phase::Over(_), _) => false,
        }
    }

    /// It may be no more: it has to answer soon.
    pub(crate) fn doubt(&mut self, now: Instant) {
        if self.doubt.is_none() {
            let received = self.received();
            let rtt = self.connection.call(|connection| {
                connection.ping();
                connection.rtt()
            });
            let patience = ANSWER_AFTER.max(4 * rtt.unwrap_or_default());
            self.doubt = Some(Doubt { received, until: now + patience });
        }
    }

    /// Puts a frame with those that are to go.
    pub(crate) fn write(&mut self, id: ChannelId, frame: &Frame, outlet: &mut Outlet) {
        if let Some(channel) = self.channels.get_mut(&id)
            && let Err(why) = channel.write(frame)
        {
            self.break_channel(id, why, outlet);
            outlet.broken(id, why);
        }
    }

    /// Ends a channel after what was written to it. Says whether nobody wants the link, which is not made yet.
    pub(crate) fn close(&mut self, id: ChannelId, outlet: &mut Outlet) -> bool {
        let Some(channel) = self.channels.remove(&id) else { return false };
        self.count_held(outlet);
        if !matches!(self.phase, Phase::Over(_)) {
            let rest = self.connection.call(|connection| channel.close(connection));
            self.rests.extend(rest.flatten());
        }
        matches!(self.phase, Phase::Making { .. }) && self.channels.is_empty() && self.rests.is_empty()
    }

    /// From now on the channel is not read, or is again.
    pub(crate) fn pause(&mut self, id: ChannelId, is_paused: bool, outlet: &mut Outlet) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.is_paused = is_paused;
            if !is_paused {
                outlet.ready(id, channel);
            }
        }
    }

    /// The next of a channel that is ready.
    pub(crate) fn read(&mut self, id: ChannelId, outlet: &mut Outlet) -> Next {
        let Some(channel) = self.channels.get_mut(&id) else { return Next::Nothing };
        channel.is_ready = false;
        let next = match channel.is_paused {
            true => None,
            false => self.connection.call(|connection| channel.read(connection)),
        };
        let held = channel.held();
        self.count_held(outlet);
        let next = match (next, self.phase) {
            (Some(next @ (Next::Frame(_) | Next::Broken(_))), _) => next,
            // All that has come before the end has been read, or nobody wanted to.
            (_, Phase::Over(why)) => Next::Broken(why),
            _ if self.held > HELD_MAX => Next::Broken(Broken::Misused),
            _ if outlet.held > HELD_OF_ALL_MAX && held > HELD_FREELY => Next::Broken(Broken::Lost),
            _ => Next::Nothing,
        };
        if let Next::Broken(why) = next {
            self.break_channel(id, why, outlet);
        }
        next
    }

    fn count_held(&mut self, outlet: &mut Outlet) {
        let held = self.channels.values().map(Channel::held).sum();
        outlet.held = outlet.held - self.held + held;
        self.held = held;
    }

    /// Marks a channel as one that has more.
    pub(crate) fn ready(&mut self, id: ChannelId, outlet: &mut Outlet) {
        if let Some(channel) = self.channels.get_mut(&id) {
            outlet.ready(id, channel);
        }
    }

    fn break_channel(&mut self, id: ChannelId, why: Broken, outlet: &mut Outlet) {
        if let Some(channel) = self.channels.remove(&id) {
            self.connection.call(|connection| channel.give_up(connection, why));
        }
        self.count_held(outlet);
    }

    /// What the library has for the link.
    pub(crate) fn handle_event(&mut self, event: ConnectionEvent) {
        self.connection.call(|connection| connection.handle_event(event));
    }

    /// What the link has for the library.
    pub(crate) fn poll_endpoint_event(&mut self) -> Option<EndpointEvent> {
        self.connection.call(Connection::poll_endpoint_events).flatten()
    }

    /// Something is due. Says whether the link has to be given up.
    pub(crate) fn handle_timeout(&mut self, now: Instant, outlet: &mut Outlet) -> bool {
        self.connection.call(|connection| connection.handle_timeout(now));
        if let Some(doubt) = self.doubt
            && now >= doubt.until
        {
            self.doubt = None;
            if self.received() == doubt.received {
                self.shut(now, Broken::Lost, outlet);
            }
        }
        self.phase_deadline().is_some_and(|deadline| now >= deadline)
    }

    /// When something is due.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        let library = self.connection.call(Connection::poll_timeout).flatten();
        let doubt = self.doubt.map(|doubt| doubt.until);
        [library, doubt, self.phase_deadline()].into_iter().flatten().min()
    }

    fn phase_deadline(&self) -> Option<Instant> {
        let Phase::Making { since } = self.phase else { return None };
        let patience = match self.side {
            Side::Ours(_) if self.received() == 0 => ANSWER_AFTER,
            Side::Ours(_) => HANDSHAKE_AFTER,
            Side::Theirs(_) => THEIR_HANDSHAKE_AFTER,
        };
        Some(since + patience)
    }

    /// The next to transmit, in `buf`.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        segments: usize,
        buf: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let (channels, rests) = (&mut self.channels, &mut self.rests);
        let is_made = matches!(self.phase, Phase::Made(_));
        let transmit = self.connection.call(|connection| {
            if is_made {
                channels.values_mut().for_each(|channel| channel.flow(connection));
                rests.retain_mut(|rest| rest.flow_to_end(connection));
            }
            connection.poll_transmit(now, segments.max(1), buf)
        });
        // As lost: it comes again when the peer has said more.
        transmit.flatten().filter(|_| !self.is_too_much())
    }

    /// Whether more was said to a peer that has proved nothing than may be. The library lets one datagram too many out.
    fn is_too_much(&self) -> bool {
        let (Phase::Making { .. }, Side::Theirs(_)) = (self.phase, &self.side) else { return false };
        let stats = self.connection.look(|connection| connection.stats());
        // The first datagram is not among those counted.
        stats.is_some_and(|stats| stats.udp_tx.bytes > UNPROVED_FACTOR * (FIRST_LEN + stats.udp_rx.bytes))
    }

    /// Takes in what the connection has come to.
    pub(crate) fn settle(&mut self, now: Instant, outlet: &mut Outlet) {
        while let Some(Some(event)) = self.connection.call(Connection::poll) {
            match event {
                Event::Connected => self.note_made(now, outlet),
                Event::ConnectionLost { reason } => {
                    let why = self.why(&reason);
                    tracing::debug!(link = %reason);
                    // By then the library has asked for the proof of any new address, and gone back without.
                    if reason == ConnectionError::TimedOut {
                        self.tell_moved(outlet);
                    }
                    self.end(why, outlet);
                }
                Event::Stream(StreamEvent::Opened { .. }) => self.take_in(outlet),
                Event::Stream(StreamEvent::Readable { id }) => self.note_readable(id, outlet),
                _ => {}
            }
        }
        if !self.connection.is_whole() {
            self.end(Broken::Lost, outlet);
        }
    }

    fn tell_moved(&self, outlet: &mut Outlet) {
        let Some(address) = self.address().filter(|address| self.made_at.is_some_and(|was| was != *address))
        else {
            return;
        };
        let moved = self.channels.keys().map(|id| ChannelEvent::Moved { channel: *id, address });
        outlet.events.extend(moved);
    }

    fn note_made(&mut self, now: Instant, outlet: &mut Outlet) {
        self.made_at = self.address();
        let key = self.connection.look(peer_key).flatten();
        let Some(key) = key.filter(|key| *key != outlet.own) else {
            return self.shut(now, key.map_or(Broken::NoAnswer, Broken::OtherKey), outlet);
        };
        self.phase = Phase::Made(key);
        self.rests.retain(|rest| rest.suits(key));
        self.channels.retain(|id, channel| {
            let suits = channel.suits(key);
            match suits {
                true => outlet.events.push_back(ChannelEvent::Opened { channel: *id, key }),
                false => outlet.broken(*id, Broken::OtherKey(key)),
            }
            suits
        });
        let is_wanted = !self.channels.is_empty() || !self.rests.is_empty();
        if matches!(self.side, Side::Ours(_)) && !is_wanted {
            self.shut(now, Broken::OtherKey(key), outlet);
        }
    }

    fn take_in(&mut self, outlet: &mut Outlet) {
        let Phase::Made(key) = self.phase else { return };
        let Some(address) = self.address() else { return };
        while let Some(Some(stream)) = self.connection.call(|connection| connection.streams().accept(Dir::Bi))
        {
            let id = ChannelId(outlet.next_incoming);
            outlet.next_incoming += 2;
            let mut channel = Channel::incoming(stream);
            outlet.events.push_back(ChannelEvent::Incoming { channel: id, key, address });
            outlet.incoming.push(id);
            outlet.ready(id, &mut channel);
            self.channels.insert(id, channel);
        }
    }

    fn note_readable(&mut self, stream: StreamId, outlet: &mut Outlet) {
        // There are few.
        let found = self.channels.iter_mut().find(|(_, channel)| channel.stream() == Some(stream));
        if let Some((id, channel)) = found {
            outlet.ready(*id, channel);
        }
    }

    /// Tells the peer that the link is over.
    pub(crate) fn shut(&mut self, now: Instant, why: Broken, outlet: &mut Outlet) {
        self.connection.call(|connection| connection.close(now, VarInt::from_u32(0), Bytes::new()));
        self.end(why, outlet);
    }

    /// The link is over; each channel says so after what has come on it.
    pub(crate) fn end(&mut self, why: Broken, outlet: &mut Outlet) {
        if matches!(self.phase, Phase::Over(_)) {
            return;
        }
        self.phase = Phase::Over(why);
        self.doubt = None;
        self.rests.clear();
        for (id, channel) in &mut self.channels {
            outlet.ready(*id, channel);
        }
    }

    /// What the end of the connection means for its channels.
    fn why(&self, reason: &ConnectionError) -> Broken {
        match (self.phase, reason) {
            (Phase::Making { .. }, ConnectionError::ConnectionClosed(ConnectionClose { error_code, .. }))
                if *error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Broken::Refused
            }
            (Phase::Making { .. }, _) => Broken::NoAnswer,
            _ => Broken::Lost,
        }
    }

    /// It ends without a word.
    pub(crate) fn forget(&mut self, why: Broken, outlet: &mut Outlet) {
        self.connection.forget();
        self.end(why, outlet);
    }

    /// The peer's key, if the handshake is done.
    pub(crate) fn key(&self) -> Option<KeyId> {
        match self.phase {
            Phase::Made(key) => Some(key),
            Phase::Making { .. } | Phase::Over(_) => None,
        }
    }

    /// Whether the library still has it.
    pub(crate) fn is_whole(&self) -> bool {
        self.connection.is_whole()
    }

    /// Whether nobody waits for what it has to say.
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }
}

#[cfg(test)]
impl Link {
    /// For what no daemon would do.
    pub(crate) fn connection(&mut self) -> &mut Guarded {
        &mut self.connection
    }

    pub(crate) fn stream_of(&self, id: ChannelId) -> Option<StreamId> {
        self.channels.get(&id).and_then(Channel::stream)
    }
}

/// The key that the peer of a connection has proved to have.
fn peer_key(connection: &Connection) -> Option<KeyId> {
    let identity = connection.crypto_session().peer_identity()?;
    let keys = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    keys.first().map(|key| key_id(key))
}
