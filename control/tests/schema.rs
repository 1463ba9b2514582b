//! The control API and its schema are the same: every item that the programs can write is valid by
//! `control.cddl` and reads back as it was, and what the programs refuse, the schema refuses too.
//!
//! The items are in `items`.

mod items;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::{BasicContext, LookupContext as _};
use cddl_cat::flatten::flatten_from_str;
use ciborium::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;
use simp_control::frame::{self, FrameBuffer};
use simp_control::{Answer, Kind, Reason, Reply, Request, VERSION, What};

use self::items::{answers, events, kinds, reasons, requests, states};

fn schema() -> BasicContext {
    BasicContext::new(flatten_from_str(include_str!("../src/control.cddl")).unwrap())
}

#[test]
fn the_schema_and_its_manual_are_of_this_version() {
    let schema = include_str!("../src/control.cddl");
    assert!(
        schema.starts_with(&format!("; simpd's control API, version {VERSION} (RFC 8610).")),
        "control.cddl"
    );
    let manual = include_str!("../../man/simp-control.7");
    assert!(manual.contains(&format!("This page describes version {VERSION}.")), "simp-control(7)");
}

/// Whether the item is what this rule of the schema says.
fn validate(schema: &BasicContext, rule: &str, item: &[u8]) -> Result<(), String> {
    let item: Value = ciborium::from_reader(item).map_err(|error| error.to_string())?;
    let rule = schema.lookup_rule(rule).map_err(|error| error.to_string())?;
    validate_cbor(rule, &item, schema).map_err(|error| error.to_string())
}

/// The item as it is in its frame.
fn item(value: &impl Serialize) -> Vec<u8> {
    let mut wire = Vec::new();
    frame::encode(value, &mut wire).unwrap();
    wire.split_off(4)
}

fn read<T: DeserializeOwned>(item: &[u8]) -> Option<T> {
    let mut buffer = FrameBuffer::default();
    buffer.push(&(item.len() as u32).to_be_bytes());
    buffer.push(item);
    buffer.take().ok().flatten()
}

fn assert_valid<T>(rule: &str, values: Vec<T>)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let schema = schema();
    for value in values {
        let item = item(&value);
        assert_eq!(validate(&schema, rule, &item), Ok(()), "{value:?}");
        assert_eq!(read::<T>(&item), Some(value));
    }
}

#[test]
fn every_request_is_valid_and_reads_back() {
    assert_valid("request", requests());
    assert_valid("frame-from-client", requests());
}

#[test]
fn every_answer_is_valid_and_reads_back() {
    assert_valid("answer", answers());
    assert_valid("frame-from-daemon", answers());
}

#[test]
fn the_lists_of_kinds_and_reasons_are_complete_and_say_what_is_on_the_wire() {
    assert_eq!(kinds(), Kind::ALL);
    assert_eq!(reasons(), Reason::ALL);
    let spoken = |item: &[u8]| read::<String>(item).unwrap();
    for kind in kinds() {
        assert_eq!(spoken(&item(&kind)), kind.to_string());
    }
    for reason in reasons() {
        assert_eq!(spoken(&item(&reason)), reason.to_string());
    }
    for state in states() {
        assert_eq!(spoken(&item(&state)), state.to_string());
    }
    for event in events() {
        assert!(kinds().contains(&event.what.kind()));
    }
}

/// All that comes of `value` by one change: `here` says what can be in the place of a value.
fn changed(value: &Value, here: fn(&Value) -> Vec<Value>) -> Vec<Value> {
    let mut all = here(value);
    if let Value::Map(entries) = value {
        for (at, (key, inner)) in entries.iter().enumerate() {
            all.extend(changed(inner, here).into_iter().map(|inner| {
                let mut entries = entries.clone();
                entries[at] = (key.clone(), inner);
                Value::Map(entries)
            }));
        }
    }
    if let Value::Array(values) = value {
        for (at, inner) in values.iter().enumerate() {
            all.extend(changed(inner, here).into_iter().map(|inner| {
                let mut values = values.clone();
                values[at] = inner;
                Value::Array(values)
            }));
        }
    }
    all
}

