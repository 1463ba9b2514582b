//! The log as server-sent events: each entry with its id, and what becomes of simpd between them.
//!
//! - `hello`: simpd is there. Which log it has, after which entry the stream goes on, whom simpd speaks for.
//! - `entry`: an entry of the log, as the control API has it.
//! - `away`: simpd is not there, and is waited for; why.
//! - `other`: simpd has another log than the page knows. It is the last.
//!
//! The id of an event is `LOG.ID`: the number of the log, and the entry after which a page goes on that was away. A browser
//! says it by itself when it connects again.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use axum::response::sse::Event as Sent;
use futures_core::Stream;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use simp_control::error::{Error, OtherLog, Outcome};
use simp_control::{Client, FEATURES, Filter, FollowFrom, Incoming, Kind, Status};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::bridge::Bridge;

/// So many events may wait for a browser before simpd waits.
const WAITING_MAX: usize = 64;

/// The pause after the first attempt to reach a simpd that is away; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between those attempts.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// From where a page goes on.
#[derive(Debug, Clone, Copy)]
pub enum Since {
    /// It knows nothing yet: what comes from now on.
    Now,
    /// After this entry of the log with this number.
    After { log: u64, id: u64 },
}

impl Since {
    /// Reads the id of the event that a page had last.
    pub fn parse(last: &str) -> Option<Self> {
        let (log, id) = last.split_once('.')?;
        Some(Self::After { log: log.parse().ok()?, id: id.parse().ok()? })
    }
}

/// The events for one page. The thread behind it ends with it.
pub struct Events {
    sent: Receiver<Sent>,
    /// Once this is closed nobody reads any more.
    _open: UnixStream,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Events {
    type Item = Result<Sent, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.sent.poll_recv(context).map(|sent| sent.map(Ok))
    }
}

/// Begins to follow the log for a page.
///
/// # Errors
/// The system has no descriptors or no thread to give.
pub fn follow(bridge: Arc<Bridge>, from: Since, permit: OwnedSemaphorePermit) -> io::Result<Events> {
    let (open, gone) = UnixStream::pair()?;
    let (out, sent) = mpsc::channel(WAITING_MAX);
    let follower = Follower { bridge, from, out, gone: gone.into() };
    thread::Builder::new().name("stream".to_owned()).spawn(move || follower.run())?;
    Ok(Events { sent, _open: open, _permit: permit })
}

/// What the page learns first, and again when simpd is back.
#[derive(Serialize)]
struct Hello<'a> {
    log: u64,
    after: u64,
    user: &'a str,
    address: &'a str,
    features: Vec<&'a str>,
    kinds: &'a [Kind],
}

#[derive(Serialize)]
struct Away<'a> {
    line: &'a str,
}

struct Follower {
    bridge: Arc<Bridge>,
    from: Since,
    out: Sender<Sent>,
    /// Readable, or broken, once the other end is closed.
    gone: OwnedFd,
}

impl Follower {
    fn run(mut self) {
        // It ends only if nobody reads it, or if the log is another.
        if let Err(Error::OtherLog(_)) = self.follow_for_good() {
            let _ = self.tell("other", None, &());
        }
    }

    fn follow_for_good(&mut self) -> Outcome {
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let line = match self.follow() {
                Err(Error::Failure(failure)) => failure.line,
                Err(Error::Lost(lost)) => {
                    // It was there until now, and may be started again at once.
                    pause = FIRST_PAUSE;
                    lost.to_string()
                }
                ended => return ended,
            };
            // Nobody need hear every second that it is still so.
            if line != told {
                self.tell("away", None, &Away { line: &line })?;
                told = line;
            }
            self.pause(pause)?;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Follows on one connection, until that ends.
    fn follow(&mut self) -> Outcome {
        let (mut client, log) = self.bridge.client()?;
        client.watch(self.gone.try_clone().map_err(|_| Error::Abandoned)?);
        let status = client.status()?;
        let after = match self.from {
            Since::Now => status.last_id,
            Since::After { log: known, id } if known == log => id,
            Since::After { .. } => {
                return Err(Error::OtherLog(OtherLog { name: client.socket().name.clone() }));
            }
        };
        // All kinds by their names: whoever names none may be older than some of them.
        let kinds = client.kinds()?;
        self.greet(&mut client, (log, after), &status, &kinds)?;
        client.follow(FollowFrom::After(after), Filter { kinds, ..Filter::default() })?;
        client.write()?;
        loop {
            if let Some(Incoming::Event(event)) = client.next_here(None)? {
                self.tell_at(&client, (log, event.id), "entry", &event)?;
            }
        }
    }

    fn greet(
        &mut self,
        client: &mut Client,
        (log, after): (u64, u64),
        status: &Status,
        kinds: &[Kind],
    ) -> Outcome {
        let mut features = Vec::new();
        for feature in FEATURES {
            features.extend(client.can(feature)?.then_some(feature));
        }
        let (user, address) = (status.user.as_str(), status.address.as_str());
        self.tell_at(client, (log, after), "hello", &Hello { log, after, user, address, features, kinds })
    }

    /// Sends what has the page go on after this entry, whatever happens.
    fn tell_at(
        &mut self,
        client: &Client,
        (log, id): (u64, u64),
        name: &str,
        data: &impl Serialize,
    ) -> Outcome {
        self.tell(name, Some(format!("{log}.{id}")), data)?;
        self.bridge.told(log, client.position_of(id));
        self.from = Since::After { log, id };
        Ok(())
    }

    /// Sends an event, and waits if too many wait already.
    fn tell(&self, name: &str, id: Option<String>, data: &impl Serialize) -> Outcome {
        let data = serde_json::to_string(data).map_err(|_| Error::Abandoned)?;
        let sent = Sent::default().event(name).data(data);
        let sent = match id {
            Some(id) => sent.id(id),
            None => sent,
        };
        self.out.blocking_send(sent).map_err(|_| Error::Abandoned)
    }

    fn pause(&self, pause: Duration) -> Outcome {
        let mut fds = [PollFd::new(self.gone.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(happened) if happened > 0 => Err(Error::Abandoned),
            // A signal only makes it shorter.
            _ => Ok(()),
        }
    }
}
