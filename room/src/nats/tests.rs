//! Doors and a real nats-server.

use std::sync::mpsc;

use crate::cluster::{AccountRecord, Ask, Key, Registered, Registration, Told};
use crate::room::OrderResult;

mod lines;
mod server;
mod sessions;

use server::{DEADLINE, DoorUnderTest, Server};

fn registration(name: &str, hash: &str) -> Box<Registration> {
    let account = AccountRecord { name: name.to_owned(), hash: hash.to_owned(), since_ms: 1 };
    Box::new(Registration { chat: 1, event: 2, password: "secret".to_owned(), account })
}

#[test]
fn doors_hear_each_post_in_the_order_of_the_stream_and_each_record() {
    let Some(server) = Server::new("") else { return };
    let (north, south) =
        (DoorUnderTest::start(&server.options("north")), DoorUnderTest::start(&server.options("south")));
    let look = north.began();
    assert_eq!((look.first, look.last, look.posts, look.records, look.max_bytes), (0, 0, 0, 0, 256 << 20));
    south.began();
    // What is published before it is said from where is of an earlier session.
    north.publish(99);
    assert!(north.follow(0, 0).is_empty());
    (1..=600).for_each(|n| north.publish(n));
    let heard = |door: &DoorUnderTest| {
        let mut posts = Vec::new();
        while posts.len() < 600 {
            posts.extend(door.posts(100));
            // No more than so many may wait for it.
            door.ask(Ask::Heard(posts.len() as u64));
        }
        posts
    };
    let posts = heard(&north);
    assert_eq!(posts, (1..=600).map(|n| (n, format!("north {n}"))).collect::<Vec<_>>());
    south.follow_from(500, 0);
    assert_eq!(south.posts(100), posts[500..]);
    south.publish(1);
    assert_eq!(north.posts(1), [(601, "south 1".to_owned())]);
    // What was published already is dropped.
    south.publish(1);
    south.publish(2);
    assert_eq!(north.posts(1), [(602, "south 2".to_owned())]);
    north.ask(Ask::Trim(601));
    north.ask(Ask::Renew(north.lease("run", 1)));
    let is_lease = |told: &Told| matches!(told, Told::Record(1, Key::Door(name), Some(_)) if name == "north");
    let (mut has_lease, mut first) = (false, 0);
    while !has_lease || first != 602 {
        match north.next() {
            Told::Looked(look) => {
                first = look.first;
                north.ask(Ask::Renew(north.lease("run", 1)));
            }
            told => has_lease |= is_lease(&told),
        }
    }
}

#[test]
fn of_those_who_want_one_name_one_gets_it() {
    let Some(server) = Server::new("") else { return };
    let door = DoorUnderTest::start(&server.options("north"));
    door.began();
    door.follow(0, 0);
    let became = |name: &str, hash: &str| {
        door.ask(Ask::Register(registration(name, hash)));
        loop {
            if let Told::Registered(registration, registered) = door.next() {
                assert_eq!(registration.account.name, name);
                break registered;
            }
        }
    };
    assert_eq!(became("ann", "a"), Registered::Made);
    assert_eq!(became("Ann", "b"), Registered::Taken);
    // Its answer was lost, perhaps.
    assert_eq!(became("ann", "a"), Registered::Made);
    let (answer, answered) = mpsc::channel();
    door.ask(Ask::Keep {
        key: Key::account("ann"),
        value: None,
        answer: Some((answer, OrderResult::Done("removed".to_owned()))),
    });
    assert!(matches!(answered.recv_timeout(DEADLINE), Ok(OrderResult::Done(line)) if line == "removed"));
    assert_eq!(became("ann", "b"), Registered::Made);
    door.ask(Ask::Restore(vec![(Key::account("ann"), b"x".to_vec()), (Key::Topic, b"\"fish\"".to_vec())]));
    let told =
        door.until(|told| matches!(told, Told::Record(_, Key::Topic, Some(topic)) if topic == b"\"fish\""));
    assert!(
        told.iter().all(|told| !matches!(told, Told::Record(_, _, Some(value)) if value == b"x")),
        "{told:?}"
    );
}
