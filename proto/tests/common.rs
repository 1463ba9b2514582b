//! What the tests share: a clock that only they move, and what Ann and Bob say.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use simp_proto::{Datagram, Operation, Settings, Text, Us, UserName};

static START: OnceLock<Instant> = OnceLock::new();

/// This many milliseconds after the start of the test.
pub(crate) fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

/// How many milliseconds after the start of the test this is.
pub(crate) fn ms(instant: Instant) -> u64 {
    instant.duration_since(start()).as_millis() as u64
}

#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise; it is read once")]
fn start() -> Instant {
    *START.get_or_init(Instant::now)
}

/// Makes the datagrams of one user.
pub(crate) struct Says(pub(crate) &'static str);

/// The peer.
pub(crate) const ANN: Says = Says("ann");
/// The one whose machine is tested.
pub(crate) const BOB: Says = Says("bob");

impl Says {
    pub(crate) fn name(&self) -> UserName {
        UserName::new(self.0).unwrap()
    }

    pub(crate) fn us(&self) -> Us {
        Us { user: self.name(), settings: Settings::default() }
    }

    pub(crate) fn says(&self, operation: Operation, seq: u8, payload: &[u8]) -> Datagram {
        Datagram::new(operation, seq, self.name(), payload.to_vec())
    }

    pub(crate) fn syn(&self) -> Datagram {
        self.says(Operation::Syn, 0, b"")
    }

    pub(crate) fn syn_ack(&self) -> Datagram {
        self.says(Operation::SynAck, 0, b"")
    }

    pub(crate) fn ack(&self, seq: u8) -> Datagram {
        self.says(Operation::Ack, seq, b"")
    }

    pub(crate) fn fin(&self, seq: u8) -> Datagram {
        self.says(Operation::Fin, seq, b"")
    }

    pub(crate) fn err(&self, text: &str) -> Datagram {
        self.says(Operation::Err, 0, text.as_bytes())
    }

    pub(crate) fn chat(&self, seq: u8, text: &str) -> Datagram {
        self.says(Operation::Chat, seq, text.as_bytes())
    }
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}
