//! Who may make a link with us: as long as few come, everybody; then only those who prove that their address is theirs;
//! then only so many of one host.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::endpoint_settings::Settings;

/// Links that may be begun within a second without a proof of the address.
const UNPROVED_PER_SECOND: u32 = 64;

/// Handshakes that may be under way without a proof of the address.
const UNPROVED_HANDSHAKES: usize = 32;

/// Links of others that have as much room as they can use. With all of them full and all others too, that is 300 MiB.
const ROOMY: usize = 64;

/// Most links of one host while we are under load.
const OF_HOST_MAX: usize = 64;

/// Where a link comes from, as far as one may ask for any number of addresses of a host: IPv4 whole, 64 bits of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(u64);

impl Prefix {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.to_bits().into()),
            // No such prefix is in use for hosts if its upper 32 bits are 0.
            IpAddr::V6(ip) => Self((ip.to_bits() >> 64) as u64),
        }
    }
}

/// How much may be on its way to us over one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// As much as is good for the link.
    Much,
    /// As much as there is room for if all links are full.
    Little,
}

/// What becomes of somebody who wants a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The handshake begins.
    Begin(Room),
    /// First a proof of the address (RFC 9000 8.1.2). It costs us no memory.
    Prove,
    /// No, and it is told.
    Refuse,
}

/// What a link of another has from here as long as it is there.
#[derive(Debug)]
pub(crate) struct Pass {
    from: Prefix,
    is_made: bool,
}

/// Counts the links that others make with us.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Of all that are there.
    of_hosts: HashMap<Prefix, usize>,
    all: usize,
    /// Of those whose peer has not shown its key.
    handshakes: usize,
    /// The second that is counted, and those in it that began without a proof.
    second: Option<Instant>,
    unproved: u32,
}

impl Gate {
    /// Of one more, who has proved its address or not.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        from: Prefix,
        is_proved: bool,
        settings: &Settings,
    ) -> Verdict {
        let is_full = self.all >= settings.incoming_max || self.handshakes >= settings.handshakes_max;
        let is_load = self.handshakes >= UNPROVED_HANDSHAKES || self.all >= settings.incoming_max / 2;
        let begin = Verdict::Begin(if self.all < ROOMY { Room::Much } else { Room::Little });
        if is_proved {
            let of_host = self.of_hosts.get(&from).copied().unwrap_or_default();
            let is_too_many = is_full || (is_load && of_host >= OF_HOST_MAX);
            return if is_too_many { Verdict::Refuse } else { begin };
        }
        if self.second.is_none_or(|second| now.saturating_duration_since(second) >= Duration::from_secs(1)) {
            (self.second, self.unproved) = (Some(now), 0);
        }
        self.unproved = self.unproved.saturating_add(1);
        let is_busy = is_full || is_load || self.unproved > UNPROVED_PER_SECOND;
        // Also if there is no room: who comes back is told so, and does not think that nobody is here.
        if is_busy { Verdict::Prove } else { begin }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all
    }

    /// A handshake begins.
    pub(crate) fn begin(&mut self, from: Prefix) -> Pass {
        *self.of_hosts.entry(from).or_default() += 1;
        self.all += 1;
        self.handshakes += 1;
        Pass { from, is_made: false }
    }

    /// It is done.
    pub(crate) fn made(&mut self, pass: &mut Pass) {
        if !std::mem::replace(&mut pass.is_made, true) {
            self.handshakes -= 1;
        }
    }

    /// The link is no more.
    pub(crate) fn end(&mut self, pass: &Pass) {
        self.all -= 1;
        self.handshakes -= usize::from(!pass.is_made);
        if let Some(count) = self.of_hosts.get_mut(&pass.from) {
            *count -= 1;
            if *count == 0 {
                self.of_hosts.remove(&pass.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> Prefix {
        Prefix::of([10, 0, 0, n].into())
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "only the origin of a time that is thought of")]
    fn a_proof_is_asked_for_above_a_rate_and_no_more_once_it_falls() {
        let (mut gate, now, settings) = (Gate::default(), Instant::now(), Settings::default());
        let begun = |verdict| matches!(verdict, Verdict::Begin(_));
        for n in 0..200 {
            let verdict = gate.judge(now, host(n), false, &settings);
            assert_eq!(begun(verdict), u32::from(n) < UNPROVED_PER_SECOND, "{n}");
        }
        // Whoever has a proof is not held up.
        assert!(begun(gate.judge(now, host(1), true, &settings)));
        assert!(begun(gate.judge(now + Duration::from_secs(1), host(1), false, &settings)));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "only the origin of a time that is thought of")]
    fn under_load_a_host_has_only_so_many_links_and_others_have_room() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let settings = Settings { incoming_max: 200, ..Settings::default() };
        let mut passes = Vec::new();
        for n in 0..100 {
            assert!(matches!(gate.judge(now, host(1), true, &settings), Verdict::Begin(_)), "{n}");
            let mut pass = gate.begin(host(1));
            gate.made(&mut pass);
            passes.push(pass);
        }
        assert_eq!(gate.judge(now, host(1), true, &settings), Verdict::Refuse);
        assert_eq!(gate.judge(now, host(2), true, &settings), Verdict::Begin(Room::Little));
        passes.iter().for_each(|pass| gate.end(pass));
        assert_eq!(gate.judge(now, host(1), false, &settings), Verdict::Begin(Room::Much));
        assert_eq!((gate.count(), gate.handshakes, gate.of_hosts.len()), (0, 0, 0));
    }

    #[test]
    fn addresses_that_one_host_can_have_are_one_host() {
        let of = |ip: &str| Prefix::of(ip.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.2"), of("10.0.0.1"));
    }
}
