//! Our side with its log, theirs, a third, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use simp_control::{ChatInfo, Event, Failure, Reply, Request, State};
use simp_doubles::{Double, Port, Row, Traits};
use simp_engine::{Accept, Now};
use simp_proto::Datagram;
use simp_seeds::Random;

use crate::driver::{self, BadDisk, Driver};

/// How far copies are apart, at most.
const COPY_WITHIN: u64 = 200;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Nothing.
    Good,
    /// It loses datagram number n, counted from 0 in both directions.
    Loses(u64),
    /// It doubles datagram number n.
    Doubles(u64),
    /// It loses a fifth and doubles a fifth, and keeps order.
    Bad,
}

/// One of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Ours,
    Theirs,
    Third,
}

#[derive(Debug)]
struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Everything.
pub struct World {
    pub now: u64,
    ours: Driver,
    /// That our log is on.
    pub disk: BadDisk,
    pub theirs: Double,
    pub third: Double,
    /// Lines of theirs that came to us while we had a chat.
    pub came: BTreeSet<String>,
    /// Bit by bit: what the people here have been up to.
    pub is_traced: bool,
    link: Link,
    random: Random,
    number: u64,
    transmitted: u64,
    /// When the last datagram to us, and to the others, arrives.
    last: [u64; 2],
    arrivals: BTreeMap<(u64, u64), Flight>,
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// The address of a host.
pub fn address(host: Host) -> SocketAddr {
    let n = match host {
        Host::Ours => 1,
        Host::Theirs => 2,
        Host::Third => 3,
    };
    SocketAddr::from(([127, 0, 0, n], 7777))
}

impl World {
    pub fn new(row: &Row, link: Link, seed: u64, is_traced: bool) -> Self {
        let disk = BadDisk::default();
        let (now, policy) = (driver::moment(start(), 0, 0), driver::policy("ann", Accept::Ask, 1));
        Self {
            now: 0,
            ours: Driver::start(now, policy, address(Host::Ours), disk.open(), 7),
            disk,
            theirs: Double::new(row.traits.clone(), "bob", seed),
            third: Double::new(Traits::PLAIN, "eve", seed),
            came: BTreeSet::new(),
            is_traced,
            link,
            random: Random(seed),
            number: 0,
            transmitted: 0,
            last: [0; 2],
            arrivals: BTreeMap::new(),
        }
    }

    /// The moment it is, on our clocks.
    fn moment(&self) -> Now {
        driver::moment(start(), self.now, 0)
    }

    /// Our user wants something.
    pub fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        let answer = self.ours.ask(self.moment(), request);
        self.trace_entries();
        answer
    }

    /// Our chat with this host, if there is one.
    pub fn chat(&mut self, with: Host) -> Option<ChatInfo> {
        let Ok(Reply::Chats { chats, .. }) = self.ask(Request::Chats { after: 0 }) else { panic!("no list") };
        let is_with =
            |chat: &ChatInfo| chat.peer.address.parse::<SocketAddr>().unwrap().ip() == address(with).ip();
        chats.into_iter().find(is_with)
    }

    /// Where our chat with this host is.
    pub fn state(&mut self, with: Host) -> Option<State> {
        self.chat(with).map(|chat| chat.state)
    }

    /// Our whole log.
    pub fn log(&self) -> Vec<Event> {
        self.ours.log()
    }

    /// The newest entry of our log.
    pub fn newest(&self) -> u64 {
        self.ours.store().last_id()
    }

    /// How many datagrams the hosts have transmitted.
    pub fn transmitted(&self) -> u64 {
        self.transmitted
    }

    /// Says what happens, where somebody wants to know.
    pub fn trace(&self, what: &dyn std::fmt::Display) {
        if self.is_traced {
            println!("{:>8} {what}", self.now);
        }
    }

