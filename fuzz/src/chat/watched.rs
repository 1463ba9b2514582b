//! A chat with its caller's part around it: drained in the documented order, and held to its contract.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simp_proto::{
    Chat, ChatEvent, Datagram, Handled, MessageId, Operation, Outgoing, Snapshot, State, Text, Us, UserName,
};

/// No input lets a machine transmit more at once.
const TRANSMITS_MAX: usize = 12;

/// What the events so far say of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Told {
    Nothing,
    Opened,
    Closed,
}

/// The name of its user.
pub fn me() -> UserName {
    UserName::new("bob").unwrap()
}

/// A chat, and what must be true of it.
pub struct Watched {
    chat: Chat,
    now: Instant,
    us: Us,
    told: Told,
    /// What a restart would find.
    kept: Option<Snapshot>,
    /// Messages of ours that have not ended, in order.
    waiting: VecDeque<Outgoing>,
    last_id: u64,
    /// The number of our last datagram.
    pub last_number: u8,
}

impl Watched {
    /// A chat that begins.
    pub fn new(now: Instant, us: Us, chat: Chat) -> Self {
        let kept = chat.snapshot();
        Self {
            chat,
            now,
            us,
            told: Told::Nothing,
            kept,
            waiting: VecDeque::new(),
            last_id: 0,
            last_number: 0,
        }
    }

    /// One that an earlier run has left.
    pub fn resumed(now: Instant, us: Us, kept: Snapshot, expires_after: Duration) -> Self {
        crate::trace(&kept);
        let chat = Chat::resume(now, us, kept, false, expires_after).unwrap();
        let mut watched = Self::new(now, us, chat);
        watched.told = told_before(kept.state);
        watched
    }

    /// Killed, and resumed from what was kept, as the engine does it.
    pub fn is_taken_up_again(&mut self, expires_after: Duration) {
        crate::trace(&("is taken up again", self.kept));
        let Some(kept) = self.kept else { return };
        let is_waiting = !self.waiting.is_empty();
        let chat = Chat::resume(self.now, self.us, kept, is_waiting, expires_after);
        self.chat = chat.unwrap();
        self.told = told_before(kept.state);
        for message in &self.waiting {
            self.chat.requeue(message.clone(), true);
        }
        self.drain();
    }
}

fn told_before(state: State) -> Told {
    if matches!(state, State::Open | State::Closing) { Told::Opened } else { Told::Nothing }
}

/// What happens to it.
impl Watched {
    /// The peer says this.
    pub fn hears(&mut self, datagram: &Datagram) {
        crate::trace(datagram);
        let was_closed = self.chat.state() == State::Closed;
        let handled = self.chat.handle_datagram(self.now, datagram);
        let said = self.drain();
        if was_closed {
            assert_eq!((handled, said), (Handled::Ignored, 0), "a chat that is over answers");
        }
        if handled == Handled::InvitesAnew {
            assert_eq!(self.chat.state(), State::Closed, "two chats with one peer");
        }
    }

