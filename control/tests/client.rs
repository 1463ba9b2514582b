//! The client and a simpd that goes away: what is followed goes on after what came, and what is asked is asked again.

use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use simp_control::{
    Answer, Client, Epoch, Epochs, Event, Filter, FollowFrom, FrameStream, LogId, Peer, Reply, Request,
    VERSION, What, error::Error,
};

/// A simpd that serves one client after another: each gets these answers, a group after each of its requests, and then
/// the end. Gives what each of them asked.
fn simpd(listener: UnixListener, clients: Vec<Vec<Vec<Answer>>>) -> JoinHandle<Vec<Vec<Request>>> {
    thread::spawn(move || {
        let serve = |groups: Vec<Vec<Answer>>| {
            let mut client = FrameStream::new(listener.accept().unwrap().0);
            let answer = |group: Vec<Answer>| {
                let request = client.receive().unwrap().unwrap();
                group.iter().for_each(|answer| client.write(answer).unwrap());
                request
            };
            groups.into_iter().map(answer).collect()
        };
        clients.into_iter().map(serve).collect()
    })
}

fn hello() -> Vec<Answer> {
    hello_with(None)
}

/// The hello of a simpd with this log.
fn hello_with(log: Option<&str>) -> Vec<Answer> {
    hello_of(log, &[])
}

/// The same with these epochs: an id and the entry after which each begins.
fn hello_of(log: Option<&str>, epochs: &[(u64, u64)]) -> Vec<Answer> {
    let (program, address, user) = ("0".to_owned(), "127.0.0.1:7777".to_owned(), "alice".to_owned());
    let epochs = Epochs::new(epochs.iter().map(|(id, after)| Epoch { id: *id, after: *after }).collect());
    let log = log.map(LogId::new);
    vec![Answer::Reply(Reply::Hello {
        version: VERSION,
        minor: 0,
        program,
        address,
        user,
        log,
        epochs,
        key: None,
        features: Vec::new(),
    })]
}

fn following(after: u64, ids: &[u64]) -> Vec<Answer> {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    let event = |&id: &u64| {
        let (peer, what) = (peer.clone(), What::Request);
        Answer::Event(Event { id, at_ms: 0, chat: 1, peer, secure: None, answers: None, what })
    };
    std::iter::once(Answer::Reply(Reply::Following { after })).chain(ids.iter().map(event)).collect()
}

#[test]
fn what_is_followed_goes_on_after_the_last_entry_that_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let first = vec![hello(), following(3, &[4, 7])];
    // The second is lost before it says anything, and the third says nothing new.
    let clients = vec![
        first,
        vec![hello(), vec![]],
        vec![hello(), following(7, &[])],
        vec![hello(), following(7, &[8])],
    ];
    let served = simpd(UnixListener::bind(&path).unwrap(), clients);
    let mut client = Client::at(&path).unwrap();
    client.follow(FollowFrom::End, Filter::default()).unwrap();
    client.write().unwrap();
    let ids: Vec<u64> = (0..3).map(|_| client.event(None).unwrap().unwrap().id).collect();
    assert_eq!(ids, [4, 7, 8]);
    let from = |from| Request::Follow { from, filter: Filter::default() };
    let hello = || Request::Hello { version: VERSION };
    let again = || vec![hello(), from(FollowFrom::After(7))];
    assert_eq!(served.join().unwrap(), [vec![hello(), from(FollowFrom::End)], again(), again(), again()]);
}

#[test]
fn who_insists_asks_again_and_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let done = vec![Answer::Reply(Reply::Done)];
    let served = simpd(UnixListener::bind(&path).unwrap(), vec![vec![hello(), vec![]], vec![hello(), done]]);
    let mut client = Client::at(&path).unwrap();
    let mut attempts = Vec::new();
    let reply = client.insist(None, |client, again| {
        attempts.push(again);
        client.ask(&Request::Stop)
    });
    assert_eq!((reply.unwrap(), attempts), (Reply::Done, vec![false, true]));
    // It was the last client that is served: the socket is there, and nobody listens.
    served.join().unwrap();
    assert!(matches!(client.ask(&Request::Stop), Err(Error::Lost(_))));
    assert!(matches!(client.another(), Err(Error::Lost(_))));
}

#[test]
fn who_writes_more_than_simpd_reads_goes_on_reading_and_neither_waits_for_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    // More than the system takes: simpd says all of it before it reads the next request, which is as long.
    let ids: Vec<u64> = (1..=30_000).collect();
    let groups = vec![hello(), following(0, &ids), vec![Answer::Reply(Reply::Done)]];
    let served = simpd(UnixListener::bind(&path).unwrap(), vec![groups]);
    let mut client = Client::at(&path).unwrap();
    client.follow(FollowFrom::After(0), Filter::default()).unwrap();
    client.write().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let reply = client.ask(&Request::send(None, "x".repeat(900_000))).unwrap();
        tell.send((client, reply)).unwrap();
    });
    let (mut client, reply) = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(reply, Reply::Done);
    for id in ids {
        assert_eq!(client.event(None).unwrap().unwrap().id, id);
    }
    assert_eq!(served.join().unwrap()[0].len(), 3);
}

