//! Our messages in a secure chat: those that the peer has not acknowledged, in order, and how many of them this channel has.

use std::collections::VecDeque;

use super::frame::Frame;
use crate::arq::MessageId;
use crate::file::Offer;

/// So many bytes of messages are under way at most, as long as they are not acknowledged: what a channel does not take at
/// once is held in memory. A message that is longer goes alone.
const UNDER_WAY_MAX: usize = 1 << 20;

/// What a message takes besides its text.
const MESSAGE_BYTES: usize = 64;

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number in the log, and on the wire.
    pub id: MessageId,
    /// What it is.
    pub body: Body,
    /// It stays in the outbox until the peer has it, through as many chats as that takes.
    pub is_kept: bool,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A text.
    Text(String),
    /// A text that answers the message of the peer with this number.
    Answer {
        /// The text.
        text: String,
        /// The number.
        to: u64,
    },
    /// A file, which the peer asks for when its user wants it.
    File(Offer),
}

impl Body {
    /// The bytes of its text, or of its file's name.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Answer { text, .. } => text.len(),
            Self::File(offer) => offer.name.len(),
        }
    }
}

/// What a peer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Takes {
    /// Most bytes of a text.
    pub(super) text_max: u64,
    /// Whether files may be offered to it.
    pub(super) files: bool,
}

impl Takes {
    pub(super) fn fits(self, body: &Body) -> bool {
        match body {
            Body::Text(text) | Body::Answer { text, .. } => text.len() as u64 <= self.text_max,
            Body::File(_) => self.files,
        }
    }
}

/// What the peer has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// A text.
    Text(MessageId),
    /// That a file is offered.
    File(MessageId),
}

/// A message, and whether it may be with the peer already.
#[derive(Debug)]
struct Waiting {
    letter: Letter,
    has_left: bool,
}

impl Waiting {
    fn bytes(&self) -> usize {
        MESSAGE_BYTES + self.letter.body.bytes()
    }

    fn is_taken(&self, takes: Takes) -> bool {
        takes.fits(&self.letter.body)
    }
}

/// Those that are not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Ours {
    queue: VecDeque<Waiting>,
    /// How many of them have left on this channel.
    on_channel: usize,
    /// Their bytes.
    under_way: usize,
    /// Bytes of their texts.
    bytes: usize,
}

impl Ours {
    /// Adds one after all others. `has_left`: an earlier run may have transmitted it.
    pub(super) fn push(&mut self, letter: Letter, has_left: bool) {
        self.bytes += letter.body.bytes();
        self.queue.push_back(Waiting { letter, has_left });
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of their texts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of those that have left on this channel.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Takes one back that has not left. False if it is not among those.
    pub(super) fn take_back(&mut self, id: MessageId) -> bool {
        let place = self.queue.iter().position(|waiting| waiting.letter.id == id && !waiting.has_left);
        let taken = place.and_then(|place| self.queue.remove(place));
        self.bytes -= taken.as_ref().map_or(0, |taken| taken.letter.body.bytes());
        taken.is_some()
    }

    /// A new channel has none of them.
    pub(super) fn rewind(&mut self) {
        (self.on_channel, self.under_way) = (0, 0);
    }

    /// The next one that this channel is to have, if there is room for it and the peer takes it, as far as is known.
    pub(super) fn next(&mut self, takes: Option<Takes>) -> Option<Frame> {
        let waiting = self.queue.get_mut(self.on_channel)?;
        if takes.is_some_and(|takes| !waiting.is_taken(takes)) {
            return None;
        }
        let under_way = self.under_way + waiting.bytes();
        if under_way > UNDER_WAY_MAX && self.on_channel > 0 {
            return None;
        }
        self.under_way = under_way;
        waiting.has_left = true;
        self.on_channel += 1;
        let Letter { id, body, is_kept } = &waiting.letter;
        Some(match body {
            Body::Text(text) => {
                Frame::Text { number: id.0, text: text.clone(), kept: *is_kept, answers: None }
            }
            Body::Answer { text, to } => {
                Frame::Text { number: id.0, text: text.clone(), kept: *is_kept, answers: Some(*to) }
            }
            Body::File(offer) => Frame::File { number: id.0, offer: offer.clone() },
        })
    }

    /// The first of them, if the peer has it: all that have left up to this number are durable there.
    pub(super) fn settle(&mut self, upto: u64) -> Option<Acknowledged> {
        let first = self.queue.front().filter(|first| first.has_left && first.letter.id.0 <= upto)?;
        let id = first.letter.id;
        let acknowledged = match first.letter.body {
            Body::Text(_) | Body::Answer { .. } => Acknowledged::Text(id),
            Body::File(_) => Acknowledged::File(id),
        };
        if self.on_channel > 0 {
            self.on_channel -= 1;
            self.under_way -= first.bytes();
        }
        self.bytes -= first.letter.body.bytes();
        self.queue.pop_front();
        if self.queue.is_empty() {
            // Most of 10,000 chats have nothing to say.
            self.queue = VecDeque::new();
        }
        Some(acknowledged)
    }

    /// The first of them, taken away if the peer does not take it. Those behind it wait: each is settled before those that
    /// come after it.
    pub(super) fn too_long(&mut self, takes: Takes) -> Option<MessageId> {
        let Waiting { letter, .. } = self.queue.pop_front_if(|first| !first.is_taken(takes))?;
        self.bytes -= letter.body.bytes();
        Some(letter.id)
    }

    /// All of them, given up.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = MessageId> + use<> {
        self.rewind();
        self.bytes = 0;
        std::mem::take(&mut self.queue).into_iter().map(|waiting| waiting.letter.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_are_under_way_and_the_rest_waits_for_acknowledgements() {
        let mut ours = Ours::default();
        let lengths = [400_000, 400_000, 400_000, 2_000_000, 1];
        for (length, id) in lengths.into_iter().zip(1..) {
            let letter = Letter { id: MessageId(id), body: Body::Text("x".repeat(length)), is_kept: false };
            ours.push(letter, false);
        }
        let leaving = |ours: &mut Ours| -> Vec<u64> {
            let next = std::iter::from_fn(|| match ours.next(None)? {
                Frame::Text { number, .. } => Some(number),
                other => panic!("{other:?}"),
            });
            next.collect()
        };
        assert_eq!(leaving(&mut ours), [1, 2]);
        assert_eq!(ours.settle(1), Some(Acknowledged::Text(MessageId(1))));
        assert_eq!(leaving(&mut ours), [3]);
        // A new channel has none of them, and as much room as the old one had.
        ours.rewind();
        assert_eq!(ours.settle(2), Some(Acknowledged::Text(MessageId(2))), "it is acknowledged in the hello");
        assert_eq!(leaving(&mut ours), [3]);
        assert_eq!(ours.settle(3), Some(Acknowledged::Text(MessageId(3))));
        assert_eq!(leaving(&mut ours), [4], "the longest goes alone");
        assert_eq!(leaving(&mut ours), []);
        assert_eq!(ours.settle(4), Some(Acknowledged::Text(MessageId(4))));
        assert_eq!(leaving(&mut ours), [5]);
    }
}
