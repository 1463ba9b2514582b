//! What holds between any two turns. Tests ask; the daemon itself has no time for it.

use simp_control::State;
use simp_store::{Backlog, Store, StoreError};

use crate::absent::Next;
use crate::engine::Engine;
use crate::ongoing::Ongoing;

/// What does not hold, or why that cannot be found out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl Engine {
    /// Checks what must hold between any two turns: what waits is what the log has, each chat that waits is woken up,
    /// each timer is of something, and whoever the outbox has messages for is invited at some time. Reads much of the
    /// log.
    ///
    /// # Errors
    /// [`Broken`] says what does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        if !self.disk.works() {
            // All stands still, and is resumed from the log: what timers pass until then does not matter.
            return Ok(());
        }
        let mut timers =
            usize::from(self.policy.retain.age.is_some()) + usize::from(self.channels.has_timer());
        for (key, ongoing) in self.chats.iter() {
            ongoing.check(&self.store)?;
            let (address, invited_at) = (ongoing.place.address(), ongoing.place.invited_at());
            let holds = |address| self.outlet.holds(key, address);
            if ongoing.chat.is_held_back() && !holds(address) && !holds(invited_at) {
                return Err(Broken(format!("{address} is held back, and nothing lets it go")));
            }
            timers += usize::from(ongoing.timer.is_some());
        }
        for (address, messages) in self.store.outbox_peers()? {
            let Some(absentee) = self.absent.get(address).filter(|it| it.messages == messages) else {
                return Err(Broken(format!(
                    "{address} has {messages} messages in the outbox, and is not known so"
                )));
            };
            let is_woken = match absentee.next {
                Next::Due { .. } | Next::Lookup { .. } => true,
                Next::Room => self.is_full(),
                Next::Chat => self.chats.known_at(address).is_some(),
            };
            if !is_woken {
                return Err(Broken(format!("{address} waits for {:?}, which never comes", absentee.next)));
            }
            timers += usize::from(matches!(absentee.next, Next::Due { .. } | Next::Lookup { .. }));
        }
        let hosts = self.store.outbox_hosts()?;
        for (host, address, messages) in &hosts {
            let sought =
                self.hosts.get(host).filter(|it| it.messages == *messages && it.address() == *address);
            if sought.is_none() {
                return Err(Broken(format!(
                    "{host} has {messages} messages in the outbox, at {address:?}, and is not known so"
                )));
            }
        }
        if hosts.len() != self.hosts.len() {
            return Err(Broken(format!(
                "{} hosts have messages, {} are known",
                hosts.len(),
                self.hosts.len()
            )));
        }
        if self.asking.is_any_waiting() && !self.chats.iter().any(|(_, ongoing)| ongoing.standing.is_asked())
        {
            return Err(Broken("a newcomer waits for room, and nobody is asked".to_owned()));
        }
        let (expiring, expiries) = (self.store.expiring()?.len(), self.absent.expiring());
        if expiring != expiries {
            return Err(Broken(format!("{expiring} messages expire at some time, {expiries} timers say so")));
        }
        if self.wheel.len() != timers {
            return Err(Broken(format!("{} timers are set, {timers} are of something", self.wheel.len())));
        }
        Ok(())
    }
}

impl Ongoing {
    fn check(&self, store: &Store) -> Result<(), Broken> {
        let (address, state) = (self.place.address(), self.chat.state());
        let held = self.chat.unacknowledged() as u64 + self.queue.in_log;
        let outbox = self.place.outbox_at().filter(|_| self.takes_kept_messages());
        let backlog = Backlog { chat: self.logged(), outbox };
        let is_idle = state == State::Open && held == 0 && !self.is_for_outbox();
        let broken = if held != store.queued(backlog, self.queue.settled)? {
            "what waits is not what the log has"
        } else if self.queue.in_log > 0 && self.chat.unacknowledged() == 0 {
            "more is not loaded in time"
        } else if !is_idle && self.timer.is_none() && !self.chat.is_held_back() {
            "nothing wakes it up"
        } else {
            return Ok(());
        };
        Err(Broken(format!("{address} {state}: {broken}")))
    }
}
