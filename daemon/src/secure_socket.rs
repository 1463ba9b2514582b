//! The UDP socket of the secure channels, beside that of SIMP. It carries whole batches: what a link says is divided into
//! datagrams by the kernel, or by the network card, and put together again on the other side.
//!
//! What the kernel is asked is the business of `quinn-udp`: datagrams come with marks of congestion, the address that they
//! were sent to and the length of their parts, each or not, and only code that is not safe can read them in batches.
//!
//! The contract with the loop is that of [`Udp`](crate::udp): register for `READABLE`, and for `WRITABLE` only while
//! [`SecureSocket::flush`] says [`Outcome::Waits`]; receive until there is no more; read the errors.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use simp_secure::{BytesMut, EcnCodepoint, Endpoint, Transmit};

use crate::udp::socket::{self, REPEATS, may_be_about_another};
use crate::udp::{BindError, More, Refusal, Unreachable};

/// Room for all that the kernel puts together.
const BUFFER: usize = 64 * 1024;

/// How much below the port of SIMP ours is.
const PORT_BELOW: u16 = 1;

/// One datagram as it arrived.
#[derive(Debug)]
pub struct SecureDatagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to, if the socket is bound to all of them.
    pub local: Option<IpAddr>,
    /// How the network has marked it.
    pub ecn: Option<EcnCodepoint>,
    /// The payload.
    pub bytes: BytesMut,
}

/// Whether all has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left.
    Left,
    /// The socket takes no more: an event says when it does.
    Waits,
}

/// Where the secure channels of a daemon are whose SIMP is at this address. `None` if there is no such port.
pub fn beside(simp: SocketAddr) -> Option<SocketAddr> {
    let port = simp.port().checked_sub(PORT_BELOW).filter(|port| *port > 0)?;
    let mut address = socket::canonical(simp);
    address.set_port(port);
    Some(address)
}

/// One unconnected, non-blocking UDP socket. Register it with mio for `READABLE`.
pub struct SecureSocket {
    fd: OwnedFd,
    local: SocketAddr,
    state: UdpSocketState,
    errors_waiting: bool,
    /// No interface has our address, so that what leaves is lost.
    is_absent: bool,
    /// Written by the kernel alone, so that only the pages it fills ever become resident.
    incoming: Vec<u8>,
    /// What the socket did not take yet; it comes before all else.
    held: Option<Transmit>,
    /// The bytes of what leaves, or is held.
    outgoing: Vec<u8>,
    /// Where our own system transmitted nothing to, since that was asked last, and why.
    refused: BTreeMap<SocketAddr, Refusal>,
}

