//! Messages that have a name of the client's own: each is queued once.

use simp_control::{Failure, FailureKind, Kind, Reply, Request};
use simp_proto::Operation;

use super::{Host, driver, peer};

fn named(request: Request, name: &str) -> Request {
    match request {
        Request::Send { who, chat, text, queue, expire_ms, token, again_after, .. } => {
            let once = Some(name.to_owned());
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

fn differs(message: u64, how: &str) -> Failure {
    let line = format!(
        "message {message} has this name already, with another {how} (see: simpctl history; give each message a name of its own)"
    );
    Failure::new(FailureKind::Usage, line)
}

/// A host that has a chat with each of these.
fn in_chats(with: &[u8]) -> Host {
    let mut host = Host::new(4);
    for &n in with {
        host.connect(peer(n));
        host.hears(peer(n), Operation::SynAck, 0);
    }
    host.says();
    host
}

#[test]
fn a_message_with_a_name_is_queued_once_whatever_became_of_it() {
    let mut host = in_chats(&[2]);
    let hi = |n| named(driver::send(Some(peer(n)), "hi"), "report");
    let first = host.ask(hi(2)).unwrap();
    host.hears(peer(2), Operation::Ack, 0);
    host = host.restarted(4);
    let mut same = |request: Request| assert_eq!(host.ask(request), Ok(first.clone()));
    same(hi(2));
    // By any of its names; and if none is given, it was the only one.
    same(named(driver::send(None, "hi"), "report"));
    same(named(Request::send(Some("bob".to_owned()), "hi"), "report"));
    same(named(Request::send(Some("127.0.0.2".to_owned()), "hi"), "report"));
    same(named(driver::keep(peer(2), "hi", None), "report"));
    host.hears(peer(2), Operation::Fin, 0);
    host.waits(10_000);
    assert!(host.chats().is_empty());
    assert_eq!(host.ask(hi(2)), Ok(first.clone()), "its chat is over");
    assert_eq!(host.log(Kind::Queued).len(), 1);
    // Another name is another message, and without a chat there is none.
    assert_eq!(host.ask(named(driver::send(None, "hi"), "other")).unwrap_err().kind, FailureKind::NoSuch);
}

#[test]
fn the_name_of_a_message_is_no_other_text_and_no_other_peer() {
    let mut host = in_chats(&[2, 3]);
    let send = |n, text| named(driver::send(Some(peer(n)), text), "report");
    let Reply::Queued { message, chat } = host.ask(send(2, "hi")).unwrap() else { panic!() };
    assert_eq!(host.ask(send(2, "ho")), Err(differs(message, "text")));
    assert_eq!(host.ask(send(3, "hi")), Err(differs(message, "peer")));
    assert_eq!(host.ask(named(driver::keep(peer(4), "hi", None), "report")), Err(differs(message, "peer")));
    // Whoever is called so may be a host that the client knows: it is not said to be another before.
    let nobody = host.ask(named(Request::send(Some("nas".to_owned()), "hi"), "report"));
    assert_eq!(nobody.unwrap_err().kind, FailureKind::NoSuch);
    let in_chat = |chat| match send(2, "hi") {
        Request::Send { text, queue, expire_ms, token, again_after, once, .. } => Request::Send {
            who: None,
            chat: Some(chat),
            text,
            queue,
            expire_ms,
            token,
            again_after,
            once,
            host: None,
            answers: None,
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(host.ask(in_chat(chat)), Ok(Reply::Queued { message, chat }));
    assert_eq!(host.ask(in_chat(chat + 1)), Err(differs(message, "peer")));
    assert_eq!(host.log(Kind::Queued).len(), 1);
}

#[test]
fn a_message_of_the_outbox_with_a_name_is_kept_once() {
    let mut host = Host::new(1);
    let keep = |n| named(driver::keep(peer(n), "hi", None), "report");
    let first = host.ask(keep(2)).unwrap();
    host = host.restarted(1);
    assert_eq!(host.ask(keep(2)), Ok(first.clone()));
    assert_eq!(host.outbox().len(), 1);
    let Reply::Queued { message, .. } = first else { panic!() };
    assert_eq!(host.ask(keep(3)), Err(differs(message, "peer")));
    assert_eq!(host.outbox().len(), 1);
}

#[test]
fn what_a_full_disk_has_undone_has_no_name() {
    let mut host = in_chats(&[2]);
    let hi = || named(driver::send(Some(peer(2)), "hi"), "report");
    host.disk.refuse(1);
    assert!(host.ask(hi()).is_err());
    host.waits(5_000);
    let first = host.ask(hi()).unwrap();
    assert_eq!(host.ask(hi()), Ok(first));
    assert_eq!(host.log(Kind::Queued).len(), 1);
}
