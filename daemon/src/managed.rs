//! What the service manager is told while simpd runs: how it is, whenever that changes, and that it does not hang.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_service::supervisor;

use crate::presence::absence;

/// How simpd is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All is well.
    Receiving,
    /// No interface has our address.
    Absent,
    /// This is wrong.
    Hindered(String),
}

impl Condition {
    /// As long as this hinders us, if something does.
    pub fn of(is_present: bool, hindrance: Option<String>) -> Self {
        match hindrance {
            Some(why) => Self::Hindered(why),
            None if is_present => Self::Receiving,
            None => Self::Absent,
        }
    }

    /// The same as one line, of a simpd on this address.
    pub fn line(&self, address: SocketAddr) -> String {
        match self {
            Self::Receiving => format!("receiving on {address}"),
            Self::Absent => absence(address),
            Self::Hindered(why) => why.clone(),
        }
    }
}

/// What the service manager knows.
#[derive(Debug)]
pub struct Managed {
    address: SocketAddr,
    told: Condition,
    /// How often it wants to hear from us, and when next. Nobody else wakes up a simpd that has nothing to do.
    watchdog: Option<(Duration, Instant)>,
}

impl Managed {
    /// It is told that we are ready, and so.
    pub fn new(now: Instant, address: SocketAddr, told: Condition) -> Self {
        Self { address, told, watchdog: supervisor::watchdog().map(|every| (every, now + every)) }
    }

    /// When [`tell`](Self::tell) has something to do whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.watchdog.map(|(_, next)| next)
    }

    /// A turn is over, after which we are so.
    pub fn tell(&mut self, now: Instant, condition: Condition) {
        if condition != self.told {
            supervisor::status(&condition.line(self.address));
            self.told = condition;
        }
        if let Some((every, next)) = &mut self.watchdog
            && *next <= now
        {
            supervisor::alive();
            *next = now + *every;
        }
    }

    /// The configuration was read again; `refused` is why it holds as it was.
    pub fn reloaded(&self, refused: Option<String>) {
        supervisor::ready(&refused.unwrap_or_else(|| self.told.line(self.address)));
    }
}
