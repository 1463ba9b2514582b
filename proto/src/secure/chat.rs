//! One secure chat, as a state machine of the same shape as [`Chat`](crate::Chat): commands and what came in, with `now`;
//! events, a snapshot, what is to leave, and one deadline out. It speaks [`Frame`]s over one channel at a time, and needs
//! none while it has nothing to say.
//!
//! What the peer has is what it has acknowledged: that a frame arrived says nothing of its disk. So after a channel broke,
//! all that is not acknowledged leaves again, and a number that has come is not shown again.
//!
//! - here: what a chat is, and what comes out of it. `commands`: what our user wants. `hearing`: what comes in.
//! - `phase`: where it stands. `way`: the channel. `ours`: our messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_values::KeyId;
use simp_values::{Reason, State};

use super::frame::{ChannelId, ChatId, FILES, Frame, Hello, PROTOCOL, Stands};
use super::ours::{Acknowledged, Ours, Takes};
use super::phase::{Carries, Phase, Reach};
use super::way::{Spare, Way};
use crate::arq::MessageId;
use crate::chat::{ChatEvent, Settings};

/// After so long without any sign, an attempt counts as in vain: so many of them, and the peer is gone.
const SIGN_WITHIN: Duration = Duration::from_secs(5);

/// So many bytes take a slow link, of 4 KiB/s, so long.
const PIECE: usize = 64 << 10;
const PIECE_WITHIN: Duration = Duration::from_secs(16);

/// While our invitation is with the peer and waits for its user, the channel is made anew so long after it broke.
const INVITE_AGAIN_AFTER: Duration = Duration::from_secs(20);

/// An invitation of the peer that comes so soon after the chat has opened may be older than the chat.
const INVITATIONS_LAST: Duration = Duration::from_secs(5);

/// What all chats of a daemon say of it.
#[derive(Debug, Clone)]
pub struct Me {
    /// Its key.
    pub key: KeyId,
    /// Its user's name.
    pub user: String,
    /// Its log, which the numbers of its messages are of.
    pub log: String,
    /// Most bytes of a text that it takes.
    pub text_max: u64,
    /// How long it waits.
    pub settings: Settings,
}

/// The other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Them {
    /// Its key, once it is proven.
    pub key: Option<KeyId>,
    /// Its user's name; empty as long as it has told none.
    pub user: Box<str>,
    /// Its log, which the numbers of its messages are of.
    pub log: Box<str>,
}

/// What is to be said, besides messages, in this order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Due {
    pub(super) hello: bool,
    pub(super) accept: bool,
    pub(super) ack: bool,
    pub(super) bye: bool,
}

/// What comes out, until it is polled.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) events: VecDeque<ChatEvent>,
    pub(super) due: Due,
    /// Channels that end.
    pub(super) ends: Vec<ChannelId>,
    /// More has changed than the events tell.
    pub(super) is_changed: bool,
}

/// What must be kept to go on with a secure chat after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecureSnapshot {
    /// Its name.
    pub id: ChatId,
    /// Where it stands; [`Accepting`](State::Accepting) as long as the peer may not know that it is open.
    pub state: State,
    /// The other side.
    pub them: Them,
    /// The newest message of the peer that is in the log; 0 if there is none.
    pub received: u64,
}

/// What is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// A frame, on this channel.
    Frame(ChannelId, Frame),
    /// The channel ends after what has been said on it.
    End(ChannelId),
}

/// The machine of one secure chat.
#[derive(Debug)]
pub struct SecureChat {
    pub(super) me: Arc<Me>,
    pub(super) them: Them,
    pub(super) id: ChatId,
    pub(super) phase: Phase,
    pub(super) way: Way,
    pub(super) spare: Option<Box<Spare>>,
    pub(super) ours: Ours,
    pub(super) theirs: Theirs,
    pub(super) out: Out,
    pub(super) silence: Silence,
}

