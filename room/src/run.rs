//! The room as a program: its threads, its signals, and its clock. All of them tell one thread what happened, and that
//! one does the rest.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use simp_control::Client;
use simp_control::clock::now_ms;
use simp_control::error::{Error, Outcome, fail, system};
use simp_control::{FailureKind, Status, sleep};
use simp_service::ending::Ending;

use crate::cluster::Told;
use crate::control;
use crate::doors::Doors;
use crate::files::{RoomFiles, name_option};
use crate::hashing;
use crate::host::{Host, Input, Stopped};
use crate::nats::{self, NatsOptions};
use crate::now::Now;
use crate::output::{print, say};
use crate::random::random;
use crate::room::{Order, OrderResult, RoomSettings};
use crate::simpd::{Asker, Simpd as _, follow};
use crate::store::RoomStore;
use crate::trouble::{Trouble, WaitsFor};

/// So many things may have happened before those who tell of them wait.
const INPUTS_MAX: usize = 1_024;

/// A room that has been a door before knows from then who may come in, and waits only so long to hear what is new.
const KNOWS_WITHIN: Duration = Duration::from_secs(5);

/// An operator that waits hears so soon of what the room waits for.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// Something that happened to the room of one [`Launch::start`], by its number; without one, to whichever runs.
type Happened = (Option<u64>, Input);

/// Runs a room until it is stopped.
///
/// # Errors
/// If it cannot be run.
pub fn run(
    daemon: Option<String>,
    settings: RoomSettings,
    doors: Option<NatsOptions>,
    ending: Ending,
) -> Outcome {
    let files = RoomFiles::of(&settings.name)?;
    let mut new = files.make_folder()?;
    // Before everything that another run of this room would be disturbed by.
    let lock = files.take_lock()?;
    let opened = open(daemon, (settings, doors), ending, &files).inspect_err(|_| files.discard_new())?;
    new.keep();
    opened.run(lock)
}

/// All that can fail before the room is open, with its lock.
fn open(
    daemon: Option<String>,
    (settings, doors): (RoomSettings, Option<NatsOptions>),
    ending: Ending,
    files: &RoomFiles,
) -> Outcome<OpenRoom> {
    let stopping = Arc::new(AtomicBool::new(false));
    let (inputs, happened) = mpsc::sync_channel(INPUTS_MAX);
    watch_signals(&inputs, &stopping)?;
    ending.hand_over();
    let trouble = Trouble::default();
    let (files_of_launch, run) = (files.clone(), random());
    let mut launch =
        Launch { daemon, settings, doors, run, files: files_of_launch, inputs, stopping, trouble, starts: 0 };
    let client = Client::find(launch.daemon.take())?;
    // The same again, even if others have been started meanwhile.
    launch.daemon = Some(client.socket().path.display().to_string());
    let simpd = Asker::new(client, Arc::clone(&launch.stopping), launch.trouble.clone())?;
    // By the name that simpd gives itself: two paths can lead to the same one.
    let simpd_lock = files.take_simpd(&simpd.name())?;
    let door = launch.settings.door.as_ref().map(|door| format!(" as the door {door}")).unwrap_or_default();
    let opened =
        format!("simp-room: the room {} is open on simpd {}{door}", launch.settings.name, simpd.name());
    let host = launch.start(simpd, &happened)?;
    // Only now: a room that does not open has no socket, and does not answer.
    serve_operators(&launch)?;
    Ok(OpenRoom { launch, simpd_lock, host, happened, opened })
}

/// A room that can be used.
struct OpenRoom {
    launch: Launch,
    simpd_lock: File,
    host: Host<Asker>,
    happened: Receiver<Happened>,
    /// The line that says so.
    opened: String,
}

impl OpenRoom {
    fn run(self, lock: File) -> Outcome {
        let Self { mut launch, simpd_lock, mut host, happened, opened } = self;
        let stopping = Arc::clone(&launch.stopping);
        let mut outcome = print(&opened).and_then(|()| launch.serve(&mut host, &happened));
        while let Err(Error::OtherLog(_)) = outcome {
            say("simpd has a different log than before: all chats are over");
            outcome = launch.start_again(&happened).and_then(|again| {
                host = again;
                launch.serve(&mut host, &happened)
            });
        }
        let was_stopped = stopping.swap(true, Ordering::Relaxed);
        // A room may not be started for long, and simpd should keep nothing for it that it has dealt with.
        let _ = host.tell_seen();
        // In the reverse order of the start. While the lock is ours: once it is free another run may have made a socket
        // there.
        let _ = std::fs::remove_file(&launch.files.socket);
        let waiting = host.close();
        drop(simpd_lock);
        drop(lock);
        // Those who wait for the end hear of it when all is done.
        drop((waiting, happened));
        match outcome {
            // Somebody asked for it, and it does not matter that simpd was away just then.
            Err(Error::Abandoned) if was_stopped => Ok(()),
            outcome => outcome.map(|Stopped| ()),
        }
    }
}

