//! The NATS servers of `harness`: that they do what tests of rooms with doors count on.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Servers, Setup, Stranger, Way, World};

fn stream(replicas: usize) -> Value {
    json!({ "name": "S", "subjects": ["s.>"], "num_replicas": replicas, "storage": "file" })
}

fn last(stranger: &mut Stranger) -> Value {
    stranger.stream("S")["state"]["last_seq"].take()
}

#[test]
fn the_leader_of_three_servers_is_killed_and_another_one_takes_over() {
    let (test, world) = ("the_leader_of_three_servers_is_killed_and_another_one_takes_over", World::new());
    let Some(mut servers) = Servers::three(test, &world) else { return };
    servers.stranger(0).makes(&stream(3));
    let leader = servers.leader("S");
    assert_eq!(servers.stranger(leader).stores("s.a", b"one"), 1);
    servers.kill(leader);
    let next = servers.leader("S");
    assert_ne!(next, leader);
    assert_eq!(servers.stranger(next).stores("s.a", b"two"), 2);
    servers.start(leader);
    assert_eq!(last(&mut servers.stranger(leader)), 2);
    assert!(servers.leader("S") < servers.count());
}

#[test]
fn a_server_that_is_killed_has_what_it_had_and_forgets_what_is_purged_or_deleted() {
    let test = "a_server_that_is_killed_has_what_it_had_and_forgets_what_is_purged_or_deleted";
    let world = World::new();
    let Some(mut servers) = Servers::one(test, &world) else { return };
    let mut stranger = servers.stranger(0);
    stranger.makes(&stream(1));
    assert_eq!(stranger.stores("s.a", b"one"), 1);
    servers.kill(0);
    servers.start(0);
    let mut stranger = servers.stranger(0);
    stranger.publish("s.b", b"two");
    assert_eq!(last(&mut stranger), 2);
    assert_eq!(stranger.reads("S", 2)["subject"], "s.b");
    stranger.changes("S", &json!({ "max_msgs": 1 }));
    assert_eq!(stranger.stream("S")["state"]["messages"], 1);
    stranger.purges("S");
    assert_eq!(stranger.stores("s.a", b"three"), 3);
    stranger.deletes("S");
    stranger.makes(&stream(1));
    assert_eq!(stranger.stores("s.a", b"four"), 1);
    assert_eq!(servers.leader("S"), 0);
}

#[test]
fn nothing_gets_through_a_way_that_is_blocked_and_all_of_it_afterwards() {
    let test = "nothing_gets_through_a_way_that_is_blocked_and_all_of_it_afterwards";
    let world = World::new();
    let setup = Setup {
        more: "authorization { user: ann, password: secret }\n",
        admin: Some(("ann", "secret")),
        ..Setup::default()
    };
    let Some(servers) = Servers::with(test, &world, 1, &setup) else { return };
    let address = format!("{}:4222", world.address(111));
    let way = Way::open(&address, &servers.address(0));
    assert_eq!(way.url(), servers.urls()[0].replace(&world.address(101), &world.address(111)));
    let mut near = servers.stranger(0);
    let mut far = Stranger::connect(&address, setup.admin);
    near.makes(&stream(1));
    assert_eq!(far.stores("s.a", b"one"), 1);
    way.block();
    assert!(far.try_ask_about("S").is_err());
    near.publish("s.a", b"two");
    way.unblock();
    assert_eq!(last(&mut far), 2);
    // One that is stopped answers nothing either.
    servers.signal(0, Signal::SIGSTOP);
    assert!(near.try_ask_about("S").is_err());
    servers.signal(0, Signal::SIGCONT);
    assert_eq!(last(&mut near), 2);
}
