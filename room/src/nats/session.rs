//! One session with a server: from the connection to the first thing that goes wrong.

use std::collections::BTreeMap;
use std::sync::mpsc::TrySendError;
use std::time::Duration;
use std::{future, result};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use super::api::{Api, UNDER_WAY_MAX};
use super::connection::{Broken, connect};
use super::end::{End, Result};
use super::feed::{Fed, Feed};
use super::lease::{self, Door};
use super::meeting::{self, Meeting};
use super::options::NatsOptions;
use super::outbox::{Outbox, PAUSE};
use super::owed::Owed;
use crate::cluster::{AccountRecord, Ask, Key, Look, Registered, Told};

/// So many records are restored at a time.
const RESTORED_AT_ONCE: usize = 64;

/// One that lasts longer is of use.
const BRIEF: Duration = Duration::from_secs(1);

/// What a session takes over from the one before it, and leaves to the next.
#[derive(Debug, Default, Clone, Copy)]
pub struct Memory {
    /// Which one it is: what a door asks says of which session it is asked.
    pub number: u64,
    /// The lease was written by this process: another run that writes it is a second one.
    pub has_lease: bool,
    /// The stream took no more: what is published is for nothing until it has a good deal of room again.
    pub is_full: bool,
}

/// A session.
pub struct Session {
    meeting: Meeting,
    door: Door,
    broken: Broken,
    began: Instant,
    /// What it leaves to the next.
    pub memory: Memory,
    /// Somebody has been told something new in it.
    has_told: bool,
    posts: Option<Feed>,
    records: Option<Feed>,
    /// What is asked and not done, by numbers.
    under_way: FuturesUnordered<BoxFuture<'static, (u64, Result<Done>)>>,
    owed: BTreeMap<u64, Owed>,
    numbers: u64,
}

/// What was done.
enum Done {
    /// What was asked.
    All,
    /// This became of an account.
    Registered(Registered),
    /// The lease is written, and stream and bucket are so.
    Renewed(Look),
}

