//! Stop-and-wait: one message in flight, transmitted again until it is acknowledged or given up, and those that wait
//! (SIMP 3, 4). The caller says which number a copy has, which ACK settles the message, and when no copy makes sense any
//! more; here is what has left, and what is due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simp_values::text::{Seq, Text};

use crate::moment::Moment;

/// How long we wait for an ACK before transmitting the same datagram again (SIMP 4). Never shorter: a late
/// copy of one message is taken for the next but one if it is still under way then (SIMP 6).
pub(crate) const RETRANSMIT_AFTER: Duration = Duration::from_secs(5);

/// No copy of a datagram lives longer than this in the network (SIMP 6): half of the time after which we
/// transmit again, in which a datagram and the ACK that it causes are both dead.
pub const COPY_LIVES_FOR: Duration = Duration::from_millis(2_500);

/// The number of a message of ours: the id of its `queued` entry in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// A message that the machine makes by itself, and nobody is told of.
    pub(crate) const NOT_IN_LOG: Self = Self(0);
}

/// A message of ours on its way to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number in the log.
    pub id: MessageId,
    /// What it says.
    pub text: Text,
}

/// Messages that left in one datagram: the first, and those behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Together {
    first: MessageId,
    others: Vec<MessageId>,
}

impl Together {
    /// Their numbers, in order.
    pub(crate) fn ids(self) -> impl Iterator<Item = MessageId> {
        std::iter::once(self.first).chain(self.others)
    }
}

/// How often a datagram was transmitted, and when it is due again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed)]
pub(crate) struct Repeat {
    /// Transmissions so far, as far as they count.
    pub(crate) sent: u32,
    /// The next one, if nothing answers until then.
    pub(crate) due: Moment,
}

impl Repeat {
    /// Transmitted for the first time.
    pub(crate) fn first(now: Instant) -> Self {
        Self { sent: 1, due: (now + RETRANSMIT_AFTER).into() }
    }

    /// Transmitted once more; `None` if that was already done `attempts` times.
    pub(crate) fn again(self, now: Instant, attempts: u32) -> Option<Self> {
        (self.sent < attempts).then(|| Self { sent: self.sent + 1, due: (now + RETRANSMIT_AFTER).into() })
    }
}

/// A moment, so much later: no later than if the wait for it began at this moment, in which something leaves at last.
pub(crate) fn postponed(at: Moment, now: Instant, by: Duration) -> Moment {
    at.max((at + by).min(now + RETRANSMIT_AFTER).into())
}

/// The message in flight.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// The message; its text is that of all that leave with it.
    pub(crate) message: Outgoing,
    /// Those that leave with it, each on a line of its own.
    pub(crate) joined: Vec<MessageId>,
    /// Its copies.
    pub(crate) repeat: Repeat,
    /// Copies that do not count among them: our own system did not take what left last, or their number was of no use.
    pub(crate) uncounted: u32,
    /// When the last copy left. It and its ACK are dead [`RETRANSMIT_AFTER`] later, whenever the next one is due.
    pub(crate) transmitted: Instant,
    /// The number of the last copy.
    pub(crate) seq: Seq,
    /// The number of copies before it, if it was another.
    pub(crate) other: Option<Seq>,
    /// An ACK came that may be its own, and counts from then on if no better one comes.
    pub(crate) doubtful_ack: Option<Instant>,
    /// When an ACK came last that may be its own, or of the message before.
    pub(crate) stray_ack: Option<Instant>,
    /// How many ACKs came since its first copy.
    pub(crate) acks: u32,
}

impl InFlight {
    /// How many copies may have left.
    pub(crate) fn copies(&self) -> u32 {
        self.repeat.sent + self.uncounted
    }

    /// How many copies no ACK can be of; 255 are as good as more.
    pub(crate) fn unanswered(&self) -> u8 {
        u8::try_from(self.copies().saturating_sub(self.acks)).unwrap_or(u8::MAX)
    }

