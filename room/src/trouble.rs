//! What keeps the room waiting: said on standard error when it begins and when it is over, and to operators who would wait
//! with it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::output;

/// What the room waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// Simpd is away.
    Simpd,
    /// Simpd is there, and cannot do what it is asked.
    Requests,
    /// What a turn did cannot be stored.
    Store,
}

/// What keeps the room waiting, for all of its threads.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<(WaitsFor, String)>>>);

impl Trouble {
    /// It waits for this, and why. It is said once, however often it is told.
    pub fn began(&self, waits_for: WaitsFor, why: &str) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = current.as_ref().is_some_and(|(of, told)| (*of, told.as_str()) == (waits_for, why));
        if !is_known {
            output::say(why);
            *current = Some((waits_for, why.to_owned()));
        }
    }

    /// What it waited for is there, as this line says.
    pub fn ended(&self, waits_for: WaitsFor, over: &str) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.take_if(|(of, _)| *of == waits_for).is_some() {
            output::say(over);
        }
    }

    /// Why it waits; `None` if it does not.
    pub fn current(&self) -> Option<(WaitsFor, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
