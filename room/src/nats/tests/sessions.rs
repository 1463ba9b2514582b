//! What becomes of sessions if the server, or somebody at it, does what nobody expects.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use super::registration;
use super::server::{DEADLINE, DoorUnderTest, Server, new_address};
use crate::cluster::{Ask, Key, Look, Outgoing, Registered, Subject, Told};
use crate::nats::{NatsOptions, Visit};
use crate::room::OrderResult;

const DELETE_STREAM: &str = "$JS.API.STREAM.DELETE.SIMP_lobby";

/// The next session; what is told before that is let go.
fn begun_again(door: &DoorUnderTest) -> Look {
    loop {
        if let Told::Began(_, look) = door.next() {
            return look;
        }
    }
}

#[test]
fn while_the_server_is_away_what_is_asked_fails_and_when_it_is_back_a_session_begins() {
    let Some(mut server) = Server::new("") else { return };
    let address = server.address.clone();
    let away = format!("no nats-server at {address} (start it there, with JetStream)");
    let door = DoorUnderTest::start(&server.options("north"));
    door.began();
    door.follow(0, 0);
    door.publish(1);
    assert_eq!(door.posts(1), [(1, "north 1".to_owned())]);
    let ask = || {
        door.ask(Ask::Register(registration("ann", "a")));
        let (answer, answered) = mpsc::channel();
        let answer = Some((answer, OrderResult::Done(String::new())));
        door.ask(Ask::Keep { key: Key::Topic, value: None, answer });
        answered
    };
    let is_refused = |answered: Receiver<OrderResult>| {
        assert!(matches!(door.next(), Told::Registered(_, Registered::Unknown)));
        let Ok(OrderResult::Failed(line)) = answered.recv_timeout(DEADLINE) else { panic!() };
        assert!([away.clone(), format!("nats-server at {address} went away")].contains(&line), "{line}");
    };
    server.hold();
    let answered = ask();
    server.kill();
    is_refused(answered);
    // For whichever reason is the newest by then.
    assert!(matches!(door.next(), Told::Away(_)));
    is_refused(ask());
    door.publish(2);
    server.launch();
    assert_eq!(door.began().last, 1, "what was asked of nobody is for nothing");
    door.follow(1, 0);
    door.publish(2);
    assert_eq!(door.posts(1), [(2, "north 2".to_owned())]);
}

#[test]
fn a_door_that_need_not_connect_waits_for_the_server() {
    let Some(mut server) = Server::new("") else { return };
    server.kill();
    let door = DoorUnderTest::try_start(&server.options("north"), ("north", "run"), false).unwrap();
    let away = format!("no nats-server at {} (start it there, with JetStream)", server.address);
    assert!(matches!(door.next(), Told::Away(line) if line == away));
    server.launch();
    door.began();
}

#[test]
fn sessions_end_with_the_room() {
    let options = NatsOptions::new(&new_address(), (None, None), None, None).unwrap();
    let door = DoorUnderTest::try_start(&options, ("north", "run"), false).unwrap();
    drop(door.asks);
    let ended = std::iter::repeat_with(|| door.told.recv_timeout(DEADLINE)).find_map(Result::err);
    assert_eq!(ended, Some(RecvTimeoutError::Disconnected));
}

#[test]
fn one_name_is_that_of_one_door_and_one_run_of_it() {
    let Some(server) = Server::new("") else { return };
    let options = server.options("north");
    let start =
        |id: &str, run: &str, must_connect| DoorUnderTest::try_start(&options, (id, run), must_connect);
    let north = start("north", "run 1", true).unwrap();
    north.began();
    north.ask(Ask::Renew(north.lease("run 1", 1)));
    let renewed = |door: &DoorUnderTest| {
        let told = door.next();
        assert!(matches!(told, Told::Looked(_)), "{told:?}");
    };
    renewed(&north);
    let line = "a door called north is registered already, on simpd 127.0.0.9:7777 (choose another name: --door NAME; \
                or if that one is gone for good: simp-room doors remove north)";
    assert_eq!(start("other", "run 1", true).err().unwrap(), line);
    assert_eq!(start("other", "run 1", false).err().unwrap(), line, "also if it has been a door before");
    // Its first takes the lease over from a run that is over, as far as it can know.
    let again = start("north", "run 2", true).unwrap();
    again.began();
    again.ask(Ask::Renew(again.lease("run 2", 1)));
    renewed(&again);
    again.ask(Ask::Renew(again.lease("run 2", 2)));
    renewed(&again);
    north.ask(Ask::Renew(north.lease("run 1", 2)));
    assert!(matches!(north.next(), Told::Stolen(by) if by == "127.0.0.9:7777"));
    // An operator says that it is gone for good.
    let mut visit = Visit::connect("lobby", &options).unwrap();
    visit.put(&Key::Door("north".to_owned()), None).unwrap();
    start("other", "run 1", true).unwrap().began();
}

