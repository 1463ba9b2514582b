//! Addresses that have shown nothing of being there: whatever comes from them, they get no more bytes than that and those
//! of one ERR for each invitation, and one ERR a second (SIMP 5).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use simp_control::Request;
use simp_proto::{Datagram, HEADER_LEN, Operation};

/// By how much the answer to a FIN may be longer than that: a header without Length has so many bytes less. It takes the
/// place of an ERR.
const LENGTH_BYTES: usize = 4;

/// The longest ERR that strangers get.
const ERR_BYTES: usize = HEADER_LEN + "User already in another chat".len();

/// What came from an address, and what left for it.
#[derive(Debug)]
struct Traffic {
    /// In milliseconds.
    since: u64,
    came: usize,
    /// Without ERRs.
    left: usize,
    errors: usize,
    invitations: usize,
    /// Something came that may be an answer to something of ours.
    may_answer: bool,
}

/// All addresses that something came from.
#[derive(Debug, Default)]
pub struct Unheard {
    traffic: BTreeMap<SocketAddr, Traffic>,
    /// Our user has spoken: from then on more may leave.
    is_asked: bool,
    /// Each run begins anew, and so does whatever is taken up from the log.
    runs: usize,
}

impl Unheard {
    /// All that the daemon has is taken up from the log, at most so many times.
    pub fn is_taken_up(&mut self, times: usize) {
        self.runs += times;
    }

    /// Our user asks for this.
    pub fn is_asked(&mut self, request: &Request) {
        use Request as Is;
        self.is_asked |=
            matches!(request, Is::Connect { .. } | Is::Accept { .. } | Is::Send { .. } | Is::Resend { .. });
    }

    /// So many bytes came; what they say if they say something.
    pub fn hears(&mut self, now: u64, from: SocketAddr, length: usize, datagram: Option<&Datagram>) {
        use Operation as Op;
        let none = Traffic { since: now, came: 0, left: 0, errors: 0, invitations: 0, may_answer: false };
        let traffic = self.traffic.entry(from).or_insert(none);
        traffic.came += length;
        let operation = datagram.map(|datagram| datagram.operation);
        traffic.may_answer |= !matches!(operation, None | Some(Op::Syn | Op::Err | Op::Fin | Op::ErrFin));
    }

    /// An invitation from there is taken up.
    pub fn is_invited(&mut self, by: SocketAddr) {
        if let Some(traffic) = self.traffic.get_mut(&by) {
            traffic.invitations += 1;
        }
    }

    /// This leaves.
    pub fn says(&mut self, now: u64, to: SocketAddr, datagram: &Datagram) {
        let Some(traffic) = self.traffic.get_mut(&to) else { return };
        match datagram.operation {
            Operation::Err => traffic.errors += 1,
            _ => traffic.left += datagram.encoded_len(),
        }
        let seconds = ((now - traffic.since) / 1_000) as usize + self.runs;
        let allowed = (traffic.invitations + self.runs - 1) * ERR_BYTES
            + seconds.saturating_sub(traffic.errors) * LENGTH_BYTES;
        let is_much = traffic.errors > seconds || traffic.left > traffic.came + allowed;
        assert!(self.is_asked || traffic.may_answer || !is_much, "{to} has shown nothing: {traffic:?}");
    }
}
