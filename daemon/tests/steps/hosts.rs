//! Messages for hosts by their names, with a resolver that says what the test says.

use std::net::SocketAddr;

use simp_control::{
    Address, FailureKind, Host as At, Kind, Lookup, LookupError, Reason, Reply, Request, State, What,
};
use simp_engine::LookedUp;
use simp_proto::Operation;

use super::{Host, ask_me, peer};
use crate::driver::{self, keep_for};

const UNKNOWN: LookupError = LookupError::Unknown;

impl Host {
    /// Keeps a text for a host that nobody has found.
    fn keep_unfound(&mut self, host: &str, text: &str) -> u64 {
        match self.ask(keep_for(host, None, text, None)).unwrap() {
            Reply::Queued { message, chat: 0 } => message,
            other => panic!("{other:?}"),
        }
    }

    /// Keeps a text for a host that was found there.
    fn keep_found(&mut self, host: &str, at: SocketAddr, text: &str) -> u64 {
        match self.ask(keep_for(host, Some(at), text, None)).unwrap() {
            Reply::Queued { message, chat: 0 } => message,
            other => panic!("{other:?}"),
        }
    }

    /// What it has asked for was looked up: it is at one of these.
    fn finds(&mut self, name: &str, at: &[SocketAddr]) {
        assert_eq!(self.driver.looks_up(), [name]);
        self.hears_of(name, Ok(at.iter().map(|at| At::of(*at)).collect()));
    }

    /// The same, and it is not found.
    fn misses(&mut self, name: &str, why: LookupError) {
        assert_eq!(self.driver.looks_up(), [name]);
        self.hears_of(name, Err(why));
    }

    fn hears_of(&mut self, name: &str, found: Result<Vec<At>, LookupError>) {
        self.driver.inputs.lookups.push(LookedUp { name: name.to_owned(), found });
        self.turn();
    }

    /// Time goes on until it looks something up again; returns when.
    fn until_it_looks_up(&mut self) -> u64 {
        loop {
            let due = self.driver.due(self.start).unwrap();
            self.now = self.now.max(due);
            self.turn();
            if self.driver.wants_lookup() {
                return self.now;
            }
        }
    }

    /// For whom the first message in the outbox is, its host, and what becomes of its lookup.
    fn first_kept(&mut self) -> (String, Option<String>, Option<Lookup>) {
        let kept = self.outbox().remove(0);
        (kept.peer.address, kept.host, kept.lookup)
    }
}

fn syn(to: SocketAddr) -> Vec<(SocketAddr, Operation, String)> {
    vec![(to, Operation::Syn, String::new())]
}

fn failed(why: &str) -> Option<Lookup> {
    Some(Lookup::Failed(why.to_owned()))
}

#[test]
fn a_host_that_is_not_found_is_looked_up_at_growing_intervals_until_it_is() {
    let mut host = Host::new(1);
    host.keep_unfound("NAS", "hi");
    let name = Some("nas:7777".to_owned());
    assert_eq!(host.first_kept(), ("nas:7777".to_owned(), name.clone(), Some(Lookup::Asked)));
    let mut last = 0;
    for pause in
        [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 600_000, 600_000]
    {
        host.misses("nas", if pause < 8_000 { LookupError::NoAnswer } else { UNKNOWN });
        let kept = host.outbox().remove(0);
        let next_in = kept.next_ms.unwrap() - host.moment().ms;
        assert!((pause * 3 / 4..=pause * 5 / 4).contains(&next_in), "{next_in} after {pause}");
        let when = host.until_it_looks_up();
        assert!(when - last <= next_in + 1, "{} and not {next_in}", when - last);
        last = when;
    }
    host.misses("nas", UNKNOWN);
    let (_, _, lookup) = host.first_kept();
    assert_eq!((lookup, host.outbox()[0].tries), (failed("unknown host"), 13));
    assert_eq!((host.kinds(), host.says()), (vec![Kind::Queued], vec![]));
    let waiting = host.status().waiting;
    assert_eq!((waiting.len(), waiting[0].peer.address.as_str()), (1, "nas:7777"));
    host.until_it_looks_up();
    host.finds("nas", &[peer(2)]);
    assert_eq!(host.says(), syn(peer(2)), "invited at once");
    assert_eq!(host.first_kept(), (peer(2).to_string(), name, None));
    host.opens(peer(2), &["hi"]);
    assert_eq!((host.outbox(), host.driver.looks_up()), (vec![], vec![]));
    assert_eq!(host.status().outbox, 0);
}

