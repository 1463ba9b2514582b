//! The client and a simpd that goes away: what is followed goes on after what came, and what is asked is asked again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use simp_control::{
    Answer, Client, Event, Filter, FollowFrom, FrameStream, Peer, Reply, Request, VERSION, What, error::Error,
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
    let (program, address) = ("0".to_owned(), "127.0.0.1:7777".to_owned());
    vec![Answer::Reply(Reply::Hello { version: VERSION, program, address, user: "alice".to_owned() })]
}

fn following(after: u64, ids: &[u64]) -> Vec<Answer> {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    let event =
        |&id: &u64| Answer::Event(Event { id, at_ms: 0, chat: 1, peer: peer.clone(), what: What::Request });
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
