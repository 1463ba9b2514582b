//! Answers from another port than the one that we invited: what moves there, and what does not.

use simp_control::{Kind, Reason, Reply, Request, What};
use simp_proto::Operation;

use super::{Host, SocketAddr, peer};
use crate::driver;

/// Another port of the same host.
fn port(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(peer(n).ip(), port)
}

impl Host {
    /// Whether there is a chat with a peer at this address.
    fn has(&mut self, address: SocketAddr) -> bool {
        self.chats().iter().any(|chat| chat.peer.address == address.to_string())
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
        host.hears_words(port(2, 40_000), operation, 0, words);
        assert_eq!(host.closed(), reason, "{operation:?}");
        let ended = host.log(if reason.is_some() { Kind::Closed } else { Kind::Opened });
        assert_eq!(ended[0].peer.address, port(2, 40_000).to_string());
        assert!(host.sends()[1..].iter().all(|(to, _)| *to == port(2, 40_000)));
    }
}

#[test]
fn what_is_no_answer_or_comes_from_elsewhere_or_might_mean_another_invitation_moves_nothing() {
    use Operation as Op;
    let mut host = Host::new(4);
    host.connect(peer(2));
    for operation in [Op::Chat, Op::FinAck, Op::Syn] {
        host.hears(port(2, 40_000), operation, 0);
        assert!(host.has(peer(2)));
    }
    for operation in [Op::SynAck, Op::Fin, Op::Err, Op::Ack] {
        host.hears(port(3, 40_000), operation, 0);
        assert!(host.has(peer(2)));
    }
    host.connect(port(2, 7778));
    for operation in [Op::SynAck, Op::Fin, Op::Err, Op::Ack] {
        host.hears(port(2, 40_001), operation, 0);
    }
    assert!(host.has(peer(2)));
    assert!(host.has(port(2, 7778)));
    assert!(!host.has(port(2, 40_001)));
}

#[test]
fn an_invitation_moves_once() {
    let mut host = Host::new(2);
    host.connect(peer(2));
    host.hears_ringing(port(2, 40_000));
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
    host.accept();
    host.hears(port(2, 40_000), Operation::Ack, 0);
    host.hears(port(2, 40_000), Operation::Fin, 0);
    host.connect(peer(2));
    host.says();
    // Our answer was lost.
    host.waits(5_000);
    host.hears(port(2, 40_000), Operation::Fin, 0);
    assert_eq!(host.sends(), [(port(2, 40_000), Operation::Ack)]);
    assert!(host.has(peer(2)));
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
    let chat = host.chats().remove(0);
    for who in ["127.0.0.2", "127.0.0.2:7777", "127.0.0.2:40000", "bob"] {
        let found = host.ask(Request::Quit { who: Some(who.to_owned()), chat: Some(0), now: false });
        let line = format!("chat 0 is over (bob@{} is in another)", port(2, 40_000));
        assert_eq!(found.unwrap_err().line, line, "{who}");
    }
    host.says();
    assert_eq!((host.connect(peer(2)), host.sends()), (chat, vec![]));
    // Whoever is at the port that was invited is somebody else, and is found there.
    host.hears(peer(2), Operation::Syn, 0);
    let who = Some("127.0.0.2:7777".to_owned());
    let Reply::Chat { chat, .. } = host.ask(Request::Decline { who }).unwrap() else { panic!("no chat") };
    assert_eq!(chat.peer.address, peer(2).to_string());
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
    assert_eq!((host.log(Kind::Delivered).len(), host.status().outbox), (2, 0));
    // The next one waits for the next chat, which begins where the first one did.
    let three = host.keep(peer(2), "three", None);
    host.hears(to, Operation::Fin, 0);
    host.says();
    let kept = host.outbox().remove(0);
    assert_eq!((kept.message, kept.peer.address), (three, peer(2).to_string()));
    let (_, said) = host.until(u64::MAX);
    assert_eq!(said, [(peer(2), Operation::Syn, String::new())]);
}

#[test]
fn what_is_queued_for_the_port_that_a_chat_has_moved_to_is_of_that_chat() {
    let to = port(2, 40_000);
    let mut host = Host::new(2);
    host.connect(peer(2));
    host.hears(to, Operation::SynAck, 0);
    host.says();
    host.keep(to, "one", None);
    assert_eq!(host.says(), [(to, Operation::Chat, "one".to_owned())]);
    host.hears(to, Operation::Ack, 0);
    assert_eq!((host.log(Kind::Delivered).len(), host.status().outbox), (1, 0));
    // Given up by the chat, and sent again.
    let two = host.send(to);
    host.quit(true);
    host.hears(to, Operation::Ack, 1);
    host.connect(peer(2));
    host.hears(to, Operation::SynAck, 0);
    host.says();
    host.ask(Request::Resend { message: two, expire_ms: None }).unwrap();
    assert_eq!(host.waits(6_000), [(to, Operation::Chat)]);
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
    host.accept();
    host.hears(peer(2), Operation::Ack, 0);
    let said = host.waits(2_000);
    assert!(!said.contains(&(peer(2), Operation::Chat)), "{said:?}");
    host.ask(driver::keep(peer(2), "for whom?", None)).unwrap_err();
    // It stays for the next chat, whoever has left.
    host.hears(to, Operation::Fin, 0);
    let mut host = host.restarted(2);
    assert!(!host.waits(60_000).contains(&(peer(2), Operation::Chat)));
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    let (_, said) = host.until(u64::MAX);
    assert_eq!(said, [(peer(2), Operation::Syn, String::new())]);
}
