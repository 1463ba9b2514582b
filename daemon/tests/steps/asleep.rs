//! A machine that sleeps: the next turn is hours late, and what has come is there at once.

use simp_control::{Kind, Reason, What};
use simp_proto::Operation;

use super::{Host, peer};

const NIGHT: u64 = 8 * 3_600_000;

#[test]
fn a_message_that_expired_while_the_machine_slept_is_not_delivered_to_whoever_comes_as_it_wakes() {
    let comes = [Operation::Syn, Operation::SynAck, Operation::Ack];
    for operation in comes {
        let mut host = Host::new(1);
        host.keep(peer(2), "lunch?", Some(3_600_000));
        if operation == Operation::Ack {
            // The chat is open already, and this message waits for one that expires never.
            host.hears(peer(2), Operation::SynAck, 0);
            host.hears(peer(2), Operation::Ack, 0);
            host.keep(peer(2), "hi", None);
            host.keep(peer(2), "lunch?", Some(3_600_000));
        }
        host.says();
        host.now = NIGHT;
        host.hears(peer(2), operation, u8::from(operation == Operation::Ack));
        host.waits(10_000);
        assert_eq!(host.given_up().len(), 1, "{operation:?}");
    }
}

#[test]
fn a_night_is_one_attempt_and_no_more() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.send(peer(2));
    host.says();
    host.now = NIGHT;
    host.turn();
    let mut said = host.sends();
    said.extend(host.waits(24_999));
    // The first one left before the night.
    assert_eq!(said, [(peer(2), Operation::Chat); 5]);
    host.waits(1);
    let what = host.log(Kind::Closed).pop().unwrap().what;
    assert_eq!(what, What::Closed { reason: Reason::PeerGone, text: None });
}
