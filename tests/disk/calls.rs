//! Every single call to the disk fails once: in the start, in turns that receive and send, while old entries are
//! removed and the write-ahead log is copied back, and in the stop. The same life is lived again and again from
//! the same log, and each time another call fails, and perhaps the next ones, or all from then on.
//!
//! `SIMP_ROUNDS=6` lets each call fail in each way; without it some calls only fail in some of them, and
//! `SIMP_SEED=n` takes the same ones again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use simp_control::{Answer, Event, Failure, FailureKind, Reply, Request, Status, What};
use simp_proto::Operation;

use super::refuse::{CHANGES, Disk, FOR_GOOD, READS, SYNCS, library};
use crate::harness::{Daemon, Peer, Ran, Random, TestClient, World, seed, send};

/// Lives that are lived at the same time: in most of them, the disk is waited for.
const WORKERS: u32 = 24;

/// What the peer says before the life begins, so that there is something to remove.
const TEXTS: usize = 110;

/// What is left of that.
const RETAINED: u64 = 20;

/// The log has fewer bytes on disk once all is removed that is to be: those of the entries, and room for what is to come.
const BYTES: u64 = 130_000 + (72 << 10);

/// What may be wrong; without an error, writes are cut short.
const ERRORS: [Option<Errno>; 5] =
    [Some(Errno::EIO), Some(Errno::ENOSPC), None, Some(Errno::EROFS), Some(Errno::EDQUOT)];

/// How a life goes on after the call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It was only this one. In the end simpd is stopped.
    Mended,
    /// It is in the stop, and so are all after it.
    Stopped,
    /// It is not the last one, until simpd has been killed.
    Killed,
}

/// The lives: how they go on, which calls fail, and of how many of them each one is tried.
const LIVES: [(Then, u32, u32); 5] = [
    (Then::Mended, CHANGES, 3),
    (Then::Mended, READS, 6),
    (Then::Stopped, CHANGES, 1),
    (Then::Killed, CHANGES, 1),
    (Then::Killed, SYNCS, 1),
];

/// How many kinds of lives there are.
const KINDS: u32 = LIVES.len() as u32;

/// What is lived, and what came of it.
struct Worker<'a> {
    world: &'a World,
    library: &'a Path,
    host: u8,
    bob: Peer,
    /// The log that every life begins with.
    first: PathBuf,
    first_id: u64,
    /// How many lives were lived.
    lives: u32,
}

/// One life.
struct Life<'a> {
    worker: &'a Worker<'a>,
    disk: Disk,
    then: Then,
    calls: u32,
    error: Option<Errno>,
    /// Texts that were answered as queued, or acknowledged.
    promised: Vec<String>,
    /// Texts that were refused, perhaps in vain.
    doubtful: Vec<String>,
    /// A text that the peer repeats until it is acknowledged.
    unacknowledged: Option<String>,
    /// What the peer has said.
    said: usize,
    refused: u32,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    /// The disk failed in a start that was refused.
    starts: AtomicU32,
    /// Whether it was undone was in doubt.
    doubtful: AtomicU32,
    /// Of these, what was found after the kill.
    reappeared: AtomicU32,
    /// A command was refused.
    sends: AtomicU32,
    /// A message of the peer was not acknowledged.
    silences: AtomicU32,
    /// Nobody outside has noticed.
    unnoticed: AtomicU32,
    stops: AtomicU32,
}

