//! The network, and the daemons at it. Its time passes as fast as they let it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use simp_proto::secure::{Broken, ChannelId, Frame, KeyId};
use simp_secure::{BytesMut, ChannelEvent, Endpoint, Identity, Settings};
use simp_seeds::Random;
use tempfile::TempDir;

/// What a network does to datagrams, in percent, and how long they take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub lost: u64,
    pub copied: u64,
    pub late: u64,
    /// Some of their bits are others.
    pub damaged: u64,
    pub delay: Duration,
}

/// One daemon.
pub struct Host {
    pub address: SocketAddr,
    pub key: KeyId,
    pub endpoint: Endpoint,
    file: PathBuf,
    settings: Settings,
    /// What has come out, in order.
    pub events: Vec<ChannelEvent>,
    /// It takes no events.
    pub is_deaf: bool,
    next_channel: u64,
}

impl Host {
    /// Opens a channel, with the next number.
    pub fn open(&mut self, now: Instant, to: SocketAddr, expects: Option<KeyId>) -> ChannelId {
        let channel = ChannelId(self.next_channel);
        self.next_channel += 2;
        self.endpoint.open(now, channel, to, expects);
        channel
    }

    pub fn write(&mut self, channel: ChannelId, number: u64, text: &str) {
        self.endpoint
            .write(channel, &Frame::Text { number, text: text.to_owned(), kept: false, answers: None });
    }

    /// The channel that a peer has opened last.
    pub fn incoming(&self) -> Option<ChannelId> {
        self.events.iter().rev().find_map(|event| match event {
            ChannelEvent::Incoming { channel, .. } => Some(*channel),
            _ => None,
        })
    }

    /// The numbers of the texts that have come on a channel.
    pub fn numbers(&self, of: ChannelId) -> Vec<u64> {
        let numbers = self.events.iter().filter_map(|event| match event {
            ChannelEvent::Frame { channel, frame: Frame::Text { number, .. } } if *channel == of => {
                Some(*number)
            }
            _ => None,
        });
        numbers.collect()
    }

    pub fn broken(&self, of: ChannelId) -> Option<Broken> {
        self.events.iter().find_map(|event| match event {
            ChannelEvent::Broken { channel, why } if *channel == of => Some(*why),
            _ => None,
        })
    }

    pub fn opened(&self, of: ChannelId) -> Option<KeyId> {
        self.events.iter().find_map(|event| match event {
            ChannelEvent::Opened { channel, key } if *channel == of => Some(*key),
            _ => None,
        })
    }

    /// As a daemon that was killed and started again.
    pub fn restart(&mut self) {
        let identity = Identity::load(&self.file).unwrap();
        self.endpoint = Endpoint::new(&identity, self.settings).unwrap();
        self.events.clear();
    }

    fn listen(&mut self) {
        while !self.is_deaf
            && let Some(event) = self.endpoint.poll_event()
        {
            self.events.push(event);
        }
    }
}

/// One datagram on its way.
#[derive(Debug, Clone)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

pub struct Net {
    pub now: Instant,
    pub hosts: Vec<Host>,
    pub weather: Weather,
    /// Addresses at which nobody listens, which the network says.
    pub closed: HashSet<SocketAddr>,
    /// Addresses that datagrams come from now, by those that they came from before, and the other way round.
    pub moved: HashMap<SocketAddr, SocketAddr>,
    /// All that was transmitted, whatever became of it.
    pub transmitted: Vec<Datagram>,
    /// If that is kept.
    pub is_kept: bool,
    /// A second address of a host.
    pub alias: Option<(SocketAddr, SocketAddr)>,
    wire: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    random: Random,
    folder: TempDir,
}

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;

