//! Answers from another port than the one that we invited: what moves there, and what does not. And those that cannot be
//! read.

use simp_control::{Kind, Reason, Reply, What};
use simp_proto::{Datagram, Operation, UserName};

use super::{Host, SocketAddr, peer};

/// Another port of the same host.
fn port(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(peer(n).ip(), port)
}

impl Host {
    fn hears_words(&mut self, from: SocketAddr, operation: Operation, words: &str) {
        let datagram = Datagram::new(operation, 0, UserName::new("bob").unwrap(), words.into());
        self.exchange.handle_arrival(self.moment(), from, None, Ok(datagram)).unwrap();
    }

    /// Why the only chat is over.
    fn closed(&self) -> Option<Reason> {
        self.log(Kind::Closed).pop().map(|event| match event.what {
            What::Closed { reason, .. } => reason,
            other => panic!("{other:?}"),
        })
    }
}

#[test]
fn each_kind_of_answer_takes_an_invitation_to_the_port_that_it_comes_from() {
    use Operation as Op;
    for (operation, words, reason) in [
        (Op::SynAck, "", None),
        (Op::Ack, "", None),
        (Op::Ack, "Connection rejected", Some(Reason::PeerDeclined)),
        (Op::Fin, "", Some(Reason::PeerDeclined)),
        (Op::Err, "User is busy", Some(Reason::PeerBusy)),
        (Op::ErrFin, "no", Some(Reason::PeerDeclined)),
    ] {
        let mut host = Host::new(2);
        host.connect(peer(2));
        host.hears_words(port(2, 40_000), operation, words);
        assert_eq!(host.closed(), reason, "{operation:?}");
        let ended = host.log(if reason.is_some() { Kind::Closed } else { Kind::Opened });
        assert_eq!(ended[0].peer.address, port(2, 40_000).to_string());
        assert!(host.sends()[1..].iter().all(|(to, _)| *to == port(2, 40_000)));
    }
}

#[test]
fn what_is_no_answer_or_comes_from_elsewhere_or_might_mean_another_invitation_moves_nothing() {
    use Operation as Op;
    let stays = |host: &Host, to| assert!(host.exchange.chats.at(to).is_some());
    let mut host = Host::new(4);
    host.connect(peer(2));
    for operation in [Op::Chat, Op::FinAck, Op::Syn] {
        host.hears(port(2, 40_000), operation, 0);
        stays(&host, peer(2));
    }
    for operation in [Op::SynAck, Op::Fin, Op::Err, Op::Ack] {
        host.hears(port(3, 40_000), operation, 0);
        stays(&host, peer(2));
    }
    host.connect(port(2, 7778));
    for operation in [Op::SynAck, Op::Fin, Op::Err, Op::Ack] {
        host.hears(port(2, 40_001), operation, 0);
    }
    stays(&host, peer(2));
    stays(&host, port(2, 7778));
    assert!(host.exchange.chats.at(port(2, 40_001)).is_none());
}

#[test]
fn an_invitation_moves_once() {
    let mut host = Host::new(2);
    host.connect(peer(2));
    let ringing = Datagram::new(Operation::SynAck, 0, UserName::new("Daemon").unwrap(), Vec::new());
    host.exchange.handle_arrival(host.moment(), port(2, 40_000), None, Ok(ringing)).unwrap();
    host.says();
    let mut host = host.restarted(2);
    for other in [peer(2), port(2, 40_001)] {
        host.hears(other, Operation::SynAck, 0);
        assert_eq!(host.log(Kind::Opened), []);
    }
    host.says();
    host.hears(port(2, 40_000), Operation::SynAck, 0);
    assert_eq!(host.sends(), [(port(2, 40_000), Operation::Ack)]);
}

#[test]
fn a_chat_that_is_over_ends_no_invitation_to_another_port() {
    let mut host = Host::new(2);
    host.hears(port(2, 40_000), Operation::Syn, 0);
    host.exchange.accept(host.moment(), None).unwrap();
    host.hears(port(2, 40_000), Operation::Ack, 0);
    host.hears(port(2, 40_000), Operation::Fin, 0);
    host.connect(peer(2));
    host.says();
    // Our answer was lost.
    host.waits(5_000);
    host.hears(port(2, 40_000), Operation::Fin, 0);
    assert_eq!(host.sends(), [(port(2, 40_000), Operation::Ack)]);
    assert!(host.exchange.chats.at(peer(2)).is_some());
    host.waits(10_000);
    host.hears(port(2, 40_000), Operation::Fin, 0);
    assert_eq!(host.closed(), Some(Reason::PeerDeclined), "that long ago it is no copy");
}

