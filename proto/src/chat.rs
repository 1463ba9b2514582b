//! One chat with one peer: opening, messages, closing, as a state machine (SIMP 2 to 5).
//! It speaks [`Datagram`]s and takes the time as an argument; the crate's documentation has the contract.
//!
//! - here: what a chat is, and how what comes out of it is polled. `event`: what happened in it. `commands`: what our user
//!   wants. `table`: what each phase makes of each datagram, and of time.
//! - `presence`: whether the peer of a chat is there, if the caller has to know.
//! - `opening`, `talking`, `closing`: what the rows of the table do. `phase`: where a chat stands. `lines`: what some
//!   peers send as SYN in a chat. `out`: what comes out. `short_name`: how the peer's name is kept. `pending`, `held`: what
//!   is due, and what cannot leave.

mod closing;
mod commands;
mod event;
mod held;
mod lines;
mod opening;
mod out;
mod pending;
mod phase;
mod presence;
mod short_name;
mod table;
mod talking;

use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_values::State;
use simp_values::text::{Seq, UserName, read_payload_up_to};

use crate::datagram::{Datagram, Operation};
use crate::dialect::Dialect;
use crate::duplicates::LastReceived;
use crate::form::Form;
use crate::messages::Messages;
pub use event::ChatEvent;
use lines::Lines;
use out::Out;
use pending::Transmit;
pub use pending::{ANSWER_GOOD_FOR, Pending};
use phase::Phase;
use short_name::ShortName;

/// What of a chat's behaviour the user sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often a datagram that wants an answer is transmitted before the peer counts as gone; 1 or more.
    pub attempts: u32,
    /// How long a request or an invitation waits for its answer.
    pub request_expiry: Duration,
    /// How many bytes of a message of the peer are kept. The rest is cut off, and the text says how much it was.
    pub message_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: 6, request_expiry: Duration::from_secs(600), message_max: MESSAGE_MAX }
    }
}

/// Who we are in plain chats, and how these behave: all that begin at this time have it in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Us {
    /// Our name.
    pub user: UserName,
    /// What the user has set.
    pub settings: Settings,
}

/// What we keep of a message if the user has not said otherwise, in bytes: a line on a terminal is no longer.
const MESSAGE_MAX: usize = 4_096;

/// What we keep of a peer's words on why it ends a chat, or of an error, in bytes. Nobody reads more, and anybody may send
/// them.
const WORDS_MAX: usize = 256;

/// What a datagram was to the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It has its place in this state.
    Expected,
    /// A message we had already; it is acknowledged again.
    Duplicate,
    /// Of no meaning to our user in this state. At most something was learned of the peer.
    Ignored,
    /// A SYN that ended this chat: the peer invites again, and the caller makes a new chat of it.
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

impl Snapshot {
    /// Of an invitation that nothing has come of yet.
    pub fn inviting() -> Self {
        let (user, seq, dialect) = (UserName::default(), Seq::ZERO, Dialect::default());
        Self { state: State::Inviting, user, seq, received: None, dialect }
    }
}

/// What happened after a snapshot was taken, as the log has it.
impl Snapshot {
    /// There was [`ChatEvent::Message`]. One counter for both directions goes on after each message of the peer.
    pub fn note_received(&mut self, seq: u8, text: &str) {
        self.received = Some(LastReceived::of(seq, text));
        self.seq = after_theirs(self.seq, self.dialect, seq);
    }

    /// There was [`ChatEvent::Delivered`] or [`ChatEvent::Unconfirmed`].
    pub fn note_settled(&mut self) {
        self.seq = self.dialect.rule().after(self.seq);
    }
}

/// What a chat begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// How the peer speaks, or whoever was heard of last on its host.
    pub dialect: Dialect,
    /// Our user has said how: whatever the peer shows, nothing is learned.
    pub is_pinned: bool,
    /// There was no chat with the peer before: all that it sends is of this one.
    pub is_stranger: bool,
}

impl Known {
    fn dialect(self) -> Dialect {
        let mut dialect = self.dialect;
        if self.is_pinned {
            dialect.pin();
        }
        dialect
    }
}

/// A peer that there was a chat with before.
impl From<Dialect> for Known {
    fn from(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }
}

/// What whoever keeps a chat knows of it.
#[derive(Debug)]
struct Kept {
    /// More has changed than the events tell.
    is_outdated: bool,
    /// The number of our next message, according to the last snapshot and the events since.
    seq: Seq,
}

/// What only few peers need.
#[derive(Debug, Default)]
struct Aside {
    /// The text of the peer's invitation.
    invitation: Option<Box<str>>,
    /// The last error that it reported.
    error: Option<Box<str>>,
    /// Its lines that came as SYN.
    lines: Lines,
    /// An ACK that leaves a little later: when, and its number.
    late_ack: Option<(Instant, u8)>,
}

// Ten thousand chats may be idle: what is rare, or brief, is in a box.
const _: () = assert!(size_of::<Chat>() <= 200);

