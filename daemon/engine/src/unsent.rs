//! What does not leave this machine, and since when, for whoever watches over it. What it means for chats is in `departures`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::NotLeaving;

use crate::inputs::{Departure, Inputs, Link};
use crate::now::Now;

/// Most addresses that are remembered, and told.
const ADDRESSES_MAX: usize = 100;

/// A network that takes nothing for a moment is only busy.
const BUSY_AFTER: Duration = Duration::from_secs(5);

/// If nothing was refused for this long, nothing has been tried: whoever has something to say tries again sooner.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(900);

/// What does not leave.
#[derive(Debug, Default)]
pub struct Unsent {
    /// Where our own system transmits nothing to.
    refused: BTreeMap<SocketAddr, Refused>,
    /// Since when the network takes nothing at all.
    stuck: Option<Stuck>,
}

/// Our own system refuses what is to leave for an address.
#[derive(Debug)]
struct Refused {
    since_ms: u64,
    last: Instant,
    why: &'static str,
    /// Whether the last turn let out something for it, of which this turn learns what became.
    is_tried: bool,
}

#[derive(Debug, Clone, Copy)]
struct Stuck {
    since: Now,
    /// Whether that is because no interface has our address.
    has_address: bool,
}

impl Unsent {
    /// A turn begins. What the last one let out for an address has left, unless this one hears otherwise.
    pub fn begin_turn(&mut self, now: Now, inputs: &Inputs) {
        let has_address = inputs.link != Link::NoAddress;
        self.stuck = match self.stuck {
            _ if inputs.link == Link::Free => None,
            Some(stuck) if stuck.has_address == has_address => Some(stuck),
            _ => Some(Stuck { since: now, has_address }),
        };
        if self.refused.is_empty() {
            return;
        }
        for (address, departure) in &inputs.departures {
            if *departure != Departure::Left
                && let Some(refused) = self.refused.get_mut(address)
            {
                refused.is_tried = false;
            }
        }
        self.refused
            .retain(|_, it| !it.is_tried && now.instant.saturating_duration_since(it.last) < FORGOTTEN_AFTER);
    }

    /// Something is let out for these addresses.
    pub fn note_tried(&mut self, to: impl Iterator<Item = SocketAddr>) {
        if self.refused.is_empty() {
            return;
        }
        for address in to {
            if let Some(refused) = self.refused.get_mut(&address) {
                refused.is_tried = true;
            }
        }
    }

    /// Our own system has refused to transmit something that our user wants to have there.
    pub fn note_refused(&mut self, now: Now, address: SocketAddr, why: &'static str) {
        if self.refused.len() >= ADDRESSES_MAX && !self.refused.contains_key(&address) {
            return;
        }
        let new = Refused { since_ms: now.ms, last: now.instant, why, is_tried: false };
        let refused = self.refused.entry(address).or_insert(new);
        (refused.last, refused.why) = (now.instant, why);
    }

    /// Something has come over a channel from there, so what we say arrives as well.
    pub fn note_heard(&mut self, address: SocketAddr) {
        self.refused.remove(&address);
    }

    /// All that does not leave, as long as somebody `wants` it to, what began first before the rest. `no_address` is what
    /// is said if no interface has our address.
    pub fn list(
        &self,
        now: Now,
        wants: impl Fn(SocketAddr) -> bool,
        no_address: impl FnOnce() -> String,
    ) -> Vec<NotLeaving> {
        let mut all: Vec<_> = self
            .refused
            .iter()
            .filter(|(address, _)| wants(**address))
            .map(|(address, it)| NotLeaving {
                to: Some(address.to_string()),
                since_ms: it.since_ms,
                why: it.why.to_owned(),
            })
            .collect();
        all.sort_by_key(|it| it.since_ms);
        let is_long = |stuck: &Stuck| {
            !stuck.has_address || now.instant.saturating_duration_since(stuck.since.instant) >= BUSY_AFTER
        };
        if let Some(stuck) = self.stuck.filter(is_long) {
            let why = match stuck.has_address {
                true => "the network takes no datagrams (see: ip -s link)".to_owned(),
                false => no_address(),
            };
            all.insert(0, NotLeaving { to: None, since_ms: stuck.since.ms, why });
        }
        all
    }

    /// Whether there is something to [`list`](Self::list), perhaps.
    pub fn is_any(&self) -> bool {
        self.stuck.is_some() || !self.refused.is_empty()
    }
}
