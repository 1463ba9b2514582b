//! What goes over a channel and its schema are the same: every frame that we can write is valid by `frame.cddl` and reads
//! back as it was, and what we refuse, the schema refuses too.
//!
//! The frames are made by a match without `_`: a new one does not compile until it has its place here.

use std::iter::successors;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::{BasicContext, LookupContext as _};
use cddl_cat::flatten::flatten_from_str;
use ciborium::{Value, cbor};
use simp_proto::secure::{Bytes, ChatId, Digest, Frame, Hello, Offer, PROTOCOL, Stands};

const SCHEMA: &str = include_str!("../../src/secure/frame.cddl");

fn is_valid(item: &Value) -> bool {
    let schema = BasicContext::new(flatten_from_str(SCHEMA).unwrap());
    validate_cbor(schema.lookup_rule("frame").unwrap(), item, &schema).is_ok()
}

fn read(item: &Value) -> Option<Frame> {
    let mut bytes = Vec::new();
    ciborium::into_writer(item, &mut bytes).unwrap();
    ciborium::from_reader(&bytes[..]).ok()
}

fn item(frame: &Frame) -> Value {
    let mut bytes = Vec::new();
    ciborium::into_writer(frame, &mut bytes).unwrap();
    ciborium::from_reader(&bytes[..]).unwrap()
}

fn frames() -> Vec<Frame> {
    let first = Frame::Hello(hello(Stands::Inviting));
    let all = successors(Some(first), |frame| match frame {
        Frame::Hello(_) => Some(Frame::Accept),
        Frame::Accept => Some(Frame::Busy),
        Frame::Busy => Some(Frame::Text {
            number: u64::MAX,
            text: "line\nzwei ä\0".to_owned(),
            kept: true,
            answers: None,
        }),
        Frame::Text { .. } => Some(Frame::Ack { upto: 0 }),
        Frame::Ack { .. } => Some(Frame::Bye { reason: Some("late".to_owned()) }),
        Frame::Bye { .. } => Some(Frame::File { number: 1, offer: offer() }),
        Frame::File { .. } => Some(Frame::Want { chat: ChatId(7), number: 1, from: 0, upto: 1 << 20 }),
        Frame::Want { .. } => Some(Frame::More { upto: u64::MAX }),
        Frame::More { .. } => Some(Frame::Part { from: 7, bytes: Bytes(vec![0, 255, 7]) }),
        Frame::Part { .. } => Some(Frame::Done { chat: ChatId(7), number: 1 }),
        Frame::Done { .. } => {
            Some(Frame::Refused { chat: ChatId(7), number: 1, reason: "too large".to_owned() })
        }
        Frame::Refused { .. } => Some(Frame::Settled { number: 1 }),
        Frame::Settled { .. } => Some(Frame::Gone { number: 1, reason: "changed".to_owned() }),
        Frame::Gone { .. } => None,
    });
    let stands = successors(Some(Stands::Inviting), |stands| match stands {
        Stands::Inviting => Some(Stands::Invited),
        Stands::Invited => Some(Stands::Open),
        Stands::Open => Some(Stands::Over),
        Stands::Over => None,
    });
    let hellos = stands.map(|stands| Frame::Hello(hello(stands)));
    let full = Hello { features: vec!["x".to_owned()], received: u64::MAX, ..hello(Stands::Open) };
    let bare = [
        Frame::Hello(full),
        Frame::Text { number: 1, text: String::new(), kept: false, answers: None },
        Frame::Bye { reason: None },
    ];
    all.chain(hellos).chain(bare).collect()
}

fn offer() -> Offer {
    Offer { name: "gr\u{fc}n.txt".to_owned(), size: 7, sha256: Digest::new([0xa7; 32]) }
}

fn hello(stands: Stands) -> Hello {
    Hello {
        version: PROTOCOL,
        features: Vec::new(),
        user: "ann".to_owned(),
        chat: ChatId(u64::MAX),
        stands,
        received: 0,
        text_max: 256 << 10,
        log: "log".to_owned(),
    }
}

#[test]
fn the_schema_is_of_this_version() {
    let first = format!("; What goes over a channel of a secure chat, version {PROTOCOL} (RFC 8610).");
    assert!(SCHEMA.starts_with(&first));
}

#[test]
fn every_frame_is_valid_and_reads_back_as_it_was() {
    for frame in frames() {
        let item = item(&frame);
        assert!(is_valid(&item), "{item:?}");
        assert_eq!(read(&item), Some(frame));
    }
}

