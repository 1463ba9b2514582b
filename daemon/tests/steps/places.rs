//! Places, for chats and for requests: whoever takes one and is not there gives way to whoever comes.

use simp_control::{Event, Kind, Reason, Request, State, What};
use simp_engine::Accept;
use simp_proto::{Datagram, Operation, UserName};

use super::{Host, SocketAddr, datagram, peer};
use crate::driver::{self, Uplink};

/// Who is let in without asking.
fn open_to(accept: &str, max_chats: usize) -> Host {
    Host::with(driver::policy("ann", Accept::parse(accept).unwrap(), max_chats))
}

/// Somebody in another network.
fn afar(network: u8, host: u8) -> SocketAddr {
    SocketAddr::from(([127, 9, network, host], 7777))
}

impl Host {
    /// SYN and ACK, as anybody can send them who does not hear what comes between.
    fn is_knocked_at(&mut self, from: SocketAddr) {
        self.hears(from, Operation::Syn, 0);
        self.hears(from, Operation::Ack, 0);
    }

    fn is_in(&mut self, address: SocketAddr) -> bool {
        self.chats().iter().any(|chat| chat.peer.address == address.to_string())
    }

    /// Why chats and requests are over, in order.
    fn ended(&self) -> Vec<(String, Reason)> {
        let reason = |event: Event| match event.what {
            What::Closed { reason, .. } => (event.peer.address, reason),
            other => panic!("{other:?}"),
        };
        self.log(Kind::Closed).into_iter().map(reason).collect()
    }
}

#[test]
fn chats_that_nobody_is_in_make_room_for_a_newcomer() {
    let mut host = open_to("all", 3);
    for n in 11..14 {
        host.is_knocked_at(peer(n));
    }
    host.waits(20_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    // Each is asked twice, and the newcomer hears nothing meanwhile.
    let asked: Vec<_> = (11..14).map(|n| (peer(n), Operation::SynAck)).collect();
    assert_eq!(host.sends(), asked);
    let mut again = host.waits(2_900);
    again.sort_by_key(|(to, _)| *to);
    assert_eq!(again, asked);
    let mut said = host.waits(200);
    assert_eq!(said.pop(), Some((peer(2), Operation::SynAck)));
    said.sort_by_key(|(to, _)| *to);
    assert_eq!(said, [11, 12, 13].map(|n| (peer(n), Operation::Fin)));
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!((host.status().chats, host.ended().len()), (1, 3));
    assert!(host.ended().iter().all(|(_, reason)| *reason == Reason::PeerGone));
}

#[test]
fn whoever_invites_anew_in_the_turn_in_which_it_is_asked_leaves_nothing_of_the_old_chat_behind() {
    let mut host = open_to("all", 1);
    host.is_knocked_at(peer(11));
    host.waits(20_000);
    host.says();
    for n in [2, 11] {
        host.driver.arrives(peer(n), datagram(Operation::Syn, 0, ""));
    }
    // It checks that each timer is of something.
    host.turn();
    assert!(host.is_in(peer(11)));
    // The new chat has to show that somebody is there too. Until then the newcomer waits.
    assert_eq!(host.sends(), [(peer(11), Operation::SynAck); 2]);
    assert_eq!(host.waits(3_100).last(), Some(&(peer(2), Operation::SynAck)));
    assert!(!host.is_in(peer(11)));
}

#[test]
fn whoever_says_that_it_is_there_stays_and_the_newcomer_is_told_that_we_are_busy() {
    let mut host = open_to("all", 2);
    for n in [11, 12] {
        host.is_knocked_at(peer(n));
    }
    host.waits(600_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    host.says();
    host.hears(peer(11), Operation::Ack, 0);
    assert_eq!(host.says(), [], "the other one may be gone");
    host.hears(peer(12), Operation::Ack, 0);
    let busy = [(peer(2), Operation::Err), (peer(2), Operation::Fin)];
    assert_eq!(host.sends(), busy);
    // They need not say it again for a while. Whoever only keeps sending ACKs must go on.
    host.waits(59_000);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.sends(), busy.map(|(_, operation)| (peer(3), operation)));
    assert!(host.is_in(peer(11)) && host.is_in(peer(12)));
    host.waits(2_000);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.said(), [Operation::SynAck; 2]);
}

