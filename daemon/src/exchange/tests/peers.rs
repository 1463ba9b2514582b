//! How peers speak: listed together with what simpd.toml says, and forgotten also by the chats that began with it.

use std::collections::BTreeMap;

use simp_control::{Forgotten, PeerInfo};

use super::*;
use crate::pins::{Pins, Value};

fn pins(table: &[(&str, &str)]) -> Pins {
    let value = |(key, habits): &(&str, &str)| ((*key).to_owned(), Value::Habits((*habits).to_owned()));
    Pins::parse(table.iter().map(value).collect::<BTreeMap<_, _>>()).unwrap()
}

fn learn(host: &mut Host, address: SocketAddr, dialect: &str) {
    let (user, dialect) = (UserName::new("bob").unwrap(), dialect.parse().unwrap());
    host.exchange.store.learn(1, address, user, dialect).unwrap();
}

fn listed(host: &Host, after: &str) -> (Vec<PeerInfo>, bool) {
    match host.exchange.list_peers(after).unwrap() {
        Reply::Peers { peers, more } => (peers, more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_learned_and_what_is_pinned_is_one_list_in_parts() {
    let mut host = Host::new(1);
    let mut expected: Vec<String> = Vec::new();
    for n in 0..1_500_u16 {
        let address = SocketAddr::from(([127, 0, 1, 1], 1_000 + n));
        learn(&mut host, address, "odd");
        expected.push(address.to_string());
    }
    let table =
        [("127.0.0.9", "plain"), ("127.0.1.1:1003", "rings"), ("127.0.9.9:1", "echoes"), ("::1", "odd")];
    host.exchange.pins = pins(&table);
    expected.extend(["127.0.0.9", "127.0.9.9:1", "::1"].map(str::to_owned));
    expected.sort_unstable();
    let (mut all, mut parts, mut more) = (Vec::<PeerInfo>::new(), 0, true);
    while more {
        let after = all.last().map(|info| info.peer.address.clone()).unwrap_or_default();
        let (part, is_more) = listed(&host, &after);
        all.extend(part);
        (parts, more) = (parts + 1, is_more);
    }
    assert_eq!(all.iter().map(|info| info.peer.address.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(parts, 2);
    let of = |address: &str| all.iter().find(|info| info.peer.address == address).unwrap();
    let what = |info: &PeerInfo| (info.dialect.clone(), info.peer.user.clone(), info.seen_ms, info.pinned);
    assert_eq!(what(of("127.0.1.1:1003")), ("rings".to_owned(), "bob".to_owned(), Some(1), true));
    assert_eq!(what(of("127.0.1.1:1004")), ("odd".to_owned(), "bob".to_owned(), Some(1), false));
    assert_eq!(what(of("::1")), ("odd".to_owned(), String::new(), None, true));
}

#[test]
fn what_an_invitation_began_with_is_not_kept_again_once_it_is_forgotten() {
    let mut host = Host::new(1);
    learn(&mut host, SocketAddr::from(([127, 0, 0, 2], 1)), "ignores-repeats");
    host.exchange.connect(host.moment(), "127.0.0.2", None).unwrap();
    let forgotten = Forgotten::Who("127.0.0.2:1".to_owned());
    assert_eq!(host.exchange.forget_peer(&forgotten).unwrap(), Reply::Forgotten { peers: 1 });
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(host.exchange.chats.notes(9).len(), 1, "the chat is open, and goes on as it began");
    assert_eq!(listed(&host, "").0, []);
}

#[test]
fn of_very_many_open_chats_the_first_are_told_of() {
    let mut host = Host::new(9);
    host.exchange.config.accept = Accept::All;
    host.exchange.pins =
        pins(&[("127.0.0.2", "takes-turns"), ("127.0.0.4", "takes-turns, echoes"), ("127.0.0.5", "odd")]);
    for n in [5, 2, 3, 4] {
        host.hears(peer(n), Operation::Syn, 0);
        host.hears(peer(n), Operation::Ack, 0);
    }
    let notes = |limit| {
        let notes = host.exchange.chats.notes(limit).into_iter();
        notes.map(|special| (special.peer.address, special.note)).collect::<Vec<_>>()
    };
    let all = [(2, "takes turns"), (4, "takes turns; sends our texts back")]
        .map(|(n, note)| (peer(n).to_string(), note.to_owned()));
    assert_eq!(notes(9), all);
    assert_eq!(notes(1), all[..1]);
}

#[test]
fn the_message_of_a_stranger_is_of_the_chat_that_it_is_invited_to_and_that_of_another_may_be_older() {
    let opens = |host: &mut Host, opened: usize| {
        host.connect(peer(2));
        host.hears(peer(2), Operation::Chat, 0);
        assert_eq!(host.log(Kind::Opened).len(), opened);
    };
    opens(&mut Host::new(1), 1);
    // One with which there was a chat, plain as it was.
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.exchange.accept(host.moment(), None).unwrap();
    host.hears(peer(2), Operation::Ack, 0);
    host.hears(peer(2), Operation::Fin, 0);
    assert_eq!(listed(&host, "").0[0].dialect, "plain");
    host.waits(60_000);
    opens(&mut host, 1);
    host.quit(true);
    host.hears(peer(2), Operation::Ack, 0);
    // Forgotten a moment ago, something of that chat may still come.
    host.exchange.forget_peer(&Forgotten::All).unwrap();
    opens(&mut host, 1);
    host.quit(true);
    host.hears(peer(2), Operation::Ack, 0);
    host.waits(60_000);
    opens(&mut host, 2);
    // Whoever is pinned may have had any number of chats.
    let mut host = Host::new(1);
    host.exchange.pins = pins(&[("127.0.0.2", "plain")]);
    opens(&mut host, 0);
}
