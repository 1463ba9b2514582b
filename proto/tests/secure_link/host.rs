//! One daemon around the machine of its chat, as the engine is: what it writes down, what leaves only after that, and what
//! becomes of hellos that are not for its chat.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_proto::secure::{
    Body, Broken, ChannelId, ChatId, Frame, Hello, KeyId, Leaving, Letter, Me, SecureChat, Stands,
};
use simp_proto::{ChatEvent, MessageId, Settings, State};

use super::trace;
use crate::common::{at, ms};
use crate::secure_link::records::{Change, Records, Stands as MessageStands};

/// How a chat is made of a peer's hello.
type Made = fn(Instant, Arc<Me>, (ChannelId, KeyId), &Hello, Vec<u64>) -> SecureChat;

/// What leaves a daemon.
#[derive(Debug)]
pub(crate) enum Said {
    Dials(ChannelId),
    Frame(ChannelId, Frame),
    Ends(ChannelId),
}

/// Where the process ends in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    BeforeCommit,
    /// And after so much has left.
    AfterCommit(usize),
}

pub(crate) struct Host {
    pub(crate) me: Arc<Me>,
    peer: KeyId,
    pub(crate) chat: Option<SecureChat>,
    /// Those that are over, whose last words have not left.
    over: Vec<SecureChat>,
    /// Opened by the peer, which has not said hello.
    fresh: BTreeSet<ChannelId>,
    /// Belong to the chat.
    pub(crate) used: BTreeSet<ChannelId>,
    /// Answers of the daemon itself, outside any chat.
    answers: Vec<Said>,
    /// As it knows, and as it will know after a restart.
    pub(crate) memory: Records,
    pub(crate) disk: Records,
    journal: Vec<Change>,
    pub(crate) is_up: bool,
    next_channel: u64,
    /// Messages that are newly known to be with the peer.
    pub(crate) newly_delivered: Vec<u64>,
}

impl Host {
    pub(crate) fn new(place: u64) -> Self {
        let key = |place: u64| KeyId::new([place as u8; 32]);
        let name = ["ann", "bob"][place as usize];
        Self {
            me: Arc::new(Me {
                key: key(place),
                user: name.to_owned(),
                log: format!("log of {name}"),
                text_max: 64,
                settings: Settings::default(),
            }),
            peer: key(1 - place),
            chat: None,
            over: Vec::new(),
            fresh: BTreeSet::new(),
            used: BTreeSet::new(),
            answers: Vec::new(),
            memory: Records::default(),
            disk: Records::default(),
            journal: Vec::new(),
            is_up: true,
            next_channel: place,
            newly_delivered: Vec::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.chat.as_ref().map_or(State::Closed, SecureChat::state)
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.chat.as_ref().and_then(SecureChat::poll_timeout).map(ms)
    }

    fn change(&mut self, change: Change) {
        self.memory.apply(&change);
        self.journal.push(change);
    }
}

/// What its user wants.
impl Host {
    pub(crate) fn invite(&mut self, now: u64, id: ChatId, expires_after: u64) {
        if let Some(mut chat) = self.chat.take() {
            chat.abandon();
            self.end(now, chat);
        }
        self.change(Change::Expires(now + expires_after));
        let (me, after) = (self.me.clone(), Duration::from_millis(expires_after));
        self.chat = Some(SecureChat::invite(at(now), me, (id, Some(self.peer)), after));
    }

    pub(crate) fn write(&mut self, now: u64, number: u64, is_kept: bool, len: usize) {
        let text = format!("{number:.<len$}");
        let letter = Letter { id: MessageId(number), body: Body::Text(text), is_kept };
        let fits = self
            .chat
            .as_ref()
            .is_none_or(|chat| chat.text_max().is_none_or(|most| letter.body.bytes() as u64 <= most));
        let is_open = self.state() == State::Open;
        if is_kept || is_open && fits {
            self.change(Change::Written(letter.clone()));
        }
        if is_open && fits {
            self.queue(now, letter);
        }
    }

