//! What a client writes: frames, whole, in pieces and wrong, and the hello that must come first. What the requests
//! do is tried elsewhere.

use std::io::Write as _;
use std::net::Shutdown;

use simp_control::{Answer, FailureKind, Reply, Request, VERSION};

use super::{frame, seen};
use crate::harness::{Raw, World, send};

/// The bytes of a frame.
fn framed(item: &[u8]) -> Vec<u8> {
    [&(item.len() as u32).to_be_bytes(), item].concat()
}

#[test]
fn what_is_not_a_frame_is_answered_with_its_reason_and_the_end() {
    let world = World::new();
    let alice = world.start(1, &[]);
    for (bytes, line) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            "the request cannot be read: a frame has at most 1048576 bytes, this one claims 1195725856",
        ),
        (
            b"\xff\xff\xff\xff",
            "the request cannot be read: a frame has at most 1048576 bytes, this one claims 4294967295",
        ),
        (
            b"\0\x10\0\x01",
            "the request cannot be read: a frame has at most 1048576 bytes, this one claims 1048577",
        ),
    ] {
        let mut client = Raw::connect(&alice.socket);
        client.stream().write_all(bytes).unwrap();
        assert_eq!(client.dismissed(), (FailureKind::Usage, line.to_owned()));
    }
    let unknown = framed(b"\x65dance");
    for (bytes, reason) in [
        (&b"\0\0\0\0"[..], "it ends too early"),
        (b"\0\0\0\x01\xff", "invalid type: break, expected enum"),
        (b"\0\0\0\x05hello", "it ends too early"),
        (b"\0\0\0\x01\x1c", "byte 0 is not CBOR"),
        (b"\0\0\0\x02\x18\x18", "invalid type: integer `24`, expected enum"),
        (b"\0\0\0\x05\x9b\xff\xff\xff\xff", "it ends too early"),
        (b"\0\0\0\x08\x66status\x00", "bytes after the item"),
        (b"\0\0\0\x0e\x66status\x66status", "bytes after the item"),
        (&[&[0, 1, 0, 0][..], &[0x81; 65_536]].concat(), "invalid type: sequence, expected enum"),
        (
            &unknown,
            "unknown variant `dance`, expected one of `hello`, `status`, `connect`, `accept`, `decline`, \
             `send`, `send_file`, `take_file`, `refuse_file`, `transfers`, `outbox`, `states`, `cancel`, `cancel_all`, `resend`, `quit`, `chats`, \
             `history`, `follow`, `seen`, `consumers`, `forget`, \
             `peers`, `read`, `forget_peer`, `keys`, `trust_keys`, `forget_key`, `hold_log`, `release_log`, `stop`",
        ),
    ] {
        let mut client = Raw::connect(&alice.socket);
        client.stream().write_all(bytes).unwrap();
        let line = format!("the request cannot be read: not the expected CBOR item: {reason}");
        assert_eq!(client.dismissed(), (FailureKind::Usage, line));
    }
    assert_eq!(alice.client().status().clients, 1);
}

#[test]
fn the_first_request_must_be_hello() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let requests = [Request::Status, Request::Stop, send(None, "hi"), seen("me", 0)];
    for request in requests {
        let mut client = Raw::connect(&alice.socket);
        client.write(&request);
        let line = "the first request must be hello".to_owned();
        assert_eq!(client.dismissed(), (FailureKind::Usage, line));
    }
    alice.client().status();
}

#[test]
fn another_version_is_refused_with_both_versions() {
    let world = World::new();
    let alice = world.start(1, &[]);
    for version in [0, VERSION + 1, u32::MAX] {
        let mut client = Raw::connect(&alice.socket);
        client.write(&Request::Hello { version });
        let line = format!(
            "simpd {} speaks version {VERSION} of the control API, this client {version} (install simpctl \
             and simpd from the same release, and restart simpd)",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(client.dismissed(), (FailureKind::NoDaemon, line));
    }
}

#[test]
fn requests_written_at_once_are_answered_in_order_even_to_a_client_that_writes_no_more() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = Raw::connect(&alice.socket);
    let requests =
        [Request::Hello { version: VERSION }, Request::Status, Request::Chats { after: 0 }, seen("me", 0)];
    client.stream().write_all(&requests.iter().flat_map(frame).collect::<Vec<u8>>()).unwrap();
    client.stream().shutdown(Shutdown::Write).unwrap();
    let Some(Answer::Reply(Reply::Hello { version, program, address, user, log, .. })) = client.read() else {
        panic!("no hello")
    };
    let expected = (VERSION, env!("CARGO_PKG_VERSION"), format!("{}:7777", world.address(1)), "alice");
    assert_eq!((version, program.as_str(), address, user.as_str()), expected);
    let log = log.expect("the log has an id");
    assert!(log.to_string().len() == 32 && log.to_string().bytes().all(|digit| digit.is_ascii_hexdigit()));
    let Some(Answer::Reply(Reply::Status(status))) = client.read() else { panic!("no status") };
    assert_eq!(status.log, Some(log));
    assert_eq!(client.read(), Some(Answer::Reply(Reply::Chats { chats: vec![], more: false })));
    assert_eq!(client.read(), Some(Answer::Reply(Reply::Done)));
    assert_eq!(client.read(), None);
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut client = Raw::connect(&alice.socket);
    for byte in frame(&Request::Hello { version: VERSION }) {
        client.stream().write_all(&[byte]).unwrap();
    }
    assert!(matches!(client.read(), Some(Answer::Reply(Reply::Hello { .. }))));
    client.write(&Request::Status);
    assert!(matches!(client.read(), Some(Answer::Reply(Reply::Status(_)))));
}
