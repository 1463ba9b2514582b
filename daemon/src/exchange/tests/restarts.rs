//! What a kill, a quit, a lack of room and a change of mind make of the outbox.

use simp_control::{Event, FailureKind, Kind, State, What};
use simp_proto::Operation;

use super::{Host, peer};
use crate::commands::{Refused, Send};

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
fn a_late_ack_of_the_fin_of_one_chat_does_not_accept_the_invitation_to_the_next() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.quit(true);
    host.hears(peer(2), Operation::Ack, 0);
    host.connect(peer(2));
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.exchange.chats.list(0).remove(0).state, State::Inviting);
    host.waits(10_000);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.exchange.chats.list(0).remove(0).state, State::Open, "some accept so");
}

#[test]
fn what_is_meant_for_a_chat_that_is_over_goes_to_nobody_else_at_its_address() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let first = host.exchange.chats.list(0).remove(0).chat;
    let to_first =
        Send { who: Some(peer(2).to_string()), chat: Some(first), text: "hi".to_owned(), ..Send::default() };
    host.exchange.send(host.moment(), &to_first).unwrap();
    host.hears(peer(2), Operation::Fin, 0);
    host.waits(10_000);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let second = host.exchange.chats.list(0).remove(0).chat;
    let sent = host.exchange.send(host.moment(), &to_first);
    let quit = host.exchange.quit(host.moment(), to_first.who.as_deref(), Some(first), false);
    for refused in [sent, quit] {
        let Err(Refused::Failure(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.kind, FailureKind::NoSuch);
        assert_eq!(failure.line, format!("chat {first} is over (bob@127.0.0.2:7777 is in another)"));
    }
    host.exchange.send(host.moment(), &Send { chat: Some(second), ..to_first.clone() }).unwrap();
    let queue = host.exchange.send(host.moment(), &Send { queue: true, ..to_first });
    let Err(Refused::Failure(failure)) = queue else { panic!("{queue:?}") };
    assert_eq!(failure.kind, FailureKind::Usage);
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

#[test]
fn messages_that_are_cancelled_are_no_longer_counted_wherever_they_wait() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let messages: Vec<u64> = (0..100).map(|_| host.send(peer(2), true)).collect();
    host.says();
    let counts = |host: &Host| (host.exchange.chats.list(0)[0].queued, host.exchange.outbox.messages());
    assert_eq!(counts(&host), (100, 100));
    for message in [messages[1], messages[70], messages[99]] {
        host.exchange.cancel(host.moment(), message).unwrap();
        assert!(host.exchange.cancel(host.moment(), message).is_err(), "it is undelivered already");
    }
    assert!(host.exchange.cancel(host.moment(), messages[0]).is_err(), "it is on its way");
    assert_eq!(counts(&host), (97, 97));
}

#[test]
fn a_send_repeated_with_its_token_is_queued_once() {
    let mut host = Host::new(1);
    let mut send =
        Send { who: Some(peer(2).to_string()), text: "hi".to_owned(), queue: true, ..Send::default() };
    (send.token, send.again_after) = (Some(u64::MAX), None);
    let first = host.exchange.send(host.moment(), &send).unwrap();
    send.again_after = Some(0);
    assert_eq!(host.exchange.send(host.moment(), &send).unwrap(), first);
    send.token = Some(7);
    assert_ne!(host.exchange.send(host.moment(), &send).unwrap(), first);
}

#[test]
fn an_undelivered_message_is_sent_again_once() {
    let mut host = Host::new(1);
    let message = host.send(peer(2), true);
    assert!(host.exchange.resend(host.moment(), message, None).is_err(), "it still waits");
    host.exchange.cancel(host.moment(), message).unwrap();
    host.exchange.resend(host.moment(), message, None).unwrap();
    assert!(host.exchange.resend(host.moment(), message, None).is_err(), "it was sent again already");
    assert!(host.exchange.resend(host.moment(), u64::MAX, None).is_err(), "there is none");
    assert_eq!(host.exchange.outbox.messages(), 1);
}

#[test]
fn a_message_expires_also_after_a_restart() {
    let mut host = Host::new(1);
    let send = Send {
        who: Some(peer(2).to_string()),
        text: "late".to_owned(),
        queue: true,
        expire_ms: Some(10_000),
        ..Send::default()
    };
    host.exchange.send(host.moment(), &send).unwrap();
    host.says();
    let mut host = host.restarted(1);
    host.waits(9_900);
    assert_eq!(host.exchange.outbox.messages(), 1);
    host.waits(200);
    assert_eq!((host.exchange.outbox.messages(), host.log(Kind::Undelivered).len()), (0, 1));
}

#[test]
fn an_invitation_is_taken_back_when_there_is_no_room_or_nothing_to_deliver() {
    let mut host = Host::new(1);
    let message = host.send(peer(2), true);
    host.connect(peer(3));
    assert!(host.sends().contains(&(peer(2), Operation::Fin)));
    // Its answer may come within the turn in which the last room was taken.
    let mut host = Host::new(1);
    host.send(peer(2), true);
    host.connect(peer(3));
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!((host.exchange.chats.count(), host.said().pop()), (1, Some(Operation::Fin)));
    let mut host = Host::new(1);
    host.send(peer(4), true);
    assert_eq!(host.send(peer(2), true), message + 1);
    host.exchange.cancel(host.moment(), message).unwrap();
    assert!(host.sends().contains(&(peer(4), Operation::Fin)));
}

#[test]
fn a_message_of_the_outbox_that_is_on_its_way_goes_on_in_the_same_chat_after_a_kill() {
    let mut host = Host::with_chat_for_outbox();
    host.send(peer(2), true);
    assert_eq!(host.said(), [Operation::Chat]);
    let mut host = host.restarted(1);
    assert_eq!(host.waits(5_000), [(peer(2), Operation::Chat)]);
}

#[test]
fn pauses_begin_anew_once_a_peer_has_come() {
    let mut host = Host::new(1);
    host.send(peer(2), true);
    let tries = |host: &Host| host.exchange.outbox.get(peer(2)).unwrap().tries;
    for expected in 1..=3 {
        host.exchange.handle_unreachable(host.moment(), peer(2)).unwrap();
        assert_eq!(tries(&host), expected);
        assert!(host.waits(20_000).contains(&(peer(2), Operation::Syn)));
    }
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(tries(&host), 0);
}

#[test]
fn the_ack_of_a_refusal_does_not_pass_for_that_of_a_message() {
    let mut host = Host::new(1);
    host.connect(peer(3));
    host.hears(peer(2), Operation::Syn, 0);
    host.quit(true);
    host.hears(peer(2), Operation::Syn, 0);
    host.exchange.accept(host.moment(), None).unwrap();
    host.hears(peer(2), Operation::Ack, 0);
    host.send(peer(2), false);
    host.says();
    let said = host.waits(4_999);
    assert!(!said.contains(&(peer(2), Operation::Chat)), "{said:?}");
    assert!(host.waits(1).contains(&(peer(2), Operation::Chat)));
}
