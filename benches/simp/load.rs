//! Messages that come in: from many peers, so many of them at a time, each as soon as its last one is acknowledged.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_daemon::udp::More;

use crate::builds::Build;
use crate::crowd::Crowd;
use crate::machine::{Core, cpu_time};
use crate::rounds::Column;
use crate::world::{PLAIN, Simpd, World};
use crate::{Attempt, TEXT};

/// What [`Load::round`] measures.
pub const COLUMNS: [Column; 5] = [
    Column::RATE,
    Column::CPU,
    Column::new("% busy", 0).alone(),
    Column::new("us p50", 0).alone(),
    Column::new("us p99", 0).alone(),
];

/// When a peer says something again (SIMP 4.2).
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How often it is looked who has to.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long an acknowledgement may take, however often a message is said again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Peers that say something all the time.
pub struct Load {
    crowd: Crowd,
    core: Core,
    /// Who is to speak next.
    order: VecDeque<u32>,
    /// When each has spoken.
    spoken: Vec<Instant>,
    /// Whose messages were acknowledged.
    acked: Vec<u32>,
    /// When to look next for messages that are to be said again.
    look: Instant,
}

/// What came of it.
pub struct Poured {
    /// So many messages were acknowledged.
    pub messages: u64,
    /// In this time.
    pub elapsed: Duration,
    /// How long each took.
    delays: Vec<Duration>,
}

impl Load {
    /// So many peers of whoever receives at this address, on this core.
    pub fn new(to: SocketAddr, peers: u32, core: Core) -> Attempt<Self> {
        let crowd = Crowd::new(&[to], peers)?;
        let now = Instant::now();
        let (order, spoken) = ((0..peers).collect(), vec![now; peers as usize]);
        Ok(Self { crowd, core, order, spoken, acked: Vec::new(), look: now })
    }

    /// They open their chats.
    pub fn join(&mut self) -> Attempt<()> {
        self.crowd.join()
    }

    /// So many of them at a time speak for this long: what one second of that brings, what a message costs the process
    /// with this id, which share of the time it worked, and how long acknowledgements take.
    pub fn round(&mut self, id: u32, at_once: u32, lasts: Duration) -> Attempt<[f64; 5]> {
        let before = cpu_time(id)?;
        let mut poured = self.pour(at_once, lasts, |_| Ok(true))?;
        let cpu = (cpu_time(id)? - before).as_secs_f64();
        let elapsed = poured.elapsed.as_secs_f64();
        let messages = poured.messages as f64;
        poured.delays.sort_unstable();
        let within = |share: f64| {
            let at = (poured.delays.len() as f64 * share) as usize;
            poured.delays.get(at).map_or(0.0, |delay| delay.as_secs_f64() * 1e6)
        };
        Ok([messages / elapsed, cpu * 1e6 / messages, cpu * 1e2 / elapsed, within(0.5), within(0.99)])
    }

    /// Until so many messages are acknowledged, a few more perhaps.
    pub fn fill(&mut self, at_once: u32, messages: u64) -> Attempt<()> {
        let all = Duration::from_secs(3_600);
        if messages > 0 {
            self.pour(at_once, all, |acked| Ok(acked < messages))?;
        }
        Ok(())
    }

    /// All of them speak at once. How many were acknowledged before the first of them said it again, and how long it took
    /// until all were, in seconds.
    pub fn burst(&mut self) -> Attempt<(usize, f64)> {
        let poured = self.pour(self.crowd.size(), Duration::ZERO, |_| Ok(true))?;
        let at_once = poured.delays.iter().filter(|delay| **delay < AGAIN_AFTER).count();
        Ok((at_once, poured.elapsed.as_secs_f64()))
    }

