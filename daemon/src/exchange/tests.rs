//! One host and its log, where the network, the clock and the kills are the test's.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use simp_proto::control::{Event, Kind, Reply, What};
use simp_proto::{Datagram, Operation, Settings, UserName};

use super::{Exchange, Now, Timer};
use crate::commands::Send;
use crate::config::{Accept, Config, Durability, Retain};
use crate::store::{Store, Wanted};

struct Host {
    exchange: Exchange,
    start: Instant,
    now: Now,
}

fn peer(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 7777))
}

fn name(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn config(max_chats: usize) -> Config {
    Config {
        address: None,
        user: name("ann"),
        accept: Accept::Ask,
        max_chats,
        chat: Settings::default(),
        durability: Durability::Process,
        retain: Retain::default(),
        log: tracing::Level::ERROR,
    }
}

impl Host {
    fn new(max_chats: usize) -> Self {
        let store = Store::open(Path::new(":memory:"), Durability::Process, 1).unwrap();
        let start = Instant::now();
        let now = Now { instant: start, ms: 1_800_000_000_000 };
        Self { exchange: Exchange::new(now, config(max_chats), peer(1), store, 7), start, now }
    }

    /// Killed, and started again from what was committed.
    fn restarted(self, max_chats: usize) -> Self {
        let Self { exchange, start, now } = self;
        let mut exchange = Exchange::new(now, config(max_chats), peer(1), exchange.store, 7);
        exchange.resume(now).unwrap();
        Self { exchange, start, now }
    }

    /// The end of a turn: what leaves.
    fn says(&mut self) -> Vec<(SocketAddr, Operation)> {
        self.exchange.use_room(self.now).unwrap();
        self.exchange.store.commit().unwrap();
        self.exchange.store.end_turn();
        let datagrams = self.exchange.outgoing.iter();
        let said = datagrams.map(|(to, _, bytes)| (to, Datagram::decode(bytes).unwrap().operation)).collect();
        self.exchange.outgoing.clear();
        said
    }

    fn hears(&mut self, from: SocketAddr, operation: Operation, seq: u8) {
        let datagram = Datagram { operation, seq, user: name("bob"), payload: Vec::new() };
        self.exchange.handle_arrival(self.now, from, None, Ok(datagram)).unwrap();
    }

    /// Lets so much time pass, and says what left meanwhile.
    fn waits(&mut self, ms: u64) -> Vec<(SocketAddr, Operation)> {
        let until = self.now.instant + Duration::from_millis(ms);
        let mut said = Vec::new();
        while self.now.instant < until {
            self.now.instant = self.exchange.wheel.next().map_or(until, |next| next.min(until));
            self.now.ms = 1_800_000_000_000 + self.now.instant.duration_since(self.start).as_millis() as u64;
            while let Some(timer) = self.exchange.wheel.pop_expired(self.now.instant) {
                match timer {
                    Timer::Chat(key) => self.exchange.handle_timeout(self.now, key),
                    Timer::Invite(address) => self.exchange.invite_for_outbox(self.now, address),
                    Timer::Expire(message) => self.exchange.expire_message(self.now, message),
                    Timer::Client(_) | Timer::Disk | Timer::Retention => {
                        unreachable!("nobody sets them here")
                    }
                }
                .unwrap();
            }
            said.extend(self.says());
        }
        said
    }

    fn send(&mut self, to: SocketAddr, queue: bool) -> u64 {
        let send = Send { who: Some(to.to_string()), text: "hi".to_owned(), queue, ..Send::default() };
        match self.exchange.send(self.now, &send).unwrap() {
            Reply::Queued { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    fn connect(&mut self, to: SocketAddr) {
        self.exchange.connect(self.now, &to.to_string(), None).unwrap();
    }

    fn quit(&mut self, at_once: bool) {
        self.exchange.quit(self.now, None, at_once).unwrap();
    }

    /// A chat that was opened for a message of the outbox, which the peer has.
    fn with_chat_for_outbox() -> Self {
        let mut host = Self::new(1);
        host.send(peer(2), true);
        host.hears(peer(2), Operation::SynAck, 0);
        host.hears(peer(2), Operation::Ack, 0);
        assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
        host
    }

    fn said(&mut self) -> Vec<Operation> {
        self.says().into_iter().map(|(_, operation)| operation).collect()
    }

    fn log(&self, kind: Kind) -> Vec<Event> {
        let events = self.exchange.store.read(0, usize::MAX, &Wanted::default()).unwrap().0;
        events.into_iter().filter(|event| event.what.kind() == kind).collect()
    }
}

#[test]
fn who_waits_for_room_is_invited_also_when_it_was_missing_within_one_turn_only() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.send(peer(3), true);
    host.quit(true);
    let to_three: Vec<_> = host.says().into_iter().filter(|(to, _)| *to == peer(3)).collect();
    assert_eq!(to_three, [(peer(3), Operation::Syn)]);
}

#[test]
fn a_request_of_a_peer_with_messages_in_the_outbox_is_accepted_after_a_restart() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.send(peer(2), true);
    assert_eq!(host.says(), [(peer(3), Operation::Syn)], "there is no room");
    let said = host.restarted(2).waits(2_000);
    assert!(said.contains(&(peer(2), Operation::SynAck)), "{said:?}");
}

#[test]
fn a_chat_opened_for_the_outbox_is_left_a_minute_after_its_last_message() {
    let mut host = Host::with_chat_for_outbox();
    assert_eq!(host.waits(59_000), []);
    assert_eq!(host.waits(2_000), [(peer(2), Operation::Fin)]);
    let mut host = Host::with_chat_for_outbox().restarted(1);
    assert_eq!(host.waits(59_000), []);
    assert_eq!(host.waits(2_000), [(peer(2), Operation::Fin)]);
}

#[test]
fn a_chat_that_the_user_took_over_is_not_left_also_after_a_kill() {
    let take_over =
        [|host: &mut Host| host.connect(peer(2)), |host: &mut Host| _ = host.send(peer(2), false)];
    for take_over in take_over {
        let mut host = Host::with_chat_for_outbox();
        take_over(&mut host);
        host.hears(peer(2), Operation::Ack, 1);
        host.says();
        assert_eq!(host.waits(120_000), []);
        assert_eq!(host.restarted(1).waits(120_000), []);
    }
}

#[test]
fn an_invitation_for_the_outbox_becomes_the_users_own_and_outlives_a_kill() {
    let mut host = Host::new(1);
    host.send(peer(2), true);
    host.connect(peer(2));
    assert_eq!(host.said(), [Operation::Syn], "no second one");
    assert_eq!(host.exchange.chats.count(), 1);
    let mut host = host.restarted(1);
    assert_eq!(host.exchange.chats.list(0).len(), 1);
    host.hears(peer(2), Operation::SynAck, 0);
    assert!(host.waits(6_000).contains(&(peer(2), Operation::Chat)));
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.waits(120_000), []);
}

#[test]
fn when_a_chat_ends_its_messages_are_given_up_and_those_of_the_outbox_stay() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let in_chat: Vec<u64> = (0..100).map(|n| host.send(peer(2), n % 2 == 1)).step_by(2).collect();
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    let given_up = |event: &Event| match event.what {
        What::Undelivered { message, .. } => message,
        _ => unreachable!(),
    };
    assert_eq!(host.log(Kind::Undelivered).iter().map(given_up).collect::<Vec<_>>(), in_chat);
    assert_eq!((host.exchange.outbox.messages(), host.exchange.store.outbox(0, 99).unwrap().len()), (50, 50));
}