/// A key left out, or a value of another type or unknown.
fn spoilt(value: &Value) -> Vec<Value> {
    match value {
        Value::Text(_) => {
            vec![Value::from("no such word"), Value::from(1), Value::from(true), Value::Bytes(b"no".to_vec())]
        }
        Value::Integer(_) => vec![Value::from("1"), Value::from(-1), Value::from(1.5)],
        Value::Bool(_) => vec![Value::from(1), Value::from("true")],
        Value::Array(_) => vec![Value::from(1), Value::Map(vec![])],
        Value::Map(entries) => {
            let without = |at| Value::Map(entries[..at].iter().chain(&entries[at + 1..]).cloned().collect());
            [Value::from(1), Value::Map(vec![])].into_iter().chain((0..entries.len()).map(without)).collect()
        }
        _ => Vec::new(),
    }
}

/// A map with an entry that nobody knows. One whose only entry is a choice is no place for others.
fn extended(value: &Value) -> Vec<Value> {
    match value {
        Value::Map(entries) if !matches!(&entries[..], [(_, Value::Map(_) | Value::Text(_))]) => {
            let unknown = (Value::from("of a later release"), Value::Array(vec![Value::from(1)]));
            vec![Value::Map(entries.iter().cloned().chain([unknown]).collect())]
        }
        _ => Vec::new(),
    }
}

fn assert_refused_alike<T: Serialize + DeserializeOwned>(rule: &str, values: Vec<T>) {
    let schema = schema();
    let mut refused = 0;
    for value in values {
        let value: Value = ciborium::from_reader(&item(&value)[..]).unwrap();
        for spoilt in changed(&value, spoilt) {
            let item = item(&spoilt);
            let valid = validate(&schema, rule, &item).is_ok();
            assert_eq!(valid, read::<T>(&item).is_some(), "valid by the schema: {valid}: {spoilt:?}");
            refused += usize::from(!valid);
        }
    }
    assert!(refused > 100, "only {refused}");
}

#[test]
fn a_spoilt_request_is_refused_by_the_schema_and_by_the_daemon_alike() {
    assert_refused_alike("request", requests());
}

#[test]
fn a_spoilt_answer_is_refused_by_the_schema_and_by_the_client_alike() {
    // One entry is enough in a history: each kind of entry is there by itself.
    let short =
        |answer: &Answer| !matches!(answer, Answer::Reply(Reply::History { events, .. }) if events.len() > 1);
    assert_refused_alike("answer", answers().into_iter().filter(short).collect());
}

#[test]
fn an_unknown_word_is_refused_by_the_schema() {
    let schema = schema();
    for (rule, known, unknown) in [
        ("reason", "peer gone", "peer_gone"),
        ("state", "open", "opened"),
        ("kind", "message", "messages"),
        ("failure-kind", "no_such", "no such"),
        ("request", "stop", "start"),
        ("what", "request", "opened"),
        ("forgotten", "all", "none"),
        ("from", "end", "begin"),
    ] {
        assert_eq!(validate(&schema, rule, &item(&known)), Ok(()), "{rule}");
        assert!(validate(&schema, rule, &item(&unknown)).is_err(), "{rule}");
    }
}

#[test]
fn what_a_later_release_adds_to_an_answer_is_ignored_and_to_a_request_is_refused() {
    let mut added = 0;
    for answer in answers() {
        let value: Value = ciborium::from_reader(&item(&answer)[..]).unwrap();
        for extended in changed(&value, extended) {
            assert_eq!(read::<Answer>(&item(&extended)).as_ref(), Some(&answer), "{extended:?}");
            added += 1;
        }
    }
    assert!(added > 100, "only {added}");
    for request in requests() {
        let value: Value = ciborium::from_reader(&item(&request)[..]).unwrap();
        for extended in changed(&value, extended) {
            assert_eq!(read::<Request>(&item(&extended)), None, "{extended:?}");
        }
    }
}

#[test]
fn a_reason_that_clients_of_0_2_do_not_know_is_beside_one_that_they_know() {
    let what = What::Undelivered { message: 7, reason: Reason::OtherKey };
    let told: Value = ciborium::from_reader(&item(&what)[..]).unwrap();
    let of = |detail: Option<&str>| {
        let entries = [("message", Value::from(7)), ("reason", Value::from("peer gone"))];
        let all = entries.into_iter().chain(detail.map(|detail| ("detail", Value::from(detail))));
        let entries = all.map(|(key, value)| (Value::from(key), value)).collect();
        Value::Map(vec![(Value::from("undelivered"), Value::Map(entries))])
    };
    assert_eq!(told, of(Some("other key")));
    for (detail, reason) in [
        (None, Reason::PeerGone),
        (Some("of a later release"), Reason::PeerGone),
        (Some("other key"), Reason::OtherKey),
    ] {
        assert_eq!(read(&item(&of(detail))), Some(What::Undelivered { message: 7, reason }));
    }
}
