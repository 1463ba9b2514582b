//! The texts of a stream that are under way together, in their order. So many are asked for before the first is answered.

use std::collections::VecDeque;

use simp_control::{Event, Failure, FailureKind, What};

use super::sending::Asked;

/// So many are under way at most.
const MOST: usize = 256;

/// So many bytes of them: less than a socket holds, so that nobody is waited for when they are written.
const MOST_BYTES: usize = 64 << 10;

/// A text that is under way.
pub(super) struct Flight {
    /// The line that it is.
    pub(super) number: u64,
    pub(super) text: String,
    pub(super) stage: Stage,
}

/// How far a text is.
pub(super) enum Stage {
    /// Simpd was asked to queue it.
    Asked(Asked),
    /// It did, and what becomes of the message is to come.
    Queued(u64),
    /// Nothing more is to come.
    Known(Known),
}

/// What a text came to.
pub(super) enum Known {
    /// No peer takes it, so nobody was asked.
    Unfit(Failure),
    /// Simpd refused it.
    Refused(Failure),
    /// It is this message in this chat, and no more is to be known.
    Queued(u64, u64),
    /// It was queued, and this became of the message.
    Settled(Event),
}

/// The texts that are under way.
pub(super) struct Window {
    flights: VecDeque<Flight>,
    bytes: usize,
    /// Whether what becomes of messages is waited for.
    waits: bool,
    /// What became of messages that may be ours: the answers that say so are to come.
    early: Vec<(u64, Event)>,
}

impl Window {
    /// Without any. `waits`: they are under way until it is known what became of them, and not only until they are queued.
    pub(super) fn new(waits: bool) -> Self {
        Self { flights: VecDeque::new(), bytes: 0, waits, early: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    /// Whether so few are left that it is time for more: many that are asked for together are queued in one turn of simpd.
    pub(super) fn is_low(&self) -> bool {
        self.flights.len() <= MOST / 2 && self.bytes <= MOST_BYTES / 2
    }

    /// Whether there may be another.
    pub(super) fn has_room(&self) -> bool {
        self.flights.len() < MOST && self.bytes < MOST_BYTES
    }

    pub(super) fn push(&mut self, flight: Flight) {
        self.bytes += flight.text.len();
        self.flights.push_back(flight);
    }

    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<Flight> {
        let flight = self.flights.pop_front()?;
        self.bytes -= flight.text.len();
        Some(flight)
    }

    /// The oldest, if it is known what it came to. Of one that has no chat any more not before all answers are there: only
    /// then does it show whether there is anything after it.
    pub(super) fn pop_known(&mut self) -> Option<Flight> {
        match &self.flights.front()?.stage {
            Stage::Known(Known::Refused(failure)) if failure.kind == FailureKind::NoSuch => {
                if self.asked() == 0 { self.pop() } else { None }
            }
            Stage::Known(_) => self.pop(),
            Stage::Asked(_) | Stage::Queued(_) => None,
        }
    }

    /// How many simpd has not answered for.
    pub(super) fn asked(&self) -> usize {
        self.flights.iter().filter(|flight| matches!(flight.stage, Stage::Asked(_))).count()
    }

    /// The messages that they are, as far as is known.
    pub(super) fn messages(&self) -> Vec<u64> {
        let message = |flight: &Flight| match &flight.stage {
            Stage::Queued(message) | Stage::Known(Known::Queued(message, _)) => Some(*message),
            Stage::Known(Known::Settled(event)) => settles(event),
            Stage::Asked(_) | Stage::Known(Known::Unfit(_) | Known::Refused(_)) => None,
        };
        self.flights.iter().filter_map(message).collect()
    }

    /// The answer to the oldest that has none: the message and its chat, or why there is none.
    pub(super) fn answered(&mut self, answer: Result<(u64, u64), Failure>) {
        let Some(flight) = self.flights.iter_mut().find(|flight| matches!(flight.stage, Stage::Asked(_)))
        else {
            return;
        };
        flight.stage = match answer {
            Err(failure) => Stage::Known(Known::Refused(failure)),
            Ok((message, chat)) if !self.waits => Stage::Known(Known::Queued(message, chat)),
            Ok((message, _)) => {
                // Ids grow: what is older was another program's.
                self.early.retain(|(id, _)| *id >= message);
                match self.early.iter().position(|(id, _)| *id == message) {
                    Some(at) => Stage::Known(Known::Settled(self.early.swap_remove(at).1)),
                    None => Stage::Queued(message),
                }
            }
        };
        if self.asked() == 0 {
            self.early.clear();
        }
    }

    /// What became of a message, ours or not.
    pub(super) fn happened(&mut self, event: Event) {
        let Some(message) = settles(&event) else { return };
        let is_it = |flight: &&mut Flight| matches!(flight.stage, Stage::Queued(id) if id == message);
        if let Some(flight) = self.flights.iter_mut().find(is_it) {
            flight.stage = Stage::Known(Known::Settled(event));
        } else if self.asked() > 0 {
            self.early.push((message, event));
        }
    }
}

/// The message that an entry says is settled.
fn settles(event: &Event) -> Option<u64> {
    match event.what {
        What::Delivered { message } | What::Unconfirmed { message } | What::Undelivered { message, .. } => {
            Some(message)
        }
        _ => None,
    }
}
