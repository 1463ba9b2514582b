//! Datagrams that are ready to leave, as bytes. Whether they may is the turn's to decide.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use simp_proto::{Datagram, Operation, UserName};

/// Datagrams in the order in which they are to leave. Its memory is kept from turn to turn.
#[derive(Debug, Default)]
pub struct Transmits {
    datagrams: Vec<(SocketAddr, Option<IpAddr>, Range<usize>)>,
    bytes: Vec<u8>,
}

impl Transmits {
    /// Adds one after those that are there.
    pub(crate) fn push(&mut self, to: SocketAddr, local: Option<IpAddr>, datagram: &Datagram) {
        let start = self.bytes.len();
        datagram.encode(&mut self.bytes);
        self.datagrams.push((to, local, start..self.bytes.len()));
    }

    /// Answers somebody that we have no chat with.
    pub(crate) fn answer(
        &mut self,
        (to, local): (SocketAddr, Option<IpAddr>),
        me: UserName,
        operation: Operation,
        seq: u8,
        text: &str,
    ) {
        self.push(to, local, &Datagram::new(operation, seq, me, text.as_bytes().to_vec()));
    }

    /// To whom, from which of our addresses, and the bytes; in order.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, Option<IpAddr>, &[u8])> {
        let bytes = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.datagrams.iter().map(move |(to, local, range)| (*to, *local, bytes(range)))
    }

    /// None of them leaves.
    pub(crate) fn clear(&mut self) {
        self.datagrams.clear();
        self.bytes.clear();
    }
}
