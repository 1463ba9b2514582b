//! Which chat a name means, when somebody else has begun one under the same.

use simp_control::{FailureKind, Reply, Request};
use simp_engine::Accept;
use simp_proto::{Datagram, Operation, UserName};

use super::{Host, SocketAddr, peer};
use crate::driver;

fn at(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(peer(n).ip(), port)
}

impl Host {
    /// SYN of a user of this name, and the ACK that follows.
    fn is_begun(&mut self, from: SocketAddr, user: &str) {
        for operation in [Operation::Syn, Operation::Ack] {
            self.driver.arrives(from, Datagram::new(operation, 0, UserName::new(user).unwrap(), vec![]));
            self.turn();
        }
    }

    /// A text for whoever is meant, which that peer acknowledges: to whom it went, or why to nobody.
    fn says_to(&mut self, who: Option<&str>) -> Result<String, String> {
        let request = Request::send(who.map(str::to_owned), "hi");
        let Reply::Queued { chat, .. } = self.ask(request).map_err(|failure| failure.line)? else {
            panic!("not queued");
        };
        let chats = self.chats();
        let meant = chats.iter().find(|it| it.chat == chat).unwrap();
        Ok(meant.peer.address.clone())
    }
}

/// Bob, whom our user has invited, on the port of SIMP; and who has begun a chat under his name on another.
fn bob_and_another() -> Host {
    let mut host = Host::with(driver::policy("ann", Accept::All, 9));
    host.connect(peer(2));
    host.driver.arrives(peer(2), super::datagram(Operation::SynAck, 0, ""));
    host.turn();
    host.is_begun(at(2, 7848), "bob");
    host
}

#[test]
fn a_chat_begun_under_a_name_in_use_takes_nothing_from_the_one_that_has_it() {
    let mut host = bob_and_another();
    for who in [Some("bob"), Some("127.0.0.2"), Some("bob@127.0.0.2:7777"), Some("bob@127.0.0.2"), None] {
        assert_eq!(host.says_to(who), Ok(peer(2).to_string()), "{who:?}");
    }
    let quit = Request::Quit { who: Some("bob".to_owned()), chat: None, now: true };
    let Ok(Reply::Chat { chat, .. }) = host.ask(quit) else { panic!("not quit") };
    assert_eq!(chat.peer.address, peer(2).to_string());
    // Now there is one bob only.
    assert_eq!(host.says_to(Some("bob")), Ok(at(2, 7848).to_string()));
}

#[test]
fn between_two_that_have_heard_us_nobody_chooses_but_for_an_address_without_a_port() {
    let mut host = bob_and_another();
    host.is_heard_by(at(2, 7848));
    let both = format!("several match: bob@{}, bob@{} (choose one with -t WHO)", peer(2), at(2, 7848));
    for who in [Some("bob"), None] {
        assert_eq!(host.says_to(who), Err(both.clone()), "{who:?}");
    }
    for who in ["127.0.0.2", "bob@127.0.0.2"] {
        assert_eq!(host.says_to(Some(who)), Ok(peer(2).to_string()), "{who}");
    }
}

#[test]
fn of_several_that_were_let_in_under_one_name_the_oldest_counts() {
    let mut host = Host::with(driver::policy("ann", Accept::All, 9));
    host.is_begun(at(2, 7001), "bob");
    host.is_begun(at(2, 7002), "bob");
    host.is_begun(at(3, 7777), "bob");
    for who in [Some("bob"), Some("127.0.0.2")] {
        assert_eq!(host.says_to(who), Ok(at(2, 7001).to_string()), "{who:?}");
    }
}

#[test]
fn two_that_were_let_in_under_different_names_are_two() {
    let mut host = Host::with(driver::policy("ann", Accept::All, 9));
    host.is_begun(at(2, 7001), "bob");
    host.is_begun(at(2, 7002), "eve");
    let both = format!("several match: bob@{}, eve@{} (choose one with -t WHO)", at(2, 7001), at(2, 7002));
    for who in [Some("127.0.0.2"), None] {
        assert_eq!(host.says_to(who), Err(both.clone()), "{who:?}");
    }
    assert_eq!(host.says_to(Some("eve")), Ok(at(2, 7002).to_string()));
}

#[test]
fn the_outbox_means_whoever_has_a_chat_and_not_who_asks_for_one() {
    let mut host = Host::new(9);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    for who in [at(2, 7848), peer(3)] {
        host.hears(who, Operation::Syn, 0);
    }
    for who in ["bob", "127.0.0.2"] {
        let keep = Request::Send {
            who: Some(who.to_owned()),
            chat: None,
            text: "hi".to_owned(),
            queue: true,
            expire_ms: None,
            token: None,
            again_after: None,
            once: None,
            host: None,
            answers: None,
        };
        host.ask(keep).unwrap();
    }
    assert!(host.outbox().iter().all(|message| message.peer.address == peer(2).to_string()));
}

#[test]
fn of_requests_under_one_name_the_oldest_is_answered_and_others_stay_ambiguous() {
    let mut host = Host::new(9);
    for (who, user) in [(peer(2), "bob"), (at(2, 7848), "bob"), (peer(3), "eve")] {
        host.driver.arrives(who, Datagram::new(Operation::Syn, 0, UserName::new(user).unwrap(), vec![]));
        host.turn();
    }
    let failure = host.ask(Request::Accept { who: None }).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NoSuch);
    assert!(
        failure.line.starts_with("several match: bob@127.0.0.2:7777, bob@127.0.0.2:7848, eve@"),
        "{failure:?}"
    );
    let Ok(Reply::Chat { chat, .. }) = host.ask(Request::Accept { who: Some("bob".to_owned()) }) else {
        panic!("not accepted")
    };
    assert_eq!(chat.peer.address, peer(2).to_string());
    host.ask(Request::Decline { who: Some("eve".to_owned()) }).unwrap();
    // One is left under the name of somebody who is in a chat. If another comes from elsewhere, nobody says which.
    host.driver.arrives(peer(4), Datagram::new(Operation::Syn, 0, UserName::new("bob").unwrap(), vec![]));
    host.turn();
    for who in [None, Some("bob".to_owned())] {
        assert_eq!(host.ask(Request::Decline { who }).unwrap_err().kind, FailureKind::NoSuch);
    }
}

#[test]
fn a_request_from_the_port_of_simp_goes_before_an_older_one_from_another_port_of_its_host() {
    let mut host = Host::new(9);
    for who in [at(2, 7848), peer(2)] {
        host.driver.arrives(who, Datagram::new(Operation::Syn, 0, UserName::new("bob").unwrap(), vec![]));
        host.turn();
    }
    let Ok(Reply::Chat { chat, .. }) = host.ask(Request::Accept { who: Some("bob".to_owned()) }) else {
        panic!("not accepted")
    };
    assert_eq!(chat.peer.address, peer(2).to_string());
}