    /// Lets the time pass until then.
    pub fn run_until(&mut self, until: u64) {
        self.let_out();
        let mut turns = 0;
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.turn();
            turns += 1;
            assert!(turns < 10_000, "it never comes to rest");
        }
        self.now = until;
    }

    fn due(&self) -> Option<u64> {
        let ours = self.ours.due(start());
        let arrival = self.arrivals.keys().next().map(|(when, _)| *when);
        [ours, arrival, self.theirs.deadline(), self.third.deadline()].into_iter().flatten().min()
    }

    fn turn(&mut self) {
        while let Some(first) = self.arrivals.first_entry().filter(|first| first.key().0 <= self.now) {
            let arrival = first.remove();
            self.arrive(arrival);
        }
        self.theirs.handle_timeout(self.now);
        self.third.handle_timeout(self.now);
        self.ours.turn(self.moment());
        self.trace_entries();
        self.let_out();
    }

    fn trace_entries(&self) {
        if self.is_traced {
            for event in self.ours.store().fresh() {
                self.trace(&format_args!("   {} {:?}", event.id, event.what));
            }
        }
    }

    fn arrive(&mut self, arrival: Flight) {
        let Flight { from, to, bytes } = arrival;
        let port = if to.port() == 7777 { Port::Main } else { Port::Other };
        if to == address(Host::Ours) {
            self.trace(&format_args!("<- {}", show(from, &bytes)));
            if matches!(self.state(Host::Theirs), Some(State::Accepting | State::Open)) {
                self.note_lines(&bytes);
            }
            self.ours.arrives_as(from, bytes.len(), Datagram::decode(&bytes));
        } else if to.ip() == address(Host::Theirs).ip() {
            if self.theirs.is_gone() {
                self.ours.inputs.unreachable.push(to);
            }
            self.theirs.handle(self.now, &bytes, from, port);
        } else {
            self.third.handle(self.now, &bytes, from, port);
        }
    }

    /// Each line is in the bytes of its datagrams.
    fn note_lines(&mut self, bytes: &[u8]) {
        let is_chat = bytes.first() == Some(&2);
        let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let came = self.theirs.said().iter().filter(|said| is_chat && contains(&said.text));
        self.came.extend(came.map(|said| said.text.clone()));
    }

    /// What all have said is on its way.
    fn let_out(&mut self) {
        let bytes = |datagram: &Datagram| {
            let mut bytes = Vec::new();
            datagram.encode(&mut bytes);
            bytes
        };
        let said = self.ours.said().into_iter();
        let mut leaving: Vec<_> =
            said.map(|(to, datagram)| (address(Host::Ours), to, bytes(&datagram))).collect();
        for (host, double) in [(Host::Theirs, &mut self.theirs), (Host::Third, &mut self.third)] {
            while let Some(transmit) = double.poll_transmit() {
                let mut from = address(host);
                if transmit.from == Port::Other {
                    from.set_port(40_000);
                }
                leaving.push((from, transmit.to, transmit.bytes));
            }
        }
        for (from, to, bytes) in leaving {
            self.transmit(from, to, &bytes);
        }
    }

    fn transmit(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if from == address(Host::Ours) {
            self.trace(&format_args!("-> {}", show(to, bytes)));
        }
        let with_third = [from, to].iter().any(|end| end.ip() == address(Host::Third).ip());
        let number = self.transmitted;
        self.transmitted += u64::from(!with_third);
        let (count, lost) = match self.link {
            _ if with_third => (1, false),
            Link::Good => (1, false),
            Link::Loses(nth) => (1, nth == number),
            Link::Doubles(nth) => (1 + u64::from(nth == number), false),
            Link::Bad => (1 + u64::from(self.random.percent(20)), false),
        };
        let way = usize::from(to == address(Host::Ours));
        for copy in 0..count {
            let is_bad = self.link == Link::Bad;
            let latency = match self.link {
                Link::Good => 0,
                Link::Loses(_) | Link::Doubles(_) => 10 + 100 * copy,
                Link::Bad => self.random.below(COPY_WITHIN),
            };
            let when = self.last[way].max(self.now + latency);
            self.last[way] = when;
            if lost || (is_bad && self.random.percent(20)) {
                self.trace(&"   lost");
                continue;
            }
            self.number += 1;
            self.arrivals.insert((when, self.number), Flight { from, to, bytes: bytes.to_vec() });
        }
    }
}

fn show(with: SocketAddr, bytes: &[u8]) -> String {
    let operation = match bytes {
        [2, ..] => "chat",
        [_, 1, ..] => "ERR",
        [_, 2, ..] => "SYN",
        [_, 4, ..] => "ACK",
        [_, 6, ..] => "SYN+ACK",
        [_, 8, ..] => "FIN",
        [_, 9, ..] => "ERR|FIN",
        [_, 12, ..] => "FIN|ACK",
        _ => "?",
    };
    let payload = String::from_utf8_lossy(bytes.get(39..).unwrap_or_default());
    let payload: String = payload.escape_default().take(40).collect();
    format!("{:>15} {operation:7} {} {payload}", with.to_string(), bytes.get(2).copied().unwrap_or_default())
}