#[test]
fn a_chat_that_has_moved_is_found_by_either_address_and_after_a_restart() {
    let mut host = Host::new(2);
    host.connect(peer(2));
    host.hears(port(2, 40_000), Operation::SynAck, 0);
    let mut host = host.restarted(2);
    for who in ["127.0.0.2", "127.0.0.2:7777", "127.0.0.2:40000", "bob"] {
        let found = host.exchange.chats.find(Some(who), |_| true, "none", "-t WHO").unwrap();
        assert_eq!(Some(found), host.exchange.chats.at(port(2, 40_000)), "{who}");
    }
    host.says();
    let Reply::Chat { chat, .. } = host.exchange.connect(host.moment(), &peer(2).to_string(), None).unwrap()
    else {
        panic!("no chat")
    };
    assert_eq!((chat.peer.address, host.sends()), (port(2, 40_000).to_string(), vec![]));
    // Whoever is at the port that was invited is somebody else, and is found there.
    host.hears(peer(2), Operation::Syn, 0);
    let found = host.exchange.chats.find(Some("127.0.0.2:7777"), |_| true, "none", "-t WHO").unwrap();
    assert_eq!(Some(found), host.exchange.chats.at(peer(2)));
}

#[test]
fn the_outbox_goes_with_a_chat_that_moves_and_back_to_the_port_that_was_invited() {
    let to = port(2, 40_000);
    let mut host = Host::new(2);
    host.keep(peer(2), "one", None);
    host.hears(to, Operation::SynAck, 0);
    assert_eq!(host.sends(), [(peer(2), Operation::Syn), (to, Operation::Ack), (to, Operation::Chat)]);
    // In flight at a restart, and queued while the chat is open.
    let mut host = host.restarted(2);
    host.keep(peer(2), "two", None);
    assert!(host.waits(6_000).contains(&(to, Operation::Chat)));
    host.hears(to, Operation::Ack, 0);
    assert_eq!(host.says(), [(to, Operation::Chat, "two".to_owned())]);
    host.hears(to, Operation::Ack, 1);
    assert_eq!((host.log(Kind::Delivered).len(), host.exchange.outbox.messages()), (2, 0));
    // The next one waits for the next chat, which begins where the first one did.
    let three = host.keep(peer(2), "three", None);
    host.hears(to, Operation::Fin, 0);
    host.says();
    assert_eq!(host.exchange.store.in_outbox(three).unwrap().map(|kept| kept.address), Some(peer(2)));
    let (_, said) = host.until(u64::MAX);
    assert_eq!(said, [(peer(2), Operation::Syn, String::new())]);
}

#[test]
fn the_outbox_of_a_chat_that_has_moved_is_not_for_who_comes_to_the_port_that_was_invited() {
    let to = port(2, 40_000);
    let mut host = Host::new(2);
    host.keep(peer(2), "one", None);
    host.hears(to, Operation::SynAck, 0);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.sends(), [], "not let in: the outbox means another one");
    host.exchange.accept(host.moment(), None).unwrap();
    host.hears(peer(2), Operation::Ack, 0);
    let said = host.waits(2_000);
    assert!(!said.contains(&(peer(2), Operation::Chat)), "{said:?}");
    let send = crate::commands::Send {
        who: Some(peer(2).to_string()),
        text: "for whom?".to_owned(),
        queue: true,
        ..Default::default()
    };
    host.exchange.send(host.moment(), &send).unwrap_err();
    // It stays for the next chat, whoever has left.
    host.hears(to, Operation::Fin, 0);
    let mut host = host.restarted(2);
    assert!(!host.waits(60_000).contains(&(peer(2), Operation::Chat)));
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    let (_, said) = host.until(u64::MAX);
    assert_eq!(said, [(peer(2), Operation::Syn, String::new())]);
}

#[test]
fn what_cannot_be_read_ends_an_invitation_only_at_once_and_from_the_address_that_was_invited() {
    let hears = |host: &mut Host, from, bytes: &[u8]| {
        let datagram = Datagram::decode(bytes);
        assert!(datagram.is_err());
        host.exchange.handle_arrival(host.moment(), from, None, datagram).unwrap();
    };
    for bytes in [&[b'x'; 33][..], &[1], &[1, 0x77, 0]] {
        let mut host = Host::new(2);
        host.connect(peer(2));
        host.waits(1_999);
        for other in [port(2, 40_000), peer(3)] {
            hears(&mut host, other, bytes);
        }
        assert_eq!(host.closed(), None);
        hears(&mut host, peer(2), bytes);
        let text = Some("its answer cannot be read".to_owned());
        assert_eq!(host.log(Kind::Closed)[0].what, What::Closed { reason: Reason::PeerDeclined, text });
    }
    let mut host = Host::new(2);
    host.connect(peer(2));
    host.waits(2_000);
    hears(&mut host, peer(2), b"x");
    host.hears(peer(2), Operation::SynAck, 0);
    hears(&mut host, peer(2), b"x");
    assert_eq!((host.closed(), host.log(Kind::Opened).len()), (None, 1));
    host.hears(peer(3), Operation::Syn, 0);
    hears(&mut host, peer(3), b"x");
    assert_eq!(host.closed(), None, "a request is no invitation of ours");
    let mut host = Host::new(2);
    host.connect(peer(2));
    let ringing = Datagram::new(Operation::SynAck, 0, UserName::new("Daemon").unwrap(), Vec::new());
    host.exchange.handle_arrival(host.moment(), peer(2), None, Ok(ringing)).unwrap();
    hears(&mut host, peer(2), b"x");
    assert_eq!(host.closed(), None, "its user is being asked");
}