#[test]
fn a_host_is_looked_up_before_each_invitation_and_followed_to_its_new_address() {
    let mut host = Host::new(1);
    host.keep_found("nas:7777", peer(2), "hi");
    assert_eq!(host.says(), [], "it was found by somebody else");
    host.finds("nas", &[peer(9), peer(2)]);
    assert_eq!(host.says(), syn(peer(2)), "it stays at the address that it still has");
    host.cannot_reach(peer(2));
    host.until_it_looks_up();
    assert_eq!((host.says(), host.first_kept().2), (vec![], Some(Lookup::Asked)));
    host.finds("nas", &[peer(3)]);
    assert_eq!(host.says(), syn(peer(3)));
    // Nobody is invited any more where it was.
    host.cannot_reach(peer(3));
    host.until_it_looks_up();
    host.misses("nas", UNKNOWN);
    assert_eq!(host.says(), syn(peer(3)), "who is not found is where it was last");
    assert_eq!(host.first_kept().2, failed("unknown host"));
    host.opens(peer(3), &["hi"]);
    assert_eq!(host.until(10_000_000).1, [(peer(3), Operation::Fin, String::new())]);
}

#[test]
fn an_invitation_does_not_wait_longer_than_ten_seconds_for_a_server_that_does_not_answer() {
    let mut host = Host::new(1);
    host.keep_found("nas", peer(2), "hi");
    assert_eq!(host.until(u64::MAX), (10_000, syn(peer(2))));
    assert_eq!(host.driver.looks_up(), ["nas"]);
    // The answer comes late, and says that it is elsewhere.
    host.hears_of("nas", Ok(vec![At::of(peer(3))]));
    let said = host.says();
    assert_eq!(said, [(peer(2), Operation::Fin, String::new()), syn(peer(3)).remove(0)]);
}

#[test]
fn what_is_being_delivered_stays_where_it_is_until_that_chat_is_over() {
    let mut host = Host::new(2);
    let [one, two] = ["one", "two"].map(|text| host.keep_found("nas", peer(2), text));
    host.finds("nas", &[peer(2)]);
    host.says();
    host.opens(peer(2), &["one"]);
    // Somebody has found it elsewhere, and it is looked up at once.
    host.keep_found("nas", peer(3), "three");
    host.finds("nas", &[peer(3)]);
    assert_eq!(host.says(), []);
    let addresses: Vec<_> = host.outbox().into_iter().map(|kept| (kept.message, kept.peer.address)).collect();
    let there = peer(2).to_string();
    assert_eq!(addresses[..1], [(two, there.clone())]);
    assert_eq!((addresses.len(), &addresses[1].1), (2, &there));
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    host.until_it_looks_up();
    host.finds("nas", &[peer(3)]);
    assert_eq!(host.says(), syn(peer(3)));
    host.opens(peer(3), &["two", "three"]);
    assert_eq!(host.outbox(), []);
    assert_ne!(one, two);
}

#[test]
fn an_open_chat_takes_what_was_kept_for_a_host_that_is_found_there() {
    let mut host = Host::new(1);
    host.keep_unfound("nas", "kept");
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.says();
    host.finds("nas", &[peer(2)]);
    assert_eq!(host.says(), [(peer(2), Operation::Chat, "kept".to_owned())]);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.outbox(), []);
}

