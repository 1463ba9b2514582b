//! What a disk that refuses a commit makes of a turn, and a kill right before and right after one.

use simp_control::{FailureKind, Kind, Reply, Request, State};
use simp_proto::Operation;

use super::{Host, datagram, peer};
use crate::driver::{self, connect, keep};

/// An open chat with a peer, on a disk that works.
fn open() -> Host {
    let mut host = Host::new(2);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.says();
    host
}

#[test]
fn a_message_that_cannot_be_kept_is_not_acknowledged_and_is_once_it_can_be() {
    let mut host = open();
    host.disk.refuse(2);
    host.hears_words(peer(2), Operation::Chat, 0, "hi");
    assert_eq!((host.says(), host.log(Kind::Message)), (vec![], vec![]));
    // Its sender repeats it: the disk still does not work, and then it does.
    for (after, acks) in [(500, vec![]), (5_000, vec![Operation::Ack])] {
        host.waits(after);
        host.hears_words(peer(2), Operation::Chat, 0, "hi");
        assert_eq!(host.said(), acks);
    }
    assert_eq!(host.log(Kind::Message).len(), 1);
}

#[test]
fn what_comes_while_nothing_can_be_written_counts_as_received_and_ignored() {
    let counters = |host: &mut Host| match host.driver.ask(host.moment(), Request::Status) {
        Ok(Reply::Status(status)) => (status.counters.datagrams_in, status.counters.ignored),
        answer => panic!("{answer:?}"),
    };
    let mut host = open();
    host.disk.refuse(2);
    host.hears_words(peer(2), Operation::Chat, 0, "hi");
    let before = counters(&mut host);
    host.hears_words(peer(2), Operation::Chat, 0, "hi");
    assert_eq!(counters(&mut host), (before.0 + 1, before.1 + 1));
}

#[test]
fn what_was_undone_while_nothing_could_be_read_does_not_wait() {
    let mut host = open();
    host.disk.refuse(1);
    host.disk.be_blind(true);
    assert!(host.ask(driver::send(None, "lost")).unwrap_err().line.starts_with("nothing was changed: "));
    host.disk.be_blind(false);
    host.waits(1_000);
    // It has the id of the one that was lost. With another that is, it is seen what the log has.
    host.ask(driver::send(None, "hi")).unwrap();
    host.disk.refuse(1);
    host.ask(driver::send(None, "lost, too")).unwrap_err();
    assert_eq!(host.chats().iter().map(|chat| chat.queued).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_request_of_a_turn_that_is_undone_is_refused_and_one_that_reads_finds_nothing_of_it() {
    let mut host = open();
    let entries = host.driver.log();
    host.disk.refuse(1);
    let requests = [
        driver::send(None, "lost"),
        keep(peer(9), "lost too", None),
        connect(peer(3)),
        Request::Seen { consumer: "a".to_owned(), id: 1 },
        Request::Outbox { after: 0 },
        Request::Consumers,
        Request::Chats { after: 0 },
        Request::Stop,
    ];
    let mut answers = host.driver.ask_all(host.moment(), requests);
    let read = answers.split_off(4);
    for answer in answers {
        let failure = answer.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Failed);
        assert!(failure.line.starts_with("nothing was changed: "), "{failure}");
    }
    let [Ok(outbox), Ok(consumers), Ok(Reply::Chats { chats, .. }), Ok(Reply::Done)] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(*outbox, Reply::Outbox { messages: vec![], more: false });
    assert_eq!(*consumers, Reply::Consumers { consumers: vec![] });
    assert_eq!(chats.iter().map(|chat| chat.state).collect::<Vec<_>>(), [State::Open]);
    assert_eq!((host.says(), host.driver.log()), (vec![], entries));
    assert!(host.status().trouble.is_some());
}

#[test]
fn while_the_disk_does_not_work_all_stands_still_and_then_goes_on_where_it_was() {
    let mut host = open();
    host.keep(peer(3), "off", Some(2_000));
    host.send(peer(2));
    assert_eq!(host.sends(), [(peer(3), Operation::Syn), (peer(2), Operation::Chat)]);
    // It refuses what is tried in the turn itself, and then once per second.
    host.disk.refuse(12);
    host.ask(driver::send(None, "refused")).unwrap_err();
    assert_eq!(host.waits(9_900), [], "nothing is transmitted, nothing expires");
    // Whatever comes is as if lost: nothing is acknowledged, nobody is answered.
    for (from, operation) in
        [(2, Operation::Ack), (2, Operation::Fin), (9, Operation::Fin), (9, Operation::Chat)]
    {
        host.hears(peer(from), operation, 0);
    }
    assert_eq!(host.says(), []);
    assert!(host.status().trouble.is_some());
    assert_eq!(host.kinds().pop(), Some(Kind::Queued));
    // As after a restart, the message waits until copies of it are dead.
    let said = host.waits(7_000);
    assert!(said.contains(&(peer(2), Operation::Chat)), "{said:?}");
    assert_eq!((host.status().trouble, host.given_up().len()), (None, 1));
    host.hears(peer(2), Operation::Ack, 0);
    assert_eq!(host.log(Kind::Delivered).len(), 1);
}

#[test]
fn a_kill_after_the_commit_loses_the_ack_and_one_before_it_the_message_too() {
    for (refused, entries) in [(0, 1), (1, 0)] {
        let mut host = open();
        host.disk.refuse(refused);
        host.hears_words(peer(2), Operation::Chat, 0, "hi");
        // Nothing of that leaves.
        host.says();
        let mut host = host.restarted(2);
        assert_eq!(host.log(Kind::Message).len(), entries);
        host.says();
        host.hears_words(peer(2), Operation::Chat, 0, "hi");
        assert_eq!(host.said(), [Operation::Ack]);
        assert_eq!(host.log(Kind::Message).len(), 1, "kept once");
    }
}

#[test]
fn a_turn_that_is_undone_takes_back_a_chat_that_opened_in_it() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.says();
    host.disk.refuse(1);
    host.driver.arrives(peer(2), datagram(Operation::SynAck, 0, ""));
    let answers = host.driver.ask_all(host.moment(), [driver::send(None, "hi")]);
    assert!(answers[0].is_err() && host.says().is_empty());
    assert_eq!(host.chats()[0].state, State::Inviting);
    host.waits(1_001);
    host.says();
    host.hears(peer(2), Operation::SynAck, 0);
    assert_eq!((host.said(), host.log(Kind::Opened).len()), (vec![Operation::Ack], 1));
}

#[test]
fn who_leaves_and_comes_back_within_one_turn_is_let_in() {
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.accept();
    host.hears(peer(2), Operation::Ack, 0);
    host.says();
    for operation in [Operation::Fin, Operation::Syn] {
        host.driver.arrives(peer(2), datagram(operation, 0, ""));
    }
    host.turn();
    assert_eq!(host.kinds(), [Kind::Request, Kind::Opened, Kind::Closed, Kind::Request]);
    assert_eq!(host.chats()[0].state, State::Invited);
}
