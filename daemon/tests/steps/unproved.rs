//! What leaves for an address that has shown nothing of being there: no more than came from it, and the bytes of one
//! ERR. Whoever forges a source makes nobody else pay.

use std::time::Duration;

use simp_control::{Kind, Request};
use simp_engine::{Accept, Policy};
use simp_proto::{Datagram, Operation, Settings, Us, UserName};

use super::{Host, SocketAddr, datagram, peer};
use crate::driver;

/// Bytes of a datagram without a text.
const HEADER: usize = 39;

fn open_to_all(max_chats: usize) -> Host {
    Host::with(driver::policy("ann", Accept::All, max_chats))
}

impl Host {
    /// Hears a datagram of which only so many bytes came.
    fn hears_bytes(&mut self, from: SocketAddr, operation: Operation, length: usize) {
        let mut bytes = Vec::new();
        datagram(operation, 0, "").encode(&mut bytes);
        self.driver.arrives_as(from, length, Datagram::decode(&bytes[..length]));
        self.turn();
    }

    /// How many bytes leave in so much time.
    fn bytes_in(&mut self, ms: u64) -> usize {
        let until = self.now + ms;
        let mut bytes: usize = self.says().iter().map(|(.., text)| HEADER + text.len()).sum();
        while self.now < until {
            bytes += self.until(until).1.iter().map(|(.., text)| HEADER + text.len()).sum::<usize>();
        }
        bytes
    }
}

#[test]
fn a_syn_ack_to_nobody_is_repeated_once_and_the_end_of_the_chat_is_kept_to_ourselves() {
    let mut host = open_to_all(3);
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), [Operation::SynAck]);
    assert_eq!(host.until(u64::MAX), (5_000, vec![(peer(2), Operation::SynAck, String::new())]));
    assert_eq!(host.waits(60_000), []);
    assert_eq!(host.kinds(), [Kind::Request, Kind::Closed]);
}

#[test]
fn each_syn_of_a_peer_is_good_for_one_more_syn_ack() {
    let mut host = open_to_all(3);
    for at in [0, 10_000, 20_000] {
        host.waits(at - host.now);
        host.hears(peer(2), Operation::Syn, 0);
    }
    let mut syn_acks = host.said().len();
    syn_acks += host.waits(60_000).len();
    assert!(syn_acks <= 4, "{syn_acks} for 3 SYNs");
    host.hears(peer(2), Operation::Syn, 0);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.status().chats, 1);
}

#[test]
fn whoever_answers_gets_all_repeats() {
    let mut host = open_to_all(3);
    host.hears(peer(2), Operation::Syn, 0);
    host.hears(peer(2), Operation::Ack, 0);
    host.send(peer(2));
    host.says();
    let said: Vec<_> = host.waits(60_000).into_iter().map(|(_, operation)| operation).collect();
    assert_eq!(said[..6], [Operation::Chat; 6]);
    assert_eq!(said[6..], [Operation::Fin]);
}

/// The longest text that fits into a datagram.
const LONG: usize = 985;

/// What may leave for an address in so many seconds, if so many bytes came from it.
fn allowed(came: usize, seconds: usize) -> usize {
    came + HEADER + LONG + 67 * (seconds + 1)
}

/// Everybody accepted, a blind SYN and ACK, and much to say to whoever that is.
fn knocked_at(messages: usize) -> Host {
    let mut host = open_to_all(3);
    host.hears(peer(2), Operation::Syn, 0);
    host.waits(20);
    host.hears(peer(2), Operation::Ack, 0);
    for _ in 0..messages {
        host.ask(driver::send(Some(peer(2)), &"x".repeat(LONG))).unwrap();
    }
    host
}

#[test]
fn what_is_said_to_whoever_only_opens_the_chat_leaves_once_and_is_repeated_as_one_err_a_second() {
    let mut host = knocked_at(20);
    let bytes = host.bytes_in(60_000);
    assert!(bytes >= HEADER + LONG && bytes <= allowed(2 * HEADER, 30), "{bytes} bytes");
    assert_eq!(host.status().chats, 0);
}

#[test]
fn blind_acks_and_messages_bring_little_more_than_themselves() {
    use Operation as Op;
    for (every, blind) in [
        (500, &[(Op::Ack, 0), (Op::Ack, 1)][..]),
        (1_000, &[(Op::Ack, 1), (Op::Ack, 0)]),
        (250, &[(Op::Ack, 0)]),
        (1_000, &[(Op::Chat, 0), (Op::Chat, 1)]),
        (2_500, &[(Op::Chat, 0), (Op::Chat, 1), (Op::SynAck, 0)]),
        (1_000, &[(Op::Err, 0), (Op::Chat, 0), (Op::Chat, 1), (Op::Chat, 0)]),
    ] {
        let mut host = knocked_at(40);
        let (mut came, mut left) = (2 * HEADER, 0);
        for _ in 0..30_000 / every {
            for (operation, seq) in blind {
                host.hears(peer(2), *operation, *seq);
                came += HEADER;
            }
            left += host.bytes_in(every);
        }
        assert!(left <= allowed(came, 30), "{blind:?}: {left} bytes for {came}");
    }
}