#[test]
fn messages_for_a_host_do_not_overtake_newer_ones_of_the_chat_with_it() {
    let mut host = Host::new(1);
    host.keep_unfound("nas", "older");
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.ask(driver::send(None, "newer")).unwrap();
    host.says();
    host.finds("nas", &[peer(2)]);
    let why = "the chat with 127.0.0.2:7777 has newer ones, or is being left: these wait for its end";
    assert_eq!(host.first_kept().2, failed(why));
    host.until(1_000);
    host.hears(peer(2), Operation::Ack, 0);
    host.says();
    host.hears(peer(2), Operation::Fin, 1);
    assert_eq!(host.chats(), []);
    host.says();
    let when = host.until_it_looks_up();
    assert!((45_000..=75_000).contains(&when), "{when}");
    host.finds("nas", &[peer(2)]);
    assert_eq!(host.until(u64::MAX).1, syn(peer(2)));
    host.opens(peer(2), &["older"]);
    assert_eq!(host.outbox(), []);
}

#[test]
fn a_chat_that_is_being_left_takes_no_more_for_a_host_that_is_found_there() {
    for is_restarted in [false, true] {
        let mut host = Host::new(1);
        host.connect(peer(2));
        host.hears(peer(2), Operation::SynAck, 0);
        host.ask(driver::send(None, "not acknowledged")).unwrap();
        host.quit(false);
        host.keep_unfound("nas", "hi");
        if is_restarted {
            host = host.restarted(1);
            host.driver.looks_up();
            host.hears_of("nas", Ok(vec![At::of(peer(2))]));
        } else {
            host.finds("nas", &[peer(2)]);
        }
        assert_eq!(host.chats()[0].state, State::Closing);
        let why = "the chat with 127.0.0.2:7777 has newer ones, or is being left: these wait for its end";
        assert_eq!(host.first_kept(), ("nas:7777".to_owned(), Some("nas:7777".to_owned()), failed(why)));
    }
}

#[test]
fn what_does_not_fit_a_host_that_is_found_is_too_long() {
    for is_open in [false, true] {
        let mut host =
            Host::with(simp_engine::Policy { secrecy: simp_engine::Secrecy::Require, ..ask_me(1) });
        let message = host.keep_unfound("nas", &"x".repeat(2_000));
        let fits = host.keep_unfound("nas", "hi");
        // From now on as if it could be plain.
        host.driver.inputs.policy = Some(ask_me(1));
        host.turn();
        if is_open {
            host.connect(peer(2));
            host.hears(peer(2), Operation::SynAck, 0);
        }
        host.finds("nas", &[peer(2)]);
        if !is_open {
            host.hears(peer(2), Operation::SynAck, 0);
        }
        let what = What::Undelivered { message, reason: Reason::TooLong };
        assert!(host.driver.log().iter().any(|event| event.what == what), "open: {is_open}");
        assert_eq!(host.outbox().into_iter().map(|kept| kept.message).collect::<Vec<_>>(), [fits]);
        host.turn();
    }
}

#[test]
fn a_message_for_a_host_that_is_not_found_expires_and_is_sent_again_to_the_host() {
    let mut host = Host::new(1);
    let Reply::Queued { message, .. } = host.ask(keep_for("nas:9", None, "hi", Some(3_600_000))).unwrap()
    else {
        panic!("not queued")
    };
    host.misses("nas", UNKNOWN);
    while host.now < 3_600_000 {
        let due = host.driver.due(host.start).unwrap();
        host.now = due.max(host.now);
        host.turn();
        if host.driver.wants_lookup() {
            host.misses("nas", UNKNOWN);
        }
    }
    let last = host.driver.log().pop().unwrap();
    assert_eq!(last.what, What::Undelivered { message, reason: Reason::Expired });
    assert_eq!((last.peer.address.as_str(), host.outbox()), ("nas:9", vec![]));
    assert_eq!((host.driver.due(host.start), host.driver.looks_up()), (None, vec![]), "nobody waits");
    host.ask(Request::Resend { message, expire_ms: None }).unwrap();
    assert_eq!(host.first_kept(), ("nas:9".to_owned(), Some("nas:9".to_owned()), Some(Lookup::Asked)));
    host.finds("nas", &[peer(2)]);
    assert_eq!(host.says(), syn(SocketAddr::new(peer(2).ip(), 9)));
}

