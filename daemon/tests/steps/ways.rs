//! Whether a chat is to be secure: what leaves first, what follows if nobody answers, and what is refused.

use simp_control::{Kind, Reason, Request, What};
use simp_engine::{ChannelCommand, ChannelEvent, Policy, Secrecy};
use simp_proto::Operation;
use simp_proto::secure::{Broken, ChannelId, KeyId};

use super::{Host, ask_me, peer};
use crate::driver;

fn bob() -> KeyId {
    KeyId::new([255; 32])
}

fn with(secrecy: Secrecy) -> Host {
    Host::with(Policy { secrecy, ..ask_me(4) })
}

impl Host {
    /// Invites a peer, and says which channel is opened for that, if one is.
    fn invites(&mut self, n: u8, secure: Option<bool>) -> Option<(ChannelId, Option<KeyId>)> {
        let address = peer(n).to_string();
        self.ask(Request::Connect { address, timeout_ms: None, secure }).unwrap();
        self.opened()
    }

    fn opened(&mut self) -> Option<(ChannelId, Option<KeyId>)> {
        let open = |command| match command {
            ChannelCommand::Open(channel, _, key) => Some((channel, key)),
            _ => None,
        };
        self.driver.commanded().into_iter().find_map(open)
    }

    fn breaks(&mut self, channel: ChannelId, why: Broken) {
        self.driver.inputs.channels.push(ChannelEvent::Broken(channel, why));
        self.turn();
    }

    fn knows(&mut self, n: u8, key: KeyId) {
        let keys = vec![simp_control::TrustedKey { who: peer(n).to_string(), key }];
        self.ask(Request::TrustKeys { keys }).unwrap();
    }

    fn ends(&mut self) -> Vec<Reason> {
        let reason = |what| if let What::Closed { reason, .. } = what { Some(reason) } else { None };
        self.log(Kind::Closed).into_iter().filter_map(|event| reason(event.what)).collect()
    }
}

#[test]
fn whoever_does_not_answer_securely_is_invited_in_the_clear_and_so_it_is_for_ten_minutes() {
    for why in [Broken::Unreachable, Broken::NoAnswer] {
        let mut host = with(Secrecy::Prefer);
        let (channel, key) = host.invites(2, None).unwrap();
        assert_eq!((key, host.said()), (None, vec![]), "nothing in the clear yet");
        host.breaks(channel, why);
        assert_eq!((host.said(), host.opened()), (vec![Operation::Syn], None));
        host.quit(true);
        host.until(60_000);
        host.now = 60_000;
        host.driver.commanded();
        assert_eq!(host.invites(2, None), None, "it is plain, as far as is known");
        host.quit(true);
        host.until(700_000);
        host.now = 700_000;
        assert!(host.invites(2, None).is_some(), "perhaps it no longer is");
    }
}

#[test]
fn where_nobody_has_answered_in_any_way_a_secure_chat_is_tried_again() {
    for is_reached in [false, true] {
        let mut host = with(Secrecy::Prefer);
        let (channel, _) = host.invites(2, None).unwrap();
        host.breaks(channel, Broken::Unreachable);
        assert_eq!(host.said(), [Operation::Syn]);
        let end = if is_reached {
            host.quit(true);
            Reason::Quit
        } else {
            host.cannot_reach(peer(2));
            Reason::NobodyThere
        };
        host.until(60_000);
        host.now = 60_000;
        assert_eq!(host.ends(), [end]);
        host.driver.commanded();
        assert_eq!(host.invites(2, None).is_some(), !is_reached);
    }
}

#[test]
fn who_has_no_room_for_a_secure_chat_is_asked_for_one_again() {
    let mut host = with(Secrecy::Prefer);
    let (channel, _) = host.invites(2, None).unwrap();
    host.breaks(channel, Broken::Refused);
    host.until(10_000);
    assert_eq!(host.said(), []);
    let (channel, _) = host.opened().unwrap();
    host.breaks(channel, Broken::NoAnswer);
    assert_eq!(host.said(), [Operation::Syn]);
}

