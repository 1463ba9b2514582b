//! What a kill, a quit and the outbox make of each other.

use simp_proto::Operation;
use simp_proto::control::{Event, Kind, What};

use super::{Host, peer};
use crate::commands::Send;

#[test]
fn who_waits_for_room_is_invited_also_when_it_was_missing_within_one_turn_only() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.send(peer(3), true);
    host.quit(true);
    let to_three: Vec<_> = host.sends().into_iter().filter(|(to, _)| *to == peer(3)).collect();
    assert_eq!(to_three, [(peer(3), Operation::Syn)]);
}

#[test]
fn a_request_of_a_peer_with_messages_in_the_outbox_is_accepted_after_a_restart() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.send(peer(2), true);
    assert_eq!(host.sends(), [(peer(3), Operation::Syn)], "there is no room");
    let said = host.restarted(2).waits(2_000);
    assert!(said.contains(&(peer(2), Operation::SynAck)), "{said:?}");
}

#[test]
fn a_chat_opened_for_the_outbox_is_left_a_minute_after_its_last_message() {
    let mut host = Host::with_chat_for_outbox();
    assert_eq!(host.waits(59_000), []);
    assert_eq!(host.waits(2_000), [(peer(2), Operation::Fin)]);
    let mut host = Host::with_chat_for_outbox().restarted(1);
    assert_eq!(host.waits(59_000), []);
    assert_eq!(host.waits(2_000), [(peer(2), Operation::Fin)]);
}

#[test]
fn a_chat_that_the_user_took_over_is_not_left_also_after_a_kill() {
    let take_over =
        [|host: &mut Host| host.connect(peer(2)), |host: &mut Host| _ = host.send(peer(2), false)];
    for take_over in take_over {
        let mut host = Host::with_chat_for_outbox();
        take_over(&mut host);
        host.hears(peer(2), Operation::Ack, 1);
        host.says();
        assert_eq!(host.waits(120_000), []);
        assert_eq!(host.restarted(1).waits(120_000), []);
    }
}

#[test]
fn an_invitation_for_the_outbox_becomes_the_users_own_and_outlives_a_kill() {
    let mut host = Host::new(1);
    host.send(peer(2), true);
    host.connect(peer(2));
    assert_eq!(host.said(), [Operation::Syn], "no second one");
    assert_eq!(host.exchange.chats.count(), 1);
    let mut host = host.restarted(1);
    assert_eq!(host.exchange.chats.list(0).len(), 1);
    host.hears(peer(2), Operation::SynAck, 0);
    assert!(host.waits(6_000).contains(&(peer(2), Operation::Chat)));
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.waits(120_000), []);
}

#[test]
fn when_a_chat_ends_its_messages_are_given_up_and_those_of_the_outbox_stay() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let in_chat: Vec<u64> = (0..100).map(|n| host.send(peer(2), n % 2 == 1)).step_by(2).collect();
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    let given_up = |event: &Event| match event.what {
        What::Undelivered { message, .. } => message,
        _ => unreachable!(),
    };
    assert_eq!(host.log(Kind::Undelivered).iter().map(given_up).collect::<Vec<_>>(), in_chat);
    assert_eq!((host.exchange.outbox.messages(), host.exchange.store.outbox(0, 99).unwrap().len()), (50, 50));
}

#[test]
fn an_invitation_for_the_outbox_that_is_taken_back_gives_no_message_up() {
    let mut host = Host::new(1);
    for _ in 0..100 {
        host.send(peer(2), true);
    }
    // Both invite each other, and then there is no room.
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    host.says();
    assert_eq!((host.log(Kind::Undelivered), host.exchange.outbox.messages()), (vec![], 100));
}

#[test]
fn a_message_that_expires_while_the_chat_is_left_keeps_nobody_in_it() {
    let host = Host::with_chat_for_outbox();
    let mut host = host.restarted(1);
    let send = Send {
        who: Some(peer(2).to_string()),
        text: "late".to_owned(),
        queue: true,
        expire_ms: Some(1_000),
        ..Send::default()
    };
    host.exchange.send(host.moment(), &send).unwrap();
    host.quit(false);
    assert_eq!(host.waits(900), []);
    assert_eq!(host.waits(200), [(peer(2), Operation::Fin)]);
    assert_eq!(host.log(Kind::Undelivered).len(), 1);
}

#[test]
fn who_is_invited_again_gets_no_copy_of_an_earlier_chat_as_a_message_of_the_new_one() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.send(peer(2), false);
    assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
    host.hears(peer(2), Operation::Fin, 0);
    host.send(peer(2), true);
    assert_eq!(host.said(), [Operation::Ack], "the message may still be under way");
    assert_eq!(host.waits(4_999), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Syn)]);
}