    /// It, and those that left with it.
    pub(crate) fn together(&self) -> Together {
        Together { first: self.message.id, others: self.joined.clone() }
    }

    /// Whether several copies may have left.
    pub(crate) fn is_repeated(&self) -> bool {
        self.copies() > 1
    }

    /// Whether a copy had this number.
    pub(crate) fn has_number(&self, seq: u8) -> bool {
        self.seq.field() == seq || self.other.is_some_and(|other| other.field() == seq)
    }
}

/// No new message is transmitted for a while, because an ACK may come that is not its own.
#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Moment,
    /// Whether that is one ACK which has not come yet, so that only copies can follow it.
    ack_missing: bool,
}

/// Our messages in one chat.
#[derive(Debug, Default)]
pub(crate) struct Arq {
    /// In a box, for most of 10,000 chats have none.
    ours: Option<Box<Ours>>,
    hold: Option<Hold>,
}

/// Our messages that are not settled.
#[derive(Debug, Default)]
struct Ours {
    in_flight: Option<InFlight>,
    /// Those that wait to be transmitted.
    waiting: VecDeque<Outgoing>,
    /// The last message that an earlier run had: as long as none has left in this one, the first may have left in that.
    resumed: Option<MessageId>,
}

impl Ours {
    /// Takes out the next that waits, with those behind it that fit into its text up to so many bytes.
    fn next(&mut self, join_up_to: usize) -> Option<(Outgoing, Vec<MessageId>)> {
        let mut message = self.waiting.pop_front()?;
        self.resumed = None;
        let mut joined = Vec::new();
        while let Some(next) = self.waiting.front() {
            let (before, behind) = (message.text.as_str(), next.text.as_str());
            let is_first = message.id == MessageId::NOT_IN_LOG;
            if is_first || before.len() + "\n".len() + behind.len() > join_up_to {
                break;
            }
            let Ok(text) = Text::new(&format!("{before}\n{behind}")) else { break };
            message.text = text;
            joined.extend(self.waiting.pop_front().map(|next| next.id));
        }
        Some((message, joined))
    }

    /// Takes out one that has not been transmitted, if it is among them.
    fn take_back(&mut self, id: MessageId, join_up_to: usize) -> bool {
        let Some(place) = self.waiting.iter().position(|message| message.id == id) else { return false };
        let is_resumed = self.resumed.is_some_and(|last| id <= last);
        if is_resumed && self.may_have_left(place, join_up_to) {
            return false;
        }
        self.waiting.remove(place).is_some()
    }

    /// Whether an earlier run may have transmitted the message in this place: the first, and what left together with it.
    fn may_have_left(&self, place: usize, join_up_to: usize) -> bool {
        let lines = self.waiting.iter().take(place + 1).map(|message| message.text.as_str().len());
        place == 0 || lines.sum::<usize>() + place * "\n".len() <= join_up_to
    }
}