#[test]
fn an_invitation_for_the_outbox_that_is_taken_back_gives_no_message_up() {
    let mut host = Host::new(1);
    for _ in 0..100 {
        host.send(peer(2), true);
    }
    // Both invite each other, and then there is no room.
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    host.says();
    assert_eq!((host.log(Kind::Undelivered), host.exchange.outbox.messages()), (vec![], 100));
}

#[test]
fn a_message_that_expires_while_the_chat_is_left_keeps_nobody_in_it() {
    let host = Host::with_chat_for_outbox();
    let mut host = host.restarted(1);
    let send = Send {
        who: Some(peer(2).to_string()),
        text: "late".to_owned(),
        queue: true,
        expire_ms: Some(1_000),
        ..Send::default()
    };
    host.exchange.send(host.now, &send).unwrap();
    host.quit(false);
    assert_eq!(host.waits(900), []);
    assert_eq!(host.waits(200), [(peer(2), Operation::Fin)]);
    assert_eq!(host.log(Kind::Undelivered).len(), 1);
}

#[test]
fn who_is_invited_again_gets_no_copy_of_an_earlier_chat_as_a_message_of_the_new_one() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.send(peer(2), false);
    assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
    host.hears(peer(2), Operation::Fin, 0);
    host.send(peer(2), true);
    assert_eq!(host.said(), [Operation::Ack], "the message may still be under way");
    assert_eq!(host.waits(4_999), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Syn)]);
}