    /// So many of them at a time speak for this long. `meanwhile` is called all the time, with how many messages are
    /// acknowledged; none is begun any more once it says false.
    pub fn pour(
        &mut self,
        at_once: u32,
        lasts: Duration,
        mut meanwhile: impl FnMut(u64) -> Attempt<bool>,
    ) -> Attempt<Poured> {
        let begin = Instant::now();
        let mut poured = Poured { messages: 0, elapsed: lasts, delays: Vec::new() };
        let mut goes_on = true;
        let mut waiting = at_once.min(self.order.len() as u32);
        (0..waiting).for_each(|_| self.next_speaks(begin));
        while waiting > 0 {
            self.crowd.flush();
            let more = self.crowd.receive()?;
            let now = Instant::now();
            self.crowd.take_acked(&mut self.acked);
            for at in 0..self.acked.len() {
                let Some(&number) = self.acked.get(at) else { break };
                poured.delays.extend(self.spoken.get(number as usize).map(|spoken| now - *spoken));
                self.order.push_back(number);
                match goes_on && now - begin < lasts {
                    true => self.next_speaks(now),
                    false => waiting -= 1,
                }
            }
            goes_on &= meanwhile(poured.delays.len() as u64)?;
            if self.acked.is_empty() && more == More::No {
                self.wait(begin + lasts + PATIENCE)?;
            }
        }
        (poured.messages, poured.elapsed) = (poured.delays.len() as u64, begin.elapsed());
        Ok(poured)
    }

    fn next_speaks(&mut self, now: Instant) {
        let Some(number) = self.order.pop_front() else { return };
        if let Some(spoken) = self.spoken.get_mut(number as usize) {
            *spoken = now;
        }
        self.crowd.begin(number, TEXT);
    }

    /// Nothing has come. On a core of its own the load does not sleep: who wakes it would pay for that.
    fn wait(&mut self, deadline: Instant) -> Attempt<()> {
        if self.core == Core::Shared {
            self.crowd.wait(AGAIN_AFTER)?;
        }
        let now = Instant::now();
        if now < self.look {
            return Ok(());
        }
        self.look = now + LOOK_EVERY;
        if now > deadline {
            return Err("no acknowledgement".into());
        }
        let late = |number: &u32| {
            let spoken = self.spoken.get(*number as usize);
            !self.crowd.is_acked(*number) && spoken.is_some_and(|spoken| now - *spoken > AGAIN_AFTER)
        };
        let late: Vec<u32> = (0..self.crowd.size()).filter(late).collect();
        late.into_iter().for_each(|number| self.crowd.repeat(number, TEXT));
        Ok(())
    }
}

/// A simpd with open chats, and their peers.
pub struct Inlet {
    /// It.
    pub simpd: Simpd,
    /// The peers.
    pub load: Load,
    /// Its folders.
    pub world: World,
}

impl Inlet {
    /// With so many chats.
    pub fn open(build: &Build, durability: &str, chats: u32) -> Attempt<Self> {
        let mut inlet = Self::start(build, durability, chats)?;
        inlet.load.join()?;
        Ok(inlet)
    }

    /// With so many peers, who have yet to [`Load::join`].
    pub fn start(build: &Build, durability: &str, chats: u32) -> Attempt<Self> {
        let world = World::new(build, durability, PLAIN)?;
        // One chat waits for each acknowledgement.
        let core = if chats == 1 { Core::Shared } else { Core::Own };
        let simpd = world.simpd(core, &["--max-chats", "100000"])?;
        let load = Load::new(simpd.address, chats, core)?;
        Ok(Self { simpd, load, world })
    }

    /// As many new peers open chats instead of the old ones, of whom nothing is heard any more.
    pub fn renew(&mut self) -> Attempt<()> {
        self.load = Load::new(self.simpd.address, self.load.crowd.size(), self.load.core)?;
        self.load.join()
    }

    /// As [`Load::round`].
    pub fn round(&mut self, at_once: u32, lasts: Duration) -> Attempt<[f64; 5]> {
        self.load.round(self.simpd.process.id(), at_once, lasts)
    }
}
