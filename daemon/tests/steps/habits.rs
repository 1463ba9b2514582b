//! How peers speak: listed together with what simpd.toml says, and forgotten also by the chats that began with it.

use simp_control::{Forgotten, Kind, PeerInfo, Reply, Request};
use simp_engine::{Accept, Pins, Policy};
use simp_proto::Operation;
use simp_store::Store;

use super::{Host, SocketAddr, ask_me, peer};

fn pins(table: &[(&str, &str)]) -> Pins {
    let mut pins = Pins::default();
    for (key, habits) in table {
        pins.add(key, habits).unwrap();
    }
    pins
}

fn learn(store: &mut Store, address: SocketAddr, dialect: &str) {
    store.learn(1, address, "bob", dialect.parse().unwrap()).unwrap();
}

fn listed(host: &mut Host, after: &str) -> (Vec<PeerInfo>, bool) {
    match host.ask(Request::Peers { after: after.to_owned() }).unwrap() {
        Reply::Peers { peers, more } => (peers, more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_learned_and_what_is_pinned_is_one_list_in_parts() {
    let addresses = (0..1_500_u16).map(|n| SocketAddr::from(([127, 0, 1, 1], 1_000 + n)));
    let mut expected: Vec<String> = addresses.clone().map(|address| address.to_string()).collect();
    let table =
        [("127.0.0.9", "plain"), ("127.0.1.1:1003", "rings"), ("127.0.9.9:1", "takes-turns"), ("::1", "odd")];
    let policy = Policy { pins: pins(&table), ..ask_me(1) };
    let mut host = Host::over(policy, |store| addresses.for_each(|address| learn(store, address, "odd")));
    expected.extend(["127.0.0.9", "127.0.9.9:1", "::1"].map(str::to_owned));
    expected.sort_unstable();
    let (mut all, mut parts, mut more) = (Vec::<PeerInfo>::new(), 0, true);
    while more {
        let after = all.last().map(|info| info.peer.address.clone()).unwrap_or_default();
        let (part, is_more) = listed(&mut host, &after);
        all.extend(part);
        (parts, more) = (parts + 1, is_more);
    }
    assert_eq!(all.iter().map(|info| info.peer.address.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(parts, 8, "200 in each");
    let of = |address: &str| all.iter().find(|info| info.peer.address == address).unwrap();
    let what = |info: &PeerInfo| (info.dialect.clone(), info.peer.user.clone(), info.seen_ms, info.pinned);
    assert_eq!(what(of("127.0.1.1:1003")), ("rings".to_owned(), "bob".to_owned(), Some(1), true));
    assert_eq!(what(of("127.0.1.1:1004")), ("odd".to_owned(), "bob".to_owned(), Some(1), false));
    assert_eq!(what(of("::1")), ("odd".to_owned(), String::new(), None, true));
}

#[test]
fn what_an_invitation_began_with_is_not_kept_again_once_it_is_forgotten() {
    let other_port = SocketAddr::from(([127, 0, 0, 2], 1));
    let mut host = Host::over(ask_me(1), |store| learn(store, other_port, "ignores-repeats"));
    host.connect(peer(2));
    let forgotten = Forgotten::Who(other_port.to_string());
    assert_eq!(host.ask(Request::ForgetPeer(forgotten)).unwrap(), Reply::Forgotten { peers: 1 });
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(host.status().notes.len(), 1, "the chat is open, and goes on as it began");
    assert_eq!(listed(&mut host, "").0, []);
}

#[test]
fn of_very_many_open_chats_the_first_are_told_of() {
    let hosts: Vec<u8> = (2..=104).rev().collect();
    let names: Vec<String> = hosts.iter().map(|n| peer(*n).ip().to_string()).collect();
    let habits = |n: &u8| match *n {
        3 => "odd",
        4 => "takes-turns, cuts-at=500",
        _ => "takes-turns",
    };
    let table: Vec<_> = names.iter().map(String::as_str).zip(hosts.iter().map(habits)).collect();
    let mut host = Host::with(Policy { accept: Accept::All, pins: pins(&table), ..ask_me(200) });
    for n in [3, 2, 4].into_iter().chain(hosts.into_iter().filter(|n| *n > 4)) {
        host.hears(peer(n), Operation::Syn, 0);
        host.hears(peer(n), Operation::Ack, 0);
    }
    let notes: Vec<_> =
        host.status().notes.into_iter().map(|special| (special.peer.address, special.note)).collect();
    let first = [(2, "takes turns"), (4, "takes turns; cuts at 500 bytes"), (104, "takes turns")];
    assert_eq!(notes[..3], first.map(|(n, note)| (peer(n).to_string(), note.to_owned())));
    assert_eq!((notes.len(), host.status().chats), (100, 103));
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
    host.accept();
    host.hears(peer(2), Operation::Ack, 0);
    host.hears(peer(2), Operation::Fin, 0);
    assert_eq!(listed(&mut host, "").0[0].dialect, "plain");
    host.waits(60_000);
    opens(&mut host, 1);
    host.quit(true);
    host.hears(peer(2), Operation::Ack, 0);
    // Forgotten a moment ago, something of that chat may still come.
    host.ask(Request::ForgetPeer(Forgotten::All)).unwrap();
    opens(&mut host, 1);
    host.quit(true);
    host.hears(peer(2), Operation::Ack, 0);
    host.waits(60_000);
    opens(&mut host, 2);
    // Whoever is pinned may have had any number of chats.
    let pins = pins(&[("127.0.0.2", "plain")]);
    opens(&mut Host::with(Policy { pins, ..ask_me(1) }), 0);
}