#[test]
fn messages_that_are_cancelled_are_no_longer_counted_wherever_they_wait() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let messages: Vec<u64> = (0..100).map(|_| host.send(peer(2), true)).collect();
    host.says();
    let counts = |host: &Host| (host.exchange.chats.list(0)[0].queued, host.exchange.outbox.messages());
    assert_eq!(counts(&host), (100, 100));
    for message in [messages[1], messages[70], messages[99]] {
        host.exchange.cancel(host.now, message).unwrap();
        assert!(host.exchange.cancel(host.now, message).is_err(), "it is undelivered already");
    }
    assert!(host.exchange.cancel(host.now, messages[0]).is_err(), "it is on its way");
    assert_eq!(counts(&host), (97, 97));
}

#[test]
fn a_send_repeated_with_its_token_is_queued_once() {
    let mut host = Host::new(1);
    let mut send =
        Send { who: Some(peer(2).to_string()), text: "hi".to_owned(), queue: true, ..Send::default() };
    (send.token, send.again_after) = (Some(u64::MAX), None);
    let first = host.exchange.send(host.now, &send).unwrap();
    send.again_after = Some(0);
    assert_eq!(host.exchange.send(host.now, &send).unwrap(), first);
    send.token = Some(7);
    assert_ne!(host.exchange.send(host.now, &send).unwrap(), first);
}

#[test]
fn an_undelivered_message_is_sent_again_once() {
    let mut host = Host::new(1);
    let message = host.send(peer(2), true);
    assert!(host.exchange.resend(host.now, message, None).is_err(), "it still waits");
    host.exchange.cancel(host.now, message).unwrap();
    host.exchange.resend(host.now, message, None).unwrap();
    assert!(host.exchange.resend(host.now, message, None).is_err(), "it was sent again already");
    assert!(host.exchange.resend(host.now, u64::MAX, None).is_err(), "there is none");
    assert_eq!(host.exchange.outbox.messages(), 1);
}

#[test]
fn a_message_expires_also_after_a_restart() {
    let mut host = Host::new(1);
    let send = Send {
        who: Some(peer(2).to_string()),
        text: "late".to_owned(),
        queue: true,
        expire_ms: Some(10_000),
        ..Send::default()
    };
    host.exchange.send(host.now, &send).unwrap();
    host.says();
    let mut host = host.restarted(1);
    host.waits(9_900);
    assert_eq!(host.exchange.outbox.messages(), 1);
    host.waits(200);
    assert_eq!((host.exchange.outbox.messages(), host.log(Kind::Undelivered).len()), (0, 1));
}

#[test]
fn an_invitation_is_taken_back_when_there_is_no_room_or_nothing_to_deliver() {
    let mut host = Host::new(1);
    let message = host.send(peer(2), true);
    host.connect(peer(3));
    assert!(host.says().contains(&(peer(2), Operation::Fin)));
    // Its answer may come within the turn in which the last room was taken.
    let mut host = Host::new(1);
    host.send(peer(2), true);
    host.connect(peer(3));
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!((host.exchange.chats.count(), host.said().pop()), (1, Some(Operation::Fin)));
    let mut host = Host::new(1);
    host.send(peer(4), true);
    assert_eq!(host.send(peer(2), true), message + 1);
    host.exchange.cancel(host.now, message).unwrap();
    assert!(host.says().contains(&(peer(4), Operation::Fin)));
}
