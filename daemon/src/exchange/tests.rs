//! What the outbox does, step by step, with a clock that only the test moves.

use std::path::Path;

use simp_proto::control::{Kind, Reason, Reply, State};
use simp_proto::{Datagram, Operation, Settings, UserName};

use super::*;
use crate::commands::Send;
use crate::config::{Accept, Discard, Durability, Retain};
use crate::outbox::Next;
use crate::store::Wanted;

/// A host, its clock, and what it transmits.
struct Host {
    exchange: Exchange,
    start: Instant,
    now: u64,
    /// How far its wall clock is ahead.
    skew: i64,
}

fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, n], 7777))
}

fn config(max_chats: usize) -> Config {
    Config {
        address: None,
        user: UserName::new("ann").unwrap(),
        accept: Accept::Ask,
        max_chats,
        chat: Settings::default(),
        durability: Durability::Process,
        retain: Retain { age: None, count: None, discard: Discard::default() },
        log: tracing::Level::ERROR,
    }
}

impl Host {
    fn new(max_chats: usize) -> Self {
        let start = Instant::now();
        let store = Store::open(Path::new(":memory:"), Durability::Process, 1).unwrap();
        let now = Now { instant: start, ms: 1_800_000_000_000 };
        let exchange = Exchange::new(now, config(max_chats), peer(1), store, 7);
        Self { exchange, start, now: 0, skew: 0 }
    }

    fn moment(&self) -> Now {
        let instant = self.start + Duration::from_millis(self.now);
        Now { instant, ms: (1_800_000_000_000 + self.now as i64 + self.skew) as u64 }
    }

    /// Keeps a message for a peer and returns its id.
    fn keep(&mut self, to: SocketAddr, text: &str, expire_ms: Option<u64>) -> u64 {
        let who = Some(to.to_string());
        let send = Send { who, text: text.to_owned(), queue: true, expire_ms, ..Send::default() };
        match self.exchange.send(self.moment(), &send).unwrap() {
            Reply::Queued { message, chat: 0 } => message,
            other => panic!("{other:?}"),
        }
    }

    fn hears(&mut self, from: SocketAddr, operation: Operation, seq: u8) {
        let datagram = Datagram { operation, seq, user: UserName::new("bob").unwrap(), payload: Vec::new() };
        self.exchange.handle_arrival(self.moment(), from, None, Ok(datagram)).unwrap();
        self.exchange.use_room(self.moment()).unwrap();
    }

    /// What has been transmitted since the last time, to whom.
    fn says(&mut self) -> Vec<(SocketAddr, Operation, String)> {
        self.exchange.store.commit().unwrap();
        let decode = |(to, _, bytes): (SocketAddr, Option<IpAddr>, &[u8])| {
            let datagram = Datagram::decode(bytes).unwrap();
            (to, datagram.operation, String::from_utf8(datagram.payload).unwrap())
        };
        let said = self.exchange.outgoing.iter().map(decode).collect();
        self.exchange.outgoing.clear();
        said
    }

    /// Lets the time pass until there is something to say, or until then: when and what it was.
    fn until(&mut self, until: u64) -> (u64, Vec<(SocketAddr, Operation, String)>) {
        loop {
            let due = self
                .exchange
                .wheel
                .next()
                .map(|due| due.saturating_duration_since(self.start).as_micros().div_ceil(1_000) as u64);
            let Some(due) = due.map(|due| due.max(self.now)).filter(|due| *due <= until) else {
                self.now = until;
                return (until, Vec::new());
            };
            self.now = due;
            let moment = self.moment();
            while let Some(timer) = self.exchange.wheel.pop_expired(moment.instant) {
                match timer {
                    Timer::Chat(key) => self.exchange.handle_timeout(moment, key).unwrap(),
                    Timer::Invite(address) => self.exchange.invite_for_outbox(moment, address).unwrap(),
                    Timer::Expire(message) => self.exchange.expire_message(moment, message).unwrap(),
                    Timer::Client(_) | Timer::Disk | Timer::Retention => panic!("nobody set that"),
                }
            }
            self.exchange.use_room(moment).unwrap();
            let said = self.says();
            if !said.is_empty() {
                return (due, said);
            }
        }
    }