#[test]
fn what_is_removed_under_a_door_is_made_anew() {
    let Some(server) = Server::new("") else { return };
    let door = DoorUnderTest::start(&server.options("north"));
    let first = door.began();
    door.follow(0, 0);
    let mut stranger = server.stranger();
    stranger.ask(DELETE_STREAM, "");
    door.publish(1);
    let second = begun_again(&door);
    assert_ne!(second.stream, first.stream);
    assert_eq!(second.bucket, first.bucket);
    door.follow(0, 0);
    stranger.ask("$JS.API.STREAM.DELETE.KV_SIMP_lobby", "");
    door.ask(Ask::Renew(door.lease("run", 1)));
    let third = begun_again(&door);
    assert_eq!(third.stream, second.stream);
    assert_ne!(third.bucket, second.bucket);
    door.follow(0, 0);
    door.publish(1);
    assert_eq!(door.posts(1), [(1, "north 1".to_owned())]);
    stranger.ask("$JS.API.CONSUMER.DELETE.SIMP_lobby.door-north", "");
    begun_again(&door);
    door.follow(1, 0);
    door.publish(2);
    assert_eq!(door.posts(1), [(2, "north 2".to_owned())]);
}

#[test]
fn a_stream_that_is_full_is_told_once_and_takes_all_when_it_has_room() {
    let Some(server) = Server::new("") else { return };
    server.stranger().ask(
        "$JS.API.STREAM.CREATE.SIMP_lobby",
        r#"{"name":"SIMP_lobby","subjects":["simp.room.lobby.>"],"discard":"new","max_bytes":20000}"#,
    );
    let door = DoorUnderTest::start(&server.options("north"));
    door.began();
    door.follow(0, 0);
    let publish = |n: u64| {
        let post = Outgoing { id: n.to_string(), subject: Subject::News, body: vec![b'x'; 1_000] };
        door.ask(Ask::Publish(post));
    };
    (1..=30).for_each(publish);
    while !matches!(door.next(), Told::Away(_)) {}
    let count = door.began().posts;
    assert!((10..20).contains(&count), "{count}");
    door.follow(count, 0);
    // For nothing, and nobody hears of it again.
    publish(count + 1);
    door.ask(Ask::Renew(door.lease("run", 1)));
    assert!(
        door.until(|told| matches!(told, Told::Looked(_)))
            .iter()
            .all(|told| matches!(told, Told::Record(..)))
    );
    door.ask(Ask::Trim(count));
    door.ask(Ask::Renew(door.lease("run", 2)));
    begun_again(&door);
    door.follow(count, 0);
    publish(count + 1);
    assert_eq!(door.posts(1)[0].0, count + 1);
}

#[test]
fn the_line_for_a_stream_that_is_full_says_what_to_do() {
    let Some(server) = Server::new("") else { return };
    server.stranger().ask(
        "$JS.API.STREAM.CREATE.SIMP_lobby",
        r#"{"name":"SIMP_lobby","subjects":["simp.room.lobby.>"],"discard":"new","max_bytes":1048576}"#,
    );
    let door = DoorUnderTest::start(&server.options("north"));
    door.began();
    door.follow(0, 0);
    let post = Outgoing { id: "1".to_owned(), subject: Subject::News, body: vec![b'x'; 1_000_000] };
    door.ask(Ask::Publish(post.clone()));
    door.ask(Ask::Publish(Outgoing { id: "2".to_owned(), ..post }));
    let line = "the room's stream is full (simp-room doors shows which door holds it back; if that one is gone for \
                good: simp-room doors remove NAME)";
    let told = std::iter::repeat_with(|| door.next()).find(|told| matches!(told, Told::Away(_)));
    assert!(matches!(&told, Some(Told::Away(said)) if said == line), "{told:?}");
}

