//! What a client asks most, as one value: lists whose answers come in pieces are put together, and replies of the wrong
//! kind are failures.

use simp_values::KeyId;

use crate::answer::Reply;
use crate::client::Client;
use crate::error::{Outcome, unexpected};
use crate::event::Event;
use crate::request::{Filter, Request, STATES_MAX};
use crate::status::Status;
use crate::values::{ChatInfo, Consumer, KnownKey, MessageState, OutboxMessage, PeerInfo, Transfer};

/// A piece of the log: the newest so many of the ids above and before these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Only entries with a higher id.
    pub above: u64,
    /// Only entries with a lower id.
    pub before: Option<u64>,
    /// How many at most.
    pub most: u32,
}

impl Piece {
    /// All of the log.
    pub const ALL: Self = Self { above: 0, before: None, most: u32::MAX };
}

/// All of these fail as [`Client::ask`] does.
impl Client {
    /// How the daemon is.
    pub fn status(&mut self) -> Outcome<Box<Status>> {
        match self.ask(&Request::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err(unexpected()),
        }
    }

    /// All chats, requests and invitations, in the order in which they began.
    pub fn chats(&mut self) -> Outcome<Vec<ChatInfo>> {
        self.all(
            |last: Option<&ChatInfo>| Request::Chats { after: last.map_or(0, |chat| chat.chat) },
            |reply| match reply {
                Reply::Chats { chats, more } => Ok((chats, more)),
                _ => Err(unexpected()),
            },
        )
    }

    /// The files that are offered or under way.
    pub fn transfers(&mut self) -> Outcome<Vec<Transfer>> {
        self.all(
            |last: Option<&Transfer>| Request::Transfers { after: last.map_or(0, |file| file.message) },
            |reply| match reply {
                Reply::Transfers { transfers, more } => Ok((transfers, more)),
                _ => Err(unexpected()),
            },
        )
    }

    /// The messages in the outbox, oldest first.
    pub fn outbox(&mut self) -> Outcome<Vec<OutboxMessage>> {
        self.all(
            |last: Option<&OutboxMessage>| Request::Outbox { after: last.map_or(0, |kept| kept.message) },
            |reply| match reply {
                Reply::Outbox { messages, more } => Ok((messages, more)),
                _ => Err(unexpected()),
            },
        )
    }

    /// What is known of how peers speak, by address.
    pub fn peers(&mut self) -> Outcome<Vec<PeerInfo>> {
        let address = |info: &PeerInfo| info.peer.address.clone();
        self.all(
            |last| Request::Peers { after: last.map(address).unwrap_or_default() },
            |reply| match reply {
                Reply::Peers { peers, more } => Ok((peers, more)),
                _ => Err(unexpected()),
            },
        )
    }

    /// The keys that are known, by whose they are.
    pub fn keys(&mut self) -> Outcome<Vec<KnownKey>> {
        let who = |known: &KnownKey| known.who.clone();
        self.all(
            |last| Request::Keys { after: last.map(who).unwrap_or_default() },
            |reply| match reply {
                Reply::Keys { keys, more } => Ok((keys, more)),
                _ => Err(unexpected()),
            },
        )
    }

    /// The key that is known of the peer at this `ADDR:PORT`.
    pub fn key_of(&mut self, address: &str) -> Outcome<Option<KeyId>> {
        // The list is in the order of texts: few come between a text without its end and the whole.
        let mut before = address.to_owned();
        before.pop();
        match self.ask(&Request::Keys { after: before })? {
            Reply::Keys { keys, .. } => {
                Ok(keys.into_iter().find(|known| known.who == address).map(|known| known.key))
            }
            _ => Err(unexpected()),
        }
    }

    /// A whole list. Each request is for what comes after the last of the pieces before it.
    fn all<T>(
        &mut self,
        request: impl Fn(Option<&T>) -> Request,
        piece: impl Fn(Reply) -> Outcome<(Vec<T>, bool)>,
    ) -> Outcome<Vec<T>> {
        let mut all = Vec::new();
        loop {
            // By the last item and not by a number: the list may change between two requests.
            let (some, more) = piece(self.ask(&request(all.last()))?)?;
            all.extend(some);
            if !more {
                return Ok(all);
            }
        }
    }

    /// What became of these messages of ours, in the same order; `None` of one that is not there, and of a file that does
    /// not wait any more.
    pub fn states(&mut self, messages: &[u64]) -> Outcome<Vec<Option<MessageState>>> {
        let mut all = Vec::new();
        for messages in messages.chunks(STATES_MAX) {
            match self.ask(&Request::States { messages: messages.to_vec() })? {
                Reply::States { states } if states.len() == messages.len() => all.extend(states),
                _ => return Err(unexpected()),
            }
        }
        Ok(all)
    }

    /// The consumers and their marks, by name.
    pub fn consumers(&mut self) -> Outcome<Vec<Consumer>> {
        match self.ask(&Request::Consumers)? {
            Reply::Consumers { consumers } => Ok(consumers),
            _ => Err(unexpected()),
        }
    }

    /// The entries of this piece that pass the filter, newest first. The daemon looks through a bounded part of the
    /// log at a time, so it may be asked several times.
    pub fn history(&mut self, piece: Piece, filter: &Filter) -> Outcome<Vec<Event>> {
        let mut found: Vec<Event> = Vec::new();
        let mut before = piece.before;
        loop {
            let limit = piece.most.saturating_sub(found.len() as u32);
            // Before asking: a piece of nothing needs no request, and a full one no more.
            if limit == 0 {
                return Ok(found);
            }
            let (events, older) = self.history_part(Piece { before, most: limit, ..piece }, filter)?;
            found.extend(events);
            if older.is_none() {
                return Ok(found);
            }
            before = older;
        }
    }

    /// As much of this piece as comes with one answer, newest first, which may be nothing; and before which entry the rest
    /// of it is, if it was not all.
    pub fn history_part(&mut self, piece: Piece, filter: &Filter) -> Outcome<(Vec<Event>, Option<u64>)> {
        let Piece { above, before, most: limit } = piece;
        let request = Request::History { before, limit, filter: filter.clone() };
        let Reply::History { mut events, older } = self.ask(&request)? else {
            return Err(unexpected());
        };
        // A request has no lower bound: the daemon looks downwards from `before`.
        events.retain(|event| event.id > above);
        // What is older has lower ids than this; a part without entries is no sign that there are none.
        Ok((events, older.filter(|older| *older > above.saturating_add(1))))
    }

    /// This entry of the log; `None` if the log has it no more.
    pub fn entry(&mut self, id: u64) -> Outcome<Option<Event>> {
        let piece = Piece { above: id.saturating_sub(1), before: Some(id.saturating_add(1)), most: 1 };
        // Without their names, those of files do not pass.
        let filter = Filter { kinds: self.kinds()?, ..Filter::default() };
        Ok(self.history(piece, &filter)?.pop())
    }
}
