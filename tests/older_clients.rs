//! simpctl of an older release works with this simpd: what it asks is taken as it was recorded, and it can read all that
//! is answered.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::{BasicContext, LookupContext as _};
use cddl_cat::flatten::flatten_from_str;
use ciborium::Value;

use crate::harness::{DEADLINE, World};

/// What simpctl 0.2.0 asked and what it was answered, recorded between it and a simpd: a `$` with the host and the command
/// begins a connection; `>` is a frame of simpctl, without its length; `<` what the answer is called.
const RECORD: &str = include_str!("older_clients/simpctl-0.2.txt");

/// The network on which it was recorded.
const RECORDED_ON: &str = "127.99.9.";

#[test]
fn what_simpctl_0_2_asks_is_answered_as_it_can_read_it() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let schema = schema();
    let mut connection = None;
    for (number, line) in RECORD.lines().enumerate() {
        let at = format!("line {}: {line}", number + 1);
        let (what, rest) = line.split_at_checked(2).unwrap();
        match what {
            "$ " => {
                let (host, _) = rest.split_once(' ').unwrap();
                let stream = UnixStream::connect(world.socket(host.parse().unwrap())).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                connection = Some(stream);
            }
            "> " => write(connection.as_mut().unwrap(), &frame(rest, &world)),
            "< " => {
                let answer = read(connection.as_mut().unwrap());
                assert_eq!(called(&answer), rest, "{at}: {answer:?}");
                assert_eq!(can_be_read(&schema, &answer), Ok(()), "{at}: {answer:?}");
            }
            _ => panic!("{at}"),
        }
    }
}

#[test]
fn what_it_could_not_read_would_be_seen() {
    let schema = schema();
    let event = |what: &str, reason: &str| {
        let peer = map(&[("user", Value::from("bob")), ("address", Value::from("127.0.0.2:7777"))]);
        let what = map(&[(what, map(&[("reason", Value::from(reason)), ("of later", Value::from(1))]))]);
        let id = Value::from(1);
        let entries =
            [("id", id.clone()), ("at_ms", id.clone()), ("chat", id), ("peer", peer), ("what", what)];
        map(&[("event", map(&entries))])
    };
    assert_eq!(can_be_read(&schema, &event("closed", "peer gone")), Ok(()));
    assert!(can_be_read(&schema, &event("closed", "other key")).is_err());
    assert!(can_be_read(&schema, &event("ended", "peer gone")).is_err());
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

fn schema() -> BasicContext {
    BasicContext::new(flatten_from_str(include_str!("older_clients/answers-0.2.cddl")).unwrap())
}

fn can_be_read(schema: &BasicContext, answer: &Value) -> Result<(), String> {
    let rule = schema.lookup_rule("answer").map_err(|error| error.to_string())?;
    validate_cbor(rule, answer, schema).map_err(|error| error.to_string())
}

/// What the record calls an answer.
fn called(answer: &Value) -> String {
    let (kind, told) = choice(answer);
    match kind {
        "reply" => choice(told).0.to_owned(),
        "failure" => format!("failure {}", entry(told, "kind").as_text().unwrap()),
        kind => format!("{kind} {}", choice(entry(told, "what")).0),
    }
}

/// A word, and what it is of.
fn choice(value: &Value) -> (&str, &Value) {
    match value {
        Value::Map(entries) => (entries[0].0.as_text().unwrap(), &entries[0].1),
        word => (word.as_text().unwrap(), word),
    }
}

fn entry<'a>(value: &'a Value, key: &str) -> &'a Value {
    &value.as_map().unwrap().iter().find(|(entry, _)| entry.as_text() == Some(key)).unwrap().1
}

/// A recorded frame, with the addresses of this world.
fn frame(recorded: &str, world: &World) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&recorded[at..at + 2], 16).unwrap();
    let item: Vec<u8> = (0..recorded.len()).step_by(2).map(byte).collect();
    let mut value: Value = ciborium::from_reader(&item[..]).unwrap();
    here(&mut value, world);
    let mut item = Vec::new();
    ciborium::into_writer(&value, &mut item).unwrap();
    item
}

fn here(value: &mut Value, world: &World) {
    match value {
        Value::Text(text) => {
            if let Some(host) = text.strip_prefix(RECORDED_ON) {
                *text = world.address(host.parse().unwrap());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| here(value, world)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| here(value, world)),
        _ => (),
    }
}

fn write(stream: &mut UnixStream, item: &[u8]) {
    stream.write_all(&[&(item.len() as u32).to_be_bytes(), item].concat()).unwrap();
}

fn read(stream: &mut UnixStream) -> Value {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut item = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut item).unwrap();
    ciborium::from_reader(&item[..]).unwrap()
}
