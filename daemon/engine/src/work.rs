//! How much a turn takes on for clients. Work is counted in entries of the log that are looked at, about; whatever else a
//! request costs is put in terms of these. So it is known before a request is carried out, and needs no clock.

use simp_control::{Request, Who};

use crate::commands::{Effort, effort, writes};
use crate::engine::Engine;

/// The work of one turn for requests, and as much again for those who follow the log: a few milliseconds. The rest waits
/// for the next turn.
pub const WORK_PER_TURN: u64 = 4_096;

/// The work of a request that needs no search: it may write an entry, and has an answer.
const LITTLE: u64 = 16;

/// The work of one that reads as much as one may: see [`Store::read`](simp_store::Store::read).
const MUCH: u64 = 2_048;

/// So many chats are looked at for a name with the work of an entry.
const CHATS_LOOKED_AT: u64 = 16;

impl Engine {
    /// How much work a request is.
    pub fn work_of(&self, request: &Request) -> u64 {
        match effort(request) {
            Effort::Little => LITTLE,
            Effort::Names if names_an_address(request) => LITTLE,
            Effort::Names => LITTLE + self.chats.len() as u64 / CHATS_LOOKED_AT,
            Effort::Much => MUCH,
        }
    }
}

/// Whether a request reads as much as one may.
pub fn costs_much(request: &Request) -> bool {
    effort(request) == Effort::Much
}

/// Whether a request does nothing but bring an answer, or entries of the log: nobody misses it if its client is gone.
pub fn only_reads(request: &Request) -> bool {
    !writes(request) && !matches!(request, Request::Hello { .. } | Request::Stop)
}

/// Whether a request may need more than one turn: until it is answered, no further one of its client may be handed in, for
/// answers come in order.
pub fn may_wait(request: &Request) -> bool {
    matches!(
        request,
        Request::Send { again_after: Some(_), .. }
            | Request::SendFile { again_after: Some(_), .. }
            | Request::HoldLog
    )
}

/// Whether a request names the one address that it is about: that is found without a search.
fn names_an_address(request: &Request) -> bool {
    match request {
        Request::Accept { who }
        | Request::Decline { who }
        | Request::Send { who, .. }
        | Request::SendFile { who, .. }
        | Request::Quit { who, .. } => {
            who.as_deref().map(Who::parse).is_some_and(|who| who.address().is_some())
        }
        _ => false,
    }
}
