//! What comes out of a chat: events, datagrams, its deadline, and how it stands.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Chat, ChatEvent, Phase, Snapshot, Transmit};
use crate::datagram::{Datagram, Operation};
use crate::dialect::Dialect;
use crate::state::State;
use crate::text::UserName;

/// Output: drained after every command and input, in this order.
impl Chat {
    /// What happened; `None` when all is told.
    pub fn poll_event(&mut self) -> Option<ChatEvent> {
        pop(&mut self.events)
    }

    /// What must be on disk before the datagrams leave, where the state changed; `None` where it did not.
    /// Messages change it too, but in a way that their events tell: [`ChatEvent::Message`] is what was last
    /// received, and each [`ChatEvent::Delivered`] turns `seq` over.
    pub fn poll_snapshot(&mut self) -> Option<Snapshot> {
        std::mem::take(&mut self.changed).then(|| self.snapshot()).flatten()
    }

    /// What to go on with after a restart; `None` where the chat is over for our user and nothing of it need
    /// be kept.
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.is_over_for_us()).then(|| Snapshot {
            state: self.state(),
            user: self.user,
            seq: self.delivery.seq(),
            received: self.delivery.received.last(),
            dialect: self.dialect,
        })
    }

    /// What to transmit to the peer once the events are committed; `None` when that is all.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        loop {
            let (operation, seq, payload) = match pop(&mut self.transmits)? {
                Transmit::Control(operation, seq) => (operation, seq, Vec::new()),
                Transmit::InFlight => match self.delivery.in_flight() {
                    Some((seq, message)) => {
                        (Operation::Chat, seq.field(), self.dialect.payload_of(message.text.as_str()))
                    }
                    None => continue,
                },
            };
            let deviations = self.dialect.form();
            return Some(Datagram { deviations, ..Datagram::new(operation, seq, self.me, payload) });
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): one deadline, the earliest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.phase {
            Phase::Inviting { syn, expires, .. } => Some(syn.due.min(expires)),
            Phase::Invited { expires, .. } => Some(expires),
            Phase::Accepting { syn_ack, ack_at } => {
                Some(ack_at.map_or(syn_ack.due, |at| at.min(syn_ack.due)))
            }
            Phase::Open { .. } | Phase::Draining { .. } => self.delivery.deadline(),
            Phase::Leaving { fin, .. } => Some(fin.due),
            Phase::Closed => return None,
        };
        [due, self.late_ack.map(|(at, _)| at)].into_iter().flatten().min()
    }

    /// What is known of how the peer speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where the chat stands.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Inviting { .. } => State::Inviting,
            Phase::Invited { .. } => State::Invited,
            Phase::Accepting { .. } => State::Accepting,
            Phase::Open { .. } => State::Open,
            Phase::Draining { .. } | Phase::Leaving { .. } => State::Closing,
            Phase::Closed => State::Closed,
        }
    }

    /// The peer's name; blank as long as it has told none.
    pub fn user(&self) -> UserName {
        self.user
    }

    /// Whether our user has been told that it is over: only the peer does not know it yet.
    pub fn is_over_for_us(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Leaving { untold: None, .. })
    }

    /// Whether nothing more is delivered: only our FIN waits for its ACK.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Messages of ours that this machine holds and the peer has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.delivery.len()
    }
}

/// Takes the first, and gives back the memory with the last: most of 10,000 chats are idle.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    first
}