#[test]
fn whoever_acknowledges_each_message_gets_the_next_one_at_once() {
    let mut host = knocked_at(40);
    host.says();
    let mut said = host.waits(500);
    for n in 0..40 {
        assert_eq!(said, [(peer(2), Operation::Chat)], "message {n} at once");
        host.now += 1;
        host.hears(peer(2), Operation::Ack, n % 2);
        said = host.sends();
    }
    assert_eq!(host.log(Kind::Delivered).len(), 40);
}

#[test]
fn after_four_messages_acknowledged_in_a_row_the_next_one_has_all_repeats() {
    let mut host = knocked_at(0);
    host.is_heard_by(peer(2));
    host.ask(driver::send(Some(peer(2)), &"x".repeat(LONG))).unwrap();
    assert_eq!(host.bytes_in(60_000), 6 * (HEADER + LONG) + HEADER);
}

#[test]
fn an_ack_in_vain_takes_back_what_those_before_it_have_shown() {
    let mut host = knocked_at(0);
    for seq in [0, 1, 0] {
        host.send(peer(2));
        host.waits(1_000);
        host.hears(peer(2), Operation::Ack, seq);
    }
    host.hears(peer(2), Operation::Ack, 1);
    host.waits(60_000);
    host.send(peer(2));
    host.hears(peer(2), Operation::Ack, 1);
    host.ask(driver::send(Some(peer(2)), &"x".repeat(LONG))).unwrap();
    let bytes = host.bytes_in(60_000);
    assert!(bytes <= allowed(HEADER, 30), "{bytes} bytes");
}

#[test]
fn our_answers_leave_although_our_message_does_not() {
    let mut host = knocked_at(2);
    host.waits(5_000);
    host.says();
    // A copy is due at this moment, which is too much.
    host.now += 500;
    host.hears_words(peer(2), Operation::Chat, 0, "hi");
    assert_eq!(host.said(), [Operation::Ack]);
}

#[test]
fn a_request_that_ends_costs_no_more_than_two_fins() {
    let settings = Settings { request_expiry: Duration::from_secs(9), ..Settings::default() };
    for end in ["declined", "expired", "accepted, and left"] {
        let policy = super::ask_me(3);
        let us = Us { settings, ..*policy.us }.into();
        let mut host = Host::with(Policy { us, ..policy });
        host.hears(peer(2), Operation::Syn, 0);
        match end {
            "declined" => _ = host.ask(Request::Decline { who: None }).unwrap(),
            "expired" => host.now = 9_000,
            _ => {
                host.accept();
                host.quit(true);
            }
        }
        host.turn();
        let bytes = host.bytes_in(120_000);
        assert!((HEADER..=2 * HEADER).contains(&bytes), "{end}: {bytes} bytes for {HEADER}");
        assert_eq!(host.status().requests, 0);
    }
}

#[test]
fn a_message_to_nobody_leaves_only_once_somebody_has_answered() {
    let mut host = open_to_all(3);
    let length = HEADER + 1;
    // A bare ACK opens such a chat, whoever is there.
    host.hears_words(peer(2), Operation::Syn, 0, "x");
    host.waits(1_000);
    assert_eq!(host.status().chats, 1);
    host.ask(driver::send(Some(peer(2)), &"long ".repeat(20))).unwrap();
    let bytes = host.bytes_in(4_000);
    assert!(bytes <= length, "{bytes} bytes more");
    host.hears(peer(2), Operation::Chat, 0);
    host.says();
    let said = host.waits(12_000);
    assert!(said.contains(&(peer(2), Operation::Chat)), "{said:?}");
}

#[test]
fn no_part_of_what_is_too_much_leaves_lest_its_ack_pass_for_that_of_the_message() {
    let mut host = open_to_all(3);
    host.hears_words(peer(2), Operation::Syn, 0, "let us chat");
    host.waits(1_000);
    host.ask(driver::send(Some(peer(2)), &"long ".repeat(20))).unwrap();
    host.says();
    // The copies of our message have SYN+ACK and ACK before them. What is left is enough for the end of the chat.
    assert_eq!(host.waits(60_000), [(peer(2), Operation::Fin)]);
}

