//! Stop-and-wait: one message in flight, resent until acknowledged, and the filter for duplicates (SIMP 3, 4).
//! Knows nothing of opening and closing; [`Chat`](crate::Chat) does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::text::{Seq, Text};

/// How long we wait for an ACK before transmitting the same datagram again (SIMP 4). Never shorter: a late
/// copy of one message is taken for the next but one if it is still under way then (SIMP 6).
pub const RETRANSMIT_AFTER: Duration = Duration::from_secs(5);

/// The number of a message of ours: the id of its `queued` entry in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A message of ours on its way to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number in the log.
    pub id: MessageId,
    /// What it says.
    pub text: Text,
}

/// How often a datagram was transmitted, and when it is due again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Transmissions so far.
    pub(crate) sent: u32,
    /// The next one, if nothing answers until then.
    pub(crate) due: Instant,
}

impl Repeat {
    /// Transmitted for the first time.
    pub(crate) fn first(now: Instant) -> Self {
        Self { sent: 1, due: now + RETRANSMIT_AFTER }
    }

    /// Transmitted once more; `None` where that was already done `attempts` times.
    pub(crate) fn again(self, now: Instant, attempts: u32) -> Option<Self> {
        (self.sent < attempts).then(|| Self { sent: self.sent + 1, due: now + RETRANSMIT_AFTER })
    }
}

/// What is remembered of the last message received, to know a duplicate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceived {
    seq: u8,
    /// FNV-1a of its text: peers exist that send different texts with one number (SIMP 7).
    text_hash: u64,
}

impl LastReceived {
    /// Of a message with this Sequence field and this text.
    pub fn of(seq: u8, text: &str) -> Self {
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self { seq, text_hash: text.bytes().fold(0xcbf2_9ce4_8422_2325, step) }
    }

    /// As two numbers, to be kept.
    pub fn to_parts(self) -> (u8, u64) {
        (self.seq, self.text_hash)
    }

    /// From the two numbers that were kept.
    pub fn from_parts(seq: u8, text_hash: u64) -> Self {
        Self { seq, text_hash }
    }
}

/// What the passing of time did to the message in flight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// It is to be transmitted, for the first time.
    First,
    /// It is to be transmitted again.
    Again,
    /// It was transmitted as often as allowed, and never acknowledged.
    GivenUp,
}

#[derive(Debug)]
struct InFlight {
    message: Outgoing,
    repeat: Repeat,
}

/// No new message is transmitted for a while, because an ACK may come that is not its own.
#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Instant,
    /// Whether that is one ACK which has not come yet, so that only copies can follow it.
    ack_missing: bool,
}

/// Both directions of one chat's messages.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    seq: Seq,
    in_flight: Option<InFlight>,
    queue: VecDeque<Outgoing>,
    received: Option<LastReceived>,
    hold: Option<Hold>,
}

impl Delivery {
    /// Goes on where an earlier run stopped.
    pub(crate) fn resume(seq: Seq, received: Option<LastReceived>) -> Self {
        Self { seq, received, ..Self::default() }
    }

    /// The bit of the message in flight, or of the next one.
    pub(crate) fn seq(&self) -> Seq {
        self.seq
    }

    /// What a duplicate is known by.
    pub(crate) fn received(&self) -> Option<LastReceived> {
        self.received
    }

    /// Takes the next message for new, whatever it is.
    pub(crate) fn forget_received(&mut self) {
        self.received = None;
    }

    /// Messages not yet acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + usize::from(self.in_flight.is_some())
    }

    /// Adds a message behind those that wait.
    pub(crate) fn push(&mut self, message: Outgoing) {
        self.queue.push_back(message);
    }

    /// Takes out a message that has not been transmitted. False where it is not among those that wait.
    pub(crate) fn take_back(&mut self, id: MessageId) -> bool {
        let place = self.queue.iter().position(|message| message.id == id);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// Transmits no new message before `until`. `ack_missing`: or until the one ACK came that it waits for.
    pub(crate) fn hold(&mut self, until: Instant, ack_missing: bool) {
        self.hold = Some(match self.hold {
            Some(held) => Hold { until: until.max(held.until), ack_missing: false },
            None => Hold { until, ack_missing },
        });
    }

    /// Until when an ACK may come that is not of a message to come.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.hold.map(|hold| hold.until)
    }

    /// Whether an ACK may come that is of something else than the next that is transmitted.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until().is_some_and(|until| until > now)
    }

    /// An ACK came that is of no message: where messages are held, they wait for its copies too.
    pub(crate) fn handle_other_ack(&mut self, copies_until: Instant) {
        if let Some(hold) = &mut self.hold {
            hold.until = if hold.ack_missing { copies_until } else { hold.until.max(copies_until) };
            hold.ack_missing = false;
        }
    }

    /// Whether a message has been transmitted and not acknowledged.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The message in flight.
    pub(crate) fn in_flight(&self) -> Option<&Outgoing> {
        self.in_flight.as_ref().map(|in_flight| &in_flight.message)
    }

    /// When the message in flight is transmitted again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|in_flight| in_flight.repeat.due)
    }

    /// An ACK came: the message it settles, if it is the one in flight.
    pub(crate) fn handle_ack(&mut self, seq: u8) -> Option<MessageId> {
        let in_flight = self.in_flight.take_if(|_| seq == self.seq.field())?;
        self.seq = self.seq.next();
        Some(in_flight.message.id)
    }

    /// A chat datagram came: whether it is new. A duplicate has the number and the text of the last one.
    pub(crate) fn handle_chat(&mut self, seq: u8, text: &str) -> bool {
        let received = Some(LastReceived::of(seq, text));
        if self.received == received {
            return false;
        }
        self.received = received;
        true
    }

    /// What is due: the next message where none is in flight, or the one in flight again.
    pub(crate) fn handle_timeout(&mut self, now: Instant, attempts: u32) -> Due {
        self.hold = self.hold.filter(|hold| hold.until > now);
        let Some(in_flight) = &mut self.in_flight else {
            if self.hold.is_some() {
                return Due::Nothing;
            }
            let Some(message) = self.queue.pop_front() else { return Due::Nothing };
            if self.queue.is_empty() {
                self.queue = VecDeque::new();
            }
            self.in_flight = Some(InFlight { message, repeat: Repeat::first(now) });
            return Due::First;
        };
        if in_flight.repeat.due > now {
            return Due::Nothing;
        }
        match in_flight.repeat.again(now, attempts) {
            Some(repeat) => {
                in_flight.repeat = repeat;
                Due::Again
            }
            None => Due::GivenUp,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.in_flight {
            Some(in_flight) => Some(in_flight.repeat.due),
            None if self.queue.is_empty() => None,
            None => self.hold.map(|hold| hold.until),
        }
    }

    /// Takes out all that is not acknowledged, in order. The bit of the message in flight is used up: its ACK
    /// may still come, and must not pass for that of the FIN.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = MessageId> + use<> {
        let in_flight = self.in_flight.take();
        if let Some(in_flight) = &in_flight {
            self.seq = self.seq.next();
            self.hold(in_flight.repeat.due, false);
        }
        in_flight
            .map(|in_flight| in_flight.message)
            .into_iter()
            .chain(std::mem::take(&mut self.queue))
            .map(|message| message.id)
    }
}
