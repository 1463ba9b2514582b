//! Two that hold to the specification owe nothing to those that do not: no datagram more, none later, none in another
//! form or with another number, whichever one of them is lost or comes twice.

use std::collections::BTreeMap;
use std::time::Instant;

use simp_proto::{Chat, Datagram, Dialect, Form, MessageId, Operation, Outgoing};

use crate::chat::driver::SETTINGS;
use crate::common::{ANN, BOB, at, ms, text};

/// How long a datagram is under way.
const DELAY: u64 = 10;

/// What leaves: when, of whom, and which.
type Left = (u64, &'static str, Operation, u8);

/// What the link does to one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost(usize),
    Doubled(usize),
    None,
}

/// Ann invites Bob and both say three lines in turn, every 2 s; then Ann leaves.
struct Link {
    chats: [Option<Chat>; 2],
    fault: Fault,
    left: Vec<Left>,
    under_way: BTreeMap<(u64, usize), (usize, Datagram)>,
}

impl Link {
    fn run(fault: Fault) -> Vec<Left> {
        let ann = Chat::invite(at(0), ANN.us(), Dialect::default(), SETTINGS.request_expiry);
        let mut link = Self { chats: [Some(ann), None], fault, left: Vec::new(), under_way: BTreeMap::new() };
        link.drain(0);
        for step in 0..6_u64 {
            link.until(30_000 + 12_000 * step);
            let now = at(30_000 + 12_000 * step);
            let who = usize::from(step % 2 == 1);
            let message = Outgoing { id: MessageId(step + 1), text: text(&format!("line {step}")) };
            link.chats[who].as_mut().unwrap().send(now, message).unwrap();
            link.drain(ms(now));
        }
        link.until(110_000);
        link.chats[0].as_mut().unwrap().close(at(110_000), false).unwrap();
        link.drain(110_000);
        link.until(200_000);
        for chat in link.chats.iter().flatten() {
            assert_eq!(chat.dialect(), Dialect::default(), "{fault:?}");
        }
        link.left
    }

    /// Lets time pass until then.
    fn until(&mut self, until: u64) {
        loop {
            let arrives = self.under_way.keys().next().map(|(at, _)| *at);
            let due = self.chats.iter().flatten().filter_map(|chat| chat.poll_timeout().map(ms)).min();
            let Some(now) = arrives.into_iter().chain(due).min().filter(|now| *now < until) else { return };
            if arrives == Some(now) {
                let (_, (to, datagram)) = self.under_way.pop_first().unwrap();
                self.hear(at(now), to, &datagram);
            } else {
                self.chats.iter_mut().flatten().for_each(|chat| _ = chat.handle_timeout(at(now)));
            }
            self.drain(now);
        }
    }

    fn hear(&mut self, now: Instant, to: usize, datagram: &Datagram) {
        match &mut self.chats[to] {
            Some(chat) => _ = chat.handle_datagram(now, datagram),
            None => {
                let mut bob = Chat::invited(now, BOB.us(), Dialect::default(), datagram);
                bob.accept(now).unwrap();
                self.chats[to] = Some(bob);
            }
        }
    }

    fn drain(&mut self, now: u64) {
        for (from, name) in ["ann", "bob"].into_iter().enumerate() {
            let Some(chat) = &mut self.chats[from] else { continue };
            while chat.poll_event().is_some() {}
            chat.poll_snapshot();
            while let Some(datagram) = chat.poll_transmit() {
                assert_eq!(datagram.form, Form::Specified);
                let number = self.left.len();
                self.left.push((now, name, datagram.operation, datagram.seq));
                if self.fault == Fault::Doubled(number) {
                    self.under_way.insert((now + DELAY, 2 * number + 1), (1 - from, datagram.clone()));
                }
                if self.fault != Fault::Lost(number) {
                    self.under_way.insert((now + DELAY, 2 * number), (1 - from, datagram));
                }
            }
        }
    }
}

/// Without faults: the opening, each line and its ACK, the end.
fn as_specified() -> Vec<Left> {
    let mut all = vec![
        (0, "ann", Operation::Syn, 0),
        (10, "bob", Operation::SynAck, 0),
        (20, "ann", Operation::Ack, 0),
    ];
    for step in 0..6_u64 {
        let (now, seq) = (30_000 + 12_000 * step, (step / 2 % 2) as u8);
        let (writer, reader) = if step % 2 == 0 { ("ann", "bob") } else { ("bob", "ann") };
        all.extend([(now, writer, Operation::Chat, seq), (now + DELAY, reader, Operation::Ack, seq)]);
    }
    all.extend([(110_000, "ann", Operation::Fin, 1), (110_010, "bob", Operation::Ack, 1)]);
    all
}

#[test]
fn two_that_hold_to_the_specification_send_what_it_says() {
    assert_eq!(Link::run(Fault::None), as_specified());
}

#[test]
fn a_datagram_that_is_lost_brings_one_copy_after_its_time_and_what_answers_it() {
    let all = as_specified();
    // A FIN that comes again to a chat that is over is answered outside of it.
    for (number, lost) in all.iter().enumerate().take(all.len() - 1) {
        let mut expected = all.clone();
        // What asks is repeated, also if only its answer is lost. The first line stands for the ACK of the handshake no
        // sooner than its SYN+ACK is repeated.
        let asks = number - usize::from(lost.2 == Operation::Ack);
        let (at, who, operation, seq) = all[asks];
        let after = if operation == Operation::Syn { 20_000 } else { 5_000 };
        let is_seen = number != asks;
        let mut again = vec![(at + after, who, operation, seq)];
        let other = if who == "ann" { "bob" } else { "ann" };
        match operation {
            // Nobody has heard the first: all of the opening comes later.
            Operation::Syn => {
                expected.drain(1..3);
                again.extend([(20_010, "bob", Operation::SynAck, 0), (20_020, "ann", Operation::Ack, 0)]);
            }
            _ => {
                again.push((at + after + DELAY, other, Operation::Ack, seq));
                if !is_seen {
                    expected.remove(asks + 1);
                }
            }
        }
        expected.extend(again);
        expected.sort_by_key(|(at, ..)| *at);
        assert_eq!(Link::run(Fault::Lost(number)), expected, "{lost:?} lost");
    }
}

#[test]
fn a_datagram_that_comes_twice_brings_its_answer_twice_and_nothing_else() {
    let all = as_specified();
    for (number, doubled) in all.iter().enumerate() {
        let mut expected = all.clone();
        // A copy of a SYN changes nothing; nor does one of an ACK.
        if !matches!(doubled.2, Operation::Ack | Operation::Syn | Operation::Fin) {
            expected.insert(number + 1, all[number + 1]);
        }
        assert_eq!(Link::run(Fault::Doubled(number)), expected, "{doubled:?} doubled");
    }
}
