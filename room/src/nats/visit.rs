//! What a command does at the server: one thing after another, and it waits for each.

use std::collections::BTreeMap;
use std::time::Duration;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail, system};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::api::{Api, Stored};
use super::connection::{Broken, connect};
use super::end::{End, Result};
use super::feed::Feed;
use super::meeting::Meeting;
use super::options::NatsOptions;
use crate::cluster::{Key, Outgoing};

/// So long each of them may take.
const DONE_WITHIN: Duration = Duration::from_secs(10);

/// A connection for commands. Everything fails with one line if the server is away, or refuses it.
pub struct Visit {
    runtime: Runtime,
    meeting: Meeting,
    broken: Broken,
}

impl Visit {
    /// Connects to where the doors of a room meet, and makes what is missing there.
    ///
    /// # Errors
    /// If it cannot.
    pub fn connect(room: &str, options: &NatsOptions) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fail(FailureKind::Failed, system(&error)))?;
        let name = format!("simp-room {room}");
        let connected = async {
            let connection = in_time(connect(options, &name)).await?;
            let meeting = Meeting::of(room, Api::new(connection.client, &connection.at));
            Ok((meeting, connection.broken))
        };
        let (meeting, broken) = runtime.block_on(connected).map_err(failure)?;
        let mut visit = Self { runtime, meeting, broken };
        visit.wait(async |meeting| meeting.open(options.replicas).await)?;
        Ok(visit)
    }

    /// All records of a kind: the first part of their keys.
    ///
    /// # Errors
    /// If the server does not tell them all.
    pub fn records(&mut self, kind: &str) -> Outcome<Vec<(Key, Vec<u8>)>> {
        // As long as it takes, if only some come.
        self.wait_long(async |meeting| {
            let subjects = meeting.record(&format_args!("{kind}.*"));
            let mut feed = Feed::follow(meeting.api.clone(), &meeting.bucket, subjects, 0, None).await?;
            let mut records = BTreeMap::new();
            while !feed.is_at_end {
                let fed = feed.next().await?;
                feed.is_at_end = fed.left == 0;
                match (meeting.key(&fed.stored.subject), fed.stored.value) {
                    (Some(key), Some(value)) => drop(records.insert(key, value)),
                    (Some(key), None) => drop(records.remove(&key)),
                    // Nothing of a room's.
                    (None, _) => {}
                }
            }
            Ok(records.into_iter().collect())
        })
    }

    /// What a record says, if there is one.
    ///
    /// # Errors
    /// If the server does not say.
    pub fn get(&mut self, key: &Key) -> Outcome<Option<Vec<u8>>> {
        self.wait(async |meeting| Ok(meeting.get(key).await?.and_then(|Stored { value, .. }| value)))
    }

    /// Writes a record if there is none, and whether that was so.
    ///
    /// # Errors
    /// If it is not known what came of it.
    pub fn create(&mut self, key: &Key, value: &[u8]) -> Outcome<bool> {
        self.wait(async |meeting| Ok(meeting.create(key, value).await?.is_none()))
    }

    /// Writes a record, whatever there is; without a value, removes it.
    ///
    /// # Errors
    /// If it is not known what came of it.
    pub fn put(&mut self, key: &Key, value: Option<Vec<u8>>) -> Outcome {
        self.wait(async |meeting| meeting.put(key, value).await?.end().await.map(|_| ()))
    }

    /// Appends a post to the stream.
    ///
    /// # Errors
    /// If it is not known what came of it.
    pub fn publish(&mut self, post: Outgoing) -> Outcome {
        self.wait(async |meeting| meeting.publish(post).await?.end().await.map(|_| ()))
    }

    fn wait<T>(&mut self, what: impl AsyncFnOnce(&Meeting) -> Result<T>) -> Outcome<T> {
        self.wait_long(async |meeting| in_time(what(meeting)).await)
    }

    fn wait_long<T>(&mut self, what: impl AsyncFnOnce(&Meeting) -> Result<T>) -> Outcome<T> {
        let (meeting, broken) = (&self.meeting, &mut self.broken);
        let done = async {
            tokio::select! {
                biased;
                done = what(meeting) => done,
                end = broken.wait() => Err(end),
            }
        };
        self.runtime.block_on(done).map_err(failure)
    }
}

async fn in_time<T>(what: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(DONE_WITHIN, what).await {
        Ok(done) => done,
        Err(_) => Err(End::Away("nats-server does not answer".to_owned())),
    }
}

fn failure(end: End) -> simp_control::error::Error {
    match end {
        End::Away(line) | End::Stolen { line, .. } => fail(FailureKind::Failed, line),
        End::Full(_) => fail(
            FailureKind::Failed,
            "the room's stream is full (simp-room doors shows which door holds it back)",
        ),
        End::Closed => simp_control::error::Error::Abandoned,
    }
}