/// What a room is started with.
struct Launch {
    daemon: Option<String>,
    settings: RoomSettings,
    /// Where the doors meet, if this is one of several.
    doors: Option<NatsOptions>,
    /// Tells this process from all others that are the same door.
    run: String,
    files: RoomFiles,
    inputs: SyncSender<Happened>,
    stopping: Arc<AtomicBool>,
    trouble: Trouble,
    /// How often it was started: what the threads of an earlier start still tell is of a log that is gone, and its ids
    /// may be those of other chats by now.
    starts: u64,
}

impl Launch {
    fn start_again(&mut self, happened: &Receiver<Happened>) -> Outcome<Host<Asker>> {
        let client = Client::find(self.daemon.clone())?;
        self.start(Asker::new(client, Arc::clone(&self.stopping), self.trouble.clone())?, happened)
    }

    /// Goes on where it stopped, and lets the events come.
    fn start(&mut self, mut simpd: Asker, happened: &Receiver<Happened>) -> Outcome<Host<Asker>> {
        warn_of(&*simpd.status()?);
        self.starts += 1;
        let start = Some(self.starts);
        // A connection of its own: on one, answers would wait behind events that nobody has taken.
        let follower = simpd.another()?;
        let computed = self.inputs.clone();
        let wanted = hashing::WantedChats::default();
        let jobs = hashing::start(&wanted, move |chat, event, password, result| {
            let _ = computed.send((start, Input::Computed(chat, event, password, result)));
        });
        let mut store = RoomStore::open(&self.files.store)?;
        let is_new_door = store.server()?.is_none();
        let doors = self.open_door(&mut store, &simpd.name())?;
        let mut host = Host::start(now(), self.settings.clone(), store, simpd, (jobs, wanted), doors)?;
        let patience = sleep::now() + KNOWS_WITHIN;
        while !host.is_ready() && (is_new_door || sleep::now() < patience) {
            let wait_ms = LOOKS_EVERY.as_millis() as u64;
            if self.stopping.load(Ordering::Relaxed)
                || self.turn(&mut host, Some(wait_ms), happened)?.is_some()
            {
                return Err(Error::Abandoned);
            }
        }
        host.begin(now())?;
        let (events, broken) = (self.inputs.clone(), self.inputs.clone());
        // A full queue makes the thread wait, and with it simpd: no more events than the room can deal with.
        let take = move |event, position| events.send((start, Input::Event(event, position))).is_ok();
        let failed = move |error| drop(broken.send((start, Input::Failed(error))));
        follow(follower, host.done(), (Arc::clone(&self.stopping), self.trouble.clone()), take, failed)?;
        Ok(host)
    }

    /// One turn after another, until the room is stopped.
    ///
    /// # Errors
    /// If it cannot go on; [`Error::OtherLog`] if simpd has a different log than before.
    fn serve(&self, host: &mut Host<Asker>, happened: &Receiver<Happened>) -> Outcome<Stopped> {
        while !self.stopping.load(Ordering::Relaxed) {
            if let Some(stopped) = self.turn(host, host.wait_ms(now()), happened)? {
                return Ok(stopped);
            }
        }
        Ok(Stopped)
    }

    /// One turn, which begins when something happens, or after so many milliseconds.
    fn turn(
        &self,
        host: &mut Host<Asker>,
        wait_ms: Option<u64>,
        happened: &Receiver<Happened>,
    ) -> Outcome<Option<Stopped>> {
        let mut turn = host.turn();
        let mut next = wait(wait_ms, happened);
        let mut stopped = None;
        while let Some((start, input)) = next {
            if start.is_none_or(|start| start == self.starts) {
                stopped = host.handle(now(), &mut turn, input)?;
            }
            next = if turn.is_full() || stopped.is_some() { None } else { happened.try_recv().ok() };
        }
        // The last turn is carried out and stored like any other.
        host.end(now(), turn)?;
        Ok(stopped)
    }

    /// Makes a room that has several doors one of them.
    ///
    /// # Errors
    /// If its server cannot be reached, and it was never one before; or if the room was not the one or the other.
    fn open_door(&self, store: &mut RoomStore, simpd: &str) -> Outcome<Option<Doors>> {
        let name = &self.settings.name;
        let is_door = store.server()?.is_some();
        let Some(options) = &self.doors else {
            return match is_door {
                false => Ok(None),
                true => Err(fail(
                    FailureKind::Failed,
                    format!(
                        "the room {name} is a door of a room that has several here (start it with --nats URL)"
                    ),
                )),
            };
        };
        if !is_door && !store.records()?.is_empty() {
            let option = name_option(name);
            let line = format!(
                "the room {name} has accounts, bans or a topic of its own (move it to the server of the doors, once: simp-room move{option} --nats URL)"
            );
            return Err(fail(FailureKind::Failed, line));
        }
        let id = store.door_id(random)?;
        let stored = store.link()?;
        let before = (stored.mark.stream.clone(), stored.mark.bucket.clone());
        let tell = tell(self.inputs.clone(), self.starts, Some(before).filter(|_| is_door));
        // One that was a door lets in whom it knows, until the server is back.
        let asks = nats::start(name, options, (&id, &self.run, simpd), !is_door, tell)?;
        store.be_door(&serde_json::to_string(options).unwrap_or_default())?;
        let (door, run) = (options.door.clone(), self.run.clone());
        Ok(Some(Doors::new(door, id, run, stored, asks)))
    }
}