/// What is known of a peer that gives no sign.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Since when something has waited for a sign.
    pub(super) since: Option<Instant>,
    /// Who answers in its place.
    pub(super) other: Option<Box<KeyId>>,
}

/// What has come of the peer's messages.
#[derive(Debug, Default)]
pub(super) struct Theirs {
    /// The newest number.
    pub(super) received: u64,
    /// Numbers above it that came in an earlier chat, in order.
    pub(super) already: Vec<u64>,
    /// What the peer takes, once it has said that.
    pub(super) takes: Option<Takes>,
}

impl SecureChat {
    pub(super) fn new(me: Arc<Me>, id: ChatId, them: Them, phase: Phase, way: Way) -> Self {
        Self {
            me,
            them,
            id,
            phase,
            way,
            spare: None,
            ours: Ours::default(),
            theirs: Theirs::default(),
            out: Out { is_changed: true, ..Out::default() },
            silence: Silence::default(),
        }
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.out.is_changed = true;
        if phase == Phase::Closed {
            self.drop_spare();
        }
    }

    pub(super) fn drop_spare(&mut self) {
        self.out.ends.extend(self.spare.take().map(|spare| spare.channel));
    }

    /// How long the peer may give no sign: longer if much is under way, for a slow link takes its time with that.
    pub(super) fn patience(&self) -> Duration {
        let pieces = (self.ours.under_way() / PIECE) as u32;
        patience(self.me.settings) + PIECE_WITHIN * pieces
    }

    /// Whether something waits for the peer.
    pub(super) fn has_to_say(&self) -> bool {
        match self.phase {
            Phase::Inviting { .. } | Phase::Draining(_) | Phase::Leaving { .. } => true,
            Phase::Open { is_known, .. } => !is_known || self.ours.len() > 0,
            Phase::Invited { .. } | Phase::Closed => false,
        }
    }

    /// When the channel counts as broken although nobody says so: it has brought no hello, or no sign for a third of the
    /// time that the peer has, and over another one there is still time to get through.
    pub(super) fn doubted_at(&self) -> Option<Instant> {
        match self.way {
            Way::Greeting { since, .. } => Some(since + SIGN_WITHIN),
            Way::Up { since: up_since, .. } => {
                self.silence.since.map(|since| since.max(up_since) + self.patience() / 3)
            }
            Way::Away { .. } | Way::Dialling { .. } | Way::Ended => None,
        }
    }

    /// Something may have to be said, or has been: the peer has so long for a sign.
    pub(super) fn wait(&mut self, now: Instant) {
        let waits = self.has_to_say() && matches!(self.phase, Phase::Open { .. } | Phase::Draining(_));
        self.silence.since = if waits { self.silence.since.or(Some(now)) } else { None };
    }

    /// The peer gave a sign.
    pub(super) fn see_sign(&mut self, now: Instant) {
        self.silence = Silence::default();
        self.wait(now);
    }
}

/// Output: drained after every command and input, in this order.
impl SecureChat {
    /// What happened; `None` when all is told.
    pub fn poll_event(&mut self) -> Option<ChatEvent> {
        let event = self.out.events.pop_front();
        if self.out.events.is_empty() {
            self.out.events = VecDeque::new();
        }
        event
    }

    /// What must be on disk before anything leaves, if the state has changed otherwise than the events tell: see
    /// [`SecureSnapshot::note_received`].
    pub fn poll_snapshot(&mut self) -> Option<SecureSnapshot> {
        std::mem::take(&mut self.out.is_changed).then(|| self.snapshot()).flatten()
    }

    /// What to go on with after a restart; `None` if the chat is over for our user.
    pub fn snapshot(&self) -> Option<SecureSnapshot> {
        (!self.is_over_for_us()).then(|| SecureSnapshot {
            id: self.id,
            state: match self.phase {
                Phase::Open { is_known: false, .. } => State::Accepting,
                _ => self.state(),
            },
            them: self.them.clone(),
            received: self.theirs.received,
        })
    }

