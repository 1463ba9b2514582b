//! What a chat says, as entries of the log.

use simp_control::{Kind, Reason, What};
use simp_proto::secure::Offer;
use simp_proto::{ChatEvent, MessageId};
use simp_store::{FileStands, GivenUp, KeptFile, Store, StoreError, Taken};

use crate::absent::Absentees;
use crate::now::Now;
use crate::ongoing::{NotedDialect, Ongoing, RowState};

/// So many files of a peer may wait in a chat; any further one is refused.
const OFFERS_MAX: u64 = 64;

impl Ongoing {
    /// Appends what happened in the chat. Returns the message that has left the outbox with it.
    pub fn record(
        &mut self,
        store: &mut Store,
        absent: &Absentees,
        now: Now,
        event: ChatEvent,
    ) -> Result<Option<Taken>, StoreError> {
        let is_of_outbox = self.outbox_of(absent).is_some();
        // Also if there is no entry: a message that stays in the outbox is settled for this chat.
        self.count(&event);
        if !self.is_for_log(store, is_of_outbox, &event)? {
            self.trace_unlogged(&event);
            return Ok(None);
        }
        // Each message has its outcome before the chat has its end, so that a reader may stop there.
        if let ChatEvent::Closed { reason, .. } = &event {
            let loaded = self.queue.loaded;
            self.give_up_rest(store, now, *reason)?;
            self.give_up_files(store, now, (*reason, loaded))?;
            store.drop_chat(self.id)?;
        }
        let settled = match &event {
            // If it is not confirmed, the peer may have it: it is not transmitted again in another chat.
            ChatEvent::Delivered(MessageId(message))
            | ChatEvent::Unconfirmed(MessageId(message))
            | ChatEvent::Undelivered(MessageId(message), Reason::TooLong) => Some(*message),
            _ => None,
        };
        if let ChatEvent::Message { number, is_kept: true, .. } = &event
            && let Some((key, log)) =
                self.chat.secure().and_then(|chat| Some((chat.them().key?, &chat.them().log)))
        {
            store.note_kept(key, log, *number)?;
        }
        if let (ChatEvent::Opened, Some(key)) = (&event, self.peer_key()) {
            store.note_key(now.ms, self.place.address(), key, self.chat.user())?;
        }
        let was_file = match &event {
            ChatEvent::Undelivered(MessageId(message), _) if self.chat.secure().is_some() => {
                store.drop_file(*message)?
            }
            _ => false,
        };
        let offer = match &event {
            ChatEvent::File { offer, .. } => Some(offer.clone()),
            _ => None,
        };
        let answers = match &event {
            ChatEvent::Message { answers: Some(MessageId(answers)), .. } => Some(*answers),
            _ => None,
        };
        let Some((what, extra)) = self.entry(event) else { return Ok(None) };
        // A file is not to be sent again from here.
        let extra = if was_file { GivenUp::Goes.extra() } else { extra };
        let id = self.append(store, now, what, (extra, answers));
        if let Some(offer) = offer {
            self.keep_offer(store, now, (id, extra.unwrap_or_default()), offer)?;
        }
        match settled.filter(|_| is_of_outbox) {
            Some(message) => store.take_from_outbox(message),
            None => Ok(None),
        }
    }

    /// Whether an event has an entry.
    fn is_for_log(&self, store: &Store, is_of_outbox: bool, event: &ChatEvent) -> Result<bool, StoreError> {
        Ok(match event {
            ChatEvent::Learned(_) | ChatEvent::Offered(_) => false,
            // It stays in the outbox, for the next chat: what becomes of it is not known yet.
            // Whoever takes no more will take no more the next time.
            ChatEvent::Undelivered(_, Reason::TooLong) => true,
            ChatEvent::Undelivered(MessageId(message), _) => {
                !is_of_outbox || store.in_outbox(*message)?.is_none()
            }
            // An invitation for the outbox came to nothing: there will be others.
            ChatEvent::Closed { .. } => !self.is_unlogged(),
            _ => true,
        })
    }

