//! Datagrams that are ready to leave, as bytes. Whether they may is the turn's to decide.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use simp_proto::{ANSWER_GOOD_FOR, Datagram, Operation, UserName};

use crate::inputs::Origin;

/// One datagram that is to leave.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// To whom.
    pub to: SocketAddr,
    /// From which of our addresses, if we receive on several.
    pub local: Option<IpAddr>,
    /// What.
    pub bytes: &'a [u8],
    /// It must not leave after this moment: the peer would take an answer that is so old for that to something else.
    pub good_until: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    to: SocketAddr,
    local: Option<IpAddr>,
    bytes: Range<usize>,
    good_until: Option<Instant>,
}

/// Datagrams in the order in which they are to leave. Its memory is kept from turn to turn.
#[derive(Debug, Default)]
pub struct Transmits {
    datagrams: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Transmits {
    /// Adds one after those that are there.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        (to, local): (SocketAddr, Option<IpAddr>),
        datagram: &Datagram,
    ) {
        let good_until = datagram.operation.is_answer().then(|| now + ANSWER_GOOD_FOR);
        self.add((to, local), datagram, good_until);
    }

    /// Answers somebody that we have no chat with.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        to: Origin,
        me: UserName,
        (operation, seq, text): (Operation, u8, &str),
    ) {
        let datagram = Datagram::new(operation, seq, me, text.as_bytes().to_vec()).in_form(to.form);
        self.add((to.from, to.local), &datagram, Some(now + ANSWER_GOOD_FOR));
    }

    fn add(
        &mut self,
        (to, local): (SocketAddr, Option<IpAddr>),
        datagram: &Datagram,
        good_until: Option<Instant>,
    ) {
        let start = self.bytes.len();
        datagram.encode(&mut self.bytes);
        self.datagrams.push(Entry { to, local, bytes: start..self.bytes.len(), good_until });
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Transmit<'_>> {
        self.datagrams.iter().map(move |entry| Transmit {
            to: entry.to,
            local: entry.local,
            bytes: self.bytes.get(entry.bytes.clone()).unwrap_or_default(),
            good_until: entry.good_until,
        })
    }

    /// None of them leaves.
    pub(crate) fn clear(&mut self) {
        self.datagrams.clear();
        self.bytes.clear();
    }
}
