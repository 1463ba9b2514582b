//! Looks up the names of hosts, in threads of their own: the system's resolver waits for servers that do not answer, and
//! nothing else here ever waits. There are threads only as long as there is something to look up.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mio::{Registry, Token, Waker};
use simp_control::{LookupError, names};
use simp_engine::LookedUp;

/// Most names that are looked up at a time: a server that does not answer holds up so many, and all others behind them.
const THREADS_MAX: usize = 4;

/// Looks up names of hosts, and wakes the loop when something was found.
pub struct Resolver {
    shared: Option<Arc<Shared>>,
    token: Token,
}

struct Shared {
    state: Mutex<State>,
    waker: Waker,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<String>,
    /// Those that wait, and those that are being looked up: none is looked up twice at a time.
    names: HashSet<String>,
    threads: usize,
    found: Vec<LookedUp>,
}

impl Resolver {
    /// It wakes the loop by this token.
    pub fn new(token: Token) -> Self {
        Self { shared: None, token }
    }

    /// Looks up these names.
    ///
    /// # Errors
    /// The loop cannot be woken.
    pub fn obey(&mut self, registry: &Registry, asked: impl Iterator<Item = String>) -> io::Result<()> {
        for name in asked {
            let shared = match &self.shared {
                Some(shared) => shared,
                // Most daemons never look up anything.
                None => {
                    let waker = Waker::new(registry, self.token)?;
                    self.shared.insert(Arc::new(Shared { state: Mutex::default(), waker }))
                }
            };
            Shared::ask(shared, name)?;
        }
        Ok(())
    }

    /// What was found since the last time.
    pub fn take_found(&self, into: &mut Vec<LookedUp>) {
        if let Some(shared) = &self.shared {
            into.append(&mut shared.state().found);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // What it holds is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(shared: &Arc<Self>, name: String) -> io::Result<()> {
        let mut state = shared.state();
        if !state.names.insert(name.clone()) {
            return Ok(());
        }
        state.waiting.push_back(name);
        if state.threads == THREADS_MAX {
            return Ok(());
        }
        state.threads += 1;
        let its = Arc::clone(shared);
        if thread::Builder::new().name("resolver".to_owned()).spawn(move || its.work()).is_ok() {
            return Ok(());
        }
        state.threads -= 1;
        if state.threads > 0 {
            return Ok(());
        }
        // There are too many on this machine; it is tried again as if nobody had answered.
        state.names.clear();
        let names = mem::take(&mut state.waiting);
        state
            .found
            .extend(names.into_iter().map(|name| LookedUp { name, found: Err(LookupError::NoAnswer) }));
        shared.waker.wake()
    }

    /// Looks up one name after the other, until there is none.
    fn work(&self) {
        while let Some(name) = self.next() {
            let found = names::look_up(&name);
            let mut state = self.state();
            state.names.remove(&name);
            state.found.push(LookedUp { name, found });
            drop(state);
            // It fails if the daemon ends just now, and nobody waits any more.
            let _ = self.waker.wake();
        }
    }

    fn next(&self) -> Option<String> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.threads -= usize::from(next.is_none());
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::time::Duration;

    #[test]
    fn what_is_asked_is_answered_and_wakes_the_loop() {
        let mut poll = Poll::new().unwrap();
        let mut resolver = Resolver::new(Token(3));
        // More than there are threads, and one of them twice. No host can be called like the others.
        let names = ["localhost", "a b", "c d", "e f", "g h", "i j", "localhost"].map(str::to_owned);
        resolver.obey(poll.registry(), names.into_iter()).unwrap();
        let (mut events, mut found) = (Events::with_capacity(4), Vec::new());
        while found.len() < 6 {
            poll.poll(&mut events, Some(Duration::from_secs(30))).unwrap();
            assert!(events.iter().all(|event| event.token() == Token(3)) && !events.is_empty());
            resolver.take_found(&mut found);
        }
        let localhost: Vec<_> = found.iter().filter(|it| it.name == "localhost").collect();
        let addresses = localhost[0].found.as_ref().unwrap();
        assert!(addresses.iter().all(|host| host.ip().is_loopback()), "{addresses:?}");
        let shared = resolver.shared.as_ref().unwrap();
        while shared.state().threads > 0 {
            thread::yield_now();
        }
        assert!(shared.state().names.is_empty());
    }
}