fn add(counter: &AtomicU32, number: u32) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl<'a> Worker<'a> {
    fn new(world: &'a World, library: &'a Path, number: u32) -> Self {
        let host = 1 + 2 * number as u8;
        let bob = world.peer(host + 1, "bob");
        let first = world.path(&format!("first-{number}"));
        let mut worker = Self { world, library, host, bob, first, first_id: 0, lives: 0 };
        let folder = world.path(&format!("prepared-{number}"));
        let mut command = worker.simpd();
        command.env("XDG_STATE_HOME", &folder);
        let alice = Daemon::start(command, world.socket(host));
        let to = world.address(host);
        worker.bob.open(&to);
        for said in 0..TEXTS {
            let text = format!("{said} {}", "x".repeat(900));
            worker.bob.say(&to, (said % 2) as u8, text);
        }
        worker.first_id = alice.client().send("the first");
        alice.signal(Signal::SIGTERM);
        assert_eq!(alice.wait(), Some(0));
        fs::rename(folder.join("simp").join(&to), &worker.first).unwrap();
        worker
    }

    fn simpd(&self) -> std::process::Command {
        let mut command = self.world.command("simpd");
        command.args([&self.world.address(self.host), "--user", "alice", "--accept", "all"]);
        command
    }

    /// Lives once more; the call after so many fails. Returns how many calls there were after that.
    fn live(
        &mut self,
        (then, calls, _): (Then, u32, u32),
        after: u32,
        error: Option<Errno>,
        found: &Found,
    ) -> bool {
        self.lives += 1;
        let root = self.world.path(&format!("state-{}-{}", self.host, self.lives));
        let folder = root.join("simp").join(self.world.address(self.host));
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(&self.first).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        for folder in [&folder, folder.parent().unwrap(), &root] {
            fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let disk = Disk::new(self.library, root.join("order"), root.canonicalize().unwrap());
        let (promised, doubtful, unacknowledged) = (Vec::new(), Vec::new(), None);
        let life = Life {
            worker: self,
            disk,
            then,
            calls,
            error,
            promised,
            doubtful,
            unacknowledged,
            said: TEXTS,
            refused: 0,
        };
        let failed = life.run(after, found);
        fs::remove_dir_all(root).unwrap();
        failed
    }
}

impl Life<'_> {
    /// Whether a call has failed.
    fn run(mut self, after: u32, found: &Found) -> bool {
        // The disk is tried at once, and again after a second.
        let times = match self.then {
            Then::Mended if self.calls == CHANGES => 1 + after % 3,
            Then::Mended => 1,
            Then::Stopped => 0,
            Then::Killed => FOR_GOOD,
        };
        self.disk.fail(self.calls, after, times, self.error);
        let alice = match self.start() {
            Ok(alice) => alice,
            Err(ended) => {
                let line = format!("simpd: {}", self.log_path().display());
                assert!(ended.status == Some(1) && ended.stderr.starts_with(&line), "{after}: {ended:?}");
                assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
                assert!(ended.stderr.trim().ends_with(')'), "no remedy: {}", ended.stderr);
                add(&found.starts, 1);
                let failed = self.disk.failed() > 0;
                self.check(found);
                return failed;
            }
        };
        let mut client = alice.client();
        for turn in 0..3 {
            self.send(&mut client, &format!("from alice {turn}"), found);
            self.say(&mut client, found);
        }
        if self.then != Then::Killed {
            client.status_when(|status| {
                let is_small = status.log_bytes < BYTES || alice.log().contains("cannot be checkpointed");
                status.first_id > TEXTS as u64 - 2 * RETAINED && is_small
            });
            self.send(&mut client, "from alice, the last", found);
            self.say(&mut client, found);
            if self.then == Then::Stopped {
                self.disk.fail(self.calls, after, FOR_GOOD, self.error);
            }
            alice.signal(Signal::SIGTERM);
            assert_eq!(alice.wait(), Some(0), "after {after}: {}", alice.log());
            if self.then == Then::Stopped {
                add(&found.stops, self.disk.failed());
            }
        } else {
            alice.signal(Signal::SIGKILL);
            assert_eq!(alice.wait(), None);
        }
        let log = alice.log();
        let errors = log.lines().filter(|line| line.contains("all chats are paused")).count();
        assert!(errors <= 1, "{log}");
        assert!(!log.contains("panicked"), "{log}");
        let failed = self.disk.failed() > 0;
        if failed && self.refused == 0 {
            add(&found.unnoticed, 1);
        }
        self.check(found);
        failed
    }

    fn start(&self) -> Result<Daemon, Ran> {
        let world = self.worker.world;
        let mut command = self.worker.simpd();
        let config = world.path("simpd.toml");
        command.args(["--config", config.to_str().unwrap()]);
        self.disk.attach(&mut command);
        Daemon::try_start(command, world.socket(self.worker.host))
    }

    fn log_path(&self) -> PathBuf {
        let world = self.worker.world;
        world
            .path(&format!("state-{}-{}", self.worker.host, self.worker.lives))
            .canonicalize()
            .unwrap()
            .join("simp")
            .join(world.address(self.worker.host))
    }

    fn mended(&self, client: &mut TestClient) -> Status {
        client.status_when(|status| status.trouble.is_none())
    }

    /// A client sends a text, again where it was refused and the disk will do.
    fn send(&mut self, client: &mut TestClient, text: &str, found: &Found) {
        loop {
            match client.ask(&send(None, text)) {
                Answer::Reply(Reply::Queued { .. }) => return self.promised.push(text.to_owned()),
                Answer::Failure(failure) => self.see_refused(&failure, text, found),
                other => panic!("{other:?}"),
            }
            add(&found.sends, 1);
            if self.then != Then::Mended {
                return;
            }
            self.mended(client);
        }
    }

    fn see_refused(&mut self, failure: &Failure, text: &str, found: &Found) {
        self.refused += 1;
        assert!(failure.line.ends_with(')'), "no remedy: {failure:?}");
        if self.then == Then::Killed && failure.line.starts_with("undone, unless simpd is killed") {
            add(&found.doubtful, 1);
            return self.doubtful.push(text.to_owned());
        }
        assert_eq!(failure.kind, FailureKind::Failed);
        let path = self.log_path();
        let line = format!("nothing was changed: {}/log.db: ", path.display());
        assert!(failure.line.starts_with(&line), "{failure:?}");
    }

    /// The peer says something, again until it is acknowledged where the disk will do.
    fn say(&mut self, client: &mut TestClient, found: &Found) {
        let to = self.worker.world.address(self.worker.host);
        let bob = &self.worker.bob;
        let text = self.unacknowledged.take().unwrap_or_else(|| format!("from bob {}", self.said));
        let seq = (self.said % 2) as u8;
        loop {
            bob.send(&to, Operation::Chat, seq, text.as_bytes());
            // Its answer comes after the acknowledgement.
            let status = client.status();
            let acks = bob.arrived().into_iter().filter(|datagram| datagram.operation == Operation::Ack);
            if acks.map(|ack| assert_eq!(ack.seq, seq)).count() > 0 {
                self.promised.push(text);
                self.said += 1;
                return;
            }
            assert!(status.trouble.is_some(), "not acknowledged without trouble: {status:?}");
            add(&found.silences, 1);
            self.refused += 1;
            if self.then != Then::Mended {
                self.unacknowledged = Some(text);
                return;
            }
            self.mended(client);
        }
    }

    /// With a disk that does what it should, all that was promised is there, and nothing that was refused.
    fn check(mut self, found: &Found) {
        self.disk.mend();
        let alice = self.start().unwrap_or_else(|ended| panic!("{ended:?}"));
        let mut client = alice.client();
        client.status_when(|status| status.first_id > TEXTS as u64 - 2 * RETAINED);
        let texts = |client: &mut TestClient| -> Vec<String> {
            let log: Vec<Event> = client.log();
            assert!(log.windows(2).all(|two| two[0].id < two[1].id));
            assert!(
                log.iter()
                    .rev()
                    .zip(log.iter().rev().skip(1))
                    .take(RETAINED as usize - 1)
                    .all(|(b, a)| a.id + 1 == b.id)
            );
            let after = log.into_iter().filter(|event| event.id > self.worker.first_id);
            after
                .map(|event| match event.what {
                    What::Queued { text, .. } | What::Message { text } => text,
                    what => panic!("{what:?}"),
                })
                .collect()
        };
        let mut texts_found = texts(&mut client);
        if let Some(text) = &self.unacknowledged {
            // It may be kept although the peer was not told: the peer says it again.
            texts_found.retain(|found| found != text);
        }
        let before = texts_found.len();
        texts_found.retain(|text| !self.doubtful.contains(text));
        add(&found.reappeared, (before - texts_found.len()) as u32);
        assert_eq!(texts_found, self.promised, "{:?}", self.then);
        let last = self.unacknowledged.clone();
        self.say(&mut client, &Found::default());
        if let Some(last) = last {
            assert_eq!(texts(&mut client).iter().filter(|text| **text == last).count(), 1, "{last}");
        }
        assert!(
            matches!(client.reply(&Request::Chats { after: 0 }), Reply::Chats { chats, .. } if chats.len() == 1)
        );
    }
}

