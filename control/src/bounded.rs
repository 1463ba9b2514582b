//! Parts of a request that are bounded as they are read: a frame has room for far more than any of them can be, and what a
//! client that waits has asked is kept for as long as it stays.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Most bytes of whatever names a peer, an address or a consumer in a request. More than each of these can have.
pub const NAME_MAX: usize = 256;

/// A name.
pub(crate) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Name::deserialize(from).map(|name| name.0)
}

/// A name that may be left out.
pub(crate) fn optional_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Name>::deserialize(from)?.map(|name| name.0))
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_string(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
        match text.len() {
            0..=NAME_MAX => Ok(Name(text.to_owned())),
            length => Err(E::custom(format_args!("a name has at most {NAME_MAX} bytes, this one {length}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::frame::{FrameBuffer, FrameError, encode};
    use crate::{Filter, FollowFrom, Forgotten, KeyId, Kind, Request, TrustedKey};

    use super::*;

    /// What is said of this request.
    fn read(request: &Request) -> Result<Option<Request>, FrameError> {
        let (mut wire, mut buffer) = (Vec::new(), FrameBuffer::default());
        encode(request, &mut wire).unwrap();
        buffer.push(&wire);
        buffer.take()
    }

    /// All requests with a name in them.
    fn named(name: &str) -> Vec<Request> {
        let (text, who) = (|| name.to_owned(), || Some(name.to_owned()));
        let follow = |from| Request::Follow { from, filter: Filter::default() };
        let filter = Filter { who: who(), ..Filter::default() };
        vec![
            Request::Connect { address: text(), timeout_ms: None, secure: None },
            Request::Accept { who: who() },
            Request::Decline { who: who() },
            Request::send(who(), "hi"),
            once(text()),
            for_host(text()),
            Request::CancelAll { who: who(), after: 0 },
            Request::Quit { who: who(), chat: None, now: false },
            Request::History { before: None, limit: 1, filter: filter.clone() },
            Request::Follow { from: FollowFrom::End, filter },
            follow(FollowFrom::Consumer(text())),
            follow(FollowFrom::Resume { consumer: text(), after: 1 }),
            Request::Seen { consumer: text(), id: 1 },
            Request::Forget { consumer: text() },
            Request::Peers { after: text() },
            Request::ForgetPeer(Forgotten::Who(text())),
            Request::Keys { after: text() },
            Request::TrustKeys { keys: vec![TrustedKey { who: text(), key: KeyId::new([7; 32]) }] },
            Request::ForgetKey { who: text() },
        ]
    }

    fn once(name: String) -> Request {
        match Request::send(None, "hi") {
            Request::Send { who, chat, text, queue, expire_ms, token, again_after, .. } => {
                let (once, host) = (Some(name), None);
                Request::Send {
                    who,
                    chat,
                    text,
                    queue,
                    expire_ms,
                    token,
                    again_after,
                    once,
                    host,
                    answers: None,
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn for_host(name: String) -> Request {
        match Request::send(None, "hi") {
            Request::Send { who, chat, text, queue, expire_ms, token, again_after, once, .. } => {
                let host = Some(name);
                Request::Send {
                    who,
                    chat,
                    text,
                    queue,
                    expire_ms,
                    token,
                    again_after,
                    once,
                    host,
                    answers: None,
                }
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_in_any_request_has_a_bound() {
        for request in named(&"x".repeat(NAME_MAX)) {
            assert_eq!(read(&request), Ok(Some(request)));
        }
        for length in [NAME_MAX + 1, 1_000_000] {
            let line = format!("a name has at most 256 bytes, this one {length}");
            for request in named(&"x".repeat(length)) {
                assert_eq!(read(&request), Err(FrameError::Item(line.clone())));
            }
        }
    }

    #[test]
    fn a_list_of_more_kinds_than_there_are_is_refused_before_it_is_read() {
        let history = |kinds| {
            let filter = Filter { kinds, ..Filter::default() };
            Request::History { before: None, limit: 1, filter }
        };
        let all = history(Kind::ALL.to_vec());
        assert_eq!(read(&all), Ok(Some(all)));
        let line = "there are 13 kinds of entries, this list has more".to_owned();
        assert_eq!(read(&history(vec![Kind::Message; 130_000])), Err(FrameError::Item(line.clone())));
        // What comes after the first too many is not even looked at.
        let mut wire = Vec::new();
        encode(&history(vec![Kind::Message; 20]), &mut wire).unwrap();
        let after = wire.len() - 2 * "_message".len();
        wire[after..].fill(0xff);
        let mut buffer = FrameBuffer::default();
        buffer.push(&wire);
        assert_eq!(buffer.take::<Request>(), Err(FrameError::Item(line)));
    }

    #[test]
    fn what_a_place_to_follow_from_does_not_know_is_refused() {
        let resume = r#"{"follow": {"from": {"resume": {"consumer": "me", "after": 1, "more": [1, 2]}}}}"#;
        let value: serde_json::Value = serde_json::from_str(resume).unwrap();
        let (mut wire, mut buffer) = (Vec::new(), FrameBuffer::default());
        encode(&value, &mut wire).unwrap();
        buffer.push(&wire);
        let line = "unknown field `more`, expected `consumer` or `after`".to_owned();
        assert_eq!(buffer.take::<Request>(), Err(FrameError::Item(line)));
    }
}
