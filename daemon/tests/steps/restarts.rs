//! What a kill, a quit, a lack of room and a change of mind make of the outbox.

use simp_control::{FailureKind, Kind, Request, State};
use simp_proto::Operation;

use super::{Host, peer};
use crate::driver::{connect, keep, quit};

#[test]
fn who_waits_for_room_is_invited_also_when_it_was_missing_within_one_turn_only() {
    let mut host = Host::new(1);
    host.driver
        .ask_all(host.moment(), [connect(peer(2)), keep(peer(3), "hi", None), quit(Some(peer(2)), true)]);
    let to_three: Vec<_> = host.sends().into_iter().filter(|(to, _)| *to == peer(3)).collect();
    assert_eq!(to_three, [(peer(3), Operation::Syn)]);
}

#[test]
fn a_request_of_a_peer_with_messages_in_the_outbox_is_accepted_after_a_restart() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.keep(peer(2), "hi", None);
    assert_eq!(host.sends(), [(peer(3), Operation::Syn)], "there is no room");
    let said = host.restarted(2).waits(2_000);
    assert!(said.contains(&(peer(2), Operation::SynAck)), "{said:?}");
}

#[test]
fn a_chat_that_is_being_left_goes_on_leaving_whatever_the_outbox_has_since() {
    let mut host = Host::with_chat_for_outbox();
    host.quit(false);
    assert_eq!(host.said(), [Operation::Fin]);
    host.keep(peer(2), "for the next chat", None);
    let mut host = host.restarted(1);
    host.turn();
    assert_eq!((host.said(), host.status().chats), (vec![Operation::Fin], 0));
    host.hears(peer(2), Operation::Ack, 1);
    assert_eq!(host.chats(), []);
    assert_eq!(host.waits(120_000)[0], (peer(2), Operation::Syn));
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
    let take_over = [|host: &mut Host| _ = host.connect(peer(2)), |host: &mut Host| _ = host.send(peer(2))];
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
    host.keep(peer(2), "hi", None);
    host.connect(peer(2));
    assert_eq!(host.said(), [Operation::Syn], "no second one");
    assert_eq!(host.status().chats, 1);
    let mut host = host.restarted(1);
    assert_eq!(host.chats().len(), 1);
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
    let mut message = |n: u64| match n % 2 {
        0 => host.send(peer(2)),
        _ => host.keep(peer(2), "hi", None),
    };
    let in_chat: Vec<u64> = (0..100).map(&mut message).step_by(2).collect();
    host.hears(peer(2), Operation::Fin, 0);
    host.says();
    assert_eq!(host.given_up(), in_chat);
    assert_eq!((host.status().outbox, host.outbox().len()), (50, 50));
}

#[test]
fn an_invitation_for_the_outbox_that_is_taken_back_gives_no_message_up() {
    let mut host = Host::new(1);
    for _ in 0..100 {
        host.keep(peer(2), "hi", None);
    }
    // Both invite each other, and then there is no room.
    host.hears(peer(2), Operation::Syn, 0);
    host.connect(peer(3));
    host.says();
    host.hears(peer(2), Operation::Ack, 0);
    host.says();
    assert_eq!((host.given_up(), host.status().outbox), (vec![], 100));
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
    assert_eq!(host.chats().remove(0).state, State::Inviting);
    host.waits(10_000);
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.chats().remove(0).state, State::Open, "some accept so");
}

#[test]
fn what_is_meant_for_a_chat_that_is_over_goes_to_nobody_else_at_its_address() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let first = host.chats().remove(0).chat;
    let to = |chat, queue| Request::Send {
        who: Some(peer(2).to_string()),
        chat: Some(chat),
        text: "hi".to_owned(),
        queue,
        expire_ms: None,
        token: None,
        again_after: None,
        once: None,
        host: None,
        answers: None,
    };
    host.ask(to(first, false)).unwrap();
    host.hears(peer(2), Operation::Fin, 0);
    host.waits(10_000);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let second = host.chats().remove(0).chat;
    let quit = Request::Quit { who: Some(peer(2).to_string()), chat: Some(first), now: false };
    for request in [to(first, false), quit] {
        let failure = host.ask(request).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NoSuch);
        assert_eq!(failure.line, format!("chat {first} is over (bob@127.0.0.2:7777 is in another)"));
    }
    host.ask(to(second, false)).unwrap();
    assert_eq!(host.ask(to(first, true)).unwrap_err().kind, FailureKind::Usage);
}

#[test]
fn a_message_that_expires_while_the_chat_is_left_keeps_nobody_in_it() {
    let host = Host::with_chat_for_outbox();
    let mut host = host.restarted(1);
    host.keep(peer(2), "late", Some(1_000));
    host.quit(false);
    assert_eq!(host.waits(900), []);
    assert_eq!(host.waits(200), [(peer(2), Operation::Fin)]);
    assert_eq!(host.given_up().len(), 1);
}

#[test]
fn who_is_invited_again_gets_no_copy_of_an_earlier_chat_as_a_message_of_the_new_one() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.send(peer(2));
    assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
    host.hears(peer(2), Operation::Fin, 0);
    host.keep(peer(2), "hi", None);
    assert_eq!(host.said(), [Operation::Ack], "the message may still be under way");
    assert_eq!(host.waits(4_999), []);
    assert_eq!(host.waits(1), [(peer(2), Operation::Syn)]);
}