impl Arq {
    /// Messages not yet acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.waiting().len() + self.in_flight().map_or(0, |in_flight| 1 + in_flight.joined.len())
    }

    /// Of these, messages that the log has too.
    pub(crate) fn len_in_log(&self) -> usize {
        // One that the machine makes is the first of all: it says that the chat is open.
        let first = self.in_flight().map(|in_flight| &in_flight.message).or(self.waiting().front());
        self.len() - usize::from(first.is_some_and(|message| message.id == MessageId::NOT_IN_LOG))
    }

    /// Adds a message after those that wait.
    pub(crate) fn push(&mut self, message: Outgoing) {
        self.ours.get_or_insert_default().waiting.push_back(message);
    }

    /// Adds one that an earlier run had, in the same order.
    pub(crate) fn push_resumed(&mut self, message: Outgoing) {
        self.ours.get_or_insert_default().resumed = Some(message.id);
        self.push(message);
    }

    /// Lets this message be the one that the machine has made with the same text, if there is one.
    pub(crate) fn adopt(&mut self, message: &Outgoing) -> bool {
        let Some(Ours { in_flight, waiting, .. }) = self.ours.as_deref_mut() else { return false };
        let first = in_flight.as_mut().map(|in_flight| &mut in_flight.message).or(waiting.front_mut());
        let same = first.filter(|first| first.id == MessageId::NOT_IN_LOG && first.text == message.text);
        same.map(|first| first.id = message.id).is_some()
    }

    /// Takes out a message that has not been transmitted. False if it is not among those that wait. `join_up_to`: as with
    /// [`begin`](Self::begin).
    pub(crate) fn take_back(&mut self, id: MessageId, join_up_to: usize) -> bool {
        let is_taken = self.ours.as_mut().is_some_and(|ours| ours.take_back(id, join_up_to));
        self.give_memory_back();
        is_taken
    }

    fn waiting(&self) -> &VecDeque<Outgoing> {
        static NONE: VecDeque<Outgoing> = VecDeque::new();
        self.ours.as_ref().map_or(&NONE, |ours| &ours.waiting)
    }

    fn give_memory_back(&mut self) {
        self.ours.take_if(|ours| ours.in_flight.is_none() && ours.waiting.is_empty());
    }

    /// The message in flight.
    pub(crate) fn in_flight(&self) -> Option<&InFlight> {
        self.ours.as_ref()?.in_flight.as_ref()
    }

    fn in_flight_mut(&mut self) -> Option<&mut InFlight> {
        self.ours.as_mut()?.in_flight.as_mut()
    }

    /// Transmits the next message with this number, unless one is in flight or must not leave yet. Those behind it leave
    /// with it as far as their texts fit into `join_up_to` bytes together. Returns whether it did.
    pub(crate) fn begin(&mut self, now: Instant, seq: Seq, join_up_to: usize) -> bool {
        self.hold = self.hold.filter(|hold| now < hold.until);
        if self.hold.is_some() {
            return false;
        }
        let Some(ours) = self.ours.as_mut().filter(|ours| ours.in_flight.is_none()) else { return false };
        let Some((message, joined)) = ours.next(join_up_to) else { return false };
        ours.in_flight = Some(InFlight {
            message,
            joined,
            repeat: Repeat::first(now),
            uncounted: 0,
            transmitted: now,
            seq,
            other: None,
            doubtful_ack: None,
            stray_ack: None,
            acks: 0,
        });
        true
    }

    /// Whether a message waits, and none is in flight.
    pub(crate) fn waits(&self) -> bool {
        self.ours.as_ref().is_some_and(|ours| ours.in_flight.is_none())
    }

    /// Transmits the message in flight again, with this number.
    pub(crate) fn repeat(&mut self, now: Instant, seq: Seq) {
        let Some(in_flight) = self.in_flight_mut() else { return };
        // An ACK with either number is one of this message: the peer has it.
        if in_flight.seq != seq {
            in_flight.other = Some(in_flight.seq);
        }
        in_flight.repeat = Repeat { sent: in_flight.repeat.sent + 1, due: (now + RETRANSMIT_AFTER).into() };
        (in_flight.seq, in_flight.transmitted) = (seq, now);
    }

    /// An ACK came that may be of the message in flight: it counts from then on.
    pub(crate) fn doubt_ack(&mut self, until: Instant) {
        if let Some(in_flight) = self.in_flight_mut() {
            // A second one makes it no later, or a peer that keeps sending would hold it for ever.
            in_flight.doubtful_ack.get_or_insert(until);
        }
    }

    /// An ACK came while a message is in flight, whatever it is of.
    pub(crate) fn count_ack(&mut self) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.acks += 1;
        }
    }

    /// An ACK came that may be of the message in flight, or of the one before: alone it says nothing.
    pub(crate) fn note_stray_ack(&mut self, now: Instant) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.stray_ack = Some(now);
        }
    }

    /// The message in flight is looked at no later than that.
    pub(crate) fn hasten(&mut self, due: Instant) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.repeat.due = in_flight.repeat.due.min(due.into());
        }
    }

    /// The last copy of the message in flight, or another datagram in its place, did not leave: one attempt less.
    pub(crate) fn uncount(&mut self) {
        if let Some(in_flight) = self.in_flight_mut().filter(|in_flight| in_flight.repeat.sent > 0) {
            in_flight.repeat.sent -= 1;
            in_flight.uncounted += 1;
        }
    }

    /// What seemed to have left leaves so much later, at this moment at the latest.
    pub(crate) fn postpone(&mut self, now: Instant, by: Duration) {
        if let Some(in_flight) = self.in_flight_mut() {
            let by = by.min(now.saturating_duration_since(in_flight.transmitted));
            in_flight.transmitted += by;
            in_flight.repeat.due += by;
        }
        if let Some(hold) = &mut self.hold {
            hold.until = postponed(hold.until, now, by);
        }
    }

    /// The copies of the message in flight so far had a number of no use: it is due then, with this one, as if none had
    /// left.
    pub(crate) fn renumber(&mut self, due: Instant, seq: Seq) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.uncounted += in_flight.repeat.sent;
            (in_flight.seq, in_flight.repeat) = (seq, Repeat { sent: 0, due: due.into() });
        }
    }

    /// Sets anew when the message in flight is due, and lets its copies so far count as so many: one to a peer that is
    /// found to acknowledge after all.
    pub(crate) fn set_due(&mut self, due: Instant, sent: u32) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.repeat = Repeat { sent, due: due.into() };
        }
    }

    /// The message in flight is over: it is acknowledged, or goes on no longer.
    pub(crate) fn settle(&mut self) -> Option<InFlight> {
        let in_flight = self.ours.as_mut()?.in_flight.take();
        self.give_memory_back();
        in_flight
    }

    /// Takes out all that is not acknowledged, in order. An ACK of the message in flight may still come.
    pub(crate) fn give_up(&mut self) -> (Option<InFlight>, VecDeque<Outgoing>) {
        let in_flight = self.settle();
        if let Some(in_flight) = &in_flight {
            // Its last copy and the ACK of that are dead by then.
            self.hold(in_flight.transmitted + RETRANSMIT_AFTER, false);
        }
        (in_flight, self.ours.take().map(|ours| ours.waiting).unwrap_or_default())
    }

    /// Transmits no new message before `until`. `ack_missing`: or until the one ACK came that it waits for.
    pub(crate) fn hold(&mut self, until: impl Into<Moment>, ack_missing: bool) {
        let until = until.into();
        self.hold = Some(match self.hold {
            // Two reasons to wait: one ACK alone ends neither.
            Some(held) => Hold { until: until.max(held.until), ack_missing: false },
            None => Hold { until, ack_missing },
        });
    }

    /// An ACK came that is of no message: if messages are held, they wait for its copies too.
    pub(crate) fn handle_other_ack(&mut self, copies_until: Instant) {
        let copies_until = copies_until.into();
        if let Some(hold) = &mut self.hold {
            hold.until = if hold.ack_missing { copies_until } else { hold.until.max(copies_until) };
            hold.ack_missing = false;
        }
    }

    /// Until when an ACK may come that is not of a message to come.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.hold.map(|hold| hold.until.instant())
    }

    /// Whether an ACK may come that is of something else than the next that is transmitted.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until().is_some_and(|until| until > now)
    }

    /// When there is something to do, if no ACK comes until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // A hold that nothing waits for wakes nobody.
        let Some(in_flight) = &self.ours.as_ref()?.in_flight else { return self.held_until() };
        let due = in_flight.repeat.due.instant();
        Some(in_flight.doubtful_ack.map_or(due, |at| at.min(due)))
    }
}
