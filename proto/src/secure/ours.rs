//! Our messages in a secure chat: those that the peer has not acknowledged, in order, and how many of them this channel has.

use std::collections::VecDeque;

use super::frame::Frame;
use crate::arq::MessageId;

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number in the log, and on the wire.
    pub id: MessageId,
    /// What it says.
    pub text: String,
    /// It stays in the outbox until the peer has it, through as many chats as that takes.
    pub is_kept: bool,
}

/// A message, and whether it may be with the peer already.
#[derive(Debug)]
struct Waiting {
    letter: Letter,
    has_left: bool,
}

/// Those that are not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Ours {
    queue: VecDeque<Waiting>,
    /// How many of them have left on this channel.
    on_channel: usize,
}

impl Ours {
    /// Adds one after all others. `has_left`: an earlier run may have transmitted it.
    pub(super) fn push(&mut self, letter: Letter, has_left: bool) {
        self.queue.push_back(Waiting { letter, has_left });
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes one back that has not left. False if it is not among those.
    pub(super) fn take_back(&mut self, id: MessageId) -> bool {
        let place = self.queue.iter().position(|waiting| waiting.letter.id == id && !waiting.has_left);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// A new channel has none of them.
    pub(super) fn rewind(&mut self) {
        self.on_channel = 0;
    }

    /// The next one that this channel is to have.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let waiting = self.queue.get_mut(self.on_channel)?;
        waiting.has_left = true;
        self.on_channel += 1;
        let Letter { id, text, is_kept } = &waiting.letter;
        Some(Frame::Text { number: id.0, text: text.clone(), kept: *is_kept })
    }

    /// The first of them, if the peer has it: all that have left up to this number are durable there.
    pub(super) fn settle(&mut self, upto: u64) -> Option<MessageId> {
        let first = self.queue.front().filter(|first| first.has_left && first.letter.id.0 <= upto)?;
        let id = first.letter.id;
        self.queue.pop_front();
        self.on_channel = self.on_channel.saturating_sub(1);
        if self.queue.is_empty() {
            // Most of 10,000 chats have nothing to say.
            self.queue = VecDeque::new();
        }
        Some(id)
    }

    /// Takes those away that are longer than this, before any has left on this channel.
    pub(super) fn too_long(&mut self, most: u64) -> Vec<MessageId> {
        let mut too_long = Vec::new();
        self.queue.retain(|Waiting { letter, .. }| {
            let fits = letter.text.len() as u64 <= most;
            if !fits {
                too_long.push(letter.id);
            }
            fits
        });
        too_long
    }

    /// All of them, given up.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = MessageId> + use<> {
        self.on_channel = 0;
        std::mem::take(&mut self.queue).into_iter().map(|waiting| waiting.letter.id)
    }
}