#[test]
fn what_is_said_by_default_takes_no_room() {
    let sizes = frames().into_iter().map(|frame| {
        let mut bytes = Vec::new();
        ciborium::into_writer(&frame, &mut bytes).unwrap();
        bytes.len()
    });
    assert_eq!(sizes.take(6).collect::<Vec<_>>(), [88, 7, 5, 48, 12, 18]);
    assert_eq!(item(&Frame::Bye { reason: None }), cbor!({"bye" => {}}).unwrap());
    let text = Frame::Text { number: 1, text: "hi".to_owned(), kept: false, answers: None };
    assert_eq!(item(&text), cbor!({"text" => {"number" => 1, "text" => "hi"}}).unwrap());
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let item = cbor!({"text" => {"number" => 1, "text" => "hi", "colour" => "red"}}).unwrap();
    assert_eq!(
        read(&item),
        Some(Frame::Text { number: 1, text: "hi".to_owned(), kept: false, answers: None })
    );
    let item = cbor!({"bye" => {"code" => 3}}).unwrap();
    assert_eq!(read(&item), Some(Frame::Bye { reason: None }));
    let Value::Map(mut map) = item_of_hello() else { unreachable!() };
    let Some((_, Value::Map(fields))) = map.first_mut() else { unreachable!() };
    fields.push((Value::from("cookie"), Value::from(7)));
    assert_eq!(read(&Value::Map(map)), Some(Frame::Hello(hello(Stands::Open))));
}

fn item_of_hello() -> Value {
    item(&Frame::Hello(hello(Stands::Open)))
}

#[test]
fn what_is_no_frame_is_refused_by_us_and_by_the_schema() {
    let bad = [
        cbor!("bye"),
        cbor!("hallo"),
        cbor!(7),
        cbor!(null),
        cbor!([]),
        cbor!({}),
        cbor!({"wink" => {}}),
        cbor!({"text" => {"number" => 1}}),
        cbor!({"text" => {"number" => -1, "text" => "hi"}}),
        cbor!({"text" => {"number" => "1", "text" => "hi"}}),
        cbor!({"text" => {"number" => 1.5, "text" => "hi"}}),
        cbor!({"text" => {"number" => 1, "text" => 7}}),
        cbor!({"text" => {"number" => 1, "text" => "hi", "kept" => 1}}),
        cbor!({"part" => {"from" => 0, "bytes" => "hi"}}),
        cbor!({"part" => {"from" => 0, "bytes" => [7]}}),
        cbor!({"file" => {"number" => 1, "offer" => {"name" => "x", "size" => 1}}}),
        cbor!({"file" => {"number" => 1, "offer" => {"name" => "x", "size" => 1, "sha256" => "00"}}}),
        cbor!({"want" => {"chat" => 1, "number" => 1, "from" => 0}}),
        cbor!({"ack" => {}}),
        cbor!({"ack" => 4}),
        cbor!({"bye" => {"reason" => 4}}),
        cbor!({"hello" => {"version" => 1}}),
        cbor!({"ack" => {"upto" => 1}, "bye" => {}}),
    ];
    for item in bad {
        let item = item.unwrap();
        assert_eq!(read(&item), None, "{item:?}");
        assert!(!is_valid(&item), "{item:?}");
    }
}

#[test]
fn a_hello_lacks_nothing_and_has_no_field_of_another_type() {
    let Value::Map(map) = item_of_hello() else { unreachable!() };
    let Some((_, Value::Map(fields))) = map.first() else { unreachable!() };
    assert_eq!(fields.len(), 7, "without the features, of which there are none");
    for place in 0..fields.len() {
        let (mut without, mut other) = (fields.clone(), fields.clone());
        without.remove(place);
        other[place].1 = Value::Bool(true);
        for fields in [without, other] {
            let item = Value::Map(vec![(Value::from("hello"), Value::Map(fields))]);
            assert_eq!(read(&item), None, "{item:?}");
            assert!(!is_valid(&item), "{item:?}");
        }
    }
}

#[test]
fn so_much_of_names_is_read_as_fits_a_line_and_nothing_that_a_terminal_obeys() {
    let user = format!("a\u{1b}[2Jo\u{308}{}", "n".repeat(1_000));
    let said = Frame::Hello(Hello { user, log: "l\u{1b}".repeat(1_000), ..hello(Stands::Open) });
    let Some(Frame::Hello(read)) = read(&item(&said)) else { panic!("it is a hello") };
    assert_eq!(read.user, format!("a?[2J\u{f6}{}", "n".repeat(26)));
    assert_eq!(read.log, "l?".repeat(32));
}