#[test]
fn what_is_shorter_than_any_header_gets_no_answer_but_in_a_chat_with_somebody() {
    use Operation as Op;
    for accept in [Accept::Ask, Accept::All] {
        for length in [3, 4, 34] {
            let mut host = Host::with(driver::policy("ann", accept.clone(), 3));
            for operation in [Op::Syn, Op::Ack, Op::SynAck, Op::Fin, Op::ErrFin, Op::Err, Op::Chat] {
                host.hears_bytes(peer(2), operation, length);
            }
            assert_eq!((host.bytes_in(60_000), host.kinds()), (0, vec![]));
            assert_eq!(host.status().counters.refused.short, 7, "{length}");
        }
    }
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears_bytes(peer(2), Op::SynAck, 3);
    host.says();
    host.hears_bytes(peer(2), Op::Fin, 3);
    assert_eq!(host.said(), [Op::FinAck], "it has short control datagrams");
    assert_eq!(host.kinds(), [Kind::Inviting, Kind::Opened, Kind::Closed]);
}

#[test]
fn a_stranger_gets_one_answer_a_second_and_at_most_twice_what_it_sent_where_it_is_told_no_chat() {
    use Operation as Op;
    for (operation, words, answer) in [
        (Op::Chat, "", &[Op::Fin][..]),
        (Op::Chat, "hi", &[Op::Fin]),
        (Op::Chat, "hi, who is there?", &[Op::Err, Op::Fin]),
        (Op::SynAck, "", &[Op::Fin]),
    ] {
        let mut host = Host::new(1);
        for second in 0..3 {
            host.now = 1_000 * second;
            for _ in 0..5 {
                host.hears_words(peer(2), operation, 0, words);
            }
            let said = host.says();
            let bytes: usize = said.iter().map(|(.., text)| HEADER + text.len()).sum();
            assert!(bytes <= 2 * (HEADER + words.len()), "{bytes} bytes");
            assert_eq!(said.into_iter().map(|(_, said, _)| said).collect::<Vec<_>>(), answer, "{words}");
        }
        assert_eq!(host.status().counters.refused.rate, 12);
    }
}

#[test]
fn whoever_invites_us_while_we_are_busy_is_told_once_a_second() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.says();
    for second in 0..3 {
        host.now = 1_000 * second;
        for _ in 0..5 {
            host.hears(peer(3), Operation::Syn, 0);
        }
        assert_eq!(host.said(), [Operation::Err, Operation::Fin]);
    }
    // The FIN is longer than what came, if that ends before Length.
    host.hears_bytes(peer(4), Operation::Syn, 35);
    assert_eq!(host.said(), [Operation::Err]);
}

#[test]
fn a_host_is_told_once_a_second_whichever_of_its_ports_asks() {
    use Operation as Op;
    let told = [(Op::Syn, HEADER, 106), (Op::Chat, HEADER, 39), (Op::SynAck, HEADER, 39), (Op::Fin, 35, 39)];
    for (operation, length, bytes) in told {
        let mut host = Host::new(1);
        host.connect(peer(2));
        host.says();
        for second in 0..3 {
            host.now = 1_000 * second;
            for port in 20_000..20_100 {
                host.hears_bytes(SocketAddr::from(([127, 0, 0, 3], port)), operation, length);
            }
            host.hears_bytes(peer(4), operation, length);
            let said = host.says();
            let of_all: usize = said.iter().map(|(.., text)| HEADER + text.len()).sum();
            assert_eq!(of_all, 2 * bytes, "{operation:?}: {said:?}");
        }
    }
}

#[test]
fn the_ack_of_a_fin_is_no_longer_than_the_fin_or_comes_once_a_second() {
    let mut host = Host::new(1);
    for _ in 0..3 {
        host.hears_bytes(peer(2), Operation::Fin, HEADER);
        host.hears_bytes(peer(3), Operation::Fin, 35);
    }
    let to = |who| move |said: &&(SocketAddr, Operation)| *said == &(peer(who), Operation::Ack);
    let said = host.sends();
    assert_eq!((said.iter().filter(to(2)).count(), said.iter().filter(to(3)).count()), (3, 1));
}

#[test]
fn a_peer_whose_header_ends_before_length_is_answered_as_any_other() {
    let mut host = open_to_all(2);
    let mut syn = Vec::new();
    Datagram::new(Operation::Syn, 0, UserName::new("eva").unwrap(), Vec::new()).encode(&mut syn);
    host.driver.arrives_as(peer(2), 35, Datagram::decode(&syn[..35]));
    host.turn();
    assert_eq!(host.said(), [Operation::SynAck]);
    host.hears_bytes(peer(2), Operation::Ack, 35);
    assert_eq!(host.status().chats, 1);
}
