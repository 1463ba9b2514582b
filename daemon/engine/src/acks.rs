//! Which ACKs of a peer answer something of ours. Whoever hears us sends one for each datagram that asks for it, and no
//! others; whoever does not can only guess when it is time for one, and before long sends one in vain.

use std::time::{Duration, Instant};

use simp_proto::{Moment, Operation};

/// For this long after an ACK in vain the others say nothing either.
const IN_DOUBT_FOR: Duration = Duration::from_secs(60);

/// ACKs that may come, of what left before a restart: of a message, and of a question whether the peer is there.
const OF_LAST_RUN: u8 = 2;

/// The ACKs that may come from one peer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Acks {
    /// Datagrams that ask for one, and have not been answered: 255 are as good as more.
    owed: u8,
    /// Until then they are in doubt.
    doubted_until: Option<Moment>,
}

impl Acks {
    /// Of a chat that the last run had.
    pub fn of_last_run() -> Self {
        Self { owed: OF_LAST_RUN, doubted_until: None }
    }

    /// This leaves for the peer.
    pub fn note_leaving(&mut self, operation: Operation) {
        let asks = matches!(operation, Operation::SynAck | Operation::Chat | Operation::Fin);
        self.owed = self.owed.saturating_add(asks.into());
    }

    /// An ACK came. Whether it may be of something that has left; if not, it is in vain.
    pub fn may_be_owed(&mut self, now: Instant) -> bool {
        if self.owed == 0 {
            self.doubted_until = Some((now + IN_DOUBT_FOR).into());
        }
        self.owed > 0
    }

    /// It was one.
    pub fn settle(&mut self) {
        self.owed = self.owed.saturating_sub(1);
    }

    /// Whether one came in vain of late: the next that fits may be a guess too.
    pub fn are_in_doubt(&self, now: Instant) -> bool {
        self.doubted_until.is_some_and(|until| now < until)
    }
}