#[test]
fn each_call_to_the_disk_may_fail() {
    let started = Instant::now();
    let world = World::new();
    let config =
        format!("attempts = 100\nretain_count = {RETAINED}\nretain_discard = ['unread', 'undelivered']\n");
    fs::write(world.path("simpd.toml"), config).unwrap();
    let library = library(&world);
    let (found, next, lives) = (Found::default(), AtomicU32::new(0), AtomicU32::new(0));
    let rounds = std::env::var("SIMP_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let offset = Random(seed()).below(12) as u32;
    let calls = [const { AtomicU32::new(u32::MAX) }; LIVES.len()];
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let (world, library, found, next, calls, lives) =
                (&world, &library, &found, &next, &calls, &lives);
            scope.spawn(move || {
                let mut worker = Worker::new(world, library, number);
                while calls
                    .iter()
                    .any(|calls| next.load(Ordering::Relaxed) / KINDS < calls.load(Ordering::Relaxed))
                {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (after, number) = (number / KINDS, (number % KINDS) as usize);
                    let (then, fails, one_in) = LIVES[number];
                    let one_in = one_in.div_ceil(rounds);
                    if after >= calls[number].load(Ordering::Relaxed)
                        || !(after + offset).is_multiple_of(one_in)
                    {
                        continue;
                    }
                    let error = ERRORS[after as usize % ERRORS.len()];
                    let error = if (then, fails) == (Then::Mended, CHANGES) {
                        error
                    } else {
                        error.or(Some(Errno::EIO))
                    };
                    if !worker.live(LIVES[number], after, error, found) {
                        calls[number].fetch_min(after, Ordering::Relaxed);
                    }
                    add(lives, 1);
                }
            });
        }
    });
    let calls = calls.map(AtomicU32::into_inner);
    println!(
        "{calls:?} calls failed in {} lives, in {:.0} s: {found:?}",
        lives.into_inner(),
        started.elapsed().as_secs_f64()
    );
    let Found { starts, sends, silences, doubtful, stops, .. } = found;
    let seen = [starts, sends, silences, doubtful, stops].map(AtomicU32::into_inner);
    assert!(calls[0] > 100 && seen.iter().all(|seen| *seen > 0), "too little has failed");
}
