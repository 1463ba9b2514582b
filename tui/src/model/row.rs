//! A conversation in the list: all that was said with one peer address.

use std::collections::BTreeSet;

use simp_control::{ChatInfo, Event, Peer, PeerInfo, Secure, State, What};

use crate::model::members::Room;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) peer: Peer,
    pub(crate) chat: Option<Chat>,
    /// Chats up to this one are over: what is still said of them is old.
    over: u64,
    /// Messages of the outbox that wait for this peer.
    pub(crate) waiting: BTreeSet<u64>,
    /// Up to which entry it was read.
    pub(crate) read: u64,
    /// Messages and files of the peer above that.
    pub(crate) unread: usize,
    /// The newest of them, read or not.
    pub(crate) newest: u64,
    /// When something happened last, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The room that the peer is, as it was the last time that we were in it.
    pub(crate) room: Option<Room>,
}

/// The chat that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chat {
    pub(crate) id: u64,
    pub(crate) state: State,
    pub(crate) secure: Option<Secure>,
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn new(peer: Peer) -> Self {
        Self {
            peer,
            chat: None,
            over: 0,
            waiting: BTreeSet::new(),
            read: 0,
            unread: 0,
            newest: 0,
            at_ms: 0,
            room: None,
        }
    }

    /// What to call the peer: its name, or its address as long as it has told none.
    pub(crate) fn name(&self) -> &str {
        if self.peer.user.is_empty() { &self.peer.address } else { &self.peer.user }
    }

    /// The chat as simpd lists it.
    pub(crate) fn take_chat(&mut self, info: &ChatInfo) {
        self.take_name(&info.peer);
        // Several with one peer are one that ends and one that begins.
        if info.chat > self.over && self.chat.as_ref().is_none_or(|chat| chat.id <= info.chat) {
            let ChatInfo { chat: id, state, secure, ref note, .. } = *info;
            self.chat =
                Some(Chat { id, state, secure, note: note.clone() }).filter(|_| state != State::Closed);
        }
        self.at_ms = self.at_ms.max(info.since_ms);
    }

    /// What is to be known of the peer, if this is still its chat.
    pub(crate) fn take_note(&mut self, info: ChatInfo) {
        if let Some(chat) = self.chat.as_mut().filter(|chat| chat.id == info.chat) {
            chat.note = info.note;
        }
    }

    pub(crate) fn take_peer(&mut self, info: &PeerInfo) {
        self.take_name(&info.peer);
        self.at_ms = self.at_ms.max(info.seen_ms.unwrap_or(0));
        self.read = self.read.max(info.read.unwrap_or(0));
    }

    /// Takes in an entry that was just appended.
    pub(crate) fn hear(&mut self, event: &Event) {
        self.take_name(&event.peer);
        self.at_ms = self.at_ms.max(event.at_ms);
        self.count(event);
        match &event.what {
            What::Request => self.begin(event, State::Invited),
            What::Inviting => self.begin(event, State::Inviting),
            What::Opened { note } => {
                let (id, secure, note) = (event.chat, event.secure, note.clone());
                self.chat = Some(Chat { id, state: State::Open, secure, note });
                self.room = None;
            }
            What::Closed { .. } => {
                self.over = self.over.max(event.chat);
                if self.chat.as_ref().is_some_and(|chat| chat.id == event.chat) {
                    self.chat = None;
                }
            }
            What::Message { text } => match (&mut self.room, Room::entered(text)) {
                (room, Some(entered)) => {
                    let topic = room.take().and_then(|room| room.topic);
                    *room = Some(Room { topic, ..entered });
                }
                (Some(room), None) => room.hear(text),
                (None, None) => (),
            },
            _ => (),
        }
    }

    /// A chat that is there already has gone on since then.
    fn begin(&mut self, event: &Event, state: State) {
        if self.chat.as_ref().is_none_or(|chat| chat.id < event.chat) {
            self.chat = Some(Chat { id: event.chat, state, secure: event.secure, note: None });
        }
    }

    /// Counts what nobody has read.
    pub(crate) fn count(&mut self, event: &Event) {
        if !matches!(event.what, What::Message { .. } | What::File { .. }) {
            return;
        }
        self.newest = self.newest.max(event.id);
        if event.id > self.read {
            self.unread += 1;
        }
    }

    /// Whether there may be more unread than was counted: entries up to this one were not looked at.
    pub(crate) fn has_more_unread(&self, counted_from: u64) -> bool {
        self.unread > 0 && self.read < counted_from
    }

    /// All of it is read. The mark, if that is news.
    pub(crate) fn mark_read(&mut self, newest: u64) -> Option<u64> {
        let newest = newest.max(self.newest);
        let is_news = newest > self.read;
        (self.unread, self.newest, self.read) = (0, newest, self.read.max(newest));
        is_news.then_some(newest)
    }

    fn take_name(&mut self, peer: &Peer) {
        if !peer.user.is_empty() {
            self.peer.user.clone_from(&peer.user);
        }
    }

    /// Whether the peer waits for our answer.
    pub(crate) fn is_request(&self) -> bool {
        self.state() == Some(State::Invited)
    }

    /// The room that we are in.
    pub(crate) fn entered(&self) -> Option<&Room> {
        self.room.as_ref().filter(|_| self.open().is_some())
    }

    /// The chat in which something may be said or heard.
    pub(crate) fn open(&self) -> Option<u64> {
        let open = |chat: &&Chat| matches!(chat.state, State::Open | State::Closing);
        self.chat.as_ref().filter(open).map(|chat| chat.id)
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.chat.as_ref().map(|chat| chat.state)
    }
}