    fn queue(&mut self, now: u64, letter: Letter) {
        self.change(Change::Queued(letter.id));
        self.chat.as_mut().unwrap().send(at(now), letter).unwrap();
    }

    pub(crate) fn take_back(&mut self, now: u64) {
        let last = self.memory.waiting().last().map(|letter| letter.id);
        if let (Some(chat), Some(id)) = (&mut self.chat, last)
            && chat.take_back(at(now), id)
        {
            self.change(Change::TakenBack(id));
        }
    }
}

/// What comes.
impl Host {
    pub(crate) fn opened_by_peer(&mut self, channel: ChannelId) {
        self.fresh.insert(channel);
    }

    pub(crate) fn connected(&mut self, now: u64, channel: ChannelId) {
        let peer = self.peer;
        if let Some(chat) = &mut self.chat {
            chat.handle_connected(at(now), channel, peer);
        }
    }

    pub(crate) fn broken(&mut self, now: u64, channel: ChannelId, why: Broken) {
        self.fresh.remove(&channel);
        self.used.remove(&channel);
        if let Some(chat) = &mut self.chat {
            chat.handle_broken(at(now), channel, why);
        }
    }

    /// `is_busy`: there is no room for a further chat.
    pub(crate) fn hears(&mut self, now: u64, channel: ChannelId, frame: Frame, is_busy: bool) {
        if !self.fresh.remove(&channel) {
            let kept = &self.memory.kept;
            if let Some(chat) = &mut self.chat {
                chat.handle_frame(at(now), channel, frame, |_| kept.iter().copied().collect());
            }
            return;
        }
        let Frame::Hello(hello) = frame else { panic!("a channel that does not begin with a hello") };
        let already = self.memory.kept.iter().copied().collect();
        match &mut self.chat {
            Some(chat) if chat.id() == hello.chat => {
                self.used.insert(channel);
                chat.handle_incoming(at(now), channel, hello, already);
            }
            _ if hello.stands != Stands::Inviting => {
                self.answers.extend([Said::Frame(channel, Frame::Bye { reason: None }), Said::Ends(channel)]);
            }
            Some(chat) if chat.state() == State::Inviting => {
                if self.me.key < self.peer && chat.channel().is_some() {
                    self.answers.push(Said::Ends(channel));
                    return;
                }
                chat.abandon();
                self.begin(now, SecureChat::met, channel, &hello, already);
            }
            Some(chat) if chat.is_newly_open(at(now)) => self.answers.push(Said::Ends(channel)),
            None if is_busy => {
                self.answers.extend([Said::Frame(channel, Frame::Busy), Said::Ends(channel)]);
            }
            chat => {
                if let Some(chat) = chat {
                    chat.end_forgotten();
                }
                self.begin(now, SecureChat::invited, channel, &hello, already);
            }
        }
    }

    fn begin(&mut self, now: u64, made: Made, channel: ChannelId, hello: &Hello, already: Vec<u64>) {
        if let Some(before) = self.chat.take() {
            self.end(now, before);
        }
        self.used.insert(channel);
        self.change(Change::Expires(now + Settings::default().request_expiry.as_millis() as u64));
        let whose = (channel, self.peer);
        self.chat = Some(made(at(now), self.me.clone(), whose, hello, already));
    }

    fn end(&mut self, now: u64, mut chat: SecureChat) {
        self.tell(now, &mut chat);
        assert_eq!((chat.state(), chat.poll_timeout()), (State::Closed, None));
        self.over.push(chat);
    }
}

/// A turn.
impl Host {
    /// Drains what is told.
    pub(crate) fn settle(&mut self, now: u64) {
        let Some(mut chat) = self.chat.take() else { return };
        let is_opened = self.tell(now, &mut chat);
        assert_eq!(self.memory.chat, chat.snapshot(), "a restart would go on from something else");
        self.chat = Some(chat);
        if is_opened {
            self.empty_outbox(now);
        }
    }