impl Session {
    /// Begins one, and gives how stream and bucket are.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn begin(
        room: &str,
        options: &NatsOptions,
        door: &Door,
        mut memory: Memory,
    ) -> Result<(Self, Look)> {
        let mut connection = connect(options, &format!("simp-room {room}, door {}", door.name)).await?;
        let meeting = Meeting::of(room, Api::new(connection.client.clone(), &connection.at));
        let open = async {
            // Before anything is taken that belongs to another door.
            lease::check(&meeting, door, !memory.has_lease).await?;
            meeting.open(options.replicas).await?;
            meeting.probe(&door.name).await?;
            meeting.forget(&door.name).await?;
            meeting.look().await
        };
        // What permissions forbid is not answered: the connection is told.
        let look = tokio::select! {
            look = open => look?,
            end = connection.broken.wait() => return Err(end),
        };
        memory.number += 1;
        memory.is_full &= !has_room(&look);
        let look = Look { is_full: memory.is_full, ..look };
        let session = Self {
            meeting,
            door: door.clone(),
            broken: connection.broken,
            began: Instant::now(),
            memory,
            has_told: false,
            posts: None,
            records: None,
            under_way: FuturesUnordered::new(),
            owed: BTreeMap::new(),
            numbers: 0,
        };
        Ok((session, look))
    }

    /// Whether anything came of it.
    pub fn was_of_use(&self) -> bool {
        self.has_told || self.began.elapsed() >= BRIEF
    }

    /// Those who still wait for an answer.
    pub fn into_owed(self) -> impl Iterator<Item = Owed> {
        self.owed.into_values()
    }

    /// Does what is asked, and tells what comes, until the session ends.
    pub async fn serve<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>>(
        &mut self,
        asks: &mut UnboundedReceiver<Ask>,
        outbox: &mut Outbox<Tell>,
    ) -> End {
        let mut broken = self.broken.clone();
        let end = tokio::select! {
            // First, so that what came before the end is told.
            biased;
            Err(end) = self.run(asks, outbox) => end,
            end = broken.wait() => end,
        };
        match end {
            End::Full(_) => {
                self.memory.is_full = true;
                End::Full(
                    "the room's stream is full (simp-room doors shows which door holds it back; if that one is gone \
                     for good: simp-room doors remove NAME)"
                        .to_owned(),
                )
            }
            end => end,
        }
    }

    async fn run<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>>(
        &mut self,
        asks: &mut UnboundedReceiver<Ask>,
        outbox: &mut Outbox<Tell>,
    ) -> Result<future::Pending<()>> {
        loop {
            // What comes is not taken before the room has a place for it.
            let is_clear = outbox.empty()?;
            tokio::select! {
                ask = asks.recv(), if self.under_way.len() < UNDER_WAY_MAX => {
                    self.take(ask.ok_or(End::Closed)?, outbox).await?;
                }
                Some((number, done)) = self.under_way.next() => {
                    self.settle(number, done?, outbox)?;
                }
                post = next(&mut self.posts), if is_clear => {
                    self.has_told = true;
                    let stored = post?.stored;
                    outbox.push(Told::Post(stored.seq, stored.value.unwrap_or_default()));
                }
                record = next(&mut self.records), if is_clear => {
                    let Fed { stored, left } = record?;
                    self.has_told = true;
                    if let Some(key) = self.meeting.key(&stored.subject) {
                        outbox.push(Told::Record(stored.seq, key, stored.value));
                    }
                    if left == 0 && let Some(records) = &mut self.records && !records.is_at_end {
                        records.is_at_end = true;
                        outbox.push(Told::Synced);
                    }
                }
                () = sleep(PAUSE), if !is_clear => {}
            }
        }
    }

    async fn take<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>>(
        &mut self,
        ask: Ask,
        outbox: &mut Outbox<Tell>,
    ) -> Result {
        let meeting = self.meeting.clone();
        match ask {
            // Of an earlier session, or once more.
            Ask::Follow { session, .. } if session != self.memory.number || self.posts.is_some() => {}
            Ask::Follow { place, revision, .. } => self.follow(place, revision, outbox).await?,
            // Until it says from where it follows, a door asks for things of an earlier session.
            Ask::Publish(_) | Ask::Heard(_) | Ask::Trim(_) if self.posts.is_none() => {}
            Ask::Publish(_) if self.memory.is_full => {}
            Ask::Publish(post) => {
                let writing = meeting.publish(post).await?;
                self.start(None, async move { writing.end().await.map(|_| Done::All) });
            }
            Ask::Heard(place) => {
                if let Some(posts) = &mut self.posts {
                    posts.acknowledge(place).await?;
                }
            }
            Ask::Renew(lease) => {
                let (door, is_first) = (self.door.clone(), !self.memory.has_lease);
                self.start(None, async move {
                    lease::renew(&meeting, &door, &lease, is_first).await?;
                    meeting.look().await.map(Done::Renewed)
                });
            }
            Ask::Register(registration) => {
                let account = registration.account.clone();
                let owed = Owed::Registration(registration);
                self.start(Some(owed), async move { register(&meeting, &account).await });
            }
            Ask::Keep { key, value, answer } => {
                let is_removed = value.is_none();
                let writing = meeting.put(&key, value).await?;
                let owed = answer.map(|(to, done)| Owed::Answer(to, done));
                self.start(owed, async move {
                    writing.end().await?;
                    if let (Key::Door(door), true) = (key, is_removed) {
                        meeting.forget(&door).await?;
                    }
                    Ok(Done::All)
                });
            }
            Ask::Restore(records) => self.start(None, async move {
                let created = stream::iter(records)
                    .map(Ok)
                    .try_for_each_concurrent(RESTORED_AT_ONCE, async |(key, value)| {
                        meeting.create(&key, &value).await.map(|_| ())
                    });
                created.await.map(|()| Done::All)
            }),
            Ask::Trim(place) => {
                self.start(None, async move { meeting.trim(place).await.map(|()| Done::All) });
            }
        }
        Ok(())
    }

    /// Follows the posts after this place, and the records after this revision.
    async fn follow<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>>(
        &mut self,
        place: u64,
        revision: u64,
        outbox: &mut Outbox<Tell>,
    ) -> Result {
        let (meeting, name) = (&self.meeting, meeting::follower(&self.door.name));
        let (api, bucket) = (meeting.api.clone(), &meeting.bucket);
        let posts = Feed::follow(api.clone(), &meeting.stream, meeting.posts(), place, Some(name));
        self.posts = Some(posts.await?);
        let records = Feed::follow(api, bucket, meeting.records(), revision, None).await?;
        if records.is_at_end {
            outbox.push(Told::Synced);
        }
        self.records = Some(records);
        Ok(())
    }

    /// Has something done, for whoever waits for it.
    fn start(&mut self, owed: Option<Owed>, what: impl Future<Output = Result<Done>> + Send + 'static) {
        self.numbers += 1;
        let number = self.numbers;
        if let Some(owed) = owed {
            self.owed.insert(number, owed);
        }
        self.under_way.push(async move { (number, what.await) }.boxed());
    }

    /// Tells what was done.
    fn settle<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>>(
        &mut self,
        number: u64,
        done: Done,
        outbox: &mut Outbox<Tell>,
    ) -> Result {
        match (done, self.owed.remove(&number)) {
            (Done::Renewed(look), _) => {
                self.memory.has_lease = true;
                if self.memory.is_full && has_room(&look) {
                    // In the next one what waits is published again.
                    return Err(End::Away("the room's stream has room again".to_owned()));
                }
                outbox.push(Told::Looked(Look { is_full: self.memory.is_full, ..look }));
            }
            (Done::Registered(became), Some(Owed::Registration(registration))) => {
                outbox.push(Told::Registered(registration, became));
            }
            (Done::All, Some(Owed::Answer(to, done))) => {
                // Whoever does not wait any more does not want to know.
                let _ = to.send(done);
            }
            (Done::All | Done::Registered(_), _) => {}
        }
        Ok(())
    }
}

/// The next of a feed, if there is one.
async fn next(feed: &mut Option<Feed>) -> Result<Fed> {
    match feed {
        Some(feed) => feed.next().await,
        None => future::pending().await,
    }
}

/// Whether a stream has room for more than a few posts: so that one that is full is not tried with each.
fn has_room(look: &Look) -> bool {
    look.max_bytes.saturating_sub(look.bytes) >= look.max_bytes / 8
}

async fn register(meeting: &Meeting, account: &AccountRecord) -> Result<Done> {
    let value = serde_json::to_vec(account).unwrap_or_default();
    let there = meeting.create(&Key::account(&account.name), &value).await?;
    let there = there.map(|there| serde_json::from_slice::<AccountRecord>(&there).ok());
    Ok(Done::Registered(match there {
        // Made before, and its answer was lost.
        Some(Some(there)) if there.hash == account.hash => Registered::Made,
        Some(_) => Registered::Taken,
        None => Registered::Made,
    }))
}