impl SecureSocket {
    /// Binds a socket to `address`; port 0 takes any free port. `::` serves IPv4 too. No interface need have the address
    /// yet.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let address = socket::canonical(address);
        let fd = socket::open(address)?;
        // Before the bind, so that the first datagram comes with all that is to be known of it.
        let state = UdpSocketState::new(UdpSockRef::from(&fd)).map_err(|error| errno(&error))?;
        let local = socket::bind(&fd, address)?;
        Ok(Self {
            fd,
            local,
            state,
            errors_waiting: false,
            is_absent: false,
            incoming: vec![0; BATCH_SIZE * BUFFER],
            held: None,
            outgoing: Vec::new(),
            refused: BTreeMap::new(),
        })
    }

    /// The address and port this socket is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Most datagrams that the kernel makes of one [`Transmit`].
    pub fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// From now on an interface has our address, or none has.
    pub fn set_present(&mut self, is_present: bool) {
        self.is_absent = !is_present;
    }

    /// Passes one batch of datagrams to `sink`, in order of arrival. Never blocks.
    ///
    /// # Errors
    /// Only what no repetition can cure.
    pub fn receive(&mut self, mut sink: impl FnMut(SecureDatagram)) -> io::Result<More> {
        let any = self.local.ip().is_unspecified();
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut repeats = REPEATS;
        loop {
            let mut chunks = self.incoming.chunks_exact_mut(BUFFER);
            let mut buffers: [_; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            match self.state.recv(UdpSockRef::from(&self.fd), &mut buffers, &mut metas) {
                Ok(count) => {
                    for (meta, buffer) in metas.iter().zip(&buffers).take(count) {
                        let all = buffer.get(..meta.len).unwrap_or_default();
                        for bytes in all.chunks(meta.stride.max(1)) {
                            sink(SecureDatagram {
                                from: socket::canonical(meta.addr),
                                local: meta.dst_ip.filter(|_| any).map(|ip| ip.to_canonical()),
                                ecn: meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8)),
                                bytes: bytes.into(),
                            });
                        }
                    }
                    return Ok(if count < BATCH_SIZE { More::No } else { More::Perhaps });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(More::No),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if may_be_about_another(errno(&error)) => {
                    self.errors_waiting = true;
                    if repeats == 0 {
                        return Ok(More::Perhaps);
                    }
                    repeats -= 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a call met the error of an earlier datagram, whose details [`Self::receive_errors`] has.
    pub fn errors_waiting(&self) -> bool {
        self.errors_waiting
    }

    /// Passes every destination found unreachable since the last call to `sink`. Never blocks.
    ///
    /// # Errors
    /// Only what no repetition can cure.
    pub fn receive_errors(&mut self, mut sink: impl FnMut(Unreachable)) -> io::Result<()> {
        self.errors_waiting = false;
        socket::receive_errors(&self.fd, &mut sink)
    }

    /// Where our own system transmitted nothing to since the last time, and why.
    pub fn take_refused(&mut self) -> impl Iterator<Item = (SocketAddr, Refusal)> + use<> {
        std::mem::take(&mut self.refused).into_iter()
    }

    /// Transmits what the endpoint has, until the kernel takes no more. What the kernel refuses is as lost; if that is
    /// because of where it goes, the endpoint hears of it.
    pub fn flush(&mut self, now: Instant, endpoint: &mut Endpoint) -> Outcome {
        loop {
            let next = self.held.take();
            let Some(transmit) = next.or_else(|| endpoint.poll_transmit(now, &mut self.outgoing)) else {
                return Outcome::Left;
            };
            if self.is_absent {
                continue;
            }
            match self.transmit(&transmit) {
                Ok(()) => {}
                Err(Errno::EAGAIN) => {
                    self.held = Some(transmit);
                    return Outcome::Waits;
                }
                // The card cannot divide it after all. It was the first of its kind, and comes again as another.
                Err(Errno::EIO | Errno::EINVAL) if transmit.segment_size.is_some() => {
                    endpoint.set_segments_max(self.segments_max());
                }
                // A queue on the way is full, which the endpoint finds out as on any network; or it is too long for a link.
                Err(Errno::ENOBUFS | Errno::ENOMEM | Errno::EMSGSIZE) => {}
                Err(errno) => {
                    tracing::debug!(peer = %transmit.destination, not_transmitted = %errno.desc());
                    endpoint.handle_unreachable(now, transmit.destination);
                    self.refused.insert(transmit.destination, Refusal::of(errno));
                }
            }
        }
    }

    fn transmit(&mut self, transmit: &Transmit) -> nix::Result<()> {
        let any = self.local.ip().is_unspecified();
        let mut destination = transmit.destination;
        destination.set_ip(socket::in_family_of(self.local, destination.ip()));
        let whole = quinn_udp::Transmit {
            destination,
            ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
            contents: &self.outgoing,
            segment_size: transmit.segment_size.filter(|size| *size < self.outgoing.len()),
            src_ip: transmit.src_ip.filter(|_| any),
        };
        let mut repeats = REPEATS;
        loop {
            let Err(error) = self.state.try_send(UdpSockRef::from(&self.fd), &whole) else { return Ok(()) };
            let errno = errno(&error);
            if !may_be_about_another(errno) || repeats == 0 {
                return Err(errno);
            }
            self.errors_waiting = true;
            repeats -= 1;
        }
    }
}

/// The number of an error of the kernel.
fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}

impl Source for SecureSocket {
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