    /// What leaves once the events are committed; `None` when that is all.
    pub fn poll_leaving(&mut self) -> Option<Leaving> {
        if let Some(channel) = self.out.ends.pop() {
            return Some(Leaving::End(channel));
        }
        let channel = self.way.channel()?;
        let due = &mut self.out.due;
        if self.phase == Phase::Closed && !(due.bye && self.way.is_up()) {
            self.way = Way::Ended;
            return Some(Leaving::End(channel));
        }
        if std::mem::take(&mut due.hello) {
            return Some(Leaving::Frame(channel, Frame::Hello(self.hello())));
        }
        if !self.way.is_up() {
            return None;
        }
        let frame = if std::mem::take(&mut due.accept) {
            Frame::Accept
        } else if std::mem::take(&mut due.ack) {
            Frame::Ack { upto: self.theirs.received }
        } else if let Phase::Open { .. } | Phase::Draining(_) = self.phase
            && let Some(text) = self.ours.next(self.theirs.takes)
        {
            text
        } else if std::mem::take(&mut due.bye) {
            Frame::Bye { reason: None }
        } else {
            return None;
        };
        Some(Leaving::Frame(channel, frame))
    }

    fn hello(&self) -> Hello {
        let stands = match self.phase {
            Phase::Inviting { .. } => Stands::Inviting,
            Phase::Invited { .. } => Stands::Invited,
            Phase::Open { .. } | Phase::Draining(_) => Stands::Open,
            Phase::Leaving { .. } | Phase::Closed => Stands::Over,
        };
        Hello {
            version: PROTOCOL,
            features: vec![FILES.to_owned()],
            user: self.me.user.clone(),
            chat: self.id,
            stands,
            received: self.theirs.received,
            text_max: self.me.text_max,
            log: self.me.log.clone(),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or to [`dial`](Self::dial): one deadline, the earliest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ends = match self.phase {
            Phase::Inviting { expires, .. } | Phase::Invited { expires } => Some(expires),
            Phase::Leaving { dead_at, .. } => Some(dead_at),
            // At once, but the caller may have kept some that it gives now.
            Phase::Draining(Carries::Nothing) if self.ours.len() == 0 => self.silence.since,
            Phase::Open { .. } | Phase::Draining(_) => {
                self.silence.since.map(|since| since + self.patience())
            }
            Phase::Closed => return None,
        };
        [ends, self.doubted_at(), self.dial_from()].into_iter().flatten().min()
    }

    fn dial_from(&self) -> Option<Instant> {
        self.way.dial_from().filter(|_| self.has_to_say())
    }

    /// Whether it needs a channel now: see [`dial`](Self::dial).
    pub fn wants_channel(&self, now: Instant) -> bool {
        self.dial_from().is_some_and(|from| from <= now)
    }

    /// Where the chat stands.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Inviting { .. } => State::Inviting,
            Phase::Invited { .. } => State::Invited,
            Phase::Open { .. } => State::Open,
            Phase::Draining(_) | Phase::Leaving { .. } => State::Closing,
            Phase::Closed => State::Closed,
        }
    }

    /// Its name to both sides.
    pub fn id(&self) -> ChatId {
        self.id
    }

    /// The other side.
    pub fn them(&self) -> &Them {
        &self.them
    }

    /// The channel in use, or being opened.
    pub fn channel(&self) -> Option<ChannelId> {
        self.way.channel()
    }

    /// Most bytes of a text that the peer takes, if it has said so in this run.
    pub fn text_max(&self) -> Option<u64> {
        self.theirs.takes.map(|takes| takes.text_max)
    }

    /// Whether files may be offered to the peer, as far as is known.
    pub fn takes_files(&self) -> bool {
        self.theirs.takes.is_none_or(|takes| takes.files)
    }

    /// Whether our user has been told that it is over: only the peer does not know it yet.
    pub fn is_over_for_us(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Leaving { untold: None, .. })
    }

    /// Whether nothing more is delivered.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Whether an invitation or a request has not been answered in time.
    pub fn is_expired(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Inviting { expires, .. } | Phase::Invited { expires } if expires <= now)
    }

    /// Whether it has opened so lately that another invitation of the peer may have been on its way since before, when both
    /// invited. It is best ended unanswered: a peer that means it comes again.
    pub fn is_newly_open(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Open { since, .. } if now < since + INVITATIONS_LAST)
    }

    /// When a chat that we have left is closed at the latest; `None` for any other.
    pub fn ends_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Leaving { dead_at, .. } => Some(dead_at),
            _ => None,
        }
    }

    /// Whether our invitation cannot have reached anybody yet.
    pub fn is_untold(&self) -> bool {
        matches!(self.phase, Phase::Inviting { reach: Reach::Nobody, .. })
    }

    /// Bytes of the texts of these.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.ours.bytes()
    }

    /// Messages of our user that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.ours.len()
    }
}