#[test]
fn whoever_has_acknowledged_four_messages_or_was_wanted_by_our_user_is_not_asked() {
    let mut host = open_to("bob", 3);
    // Let in, and has heard us.
    host.is_knocked_at(peer(11));
    host.is_heard_by(peer(11));
    // Invited by our user.
    host.connect(peer(12));
    host.hears(peer(12), Operation::SynAck, 0);
    // Accepted by our user.
    host.driver.arrives(peer(13), Datagram::new(Operation::Syn, 0, UserName::new("eve").unwrap(), vec![]));
    host.turn();
    host.accept();
    host.hears(peer(13), Operation::Ack, 0);
    host.waits(590_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), [Operation::Err, Operation::Fin]);
    assert_eq!(host.status().chats, 3);
}

#[test]
fn whoever_has_acknowledged_much_and_then_nothing_for_ten_minutes_is_asked_and_gives_way_last() {
    let mut host = open_to("all", 2);
    for n in [11, 12] {
        host.is_knocked_at(peer(n));
        host.is_heard_by(peer(n));
    }
    host.waits(600_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.sends(), [11, 12].map(|n| (peer(n), Operation::SynAck)));
    host.hears(peer(11), Operation::Ack, 0);
    host.waits(3_100);
    assert!(host.is_in(peer(11)) && host.is_in(peer(2)) && !host.is_in(peer(12)));
    // What answered is in peace for as long again, and the next newcomer takes the place of the one before.
    host.hears(peer(3), Operation::Syn, 0);
    host.waits(3_100);
    assert!(host.is_in(peer(11)) && host.is_in(peer(3)));
}

#[test]
fn an_invitation_that_is_never_completed_keeps_its_place_for_three_seconds() {
    let mut host = open_to("all", 2);
    for n in [11, 12] {
        host.hears(peer(n), Operation::Syn, 0);
    }
    host.now = 2_000;
    host.hears(peer(2), Operation::Syn, 0);
    host.says();
    assert_eq!(host.waits(1_500).last(), Some(&(peer(2), Operation::SynAck)));
    assert!(!host.is_in(peer(11)) && !host.is_in(peer(12)));
}

#[test]
fn whoever_speaks_and_does_not_answer_gives_way_to_one_who_finds_no_other_place() {
    let mut host = open_to("all", 3);
    for n in [11, 12, 13] {
        host.is_knocked_at(peer(n));
        host.now += 1;
    }
    host.hears(peer(2), Operation::Syn, 0);
    host.says();
    // That can be said without hearing us, but not all who are there can answer.
    for n in [11, 12] {
        host.hears(peer(n), Operation::Chat, 0);
    }
    host.waits(3_100);
    assert!(host.is_in(peer(2)) && !host.is_in(peer(13)), "whoever says nothing goes first");
    host.hears(peer(2), Operation::Ack, 0);
    // Of the others the last that came, and at once.
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.sends().pop(), Some((peer(3), Operation::SynAck)));
    assert!(host.is_in(peer(11)) && !host.is_in(peer(12)));
}

#[test]
fn whoever_sends_without_pause_and_does_not_hear_us_keeps_nobody_out() {
    // Many times as often as one that is there would.
    for blind in [Operation::Ack, Operation::Chat, Operation::SynAck] {
        for every in [250, 1_000, 2_500] {
            let mut host = open_to("all", 4);
            for n in 11..15 {
                host.is_knocked_at(peer(n));
            }
            let mut got_in = 0;
            for round in 0..40_000 / every {
                host.waits(every);
                for n in 11..15 {
                    host.hears(peer(n), blind, (round % 2) as u8);
                }
                if got_in == 0 && host.now >= 15_000 {
                    host.hears(peer(2), Operation::Syn, 0);
                    got_in = host.now;
                }
                if host.sends().contains(&(peer(2), Operation::SynAck)) {
                    host.hears(peer(2), Operation::Ack, 0);
                }
            }
            assert!(host.is_in(peer(2)), "{blind:?} every {every} ms");
            assert_eq!(host.status().chats, 4, "the others need not go");
        }
    }
}