    /// Lets the time pass until then, with nobody at the other address.
    fn is_alone_until(&mut self, until: u64) {
        while self.now < until {
            self.exchange.handle_unreachable(self.moment(), peer(2)).unwrap();
            self.until(until);
        }
    }

    /// The kinds of the log's entries.
    fn kinds(&self) -> Vec<Kind> {
        let (events, _) = self.exchange.store.read(0, usize::MAX, &Wanted::default()).unwrap();
        events.into_iter().map(|event| event.what.kind()).collect()
    }

    /// Opens the chat that the outbox invited to, and takes what it delivers.
    fn opens(&mut self, with: SocketAddr, texts: &[&str]) {
        self.hears(with, Operation::SynAck, 0);
        assert_eq!(self.says()[0], (with, Operation::Ack, String::new()));
        for (text, seq) in texts.iter().zip([0, 1]) {
            self.hears(with, Operation::Ack, seq);
            let last = self.exchange.store.fresh().last().map(|event| event.what.kind());
            assert_eq!(last, Some(Kind::Delivered), "{text}");
            self.exchange.store.commit().unwrap();
            self.exchange.store.end_turn();
        }
        self.says();
    }
}

fn syn(to: SocketAddr) -> Vec<(SocketAddr, Operation, String)> {
    vec![(to, Operation::Syn, String::new())]
}

#[test]
fn whoever_is_off_is_invited_at_growing_intervals_of_which_the_log_says_nothing() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    assert_eq!(host.says(), syn(peer(2)));
    let mut last = 0;
    for pause in
        [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 600_000, 600_000]
    {
        host.exchange.handle_unreachable(host.moment(), peer(2)).unwrap();
        let (when, said) = host.until(u64::MAX);
        assert_eq!(said, syn(peer(2)));
        assert!(
            (pause * 3 / 4..=pause * 5 / 4 + 1).contains(&(when - last)),
            "{} after {pause}",
            when - last
        );
        last = when;
    }
    assert_eq!(host.kinds(), [Kind::Queued]);
    assert_eq!((host.exchange.chats.count(), host.exchange.chats.list(0).len()), (0, 0));
    assert!(!host.exchange.is_full(), "somebody else may still come");
}

#[test]
fn a_chat_that_only_the_outbox_wanted_is_left_a_minute_after_its_last_message() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    host.opens(peer(2), &["hi"]);
    assert_eq!(host.kinds(), [Kind::Queued, Kind::Opened, Kind::Delivered]);
    host.until(30_000);
    let answer = Datagram {
        operation: Operation::Chat,
        seq: 0,
        user: UserName::new("bob").unwrap(),
        payload: b"thanks".to_vec(),
    };
    host.exchange.handle_arrival(host.moment(), peer(2), None, Ok(answer)).unwrap();
    host.says();
    assert_eq!(host.until(u64::MAX), (90_000, vec![(peer(2), Operation::Fin, String::new())]));
}

#[test]
fn a_chat_that_somebody_wants_is_not_left() {
    for wants in ["connect", "send"] {
        let mut host = Host::new(1);
        host.keep(peer(2), "hi", None);
        host.says();
        host.opens(peer(2), &["hi"]);
        let now = host.moment();
        if wants == "connect" {
            host.exchange.connect(now, &peer(2).to_string(), None).unwrap();
        } else {
            let send = Send { text: "more".to_owned(), ..Send::default() };
            host.exchange.send(now, &send).unwrap();
            host.hears(peer(2), Operation::Ack, 1);
        }
        host.says();
        assert_eq!(host.until(10_000_000), (10_000_000, vec![]), "{wants}");
    }
}