#[test]
fn a_run_that_was_killed_goes_on_with_its_hosts() {
    let mut host = Host::new(1);
    host.keep_unfound("far", "hi");
    host.keep_found("nas", peer(2), "hi");
    assert_eq!(host.driver.looks_up(), ["far", "nas"]);
    // Both are being looked up: that is over with the run.
    let mut host = host.restarted(1);
    assert_eq!(host.driver.looks_up(), ["far"]);
    host.hears_of("far", Err(UNKNOWN));
    // One waits, the other one too.
    let mut host = host.restarted(1);
    assert_eq!(host.driver.looks_up(), ["far"]);
    host.until_it_looks_up();
    host.finds("nas", &[peer(3)]);
    assert_eq!(host.says(), syn(peer(3)), "it was looked up before it was invited");
    let mut host = host.restarted(1);
    assert_eq!(host.driver.looks_up(), ["far"]);
    let at: Vec<_> = host.outbox().into_iter().map(|kept| kept.peer.address).collect();
    assert_eq!(at, ["far:7777".to_owned(), peer(3).to_string()]);
    host.until_it_looks_up();
    host.finds("nas", &[peer(3)]);
    host.says();
    host.opens(peer(3), &["hi"]);
    assert_eq!(host.outbox().len(), 1);
}

#[test]
fn a_lookup_that_a_full_disk_undoes_is_made_again() {
    let mut host = Host::new(1);
    host.keep_unfound("nas", "hi");
    host.disk.refuse(2);
    host.finds("nas", &[peer(2)]);
    assert_eq!((host.says(), host.first_kept().0), (vec![], "nas:7777".to_owned()));
    // What is said meanwhile is not heard.
    host.hears_of("nas", Ok(vec![At::of(peer(2))]));
    host.driver.looks_up();
    host.until_it_looks_up();
    host.finds("nas", &[peer(2)]);
    assert_eq!(host.until(u64::MAX).1, syn(peer(2)));
}

#[test]
fn an_address_that_simpd_cannot_reach_is_as_good_as_none() {
    let mut host = Host::new(1);
    host.keep_unfound("nas", "hi");
    let v6 = Address::parse("[::9]:7777").unwrap().socket_address();
    host.finds("nas", &[v6]);
    let why = "[::9]:7777: this simpd speaks IPv4 only (start one on an IPv6 address)";
    assert_eq!(host.first_kept().2, failed(why));
    host.until_it_looks_up();
    host.finds("nas", &[v6, peer(2)]);
    assert_eq!(host.says(), syn(peer(2)), "the first of its own family");
}

#[test]
fn a_message_for_a_host_waits_with_those_for_its_address_and_is_cancelled_by_either_name() {
    let mut host = Host::new(1);
    let by_address = host.keep(peer(2), "for the address", None);
    host.cannot_reach(peer(2));
    host.says();
    let by_name = host.keep_found("nas", peer(2), "for the host");
    let far = host.keep_unfound("far", "hi");
    host.driver.looks_up();
    let cancel = |host: &mut Host, who: Option<&str>| match host
        .ask(Request::CancelAll { who: who.map(str::to_owned), after: 0 })
        .unwrap()
    {
        Reply::Cancelled { messages, in_flight, after: None } => (messages, in_flight),
        other => panic!("{other:?}"),
    };
    assert_eq!(cancel(&mut host, Some("nas:7778")), (vec![], vec![]));
    assert_eq!(cancel(&mut host, Some("NAS")), (vec![by_name], vec![]));
    assert_eq!(cancel(&mut host, Some("far:7777")), (vec![far], vec![]));
    assert_eq!(cancel(&mut host, Some("127.0.0.2")), (vec![by_address], vec![]));
    assert_eq!(host.driver.due(host.start), None, "nobody is looked up or invited for nothing");
    // One that is on its way stays.
    let first = host.keep(peer(2), "one", None);
    host.hears(peer(2), Operation::SynAck, 0);
    let second = host.keep_unfound("far", "two");
    assert_eq!(cancel(&mut host, None), (vec![second], vec![first]));
    let reasons = host.log(Kind::Undelivered).into_iter().map(|event| match event.what {
        What::Undelivered { reason, .. } => reason,
        other => panic!("{other:?}"),
    });
    assert!(reasons.eq([Reason::Cancelled; 4]));
}

