//! What a stream has, from a place on, in its order and without a gap.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::api::{Api, Stored, says_removed};
use super::end::{End, Result};

/// So many messages are asked for at once.
const BATCH: usize = 256;

/// So many may be told and not acknowledged.
const UNACKNOWLEDGED_MAX: i64 = 512;

/// A server that has nothing to tell says so this often.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// One that does not is silent.
const SILENT_AFTER: Duration = HEARTBEAT.saturating_mul(2);

/// So long the server remembers that it was asked for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// Longer than anybody takes: what is told again would come out of order.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3_600);

/// What comes from a stream.
pub struct Feed {
    api: Api,
    /// The one that was read before all others.
    first: Option<Fed>,
    messages: Subscriber,
    /// Where they are sent to.
    inbox: Subject,
    /// Where they are asked for.
    source: String,
    /// So many of those that were asked for may still come.
    expected: usize,
    /// When the server is silent.
    silent_at: Instant,
    /// How many have come through `messages`.
    count: u64,
    /// The place of the last one.
    last: u64,
    /// Where to acknowledge those that wait for it, if anything is to be.
    unacknowledged: Option<VecDeque<(u64, Subject)>>,
    /// Nothing was left to tell when it was made.
    pub is_at_end: bool,
}

/// Something that a stream has, and how many come after it.
pub struct Fed {
    /// It.
    pub stored: Stored,
    /// So many the server had after it.
    pub left: u64,
}

impl Feed {
    /// What a stream has of these subjects after this place. With a name, what is acknowledged is kept by the server
    /// under it, for people to see.
    ///
    /// # Errors
    /// If the stream is gone, or the server does not answer.
    pub async fn follow(
        api: Api,
        stream: &str,
        subjects: String,
        place: u64,
        name: Option<String>,
    ) -> Result<Self> {
        // One is read by itself: a message whose headers nobody can read breaks the connection, and would break each
        // that comes after it.
        let first = api.next(stream, place.saturating_add(1), &subjects).await?;
        let place = first.as_ref().map_or(place, |first| first.seq);
        let unacknowledged = name.is_some().then(VecDeque::new);
        let config = Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: place.saturating_add(1) },
            filter_subject: subjects,
            ..match &name {
                Some(name) => Config {
                    durable_name: Some(name.clone()),
                    ack_policy: AckPolicy::All,
                    ack_wait: ACKNOWLEDGED_WITHIN,
                    max_ack_pending: UNACKNOWLEDGED_MAX,
                    ..Config::default()
                },
                None => Config {
                    ack_policy: AckPolicy::None,
                    memory_storage: true,
                    num_replicas: 1,
                    inactive_threshold: EXPIRES,
                    ..Config::default()
                },
            }
        };
        let made = api.jetstream.create_consumer_on_stream(config, stream).await;
        let lost = |_| End::Away(format!("nats-server at {} does not tell what is in {stream}", api.at));
        let consumer = made.map_err(lost)?;
        let left = consumer.cached_info().num_pending;
        let first = first.map(|stored| Fed { stored, left });
        let is_at_end = first.is_none() && left == 0;
        let inbox = Subject::from(api.client.new_inbox());
        let messages = api.client.subscribe(inbox.clone()).await.map_err(|_| silent(&api))?;
        let source = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", consumer.cached_info().name);
        Ok(Self {
            api,
            first,
            messages,
            inbox,
            source,
            expected: 0,
            silent_at: Instant::now() + SILENT_AFTER,
            count: 0,
            last: place,
            unacknowledged,
            is_at_end,
        })
    }

    /// Waits for the next one. May be dropped while it waits, and called again.
    ///
    /// # Errors
    /// If one is missing, or the server falls silent.
    pub async fn next(&mut self) -> Result<Fed> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            if self.expected == 0 {
                self.ask().await?;
            }
            let message = tokio::select! {
                // First, since it may have been here for long.
                biased;
                message = self.messages.next() => message.ok_or_else(|| silent(&self.api))?,
                () = sleep_until(self.silent_at) => return Err(silent(&self.api)),
            };
            self.silent_at = Instant::now() + SILENT_AFTER;
            // A message has the subject that it was published to, whatever it looks like.
            if message.subject == self.inbox {
                self.obey(&message)?;
            } else if let Some(fed) = self.take(message)? {
                return Ok(fed);
            }
        }
    }

    /// Asks for more.
    async fn ask(&mut self) -> Result {
        let request = json!({
            "batch": BATCH, "expires": EXPIRES.as_nanos() as u64, "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        });
        let (source, inbox) = (self.source.clone(), self.inbox.clone());
        let asked = self.api.client.publish_with_reply(source, inbox, request.to_string().into()).await;
        asked.map_err(|_| silent(&self.api))?;
        self.expected = BATCH;
        Ok(())
    }

    /// The server says something of what it was asked.
    fn obey(&mut self, message: &Message) -> Result {
        match message.status {
            Some(StatusCode::IDLE_HEARTBEAT) => Ok(()),
            // It has been asked long ago, or another server is asked from now on.
            Some(StatusCode::TIMEOUT | StatusCode::REQUEST_TERMINATED)
                if message.description.as_deref() != Some("Consumer Deleted") =>
            {
                self.expected = 0;
                Ok(())
            }
            _ => Err(End::Away(format!("nats-server at {} does not know this door any more", self.api.at))),
        }
    }

    /// One that has come; `None` if it was here before.
    fn take(&mut self, message: Message) -> Result<Option<Fed>> {
        let message = jetstream::Message { message, context: self.api.jetstream.clone() };
        let Ok(info) = message.info() else { return Err(silent(&self.api)) };
        let (seq, left) = (info.stream_sequence, info.pending);
        if info.consumer_sequence != self.count + 1 {
            return Err(End::Away(format!("nats-server at {} has left out a message", self.api.at)));
        }
        self.count += 1;
        self.expected = self.expected.saturating_sub(1);
        if seq <= self.last {
            return Ok(None);
        }
        self.last = seq;
        let message = message.message;
        if let (Some(waiting), Some(reply)) = (&mut self.unacknowledged, message.reply) {
            waiting.push_back((seq, reply));
        }
        let is_removed = says_removed(message.headers.as_ref());
        let value = if is_removed { None } else { Some(message.payload.into()) };
        Ok(Some(Fed { stored: Stored { seq, subject: message.subject.to_string(), value }, left }))
    }

    /// Acknowledges all up to this place.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn acknowledge(&mut self, place: u64) -> Result {
        let Some(waiting) = &mut self.unacknowledged else { return Ok(()) };
        let mut newest = None;
        while waiting.front().is_some_and(|(seq, _)| *seq <= place) {
            newest = waiting.pop_front();
        }
        let Some((_, reply)) = newest else { return Ok(()) };
        self.api.client.publish(reply, "".into()).await.map_err(|_| silent(&self.api))
    }
}

fn silent(api: &Api) -> End {
    End::Away(format!("nats-server at {} fell silent", api.at))
}
