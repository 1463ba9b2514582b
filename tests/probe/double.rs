//! A peer that accepts at once and sends two lines, right in all but one thing. It repeats nothing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    None,
    SpacePadding,
    NoLength,
    ErrAndFinInOne,
    OtherPort,
    AckOfWrongBit,
    IgnoresDuplicates,
    NoFinAfterErr,
    AcceptsEverybody,
    DiesOfUnknownOperation,
    BareAck,
    BeginsWithOne,
    SameBit,
    DoesNotWait,
    TwoByteLength,
    OneByteLength,
    /// The same, and ACKs of messages have, and must have, the next number.
    AcksNext,
    /// The form of 2021/22, with its numbers.
    Of2021,
}

impl Defect {
    fn header_len(self) -> usize {
        match self {
            Self::TwoByteLength => 37,
            Self::OneByteLength | Self::AcksNext | Self::Of2021 => 36,
            _ => 39,
        }
    }

    /// Its Type for one of the specification, and the other way round.
    fn kind(self, kind: u8) -> u8 {
        if self == Self::Of2021 && matches!(kind, 1 | 2) { 3 - kind } else { kind }
    }
}

const ERR: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x04;
const SYN_ACK: u8 = 0x06;
const FIN: u8 = 0x08;

/// A peer that runs; it ends with the test.
pub struct Double {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Double {
    pub fn start(address: &str, defect: Defect) -> Self {
        let socket = UdpSocket::bind((address, 7777)).unwrap();
        let other = UdpSocket::bind((address, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut peer = Peer { socket, other, defect, chat: None };
        let is_over = stop.clone();
        let thread = std::thread::spawn(move || peer.run(&is_over));
        Self { address, stop, thread: Some(thread) }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // It waits for a datagram.
        let socket = UdpSocket::bind((self.address.ip(), 0)).unwrap();
        let _ = socket.send_to(b"", self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

/// The chat that it is in.
struct Chat {
    with: SocketAddr,
    /// The sequence and the text of the last message.
    last: Option<(u8, Vec<u8>)>,
    /// Lines that are still to be sent, and the sequence of the next.
    lines: Vec<&'static str>,
    seq: u8,
    /// The sequence of the ACK that is due, for those that look at it; and if both sides count, that of what the other
    /// side says next.
    due: u8,
    next: u8,
}

struct Peer {
    socket: UdpSocket,
    other: UdpSocket,
    defect: Defect,
    chat: Option<Chat>,
}

impl Peer {
    fn run(&mut self, is_over: &AtomicBool) {
        let mut buffer = [0; 65_536];
        loop {
            let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            let mut bytes = buffer[..length].to_vec();
            let header = self.defect.header_len();
            if self.is_in_form(&bytes) {
                bytes.iter_mut().take(1).for_each(|kind| *kind = self.defect.kind(*kind));
            } else if !bytes.starts_with(&[1, SYN]) && !bytes.starts_with(&[1, FIN]) {
                // Nobody knows its form before it has said anything, so it takes these two in any.
                continue;
            }
            let known = [[1, ERR], [1, SYN], [1, ACK], [1, SYN_ACK], [1, FIN], [2, 1]];
            if length < header || !known.iter().any(|known| bytes.starts_with(known)) {
                if self.defect == Defect::DiesOfUnknownOperation && length >= header && bytes[0] == 1 {
                    self.die(is_over);
                    return;
                }
                continue;
            }
            self.handle(from, bytes[0], bytes[1], bytes[2], &bytes[header..]);
        }
    }

    /// Whether it is written as this peer writes. One that is as specified is not so particular.
    fn is_in_form(&self, bytes: &[u8]) -> bool {
        let header = self.defect.header_len();
        let Some(length) = bytes.get(35..header) else { return header == 39 };
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        header == 39 || length == bytes.len() - header
    }

    /// Its socket stays, and nobody reads what comes.
    fn die(&self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::SeqCst) {
            self.socket.recv(&mut [0; 1]).unwrap();
        }
    }

    fn handle(&mut self, from: SocketAddr, kind: u8, operation: u8, seq: u8, text: &[u8]) {
        let is_in_chat = self.chat.as_ref().is_some_and(|chat| chat.with == from);
        let counts = self.defect == Defect::Of2021;
        let is_strict = counts || self.defect == Defect::AcksNext;
        let is_free = self.chat.is_none() || self.defect == Defect::AcceptsEverybody;
        match (kind, operation) {
            (2, _) if is_in_chat => self.handle_message(from, seq, text),
            (2, _) => self.refuse(from),
            (_, SYN) if is_free => {
                let lines = vec!["two", "one"];
                let chat = Chat {
                    with: from,
                    last: None,
                    lines,
                    seq: self.first_seq(),
                    due: u8::from(counts),
                    next: 0,
                };
                self.chat.get_or_insert(chat);
                let answer = if self.defect == Defect::BareAck { ACK } else { SYN_ACK };
                self.transmit(from, [1, answer], 0, b"");
            }
            (_, SYN) => self.refuse(from),
            (_, ACK) if is_strict && self.chat.as_ref().is_some_and(|chat| chat.due != seq) => (),
            // It shows how it acknowledges before it says anything.
            (_, ACK) if is_in_chat && self.is_still_to_show() => (),
            (_, ACK) if is_in_chat => self.say(),
            (_, FIN) if counts && self.chat.as_ref().is_some_and(|chat| chat.next != seq) => (),
            (_, FIN) => {
                self.transmit(from, [1, ACK], seq + u8::from(counts), b"");
                if is_in_chat {
                    self.chat = None;
                }
            }
            _ => (),
        }
    }

    fn is_still_to_show(&self) -> bool {
        self.defect == Defect::AcksNext && self.chat.as_ref().is_some_and(|chat| chat.last.is_none())
    }

    fn first_seq(&self) -> u8 {
        match self.defect {
            Defect::BeginsWithOne => 1,
            Defect::Of2021 => 100,
            _ => 0,
        }
    }

    fn handle_message(&mut self, from: SocketAddr, seq: u8, text: &[u8]) {
        let is_first = self.is_still_to_show();
        let chat = self.chat.as_mut().unwrap();
        let message = Some((seq, text.to_vec()));
        let is_duplicate = std::mem::replace(&mut chat.last, message.clone()) == message;
        if self.defect == Defect::Of2021 && !is_duplicate {
            if chat.next != seq {
                return;
            }
            chat.next += 1;
        }
        if !(is_duplicate && self.defect == Defect::IgnoresDuplicates) {
            let wrong = u8::from(matches!(self.defect, Defect::AckOfWrongBit | Defect::AcksNext));
            self.transmit(from, [1, ACK], seq ^ wrong, b"");
        }
        if is_first {
            self.say();
        }
    }

    /// The next line: what came is taken for the ACK of the last.
    fn say(&mut self) {
        let Some(chat) = &mut self.chat else { return };
        let (with, seq) = (chat.with, chat.seq);
        let Some(line) = chat.lines.pop() else { return };
        chat.due = seq ^ u8::from(self.defect == Defect::AcksNext);
        match self.defect {
            Defect::SameBit => (),
            Defect::Of2021 => chat.seq += 1,
            _ => chat.seq = 1 - seq,
        }
        self.transmit(with, [2, 1], seq, line.as_bytes());
        if self.defect == Defect::DoesNotWait {
            self.say();
        }
    }

    fn refuse(&self, to: SocketAddr) {
        match self.defect {
            Defect::ErrAndFinInOne => self.transmit(to, [1, ERR | FIN], 0, b""),
            Defect::NoFinAfterErr => self.transmit(to, [1, ERR], 0, b"\x1b[2Jno"),
            _ => {
                self.transmit(to, [1, ERR], 0, b"no");
                self.transmit(to, [1, FIN], 0, b"");
            }
        }
    }

    fn transmit(&self, to: SocketAddr, operation: [u8; 2], seq: u8, text: &[u8]) {
        let padding = if self.defect == Defect::SpacePadding { b' ' } else { 0 };
        let mut user = b"bob".to_vec();
        if self.defect == Defect::Of2021 {
            user = [&[b'0'; 29], &user[..]].concat();
        }
        user.resize(32, padding);
        let length = (text.len() as u32).to_be_bytes();
        let length = &length[39 - self.defect.header_len()..];
        let fields = [self.defect.kind(operation[0]), operation[1], seq];
        let mut bytes = [&fields, &user[..], length, text].concat();
        if self.defect == Defect::NoLength && text.is_empty() {
            bytes.truncate(35);
        }
        let is_elsewhere = self.defect == Defect::OtherPort;
        let socket = if is_elsewhere { &self.other } else { &self.socket };
        socket.send_to(&bytes, to).unwrap();
    }
}
