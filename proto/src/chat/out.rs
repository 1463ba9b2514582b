//! What a chat has to say, until it is polled: events, and datagrams that are due.

use std::time::Instant;

use super::event::ChatEvent;
use super::pending::{Pending, Transmit};
use crate::datagram::Operation;
use crate::few::Few;
use crate::moment::Moment;

/// Most datagrams that wait in one chat. Only a peer that holds to no specification makes more of them, with ACKs of
/// many numbers.
const HELD_MAX: usize = 8;

/// What comes out. In a box, for most of 10,000 chats have nothing to say.
#[derive(Debug, Default)]
pub(super) struct Out(Option<Box<Unpolled>>);

#[derive(Debug, Default)]
struct Unpolled {
    events: Few<ChatEvent>,
    transmits: Few<Transmit>,
    /// Since when nothing leaves, if that is so.
    held_since: Option<Moment>,
}

impl Out {
    pub(super) fn tell(&mut self, event: ChatEvent) {
        self.0.get_or_insert_default().events.push(event);
    }

    pub(super) fn transmit(&mut self, operation: Operation, seq: u8) {
        self.push(Transmit::Control(operation, seq));
    }

    pub(super) fn push(&mut self, transmit: Transmit) {
        let Unpolled { transmits, held_since, .. } = &mut **self.0.get_or_insert_default();
        if held_since.is_some() {
            // They are made when they are polled: the one that waits is as good as a newer one.
            if transmits.iter().any(|it| *it == transmit) {
                return;
            }
            if transmits.len() >= HELD_MAX {
                // As if lost on the way.
                transmits.remove_first(|it| *it != Transmit::InFlight);
            }
        }
        transmits.push(transmit);
    }

    pub(super) fn pop_event(&mut self) -> Option<ChatEvent> {
        self.take_out(|unpolled| unpolled.events.pop()).flatten()
    }

    pub(super) fn pop_transmit(&mut self) -> Option<Transmit> {
        self.take_out(|unpolled| unpolled.transmits.pop()).flatten()
    }

    /// Takes an invitation back. False if none waits.
    pub(super) fn take_back_syn(&mut self) -> bool {
        self.take_out(|unpolled| unpolled.transmits.remove_first(Transmit::is_syn)) == Some(true)
    }

    /// Answers leave no more.
    pub(super) fn drop_answers(&mut self) {
        let is_answer =
            |it: &Transmit| matches!(it, Transmit::Control(operation, _) if operation.is_answer());
        self.take_out(|unpolled| unpolled.transmits.retain(|transmit| !is_answer(transmit)));
    }

    /// From now on nothing leaves.
    pub(super) fn hold_back(&mut self, now: Instant) {
        self.0.get_or_insert_default().held_since.get_or_insert(now.into());
    }

    /// Since when nothing leaves; `None` if it does.
    pub(super) fn held_since(&self) -> Option<Moment> {
        self.0.as_ref()?.held_since
    }

    /// From now on it leaves again.
    pub(super) fn release(&mut self) {
        self.take_out(|unpolled| unpolled.held_since = None);
    }

    /// What waits to be transmitted.
    pub(super) fn pending(&self) -> Pending {
        let Some(Unpolled { transmits, .. }) = self.0.as_deref() else { return Pending::Nothing };
        match transmits.iter().find(|transmit| **transmit != Transmit::InFlight) {
            Some(_) => Pending::Control,
            None if transmits.is_empty() => Pending::Nothing,
            None => Pending::Message,
        }
    }

    /// Takes something out, and gives the box back if that was the last.
    fn take_out<T>(&mut self, take: impl FnOnce(&mut Unpolled) -> T) -> Option<T> {
        let unpolled = self.0.as_deref_mut()?;
        let taken = take(unpolled);
        let is_last = unpolled.events.is_empty() && unpolled.transmits.is_empty();
        if is_last && unpolled.held_since.is_none() {
            self.0 = None;
        }
        Some(taken)
    }
}
