//! One session after another, in a thread of their own, for as long as there is somebody to tell.

use std::future::pending;
use std::pin::pin;
use std::result;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail, system};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until};

use super::end::{End, Result};
use super::lease::Door;
use super::options::NatsOptions;
use super::outbox::{Outbox, PAUSE};
use super::owed::Owed;
use super::session::{Memory, Session};
use crate::cluster::{Ask, Asks, Told};

/// So long after one has ended, or did not begin, the next session begins.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The same after one that ended at once, again and again.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(4);

/// How long the first session may take if it need not begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that is back so soon was not away.
const BLIP: Duration = Duration::from_secs(1);

/// Starts the sessions of a door with this id and run, on this simpd. `tell` gives back what there is no place for now: it is told again
/// soon. They end when what is returned is dropped, or when nobody is there to be told.
///
/// When this returns the first session has begun; or the server is away, and it need not be there (`must_connect`).
///
/// # Errors
/// Why it has not begun, in one line; also if this door is another's.
pub fn start(
    room: &str,
    options: &NatsOptions,
    (id, run, simpd): (&str, &str, &str),
    must_connect: bool,
    tell: impl FnMut(Told) -> result::Result<(), TrySendError<Told>> + Send + 'static,
) -> Outcome<Asks> {
    let failed = |line: String| fail(FailureKind::Failed, line);
    let (asks, asked) = unbounded_channel();
    let (begun, first) = sync_channel(1);
    let (id, run, simpd) = (id.to_owned(), run.to_owned(), simpd.to_owned());
    let door = Door { name: options.door.clone(), id, run, simpd };
    let (room, options) = (room.to_owned(), options.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(system(&error)))?;
    thread::spawn(move || {
        let mut sessions = Sessions {
            outbox: Outbox::new(tell),
            asks: asked,
            absence: Absence { line: None, due: Some(Instant::now()) },
            memory: Memory::default(),
        };
        // Whatever it ends for, nobody waits for it any more.
        let _ = runtime.block_on(sessions.run(&room, &options, &door, (must_connect, begun)));
    });
    // What need not be there is waited for only so long.
    let patience = if must_connect { Duration::MAX } else { PATIENCE };
    match first.recv_timeout(patience) {
        Ok(begun) => begun.map_err(failed)?,
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => {
            return Err(failed("the sessions with nats-server ended".to_owned()));
        }
    }
    Ok(asks)
}

struct Sessions<Tell> {
    outbox: Outbox<Tell>,
    asks: UnboundedReceiver<Ask>,
    absence: Absence,
    memory: Memory,
}

/// The time between sessions.
struct Absence {
    /// Why there is none; `None` if that is not known yet.
    line: Option<String>,
    /// When it is to be told; `None` if it was.
    due: Option<Instant>,
}

impl<Tell: FnMut(Told) -> result::Result<(), TrySendError<Told>>> Sessions<Tell> {
    /// Until nobody asks or listens any more. The first session is the last if it does not begin and must, or if the door is
    /// another's.
    async fn run(
        &mut self,
        room: &str,
        options: &NatsOptions,
        door: &Door,
        (must_connect, begun): (bool, SyncSender<result::Result<(), String>>),
    ) -> Result {
        let mut first = Some(begun);
        let mut pause = Duration::ZERO;
        loop {
            let memory = self.memory;
            let begin = async {
                sleep(pause).await;
                Session::begin(room, options, door, memory).await
            };
            let begun = self.refuse_until(begin).await?;
            // Whoever waits for the first may have gone.
            if let Some(first) = first.take() {
                let refused = match &begun {
                    Err(End::Stolen { line, .. }) => Some(line),
                    Err(End::Away(line) | End::Full(line)) if must_connect => Some(line),
                    Ok(_) | Err(_) => None,
                };
                let _ = first.send(refused.map_or(Ok(()), |line| Err(line.clone())));
                if refused.is_some() {
                    return Ok(());
                }
            }
            let end = match begun {
                Ok((session, look)) => {
                    self.outbox.push(Told::Began(session.memory.number, look));
                    self.serve(session, &mut pause).await
                }
                Err(end) => {
                    pause = pause.max(AGAIN_AFTER);
                    end
                }
            };
            match end {
                End::Closed => return Ok(()),
                End::Away(line) => self.absence.line = Some(line),
                End::Full(line) => {
                    self.absence.due = None;
                    self.outbox.push(Told::Away(line));
                }
                End::Stolen { by, .. } => {
                    self.outbox.push(Told::Stolen(by));
                    // The room is to stop now, and nothing more may be done in the name of this door.
                    return self.refuse_until(pending()).await;
                }
            }
        }
    }

    /// A session, and the pause after it.
    async fn serve(&mut self, mut session: Session, pause: &mut Duration) -> End {
        let end = session.serve(&mut self.asks, &mut self.outbox).await;
        self.memory = session.memory;
        self.absence.due = Some(Instant::now() + BLIP);
        // Nothing comes of one that ends as soon as it has begun: the server is not asked for another all the time.
        *pause = match session.was_of_use() {
            true => AGAIN_AFTER,
            false => (*pause * 2).clamp(AGAIN_AFTER, AGAIN_AFTER_MAX),
        };
        let line = match &end {
            End::Away(line) | End::Full(line) | End::Stolen { line, .. } => line.as_str(),
            End::Closed => "the room is being stopped",
        };
        session.into_owed().filter_map(|owed| owed.fail(line)).for_each(|told| self.outbox.push(told));
        end
    }

    /// Waits for something, and meanwhile refuses what is asked, and tells that the server is away if it is long enough.
    async fn refuse_until<T>(&mut self, what: impl Future<Output = T>) -> Result<T> {
        let mut what = pin!(what);
        loop {
            let is_clear = self.outbox.empty()?;
            tokio::select! {
                done = &mut what => return Ok(done),
                ask = self.asks.recv() => {
                    let line = self.absence.line.as_deref().unwrap_or("nats-server is away");
                    let owed = Owed::of(ask.ok_or(End::Closed)?);
                    owed.and_then(|owed| owed.fail(line)).into_iter().for_each(|told| self.outbox.push(told));
                }
                line = self.absence.is_due() => self.outbox.push(Told::Away(line)),
                () = sleep(PAUSE), if !is_clear => {}
            }
        }
    }
}

impl Absence {
    /// Waits until it is to be told, if that is so at all, and gives why there is no session.
    async fn is_due(&mut self) -> String {
        let (Some(line), Some(due)) = (&self.line, self.due) else { return pending().await };
        sleep_until(due).await;
        self.due = None;
        line.clone()
    }
}