/// How long a peer may give no sign.
pub(super) fn patience(settings: Settings) -> Duration {
    SIGN_WITHIN * settings.attempts
}

impl SecureSnapshot {
    /// There was [`ChatEvent::Message`] since it was taken.
    pub fn note_received(&mut self, number: u64) {
        self.received = number;
    }
}

impl SecureChat {
    /// The channel is gone, and a new one is made if there is something to say.
    pub(super) fn lose_way(&mut self, now: Instant) {
        self.way = self.way.broken(now);
        self.out.due = Due::default();
        self.ours.rewind();
        if let Way::Away { dial_from, .. } = &mut self.way
            && let Phase::Inviting { reach: Reach::Peer, .. } = self.phase
        {
            *dial_from = now + INVITE_AGAIN_AFTER;
        }
    }

    /// What is queued is not delivered in this chat any more.
    pub(super) fn give_up(&mut self, reason: Reason) {
        let given_up = self.ours.give_up().map(|id| ChatEvent::Undelivered(id, reason));
        self.out.events.extend(given_up);
        self.silence.since = None;
    }

    /// It is over for both.
    pub(super) fn end(&mut self, reason: Reason, text: Option<String>) {
        self.out.events.push_back(ChatEvent::Closed { reason, text });
        self.set_phase(Phase::Closed);
    }

    /// The peer is to know that we have left.
    pub(super) fn leave(&mut self, now: Instant, untold: Option<Reason>) {
        self.silence.since = None;
        self.way.hurry(now);
        self.out.due = Due { hello: self.out.due.hello, ack: self.out.due.ack, accept: false, bye: true };
        self.set_phase(Phase::Leaving { dead_at: now + self.patience(), untold });
    }

    /// One that we have left is over.
    pub(super) fn end_left(&mut self, untold: Option<Reason>) {
        match untold {
            Some(reason) => self.end(reason, None),
            None => self.set_phase(Phase::Closed),
        }
    }

    pub(super) fn tell_delivered(&mut self, upto: u64) -> bool {
        let before = self.ours.len();
        while let Some(acknowledged) = self.ours.settle(upto) {
            self.out.events.push_back(match acknowledged {
                Acknowledged::Text(id) => ChatEvent::Delivered(id),
                Acknowledged::File(id) => ChatEvent::Offered(id),
            });
        }
        let is_any = self.ours.len() < before;
        self.tell_too_long();
        is_any
    }

    pub(super) fn tell_too_long(&mut self) {
        let Some(takes) = self.theirs.takes else { return };
        while let Some(id) = self.ours.too_long(takes) {
            self.out.events.push_back(ChatEvent::Undelivered(id, Reason::TooLong));
        }
    }

    /// A message that has not left is taken back. False if it is not among those that wait.
    pub fn take_back(&mut self, now: Instant, id: MessageId) -> bool {
        let is_taken = self.ours.take_back(id);
        if is_taken {
            self.wait(now);
        }
        is_taken
    }
}
