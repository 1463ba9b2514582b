//! One chat with one peer: opening, messages, closing, as a state machine (SIMP 2 to 5).
//! It speaks [`Datagram`]s and takes the time as an argument; the crate's documentation has the contract.

mod commands;
mod known;
mod messages;
mod opening;
mod output;
mod table;

pub use known::Known;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::datagram::{Datagram, Operation};
use crate::delivery::{Delivery, LastReceived, MessageId, Outgoing, RETRANSMIT_AFTER, Repeat};
use crate::dialect::{Dialect, Habit};
use crate::state::{Reason, State};
use crate::text::{Seq, Text, UserName, read_payload};

/// A SYN from the peer of an open chat is a late copy this long after the opening; later, the peer has
/// forgotten the chat and invites anew (SIMP 2).
const SYN_IS_LATE_FOR: Duration = Duration::from_secs(10);

/// The ACK of our SYN+ACK looks like that of our first message (SIMP 2, 3). So the first message waits while
/// such an ACK may still come: until the last SYN+ACK and its ACK are dead or, where only one SYN+ACK left and
/// its ACK has come, this long for copies.
const HANDSHAKE_ACK_COPIES_WITHIN: Duration = Duration::from_millis(500);

/// A SYN+ACK is not repeated for copies of one SYN that come together.
const SYN_COPIES_WITHIN: Duration = Duration::from_secs(1);

/// After how long an unanswered SYN is repeated, then again, then always (SIMP 4). Rarely, because several
/// implementations ask their user for every SYN.
const SYN_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(20), Duration::from_secs(40), Duration::from_secs(120)];

/// To a peer that has shown habits of its own a FIN leaves again after this long, with the other number (SIMP 7).
const OTHER_FIN_AFTER: Duration = Duration::from_secs(2);

/// How often a FIN is transmitted to a peer that never acknowledges.
const FINS_UNCONFIRMED: u32 = 2;

/// Whoever invites with a text may wait for a bare ACK: it leaves this long after our SYN+ACK where nothing has come
/// (SIMP 7).
const BARE_ACK_AFTER: Duration = Duration::from_millis(500);

/// What of a chat's behaviour the user sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often a datagram that wants an answer is transmitted before the peer counts as gone; 1 or more.
    pub attempts: u32,
    /// How long a request or an invitation waits for its answer.
    pub request_expiry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: 6, request_expiry: Duration::from_secs(600) }
    }
}

/// What happened in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// The peer invites us.
    Request,
    /// Messages may go both ways.
    Opened,
    /// The peer sent this text.
    Message {
        /// Its Sequence field.
        seq: u8,
        /// The text as it came.
        text: String,
    },
    /// The peer has this message of ours.
    Delivered(MessageId),
    /// This message of ours has left, and the peer is one that does not say whether it has it (SIMP 7).
    Unconfirmed(MessageId),
    /// The peer did not acknowledge this message of ours, and it will not be transmitted again.
    Undelivered(MessageId, Reason),
    /// It is over. The last event.
    Closed {
        /// Why.
        reason: Reason,
        /// What the peer said to it.
        text: Option<String>,
    },
    /// The peer reports an error, which changes nothing (SIMP 5).
    Error {
        /// Its words.
        text: String,
    },
}

/// What a datagram was to the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Expected.
    Accepted,
    /// A message we had already; it is acknowledged again.
    Duplicate,
    /// Without meaning in this state; nothing changed.
    Ignored,
    /// A SYN that ended this chat: the peer invites anew, and the caller makes a new chat of it.
    InvitesAnew,
}

/// Why a command cannot be carried out: the chat is in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chat is {0}")]
pub struct StateError(pub State);

/// What must be kept to go on with a chat after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands.
    pub state: State,
    /// The peer's name.
    pub user: UserName,
    /// The bit of our message in flight, or of the next one.
    pub seq: Seq,
    /// What a duplicate is known by.
    pub received: Option<LastReceived>,
    /// How the peer speaks.
    pub dialect: Dialect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Inviting {
        syn: Repeat,
        expires: Instant,
        /// The peer's user is being asked.
        rings: bool,
    },
    Invited {
        expires: Instant,
        /// The peer has our SYN+ACK already, and waits for a first message.
        rung: bool,
        /// Before that, datagrams of an earlier chat with this peer may still be under way.
        answer_from: Option<Instant>,
    },
    Accepting {
        syn_ack: Repeat,
        /// When a bare ACK follows.
        ack_at: Option<Instant>,
    },
    Open {
        /// Unknown after a restart.
        since: Option<Instant>,
        /// What we answered the peer's part of the opening with.
        answer: Operation,
    },
    /// We are leaving, but first deliver what is queued. The rest is as in an open chat.
    Draining {
        since: Option<Instant>,
        answer: Operation,
    },
    /// We are leaving and wait for the ACK of our FIN.
    Leaving {
        fin: Repeat,
        /// When the last one and its ACK are dead.
        dead_at: Instant,
        /// Why, where the user has not been told yet.
        untold: Option<Reason>,
    },
    Closed,
}