#[test]
fn of_those_that_send_and_those_that_hear_us_the_latter_stay() {
    let mut host = open_to("all", 2);
    host.is_knocked_at(peer(11));
    host.is_knocked_at(peer(12));
    for newcomer in 21..26 {
        for _ in 0..10 {
            host.waits(7_000);
            host.hears(peer(11), Operation::Ack, 0);
        }
        host.says();
        host.hears(peer(newcomer), Operation::Syn, 0);
        // It answers what it hears.
        for _ in 0..2 {
            if host.sends().contains(&(peer(12), Operation::SynAck)) {
                host.hears(peer(12), Operation::Ack, 0);
            }
            host.until(host.now + 1_500);
        }
        host.waits(1_000);
        assert!(host.is_in(peer(12)));
        assert!(!host.is_in(peer(11)) && host.is_in(peer(newcomer)));
        host.hears(peer(newcomer), Operation::Fin, 0);
        host.is_knocked_at(peer(11));
    }
}

#[test]
fn while_all_who_came_may_be_nobody_none_is_told_that_we_are_busy() {
    let mut host = open_to("all", 4);
    for round in 0..2_000_u32 {
        let from = SocketAddr::from(([127, 60 + (round / 250) as u8, (round % 250) as u8, 1], 7777));
        host.hears(from, Operation::Syn, 0);
        host.waits(5);
        host.hears(from, Operation::Ack, 0);
        let told = host.sends();
        assert!(told.iter().all(|(_, operation)| *operation != Operation::Err), "{round}: {told:?}");
    }
}

#[test]
fn nobody_is_asked_again_and_again_while_nothing_can_leave() {
    let mut host = open_to("all", 1);
    host.driver.uplink = Uplink::Takes(0);
    host.hears(peer(11), Operation::Syn, 0);
    for _ in 0..3 {
        host.now += 10_000;
        host.hears(peer(2), Operation::Syn, 0);
        for _ in 0..9 {
            host.turn();
        }
        assert!(host.driver.due(host.start).is_none_or(|due| due > host.now));
    }
    host.driver.uplink = Uplink::Free;
    host.waits(10_000);
    assert!(host.is_in(peer(11)));
}

#[test]
fn an_ack_that_comes_before_anything_has_left_opens_no_chat() {
    let mut host = open_to("all", 2);
    for operation in [Operation::Syn, Operation::Ack] {
        host.driver.arrives(peer(11), datagram(operation, 0, ""));
    }
    host.turn();
    host.waits(1_000);
    assert_eq!(host.chats()[0].state, State::Accepting);
    host.hears(peer(11), Operation::Ack, 0);
    assert_eq!(host.chats()[0].state, State::Open);
}

#[test]
fn a_newcomer_that_takes_its_invitation_back_is_not_let_in() {
    let mut host = open_to("all", 1);
    host.is_knocked_at(peer(11));
    host.hears(peer(2), Operation::Syn, 0);
    host.hears(peer(2), Operation::Fin, 0);
    host.waits(5_000);
    assert_eq!(host.chats(), []);
    assert_eq!(host.ended(), [(peer(11).to_string(), Reason::PeerGone)]);
}

#[test]
fn of_more_newcomers_than_wait_the_latest_do_and_their_number_is_bounded() {
    let mut host = open_to("all", 1);
    host.is_knocked_at(peer(11));
    host.says();
    for network in 0..100 {
        host.hears(afar(network, 1), Operation::Syn, 0);
    }
    assert_eq!(host.said(), [Operation::SynAck], "one is asked, and nobody is told");
    host.waits(3_100);
    assert!(host.is_in(afar(36, 1)));
    assert_eq!(host.status().counters.refused.rate, 100 - 64);
}

