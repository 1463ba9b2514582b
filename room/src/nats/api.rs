//! Questions to JetStream, and what it refuses.

use std::error::Error as _;

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind, RequestErrorKind};
use async_nats::jetstream::{self, Context, ContextBuilder, ErrorCode};
use async_nats::{Client, HeaderMap, HeaderName};
use base64ct::{Base64, Encoding as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::end::{End, Result};

/// So many writes may be under way.
pub const UNDER_WAY_MAX: usize = 4_096;

/// What a bucket says in place of a value that was removed.
const OPERATION: &str = "KV-Operation";

/// JetStream on a server.
#[derive(Clone)]
pub struct Api {
    /// Where the server is.
    pub at: String,
    /// The connection.
    pub client: Client,
    /// JetStream over it.
    pub jetstream: Context,
}

/// What JetStream answers if it does not do what it is asked.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    /// Why, as a number.
    #[serde(default, rename = "err_code")]
    pub code: u64,
    /// Why, in words.
    #[serde(default)]
    pub description: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: Refusal },
    Done(T),
}

/// A message that a stream has.
#[derive(Debug)]
pub struct Stored {
    /// Its place in the stream.
    pub seq: u64,
    /// Its subject.
    pub subject: String,
    /// What it says; of a record none if it was removed.
    pub value: Option<Vec<u8>>,
}

/// What a write comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there.
    Done,
    /// The stream, or what it has of this subject, is not what was expected. Nothing was written.
    Unexpected,
}

impl Refusal {
    /// Whether it is for this reason.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.0
    }
}

impl Api {
    /// Over this connection.
    pub fn new(client: Client, at: &str) -> Self {
        // It gives a write 5 s, and a question as long as the connection does.
        let jetstream = ContextBuilder::new()
            // More than are ever under way: whoever waited here would not see their ends.
            .max_ack_inflight(2 * UNDER_WAY_MAX)
            .build(client.clone());
        Self { at: at.to_owned(), client, jetstream }
    }

    /// Asks, and gives the answer or the refusal.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        what: &impl Serialize,
    ) -> Result<std::result::Result<T, Refusal>> {
        let at = &self.at;
        match self.jetstream.request(subject, what).await {
            Ok(Answer::Done(done)) => Ok(Ok(done)),
            Ok(Answer::Refused { error }) => Ok(Err(error)),
            Err(error) => Err(End::Away(match error.kind() {
                RequestErrorKind::NoResponders => no_jetstream(at),
                RequestErrorKind::TimedOut => silent(at),
                _ => format!("nats-server at {at} answers what nobody understands (is it 2.9 or newer?)"),
            })),
        }
    }

    /// Asks for what must be done.
    pub async fn demand<T: DeserializeOwned>(&self, subject: String, what: &impl Serialize) -> Result<T> {
        self.ask(subject, what).await?.map_err(|refusal| self.refused(&refusal))
    }

    /// The end of a session in which this was refused.
    pub fn refused(&self, refusal: &Refusal) -> End {
        let at = &self.at;
        End::Away(match ErrorCode(refusal.code) {
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                no_jetstream(at)
            }
            ErrorCode::CLUSTER_NOT_AVAILABLE | ErrorCode::STREAM_OFFLINE => {
                format!("too few of the nats-servers that {at} belongs to are there (start the others)")
            }
            _ => format!("nats-server at {at} refuses it: {}", refusal.description),
        })
    }

    /// The newest message of this subject.
    pub async fn newest(&self, stream: &str, subject: &str) -> Result<Option<Stored>> {
        self.stored(stream, json!({ "last_by_subj": subject })).await
    }

    /// The first message at this place or after it.
    pub async fn next(&self, stream: &str, seq: u64, subjects: &str) -> Result<Option<Stored>> {
        self.stored(stream, json!({ "seq": seq, "next_by_subj": subjects })).await
    }

    async fn stored(&self, stream: &str, which: serde_json::Value) -> Result<Option<Stored>> {
        #[derive(Deserialize)]
        struct Found {
            message: Raw,
        }
        #[derive(Deserialize)]
        struct Raw {
            subject: String,
            seq: u64,
            #[serde(default)]
            data: String,
            #[serde(default)]
            hdrs: String,
        }
        let decoded = |text: &str| Base64::decode_vec(text).unwrap_or_default();
        match self.ask::<Found>(format!("STREAM.MSG.GET.{stream}"), &which).await? {
            Ok(Found { message: Raw { subject, seq, data, hdrs } }) => {
                let headers = decoded(&hdrs);
                let is_marker = String::from_utf8_lossy(&headers).lines().any(is_removal);
                let value = if is_marker { None } else { Some(decoded(&data)) };
                Ok(Some(Stored { seq, subject, value }))
            }
            Err(refusal) if refusal.is(ErrorCode::NO_MESSAGE_FOUND) => Ok(None),
            Err(refusal) if refusal.is(ErrorCode::STREAM_NOT_FOUND) => Ok(None),
            Err(refusal) => Err(self.refused(&refusal)),
        }
    }

    /// Sends what is to be stored. It is there once what is returned says so.
    pub async fn write(&self, subject: String, headers: HeaderMap, body: Vec<u8>) -> Result<Writing> {
        match self.jetstream.publish_with_headers(subject, headers, body.into()).await {
            Ok(acknowledged) => Ok(Writing { at: self.at.clone(), acknowledged }),
            Err(error) => Err(unwritten(&error, &self.at)),
        }
    }
}

