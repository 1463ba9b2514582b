//! The UDP socket: receives and transmits datagrams in batches, and says which destinations are unreachable.
//! What the bytes mean, and whom to answer, is not known here.
//!
//! The contract with the loop, which is woken once per change and not for as long as something waits:
//! 1. Register for `READABLE`, and for `WRITABLE` only while [`Udp::flush`] says [`Blocked::Socket`].
//! 2. On a readable event, call [`Udp::receive`] until it says [`More::No`], now or in a later turn.
//! 3. On an error event, and whenever [`Udp::errors_waiting`] says so, call [`Udp::receive_errors`].
//! 4. [`Udp::queue`] what is to leave, and call [`Udp::flush`] once, at the end of the turn. While [`Udp::is_blocked`],
//!    call it at the beginning of each turn too, and queue nothing that need not be: what waits takes memory.
//!
//! Addresses shown to callers are IPv4 if the peer is: an IPv4-mapped IPv6 address never leaves this file.

mod incoming;
mod kernel;
mod outgoing;
pub(crate) mod socket;

pub use incoming::{Received, Unreachable, UnreachableKind};
pub use outgoing::{Blocked, Fate, Fated, Flushed, Refusal};

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, sendto, setsockopt, sockopt,
};
use simp_control::error::with_remedy;

use kernel::{SourceInfo, canonical, may_be_about_another, received};
use socket::REPEATS;

/// Datagrams one [`Udp::receive`] takes from the socket at most.
const RECEIVE_BATCH: usize = 32;

/// Room for any UDP datagram: the length field of its header has 16 bits.
const DATAGRAM_MAX: usize = 64 * 1024;

/// Datagrams that leave with one system call at most.
const TRANSMIT_BATCH: usize = 64;

/// Queue memory kept from one turn to the next, in datagrams and in bytes; a larger burst gives the rest
/// back.
const KEPT_DATAGRAMS: usize = 256;
const KEPT_BYTES: usize = 256 * 1024;

/// Why [`Udp::bind`] failed.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket of this machine has the address and port.
    #[error("the port is taken by another program")]
    InUse,
    /// The port is reserved for privileged processes.
    #[error("permission denied")]
    Permission,
    /// Anything else, such as IPv6 on a machine without it.
    #[error("{}", with_remedy(&(*.0).into()))]
    Other(Errno),
}

impl From<Errno> for BindError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EADDRINUSE => Self::InUse,
            Errno::EACCES | Errno::EPERM => Self::Permission,
            other => Self::Other(other),
        }
    }
}

/// Whether there is more for [`Udp::receive`] to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Nothing is left; what arrives from now on causes a new event.
    No,
    /// Something may be waiting, and no event will say so.
    Perhaps,
}

/// One unconnected, non-blocking UDP socket. Register it with mio for `READABLE`.
pub struct Udp {
    fd: OwnedFd,
    local: SocketAddr,
    errors_waiting: bool,
    /// No interface has our address, so that nothing is to leave.
    is_absent: bool,
    /// Written by the kernel alone, so that only the pages it fills ever become resident.
    incoming: Vec<u8>,
    incoming_headers: MultiHeaders<SockaddrStorage>,
    outgoing: Vec<Departure>,
    /// Those before this index have left. Their memory is given back once all have: while some wait, few are added.
    next: usize,
    /// Of those before this index it was told that they wait.
    told: usize,
    /// The destinations of `outgoing`, as the kernel wants them.
    destinations: Vec<Option<SockaddrStorage>>,
    outgoing_bytes: Vec<u8>,
    outgoing_headers: MultiHeaders<SockaddrStorage>,
    /// Apart from the above, because a header with room for a source address must carry one.
    outgoing_headers_with_source: MultiHeaders<SockaddrStorage>,
}

/// One queued datagram.
struct Departure {
    to: SocketAddr,
    /// In the socket's own family.
    from: Option<IpAddr>,
    bytes: Range<usize>,
    good_until: Option<Instant>,
}

impl Departure {
    fn is_good(&self, now: Instant) -> bool {
        self.good_until.is_none_or(|until| now <= until)
    }
}

