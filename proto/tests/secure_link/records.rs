//! What one daemon writes down: of its own messages, of its peer's, and of the chat.

use std::collections::{BTreeMap, BTreeSet};

use simp_proto::secure::{ChatId, Letter, SecureSnapshot};
use simp_proto::{ChatEvent, MessageId, Reason};

/// Where a message of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// For a next chat.
    InOutbox,
    /// In this chat.
    Waiting,
    Delivered,
    Undelivered,
}

#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) letter: Letter,
    pub(crate) stands: Stands,
}

/// What changes, one entry each.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Our user has written this.
    Written(Letter),
    /// It is in the chat.
    Queued(MessageId),
    /// It is taken back.
    TakenBack(MessageId),
    /// Something happened in the chat of this name.
    Event(ChatId, ChatEvent),
    /// This is to go on with.
    Chat(Option<SecureSnapshot>),
    /// An invitation or a request ends then.
    Expires(u64),
}

/// All that a daemon knows after a restart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    pub(crate) chat: Option<SecureSnapshot>,
    pub(crate) expires: u64,
    pub(crate) ours: BTreeMap<u64, Ours>,
    /// Numbers of the peer's messages, as they came, and in which chat.
    pub(crate) shown: Vec<(ChatId, u64)>,
    shown_numbers: BTreeSet<u64>,
    /// Those that may come again.
    pub(crate) kept: BTreeSet<u64>,
    /// Why chats were over.
    pub(crate) reasons: Vec<Reason>,
    /// A message of the peer that was shown a second time, or not in order.
    pub(crate) wrong: Vec<(ChatId, u64)>,
}

impl Records {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Written(letter) => {
                let ours = Ours { letter: letter.clone(), stands: Stands::InOutbox };
                assert!(self.ours.insert(letter.id.0, ours).is_none());
            }
            Change::Queued(id) => self.move_on(*id, Stands::InOutbox, Stands::Waiting),
            Change::TakenBack(id) => self.move_on(*id, Stands::Waiting, Stands::Undelivered),
            Change::Event(chat, event) => self.note(*chat, event),
            Change::Chat(chat) => self.chat.clone_from(chat),
            Change::Expires(at) => self.expires = *at,
        }
    }

    fn note(&mut self, chat: ChatId, event: &ChatEvent) {
        match event {
            ChatEvent::Delivered(id) => self.move_on(*id, Stands::Waiting, Stands::Delivered),
            ChatEvent::Undelivered(id, reason) => {
                let is_kept = self.ours.get(&id.0).is_some_and(|ours| ours.letter.is_kept);
                let again = is_kept && *reason != Reason::TooLong;
                let stands = if again { Stands::InOutbox } else { Stands::Undelivered };
                self.move_on(*id, Stands::Waiting, stands);
            }
            ChatEvent::Message { number, is_kept, text, .. } => {
                assert_eq!(text.trim_end_matches('.'), number.to_string());
                if let Some(kept) = &mut self.chat {
                    kept.note_received(*number);
                }
                let is_late =
                    self.shown.last().is_some_and(|(last, before)| *last == chat && before >= number);
                if !self.shown_numbers.insert(*number) || is_late {
                    self.wrong.push((chat, *number));
                }
                self.shown.push((chat, *number));
                if *is_kept {
                    self.kept.insert(*number);
                }
            }
            ChatEvent::Closed { reason, .. } => {
                self.chat = None;
                self.reasons.push(*reason);
                assert!(
                    self.waiting().next().is_none(),
                    "a message without an outcome in a chat that is over"
                );
            }
            ChatEvent::Request | ChatEvent::Opened => {}
            ChatEvent::File { .. }
            | ChatEvent::Offered(_)
            | ChatEvent::Unconfirmed(_)
            | ChatEvent::Error { .. }
            | ChatEvent::Learned(_) => {
                panic!("{event:?} is not of a secure chat")
            }
        }
    }

    /// Each message has one outcome in a chat.
    fn move_on(&mut self, id: MessageId, from: Stands, to: Stands) {
        let ours = self.ours.get_mut(&id.0).expect("a message that nobody wrote");
        assert_eq!(ours.stands, from, "{id:?} becomes {to:?}");
        ours.stands = to;
    }

    pub(crate) fn has_shown(&self, number: u64) -> bool {
        self.shown_numbers.contains(&number)
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Letter> {
        self.standing(Stands::Waiting)
    }

    /// Messages that stand so, in order.
    pub(crate) fn standing(&self, stands: Stands) -> impl Iterator<Item = &Letter> {
        self.ours.values().filter(move |ours| ours.stands == stands).map(|ours| &ours.letter)
    }
}