/// Something that is being stored.
pub struct Writing {
    at: String,
    acknowledged: PublishAckFuture,
}

impl Writing {
    /// Waits until it is stored.
    pub async fn end(self) -> Result<Written> {
        match self.acknowledged.await {
            Ok(_) => Ok(Written::Done),
            Err(error) => match refusal(&error).map(jetstream::Error::error_code) {
                Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_NOT_MATCH) => {
                    Ok(Written::Unexpected)
                }
                _ => Err(unwritten(&error, &self.at)),
            },
        }
    }
}

/// Whether this line of headers says that a record was removed.
fn is_removal(line: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(name, value)| name == OPERATION && matches!(value.trim(), "DEL" | "PURGE"))
}

/// Whether these are the headers of a record that was removed.
pub fn says_removed(headers: Option<&HeaderMap>) -> bool {
    let operation = headers.and_then(|headers| headers.get(OPERATION));
    operation.is_some_and(|operation| matches!(operation.as_str(), "DEL" | "PURGE"))
}

/// Those that remove a record.
pub fn removal() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(OPERATION), "DEL".into())])
}

fn refusal(error: &PublishError) -> Option<&jetstream::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

fn unwritten(error: &PublishError, at: &str) -> End {
    match (error.kind(), refusal(error)) {
        (PublishErrorKind::StreamNotFound, _) => End::Away(format!(
            "nats-server at {at} has no leader for the room's stream now, or no stream (are most of the servers up?)"
        )),
        (PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe, _) => End::Away(silent(at)),
        (PublishErrorKind::MaxPayloadExceeded, _) => End::Away(format!(
            "nats-server at {at} takes no message as long as a line (raise its max_payload)"
        )),
        (_, Some(refusal)) => {
            let said = refusal.to_string();
            let said = said.split(" (code").next().unwrap_or_default();
            match said {
                "maximum bytes exceeded" | "maximum messages exceeded" => End::Full(said.to_owned()),
                said => End::Away(format!("nats-server at {at} does not store it: {said}")),
            }
        }
        (_, None) => End::Away(silent(at)),
    }
}

fn silent(at: &str) -> String {
    format!("nats-server at {at} does not answer")
}

fn no_jetstream(at: &str) -> String {
    format!(
        "nats-server at {at} has no JetStream for this user (start it with -js, and enable it for the account)"
    )
}
