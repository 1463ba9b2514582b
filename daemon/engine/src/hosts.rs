//! Hosts that the outbox has messages for by their names: where each was found last, and when it is looked up. Who looks
//! them up is the server, and what follows from that is in `seeking`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::{HostName, Lookup};

use crate::now::Now;

/// Where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It was not found yet.
    Unknown(Next),
    /// It was found there last.
    Known(SocketAddr, Age),
}

/// What happens to a host that was not found yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is being looked up.
    Asked,
    /// It is looked up then.
    Due {
        /// When.
        at: Instant,
        /// The same in milliseconds since 1970.
        ms: u64,
    },
}

/// How well it is known where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It is looked up before it is invited next.
    Old,
    /// It is being looked up.
    Asked,
    /// It was looked up for the invitation that comes next.
    New,
}

/// A host with messages in the outbox.
#[derive(Debug)]
pub struct Sought {
    /// How many.
    pub messages: u64,
    /// Where it is.
    pub at: Whereabouts,
    /// Lookups in vain since it was found last.
    pub tries: u32,
    /// Why the last one was.
    why: Option<String>,
}

impl Sought {
    /// Where it was found last.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.at {
            Whereabouts::Unknown(_) => None,
            Whereabouts::Known(address, _) => Some(address),
        }
    }

    /// What becomes of its lookup; nothing if the last one has found it.
    pub fn lookup(&self) -> Option<Lookup> {
        match self.at {
            Whereabouts::Unknown(Next::Asked) | Whereabouts::Known(_, Age::Asked) => Some(Lookup::Asked),
            _ => self.why.clone().map(Lookup::Failed),
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Hosts {
    by_name: BTreeMap<HostName, Sought>,
    /// Those that were found, by where.
    found: BTreeMap<SocketAddr, BTreeSet<HostName>>,
    /// Those that were not, by when they are looked up.
    due: BTreeSet<(Instant, HostName)>,
    /// Names to be looked up, which leave after the commit.
    asked: Vec<String>,
}

impl Hosts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// A host that has messages.
    pub fn get(&self, host: &HostName) -> Option<&Sought> {
        self.by_name.get(host)
    }

    /// Those that were not found yet.
    pub fn unfound(&self) -> impl Iterator<Item = &HostName> {
        let unfound = self.by_name.iter().filter(|(_, sought)| sought.address().is_none());
        unfound.map(|(host, _)| host)
    }

    /// The hosts of this name, on any port.
    pub fn named(&self, name: &str) -> Vec<HostName> {
        let Some(first) = HostName::parse(&format!("{name}:1")) else { return Vec::new() };
        let from = self.by_name.range(first..).map(|(host, _)| host);
        from.take_while(|host| host.name() == name).cloned().collect()
    }

    /// There are more messages for a host. One that is new here was last found at `address`; if nowhere, it is looked up.
    pub fn add(&mut self, host: &HostName, address: Option<SocketAddr>, messages: u64) {
        if let Some(sought) = self.by_name.get_mut(host) {
            sought.messages += messages;
            return;
        }
        let at = match address {
            Some(address) => Whereabouts::Known(address, Age::Old),
            None => Whereabouts::Unknown(Next::Asked),
        };
        self.by_name.insert(host.clone(), Sought { messages, at, tries: 0, why: None });
        self.set(host, at);
        if address.is_none() {
            self.asked.push(host.name().to_owned());
        }
    }

    /// A message for a host is no longer in the outbox. With its last one, it is looked up no more.
    pub fn remove(&mut self, host: &HostName) {
        let Some(sought) = self.by_name.get_mut(host) else { return };
        sought.messages = sought.messages.saturating_sub(1);
        if sought.messages == 0
            && let Some(gone) = self.by_name.remove(host)
        {
            self.unlist(host, gone.at);
        }
    }

    /// It is known where a host is, or how it is found out.
    pub fn set(&mut self, host: &HostName, at: Whereabouts) {
        let Some(sought) = self.by_name.get_mut(host) else { return };
        let before = std::mem::replace(&mut sought.at, at);
        self.unlist(host, before);
        match at {
            Whereabouts::Known(address, _) => _ = self.found.entry(address).or_default().insert(host.clone()),
            Whereabouts::Unknown(Next::Due { at, .. }) => _ = self.due.insert((at, host.clone())),
            Whereabouts::Unknown(Next::Asked) => {}
        }
    }

    fn unlist(&mut self, host: &HostName, at: Whereabouts) {
        match at {
            Whereabouts::Known(address, _) => {
                if let Some(here) = self.found.get_mut(&address) {
                    here.remove(host);
                    if here.is_empty() {
                        self.found.remove(&address);
                    }
                }
            }
            Whereabouts::Unknown(Next::Due { at, .. }) => _ = self.due.remove(&(at, host.clone())),
            Whereabouts::Unknown(Next::Asked) => {}
        }
    }

    /// A host is looked up now.
    pub fn ask(&mut self, host: &HostName) {
        let Some(sought) = self.by_name.get(host) else { return };
        let at = match sought.at {
            Whereabouts::Unknown(_) => Whereabouts::Unknown(Next::Asked),
            Whereabouts::Known(address, _) => Whereabouts::Known(address, Age::Asked),
        };
        self.set(host, at);
        self.asked.push(host.name().to_owned());
    }

    /// Those that were not found yet are looked up now.
    pub fn ask_all_unknown(&mut self) {
        while let Some((_, host)) = self.due.first().cloned() {
            self.ask(&host);
        }
    }

    /// Those that are due are looked up, or forgotten if the disk does not work: they are asked for again when it does.
    pub fn ask_due(&mut self, now: Instant, disk_works: bool) {
        while let Some((_, host)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            if disk_works {
                self.ask(&host);
            } else {
                self.set(&host, Whereabouts::Unknown(Next::Asked));
            }
        }
    }

    /// Looks up the hosts that were found at this address last, before whoever is there is invited. False if there is
    /// nothing to wait for: they have been, or it has taken too long.
    pub fn ask_at(&mut self, address: SocketAddr) -> bool {
        let (mut is_any_asked, here) = (false, self.at(address));
        for host in here {
            match self.by_name.get(&host).map(|sought| sought.at) {
                Some(Whereabouts::Known(_, Age::Old)) => {
                    self.ask(&host);
                    is_any_asked = true;
                }
                // For this invitation, and no further one.
                Some(Whereabouts::Known(_, Age::New)) => {
                    self.set(&host, Whereabouts::Known(address, Age::Old));
                }
                _ => {}
            }
        }
        is_any_asked
    }

    /// Whether a host that was found at this address last is being looked up.
    pub fn is_any_asked_at(&self, address: SocketAddr) -> bool {
        let is_asked = |host: &HostName| {
            self.by_name.get(host).is_some_and(|it| it.at == Whereabouts::Known(address, Age::Asked))
        };
        self.at(address).iter().any(is_asked)
    }

    fn at(&self, address: SocketAddr) -> Vec<HostName> {
        self.found.get(&address).into_iter().flatten().cloned().collect()
    }

    /// A host was found.
    pub fn note_found(&mut self, host: &HostName) {
        if let Some(sought) = self.by_name.get_mut(host) {
            (sought.tries, sought.why) = (0, None);
        }
    }

    /// A host was not found, or cannot be reached, for this reason. Returns how often in a row.
    pub fn note_not_found(&mut self, host: &HostName, why: String) -> u32 {
        let Some(sought) = self.by_name.get_mut(host) else { return 0 };
        (sought.tries, sought.why) = (sought.tries.saturating_add(1), Some(why));
        sought.tries
    }

    /// A host that was not found is looked up after this long.
    pub fn ask_after(&mut self, now: Now, host: &HostName, pause: Duration) {
        let due = Next::Due { at: now.instant + pause, ms: now.ms + pause.as_millis() as u64 };
        self.set(host, Whereabouts::Unknown(due));
    }

    /// When the next one is looked up that was not found.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The names that are to be looked up.
    pub fn take_asked(&mut self, into: &mut Vec<String>) {
        into.append(&mut self.asked);
    }
}
