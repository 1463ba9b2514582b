//! Bob's machine with its caller's part around it: drained in the documented order, and watched.

use std::time::{Duration, Instant};

use simp_proto::{
    Chat, ChatEvent, Datagram, Dialect, Handled, Learned, MessageId, Operation, Outgoing, Settings, Snapshot,
    StateError,
};
use simp_proto::{Reason, State};

use crate::common::{ANN, BOB, at, ms, text};

pub(crate) const SETTINGS: Settings =
    Settings { attempts: 6, request_expiry: Duration::from_secs(600), message_max: 4_096 };

pub(crate) struct Driver {
    pub(crate) chat: Chat,
    pub(crate) snapshot: Option<Snapshot>,
    /// What was found out about Ann.
    pub(crate) learned: Vec<Learned>,
    events: Vec<ChatEvent>,
    closed: bool,
    last_chat: Option<Datagram>,
}

/// Chats that have come some way; each began at 0 ms and has nothing left to tell or transmit.
impl Driver {
    pub(crate) fn new(chat: Chat) -> Self {
        let (snapshot, events) = (chat.snapshot(), Vec::new());
        Self { chat, snapshot, learned: Vec::new(), events, closed: false, last_chat: None }
    }

    /// Bob's SYN has left.
    pub(crate) fn inviting() -> Self {
        Self::new(Chat::invite(at(0), BOB.us(), Dialect::default(), SETTINGS.request_expiry)).settled(at(0))
    }

    /// Ann's SYN has come.
    pub(crate) fn invited() -> Self {
        Self::new(Chat::invited(at(0), BOB.us(), Dialect::default(), &ANN.syn())).settled(at(0))
    }

    /// Bob has accepted, his SYN+ACK has left.
    pub(crate) fn accepting() -> Self {
        let mut bob = Self::invited();
        bob.chat.accept(at(0)).unwrap();
        bob.settled(at(0))
    }

    /// Ann has accepted Bob's invitation.
    pub(crate) fn open() -> Self {
        let mut bob = Self::inviting();
        bob.hears(at(0), &ANN.syn_ack());
        bob.settled(at(0))
    }

    /// Bob has accepted Ann's invitation, and her ACK has come.
    pub(crate) fn open_as_invited() -> Self {
        let mut bob = Self::accepting();
        bob.hears(at(0), &ANN.ack(0));
        bob.settled(at(0))
    }

    /// Bob's message 1, "last", is in flight, and he leaves after it.
    pub(crate) fn draining() -> Self {
        let mut bob = Self::open();
        bob.send(at(0), 1, "last").unwrap();
        bob.chat.close(at(0), false).unwrap();
        bob.settled(at(0))
    }

    /// Bob has left an open chat; his FIN has left too.
    pub(crate) fn leaving() -> Self {
        let mut bob = Self::open();
        bob.chat.close(at(0), false).unwrap();
        bob.settled(at(0))
    }

    /// Bob has taken his invitation back; his FIN has left.
    pub(crate) fn taking_back() -> Self {
        let mut bob = Self::inviting();
        bob.chat.close(at(0), false).unwrap();
        bob.settled(at(0))
    }

    pub(crate) fn closed() -> Self {
        let mut bob = Self::open();
        bob.hears(at(0), &ANN.fin(0));
        bob.settled(at(0))
    }

    fn settled(mut self, now: Instant) -> Self {
        self.transmits(now);
        self.events();
        self
    }
}

impl Driver {
    pub(crate) fn hears(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        self.chat.handle_datagram(now, datagram)
    }

    pub(crate) fn send(&mut self, now: Instant, id: u64, what: &str) -> Result<(), StateError> {
        self.chat.send(now, Outgoing { id: MessageId(id), text: text(what) })
    }

    /// Lets time pass until `now`, drains, and gives what leaves.
    pub(crate) fn transmits(&mut self, now: Instant) -> Vec<Datagram> {
        self.chat.handle_timeout(now);
        self.drain()
    }

    /// What leaves, and when, until `until`, where the caller calls at each deadline.
    pub(crate) fn schedule(&mut self, until: Instant) -> Vec<(u64, Datagram)> {
        let mut all = Vec::new();
        while let Some(due) = self.chat.poll_timeout().filter(|due| *due <= until) {
            all.extend(self.transmits(due).into_iter().map(|datagram| (ms(due), datagram)));
        }
        all
    }

    /// What Bob was told since the last call.
    pub(crate) fn events(&mut self) -> Vec<ChatEvent> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn state(&self) -> State {
        self.chat.state()
    }

    /// What the caller has kept follows the events.
    fn note(&mut self, event: &ChatEvent) {
        match (&mut self.snapshot, event) {
            (Some(kept), ChatEvent::Message { number, text, .. }) => kept.note_received(*number as u8, text),
            (Some(kept), ChatEvent::Delivered(_) | ChatEvent::Unconfirmed(_)) => kept.note_settled(),
            _ => {}
        }
    }

    /// Drains in the documented order, and holds the machine to what is always true.
    pub(crate) fn drain(&mut self) -> Vec<Datagram> {
        while let Some(event) = self.chat.poll_event() {
            if let ChatEvent::Learned(learned) = event {
                self.learned.push(learned);
                continue;
            }
            assert!(!self.closed, "{event:?} after the chat was closed");
            self.note(&event);
            self.closed = matches!(event, ChatEvent::Closed { .. });
            if matches!(event, ChatEvent::Delivered(_) | ChatEvent::Unconfirmed(_)) {
                self.last_chat = None;
            }
            self.events.push(event);
        }
        self.snapshot = self.chat.poll_snapshot().or(self.snapshot.filter(|_| !self.closed));
        assert_eq!(self.snapshot, self.chat.snapshot(), "a restart would go on from something else");
        let transmits: Vec<_> = std::iter::from_fn(|| self.chat.poll_transmit()).collect();
        for datagram in &transmits {
            assert_eq!(datagram.user, BOB.name());
            if datagram.operation == Operation::Chat {
                // Nothing tells what became of the message that accepts.
                self.last_chat.take_if(|last| last.payload.ends_with(b" accepted."));
                let in_flight = self.last_chat.get_or_insert_with(|| datagram.clone());
                let text = |datagram: &Datagram| {
                    datagram
                        .payload
                        .trim_ascii_start()
                        .strip_prefix(b"\0")
                        .map_or(datagram.payload.clone(), <[u8]>::to_vec)
                };
                assert_eq!(text(in_flight), text(datagram), "two messages in flight");
            }
        }
        if self.state() == State::Closed {
            assert_eq!(self.chat.poll_timeout(), None, "a deadline although closed");
            assert_eq!(self.chat.unacknowledged(), 0, "a message forgotten");
        }
        assert_eq!(self.closed, self.chat.is_over_for_us());
        transmits
    }
}

pub(crate) fn closed(reason: Reason) -> ChatEvent {
    ChatEvent::Closed { reason, text: None }
}

pub(crate) fn closed_with(reason: Reason, text: &str) -> ChatEvent {
    ChatEvent::Closed { reason, text: Some(text.to_owned()) }
}

pub(crate) fn message(seq: u8, text: &str) -> ChatEvent {
    ChatEvent::Message { number: u64::from(seq), is_kept: false, text: text.to_owned(), answers: None }
}

pub(crate) fn delivered(id: u64) -> ChatEvent {
    ChatEvent::Delivered(MessageId(id))
}

pub(crate) fn undelivered(id: u64, reason: Reason) -> ChatEvent {
    ChatEvent::Undelivered(MessageId(id), reason)
}
