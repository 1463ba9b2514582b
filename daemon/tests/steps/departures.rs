//! Datagrams that do not leave: the network takes no more, or our own system refuses them.

use std::net::SocketAddr;

use simp_control::{Kind, NotLeaving, Reason, State, What};
use simp_proto::Operation;

use super::{Host, peer};
use crate::driver::{self, Uplink};

/// More than all attempts take.
const LONG: u64 = 600_000;

impl Host {
    /// A chat with this peer.
    fn chats_with(&mut self, with: u8) {
        self.connect(peer(with));
        self.hears(peer(with), Operation::SynAck, 0);
        self.says();
    }

    fn uplink(&mut self, uplink: Uplink) {
        self.driver.uplink = uplink;
    }

    /// The way out is free again: what leaves at once.
    fn unblocks(&mut self) -> Vec<(SocketAddr, Operation)> {
        self.uplink(Uplink::Free);
        self.turn();
        self.waits(0);
        self.sends()
    }
}

#[test]
fn what_the_network_does_not_take_is_no_attempt_and_leaves_once_when_it_can() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    let message = host.send(peer(2));
    assert_eq!(host.waits(LONG), []);
    assert_eq!(host.chats()[0].state, State::Open);
    assert_eq!(host.unblocks(), [(peer(2), Operation::Chat)]);
    // All attempts are still there, five seconds apart.
    assert_eq!(host.waits(4_999), []);
    assert_eq!(host.waits(20_001), [(peer(2), Operation::Chat); 5]);
    host.hears(peer(2), Operation::Ack, 0);
    assert!(host.driver.log().iter().any(|event| event.what == What::Delivered { message }));
    assert_eq!(host.status().counters.not_transmitted, 0);
}

#[test]
fn a_message_that_has_left_is_not_given_up_while_no_copy_can() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.send(peer(2));
    host.uplink(Uplink::Takes(0));
    assert_eq!(host.waits(LONG), [(peer(2), Operation::Chat)], "the first");
    assert_eq!(host.unblocks(), [(peer(2), Operation::Chat)]);
    assert_eq!(host.waits(4_999), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Chat)]);
}

#[test]
fn many_chats_wait_for_one_way_out_in_order_and_answers_go_first() {
    let mut host = Host::with(driver::policy("ann", simp_engine::Accept::Ask, 100));
    for n in 2..52 {
        host.chats_with(n);
    }
    host.uplink(Uplink::Takes(0));
    for n in 2..52 {
        host.send(peer(n));
    }
    host.says();
    // The first is with the server already; all others wait in their chats.
    host.hears(peer(40), Operation::Chat, 0);
    let left = host.unblocks();
    let ack = left.iter().position(|said| *said == (peer(40), Operation::Ack)).unwrap();
    assert!(ack <= 2, "{left:?}");
    let chats = left.iter().filter(|(_, operation)| *operation == Operation::Chat).count();
    assert_eq!((left.len(), chats), (51, 50));
}

#[test]
fn an_answer_that_has_waited_for_long_does_not_leave_any_more() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    // One waits with the server, the other in the chat.
    host.hears(peer(2), Operation::Chat, 0);
    host.hears(peer(2), Operation::Chat, 0);
    host.waits(1_001);
    assert_eq!(host.unblocks(), []);
    host.hears(peer(2), Operation::Chat, 0);
    assert_eq!(host.said(), [Operation::Ack], "it comes again");
    assert_eq!(host.log(Kind::Message).len(), 1);
}

#[test]
fn strangers_get_no_answer_while_the_network_takes_nothing() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    host.send(peer(2));
    for n in 3..250 {
        host.hears(peer(n), Operation::Syn, 0);
        host.hears(peer(n), Operation::Fin, 0);
    }
    // ERR and FIN, and the ACK of a FIN.
    assert_eq!(host.status().counters.not_transmitted, 247 * 3);
    assert_eq!(host.unblocks(), [(peer(2), Operation::Chat)]);
}

#[test]
fn a_chat_goes_on_after_a_time_without_a_network_of_its_own() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Refuses);
    let message = host.send(peer(2));
    assert_eq!(host.waits(LONG), []);
    host.uplink(Uplink::Free);
    assert_eq!(host.waits(5_000), [(peer(2), Operation::Chat)]);
    assert_eq!(host.waits(25_000 - 1), [(peer(2), Operation::Chat); 4], "all attempts are still there");
    host.hears(peer(2), Operation::Ack, 0);
    assert!(host.driver.log().iter().any(|event| event.what == What::Delivered { message }));
}

#[test]
fn an_invitation_that_our_own_system_refuses_ends_at_once_with_the_reason() {
    let mut host = Host::new(1);
    host.uplink(Uplink::Refuses);
    host.connect(peer(2));
    host.turn();
    let text = Some("no way leads there".to_owned());
    let what = host.log(Kind::Closed).pop().unwrap().what;
    assert_eq!(what, What::Closed { reason: Reason::NobodyThere, text });
}

#[test]
fn the_outbox_invites_again_soon_after_a_time_without_a_network() {
    let mut host = Host::new(1);
    host.uplink(Uplink::Refuses);
    host.keep(peer(2), "hi", None);
    // Within what an invitation lasts, or it would be a peer that does not answer.
    assert_eq!(host.waits(LONG - 60_000), []);
    host.uplink(Uplink::Free);
    assert_eq!(host.waits(5_000), [(peer(2), Operation::Syn)]);
    assert_eq!(host.outbox()[0].tries, 0);
}

