//! Peers that open a channel to us, and invite.

use simp_control::{KeyId, Reply, Request, State, TrustedKey};
use simp_engine::{Accept, ChannelCommand, ChannelEvent, Policy, Secrecy};
use simp_proto::secure::{Broken, ChannelId, ChatId, Frame, Hello, Stands};

use super::{Host, ask_me, hello, peer};
use crate::driver::{connect, keep_for};

fn bob() -> KeyId {
    KeyId::new([255; 32])
}

impl Host {
    fn happens(&mut self, events: impl IntoIterator<Item = ChannelEvent>) -> Vec<ChannelCommand> {
        self.driver.inputs.channels.extend(events);
        self.turn();
        self.driver.commanded()
    }

    /// A peer opens a channel of this name, and invites.
    fn is_invited(&mut self, channel: ChannelId) -> Vec<ChannelCommand> {
        self.is_invited_from(2, channel)
    }

    /// The same, at the address of this number.
    fn is_invited_from(&mut self, place: u8, channel: ChannelId) -> Vec<ChannelCommand> {
        let invites = hello("bob", ChatId(77), Stands::Inviting);
        let incoming = ChannelEvent::Incoming(channel, bob(), peer(place));
        self.happens([incoming, ChannelEvent::Frame(channel, invites)])
    }

    fn states(&mut self) -> Vec<State> {
        self.chats().into_iter().map(|chat| chat.state).collect()
    }
}

#[test]
fn an_invitation_that_was_on_its_way_when_both_invited_does_not_end_the_chat() {
    let mut host = Host::with(Policy { secrecy: Secrecy::Prefer, ..ask_me(4) });
    host.ask(connect(peer(2))).unwrap();
    let opens = host.driver.commanded();
    let [.., ChannelCommand::Open(ours, ..)] = opens[..] else { panic!("{opens:?}") };
    let said = host.happens([ChannelEvent::Opened(ours, bob())]);
    let [ChannelCommand::Write(_, Frame::Hello(Hello { chat, .. }))] = said[..] else { panic!("{said:?}") };
    host.happens([ChannelEvent::Frame(ours, hello("bob", chat, Stands::Open))]);
    assert_eq!(host.states(), [State::Open]);
    let late = ChannelId(1);
    let commands = host.is_invited(late);
    assert!(matches!(commands[..], [ChannelCommand::End(channel)] if channel == late), "{commands:?}");
    assert_eq!(host.states(), [State::Open]);
    // If it is meant, it comes again.
    host.now += 5_000;
    host.is_invited(ChannelId(3));
    assert_eq!(host.states(), [State::Invited]);
}

#[test]
fn an_invitation_of_ours_that_nobody_hears_does_not_keep_the_peer_out_elsewhere() {
    let mut host = Host::with(Policy { secrecy: Secrecy::Prefer, ..ask_me(4) });
    let known = TrustedKey { who: peer(2).to_string(), key: bob() };
    host.ask(Request::TrustKeys { keys: vec![known] }).unwrap();
    host.ask(connect(peer(2))).unwrap();
    let opens = host.driver.commanded();
    let [.., ChannelCommand::Open(ours, ..)] = opens[..] else { panic!("{opens:?}") };
    let theirs = ChannelId(1);
    let commands = host.is_invited_from(3, theirs);
    let is_ended = |which| commands.iter().any(|it| matches!(it, ChannelCommand::End(it) if *it == which));
    assert_eq!([ours, theirs].map(is_ended), [true, false]);
    let chats = host.chats();
    assert_eq!((chats.len(), chats[0].state, &chats[0].peer.address), (1, State::Open, &peer(3).to_string()));
}

#[test]
fn a_peer_is_looked_for_where_it_was_last() {
    let mut host = Host::with(Policy { secrecy: Secrecy::Prefer, accept: Accept::All, ..ask_me(4) });
    let channel = ChannelId(1);
    host.is_invited(channel);
    let moved = ChannelEvent::Moved(channel, peer(5));
    host.happens([moved, ChannelEvent::Broken(channel, Broken::Lost)]);
    let chats = host.chats();
    assert_eq!((chats.len(), chats[0].state, &chats[0].peer.address), (1, State::Open, &peer(5).to_string()));
}

#[test]
fn what_waits_where_a_peer_has_come_to_is_not_handed_to_its_chat_that_began_elsewhere() {
    let mut host = Host::with(Policy { secrecy: Secrecy::Prefer, accept: Accept::All, ..ask_me(4) });
    let channel = ChannelId(1);
    host.is_invited(channel);
    // That it is the same peer nobody knows.
    let keep = |text| keep_for("nas", Some(peer(5)), text, None);
    host.ask(keep("one")).unwrap();
    host.happens([ChannelEvent::Moved(channel, peer(5))]);
    // Each turn is followed by a look at what waits in the chat, and in the log for it.
    host.ask(keep("two")).unwrap();
    assert_eq!((host.chats()[0].queued, host.outbox().len()), (0, 2));
    let Reply::Cancelled { messages, in_flight, .. } =
        host.ask(Request::CancelAll { who: None, after: 0 }).unwrap()
    else {
        panic!("not cancelled")
    };
    assert_eq!((messages.len(), in_flight.len()), (2, 0));
}