    /// So many milliseconds pass; what is due on the way is done when it is due.
    pub fn wait(&mut self, ms: u64) {
        crate::trace(&("waits", ms));
        let until = self.now + Duration::from_millis(ms);
        let mut calls = 0;
        while let Some(due) = self.chat.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.is_due();
            calls += 1;
            if calls == 64 {
                // A long time is passed over: a host that slept calls late.
                break;
            }
        }
        self.now = until;
        self.is_due();
    }

    /// The time passes until something is due. Before that a call does nothing.
    pub fn wait_until_due(&mut self) {
        let Some(due) = self.chat.poll_timeout() else { return };
        crate::trace(&"waits until something is due");
        if due > self.now {
            self.now += (due - self.now) / 2;
            self.chat.handle_timeout(self.now);
            assert_eq!(
                (self.drain(), self.chat.poll_timeout()),
                (0, Some(due)),
                "an early call does something"
            );
        }
        self.now = due.max(self.now);
        self.is_due();
    }

    fn is_due(&mut self) {
        for _ in 0..4 {
            self.chat.handle_timeout(self.now);
            self.drain();
            if self.chat.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
        }
        panic!("what is due stays due");
    }

    /// Our user sends a text.
    pub fn send(&mut self, text: &str) {
        self.last_id += 1;
        let text = Text::new(&format!("{text} {}", self.last_id)).unwrap();
        let message = Outgoing { id: MessageId(self.last_id), text };
        crate::trace(&message);
        if self.chat.send(self.now, message.clone()).is_ok() {
            self.waiting.push_back(message);
        }
        self.drain();
    }

    /// Our user takes back one of the messages that wait.
    pub fn take_back(&mut self, at: usize) {
        let Some(message) = self.waiting.get(at % self.waiting.len().max(1)).cloned() else { return };
        crate::trace(&("takes back", &message));
        if self.chat.take_back(self.now, message.id) {
            self.waiting.retain(|waiting| waiting.id != message.id);
        }
        self.drain();
    }

    /// Our user accepts, which only means something to a request.
    pub fn accept(&mut self) {
        let is_request = self.chat.state() == State::Invited;
        crate::trace(&"accepts");
        assert_eq!(self.chat.accept(self.now).is_ok(), is_request);
        self.drain();
    }

    /// Our user declines.
    pub fn decline(&mut self) {
        let is_request = self.chat.state() == State::Invited;
        crate::trace(&"declines");
        assert_eq!(self.chat.decline(self.now).is_ok(), is_request);
        self.drain();
    }

    /// Our user leaves.
    pub fn close(&mut self, at_once: bool) {
        crate::trace(&("closes", at_once));
        let _ = self.chat.close(self.now, at_once);
        self.drain();
    }

    /// Nothing listens there.
    pub fn cannot_be_reached(&mut self) {
        crate::trace(&"cannot be reached");
        self.chat.handle_unreachable();
        self.drain();
    }

    /// Nothing can leave for now.
    pub fn is_held_back(&mut self) {
        crate::trace(&"is held back");
        self.chat.hold_back(self.now);
        self.drain();
    }

    /// Everything can leave again.
    pub fn is_released(&mut self) {
        crate::trace(&"is released");
        self.chat.release(self.now);
        self.drain();
    }

    /// Our own system does not take what left last.
    pub fn is_refused(&mut self, is_for_user: bool) {
        crate::trace(&("is refused", is_for_user));
        self.chat.handle_refused(self.now, is_for_user.then_some("no way leads there"));
        self.drain();
    }

    /// Somebody else wants its place: its peer is asked whether it is there.
    pub fn is_asked_whether_it_is_there(&mut self) {
        crate::trace(&"is asked whether it is there");
        let is_open = self.chat.state() == State::Open;
        assert!(!self.chat.ask(self.now) || is_open);
        self.drain();
    }

    /// Its peer has not answered that.
    pub fn has_not_answered(&mut self) {
        crate::trace(&"has not answered");
        self.chat.end_unanswered(self.now);
        self.drain();
        assert!(self.chat.is_over_for_us());
    }

    /// A request whose place another one needs.
    pub fn gives_way(&mut self) {
        crate::trace(&"gives way");
        let is_request = self.chat.state() == State::Invited;
        self.chat.give_way();
        self.drain();
        assert!(!is_request || self.chat.state() == State::Closed);
    }

    /// Our user invites the same peer again.
    pub fn abandon(&mut self) {
        crate::trace(&"is abandoned");
        self.chat.abandon();
        self.drain();
        assert_eq!(self.chat.state(), State::Closed);
    }

    /// Without a word from the peer nothing goes on for ever, and each message has an end.
    pub fn hears_nothing_more(&mut self) {
        crate::trace(&"hears nothing more");
        self.is_released();
        for _ in 0..1_000 {
            let Some(due) = self.chat.poll_timeout() else {
                assert!(self.waiting.is_empty(), "forgotten: {:?}", self.waiting);
                assert!(matches!(self.chat.state(), State::Open | State::Closed), "{:?}", self.chat);
                return;
            };
            self.now = due.max(self.now);
            self.is_due();
        }
        panic!("it goes on for ever");
    }
}