    /// How far its messages are.
    fn count(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Delivered(MessageId(message))
            | ChatEvent::Offered(MessageId(message))
            | ChatEvent::Unconfirmed(MessageId(message))
            | ChatEvent::Undelivered(MessageId(message), _) => {
                self.queue.settled = *message;
                self.noted.row = RowState::Outdated;
            }
            ChatEvent::Message { .. } | ChatEvent::File { .. } => self.noted.row = RowState::Outdated,
            ChatEvent::Learned(_) if self.noted.dialect == NotedDialect::Current => {
                self.noted.dialect = NotedDialect::Outdated;
            }
            _ => {}
        }
    }

    /// A message that waited in the chat was taken back: that is its outcome, and those before it still wait.
    pub fn record_taken_back(&mut self, store: &mut Store, now: Now, message: u64) {
        let what = What::Undelivered { message, reason: Reason::Cancelled };
        self.append(store, now, what, (self.given_up().extra(), None));
    }

    /// Keeps a file that the peer offers, or refuses it if too many wait.
    fn keep_offer(
        &self,
        store: &mut Store,
        now: Now,
        (message, number): (u64, u64),
        offer: Offer,
    ) -> Result<(), StoreError> {
        let mut stands = FileStands::Offered;
        if store.offered_files(self.id)? >= OFFERS_MAX {
            let reason = "too many files wait already".to_owned();
            stands = FileStands::Refused { reason: reason.clone(), folder: None };
            let what = What::FileFailed { message, why: reason };
            store.append(now.ms, self.logged(), self.peer(), what, None);
        }
        store.keep_file(&KeptFile { message, chat: self.id, number, offer, stands })
    }

    /// The chat is over, and with it all that is not settled of its files. Those of ours above `loaded` have been given
    /// up already.
    pub(crate) fn give_up_files(
        &mut self,
        store: &mut Store,
        now: Now,
        (reason, loaded): (Reason, u64),
    ) -> Result<(), StoreError> {
        if self.chat.secure().is_none() || self.id == 0 {
            return Ok(());
        }
        for KeptFile { message, stands, .. } in store.files_of(self.id)? {
            let (what, extra) = match stands {
                FileStands::Ours(_) if message <= loaded && reason == Reason::Quit => {
                    (What::FileFailed { message, why: "nobody has taken it".to_owned() }, None)
                }
                FileStands::Ours(_) | FileStands::Fetched(_) if message <= loaded => {
                    (What::Undelivered { message, reason }, GivenUp::Goes.extra())
                }
                FileStands::Offered | FileStands::Taken(_) => {
                    (What::FileFailed { message, why: "the chat is over".to_owned() }, None)
                }
                FileStands::Ours(_)
                | FileStands::Fetched(_)
                | FileStands::Saved(_)
                | FileStands::Refused { .. } => continue,
            };
            store.append(now.ms, self.logged(), self.peer(), what, extra);
        }
        store.drop_files(self.id)
    }

    /// The first entry of a chat gives it its id.
    fn append(
        &mut self,
        store: &mut Store,
        now: Now,
        what: What,
        (extra, answers): (Option<u64>, Option<u64>),
    ) -> u64 {
        let (kind, (message, reason), chat) = (what.kind(), about(&what), self.logged());
        let peer = self.peer_in(store);
        let id = match self.secure().filter(|_| matches!(kind, Kind::Request | Kind::Opened)) {
            Some(secure) => store.append_secure(now.ms, chat, peer, secure, what),
            None => store.append_answer(now.ms, (chat, peer), what, extra, answers),
        };
        self.id = chat.unwrap_or(id);
        self.trace(kind, message, reason);
        id
    }

    /// An event as an entry, if it is one. The number of a received message is kept beside it: after a restart it is
    /// what a copy is known by.
    fn entry(&self, event: ChatEvent) -> Option<(What, Option<u64>)> {
        let what = match event {
            ChatEvent::Message { number, text, .. } => return Some((What::Message { text }, Some(number))),
            ChatEvent::File { number, offer } => {
                return Some((What::File { name: offer.name, size: offer.size }, Some(number)));
            }
            ChatEvent::Learned(_) | ChatEvent::Offered(_) => return None,
            ChatEvent::Request => What::Request,
            ChatEvent::Opened => What::Opened { note: self.note() },
            ChatEvent::Error { text } => What::Error { text },
            ChatEvent::Delivered(MessageId(message)) => What::Delivered { message },
            ChatEvent::Unconfirmed(MessageId(message)) => What::Unconfirmed { message },
            ChatEvent::Undelivered(MessageId(message), reason) => {
                return Some((What::Undelivered { message, reason }, self.given_up().extra()));
            }
            ChatEvent::Closed { reason, text } => What::Closed { reason, text },
        };
        Some((what, None))
    }
}

/// Of which message an entry is, and the reason in it. Its text is not for the log of the program.
fn about(what: &What) -> (Option<u64>, Option<Reason>) {
    match what {
        What::Closed { reason, .. } => (None, Some(*reason)),
        What::Undelivered { message, reason } => (Some(*message), Some(*reason)),
        What::Delivered { message } | What::Unconfirmed { message } => (Some(*message), None),
        _ => (None, None),
    }
}
