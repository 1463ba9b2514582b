//! A simpd in chats with other simpds.

use std::thread;
use std::time::{Duration, Instant};

use simp_control::{FollowFrom, Kind, Request};

use crate::client::BenchClient;
use crate::machine::Core;
use crate::world::{Simpd, World};
use crate::{Attempt, TEXT};

/// How often the client looks how far the chats are. Rarely, for it takes time from those it looks at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The one in the middle, the others, and a client of the former. All of them are on one core.
pub struct Star {
    client: BenchClient,
    middle: Simpd,
    others: Vec<Simpd>,
    _world: World,
}

impl Star {
    /// With so many others, all in this world.
    pub fn open(world: World, others: usize) -> Attempt<Self> {
        let middle = world.simpd(Core::Shared, &["--max-chats", &others.to_string()])?;
        let others: Vec<Simpd> =
            (0..others).map(|_| world.simpd(Core::Shared, &[])).collect::<Attempt<_>>()?;
        others.iter().try_for_each(|other| middle.open_chat(other).map(drop))?;
        Ok(Self { client: middle.client()?, middle, others, _world: world })
    }

    /// Whoever asks from now on learns of what is delivered.
    pub fn follow(&mut self) -> Attempt<()> {
        self.client.follow(FollowFrom::End, &[Kind::Delivered])
    }

    /// The CPU time that the one in the middle has taken, in microseconds.
    pub fn cpu(&self) -> Attempt<f64> {
        self.middle.cpu()
    }

    /// Asks for one message and waits until it is delivered, which must be followed already.
    pub fn ask(&mut self, send: &Request) -> Attempt<()> {
        self.client.deliver_followed(send)
    }

    /// Messages delivered per second while the client sleeps: between a look at the queue when all is queued, and
    /// the last look that still finds something.
    pub fn deliver(&mut self, messages: usize) -> Attempt<f64> {
        // Else all would be delivered before the last is queued.
        self.pause(true)?;
        let to = self.others.iter().map(|other| other.address.to_string());
        self.client.queue(messages, &to.map(|to| Request::send(Some(to), TEXT)).collect::<Vec<_>>())?;
        self.pause(false)?;
        let first = (self.client.queued()?, Instant::now());
        let mut last = first;
        loop {
            thread::sleep(LOOK_EVERY);
            let look = (self.client.queued()?, Instant::now());
            if look.0 == 0 {
                break;
            }
            last = look;
        }
        let (messages, elapsed) = (first.0 - last.0, last.1 - first.1);
        if messages == 0 || elapsed.is_zero() {
            return Err("too few messages to measure".into());
        }
        Ok(messages as f64 / elapsed.as_secs_f64())
    }

    fn pause(&self, is_paused: bool) -> Attempt<()> {
        self.others.iter().try_for_each(|other| other.process.pause(is_paused))
    }
}
