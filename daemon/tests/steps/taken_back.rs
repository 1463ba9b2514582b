//! Messages that are taken back before they have left: they never leave, whatever happens.

use simp_control::{Failure, FailureKind, Kind, Reason, Reply, Request, What};
use simp_engine::{Policy, Retain};
use simp_proto::Operation;

use super::{Host, ask_me, driver, peer};

/// A plain chat in which these messages wait; the first of them has left.
fn with_waiting(policy: Policy, count: usize) -> (Host, Vec<u64>) {
    let mut host = Host::with(policy);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    let ids = (0..count).map(|n| send(&mut host, &format!("m{n}"))).collect();
    host.says();
    (host, ids)
}

fn send(host: &mut Host, text: &str) -> u64 {
    match host.ask(driver::send(Some(peer(2)), text)).unwrap() {
        Reply::Queued { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn cancel(host: &mut Host, message: u64) -> Result<Reply, Failure> {
    host.ask(Request::Cancel { message })
}

/// Lets the peer acknowledge whatever comes until nothing does, and says what came, without copies.
fn delivers(host: &mut Host) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut number = host.log(Kind::Delivered).len() as u8 % 2;
    loop {
        let (_, said) = host.until(host.now + 6_000);
        let chat = said.into_iter().find(|(_, operation, _)| *operation == Operation::Chat);
        let Some((_, _, text)) = chat else { return texts };
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        host.driver.arrives(peer(2), super::datagram(Operation::Ack, number, ""));
        number = 1 - number;
        // What follows leaves with the turn that takes the ACK in.
    }
}

fn outcomes(host: &Host) -> Vec<(u64, Option<Reason>)> {
    let outcome = |event: simp_control::Event| match event.what {
        What::Delivered { message } => Some((message, None)),
        What::Undelivered { message, reason } => Some((message, Some(reason))),
        _ => None,
    };
    host.driver.log().into_iter().filter_map(outcome).collect()
}

#[test]
fn a_message_that_waits_in_a_chat_is_taken_back_and_never_leaves_also_after_restarts() {
    for restarts in [false, true] {
        // So many that most of them are in the log alone.
        let (mut host, ids) = with_waiting(ask_me(1), 100);
        let taken: Vec<usize> = vec![1, 50, 64, 70, 98, 99];
        for &n in &taken {
            assert_eq!(cancel(&mut host, ids[n]), Ok(Reply::Done), "{n}");
            assert_eq!(
                cancel(&mut host, ids[n]).unwrap_err().line,
                format!("message {}: was already given up", ids[n])
            );
            if restarts {
                host = host.restarted(1);
            }
        }
        assert_eq!(host.chats()[0].queued, 94);
        let left = delivers(&mut host);
        let expected: Vec<_> = (0..100).filter(|n| !taken.contains(n)).map(|n| format!("m{n}")).collect();
        assert_eq!(left, expected);
        let mut seen = outcomes(&host);
        seen.sort_unstable_by_key(|(message, _)| *message);
        let reason = |n: usize| taken.contains(&n).then_some(Reason::Cancelled);
        let expected: Vec<_> = ids.iter().enumerate().map(|(n, id)| (*id, reason(n))).collect();
        assert_eq!(seen, expected);
        assert!(host.chats()[0].queued == 0 && delivers(&mut host).is_empty());
    }
}

#[test]
fn what_has_left_is_not_taken_back_and_of_an_earlier_run_nobody_knows() {
    let (mut host, ids) = with_waiting(ask_me(1), 3);
    let left = |id: u64| {
        let line = format!("message {id} has left already, and its peer may have it (simpd keeps trying)");
        Failure::new(FailureKind::Failed, line)
    };
    assert_eq!(cancel(&mut host, ids[0]), Err(left(ids[0])));
    host = host.restarted(1);
    assert_eq!(cancel(&mut host, ids[0]), Err(left(ids[0])), "the last run has transmitted it");
    assert_eq!(cancel(&mut host, ids[1]), Ok(Reply::Done));
    assert_eq!(delivers(&mut host), ["m0", "m2"]);
    // Those that are queued in this run have not left in another.
    host = host.restarted(1);
    let id = send(&mut host, "m3");
    assert_eq!(cancel(&mut host, id), Ok(Reply::Done));
    assert!(delivers(&mut host).is_empty());
}

#[test]
fn a_message_of_the_outbox_that_has_left_in_an_earlier_run_is_not_taken_back() {
    let mut host = Host::new(1);
    let message = host.keep(peer(2), "hi", None);
    host.hears(peer(2), Operation::SynAck, 0);
    assert!(host.said().contains(&Operation::Chat));
    host = host.restarted(1);
    let line = format!("message {message} is already being delivered (see: simpctl outbox)");
    assert_eq!(cancel(&mut host, message), Err(Failure::new(FailureKind::Failed, line)));
}

#[test]
fn the_end_of_a_chat_gives_up_what_waits_and_not_what_was_taken_back() {
    let (mut host, ids) = with_waiting(ask_me(1), 100);
    for message in [ids[1], ids[80]] {
        cancel(&mut host, message).unwrap();
    }
    host = host.restarted(1);
    host.quit(true);
    let of = |message: u64| outcomes(&host).into_iter().filter(|(of, _)| *of == message).collect::<Vec<_>>();
    for message in &ids {
        let reason = if [ids[1], ids[80]].contains(message) { Reason::Cancelled } else { Reason::Quit };
        assert_eq!(of(*message), [(*message, Some(reason))]);
    }
}

#[test]
fn what_was_taken_back_stays_so_although_old_entries_go() {
    let retain = Retain { count: Some(10), ..Retain::default() };
    let discard = simp_store::Discard { unread: true, undelivered: true };
    let policy = || Policy { retain: Retain { discard, ..retain }, ..ask_me(1) };
    let (mut host, ids) = with_waiting(policy(), 40);
    for message in &ids[1..20] {
        cancel(&mut host, *message).unwrap();
    }
    for n in 0..5_000 {
        host.hears_words(peer(2), Operation::Err, 0, &format!("error {n}"));
    }
    host.works_on();
    assert!(host.log(Kind::Error).len() < 5_000, "nothing has gone");
    assert_eq!(host.chats()[0].queued, 21);
    let host = &mut host.restarted(1);
    assert_eq!(host.chats()[0].queued, 21);
    assert_eq!(delivers(host).len(), 21);
}