impl Net {
    /// Three daemons.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self::with(seed, weather, Settings::default())
    }

    #[allow(clippy::disallowed_methods, reason = "only the origin of a time that is thought of")]
    pub fn with(seed: u64, weather: Weather, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = (1..=3).map(|n| {
            let file = folder.path().join(format!("{n}.key"));
            let identity = Identity::load(&file).unwrap();
            let address = SocketAddr::from(([10, 0, 0, n], 7776));
            let endpoint = Endpoint::new(&identity, settings).unwrap();
            Host {
                address,
                key: identity.id(),
                endpoint,
                file,
                settings,
                events: Vec::new(),
                is_deaf: false,
                next_channel: 0,
            }
        });
        Self {
            now: Instant::now(),
            hosts: hosts.collect(),
            weather,
            closed: HashSet::new(),
            moved: HashMap::new(),
            transmitted: Vec::new(),
            is_kept: true,
            alias: None,
            wire: BTreeMap::new(),
            count: 0,
            random: Random(seed),
            folder,
        }
    }

    /// A key that nobody at the network has.
    pub fn foreign_key(&self) -> KeyId {
        Identity::load(&self.folder.path().join("foreign.key")).unwrap().id()
    }

    pub fn open(&mut self, from: usize, to: usize) -> ChannelId {
        let to = self.hosts[to].address;
        self.hosts[from].open(self.now, to, None)
    }

    /// A channel from Alice to Bob that both have. On a bad network that takes more than one attempt.
    pub fn channel(&mut self) -> (ChannelId, ChannelId) {
        loop {
            let alice = self.open(ALICE, BOB);
            self.hosts[ALICE].write(alice, 0, "first");
            self.until(|net| {
                net.hosts[ALICE].broken(alice).is_some()
                    || (net.hosts[BOB].incoming().is_some() && net.hosts[ALICE].opened(alice).is_some())
            });
            if self.hosts[ALICE].broken(alice).is_none() {
                return (alice, self.hosts[BOB].incoming().unwrap());
            }
        }
    }

    /// Everybody does what there is to do now; then time goes on to what comes next. False if nothing ever does, or not
    /// before `end`.
    pub fn step(&mut self, end: Instant) -> bool {
        self.act();
        let due = self.wire.keys().next().map(|(at, _)| *at);
        let next = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout()).chain(due).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        while let Some(entry) = self.wire.first_entry()
            && entry.key().0 <= self.now
        {
            let datagram = entry.remove();
            self.arrive(datagram);
        }
        for host in &mut self.hosts {
            host.endpoint.handle_timeout(self.now);
        }
        self.act();
        true
    }

    fn act(&mut self) {
        for host in 0..self.hosts.len() {
            self.hosts[host].listen();
            self.transmit(host);
        }
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Until it is so; a minute at most.
    #[track_caller]
    pub fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        while !is_so(self) {
            assert!(self.step(end), "it is not so after a minute");
        }
    }

    fn transmit(&mut self, host: usize) {
        let mut buf = Vec::new();
        while let Some(transmit) = self.hosts[host].endpoint.poll_transmit(self.now, &mut buf) {
            assert_eq!(transmit.size, buf.len());
            let from = self.hosts[host].address;
            for bytes in buf.chunks(transmit.segment_size.unwrap_or(buf.len())) {
                self.put(Datagram { from, to: transmit.destination, bytes: bytes.to_vec() });
            }
        }
    }

    /// Puts a datagram on its way.
    pub fn put(&mut self, mut datagram: Datagram) {
        if self.is_kept {
            self.transmitted.push(datagram.clone());
        }
        match self.alias {
            Some((alias, host)) if datagram.to == alias => datagram.to = host,
            Some((alias, host)) if datagram.from == host => datagram.from = alias,
            _ => {}
        }
        datagram.from = self.moved.get(&datagram.from).copied().unwrap_or(datagram.from);
        let copies = 1 + usize::from(self.random.percent(self.weather.copied));
        for _ in 0..copies {
            if self.random.percent(self.weather.lost) {
                continue;
            }
            let late = if self.random.percent(self.weather.late) { self.random.below(30) } else { 0 };
            let mut datagram = datagram.clone();
            if self.random.percent(self.weather.damaged) {
                let at = self.random.index(datagram.bytes.len());
                datagram.bytes[at] ^= 1 << self.random.below(8);
            }
            self.count += 1;
            let at = self.now + self.weather.delay + Duration::from_millis(late);
            self.wire.insert((at, self.count), datagram);
        }
    }

    fn arrive(&mut self, Datagram { from, to, bytes }: Datagram) {
        let to = self.moved.iter().find(|(_, now)| **now == to).map_or(to, |(before, _)| *before);
        if self.closed.contains(&to) {
            if let Some(host) = self.hosts.iter_mut().find(|host| host.address == from) {
                host.endpoint.handle_unreachable(self.now, to);
            }
        } else if let Some(host) = self.hosts.iter_mut().find(|host| host.address == to) {
            host.endpoint.handle_datagram(self.now, from, None, None, BytesMut::from(&bytes[..]));
        }
    }
}