#[test]
fn an_invitation_of_the_outbox_makes_room_for_a_chat_and_is_made_again_afterwards() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.exchange.connect(host.moment(), &peer(3).to_string(), None).unwrap();
    host.says();
    host.hears(peer(3), Operation::SynAck, 0);
    assert!(host.says().contains(&(peer(2), Operation::Fin, String::new())), "taken back");
    // Its answer was under way.
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(host.says(), [(peer(2), Operation::Fin, String::new())]);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.exchange.outbox.get(peer(2)).unwrap().next, Next::Room);
    host.until(600_000);
    host.hears(peer(3), Operation::Fin, 0);
    assert!(host.says().contains(&syn(peer(2))[0]));
}

#[test]
fn what_a_chat_did_not_deliver_stays_for_the_next_one() {
    let mut host = Host::new(1);
    let [one, two] = ["one", "two"].map(|text| host.keep(peer(2), text, None));
    host.says();
    host.opens(peer(2), &["one"]);
    let again = host.until(6_000);
    assert_eq!(again, (5_000, vec![(peer(2), Operation::Chat, "two".to_owned())]));
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    assert_eq!(host.exchange.store.outbox(0, 9).unwrap().len(), 1);
    let (when, said) = host.until(u64::MAX);
    assert_eq!(said, syn(peer(2)));
    assert!(when > 45_000, "the peer has just left");
    host.opens(peer(2), &["two"]);
    assert!(host.exchange.outbox.is_empty());
    use Kind::{Closed, Delivered, Opened, Queued};
    assert_eq!(host.kinds(), [Queued, Queued, Opened, Delivered, Closed, Opened, Delivered]);
    assert_ne!(one, two);
}

#[test]
fn a_message_is_given_up_when_its_time_is_over_whatever_the_wall_clock_says() {
    for skew in [0, -86_400_000] {
        let mut host = Host::new(1);
        let message = host.keep(peer(2), "hi", Some(7_200_000));
        host.says();
        // Started again after an hour, with a clock that is right or a day behind.
        host.is_alone_until(3_600_000);
        host.skew = skew;
        host.exchange.resume(host.moment()).unwrap();
        let over = if skew == 0 { 7_200_000 } else { 3_600_000 + 7_200_000 };
        host.is_alone_until(over - 1);
        assert!(host.exchange.outbox.has(peer(2)), "skew {skew}");
        host.until(over + 1);
        assert!(!host.exchange.outbox.has(peer(2)), "skew {skew}");
        let (events, _) = host.exchange.store.read(0, 9, &Wanted::default()).unwrap();
        let what = &events.last().unwrap().what;
        assert_eq!(what, &simp_proto::control::What::Undelivered { message, reason: Reason::Expired });
    }
}

#[test]
fn connecting_makes_an_invitation_of_the_outbox_ones_own() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    let Reply::Chat { chat, .. } =
        host.exchange.connect(host.moment(), &peer(2).to_string(), Some(9_000)).unwrap()
    else {
        panic!("not a chat");
    };
    assert_eq!((chat.chat, chat.state), (2, State::Inviting));
    assert_eq!(host.says(), [], "the peer's user is not asked again");
    host.until(9_000);
    assert_eq!(host.kinds(), [Kind::Queued, Kind::Inviting, Kind::Closed]);
    assert!(host.exchange.outbox.has(peer(2)));
}

#[test]
fn whoever_the_outbox_has_messages_for_is_let_in() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.exchange.handle_unreachable(host.moment(), peer(2)).unwrap();
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.says(), [(peer(2), Operation::SynAck, String::new())]);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.says().len(), 2, "busy");
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.until(500), (500, vec![(peer(2), Operation::Chat, "hi".to_owned())]));
}

#[test]
fn the_answer_to_a_stray_fin_does_not_pass_for_that_of_a_message() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Chat, 0);
    assert_eq!(host.says().len(), 2, "no chat");
    host.exchange.connect(host.moment(), &peer(2).to_string(), None).unwrap();
    host.hears(peer(2), Operation::SynAck, 0);
    host.exchange.send(host.moment(), &Send { text: "hi".to_owned(), ..Send::default() }).unwrap();
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    assert!(!host.kinds().contains(&Kind::Delivered));
    assert_eq!(host.until(u64::MAX), (5_000, vec![(peer(2), Operation::Chat, "hi".to_owned())]));
}
