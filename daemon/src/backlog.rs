//! Datagrams that have come, until a turn takes them in. All that there is is taken from the kernel before anything else, for
//! it has room for little if many peers speak at once; what it has no room for comes again only after a whole retransmit wait.

use std::collections::VecDeque;
use std::io;

use simp_engine::{Arrival, Origin};
use simp_proto::Datagram;

use crate::udp::{More, Udp};

/// Most datagrams that one turn takes in, so that a flood does not starve the clients. They share one commit.
const TAKEN_PER_TURN: usize = 256;

/// Most datagrams that are taken from the kernel before a turn: some milliseconds.
const DRAINED_PER_TURN: usize = 4_096;

/// With so many bytes no further ones are taken from it: some 16,000 small ones.
const BYTES_MAX: usize = 4 << 20;

/// Datagrams in the order in which they came.
#[derive(Default)]
pub struct Backlog {
    waiting: VecDeque<Arrival>,
    /// What they take up, about.
    bytes: usize,
}

impl Backlog {
    /// Takes from the socket what it has; says whether it may have more.
    ///
    /// # Errors
    /// As with [`Udp::receive`].
    pub fn drain(&mut self, udp: &mut Udp) -> io::Result<More> {
        let before = self.waiting.len();
        while self.bytes < BYTES_MAX && self.waiting.len() - before < DRAINED_PER_TURN {
            let had = self.waiting.len();
            let more = udp.receive(|received| {
                let datagram = Datagram::decode(received.bytes);
                let (from, local, length) = (received.from, received.local, received.bytes.len());
                let form = datagram.as_ref().map(|datagram| datagram.form).unwrap_or_default();
                self.bytes += size_of::<Arrival>() + length;
                self.waiting.push_back(Arrival { origin: Origin { from, local, length, form }, datagram });
            })?;
            // A batch of nothing but errors is left for the next turn as well.
            if more == More::No || self.waiting.len() == had {
                return Ok(more);
            }
        }
        Ok(More::Perhaps)
    }

    /// Hands over as many as one turn takes in, the oldest.
    pub fn take(&mut self, into: &mut Vec<Arrival>) {
        let count = self.waiting.len().min(TAKEN_PER_TURN);
        for arrival in self.waiting.drain(..count) {
            self.bytes -= size_of::<Arrival>() + arrival.origin.length;
            into.push(arrival);
        }
        if self.waiting.is_empty() {
            // A burst must not cost its memory for good.
            self.waiting.shrink_to(TAKEN_PER_TURN);
        }
    }

    /// Whether some wait.
    pub fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use simp_proto::{Operation, UserName};

    use super::*;

    /// What it has in a turn, by the first byte of each text.
    fn take(backlog: &mut Backlog) -> Vec<u8> {
        let mut taken = Vec::new();
        backlog.take(&mut taken);
        taken.iter().map(|arrival| arrival.datagram.as_ref().unwrap().payload[0]).collect()
    }

    /// A datagram with so long a text, which begins with this.
    fn datagram(first: u8, length: usize) -> Vec<u8> {
        let (mut bytes, mut text) = (Vec::new(), vec![b'x'; length]);
        text[0] = first;
        Datagram::new(Operation::Chat, 0, UserName::new("bob").unwrap(), text).encode(&mut bytes);
        bytes
    }

    #[test]
    fn all_that_came_is_taken_from_the_kernel_at_once_and_turns_take_it_in_in_order() {
        let (mut udp, mut backlog) = (Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap(), Backlog::default());
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        // No more than a kernel with the usual limit has room for.
        let first: Vec<_> = (0..500).map(|number| b'a' + (number % 26) as u8).collect();
        for byte in &first {
            peer.send_to(&datagram(*byte, 1), udp.local_addr()).unwrap();
        }
        assert_eq!(backlog.drain(&mut udp).unwrap(), More::No);
        assert_eq!(take(&mut backlog), first[..TAKEN_PER_TURN]);
        assert!(backlog.has_more());
        // What has come meanwhile comes after the rest.
        peer.send_to(&datagram(b'!', 1), udp.local_addr()).unwrap();
        assert_eq!(backlog.drain(&mut udp).unwrap(), More::No);
        assert_eq!(take(&mut backlog), [&first[TAKEN_PER_TURN..], b"!"].concat());
        assert!(!backlog.has_more() && take(&mut backlog).is_empty());
    }

    #[test]
    fn a_burst_has_bounds_and_costs_no_memory_afterwards() {
        let (mut udp, mut backlog) = (Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap(), Backlog::default());
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (length, most) in [(60_000, 100), (1, 40_000)] {
            let mut sent = 0;
            while backlog.bytes < BYTES_MAX {
                peer.send_to(&datagram(b'a', length), udp.local_addr()).unwrap();
                sent += 1;
                let _ = backlog.drain(&mut udp).unwrap();
            }
            assert!(sent < most, "{sent} of {length} bytes");
            // No more is taken.
            peer.send_to(&datagram(b'a', length), udp.local_addr()).unwrap();
            assert_eq!(backlog.drain(&mut udp).unwrap(), More::Perhaps);
            let mut taken = 0;
            while backlog.has_more() {
                taken += take(&mut backlog).len();
            }
            assert_eq!((taken, backlog.bytes), (sent, 0));
            assert!(backlog.waiting.capacity() <= 2 * TAKEN_PER_TURN, "{}", backlog.waiting.capacity());
            assert_eq!((backlog.drain(&mut udp).unwrap(), take(&mut backlog).len()), (More::No, 1));
        }
    }
}
