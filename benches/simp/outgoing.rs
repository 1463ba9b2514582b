//! Messages that go out: one client asks for many of them without waiting for answers, and their peers acknowledge at once.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use simp_control::{Request, VERSION};

use crate::bare::{Answers, Keeps, RelayProcess, message_to, ready};
use crate::builds::Build;
use crate::client::framed;
use crate::crowd::Crowd;
use crate::machine::{Core, cpu_time};
use crate::rounds::{Column, Contender, compare};
use crate::world::{PLAIN, World};
use crate::{Attempt, Bench, TEXT};

/// Messages that are asked for and not acknowledged, at most.
const WINDOW: u64 = 256;

/// Most bytes in one write, and in one read.
const WRITE: usize = 32 << 10;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);

const COLUMNS: [Column; 3] = [Column::CPU, Column::RATE, Column::new("% busy", 0).alone()];

/// Prints a table for one chat and one for many, without and with waiting for the disk.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    for durability in ["process", "disk"] {
        for chats in [1, 64] {
            println!("  chats: {chats}, durability = {durability:?}");
            measure_chats(bench, durability, chats)?;
        }
    }
    Ok(())
}

fn measure_chats(bench: &Bench, durability: &str, chats: u32) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(150));
    let core = if chats == 1 { Core::Shared } else { Core::Own };
    let world = World::new(&Build::now(), durability, PLAIN)?;
    let mut crowd = Crowd::new(&[SocketAddr::from(([0; 4], 0))], chats)?;
    let peers = (crowd.address(0)?, chats as usize);
    let relay = RelayProcess::start(&world, core, Keeps::of(durability), Answers::Queued, peers)?;
    crowd.turn_to(relay.address);
    let messages = (0..chats).map(|number| message_to(number, TEXT)).collect();
    let mut outlet = Outlet::connect(&relay.socket, crowd, core, messages)?;
    let bare = move || outlet.round(relay.process.id(), lasts);
    let mut contenders = vec![Contender::new("bare relay, two rows for each", bare)];
    for build in Build::all() {
        let world = World::new(&build, durability, PLAIN)?;
        let simpd = world.simpd(core, &["--max-chats", "100"])?;
        let mut crowd = Crowd::new(&[simpd.address], chats)?;
        crowd.join()?;
        // Right after the opening a chat waits a moment before its first message.
        crowd.calm()?;
        let requests: Vec<Vec<u8>> = (0..chats)
            .map(|number| framed(&Request::send(Some(crowd.address(number)?.to_string()), TEXT)))
            .collect::<Attempt<_>>()?;
        let mut outlet = Outlet::connect(&simpd.socket, crowd, core, requests)?;
        outlet.pending = framed(&Request::Hello { version: VERSION })?;
        let round = move || {
            let _kept = &world;
            outlet.round(simpd.process.id(), lasts)
        };
        contenders.push(Contender::new(build.called("simpd"), round));
    }
    compare(COLUMNS, bench.effort.of(7, 4), contenders)?;
    Ok(())
}

/// The client, and the peers.
struct Outlet {
    stream: UnixStream,
    crowd: Crowd,
    core: Core,
    /// One to each peer.
    requests: Vec<Vec<u8>>,
    /// How many were asked for, of all of them by turns.
    asked: u64,
    /// What is to be written.
    pending: Vec<u8>,
}

impl Outlet {
    fn connect(socket: &Path, crowd: Crowd, core: Core, requests: Vec<Vec<u8>>) -> Attempt<Self> {
        let mut stream = UnixStream::connect(socket)?;
        crowd.watch(&mut stream)?;
        Ok(Self { stream, crowd, core, requests, asked: 0, pending: Vec::new() })
    }

    /// For so long: CPU time of this process for each message, messages per second, and which share of the time it works.
    fn round(&mut self, id: u32, lasts: Duration) -> Attempt<[f64; 3]> {
        let (before, begin) = (cpu_time(id)?, Instant::now());
        let heard = self.crowd.heard();
        let (mut known, mut progress) = (heard, begin);
        loop {
            let now = Instant::now();
            if now - begin < lasts {
                self.ask();
            } else if self.crowd.heard() == self.asked {
                self.crowd.flush();
                break;
            }
            self.write_pending()?;
            self.read_answers()?;
            if self.crowd.heard() > known {
                (known, progress) = (self.crowd.heard(), now);
            } else if now - progress > PATIENCE {
                return Err("messages do not arrive".into());
            }
            match self.core {
                Core::Shared => drop(self.crowd.serve(PATIENCE)?),
                Core::Own => {
                    self.crowd.flush();
                    self.crowd.receive()?;
                }
            }
        }
        let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), (cpu_time(id)? - before).as_secs_f64());
        let messages = (self.crowd.heard() - heard) as f64;
        Ok([cpu * 1e6 / messages, messages / elapsed, cpu * 1e2 / elapsed])
    }

    /// As many as may wait, and not too much in one write.
    fn ask(&mut self) {
        while self.asked - self.crowd.heard() < WINDOW && self.pending.len() < WRITE {
            let number = self.asked % self.requests.len() as u64;
            self.pending.extend(self.requests.get(number as usize).into_iter().flatten());
            self.asked += 1;
        }
    }

    fn write_pending(&mut self) -> Attempt<()> {
        while !self.pending.is_empty() {
            match ready(self.stream.write(&self.pending))? {
                Some(count) => drop(self.pending.drain(..count)),
                None => break,
            }
        }
        Ok(())
    }

    /// What they say does not matter: messages that are refused do not arrive.
    fn read_answers(&mut self) -> Attempt<()> {
        let mut buffer = [0; WRITE];
        while let Some(count) = ready(self.stream.read(&mut buffer))? {
            if count == 0 {
                return Err("simpd is gone".into());
            }
        }
        Ok(())
    }
}