    /// Whether it has been opened.
    fn tell(&mut self, now: u64, chat: &mut SecureChat) -> bool {
        let mut is_opened = false;
        while let Some(event) = chat.poll_event() {
            trace(now, &self.me.user, &event);
            is_opened |= event == ChatEvent::Opened;
            if let ChatEvent::Delivered(MessageId(number)) = event {
                self.newly_delivered.push(number);
            }
            self.change(Change::Event(chat.id(), event));
        }
        // What is over stays so: this is the newest of two changes of the same turn.
        if let Some(snapshot) = chat.poll_snapshot() {
            self.change(Change::Chat(Some(snapshot)));
        }
        is_opened
    }

    fn empty_outbox(&mut self, now: u64) {
        let letters: Vec<_> = self.memory.standing(MessageStands::InOutbox).cloned().collect();
        for letter in letters {
            if self.state() == State::Open
                && self
                    .chat
                    .as_ref()
                    .unwrap()
                    .text_max()
                    .is_none_or(|most| letter.body.bytes() as u64 <= most)
            {
                self.queue(now, letter);
            }
        }
    }

    /// Commits, and gives what leaves, of which the end of the process leaves only a part.
    pub(crate) fn commit(&mut self, now: u64, kill: Option<Kill>) -> Vec<Said> {
        if let Some(Kill::BeforeCommit) = kill {
            self.fall();
            return Vec::new();
        }
        for change in self.journal.drain(..) {
            self.disk.apply(&change);
        }
        let mut said = std::mem::take(&mut self.answers);
        for mut chat in std::mem::take(&mut self.over) {
            said.extend(self.leaving(&mut chat));
        }
        if let Some(mut chat) = self.chat.take() {
            said.extend(self.leaving(&mut chat));
            if chat.wants_channel(at(now)) {
                self.next_channel += 2;
                let channel = ChannelId(self.next_channel);
                chat.dial(channel);
                self.used.insert(channel);
                said.push(Said::Dials(channel));
            }
            self.chat = Some(chat);
        }
        self.drop_closed();
        if let Some(Kill::AfterCommit(left)) = kill {
            said.truncate(left);
            self.fall();
        }
        said
    }

    fn leaving(&mut self, chat: &mut SecureChat) -> Vec<Said> {
        let said: Vec<_> = std::iter::from_fn(|| chat.poll_leaving())
            .map(|leaving| match leaving {
                Leaving::Frame(channel, frame) => Said::Frame(channel, frame),
                Leaving::End(channel) => Said::Ends(channel),
            })
            .collect();
        for leaving in &said {
            if let Said::Ends(channel) = leaving {
                self.used.remove(channel);
            }
        }
        said
    }

    fn drop_closed(&mut self) {
        if self.state() == State::Closed
            && let Some(chat) = self.chat.take()
        {
            assert_eq!((chat.poll_timeout(), chat.unacknowledged()), (None, 0));
        }
        let most = usize::from(self.chat.is_some()) * 2;
        assert!(self.used.len() <= most, "channels that nobody ends: {:?}", self.used);
    }
}

/// The end of the process, and the next one.
impl Host {
    fn fall(&mut self) {
        self.is_up = false;
        self.chat = None;
        self.over.clear();
        self.fresh.clear();
        self.used.clear();
        self.answers.clear();
        self.newly_delivered.clear();
        self.journal.clear();
        self.memory = self.disk.clone();
    }

    pub(crate) fn rise(&mut self, now: u64, text_max: u64) {
        self.is_up = true;
        self.me = Arc::new(Me { text_max, ..Me::clone(&self.me) });
        let Some(snapshot) = self.memory.chat.clone() else { return };
        let letters: Vec<_> = self.memory.waiting().cloned().collect();
        let left = Duration::from_millis(self.memory.expires.saturating_sub(now));
        let chat = SecureChat::resume(at(now), self.me.clone(), snapshot, !letters.is_empty(), left);
        let mut chat = chat.unwrap();
        for letter in letters {
            chat.requeue(at(now), letter, true);
        }
        self.chat = Some(chat);
    }
}