impl Udp {
    /// Binds a socket to `address`; port 0 takes any free port. `::` serves IPv4 too. No interface need have the address
    /// yet.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let address = canonical(address);
        let any = address.ip().is_unspecified();
        let fd = socket::open(address)?;
        // Before the bind, so that the first datagram already comes with its local address.
        let source_space = if address.is_ipv4() {
            setsockopt(&fd, sockopt::Ipv4PacketInfo, &any)?;
            cmsg_space!(in_pktinfo)
        } else {
            setsockopt(&fd, sockopt::Ipv6RecvPacketInfo, &any)?;
            cmsg_space!(in6_pktinfo)
        };
        let local = socket::bind(&fd, address)?;

        // The kernel shrinks a header's control space to what it used, and nix never restores it. That is
        // safe only because every datagram of a wildcard socket comes with exactly one control message of one
        // size.
        let incoming_space = any.then(|| source_space.clone());
        Ok(Self {
            fd,
            local,
            errors_waiting: false,
            is_absent: false,
            incoming: vec![0; RECEIVE_BATCH * DATAGRAM_MAX],
            incoming_headers: MultiHeaders::preallocate(RECEIVE_BATCH, incoming_space),
            outgoing: Vec::new(),
            next: 0,
            told: 0,
            destinations: Vec::new(),
            outgoing_bytes: Vec::new(),
            outgoing_headers: MultiHeaders::preallocate(TRANSMIT_BATCH, None),
            outgoing_headers_with_source: MultiHeaders::preallocate(TRANSMIT_BATCH, Some(source_space)),
        })
    }

    /// The address and port this socket is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Passes one batch of datagrams to `sink`, in order of arrival. Never blocks.
    ///
    /// # Errors
    /// Only what no repetition can cure; an unreachable destination is not among it.
    pub fn receive(&mut self, mut sink: impl FnMut(Received<'_>)) -> io::Result<More> {
        let mut repeats = REPEATS;
        loop {
            let mut chunks = self.incoming.chunks_exact_mut(DATAGRAM_MAX);
            let mut buffers: [_; RECEIVE_BATCH] =
                array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
            let headers = &mut self.incoming_headers;
            match recvmmsg(self.fd.as_raw_fd(), headers, &mut buffers, MsgFlags::MSG_DONTWAIT, None) {
                Ok(messages) => {
                    let mut count = 0;
                    for message in messages {
                        count += 1;
                        if let Some(received) = received(&message) {
                            sink(received);
                        }
                    }
                    // A batch cut short by an error, not by the end of the queue, is no exception: that
                    // error arrived during the call, and with it comes an event.
                    return Ok(if count < RECEIVE_BATCH { More::No } else { More::Perhaps });
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(More::No),
                Err(errno) if may_be_about_another(errno) => {
                    self.errors_waiting = true;
                    if repeats == 0 {
                        return Ok(More::Perhaps);
                    }
                    repeats -= 1;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Whether a call met the error of an earlier datagram, whose details [`Udp::receive_errors`] has.
    pub fn errors_waiting(&self) -> bool {
        self.errors_waiting
    }

    /// Passes every destination found unreachable since the last call to `sink`. Never blocks.
    ///
    /// Errors left unread take room from the datagrams: they share the kernel's receive buffer.
    ///
    /// # Errors
    /// Only what no repetition can cure.
    pub fn receive_errors(&mut self, mut sink: impl FnMut(Unreachable)) -> io::Result<()> {
        self.errors_waiting = false;
        socket::receive_errors(&self.fd, &mut sink)
    }

    /// Puts one datagram aside for the next [`Udp::flush`].
    ///
    /// `from` is the [`Received::local`] it answers; a socket bound to one address ignores it. After `good_until` it does
    /// not leave any more.
    pub fn queue(&mut self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8], good_until: Option<Instant>) {
        let any = self.local.ip().is_unspecified();
        let from = from.filter(|_| any).map(|from| socket::in_family_of(self.local, from));
        let from = from.filter(|from| from.is_ipv4() == self.local.is_ipv4());
        let mut destination = to;
        destination.set_ip(socket::in_family_of(self.local, to.ip()));

        let start = self.outgoing_bytes.len();
        self.outgoing_bytes.extend_from_slice(bytes);
        self.outgoing.push(Departure { to, from, bytes: start..self.outgoing_bytes.len(), good_until });
        self.destinations.push(Some(SockaddrStorage::from(destination)));
    }

    /// Transmits what is queued, in order, until the kernel takes no more; the rest waits for the next call. Never
    /// blocks. One datagram that the kernel refuses stops none after it.
    ///
    /// What does not leave at once meets a fate, in order: it is held, and later leaves; or it is refused.
    pub fn flush(&mut self, now: Instant, mut fate: impl FnMut(Fated)) -> Flushed {
        let mut flushed = Flushed::default();
        let mut repeats = REPEATS;
        if self.is_absent {
            flushed.blocked = Some(Blocked::NoAddress);
        }
        while flushed.blocked.is_none()
            && let Some(first) = self.outgoing.get(self.next)
        {
            if !first.is_good(now) {
                self.pass(1, &mut fate);
                flushed.dropped += 1;
                continue;
            }
            match self.transmit_from(self.next, now) {
                Ok(count) => {
                    flushed.transmitted += count;
                    self.pass(count, &mut fate);
                    repeats = REPEATS;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    flushed.blocked = Some(Blocked::Socket);
                }
                // Linux says so only to sockets that ask for errors.
                Err(Errno::ENOBUFS | Errno::ENOMEM) => {
                    flushed.blocked = Some(Blocked::Device);
                }
                Err(errno) if may_be_about_another(errno) && repeats > 0 => {
                    self.errors_waiting = true;
                    repeats -= 1;
                }
                Err(errno) => {
                    let to = self.outgoing[self.next].to;
                    self.pass(1, &mut fate);
                    fate((to, Fate::Refused(Refusal::of(errno))));
                    flushed.refused += 1;
                    repeats = REPEATS;
                }
            }
        }
        for held in self.outgoing.iter().skip(self.told.max(self.next)) {
            fate((held.to, Fate::Held));
        }
        self.told = self.outgoing.len();
        if flushed.blocked.is_none() {
            self.clear_queue();
        }
        flushed
    }

    /// So many have left, or never will.
    fn pass(&mut self, count: usize, fate: &mut impl FnMut(Fated)) {
        let late = self.told.saturating_sub(self.next).min(count);
        for left in self.outgoing.iter().skip(self.next).take(late) {
            fate((left.to, Fate::Left));
        }
        self.next += count;
    }

    /// From now on an interface has our address, or none has and nothing is to leave.
    pub fn set_present(&mut self, is_present: bool) {
        self.is_absent = !is_present;
    }

    /// Whether something waits for the next flush.
    pub fn is_blocked(&self) -> bool {
        self.next < self.outgoing.len()
    }

    /// Transmits the datagrams from index `first` on that leave from the same address, up to one batch.
    /// An error is about the first of them, or about one transmitted long ago.
    fn transmit_from(&mut self, first: usize, now: Instant) -> nix::Result<usize> {
        let from = self.outgoing[first].from;
        let run = self.outgoing[first..].iter().take(TRANSMIT_BATCH);
        let run = run.take_while(|next| next.from == from && next.is_good(now));
        let count = run.clone().count();
        // What a lone chat does all the time: its whole round trip takes a twentieth longer with a batch of
        // one.
        if let (1, None, Some(to)) = (count, from, &self.destinations[first]) {
            let bytes = &self.outgoing_bytes[self.outgoing[first].bytes.clone()];
            return sendto(self.fd.as_raw_fd(), bytes, to, MsgFlags::MSG_DONTWAIT).map(|_| 1);
        }
        let mut slices: [_; TRANSMIT_BATCH] = array::from_fn(|_| [IoSlice::new(&[])]);
        for ([slice], outgoing) in slices.iter_mut().zip(run) {
            *slice = IoSlice::new(&self.outgoing_bytes[outgoing.bytes.clone()]);
        }

        let source = from.map(SourceInfo::new);
        let control = source.as_ref().map(SourceInfo::control_message);
        let headers = match control {
            None => &mut self.outgoing_headers,
            Some(_) => &mut self.outgoing_headers_with_source,
        };
        let destinations = &self.destinations[first..first + count];
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = sendmmsg(
            self.fd.as_raw_fd(),
            headers,
            &slices[..count],
            destinations,
            control.as_slice(),
            flags,
        )?;
        Ok(sent.count())
    }

    fn clear_queue(&mut self) {
        (self.next, self.told) = (0, 0);
        // A turn in which many chats end must not cost its memory for good.
        self.outgoing.clear();
        self.destinations.clear();
        self.outgoing_bytes.clear();
        self.outgoing.shrink_to(KEPT_DATAGRAMS);
        self.destinations.shrink_to(KEPT_DATAGRAMS);
        self.outgoing_bytes.shrink_to(KEPT_BYTES);
    }
}

impl Source for Udp {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).deregister(registry)
    }
}

#[cfg(test)]
mod tests;
