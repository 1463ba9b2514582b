//! Where the doors of a room meet: its stream of posts and its bucket of records, on one server.

use std::fmt::Display;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{Api, Refusal, Stored, Writing, Written, removal};
use super::end::{End, Result};
use crate::cluster::{Key, Look, Outgoing, Subject};

/// So much the posts of a room may take up, in bytes, unless somebody gives its stream another limit.
const POSTS_MAX: i64 = 256 << 20;

/// So long the server drops what it has already.
const DUPLICATES: Duration = Duration::from_secs(120);

/// Stream and bucket of a room. Both are there.
#[derive(Clone)]
pub struct Meeting {
    /// JetStream.
    pub api: Api,
    /// The name of the stream.
    pub stream: String,
    /// The name of the stream that the bucket is.
    pub bucket: String,
    room: String,
}

#[derive(Deserialize)]
struct Info {
    /// Of a server that is one of several.
    cluster: Option<serde_json::Value>,
    config: Config,
    created: String,
    state: State,
}

#[derive(Deserialize)]
struct State {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

impl Meeting {
    /// That of a room, whether it is there or not.
    pub fn of(room: &str, api: Api) -> Self {
        Self { api, stream: format!("SIMP_{room}"), bucket: format!("KV_SIMP_{room}"), room: room.to_owned() }
    }

    /// The subjects of all posts.
    pub fn posts(&self) -> String {
        format!("simp.room.{}.>", self.room)
    }

    /// The subjects of all records.
    pub fn records(&self) -> String {
        self.record(&">")
    }

    /// The subject of a record.
    pub fn record(&self, key: &impl Display) -> String {
        format!("$KV.SIMP_{}.{key}", self.room)
    }

    /// The key of the record with this subject, unless it is none of ours.
    pub fn key(&self, subject: &str) -> Option<Key> {
        subject.strip_prefix(&self.record(&""))?.parse().ok()
    }

    /// Makes what is missing of it, and makes sure that the rest is as a room needs it.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn open(&self, replicas: Option<u32>) -> Result {
        let stream = Config {
            name: self.stream.clone(),
            subjects: vec![self.posts()],
            max_bytes: POSTS_MAX,
            duplicate_window: DUPLICATES,
            ..common(replicas)
        };
        self.make(&stream, "stream", replicas).await?;
        let bucket = Config {
            name: self.bucket.clone(),
            subjects: vec![self.records()],
            max_bytes: -1,
            max_messages_per_subject: 1,
            allow_rollup: true,
            ..common(replicas)
        };
        self.make(&bucket, "bucket", replicas).await
    }

    async fn make(&self, wanted: &Config, what: &str, replicas: Option<u32>) -> Result {
        let name = &wanted.name;
        let found = match self.api.ask::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await? {
            Err(refusal) if refusal.is(ErrorCode::STREAM_NOT_FOUND) => {
                match self.api.ask::<Info>(format!("STREAM.CREATE.{name}"), wanted).await? {
                    // Another door was faster.
                    Err(refusal) if refusal.is(ErrorCode::STREAM_NAME_EXIST) => {
                        self.api.demand(format!("STREAM.INFO.{name}"), &json!({})).await?
                    }
                    made => made.map_err(|refusal| self.unmade(&refusal, wanted))?,
                }
            }
            found => found.map_err(|refusal| self.api.refused(&refusal))?,
        };
        if let Some((setting, has, wants)) = difference(&found.config, wanted) {
            return Err(End::Away(format!(
                "the {what} {name} on nats-server at {} is none of a room: its {setting} is {has}, not {wants} \
                 (give the room another name, or remove that with: nats stream rm {name})",
                self.api.at
            )));
        }
        // Never fewer: another door may have said more.
        let more =
            replicas.map(|replicas| replicas as usize).filter(|more| *more > found.config.num_replicas);
        if let Some(num_replicas) = more {
            let config = Config { num_replicas, ..found.config };
            if found.cluster.is_none() {
                // It would take the number, and do nothing.
                return Err(self.too_few(num_replicas));
            }
            let raised = self.api.ask::<Info>(format!("STREAM.UPDATE.{name}"), &config).await?;
            raised.map_err(|refusal| self.unmade(&refusal, &config))?;
        }
        Ok(())
    }

    fn too_few(&self, replicas: usize) -> End {
        End::Away(format!(
            "--replicas {replicas} needs as many nats-servers with JetStream in one cluster; that of {} has fewer",
            self.api.at
        ))
    }

    fn unmade(&self, refusal: &Refusal, wanted: &Config) -> End {
        let (at, replicas) = (&self.api.at, wanted.num_replicas);
        End::Away(match ErrorCode(refusal.code) {
            ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS if replicas > 1 => {
                return self.too_few(replicas);
            }
            ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::CLUSTER_NO_PEERS => format!(
                "nats-server at {at} has no room for {} MiB of posts (raise its max_file_store)",
                POSTS_MAX >> 20
            ),
            ErrorCode::STREAM_SUBJECT_OVERLAP => format!(
                "another stream on nats-server at {at} takes {} (remove it, or give the room another name)",
                wanted.subjects.join(", ")
            ),
            _ => return self.api.refused(refusal),
        })
    }