/// What must be true of it.
impl Watched {
    /// Drains, as documented. Returns how much is transmitted.
    pub fn drain(&mut self) -> usize {
        while let Some(event) = self.chat.poll_event() {
            crate::trace(&event);
            self.check_event(&event);
        }
        self.kept = match (self.chat.poll_snapshot(), self.told) {
            (_, Told::Closed) => None,
            (Some(snapshot), _) => Some(snapshot),
            (None, _) => self.kept,
        };
        assert_eq!(self.kept, self.chat.snapshot(), "a restart would go on from something else");
        assert_eq!(self.told == Told::Closed, self.chat.is_over_for_us());
        let mut said = 0;
        // What waits stays in it, except for last words.
        let can_leave = !self.chat.is_held_back() || self.chat.state() == State::Closed;
        while can_leave && let Some(datagram) = self.chat.poll_transmit() {
            crate::trace(&("says", datagram.operation, datagram.seq));
            self.check_transmit(&datagram);
            said += 1;
        }
        assert!(said <= TRANSMITS_MAX, "{said} at once");
        self.check_rest();
        said
    }

    fn check_event(&mut self, event: &ChatEvent) {
        assert!(self.told < Told::Closed, "after its end");
        match event {
            ChatEvent::Request | ChatEvent::Learned(_) => {}
            ChatEvent::Opened => {
                assert_eq!(self.told, Told::Nothing, "opened twice");
                self.told = Told::Opened;
            }
            ChatEvent::Message { number, text, .. } => {
                let seq = *number as u8;
                // One that comes while we leave counts all the same.
                assert!(self.told == Told::Opened || self.chat.is_leaving(), "before it opened");
                self.note(|kept| kept.note_received(seq, text));
            }
            ChatEvent::Delivered(id) | ChatEvent::Unconfirmed(id) => {
                self.ends(*id);
                self.note(Snapshot::note_settled);
            }
            ChatEvent::Undelivered(id, _) => self.ends(*id),
            ChatEvent::File { .. } | ChatEvent::Offered(_) => panic!("a file in a plain chat"),
            ChatEvent::Error { .. } => assert_eq!(self.told, Told::Opened),
            ChatEvent::Closed { .. } => self.told = Told::Closed,
        }
    }

    fn note(&mut self, change: impl FnOnce(&mut Snapshot)) {
        if let Some(kept) = &mut self.kept {
            change(kept);
        }
    }

    /// Messages end once each, in order.
    fn ends(&mut self, id: MessageId) {
        let ended = self.waiting.pop_front();
        assert_eq!(ended.map(|message| message.id), Some(id), "not the next to end");
    }

    fn check_transmit(&mut self, datagram: &Datagram) {
        assert_eq!(datagram.user, me());
        self.last_number = datagram.seq;
        if datagram.operation == Operation::Chat {
            let said = datagram.payload.strip_prefix(b"\0").unwrap_or(&datagram.payload);
            // To a peer that takes turns those behind it leave with it, each on a line of its own.
            let texts: Vec<_> = self.waiting.iter().map(|message| message.text.as_str()).collect();
            let is_ours = (1..=texts.len()).any(|count| texts[..count].join("\n").as_bytes() == said);
            assert!(
                is_ours || said.ends_with(b"bob accepted."),
                "{datagram:?} is not the first of {texts:?}"
            );
            assert!(!self.chat.is_over_for_us(), "{datagram:?} after its end");
        }
    }

    fn check_rest(&self) {
        let held = self.chat.unacknowledged();
        assert_eq!(self.waiting.len(), held, "it holds others than ours that wait");
        if self.chat.state() == State::Closed {
            assert_eq!((self.chat.poll_timeout(), held), (None, 0), "it is over");
        }
    }
}
