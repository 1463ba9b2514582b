//! A bare peer: a UDP socket, and datagrams as the test wants them. It answers nothing by itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use simp_control::places;
use simp_proto::{Datagram, Operation, UserName};

use super::{DEADLINE, uninterrupted};

/// A SIMP peer that does exactly what the test says.
pub struct Peer {
    socket: UdpSocket,
    user: UserName,
}

impl Peer {
    pub fn new(address: &str, user: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, user: UserName::new(user).unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn send(&self, to: &str, operation: Operation, seq: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        Datagram::new(operation, seq, self.user, payload.to_vec()).encode(&mut bytes);
        self.send_raw(to, &bytes);
    }

    pub fn send_raw(&self, to: &str, bytes: &[u8]) {
        self.send_to((to.parse::<IpAddr>().unwrap(), places::PORT).into(), bytes);
    }

    pub fn send_to(&self, to: SocketAddr, bytes: &[u8]) {
        self.socket.send_to(bytes, to).unwrap();
    }

    /// The bytes of the next datagram.
    pub fn receive_raw(&self) -> Vec<u8> {
        let mut buffer = [0; 65_536];
        let length = uninterrupted(|| self.socket.recv(&mut buffer)).expect("no datagram came");
        buffer[..length].to_vec()
    }

    /// All that has arrived. What the daemon answered is there once a client has its status.
    pub fn arrived(&self) -> Vec<Datagram> {
        let mut arrived = Vec::new();
        let mut buffer = [0; 65_536];
        self.socket.set_nonblocking(true).unwrap();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            arrived.push(Datagram::decode(&buffer[..length]).unwrap());
        }
        self.socket.set_nonblocking(false).unwrap();
        arrived
    }

    /// The next datagram and where it came from.
    pub fn receive_from(&self) -> (Datagram, SocketAddr) {
        let mut buffer = [0; 65_536];
        let (length, from) = uninterrupted(|| self.socket.recv_from(&mut buffer)).expect("no datagram came");
        (Datagram::decode(&buffer[..length]).unwrap(), from)
    }

    pub fn receive(&self) -> Datagram {
        self.receive_from().0
    }

    /// The next datagram is this one.
    #[track_caller]
    pub fn expect(&self, operation: Operation, seq: u8, payload: &[u8]) {
        let datagram = self.receive();
        assert_eq!(
            (datagram.operation, datagram.seq, datagram.payload.as_slice()),
            (operation, seq, payload)
        );
    }

    /// Sends a message, and has its ACK.
    #[track_caller]
    pub fn say(&self, to: &str, seq: u8, text: impl AsRef<[u8]>) {
        self.send(to, Operation::Chat, seq, text.as_ref());
        self.expect(Operation::Ack, seq, b"");
    }

    /// The next datagram is this message; acknowledges it.
    #[track_caller]
    pub fn hear(&self, from: &str, seq: u8, text: impl AsRef<[u8]>) {
        self.expect(Operation::Chat, seq, text.as_ref());
        self.send(from, Operation::Ack, seq, b"");
    }

    /// Invites, and completes the opening with a host that accepts.
    #[track_caller]
    pub fn open(&self, to: &str) {
        self.send(to, Operation::Syn, 0, b"");
        self.is_accepted(to);
    }

    /// Its invitation is accepted; completes the opening.
    #[track_caller]
    pub fn is_accepted(&self, by: &str) {
        self.expect(Operation::SynAck, 0, b"");
        self.send(by, Operation::Ack, 0, b"");
    }

    /// Accepts an invitation, and the host completes the opening.
    #[track_caller]
    pub fn accept(&self, from: &str) {
        self.send(from, Operation::SynAck, 0, b"");
        self.expect(Operation::Ack, 0, b"");
    }
}