/// How the message ends that accepts an invitation, with those that wait for one (SIMP 7).
const ACCEPTED: &str = "accepted.";

/// A message that the machine makes by itself, and nobody is told of.
const NOT_IN_LOG: MessageId = MessageId(0);

/// A line of the peer that came as a SYN.
#[derive(Debug)]
struct Line {
    text: String,
    at: Instant,
    /// It has come as a message too.
    is_message: bool,
}

/// What the peer said that tells its habits.
#[derive(Debug, Default)]
struct Heard {
    /// The text of its invitation.
    invitation: Option<Box<str>>,
    /// The last line that came as a SYN.
    line: Option<Line>,
    /// The last error it reported.
    error: Option<Box<str>>,
    /// The hash of the last text of ours, and how many of its own were the same in a row.
    ours: Option<u64>,
    echoed: u8,
    /// How many of its messages in a row it repeated although they were acknowledged, the last one included.
    repeated: u8,
    is_last_repeated: bool,
}

/// A datagram that is due, made only when it is polled.
#[derive(Debug, Clone, Copy)]
enum Transmit {
    Control(Operation, u8),
    InFlight,
}

/// The machine of one chat.
#[derive(Debug)]
pub struct Chat {
    me: UserName,
    user: UserName,
    settings: Settings,
    phase: Phase,
    delivery: Delivery,
    dialect: Dialect,
    /// The SYN+ACK and the bare ACK that opened the chat may be lost: nothing has come since.
    is_unheard: bool,
    /// There was no chat with the peer before.
    is_stranger: bool,
    /// In a box, for most of 10,000 chats are silent.
    heard: Option<Box<Heard>>,
    /// An ACK that leaves a little later.
    late_ack: Option<(Instant, u8)>,
    changed: bool,
    events: VecDeque<ChatEvent>,
    transmits: VecDeque<Transmit>,
}

