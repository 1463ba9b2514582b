//! All links of a daemon, and the contract with its loop.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::BytesMut;
use quinn_proto::{ConnectionHandle, EcnCodepoint, EndpointEvent, Incoming, Transmit};
use simp_proto::secure::{Broken, ChannelId, Frame, KeyId};

use crate::channel::Next;
use crate::channel_event::ChannelEvent;
use crate::deadlines::Deadlines;
use crate::endpoint_settings::Settings;
use crate::gate::{Gate, Prefix, Verdict};
use crate::identity::Identity;
use crate::library::{Answer, Library, Made};
use crate::link::{Link, Side};
use crate::outlet::{LinkId, Outlet};

/// Answers to strangers that wait to be transmitted; what is more than that is as lost.
const ANSWERS_MAX: usize = 256;

/// All links of a daemon.
pub struct Endpoint {
    settings: Settings,
    library: Library,
    gate: Gate,
    links: HashMap<LinkId, Link>,
    next_link: u64,
    /// The links that the library has.
    handles: HashMap<ConnectionHandle, LinkId>,
    /// Where each channel is.
    channels: HashMap<ChannelId, LinkId>,
    outlet: Outlet,
    deadlines: Deadlines,
    /// Links that may have something to transmit; each once.
    touched: VecDeque<LinkId>,
    answers: VecDeque<Answer>,
}

/// TLS does not take what it is told. That would be a fault of simpd.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct SetupError(#[from] rustls::Error);