#[test]
fn after_a_restart_nobody_knows_who_is_there_and_they_are_asked() {
    let mut host = open_to("all", 2);
    host.is_knocked_at(peer(11));
    host.is_knocked_at(peer(12));
    host.send(peer(12));
    host.waits(1_000);
    host.hears(peer(12), Operation::Ack, 0);
    let mut host = host.restarted(2);
    host.driver.inputs.policy = Some(driver::policy("ann", Accept::All, 2));
    host.waits(10_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.sends(), [(peer(11), Operation::SynAck)]);
    host.waits(3_000);
    assert!(host.is_in(peer(2)) && host.is_in(peer(12)) && !host.is_in(peer(11)));
}

#[test]
fn who_is_asked_and_who_waits_is_forgotten_with_a_turn_that_is_undone() {
    let mut host = open_to("all", 1);
    host.is_knocked_at(peer(11));
    host.hears(peer(2), Operation::Syn, 0);
    host.disk.refuse(1);
    host.hears(peer(11), Operation::Chat, 0);
    host.waits(10_000);
    assert!(host.is_in(peer(11)));
}

#[test]
fn requests_of_one_network_leave_room_for_others_and_the_oldest_gives_way() {
    let mut host = Host::new(1);
    for n in 0..40 {
        host.now = n;
        host.hears(SocketAddr::from(([127, 9, 1, 1 + n as u8 / 4], 7000 + n as u16 % 4)), Operation::Syn, 0);
    }
    assert_eq!(host.status().requests, 16);
    let (first, last) = (afar(1, 7).ip().to_string(), afar(1, 10).ip().to_string());
    let addresses: Vec<_> = host.chats().into_iter().map(|chat| chat.peer.address).collect();
    assert!(addresses[0].starts_with(&first) && addresses[15].starts_with(&last), "{addresses:?}");
    // Nobody is told: whoever is there invites again.
    assert_eq!(host.says(), []);
    assert_eq!(host.ended().len(), 24);
    assert!(host.ended().iter().all(|(_, reason)| *reason == Reason::RequestExpired));
}

#[test]
fn of_sixty_four_requests_the_oldest_gives_way_to_whoever_comes() {
    let mut host = Host::new(1);
    for network in 0..64 {
        host.now = network.into();
        host.hears(afar(network, 1), Operation::Syn, 0);
    }
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.ended(), [(afar(0, 1).to_string(), Reason::RequestExpired)]);
    assert!(host.is_in(peer(2)));
    assert_eq!(host.status().requests, 64);
    // Its next SYN is a request again.
    host.hears(afar(0, 1), Operation::Syn, 0);
    assert!(host.is_in(afar(0, 1)) && !host.is_in(afar(1, 1)));
}

#[test]
fn a_flood_makes_few_requests_give_way() {
    let mut host = Host::new(1);
    for round in 0..10 {
        for network in 0..200 {
            host.hears(afar(network, round), Operation::Syn, 0);
        }
    }
    assert_eq!((host.status().requests, host.ended().len()), (64, 48));
    host.now = 10_000;
    for network in 0..200 {
        host.hears(afar(network, 99), Operation::Syn, 0);
    }
    assert_eq!(host.ended().len(), 48 + 20);
}

#[test]
fn ipv6_requests_of_one_site_are_of_one_network() {
    let mut host = Host::new(1);
    for n in 0..40_u16 {
        let from = SocketAddr::from(([0x2001, 0xdb8, 0, 1, n, n, n, n], 7777));
        host.hears(from, Operation::Syn, 0);
    }
    assert_eq!(host.status().requests, 16);
    host.hears(SocketAddr::from(([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1], 7777)), Operation::Syn, 0);
    assert_eq!(host.status().requests, 17);
}

#[test]
fn whoever_is_on_the_list_needs_no_place_among_the_requests() {
    let mut host = open_to("127.0.0.2", 3);
    // All places are taken, and no request gives way any more for now.
    for network in 0..200 {
        host.hears(afar(network, 1), Operation::Syn, 0);
    }
    assert_eq!(host.status().requests, 64);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), [Operation::SynAck]);
    assert!(host.ask(Request::Decline { who: Some("127.0.0.2".to_owned()) }).is_err(), "it is no request");
}