#[test]
fn what_a_stranger_puts_into_the_stream_is_told_and_holds_up_nothing() {
    let Some(server) = Server::new("") else { return };
    let door = DoorUnderTest::start(&server.options("north"));
    door.began();
    door.follow(0, 0);
    let mut stranger = server.stranger();
    let posts = ["plain", "no colon", "status", "heartbeat", "bad name", "removal", "plain"];
    for (n, what) in posts.into_iter().enumerate() {
        let headers = match what {
            "no colon" => "NATS/1.0\r\nno colon\r\n\r\n",
            "status" => "NATS/1.0 404 No Messages\r\n\r\n",
            "heartbeat" => "NATS/1.0 100 Idle Heartbeat\r\n\r\n",
            "bad name" => "NATS/1.0\r\nb a d: name\r\n\r\n",
            "removal" => "NATS/1.0\r\nKV-Operation: DEL\r\n\r\n",
            _ => "NATS/1.0\r\n\r\n",
        };
        stranger.publish("simp.room.lobby.news", headers, what);
        stranger.publish("$KV.SIMP_lobby.account.a", headers, &format!("{n}"));
        // No key of ours.
        stranger.publish("$KV.SIMP_lobby.x.y", headers, "");
    }
    let (mut heard, mut place, mut revision) = (Vec::new(), 0, 0);
    let mut newest = None;
    while heard.len() < posts.len() || newest != Some(b"6".to_vec()) {
        match door.next() {
            Told::Began(..) => door.follow_from(place, revision),
            Told::Post(at, body) => {
                assert_eq!(at, place + 1);
                place = at;
                heard.push(String::from_utf8(body).unwrap());
            }
            Told::Record(at, key, value) => {
                assert_eq!(key, Key::account("a"));
                assert!(at > revision);
                (revision, newest) = (at, value);
            }
            Told::Synced => {}
            told => panic!("{told:?}"),
        }
    }
    let said = posts.map(|what| if what == "removal" { "" } else { what });
    assert_eq!(heard, said);
    // The same for a door that finds it there, at the end too.
    stranger.publish("simp.room.lobby.news", "NATS/1.0 100 Idle Heartbeat\r\n\r\n", "last");
    let south = DoorUnderTest::start(&server.options("south"));
    let mut place = 0;
    while place <= posts.len() as u64 {
        match south.next() {
            Told::Began(..) => south.follow_from(place, revision),
            Told::Post(at, _) => place = at,
            _ => {}
        }
    }
}

#[test]
fn a_command_reads_and_writes_records_and_publishes() {
    let Some(server) = Server::new("") else { return };
    let options = server.options("north");
    let mut visit = Visit::connect("lobby", &options).unwrap();
    assert!(visit.records("account").unwrap().is_empty());
    let key = |n: u32| Key::account(&format!("user.{n}"));
    for n in 0..600 {
        assert!(visit.create(&key(n), n.to_string().as_bytes()).unwrap());
    }
    assert!(!visit.create(&key(7), b"x").unwrap());
    visit.put(&key(7), None).unwrap();
    visit.put(&Key::Topic, Some(b"fish".to_vec())).unwrap();
    assert_eq!(visit.get(&key(7)).unwrap(), None);
    assert_eq!(visit.get(&key(8)).unwrap(), Some(b"8".to_vec()));
    let records = visit.records("account").unwrap();
    let mut expected: Vec<_> =
        (0..600).filter(|n| *n != 7).map(|n| (key(n), n.to_string().into_bytes())).collect();
    expected.sort();
    assert_eq!(records, expected);
    let post =
        Outgoing { id: "1".to_owned(), subject: Subject::Door("south".to_owned()), body: b"x".to_vec() };
    visit.publish(post).unwrap();
    drop(server);
    let line = visit.get(&Key::Topic).unwrap_err().failure().unwrap().line;
    assert_eq!(
        line,
        format!("nats-server at {} went away", options.servers[0].trim_start_matches("nats://"))
    );
}