fn watch_signals(inputs: &SyncSender<Happened>, stopping: &Arc<AtomicBool>) -> Outcome {
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| fail(FailureKind::Failed, format!("signals: {}", system(&error))))?;
    let (inputs, stopping) = (inputs.clone(), Arc::clone(stopping));
    thread::spawn(move || {
        for _ in signals.forever() {
            stopping.store(true, Ordering::Relaxed);
            // Whoever does not take it is being stopped.
            let _ = inputs.try_send((None, Input::Stop));
        }
    });
    Ok(())
}

fn serve_operators(launch: &Launch) -> Outcome {
    let (inputs, stopping) = (launch.inputs.clone(), Arc::clone(&launch.stopping));
    let (trouble, name) = (launch.trouble.clone(), launch.settings.name.clone());
    let is_stopping = Arc::clone(&stopping);
    let is_open = move || !is_stopping.load(Ordering::Relaxed);
    control::serve(&launch.files.socket, is_open, move |order| {
        let failed = |why: &str| Some(OrderResult::Failed(format!("the room {name} waits: {why}")));
        if let Some((waits_for, why)) = trouble.current()
            && order != Order::Stop
            && waits_for != WaitsFor::Simpd
        {
            return failed(&why);
        }
        let (answer, answered) = mpsc::channel();
        // It may be waiting for its simpd.
        stopping.fetch_or(order == Order::Stop, Ordering::Relaxed);
        inputs.send((None, Input::Order(order.clone(), answer))).ok()?;
        loop {
            match answered.recv_timeout(LOOKS_EVERY) {
                Ok(OrderResult::Status(mut status)) => {
                    status.trouble = trouble.current().map(|(_, why)| why).or(status.trouble);
                    return Some(OrderResult::Status(status));
                }
                Ok(told) => return Some(told),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match (trouble.current(), &order) {
                (None, _) | (Some(_), Order::Stop) => {}
                (Some((_, why)), Order::Status { .. }) => return failed(&why),
                // It is started again, mostly.
                (Some((WaitsFor::Simpd, _)), _) => {}
                (Some((WaitsFor::Requests | WaitsFor::Store, why)), _) => {
                    return failed(&format!("{why}; the command may still take effect"));
                }
            }
        }
    })
}

/// Waits until something happens, or is to be done.
fn wait(wait_ms: Option<u64>, happened: &Receiver<Happened>) -> Option<Happened> {
    match wait_ms {
        None => happened.recv().ok(),
        Some(ms) => happened.recv_timeout(Duration::from_millis(ms)).ok(),
    }
}

/// Tells a room what its server tells, unless it has no place for that, and says when the server goes and comes back, and if
/// stream and bucket are not those of before.
fn tell(
    inputs: SyncSender<Happened>,
    start: u64,
    mut before: Option<(String, String)>,
) -> impl FnMut(Told) -> Result<(), TrySendError<Told>> + Send + 'static {
    let mut away = None;
    move |told| {
        if let Told::Began(_, look) = &told {
            let these = (look.stream.clone(), look.bucket.clone());
            if before.replace(these.clone()).is_some_and(|before| before != these) {
                say(
                    "what the server had of this room is gone (or is it another server?): the doors put back what they have",
                );
            }
        }
        match &told {
            Told::Away(why) if away.as_ref() != Some(why) => {
                say(&format!("{why}; what is said waits"));
                away = Some(why.clone());
            }
            Told::Began(_, look) if !look.is_full && away.take().is_some() => {
                say("the other doors can be reached again");
            }
            _ => {}
        }
        inputs.try_send((Some(start), Input::Told(told))).map_err(|error| match error {
            TrySendError::Full((_, Input::Told(told))) => TrySendError::Full(told),
            TrySendError::Full(_) | TrySendError::Disconnected(_) => TrySendError::Disconnected(Told::Synced),
        })
    }
}

fn now() -> Now {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(sleep::now);
    // In this order: the first time the origin must not be the later one.
    let origin = *ORIGIN;
    Now { wall_ms: now_ms(), steady_ms: sleep::now().saturating_duration_since(origin).as_millis() as u64 }
}

/// Says what of a simpd is not as a room needs it.
fn warn_of(status: &Status) {
    if status.accept == "ask" {
        say(&format!(
            "simpd {} asks about each request, so nobody can come in by themselves (start it with --accept all)",
            status.address
        ));
    }
    if status.max_chats < 2 {
        say(&format!("simpd {} takes one chat at a time (start it with --max-chats N)", status.address));
    }
}