#[test]
fn whoever_has_a_known_key_is_never_invited_in_the_clear() {
    let mut host = with(Secrecy::Prefer);
    host.knows(2, bob());
    let (channel, key) = host.invites(2, None).unwrap();
    assert_eq!(key, Some(bob()));
    host.breaks(channel, Broken::NoAnswer);
    host.until(60_000);
    assert_eq!(host.said(), []);
    let (channel, _) = host.opened().unwrap();
    host.breaks(channel, Broken::OtherKey(KeyId::new([1; 32])));
    assert_eq!((host.said(), host.ends()), (vec![], vec![Reason::OtherKey]));
    // But our user may say otherwise.
    assert_eq!((host.invites(2, Some(false)), host.said()), (None, vec![Operation::Syn]));
}

#[test]
fn what_is_to_be_secure_does_not_become_plain() {
    for (secrecy, secure) in [(Secrecy::Prefer, Some(true)), (Secrecy::Require, None)] {
        let mut host = with(secrecy);
        let (channel, _) = host.invites(2, secure).unwrap();
        host.breaks(channel, Broken::Unreachable);
        assert_eq!((host.said(), host.ends()), (vec![], vec![Reason::NobodyThere]));
    }
    let mut host = with(Secrecy::Off);
    let address = peer(2).to_string();
    let asked = Request::Connect { address: address.clone(), timeout_ms: None, secure: Some(true) };
    let refused = host.ask(asked).unwrap_err();
    let remedy = "set secure = \"prefer\" in simpd.toml, and restart simpd";
    assert_eq!(refused.line, format!("{address}: secure chats with it are off ({remedy})"));
    assert_eq!((host.invites(2, None), host.said()), (None, vec![Operation::Syn]));
}

#[test]
fn an_invitation_that_may_be_either_is_secure_or_nothing_once_that_is_wanted() {
    let mut host = with(Secrecy::Prefer);
    let (channel, _) = host.invites(2, None).unwrap();
    assert_eq!(host.invites(2, Some(true)), None, "it is the same");
    host.breaks(channel, Broken::Unreachable);
    assert_eq!((host.said(), host.ends()), (vec![], vec![Reason::NobodyThere]));
}

#[test]
fn an_invitation_in_the_clear_is_refused_if_a_secure_chat_is_possible_or_demanded() {
    let mut host = with(Secrecy::Prefer);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.chats().len(), 1, "nothing is known of that one");
    host.knows(2, bob());
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), [Operation::Err, Operation::Fin]);
    assert_eq!(host.chats().len(), 1);
    let mut host = with(Secrecy::Require);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!((host.said(), host.chats().len()), (vec![Operation::Err, Operation::Fin], 0));
}

#[test]
fn a_peer_that_invites_in_the_clear_while_we_try_is_invited_so_too() {
    let mut host = with(Secrecy::Prefer);
    let (channel, _) = host.invites(2, None).unwrap();
    host.hears(peer(2), Operation::Syn, 0);
    assert!(host.said().contains(&Operation::SynAck), "both invite");
    host.breaks(channel, Broken::NoAnswer);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.log(Kind::Opened).len(), 1);
}

#[test]
fn an_invitation_is_made_anew_after_a_restart_by_the_same_rules() {
    for (secure, is_plain_in_the_end) in [(None, true), (Some(true), false)] {
        let mut host = with(Secrecy::Prefer);
        host.invites(2, secure).unwrap();
        let now = host.moment();
        let policy = Policy { secrecy: Secrecy::Prefer, ..ask_me(4) };
        let driver = driver::Driver::start(now, policy, peer(1), host.driver.killed(), 7);
        let mut host = Host { driver, ..host };
        host.turn();
        let (channel, _) = host.opened().unwrap();
        host.breaks(channel, Broken::Unreachable);
        assert_eq!(host.said().contains(&Operation::Syn), is_plain_in_the_end, "{secure:?}");
    }
}