/// What the table's rows are made of.
impl Chat {
    fn new(me: UserName, settings: Settings, known: Known, phase: Phase) -> Self {
        let mut dialect = known.dialect;
        if known.is_pinned {
            dialect.pin();
        }
        Self {
            me,
            user: UserName::default(),
            settings,
            phase,
            delivery: Delivery::begin(),
            dialect,
            is_stranger: known.is_stranger,
            is_unheard: false,
            heard: None,
            late_ack: None,
            changed: true,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    fn set_phase(&mut self, phase: Phase) {
        if let (Phase::Accepting { syn_ack, .. }, Phase::Leaving { .. } | Phase::Closed) = (self.phase, phase)
        {
            self.delivery.hold(syn_ack.due, false);
        }
        self.phase = phase;
        self.changed = true;
    }

    fn heard_mut(&mut self) -> &mut Heard {
        self.heard.get_or_insert_default()
    }

    /// The text of the peer's invitation.
    fn invitation(&self) -> Option<&str> {
        self.heard.as_ref()?.invitation.as_deref()
    }

    fn transmit(&mut self, operation: Operation, seq: u8) {
        self.transmits.push_back(Transmit::Control(operation, seq));
    }

    fn send_syn_ack(&mut self, now: Instant) {
        let ack_at = self.invitation().map(|_| now + BARE_ACK_AFTER);
        self.set_phase(Phase::Accepting { syn_ack: Repeat::first(now), ack_at });
        self.transmit(Operation::SynAck, Seq::Zero.field());
    }

    /// Accepts where the peer waits for a message that says so (SIMP 7).
    fn accept_by_message(&mut self, now: Instant) {
        self.dialect.set(Habit::Rings, true);
        self.open(now, Operation::SynAck);
        // A user name is printable ASCII, so that this is a text.
        if let Ok(text) = Text::new(&format!("{} {ACCEPTED}", self.me)) {
            self.delivery.push(Outgoing { id: NOT_IN_LOG, text });
        }
        self.deliver(now);
    }

    fn open(&mut self, now: Instant, answer: Operation) {
        // The peer is in the chat once it has our SYN+ACK, or our ACK of its own.
        let theirs_from = match self.phase {
            Phase::Inviting { .. } | Phase::Invited { .. } => Some(now),
            Phase::Accepting { syn_ack, .. } if syn_ack.sent == 1 => Some(syn_ack.due - RETRANSMIT_AFTER),
            _ => None,
        };
        self.delivery.open(theirs_from, self.dialect);
        self.set_phase(Phase::Open { since: Some(now), answer });
        self.events.push_back(ChatEvent::Opened);
    }

    fn handle_late_syn(&mut self, now: Instant, since: Option<Instant>, answer: Operation) -> Handled {
        if since.is_none_or(|since| now >= since + SYN_IS_LATE_FOR) {
            self.give_up(Reason::PeerRestarted);
            self.end(Reason::PeerRestarted, None);
            return Handled::InvitesAnew;
        }
        // The ACK that a SYN+ACK brings must not pass for that of a message in flight, and one of ours not at
        // the peer: were it still missing there, the SYN+ACK would come again.
        if answer == Operation::Ack || self.delivery.is_in_flight() {
            return Handled::Ignored;
        }
        // The peer may have forgotten the chat after all, and say again what it said last: better twice than lost.
        self.delivery.forget_received();
        self.changed = true;
        self.delivery.hold(now + RETRANSMIT_AFTER, false);
        self.transmit(Operation::SynAck, Seq::Zero.field());
        Handled::Accepted
    }

    /// Ends a chat whose peer does not answer. It is told once all the same: where only its answers are lost, it
    /// would stay in a chat that is none.
    fn end_with_peer_gone(&mut self, now: Instant) {
        self.give_up(Reason::PeerGone);
        self.delivery.hold(now + RETRANSMIT_AFTER, false);
        self.transmit(Operation::Fin, self.delivery.seq().field());
        self.end(Reason::PeerGone, None);
    }

    /// Ends what was not open yet: our user knows it at once, the peer is told until it answers.
    fn end_opening(&mut self, now: Instant, reason: Reason) {
        self.events.push_back(ChatEvent::Closed { reason, text: None });
        self.send_fin(now, None);
    }

    fn leave(&mut self, now: Instant) {
        self.give_up(Reason::Quit);
        self.send_fin(now, Some(Reason::Quit));
    }

    fn send_fin(&mut self, now: Instant, untold: Option<Reason>) {
        self.transmit_fin(now, 0, untold);
    }

    /// Transmits a FIN after so many. Where it is not known which number the peer wants, it has both in turn.
    fn transmit_fin(&mut self, now: Instant, sent: u32, untold: Option<Reason>) {
        let is_foreign = self.dialect.is_foreign();
        let is_other = match is_foreign {
            true => sent % 2 == 1,
            false => !self.dialect.has(Habit::NumbersKnown) && sent >= 2 && sent.is_multiple_of(2),
        };
        let seq = self.delivery.seq();
        let seq = if is_other { seq.next() } else { seq };
        let is_soon = is_foreign && (sent == 0 || self.dialect.has(Habit::NeverAcks));
        let pause = if is_soon { OTHER_FIN_AFTER } else { RETRANSMIT_AFTER };
        let fin = Repeat { sent: sent + 1, due: now + pause };
        let leaving = Phase::Leaving { fin, dead_at: now + RETRANSMIT_AFTER, untold };
        if sent == 0 {
            self.set_phase(leaving);
        } else {
            self.phase = leaving;
        }
        self.transmit(Operation::Fin, seq.field());
    }

    /// How often a FIN is transmitted.
    fn fin_attempts(&self) -> u32 {
        if self.dialect.has(Habit::NeverAcks) { FINS_UNCONFIRMED } else { self.settings.attempts }
    }

    /// Ends a chat whose last FIN was not acknowledged, or more than one was sent.
    fn end_leaving(&mut self, untold: Option<Reason>) {
        if let Phase::Leaving { dead_at, .. } = self.phase {
            self.delivery.hold(dead_at, false);
        }
        self.end_left(untold);
    }

    fn end_left(&mut self, untold: Option<Reason>) {
        match untold {
            Some(reason) => self.end(reason, None),
            None => self.set_phase(Phase::Closed),
        }
    }

    fn give_up(&mut self, reason: Reason) {
        let given_up = self.delivery.give_up().filter(|id| *id != NOT_IN_LOG);
        self.events.extend(given_up.map(|id| ChatEvent::Undelivered(id, reason)));
    }

    fn end(&mut self, reason: Reason, text: Option<String>) {
        if self.delivery.received.doubt_until().is_some() {
            self.end_doubt();
        }
        self.set_phase(Phase::Closed);
        self.events.push_back(ChatEvent::Closed { reason, text });
    }
}

/// What the peer said in the payload of a datagram that has none by rights.
fn words(datagram: &Datagram) -> Option<String> {
    let text = Dialect::default().text_of(&datagram.payload);
    (!text.is_empty()).then(|| read_payload(text))
}