/// The machine of one chat.
#[derive(Debug)]
pub struct Chat {
    us: Arc<Us>,
    user: ShortName,
    phase: Phase,
    messages: Messages,
    /// In a box, for most of 10,000 chats have nothing there.
    aside: Option<Box<Aside>>,
    out: Out,
    kept: Kept,
}

impl Chat {
    fn new(us: Arc<Us>, messages: Messages, phase: Phase) -> Self {
        let kept = Kept { is_outdated: true, seq: messages.seq() };
        Self { us, user: ShortName::default(), phase, messages, aside: None, out: Out::default(), kept }
    }

    fn set_phase(&mut self, phase: Phase) {
        // The ACK of our SYN+ACK may still come, and is not of what follows.
        if let (Phase::Accepting { syn_ack, .. }, Phase::Leaving { .. } | Phase::Closed) = (self.phase, phase)
        {
            self.messages.arq.hold(syn_ack.due, false);
        }
        self.phase = phase;
        self.kept.is_outdated = true;
    }

    fn aside_mut(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// The text of the peer's invitation.
    fn invitation(&self) -> Option<&str> {
        self.aside.as_ref()?.invitation.as_deref()
    }
}

/// Output: drained after every command and input, in this order.
impl Chat {
    /// What happened; `None` when all is told.
    pub fn poll_event(&mut self) -> Option<ChatEvent> {
        let event = self.out.pop_event()?;
        match &event {
            ChatEvent::Message { number, .. } => {
                self.kept.seq = after_theirs(self.kept.seq, self.dialect(), *number as u8);
            }
            ChatEvent::Delivered(_) | ChatEvent::Unconfirmed(_) => {
                self.kept.seq = self.dialect().rule().after(self.kept.seq);
            }
            _ => {}
        }
        Some(event)
    }

    /// What must be on disk before the datagrams leave, if the state has changed; `None` if it has not.
    /// Messages change it too, but mostly in a way that their events tell: see [`Snapshot::note_received`] and
    /// [`Snapshot::note_settled`].
    pub fn poll_snapshot(&mut self) -> Option<Snapshot> {
        // Messages that cross may leave another number than their events tell.
        let is_other = self.kept.seq != self.messages.seq();
        self.kept.seq = self.messages.seq();
        (std::mem::take(&mut self.kept.is_outdated) || is_other).then(|| self.snapshot()).flatten()
    }

    /// What to go on with after a restart; `None` if the chat is over for our user and nothing of it need
    /// be kept.
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.is_over_for_us()).then(|| Snapshot {
            state: self.state(),
            user: UserName::from(&self.user),
            seq: self.messages.seq(),
            received: self.messages.last_received(),
            dialect: self.dialect(),
        })
    }

    /// What to transmit to the peer once the events are committed; `None` when that is all.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        loop {
            let (operation, seq, payload) = match self.out.pop_transmit()? {
                Transmit::Control(operation, seq) => (operation, seq, Vec::new()),
                Transmit::InFlight => match self.messages.arq.in_flight() {
                    Some(in_flight) => {
                        let text = in_flight.message.text.as_str();
                        (Operation::Chat, in_flight.seq.field(), self.dialect().payload_of(text))
                    }
                    None => continue,
                },
            };
            let dialect = self.dialect();
            // All understand a SYN as specified, and who is there now may be another than the one that was learned of.
            let is_specified = operation == Operation::Syn && !dialect.is_pinned();
            let form = if is_specified { Form::Specified } else { dialect.form() };
            return Some(Datagram::new(operation, seq, self.us.user, payload).in_form(form));
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): one deadline, the earliest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.phase {
            Phase::Closed => return None,
            _ if self.is_held_back() => self.deadline_if_held(),
            Phase::Open { .. } | Phase::Draining { .. } => self.messages.deadline(),
            phase => phase.deadline(),
        };
        let late_ack = self.aside.as_ref().and_then(|aside| aside.late_ack);
        [due, late_ack.map(|(at, _)| at)].into_iter().flatten().min()
    }

    /// What is known of how the peer speaks.
    pub fn dialect(&self) -> Dialect {
        self.messages.dialect()
    }

    /// Where the chat stands.
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// The peer's name; empty as long as it has told none.
    pub fn user(&self) -> &str {
        self.user.as_str()
    }

    /// Whether our user has been told that it is over: only the peer does not know it yet.
    pub fn is_over_for_us(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Leaving { untold: None, .. })
    }

    /// Whether nothing more is delivered: only our FIN waits for its ACK.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Messages of our user that this machine holds and the peer has not acknowledged. One that the machine makes by
    /// itself is none: no log has it.
    pub fn unacknowledged(&self) -> usize {
        self.messages.arq.len_in_log()
    }
}

/// The number of our next message, once the peer's with this number has come.
fn after_theirs(next: Seq, dialect: Dialect, seq: u8) -> Seq {
    if dialect.rule().is_one_counter() { Seq::of(seq).next() } else { next }
}

/// What the peer said in the payload of a datagram that has none by rights: so many bytes of it.
fn words(datagram: &Datagram, most: usize) -> Option<String> {
    let text = Dialect::default().text_of(&datagram.payload);
    (!text.is_empty()).then(|| read_payload_up_to(text, most))
}
