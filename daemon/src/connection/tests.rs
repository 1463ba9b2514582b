//! One connection at a time, over a pair of sockets.

use mio::{Events, Interest, Poll, Token};
use simp_control::{Filter, frame};

use super::*;

/// Waits until its socket has something for the client, and tells it.
fn wake(poll: &mut Poll, client: &mut ClientConnection) {
    let mut events = Events::with_capacity(1);
    while events.is_empty() {
        poll.poll(&mut events, None).unwrap();
    }
    events.iter().for_each(|event| client.woken(event));
}

#[test]
fn of_a_client_that_has_gone_only_that_is_done_which_others_have_something_of() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut client = ClientConnection::new(ours, Rights::All);
    let mut poll = Poll::new().unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut client.stream, Token(0), both).unwrap();
    let history = Request::History { before: None, limit: 1_000, filter: Filter::default() };
    let send = Request::send(None, "hi");
    let mut wire = Vec::new();
    let requests = [&Request::Hello { version: VERSION }, &history, &history, &send, &history];
    requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
    theirs.write_all(&wire).unwrap();
    // It is there: all is done in order, and what costs much waits for a further turn.
    wake(&mut poll, &mut client);
    assert_eq!(client.next_request(), Some(Request::Hello { version: VERSION }));
    let held = client.next_request().unwrap();
    assert_eq!(held, history);
    client.hold(held);
    drop(theirs);
    wake(&mut poll, &mut client);
    assert_eq!(client.next_request(), Some(send));
    assert_eq!(client.next_request(), None);
    assert!(client.is_done(), "{client:?}");
}

#[test]
fn a_client_that_has_closed_its_side_only_reads_all_its_answers() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut client = ClientConnection::new(ours, Rights::All);
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&mut client.stream, Token(0), Interest::READABLE).unwrap();
    let mut wire = Vec::new();
    let requests = [Request::Hello { version: VERSION }, Request::Status, Request::Consumers];
    requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
    theirs.write_all(&wire).unwrap();
    theirs.shutdown(std::net::Shutdown::Write).unwrap();
    wake(&mut poll, &mut client);
    for request in requests {
        assert_eq!(client.next_request(), Some(request));
    }
    assert_eq!(client.next_request(), None);
}

#[test]
fn a_long_request_is_as_much_work_as_it_has_bytes_once_to_read_and_once_to_decode() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut client = ClientConnection::new(UnixStream::from_std(ours), Rights::All);
    let mut wire = Vec::new();
    let requests = [Request::Hello { version: VERSION }, Request::send(None, "x".repeat(900_000))];
    requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
    let length = wire.len() as u64;
    let writer = std::thread::spawn(move || (&theirs).write_all(&wire).map(|()| theirs));
    let (mut taken, mut work) = (0, 0);
    while taken < requests.len() {
        taken += usize::from(client.next_request().is_some());
        // As if an event said so.
        client.inlet = Inlet::Wet;
        work += client.read_since();
    }
    assert_eq!(work, 2 * length);
    drop(writer.join().unwrap());
}
