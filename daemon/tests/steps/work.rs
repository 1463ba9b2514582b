//! What one request costs, counted: as much as one turn takes on, and the rest in later turns.

use simp_control::{Peer, Reply, Request, What, frame};
use simp_store::Store;

use super::{Host, ask_me, peer};
use crate::driver::{connect, keep, send};

/// Appends so many entries.
fn append(store: &mut Store, count: u64, text: &str) {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    for _ in 0..count {
        store.append(1, Some(1), peer.clone(), What::Error { text: text.to_owned() }, None);
    }
}

fn again(after: u64) -> Request {
    match send(None, "hi") {
        Request::Send { who, chat, text, queue, expire_ms, once, .. } => {
            let (token, again_after) = (Some(7), Some(after));
            Request::Send {
                who,
                chat,
                text,
                queue,
                expire_ms,
                token,
                again_after,
                once,
                host: None,
                answers: None,
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_that_may_be_queued_already_is_looked_for_in_a_piece_of_the_log_per_turn() {
    let mut host = Host::over(ask_me(1), |store| append(store, 10_000, "x"));
    host.connect(peer(2));
    host.hears(peer(2), simp_proto::Operation::SynAck, 0);
    let asked = |host: &mut Host, request| {
        let (mut turns, mut answers) = (1, host.driver.ask_all(host.moment(), [request]));
        while let Some(request) = host.driver.not_yet() {
            assert_eq!(answers, []);
            (turns, answers) = (turns + 1, host.driver.ask_all(host.moment(), [request]));
        }
        let Some(Ok(Reply::Queued { message, .. })) = answers.pop() else { panic!("{answers:?}") };
        (turns, message)
    };
    assert_eq!(asked(&mut host, again(0)), (5, 10_003), "10,002 entries, 2,048 in a turn");
    // Once more, and it is found.
    assert_eq!(asked(&mut host, again(0)), (5, 10_003));
    assert_eq!(asked(&mut host, again(10_000)), (1, 10_003));
    assert_eq!(asked(&mut host, again(u64::MAX)), (1, 10_004));
}

#[test]
fn a_chat_that_ends_with_very_many_messages_gives_them_up_without_holding_them_in_memory() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), simp_proto::Operation::SynAck, 0);
    host.driver.ask_all(host.moment(), (0..5_000).map(|_| send(None, "hi")));
    host.quit(true);
    assert!(host.driver.store().fresh().len() < 100, "{}", host.driver.store().fresh().len());
    host.hears(peer(2), simp_proto::Operation::Fin, 0);
    let (given_up, kinds) = (host.given_up(), host.kinds());
    assert_eq!(given_up, (3..5_003).collect::<Vec<_>>());
    assert_eq!(kinds.last(), Some(&simp_control::Kind::Closed), "each has its outcome before the end");
}

#[test]
fn an_answer_with_a_piece_of_a_list_is_a_fraction_of_a_frame() {
    let mut host = Host::over(ask_me(2_000), |store| append(store, 200, &"x".repeat(4_096)));
    let places = |net: u8| (0..600_u16).map(move |n| ([10, net, (n >> 8) as u8, n as u8], 7777).into());
    let asked = places(1).map(connect).chain(places(2).map(|to| keep(to, &"x".repeat(985), None)));
    let answers = host.driver.ask_all(host.moment(), asked);
    let queued = |answer| match answer {
        Ok(Reply::Queued { message, .. }) => Some(message),
        _ => None,
    };
    let ids: Vec<u64> = answers.into_iter().filter_map(queued).collect();
    assert_eq!(ids.len(), 600);
    let length = |reply: &Reply| {
        let mut bytes = Vec::new();
        frame::encode(reply, &mut bytes).unwrap();
        bytes.len()
    };
    let history = Request::History { before: Some(201), limit: 1_000, filter: Default::default() };
    for request in [history, Request::Outbox { after: 0 }, Request::Chats { after: 0 }] {
        let reply = host.ask(request).unwrap();
        assert!(length(&reply) < 128 << 10, "{} bytes", length(&reply));
    }
    // All of them come, in pieces.
    let (mut after, mut kept) = (0, Vec::new());
    loop {
        let Ok(Reply::Outbox { messages, more }) = host.ask(Request::Outbox { after }) else { panic!() };
        kept.extend(messages.iter().map(|message| message.message));
        after = *kept.last().unwrap();
        if !more {
            break;
        }
    }
    assert_eq!(kept, ids);
}
