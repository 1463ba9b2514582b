//! A thousand members, who are at four doors.

use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::poll::{PollFd, PollFlags, poll};
use simp_proto::{Datagram, Operation, UserName};

use super::{Doors, OPEN};
use crate::harness::DEADLINE;

/// At each door.
const MEMBERS: usize = 250;

/// Invitations that wait for their answers at the same time.
const AT_ONCE: usize = 25;

/// A member that acknowledges what it gets.
struct Cheap {
    socket: UdpSocket,
    user: UserName,
    /// The number of the last message that it got.
    heard: Option<u8>,
}

/// Those at one door.
struct AtDoor {
    sockets: Vec<UdpSocket>,
    users: Vec<UserName>,
    /// The number of the next message of the first of them.
    seq: u8,
    to: String,
    /// What comes, and to whom; news are left out.
    lines: Receiver<(usize, String)>,
}

fn datagram(operation: Operation, seq: u8, user: UserName, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Datagram::new(operation, seq, user, payload.to_vec()).encode(&mut bytes);
    bytes
}

/// Answers until nobody wants to know any more.
fn serve(mut members: Vec<Cheap>, to: &Sender<(usize, String)>) {
    let mut buffer = [0; 2_048];
    loop {
        let mut fds: Vec<PollFd<'_>> =
            members.iter().map(|member| PollFd::new(member.socket.as_fd(), PollFlags::POLLIN)).collect();
        poll(&mut fds, 100u8).unwrap();
        let readable: Vec<usize> = (0..fds.len()).filter(|&number| fds[number].any() == Some(true)).collect();
        for number in readable {
            let member = &mut members[number];
            let (length, from) = member.socket.recv_from(&mut buffer).unwrap();
            let Datagram { operation, seq, payload, .. } = Datagram::decode(&buffer[..length]).unwrap();
            if operation == Operation::Ack {
                continue;
            }
            member.socket.send_to(&datagram(Operation::Ack, seq, member.user, b""), from).unwrap();
            if operation == Operation::Chat && member.heard != Some(seq) {
                member.heard = Some(seq);
                let line = String::from_utf8(payload).unwrap();
                if !line.starts_with("* ") && to.send((number, line)).is_err() {
                    return;
                }
            }
        }
    }
}

impl AtDoor {
    /// All come in, from this address.
    fn enter(from: &str, door: usize, to: String) -> Self {
        let bind = |number| UdpSocket::bind(format!("{from}:{}", 10_000 + door * MEMBERS + number));
        let sockets: Vec<UdpSocket> = (0..MEMBERS).map(bind).collect::<Result<_, _>>().unwrap();
        let users: Vec<UserName> =
            (0..MEMBERS).map(|number| UserName::new(&format!("m{door}-{number}")).unwrap()).collect();
        let cheap = |(socket, user): (&UdpSocket, &UserName)| Cheap {
            socket: socket.try_clone().unwrap(),
            user: *user,
            heard: None,
        };
        let members = sockets.iter().zip(&users).map(cheap).collect();
        let (sender, lines) = channel();
        thread::spawn(move || serve(members, &sender));
        let this = Self { sockets, users, seq: 0, to, lines };
        for first in (0..MEMBERS).step_by(AT_ONCE) {
            for number in first..first + AT_ONCE {
                this.send(number, Operation::Syn, 0, b"");
            }
            (first..first + AT_ONCE).for_each(|_| assert!(this.next().1.starts_with("You are in lobby. ")));
        }
        this
    }

    fn send(&self, number: usize, operation: Operation, seq: u8, payload: &[u8]) {
        let bytes = datagram(operation, seq, self.users[number], payload);
        self.sockets[number].send_to(&bytes, &self.to).unwrap();
    }

    fn next(&self) -> (usize, String) {
        self.lines.recv_timeout(DEADLINE).expect("no line came")
    }

    /// The first of them says something.
    fn says(&mut self, text: &str) {
        self.send(0, Operation::Chat, self.seq, text.as_bytes());
        self.seq = 1 - self.seq;
    }

    /// Each of them hears this, and nothing else before it, but `number` is told that.
    fn hear(&self, line: &str, other: Option<(usize, &str)>) {
        let mut has_heard = [false; MEMBERS];
        for _ in 0..MEMBERS {
            let (number, heard) = self.next();
            let expected = other.filter(|(speaker, _)| *speaker == number).map_or(line, |(_, told)| told);
            assert_eq!(heard, expected, "{number}");
            assert!(!std::mem::replace(&mut has_heard[number], true), "{number} hears it twice");
        }
    }
}

#[test]
fn a_thousand_members_at_four_doors_hear_each_other() {
    let args = [&OPEN[..], &["--max-members", "1000", "--history", "0"]].concat();
    let Some(doors) = Doors::open("a_thousand_members_at_four_doors_hear_each_other", 4, &args) else {
        return;
    };
    let enters: Vec<_> = (0..4)
        .map(|door| {
            let (from, to) = (doors.world.address(20), doors.simpd_name(door));
            thread::spawn(move || AtDoor::enter(&from, door, to))
        })
        .collect();
    let mut all: Vec<AtDoor> = enters.into_iter().map(|door| door.join().unwrap()).collect();
    (0..4).for_each(|door| doors.knows_of(door, 4 * MEMBERS));
    let confirmed = format!("sent to {}", 4 * MEMBERS - 1);
    for round in 0..3 {
        for door in 0..4 {
            let text = format!("round {round} at {door}");
            all[door].says(&text);
            let line = format!("[m{door}-0] {text}");
            for (other, members) in all.iter().enumerate() {
                members.hear(&line, (other == door).then_some((0, confirmed.as_str())));
            }
        }
    }
}
