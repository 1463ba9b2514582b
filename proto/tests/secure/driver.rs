//! Bob's machine with its caller's part around it: drained in the documented order, and watched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_proto::secure::{
    Body, Broken, ChannelId, ChatId, Frame, Hello, KeyId, Leaving, Letter, Me, PROTOCOL, SecureChat,
    SecureSnapshot, Stands,
};
use simp_proto::{ChatEvent, MessageId, Reason, Settings, State};

use crate::common::at;

pub(crate) const SETTINGS: Settings =
    Settings { attempts: 6, request_expiry: Duration::from_secs(600), message_max: 4_096 };

pub(crate) const CHAT: ChatId = ChatId(7);

/// Channels as they come.
pub(crate) const C1: ChannelId = ChannelId(1);
pub(crate) const C2: ChannelId = ChannelId(2);
pub(crate) const C3: ChannelId = ChannelId(3);

/// Most bytes of a text that Bob takes, and Ann.
pub(crate) const BOB_TAKES: u64 = 12;
pub(crate) const ANN_TAKES: u64 = 20;

/// Ann's key; Bob's is greater, unless he is [`Driver::of_smaller_key`].
pub(crate) fn ann_key() -> KeyId {
    KeyId::new([5; 32])
}

pub(crate) fn bob(key: u8) -> Arc<Me> {
    let (user, log) = ("bob".to_owned(), "bobs log".to_owned());
    Arc::new(Me { key: KeyId::new([key; 32]), user, log, text_max: BOB_TAKES, settings: SETTINGS })
}

pub(crate) struct Driver {
    pub(crate) chat: SecureChat,
    pub(crate) snapshot: Option<SecureSnapshot>,
    /// Numbers of Ann's messages from earlier chats.
    pub(crate) already: Vec<u64>,
    events: Vec<ChatEvent>,
    closed: bool,
    channels: BTreeSet<ChannelId>,
}

/// Chats that have come some way by channel 1; each began at 0 ms and has nothing left to tell.
impl Driver {
    pub(crate) fn new(chat: SecureChat) -> Self {
        let snapshot = chat.snapshot();
        let channels = chat.channel().into_iter().collect();
        Self { chat, snapshot, already: Vec::new(), events: Vec::new(), closed: false, channels }
    }

    /// Nothing has left.
    pub(crate) fn fresh() -> Self {
        Self::inviting_as(9)
    }

    /// The same, where the channel that Bob opens counts if both open one.
    pub(crate) fn of_smaller_key() -> Self {
        Self::inviting_as(1)
    }

    fn inviting_as(key: u8) -> Self {
        let chat = SecureChat::invite(at(0), bob(key), (CHAT, None), SETTINGS.request_expiry);
        let mut bob = Self::new(chat);
        assert_eq!(bob.drain(), []);
        bob
    }

    /// Bob's hello has left.
    pub(crate) fn greeting() -> Self {
        let mut bob = Self::fresh();
        bob.connects(at(0), C1);
        bob
    }

    /// Ann has the invitation.
    pub(crate) fn inviting() -> Self {
        Self::fresh().told()
    }

    fn told(mut self) -> Self {
        self.connects(at(0), C1);
        assert_eq!(self.hears(at(0), C1, hello(Stands::Invited)), []);
        self
    }

    /// Ann has invited Bob.
    pub(crate) fn invited() -> Self {
        let Frame::Hello(hello) = hello(Stands::Inviting) else { unreachable!() };
        let whose = (C1, ann_key());
        let mut bob = Self::new(SecureChat::invited(at(0), bob(9), whose, &hello, Vec::new()));
        assert_eq!(bob.drain(), [says(C1, bob_hello(Stands::Invited, 0))]);
        assert_eq!(bob.events(), [ChatEvent::Request]);
        bob
    }

    /// Bob has accepted, and Ann does not know.
    pub(crate) fn accepted() -> Self {
        let mut bob = Self::invited();
        assert_eq!(bob.does(|chat| chat.accept(at(0)).unwrap()), [says(C1, Frame::Accept)]);
        assert_eq!(bob.events(), [ChatEvent::Opened]);
        bob
    }

    /// Ann has accepted.
    pub(crate) fn open() -> Self {
        Self::inviting().opened()
    }

    /// The same, where Bob's key is the smaller one.
    pub(crate) fn open_of_smaller_key() -> Self {
        Self::of_smaller_key().told().opened()
    }

    fn opened(mut self) -> Self {
        assert_eq!(self.hears(at(0), C1, Frame::Accept), [says(C1, ack(0))]);
        assert_eq!(self.events(), [ChatEvent::Opened]);
        self
    }

    /// Open, and the channel is gone.
    pub(crate) fn away() -> Self {
        let mut bob = Self::open();
        bob.breaks(at(0), C1, Broken::Lost);
        bob
    }

    /// Bob's message 1 has left, and he leaves after it.
    pub(crate) fn draining() -> Self {
        let mut bob = Self::open();
        assert_eq!(bob.sends(at(0), 1, "last"), [says(C1, text(1, "last"))]);
        assert_eq!(bob.does(|chat| chat.close(at(0), false).unwrap()), []);
        bob
    }

    /// Bob's bye has left.
    pub(crate) fn leaving() -> Self {
        let mut bob = Self::open();
        assert_eq!(bob.does(|chat| chat.close(at(0), false).unwrap()), []);
        assert_eq!(bob.waits(at(0)), [says(C1, bye())]);
        bob
    }
}

/// What goes in; what leaves.
impl Driver {
    pub(crate) fn does(&mut self, command: impl FnOnce(&mut SecureChat)) -> Vec<Leaving> {
        command(&mut self.chat);
        self.drain()
    }