impl Endpoint {
    /// One without links.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(identity: &Identity, settings: Settings) -> Result<Self, SetupError> {
        Ok(Self {
            settings,
            library: Library::new(identity, &settings)?,
            gate: Gate::default(),
            links: HashMap::new(),
            next_link: 0,
            handles: HashMap::new(),
            channels: HashMap::new(),
            outlet: Outlet::new(identity.id()),
            deadlines: Deadlines::default(),
            touched: VecDeque::new(),
            answers: VecDeque::new(),
        })
    }

    /// A datagram has come, whatever it is. `local` is which of our addresses it was sent to, if that is known.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        local: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        bytes: BytesMut,
    ) {
        self.library.set_clock(now);
        match self.library.handle(now, plain(from), local, ecn, bytes) {
            None => {}
            Some(Made::Answer(answer)) => self.answer(answer),
            Some(Made::Wish(incoming)) => self.judge(now, *incoming),
            Some(Made::Event(handle, event)) => {
                let Some(id) = self.handles.get(&handle).copied() else { return };
                if let Some(link) = self.links.get_mut(&id) {
                    link.handle_event(event);
                    self.settle(now, id);
                }
            }
        }
    }

    /// The network says that an address cannot be reached. For a call that nobody has answered that is the end; a link has
    /// to show that it is not true.
    pub fn handle_unreachable(&mut self, now: Instant, to: SocketAddr) {
        self.library.set_clock(now);
        let to = plain(to);
        let concerned: Vec<_> =
            self.links.iter().filter(|(_, link)| link.is_to(to)).map(|(id, _)| *id).collect();
        for id in concerned {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.hear_unreachable(now) {
                self.forget(id, Broken::Unreachable);
            }
            self.touch(id);
        }
    }

    /// Something is due. It may be called at any time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.library.set_clock(now);
        let due: Vec<_> = self.deadlines.due(now).collect();
        for id in due {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.handle_timeout(now, &mut self.outlet) {
                self.forget(id, Broken::NoAnswer);
            }
            self.settle(now, id);
            // At once: it may be some time until the network takes what is to be transmitted now.
            self.note_deadline(id);
        }
    }

    /// Opens a channel over the link that there is to this address, or a new one. `channel` has an even number, and was never
    /// used. If the peer is expected to have a key and has another one, it hears nothing of the channel.
    pub fn open(&mut self, now: Instant, channel: ChannelId, to: SocketAddr, expects: Option<KeyId>) {
        self.library.set_clock(now);
        let to = plain(to);
        let serving = self.links.iter().find(|(_, link)| link.serves(to, expects)).map(|(id, _)| *id);
        let id = match serving.map_or_else(|| self.call(now, to), Ok) {
            Ok(id) => id,
            Err(why) => return self.outlet.events.push_back(ChannelEvent::Broken { channel, why }),
        };
        self.channels.insert(channel, id);
        if let Some(link) = self.links.get_mut(&id) {
            link.open(now, channel, expects, &mut self.outlet);
        }
        self.touch(id);
    }

    /// Says something over a channel. It leaves when the link is made, the peer has room for it, and [`Self::poll_transmit`]
    /// is called; if more than 2 MiB wait for that, the channel breaks. Nothing happens if the channel is no more.
    pub fn write(&mut self, channel: ChannelId, frame: &Frame) {
        let Some(id) = self.channels.get(&channel).copied() else { return };
        if let Some(link) = self.links.get_mut(&id) {
            link.write(channel, frame, &mut self.outlet);
        }
        self.touch(id);
    }

    /// Ends a channel after what was written to it, as far as the link lives that long. Nothing more comes of it.
    pub fn close(&mut self, channel: ChannelId) {
        self.outlet.events.retain(|event| event.channel() != channel);
        let Some(id) = self.channels.remove(&channel) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.close(channel, &mut self.outlet) {
            self.forget(id, Broken::Ended);
        }
        self.touch(id);
    }

    /// From now on the frames of a channel are not read, or are again. Meanwhile the peer can say only so much.
    pub fn pause(&mut self, channel: ChannelId, is_paused: bool) {
        let link = self.channels.get(&channel).and_then(|id| self.links.get_mut(id));
        if let Some(link) = link {
            link.pause(channel, is_paused, &mut self.outlet);
        }
    }

    /// From now on the network takes only so many datagrams at once, as [`Settings::segments_max`] has it.
    pub fn set_segments_max(&mut self, segments_max: usize) {
        self.settings.segments_max = segments_max;
    }

    /// Tells all peers that we go. What is not transmitted yet is lost.
    pub fn shut(&mut self, now: Instant) {
        let ids: Vec<_> = self.links.keys().copied().collect();
        for id in ids {
            if let Some(link) = self.links.get_mut(&id) {
                link.shut(now, Broken::Lost, &mut self.outlet);
            }
            self.touch(id);
        }
    }

    /// The next event. Channels that have much to say take turns.
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        loop {
            if let Some(event) = self.outlet.events.pop_front() {
                if let ChannelEvent::Broken { channel, .. } = event
                    && let Some(id) = self.channels.remove(&channel)
                {
                    self.touch(id);
                }
                return Some(event);
            }
            let channel = self.outlet.ready.pop_front()?;
            let Some(id) = self.channels.get(&channel).copied() else { continue };
            let Some(link) = self.links.get_mut(&id) else { continue };
            let next = link.read(channel, &mut self.outlet);
            if matches!(next, Next::Frame(_)) {
                link.ready(channel, &mut self.outlet);
            }
            // The peer may have room for more now.
            self.touch(id);
            match next {
                Next::Frame(frame) => return Some(ChannelEvent::Frame { channel, frame }),
                Next::Broken(why) => {
                    self.channels.remove(&channel);
                    return Some(ChannelEvent::Broken { channel, why });
                }
                Next::Nothing => {}
            }
        }
    }

    /// Whether [`Self::poll_event`] may have an event, which nothing else says.
    pub fn has_more(&self) -> bool {
        !self.outlet.events.is_empty() || !self.outlet.ready.is_empty()
    }

    /// The next to transmit: its bytes are all that is in `buf` then, datagrams of [`Transmit::segment_size`] each, the last
    /// of which may be shorter.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        buf.clear();
        if let Some((transmit, bytes)) = self.answers.pop_front() {
            buf.extend_from_slice(&bytes);
            return Some(transmit);
        }
        while let Some(id) = self.touched.front().copied() {
            if let Some(link) = self.links.get_mut(&id) {
                buf.clear();
                let transmit = link.poll_transmit(now, self.settings.segments_max, buf);
                let has_news = self.exchange(id);
                self.settle(now, id);
                if transmit.is_some() {
                    return transmit;
                }
                if has_news {
                    continue;
                }
            }
            self.touched.pop_front();
            self.rest(id);
        }
        None
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }
}