/// The ids of the next entries, and then that the log is another one.
#[track_caller]
fn ends_with_another_log(client: &mut Client, ids: &[u64]) {
    for id in ids {
        assert_eq!(client.event(None).unwrap().unwrap().id, *id);
    }
    let error = client.event(None).unwrap_err();
    assert!(matches!(error, Error::OtherLog(_)), "{error}");
}

#[test]
fn what_is_followed_does_not_go_on_in_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let first = vec![hello_with(Some("a")), following(3, &[4, 7])];
    // The second has more entries than were read from the first.
    let other = vec![hello_with(Some("b")), following(20, &[21])];
    let served = simpd(UnixListener::bind(&path).unwrap(), vec![first, other]);
    let mut client = Client::at(&path).unwrap();
    client.follow(FollowFrom::After(3), Filter::default()).unwrap();
    client.write().unwrap();
    ends_with_another_log(&mut client, &[4, 7]);
    assert_eq!(client.position(), 0);
    // The connection is there, for whoever begins again.
    client.follow(FollowFrom::End, Filter::default()).unwrap();
    client.write().unwrap();
    assert_eq!(client.event(None).unwrap().unwrap().id, 21);
    let asked = served.join().unwrap().pop().unwrap();
    let begun_again = Request::Follow { from: FollowFrom::End, filter: Filter::default() };
    assert_eq!(asked, [Request::Hello { version: VERSION }, begun_again]);
}

#[test]
fn a_log_that_ends_before_what_was_read_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let first = vec![hello_with(Some("a")), following(3, &[4, 7])];
    let older_copy = vec![hello_with(Some("a")), following(5, &[6]), following(6, &[7])];
    let _served = simpd(UnixListener::bind(&path).unwrap(), vec![first, older_copy]);
    let mut client = Client::at(&path).unwrap();
    client.follow(FollowFrom::After(3), Filter::default()).unwrap();
    client.write().unwrap();
    ends_with_another_log(&mut client, &[4, 7]);
    // What still came for what was followed before is not taken for what is followed now.
    client.follow(FollowFrom::End, Filter::default()).unwrap();
    client.write().unwrap();
    assert_eq!(client.event(None).unwrap().unwrap().id, 7);
}

#[test]
fn an_older_copy_that_has_grown_past_what_was_read_is_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let first = vec![hello_of(Some("a"), &[(1, 0), (2, 3)]), following(3, &[4, 7])];
    // A restart that appended nothing, one that did, and a copy of then that was made at entry 6.
    let same = vec![hello_of(Some("a"), &[(1, 0), (2, 3), (3, 7)]), following(7, &[8])];
    let copy = vec![hello_of(Some("a"), &[(1, 0), (2, 3), (9, 6)]), following(20, &[21])];
    let _served = simpd(UnixListener::bind(&path).unwrap(), vec![first, same, copy]);
    let mut client = Client::at(&path).unwrap();
    client.follow(FollowFrom::After(3), Filter::default()).unwrap();
    client.write().unwrap();
    ends_with_another_log(&mut client, &[4, 7, 8]);
    client.follow(FollowFrom::End, Filter::default()).unwrap();
    client.write().unwrap();
    assert_eq!(client.event(None).unwrap().unwrap().id, 21);
}

#[test]
fn who_relies_on_an_entry_of_another_connection_finds_that_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let (run, next) = ([(1, 0), (2, 3)], [(1, 0), (2, 3), (3, 7)]);
    let clients = vec![
        vec![hello_of(Some("a"), &run)],
        vec![hello_of(Some("a"), &next)],
        vec![hello_of(Some("a"), &next), vec![Answer::Reply(Reply::Done)]],
        vec![hello_of(Some("a"), &run)],
    ];
    let _served = simpd(UnixListener::bind(&path).unwrap(), clients);
    let mut client = Client::at(&path).unwrap();
    client.address().unwrap();
    let mut another = client.another().unwrap();
    another.address().unwrap();
    // The first has never heard of the run that this is of.
    client.rely_on(another.position_of(8));
    let stop = |client: &mut Client| client.insist(None, |client, _| client.ask(&Request::Stop));
    assert_eq!(stop(&mut client).unwrap(), Reply::Done);
    let error = client.insist(None, |client, _| client.ask(&Request::Stop)).unwrap_err();
    assert!(matches!(error, Error::OtherLog(_)), "{error}");
}

#[test]
fn a_second_connection_says_hello_before_anything_is_asked_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let served = simpd(UnixListener::bind(&path).unwrap(), vec![vec![hello()], vec![hello()]]);
    let mut client = Client::at(&path).unwrap();
    client.address().unwrap();
    let _unused = client.another().unwrap();
    assert_eq!(
        served.join().unwrap(),
        [[Request::Hello { version: VERSION }], [Request::Hello { version: VERSION }]]
    );
}

#[test]
fn a_second_connection_must_find_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simpd.sock");
    let clients = vec![vec![hello_with(Some("a"))], vec![hello_with(Some("b"))]];
    let _served = simpd(UnixListener::bind(&path).unwrap(), clients);
    let mut client = Client::at(&path).unwrap();
    client.address().unwrap();
    let error = client.another().unwrap().ask(&Request::Stop).unwrap_err();
    assert_eq!(error.to_string(), format!("simpd on {} has a different log than before", path.display()));
}