    pub(crate) fn sends(&mut self, now: Instant, number: u64, what: &str) -> Vec<Leaving> {
        self.does(|chat| chat.send(now, letter(number, what)).unwrap())
    }

    pub(crate) fn dials(&mut self, now: Instant, channel: ChannelId) {
        assert!(self.chat.wants_channel(now), "it wants no channel");
        self.chat.dial(channel);
        self.channels.insert(channel);
        assert_eq!(self.drain(), []);
    }

    /// Bob opens a channel, and says hello.
    pub(crate) fn connects(&mut self, now: Instant, channel: ChannelId) {
        self.dials(now, channel);
        let leaves = self.does(|chat| chat.handle_connected(now, channel, ann_key()));
        let [Leaving::Frame(on, Frame::Hello(_))] = &leaves[..] else { panic!("no hello but {leaves:?}") };
        assert_eq!(*on, channel);
    }

    pub(crate) fn hears(&mut self, now: Instant, channel: ChannelId, frame: Frame) -> Vec<Leaving> {
        let already = self.already.clone();
        self.does(|chat| chat.handle_frame(now, channel, frame, |_| already))
    }

    /// Ann opens a channel, and says hello.
    pub(crate) fn meets(&mut self, now: Instant, channel: ChannelId, hello: Frame) -> Vec<Leaving> {
        let Frame::Hello(hello) = hello else { panic!("it begins with {hello:?}") };
        self.channels.insert(channel);
        let already = self.already.clone();
        self.does(|chat| chat.handle_incoming(now, channel, hello, already))
    }

    pub(crate) fn breaks(&mut self, now: Instant, channel: ChannelId, why: Broken) -> Vec<Leaving> {
        self.channels.remove(&channel);
        self.does(|chat| chat.handle_broken(now, channel, why))
    }

    /// Time passes.
    pub(crate) fn waits(&mut self, now: Instant) -> Vec<Leaving> {
        self.does(|chat| chat.handle_timeout(now))
    }
}

impl Driver {
    /// What Bob was told since the last call.
    pub(crate) fn events(&mut self) -> Vec<ChatEvent> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn state(&self) -> State {
        self.chat.state()
    }

    /// Drains in the documented order, and holds the machine to what is always true.
    pub(crate) fn drain(&mut self) -> Vec<Leaving> {
        while let Some(event) = self.chat.poll_event() {
            assert!(!self.closed, "{event:?} after the chat was closed");
            if let (Some(kept), ChatEvent::Message { number, .. }) = (&mut self.snapshot, &event) {
                kept.note_received(*number);
            }
            self.closed = matches!(event, ChatEvent::Closed { .. });
            self.events.push(event);
        }
        self.snapshot = self.chat.poll_snapshot().or(self.snapshot.take().filter(|_| !self.closed));
        assert_eq!(self.snapshot, self.chat.snapshot(), "a restart would go on from something else");
        let leaves: Vec<_> = std::iter::from_fn(|| self.chat.poll_leaving()).collect();
        for leaving in &leaves {
            match leaving {
                Leaving::Frame(channel, _) => assert!(self.channels.contains(channel), "{leaving:?}"),
                Leaving::End(channel) => assert!(self.channels.remove(channel), "{leaving:?}"),
            }
        }
        let most = if self.state() == State::Closed { 0 } else { 2 };
        assert!(self.channels.len() <= most, "channels that nobody ends: {:?}", self.channels);
        if self.state() == State::Closed {
            assert_eq!(self.chat.poll_timeout(), None, "a deadline although closed");
            assert_eq!(self.chat.unacknowledged(), 0, "a message forgotten");
        }
        assert_eq!(self.closed, self.chat.is_over_for_us());
        leaves
    }
}

pub(crate) fn hello(stands: Stands) -> Frame {
    hello_with(stands, 0)
}

/// Ann's, who has Bob's messages up to this one.
pub(crate) fn hello_with(stands: Stands, received: u64) -> Frame {
    Frame::Hello(Hello {
        version: PROTOCOL,
        features: vec!["files".to_owned()],
        user: "ann".to_owned(),
        chat: CHAT,
        stands,
        received,
        text_max: ANN_TAKES,
        log: "anns log".to_owned(),
    })
}

pub(crate) fn bob_hello(stands: Stands, received: u64) -> Frame {
    let Frame::Hello(hello) = hello_with(stands, received) else { unreachable!() };
    Frame::Hello(Hello { user: "bob".to_owned(), text_max: BOB_TAKES, log: "bobs log".to_owned(), ..hello })
}

pub(crate) fn letter(number: u64, what: &str) -> Letter {
    Letter { id: MessageId(number), body: Body::Text(what.to_owned()), is_kept: false }
}

pub(crate) fn text(number: u64, what: &str) -> Frame {
    Frame::Text { number, text: what.to_owned(), kept: false, answers: None }
}

pub(crate) fn ack(upto: u64) -> Frame {
    Frame::Ack { upto }
}

pub(crate) fn bye() -> Frame {
    Frame::Bye { reason: None }
}

pub(crate) fn says(channel: ChannelId, frame: Frame) -> Leaving {
    Leaving::Frame(channel, frame)
}

pub(crate) fn ends(channel: ChannelId) -> Leaving {
    Leaving::End(channel)
}

pub(crate) fn closed(reason: Reason) -> ChatEvent {
    ChatEvent::Closed { reason, text: None }
}

pub(crate) fn message(number: u64, text: &str) -> ChatEvent {
    ChatEvent::Message { number, is_kept: false, text: text.to_owned(), answers: None }
}

pub(crate) fn delivered(id: u64) -> ChatEvent {
    ChatEvent::Delivered(MessageId(id))
}

pub(crate) fn undelivered(id: u64, reason: Reason) -> ChatEvent {
    ChatEvent::Undelivered(MessageId(id), reason)
}
