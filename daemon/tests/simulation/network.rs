//! The links between the hosts: what they lose, copy and delay, from a seed. What is said on them is none of
//! their business.

use simp_seeds::Random;

use super::{ACTIVE, HOSTS};

/// No copy lives longer in the network (SIMP 6).
const L: u64 = 2_500;
/// Copies made by a link that keeps order come this close together.
const COPY_WITHIN: u64 = 200;
/// How much the latency varies while order is kept.
const JITTER: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    KeepsOrder,
    Reorders,
    /// All chats are secure: see `wires`.
    Channels,
}

/// The way from one host to another.
pub struct Link {
    pub latency: u64,
    /// If order is kept: when the last datagram arrives.
    last: u64,
    /// Nothing passes until then.
    pub cut_until: u64,
}

/// What the links of a run have in common.
pub struct Network {
    pub kind: Kinds,
    loss: u64,
    copies: u64,
    pub links: Vec<Link>,
}

impl Network {
    pub fn new(kind: Kinds, random: &mut Random) -> Self {
        let (loss, copies) = (random.below(41), random.below(41));
        let copies = if kind == Kinds::Reorders { 0 } else { copies };
        let latency = |random: &mut Random| random.pick(&[0, 1, 40, 700, L - COPY_WITHIN - JITTER - 1]);
        let links = (0..HOSTS * HOSTS).map(|_| Link { latency: latency(random), last: 0, cut_until: 0 });
        Self { kind, loss, copies, links: links.collect() }
    }

    /// The way from one host to another.
    pub fn link(&self, from: usize, to: usize) -> &Link {
        &self.links[from * HOSTS + to]
    }

    /// When the copies arrive of a datagram that leaves now, after it has `waited`: that is a part of its life.
    pub fn arrivals(
        &mut self,
        random: &mut Random,
        now: u64,
        waited: u64,
        (from, to): (usize, usize),
    ) -> Vec<u64> {
        let link = &mut self.links[from * HOSTS + to];
        if now < link.cut_until {
            return Vec::new();
        }
        let mut arrivals: Vec<u64> = Vec::new();
        for _ in 0..1 + u64::from(random.percent(self.copies)) {
            arrivals.push(match (self.kind, arrivals.first()) {
                (Kinds::Reorders, _) => now + random.below(L.saturating_sub(waited).max(1)),
                (Kinds::KeepsOrder | Kinds::Channels, first) => {
                    let spread = if first.is_some() { COPY_WITHIN } else { JITTER };
                    let earliest = first.copied().unwrap_or(now + link.latency);
                    link.last = link.last.max(earliest + random.below(spread));
                    link.last
                }
            });
        }
        // In the end the network is good, or a FIN lost for good would leave a host in a chat for ever.
        arrivals.retain(|_| now >= ACTIVE || !random.percent(self.loss));
        arrivals
    }
}