#[test]
fn an_invitation_and_a_goodbye_end_in_time_also_if_nothing_leaves() {
    let mut host = Host::new(2);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    host.connect(peer(3));
    host.ask(driver::quit(Some(peer(2)), false)).unwrap();
    host.waits(LONG);
    assert_eq!(host.chats(), []);
    let reasons: Vec<_> = host.log(Kind::Closed).into_iter().map(|event| event.what).collect();
    let closed = |reason| What::Closed { reason, text: None };
    assert_eq!(reasons, [closed(Reason::Quit), closed(Reason::NoAnswer)]);
}

#[test]
fn after_a_start_chats_transmit_one_after_another() {
    let mut host = Host::with(driver::policy("ann", simp_engine::Accept::Ask, 100));
    for n in 2..102 {
        host.chats_with(n);
        host.send(peer(n));
    }
    host.says();
    let mut host = host.restarted(100);
    let mut at = Vec::new();
    while at.len() < 100 {
        let (when, said) = host.until(host.now + 10_000);
        at.extend(said.into_iter().map(|_| when));
    }
    assert!(at.windows(2).all(|pair| pair[1] > pair[0]), "{at:?}");
}

#[test]
fn what_waits_for_the_port_that_a_chat_has_moved_from_holds_it_until_it_leaves_whoever_is_there_since() {
    let (mut host, moved_to) = (Host::new(3), SocketAddr::from(([127, 0, 0, 2], 40_000)));
    host.connect(peer(2));
    host.hears(moved_to, Operation::SynAck, 0);
    host.says();
    host.uplink(Uplink::Takes(0));
    // It is told that there is no chat with it.
    host.hears(peer(2), Operation::Chat, 0);
    host.hears(peer(2), Operation::Syn, 0);
    host.unblocks();
    host.send(moved_to);
    assert_eq!(host.sends(), [(moved_to, Operation::Chat)]);
}

#[test]
fn nobody_is_invited_while_a_message_of_the_last_chat_that_left_late_may_still_arrive() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    host.send(peer(2));
    host.says();
    host.hears(peer(2), Operation::Fin, 0);
    let left = host.unblocks();
    assert!(left.contains(&(peer(2), Operation::Chat)), "{left:?}");
    host.connect(peer(2));
    assert_eq!(host.waits(2_499), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Syn)]);
    assert_eq!(host.waits(19_999), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Syn)]);
}

/// What the status says of datagrams that do not leave: for whom, and since how many milliseconds.
fn not_leaving(host: &mut Host) -> Vec<(Option<String>, u64)> {
    let now = host.moment().ms;
    let age = |it: NotLeaving| (it.to, now - it.since_ms);
    host.status().not_leaving.into_iter().map(age).collect()
}

#[test]
fn for_whom_nothing_leaves_is_told_until_something_does() {
    let mut host = Host::new(2);
    host.chats_with(2);
    host.uplink(Uplink::Refuses);
    host.send(peer(2));
    host.keep(peer(3), "hi", None);
    host.waits(60_000);
    let to = |with| Some(peer(with).to_string());
    assert_eq!(not_leaving(&mut host), [(to(2), 60_000), (to(3), 60_000)]);
    assert_eq!(
        host.driver.hindrance(host.moment()).unwrap(),
        format!("datagrams for {} do not leave: no way leads there", peer(2))
    );
    host.uplink(Uplink::Free);
    host.waits(5_000);
    // What became of the last one is known in the turn after it.
    host.turn();
    assert_eq!((not_leaving(&mut host), host.driver.hindrance(host.moment())), (vec![], None));
}

#[test]
fn a_network_that_takes_nothing_is_told_after_a_while() {
    let mut host = Host::new(1);
    host.chats_with(2);
    host.uplink(Uplink::Takes(0));
    host.send(peer(2));
    host.turn();
    host.waits(4_999);
    assert_eq!(not_leaving(&mut host), []);
    host.waits(1);
    assert_eq!(not_leaving(&mut host), [(None, 5_000)]);
    host.unblocks();
    assert_eq!(not_leaving(&mut host), []);
}

#[test]
fn whom_nobody_here_has_anything_to_say_to_is_not_told_of() {
    let mut host = Host::with(driver::policy("ann", simp_engine::Accept::All, 10));
    host.uplink(Uplink::Refuses);
    // Anybody can invite us from an address that no way leads to.
    host.hears(peer(4), Operation::Syn, 0);
    host.waits(10_000);
    // Whoever asked for this one has been told at once.
    host.connect(peer(2));
    host.turn();
    assert_eq!(not_leaving(&mut host), []);
    // A message that was taken out of the outbox need not leave.
    let message = host.keep(peer(3), "hi", None);
    host.turn();
    assert_eq!(not_leaving(&mut host).len(), 1);
    host.ask(simp_control::Request::Cancel { message }).unwrap();
    assert_eq!((not_leaving(&mut host), host.driver.hindrance(host.moment())), (vec![], None));
}

#[test]
fn the_oldest_message_that_waits_for_each_peer_is_told() {
    let mut host = Host::new(3);
    host.chats_with(2);
    let first = host.send(peer(2));
    host.waits(1_000);
    let kept = host.keep(peer(3), "hi", None);
    host.waits(1_000);
    let (second, _) = (host.send(peer(2)), host.keep(peer(3), "hi again", None));
    let now = host.moment().ms;
    let waiting = |host: &mut Host| -> Vec<_> {
        let all = host.status().waiting.into_iter();
        all.map(|it| (it.peer.address, it.message, it.chat.is_some(), now - it.since_ms)).collect()
    };
    let (two, three) = (peer(2).to_string(), peer(3).to_string());
    assert_eq!(waiting(&mut host), [(two.clone(), first, true, 2_000), (three.clone(), kept, false, 1_000)]);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(waiting(&mut host), [(three.clone(), kept, false, 1_000), (two, second, true, 0)]);
    host.hears(peer(2), Operation::Ack, 1);
    assert_eq!(waiting(&mut host), [(three, kept, false, 1_000)]);
}
