//! What the outbox does for peers that are off, step by step.

use simp_control::{Kind, Reason, Reply, Request, State, What};
use simp_proto::Operation;

use super::{Host, SocketAddr, peer};
use crate::driver;

fn syn(to: SocketAddr) -> Vec<(SocketAddr, Operation, String)> {
    vec![(to, Operation::Syn, String::new())]
}

#[test]
fn whoever_is_off_is_invited_at_growing_intervals_of_which_the_log_says_nothing() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    assert_eq!(host.says(), syn(peer(2)));
    let mut last = 0;
    for pause in
        [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 600_000, 600_000]
    {
        host.cannot_reach(peer(2));
        let (when, said) = host.until(u64::MAX);
        assert_eq!(said, syn(peer(2)));
        assert!(
            (pause * 3 / 4..=pause * 5 / 4 + 1).contains(&(when - last)),
            "{} after {pause}",
            when - last
        );
        last = when;
    }
    assert_eq!(host.kinds(), [Kind::Queued]);
    assert_eq!((host.status().chats, host.chats()), (0, vec![]), "somebody else may still come");
}

#[test]
fn a_chat_that_only_the_outbox_wanted_is_left_a_minute_after_its_last_message() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    host.opens(peer(2), &["hi"]);
    assert_eq!(host.kinds(), [Kind::Queued, Kind::Opened, Kind::Delivered]);
    host.until(30_000);
    host.hears_words(peer(2), Operation::Chat, 0, "thanks");
    host.says();
    assert_eq!(host.until(u64::MAX), (90_000, vec![(peer(2), Operation::Fin, String::new())]));
}

#[test]
fn a_chat_that_somebody_wants_is_not_left() {
    for wants in ["connect", "send"] {
        let mut host = Host::new(1);
        host.keep(peer(2), "hi", None);
        host.says();
        host.opens(peer(2), &["hi"]);
        if wants == "connect" {
            host.connect(peer(2));
        } else {
            host.ask(driver::send(None, "more")).unwrap();
            host.hears(peer(2), Operation::Ack, 1);
        }
        host.says();
        assert_eq!(host.until(10_000_000), (10_000_000, vec![]), "{wants}");
    }
}

#[test]
fn an_invitation_of_the_outbox_makes_room_for_a_chat_and_is_made_again_afterwards() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.connect(peer(3));
    assert!(host.says().contains(&(peer(2), Operation::Fin, String::new())), "taken back");
    host.hears(peer(3), Operation::SynAck, 0);
    host.says();
    // Its answer was under way.
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(host.says(), [(peer(2), Operation::Fin, String::new())]);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.outbox()[0].next_ms, None, "it waits for room");
    host.until(600_000);
    host.hears(peer(3), Operation::Fin, 0);
    assert!(host.says().contains(&syn(peer(2))[0]));
}

#[test]
fn what_a_chat_did_not_deliver_stays_for_the_next_one() {
    let mut host = Host::new(1);
    let [one, two] = ["one", "two"].map(|text| host.keep(peer(2), text, None));
    host.says();
    host.opens(peer(2), &["one"]);
    let again = host.until(6_000);
    assert_eq!(again, (5_000, vec![(peer(2), Operation::Chat, "two".to_owned())]));
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    assert_eq!(host.outbox().len(), 1);
    let (when, said) = host.until(u64::MAX);
    assert_eq!(said, syn(peer(2)));
    assert!(when > 45_000, "the peer has just left");
    host.opens(peer(2), &["two"]);
    assert_eq!(host.outbox(), []);
    use Kind::{Closed, Delivered, Opened, Queued};
    assert_eq!(host.kinds(), [Queued, Queued, Opened, Delivered, Closed, Opened, Delivered]);
    assert_ne!(one, two);
}

#[test]
fn a_message_is_given_up_when_its_time_is_over_whatever_the_wall_clock_says() {
    for skew in [0, -86_400_000] {
        let mut host = Host::new(1);
        let message = host.keep(peer(2), "hi", Some(7_200_000));
        host.says();
        // Started again after an hour, with a clock that is right or a day behind.
        host.is_alone_until(3_600_000);
        host.skew = skew;
        let mut host = host.restarted(1);
        let over = if skew == 0 { 7_200_000 } else { 3_600_000 + 7_200_000 };
        host.is_alone_until(over - 1);
        assert_eq!(host.outbox().len(), 1, "skew {skew}");
        host.until(over + 1);
        assert_eq!(host.outbox(), [], "skew {skew}");
        let what = host.driver.log().pop().unwrap().what;
        assert_eq!(what, What::Undelivered { message, reason: Reason::Expired });
    }
}

#[test]
fn connecting_makes_an_invitation_of_the_outbox_ones_own() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    let connect = Request::Connect { address: peer(2).to_string(), timeout_ms: Some(9_000), secure: None };
    let Reply::Chat { chat, .. } = host.ask(connect).unwrap() else { panic!("not a chat") };
    assert_eq!((chat.chat, chat.state), (2, State::Inviting));
    assert_eq!(host.says(), [], "the peer's user is not asked again");
    host.until(9_000);
    assert_eq!(host.kinds(), [Kind::Queued, Kind::Inviting, Kind::Closed]);
    assert_eq!(host.outbox().len(), 1);
}

#[test]
fn whoever_the_outbox_has_messages_for_is_let_in() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.cannot_reach(peer(2));
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.says(), [(peer(2), Operation::SynAck, String::new())]);
    host.hears(peer(3), Operation::Syn, 0);
    assert_eq!(host.says().len(), 2, "busy");
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.until(500), (500, vec![(peer(2), Operation::Chat, "hi".to_owned())]));
}

#[test]
fn the_answer_to_a_stray_fin_does_not_pass_for_that_of_a_message() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Chat, 0);
    assert_eq!(host.said(), [Operation::Fin], "no chat");
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.ask(driver::send(None, "hi")).unwrap();
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    assert!(!host.kinds().contains(&Kind::Delivered));
    assert_eq!(host.until(u64::MAX), (5_000, vec![(peer(2), Operation::Chat, "hi".to_owned())]));
}

#[test]
fn a_chat_that_only_the_outbox_wanted_makes_room_for_one_that_somebody_wants() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    host.opens(peer(2), &["hi"]);
    host.connect(peer(3));
    let said = host.says();
    assert!(said.contains(&(peer(2), Operation::Fin, String::new())) && said.contains(&syn(peer(3))[0]));
}

#[test]
fn a_chat_that_only_the_outbox_wanted_is_left_sooner_where_others_wait_for_room() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.says();
    host.opens(peer(2), &["hi"]);
    host.keep(peer(3), "hi", None);
    host.turn();
    assert_eq!(host.says(), []);
    assert_eq!(
        host.until(u64::MAX),
        (10_000, vec![(peer(2), Operation::Fin, String::new()), syn(peer(3)).remove(0)])
    );
}