    /// How both are.
    pub async fn look(&self) -> Result<Look> {
        let of = async |name: &str| self.api.demand::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await;
        let (stream, bucket) = tokio::try_join!(of(&self.stream), of(&self.bucket))?;
        Ok(Look {
            stream: stream.created,
            first: stream.state.first_seq,
            last: stream.state.last_seq,
            posts: stream.state.messages,
            bytes: stream.state.bytes,
            max_bytes: u64::try_from(stream.config.max_bytes).unwrap_or(u64::MAX),
            bucket: bucket.created,
            records: bucket.state.messages,
            is_full: false,
        })
    }

    /// Makes sure that a door may do what it will do there: what is forbidden breaks the connection.
    pub async fn probe(&self, door: &str) -> Result {
        let acknowledged = format!("$JS.ACK.{}.{}.1.1.1.1.0", self.stream, follower(door));
        // To nobody: that consumer is none of this session.
        let sent = self.api.client.publish(acknowledged, "".into()).await;
        sent.map_err(|_| End::Away(format!("nats-server at {} went away", self.api.at)))?;
        let posts = [Subject::Public, Subject::News, Subject::Door(door.to_owned())];
        let posts = posts.map(|subject| format!("simp.room.{}.{subject}", self.room));
        let record = self.record(&Key::Door(door.to_owned()));
        for subject in posts.into_iter().chain([record]) {
            // Of no stream, so that none takes it.
            let headers = HeaderMap::from_iter([(NATS_EXPECTED_STREAM, "-".into())]);
            self.api.write(subject, headers, Vec::new()).await?.end().await?;
        }
        Ok(())
    }

    /// Ends what an earlier session of a door follows the stream with.
    pub async fn forget(&self, door: &str) -> Result {
        let follower = format!("CONSUMER.DELETE.{}.{}", self.stream, follower(door));
        match self.api.ask::<serde_json::Value>(follower, &json!({})).await? {
            Err(refusal) if !refusal.is(ErrorCode::CONSUMER_NOT_FOUND) => Err(self.api.refused(&refusal)),
            _ => Ok(()),
        }
    }

    /// Sends a post.
    pub async fn publish(&self, post: Outgoing) -> Result<Writing> {
        let headers = HeaderMap::from_iter([(NATS_MESSAGE_ID, post.id.as_str().into())]);
        self.api.write(format!("simp.room.{}.{}", self.room, post.subject), headers, post.body).await
    }

    /// Writes a record, whatever there is, or removes it.
    pub async fn put(&self, key: &Key, value: Option<Vec<u8>>) -> Result<Writing> {
        let headers = if value.is_some() { HeaderMap::new() } else { removal() };
        self.api.write(self.record(key), headers, value.unwrap_or_default()).await
    }

    /// Writes a record in place of the one that was written at this revision; of none, if that is 0.
    pub async fn replace(&self, key: &Key, value: Vec<u8>, revision: u64) -> Result<Written> {
        let expected = (NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.into());
        self.api.write(self.record(key), HeaderMap::from_iter([expected]), value).await?.end().await
    }

    /// The record, or the mark that it was removed.
    pub async fn get(&self, key: &Key) -> Result<Option<Stored>> {
        self.api.newest(&self.bucket, &self.record(key)).await
    }

    /// Writes a record if there is none; else gives the one that there is.
    pub async fn create(&self, key: &Key, value: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut revision = 0;
        loop {
            if self.replace(key, value.to_vec(), revision).await? == Written::Done {
                return Ok(None);
            }
            // What was removed has left a mark, which is replaced.
            match self.get(key).await? {
                Some(Stored { value: Some(value), .. }) => return Ok(Some(value)),
                Some(Stored { seq, value: None, .. }) => revision = seq,
                None => revision = 0,
            }
        }
    }

    /// Removes the posts up to this place.
    pub async fn trim(&self, place: u64) -> Result {
        let up_to = json!({ "seq": place.saturating_add(1) });
        self.api.demand::<serde_json::Value>(format!("STREAM.PURGE.{}", self.stream), &up_to).await?;
        Ok(())
    }
}

/// The name of what a door follows the stream with.
pub fn follower(door: &str) -> String {
    format!("door-{door}")
}

/// What stream and bucket have in common.
fn common(replicas: Option<u32>) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        num_replicas: replicas.unwrap_or(1) as usize,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        // Nothing disappears from the middle.
        deny_delete: true,
        ..Config::default()
    }
}

/// The first setting that would make of a stream something else than a room needs: what it is, and what it should be.
fn difference(found: &Config, wanted: &Config) -> Option<(&'static str, String, String)> {
    fn said(setting: impl Serialize) -> String {
        serde_json::to_value(setting)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
    let limit = |limit: i64| if limit <= 0 { "none".to_owned() } else { limit.to_string() };
    let settings = [
        ("list of subjects", found.subjects.join(", "), wanted.subjects.join(", ")),
        ("retention", said(found.retention), said(wanted.retention)),
        ("storage", said(found.storage), said(wanted.storage)),
        ("discard policy", said(found.discard), said(wanted.discard)),
        ("limit of messages", limit(found.max_messages), limit(wanted.max_messages)),
        (
            "limit of messages of a subject",
            limit(found.max_messages_per_subject),
            limit(wanted.max_messages_per_subject),
        ),
        ("limit of age", format!("{} s", found.max_age.as_secs()), "0 s".to_owned()),
    ];
    settings.into_iter().find(|(_, has, wants)| has != wants)
}