#[test]
fn messages_that_are_cancelled_are_no_longer_counted_wherever_they_wait() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let messages: Vec<u64> = (0..100).map(|_| host.keep(peer(2), "hi", None)).collect();
    host.says();
    let counts = |host: &mut Host| (host.chats()[0].queued, host.status().outbox);
    assert_eq!(counts(&mut host), (100, 100));
    for message in [messages[1], messages[70], messages[99]] {
        host.ask(Request::Cancel { message }).unwrap();
        assert!(host.ask(Request::Cancel { message }).is_err(), "it is undelivered already");
    }
    assert!(host.ask(Request::Cancel { message: messages[0] }).is_err(), "it is on its way");
    assert_eq!(counts(&mut host), (97, 97));
}

#[test]
fn a_send_repeated_with_its_token_is_queued_once() {
    let mut host = Host::new(1);
    let mut send = |token, again_after| {
        let (who, text) = (Some(peer(2).to_string()), "hi".to_owned());
        let (queue, expire_ms, once) = (true, None, None);
        let send = Request::Send {
            who,
            chat: None,
            text,
            queue,
            expire_ms,
            token,
            again_after,
            once,
            host: None,
            answers: None,
        };
        host.ask(send).unwrap()
    };
    let first = send(Some(u64::MAX), None);
    assert_eq!(send(Some(u64::MAX), Some(0)), first);
    assert_ne!(send(Some(7), Some(0)), first);
}

#[test]
fn an_undelivered_message_is_sent_again_once() {
    let mut host = Host::new(1);
    let message = host.keep(peer(2), "hi", None);
    let resend = |message| Request::Resend { message, expire_ms: None };
    assert!(host.ask(resend(message)).is_err(), "it still waits");
    // One turn is enough for both: the second finds what the first did.
    let both = host.driver.ask_all(host.moment(), [Request::Cancel { message }, resend(message)]);
    assert!(both.iter().all(Result::is_ok), "{both:?}");
    assert!(host.ask(resend(message)).is_err(), "it was sent again already");
    assert!(host.ask(resend(u64::MAX)).is_err(), "there is none");
    assert_eq!(host.status().outbox, 1);
}

#[test]
fn a_message_expires_also_after_a_restart() {
    let mut host = Host::new(1);
    host.keep(peer(2), "late", Some(10_000));
    host.says();
    let mut host = host.restarted(1);
    host.waits(9_900);
    assert_eq!(host.status().outbox, 1);
    host.waits(200);
    assert_eq!((host.status().outbox, host.given_up().len()), (0, 1));
}

#[test]
fn an_invitation_is_taken_back_when_there_is_no_room_or_nothing_to_deliver() {
    let mut host = Host::new(1);
    let message = host.keep(peer(2), "hi", None);
    host.connect(peer(3));
    assert!(host.sends().contains(&(peer(2), Operation::Fin)));
    // Its answer may come within the turn in which the last room was taken.
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    host.keep(peer(3), "hi", None);
    for peer in [peer(3), peer(2)] {
        host.driver.arrives(peer, super::datagram(Operation::SynAck, 0, ""));
    }
    host.turn();
    assert_eq!((host.status().chats, host.log(Kind::Opened).len()), (1, 1));
    assert_eq!(host.sends().pop(), Some((peer(2), Operation::Fin)));
    let mut host = Host::new(1);
    host.keep(peer(4), "hi", None);
    assert_eq!(host.keep(peer(2), "hi", None), message + 1);
    host.ask(Request::Cancel { message }).unwrap();
    assert!(host.sends().contains(&(peer(4), Operation::Fin)));
}

#[test]
fn a_message_of_the_outbox_that_is_on_its_way_goes_on_in_the_same_chat_after_a_kill() {
    let mut host = Host::with_chat_for_outbox();
    host.keep(peer(2), "hi", None);
    assert_eq!(host.said(), [Operation::Chat]);
    let mut host = host.restarted(1);
    assert_eq!(host.waits(5_000), [(peer(2), Operation::Chat)]);
}

#[test]
fn pauses_begin_anew_once_a_peer_has_come() {
    let mut host = Host::new(1);
    host.keep(peer(2), "hi", None);
    let tries = |host: &mut Host| host.outbox()[0].tries;
    for expected in 1..=3 {
        host.cannot_reach(peer(2));
        assert_eq!(tries(&mut host), expected);
        assert!(host.waits(20_000).contains(&(peer(2), Operation::Syn)));
    }
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!(tries(&mut host), 0);
}

#[test]
fn the_ack_of_a_refusal_does_not_pass_for_that_of_a_message() {
    let mut host = Host::new(1);
    host.connect(peer(3));
    host.hears(peer(2), Operation::Syn, 0);
    host.quit(true);
    host.hears(peer(2), Operation::Syn, 0);
    host.accept();
    host.hears(peer(2), Operation::Ack, 0);
    host.send(peer(2));
    host.says();
    let said = host.waits(4_999);
    assert!(!said.contains(&(peer(2), Operation::Chat)), "{said:?}");
    assert!(host.waits(1).contains(&(peer(2), Operation::Chat)));
}
