//! A peer with a thread that hears for it. How it speaks can be changed at any time.

use std::net::UdpSocket;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use simp_proto::{Datagram, Operation};

use super::Ann;
use crate::datagrams::{ACK, CHAT, FIN, SYN, SYN_ACK, wire};
use crate::harness::DEADLINE;

/// How long it waits for an ACK before it repeats a message.
const REPEATS_AFTER: Duration = Duration::from_secs(5);

/// How a peer speaks.
#[derive(Clone, Copy)]
pub struct Ways {
    /// The number of its next message, from that of its last; 1 before the first.
    pub next: fn(u8) -> u8,
    /// The number of its ACK of this one.
    pub ack: fn(u8) -> Option<u8>,
    /// Its datagrams, from those of the specification.
    pub form: fn(Vec<u8>) -> Vec<u8>,
    /// The text that it shows of what came.
    pub read: fn(&str) -> &str,
}

/// The specification.
pub const PLAIN: Ways =
    Ways { next: |last| (last & 1) ^ 1, ack: Some, form: |bytes| bytes, read: |text| text };

struct Inner {
    ways: Ways,
    said: u8,
    heard: Option<u8>,
    shown: Vec<String>,
    acks: usize,
    is_open: bool,
    is_left: bool,
    is_over: bool,
}

struct Shared {
    socket: UdpSocket,
    to: (String, u16),
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// The peer.
pub struct Bob {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn transmit(&self, ways: &Ways, operation: [u8; 2], seq: u8, payload: &[u8]) {
        let bytes = (ways.form)(wire(operation, seq, "bob", payload));
        self.socket.send_to(&bytes, (self.to.0.as_str(), self.to.1)).unwrap();
    }

    fn run(&self) {
        let mut buffer = [0; 65_536];
        while !self.inner.lock().unwrap().is_over {
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            let datagram = Datagram::decode(&buffer[..length]).unwrap();
            self.handle(&mut self.inner.lock().unwrap(), &datagram);
            self.changed.notify_all();
        }
    }

    /// Stop-and-wait as in every textbook: the number of the last message is that of a duplicate.
    fn handle(&self, inner: &mut Inner, datagram: &Datagram) {
        let (ways, seq) = (inner.ways, datagram.seq);
        match datagram.operation {
            Operation::Chat => {
                if inner.heard.replace(seq) != Some(seq) {
                    let text = String::from_utf8(datagram.payload.clone()).unwrap();
                    inner.shown.push((ways.read)(&text).to_owned());
                }
                if let Some(seq) = (ways.ack)(seq) {
                    self.transmit(&ways, ACK, seq, b"");
                }
            }
            Operation::Ack | Operation::FinAck => inner.acks += 1,
            Operation::Syn => {
                inner.is_open = true;
                self.transmit(&ways, SYN_ACK, 0, b"");
            }
            Operation::SynAck => {
                inner.is_open = true;
                self.transmit(&ways, ACK, seq, b"");
            }
            Operation::Fin | Operation::ErrFin => {
                inner.is_left = true;
                self.transmit(&ways, ACK, seq, b"");
            }
            Operation::Err => {}
        }
    }
}

impl Bob {
    /// On this address of ann's world, in a chat to which it has invited her.
    pub fn invites(ann: &Ann, host: u8, ways: Ways) -> Self {
        let bob = Self::new(ann, host, ways);
        bob.shared.transmit(&ways, SYN, 0, b"");
        bob.when("the chat opens", |inner| inner.is_open);
        bob
    }

    /// On this address of ann's world. It accepts every invitation.
    pub fn new(ann: &Ann, host: u8, ways: Ways) -> Self {
        let socket = UdpSocket::bind((ann.world.address(host), 7777)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let inner = Inner {
            ways,
            said: 1,
            heard: None,
            shown: Vec::new(),
            acks: 0,
            is_open: false,
            is_left: false,
            is_over: false,
        };
        let (to, inner) = ((ann.to.clone(), 7777), Mutex::new(inner));
        let shared = Arc::new(Shared { socket, to, inner, changed: Condvar::new() });
        let runs = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || runs.run())) }
    }

    /// From now on it speaks so.
    pub fn change(&self, ways: Ways) {
        self.shared.inner.lock().unwrap().ways = ways;
    }

    /// Says something, and says it again until it is acknowledged.
    #[track_caller]
    pub fn say(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        let mut inner = self.shared.inner.lock().unwrap();
        let (ways, before) = (inner.ways, inner.acks);
        inner.said = (ways.next)(inner.said);
        while inner.acks == before {
            assert!(Instant::now() < deadline, "{text:?} was never acknowledged");
            self.shared.transmit(&ways, CHAT, inner.said, text.as_bytes());
            let waits = |inner: &mut Inner| inner.acks == before;
            inner = self.shared.changed.wait_timeout_while(inner, REPEATS_AFTER, waits).unwrap().0;
        }
    }

    /// Leaves, and waits until that is acknowledged.
    pub fn quit(&self) {
        let before = self.shared.inner.lock().unwrap().acks;
        self.shared.transmit(&self.shared.inner.lock().unwrap().ways, FIN, 0, b"");
        self.when("it may leave", |inner| inner.acks > before);
    }

    /// What its user sees.
    pub fn shown(&self) -> Vec<String> {
        self.shared.inner.lock().unwrap().shown.clone()
    }

    /// Waits until ann has invited it.
    pub fn is_invited(&self) {
        self.when("ann invites", |inner| inner.is_open);
    }

    /// Waits until ann has left.
    pub fn is_left(&self) {
        self.when("ann leaves", |inner| inner.is_left);
    }

    #[track_caller]
    fn when(&self, what: &str, so: impl Fn(&Inner) -> bool) {
        let inner = self.shared.inner.lock().unwrap();
        let waits = |inner: &mut Inner| !so(inner);
        let result = self.shared.changed.wait_timeout_while(inner, DEADLINE, waits).unwrap().1;
        assert!(!result.timed_out(), "{what}: it does not come to be");
    }
}

impl Drop for Bob {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.shared.inner.lock() {
            inner.is_over = true;
        }
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