#[test]
fn hosts_are_for_the_outbox_and_named_properly() {
    let mut host = Host::new(1);
    let refused = |host: &mut Host, request, kind, line: &str| {
        let failure = host.ask(request).unwrap_err();
        assert_eq!((failure.kind, failure.line.as_str()), (kind, line));
    };
    let usage = FailureKind::Usage;
    refused(&mut host, keep_for("a b", None, "hi", None), usage, "a b: neither HOST nor HOST:PORT");
    refused(&mut host, keep_for("127.1", None, "hi", None), usage, "127.1: neither HOST nor HOST:PORT");
    let own = "127.0.0.1:7777: this is the address of this simpd";
    refused(&mut host, keep_for("nas", Some(peer(1)), "hi", None), FailureKind::Failed, own);
    let in_chat = match keep_for("nas", None, "hi", None) {
        Request::Send { who, chat, text, expire_ms, token, again_after, once, host, .. } => Request::Send {
            who,
            chat,
            text,
            queue: false,
            expire_ms,
            token,
            again_after,
            once,
            host,
            answers: None,
        },
        other => panic!("{other:?}"),
    };
    let line = "only a message of the outbox can be for a host (add --queue)";
    refused(&mut host, in_chat, usage, line);
    let long = "a text has at most 985 characters, this one has 986 (send it in parts)";
    refused(&mut host, keep_for("nas", None, &"x".repeat(986), None), usage, long);
    assert_eq!((host.kinds(), host.driver.looks_up()), (vec![], vec![]));
}

#[test]
fn a_full_outbox_takes_no_more_and_says_whose_messages_fill_it() {
    let outbox = simp_engine::OutboxMax { messages: 5, peer: 2, bytes: 100 };
    let mut host = Host::with(simp_engine::Policy { outbox, ..ask_me(1) });
    let full = |host: &mut Host, request, held: &str, whose: &str| {
        let remedy = format!("see: simpctl outbox; cancel them: simpctl outbox cancel {whose}");
        let failure = host.ask(request).unwrap_err();
        let line = format!("the outbox has {held}, and takes no more ({remedy})");
        assert_eq!((failure.kind, failure.line), (FailureKind::Failed, line));
    };
    let first = host.keep(peer(2), "one", None);
    host.keep(peer(2), "two", None);
    let at = "127.0.0.2:7777";
    full(&mut host, driver::keep(peer(2), "three", None), &format!("2 messages for {at}"), at);
    let nas = keep_for("nas", Some(peer(2)), "three", None);
    full(&mut host, nas, "2 messages for nas:7777", "nas:7777");
    for text in ["one", "two"] {
        host.keep_unfound("far", text);
    }
    full(&mut host, keep_for("FAR", None, "three", None), "2 messages for far:7777", "far:7777");
    full(&mut host, driver::keep(peer(3), &"x".repeat(89), None), "12 bytes of messages", "WHO");
    host.keep(peer(3), &"x".repeat(88), None);
    full(&mut host, driver::keep(peer(4), "x", None), "5 messages", "WHO");
    // Whatever leaves makes room, and what is sent again needs it too.
    host.ask(Request::Cancel { message: first }).unwrap();
    host.keep(peer(2), "1", None);
    full(&mut host, Request::Resend { message: first, expire_ms: None }, &format!("2 messages for {at}"), at);
}

#[test]
fn a_request_of_whoever_is_found_is_accepted() {
    let mut host = Host::new(2);
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.chats()[0].state, State::Invited);
    host.keep_unfound("nas", "hi");
    host.finds("nas", &[peer(2)]);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.chats()[0].state, State::Open);
    host.says();
    assert!(host.until(600).1.contains(&(peer(2), Operation::Chat, "hi".to_owned())));
}
