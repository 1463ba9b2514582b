//! Names that are, or look like, those of peers whose keys are known.

use simp_control::{KeyId, Reply, Request, State, TrustedKey};
use simp_engine::{Accept, ChannelCommand, ChannelEvent, Policy, Secrecy};
use simp_proto::secure::{ChannelId, ChatId, Frame, Stands};
use simp_proto::{Datagram, Operation, UserName};

use super::{Host, ask_me, hello, peer};

fn key(n: u8) -> KeyId {
    KeyId::new([n; 32])
}

fn with(accept: &str) -> Host {
    let accept = Accept::parse(accept).unwrap();
    Host::with(Policy { secrecy: Secrecy::Prefer, accept, ..ask_me(9) })
}

impl Host {
    /// Somebody with key number `n`, at address number `n`, invites us under this name.
    fn is_invited_by(&mut self, n: u8, user: &str) -> Vec<ChannelCommand> {
        // Each time in a new chat.
        self.now += 1;
        let channel = ChannelId(self.now * 2 + 1);
        let hello = hello(user, ChatId(self.now), Stands::Inviting);
        let incoming = ChannelEvent::Incoming(channel, key(n), peer(n));
        self.driver.inputs.channels.extend([incoming, ChannelEvent::Frame(channel, hello)]);
        self.turn();
        self.driver.commanded()
    }

    /// The same in the clear.
    fn is_invited_plainly(&mut self, n: u8, user: &str) {
        let syn = Datagram::new(Operation::Syn, 0, UserName::new(user).unwrap(), vec![]);
        self.driver.arrives(peer(n), syn);
        self.turn();
    }

    fn trusts(&mut self, who: &str, n: u8) {
        let keys = vec![TrustedKey { who: who.to_owned(), key: key(n) }];
        assert_eq!(self.ask(Request::TrustKeys { keys }), Ok(Reply::Done));
    }

    /// The user, the state and the note of each chat.
    fn shown(&mut self) -> Vec<(String, State, Option<String>)> {
        self.chats().into_iter().map(|chat| (chat.peer.user, chat.state, chat.note)).collect()
    }
}

fn said(user: &str, state: State, note: Option<&str>) -> (String, State, Option<String>) {
    (user.to_owned(), state, note.map(str::to_owned))
}

/// What the peer is told as its invitation is refused.
fn reason(commands: &[ChannelCommand]) -> &str {
    match commands {
        [.., ChannelCommand::Write(_, Frame::Bye { reason: Some(reason) }), ChannelCommand::End(_)] => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_that_looks_like_that_of_a_peer_with_a_key_is_shown_as_such() {
    let mut host = with("ask");
    host.trusts("bob", 1);
    host.is_invited_by(2, "b\u{43e}b");
    host.is_invited_by(3, "rob");
    host.is_invited_by(1, "bob");
    let expected = [
        said("b\u{43e}b", State::Invited, Some("looks like bob")),
        said("rob", State::Invited, None),
        said("bob", State::Invited, None),
    ];
    assert_eq!(host.shown(), expected);
}

#[test]
fn a_list_does_not_accept_for_a_name_that_somebody_else_is_known_by() {
    let mut host = with("bob");
    host.is_invited_by(1, "bob");
    assert_eq!(host.shown(), [said("bob", State::Open, None)]);
    // Another one, and one that shows no key.
    host.is_invited_by(2, "bob");
    host.is_invited_plainly(3, "bob");
    let known = Some("another key is known for bob");
    let asked = || said("bob", State::Invited, known);
    assert_eq!(host.shown(), [said("bob", State::Open, None), asked(), asked()]);
    // Where they are, or with which key, says enough.
    let key = key(2);
    for list in ["bob@127.0.0.2", "127.0.0.2:7777", &format!("bob,{key}")] {
        let mut host = with(&format!("bob,{list}"));
        host.is_invited_by(1, "bob");
        host.is_invited_by(2, "bob");
        assert_eq!(host.shown(), [said("bob", State::Open, None), said("bob", State::Open, known)], "{list}");
    }
}

#[test]
fn a_name_with_a_trusted_key_is_held_to_it() {
    let mut host = with("all");
    host.trusts("bob", 1);
    let refused = host.is_invited_by(2, "bob");
    assert_eq!(
        reason(&refused),
        "another key is known of bob there (if yours is right, its user there has to forget it: simpctl keys forget bob)"
    );
    host.is_invited_plainly(3, "bob");
    assert_eq!(host.shown(), []);
    host.is_invited_by(1, "bob");
    assert_eq!(host.shown(), [said("bob", State::Open, None)]);
}

#[test]
fn whoever_is_known_by_a_name_is_meant_by_it_although_somebody_else_is_too() {
    let mut host = with("all");
    for n in [1, 2, 1] {
        // One that comes at once may be older than the chat.
        host.now += 10_000;
        host.is_invited_by(n, "bob");
    }
    assert_eq!(host.shown().iter().map(|(_, _, note)| note.is_some()).collect::<Vec<_>>(), [true, false]);
}