impl Endpoint {
    /// An answer to somebody without a link.
    fn answer(&mut self, answer: Answer) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push_back(answer);
        }
    }

    /// Somebody wants a link.
    fn judge(&mut self, now: Instant, incoming: Incoming) {
        let address = incoming.remote_address();
        let from = Prefix::of(address.ip());
        let verdict = self.gate.judge(now, from, incoming.remote_address_validated(), &self.settings);
        tracing::debug!(from = %address, ?verdict);
        let answer = match verdict {
            Verdict::Begin(room) => match self.library.begin(now, incoming, room) {
                Ok((handle, connection)) => {
                    let side = Side::Theirs(self.gate.begin(from));
                    let id = self.add(Link::new(now, handle, connection, side));
                    return self.settle(now, id);
                }
                Err(answer) => answer,
            },
            Verdict::Refuse => Some(self.library.refuse(incoming)),
            Verdict::Prove => self.library.ask_for_proof(incoming),
        };
        if let Some(answer) = answer {
            self.answer(answer);
        }
    }

    /// Begins a link.
    fn call(&mut self, now: Instant, to: SocketAddr) -> Result<LinkId, Broken> {
        if self.links.len() >= self.gate.count() + self.settings.outgoing_max {
            return Err(Broken::Refused);
        }
        // Port 0, or no address at all.
        let (handle, connection) = self.library.call(now, to).ok_or(Broken::Unreachable)?;
        Ok(self.add(Link::new(now, handle, connection, Side::Ours(to))))
    }

    fn add(&mut self, link: Link) -> LinkId {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        self.handles.insert(link.handle, id);
        self.links.insert(id, link);
        id
    }

    /// Takes in what has become of a link.
    fn settle(&mut self, now: Instant, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let before = link.key();
        link.settle(now, &mut self.outlet);
        let new = link.key().filter(|_| before.is_none());
        let mut caller = None;
        if let (Some(key), Side::Theirs(pass)) = (new, &mut link.side) {
            self.gate.made(pass);
            caller = Some(key);
        }
        for channel in self.outlet.incoming.drain(..) {
            self.channels.insert(channel, id);
        }
        self.touch(id);
        if let Some(key) = caller {
            self.doubt_others(now, id, key);
        }
    }

    /// Whoever makes a link may know nothing of an older one: it may have been started again since.
    fn doubt_others(&mut self, now: Instant, new: LinkId, key: KeyId) {
        let is_other = |(id, link): &(&LinkId, &Link)| **id != new && link.key() == Some(key);
        let others: Vec<_> = self.links.iter().filter(is_other).map(|(id, _)| *id).collect();
        for id in others {
            if let Some(link) = self.links.get_mut(&id) {
                link.doubt(now);
            }
            self.touch(id);
        }
    }

    /// Lets a link and the library talk. Says whether the link has heard something.
    fn exchange(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        let mut has_news = false;
        while let Some(event) = link.poll_endpoint_event() {
            if event.is_drained() {
                self.handles.remove(&link.handle);
            }
            if let Some(event) = self.library.handle_event(link.handle, event) {
                link.handle_event(event);
                has_news = true;
            }
        }
        has_news
    }

    /// A link ends, and nothing of that is transmitted.
    fn forget(&mut self, id: LinkId, why: Broken) {
        if let Some(link) = self.links.get_mut(&id) {
            link.forget(why, &mut self.outlet);
        }
    }

    fn note_deadline(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            let deadline = link.next_deadline();
            self.deadlines.change(id, &mut link.deadline, deadline);
        }
    }

    fn touch(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id)
            && !std::mem::replace(&mut link.is_touched, true)
        {
            self.touched.push_back(id);
        }
    }

    /// A link has nothing more to transmit.
    fn rest(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.is_touched = false;
        // The library does not hear of it from one that has panicked, or was forgotten.
        if !link.is_whole() && self.handles.remove(&link.handle).is_some() {
            self.library.handle_event(link.handle, EndpointEvent::drained());
        }
        let is_over = self.handles.get(&link.handle) != Some(&id) && link.is_empty();
        self.note_deadline(id);
        if is_over && let Some(mut link) = self.links.remove(&id) {
            self.deadlines.change(id, &mut link.deadline, None);
            if let Side::Theirs(pass) = &link.side {
                self.gate.end(pass);
            }
        }
    }
}

/// Without what is no part of an address; so two that are the same compare as that.
fn plain(mut address: SocketAddr) -> SocketAddr {
    address.set_ip(address.ip().to_canonical());
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
mod tests;
