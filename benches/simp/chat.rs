//! Chats between simpds, message by message.

use std::cell::RefCell;
use std::thread;
use std::time::{Duration, Instant};

use simp_control::{FollowFrom, Kind, Request, What};

use crate::client::BenchClient;
use crate::pingpong::{FULL, NORMAL, PingPong, Relayed};
use crate::rounds::{Contender, compare};
use crate::world::{PLAIN, SECURE, Simpd, World};
use crate::{Attempt, Effort};

/// With the header, 103 bytes.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// In so many chats [`many`] is.
const MANY: usize = 64;

/// How often the client looks how far the chat is. Rarely, for it takes time from those it looks at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Without waiting for the disk.
pub fn in_memory(effort: Effort) -> Attempt<()> {
    let (world, secure) = (World::new("process", PLAIN)?, World::new("process", SECURE)?);
    let (rounds, messages) = (effort.of(11, 5), effort.of(10_000, 4_000));
    let (pair, secure) = (Star::open(&world, 1)?, Star::open(&secure, 1)?);
    let (mut bare, mut logged) = (PingPong::new()?, PingPong::logged(&world, NORMAL)?);
    let mut contenders = vec![
        Contender::new("bare mio ping-pong", || bare.round(messages)),
        Contender::new("the same, one row at each side", || logged.round(messages)),
    ];
    contenders.extend(pair.contenders(messages));
    contenders.push(secure.feeding("secure, fed from its queue", 10 * messages));
    compare("/s", rounds, contenders)
}

/// Waiting for the disk with every message, on both sides.
pub fn durable(effort: Effort) -> Attempt<()> {
    let (world, secure) = (World::new("disk", PLAIN)?, World::new("disk", SECURE)?);
    let (rounds, messages) = (effort.of(11, 5), effort.of(2_000, 1_000));
    let (pair, secure) = (Star::open(&world, 1)?, Star::open(&secure, 1)?);
    let mut bare = PingPong::logged(&world, FULL)?;
    let mut contenders = vec![Contender::new("bare durable round", || bare.round(messages))];
    contenders.extend(pair.contenders(messages));
    contenders.push(
        secure.feeding("secure, fed from its queue", 50 * messages).goal("goal >= 2x plain, 100,000 /s"),
    );
    compare("/s", rounds, contenders)
}

/// The same for one simpd in chats with many others.
pub fn many(effort: Effort) -> Attempt<()> {
    let (world, secure) = (World::new("disk", PLAIN)?, World::new("disk", SECURE)?);
    let (plain, secure) = (Star::open(&world, MANY)?, Star::open(&secure, MANY)?);
    let messages = effort.of(256_000, 128_000);
    let contenders = vec![
        plain.feeding("simpd, fed from its queues", messages),
        secure.feeding("secure, fed from its queues", messages).goal("goal >= 0.8x"),
    ];
    compare("/s", effort.of(11, 5), contenders)
}

/// A daemon in chats with others.
struct Star {
    client: RefCell<BenchClient>,
    _alice: Simpd,
    others: Vec<Simpd>,
}

impl Star {
    fn open(world: &World, others: usize) -> Attempt<Self> {
        let alice = world.simpd(&["--max-chats", &others.to_string()])?;
        let others: Vec<Simpd> = (0..others).map(|_| world.simpd(&[])).collect::<Attempt<_>>()?;
        others.iter().try_for_each(|other| alice.open_chat(other).map(drop))?;
        Ok(Self { client: RefCell::new(alice.client()?), _alice: alice, others })
    }

    fn pause(&self, is_paused: bool) -> Attempt<()> {
        self.others.iter().try_for_each(|other| other.process.pause(is_paused))
    }

    /// Queues so many messages, by turns; returns the id of the last.
    fn queue(&self, client: &mut BenchClient, messages: usize) -> Attempt<u64> {
        let to = self.others.iter().map(|other| other.address.to_string());
        client.queue(messages, &to.map(|to| Request::send(Some(to), TEXT)).collect::<Vec<_>>())
    }

    fn feeding<'a>(&'a self, name: &'a str, messages: usize) -> Contender<'a> {
        Contender::new(name, move || from_queue(self, messages))
    }

    fn contenders(&self, messages: usize) -> [Contender<'_>; 2] {
        [
            self.feeding("simpd, fed from its queue", messages).goal("goal >= 0.80x"),
            Contender::new("the same, a client follows", move || followed(self, messages)),
        ]
    }
}

/// Messages delivered per second while the client sleeps: between a look at the queue when all is queued, and
/// the last look that still finds something.
fn from_queue(star: &Star, messages: usize) -> Attempt<f64> {
    let client = &mut *star.client.borrow_mut();
    // Else all would be delivered before the last is queued.
    star.pause(true)?;
    star.queue(client, messages)?;
    star.pause(false)?;
    let first = (client.queued()?, Instant::now());
    let mut last = first;
    loop {
        thread::sleep(LOOK_EVERY);
        let look = (client.queued()?, Instant::now());
        if look.0 == 0 {
            break;
        }
        last = look;
    }
    rate(first.0 - last.0, last.1 - first.1)
}

/// Messages delivered per second while the client reads an event for each.
fn followed(star: &Star, messages: usize) -> Attempt<f64> {
    let client = &mut *star.client.borrow_mut();
    let newest = star.queue(client, messages)?;
    let waiting = client.queued()?;
    let begin = Instant::now();
    client.follow(FollowFrom::After(newest), &[Kind::Delivered])?;
    while client.event()?.what != (What::Delivered { message: newest }) {}
    let elapsed = begin.elapsed();
    client.follow(FollowFrom::End, &[Kind::Request])?;
    rate(waiting, elapsed)
}

/// One request for each message, and the next once it is delivered.
pub fn asked(effort: Effort) -> Attempt<()> {
    let (world, secure) = (World::new("process", PLAIN)?, World::new("process", SECURE)?);
    let messages = effort.of(10_000, 2_000);
    let mut bare = Relayed::new(&world)?;
    let (pair, secure) = (Star::open(&world, 1)?, Star::open(&secure, 1)?);
    let asked = |pair: &Star| {
        let mut client = pair.client.borrow_mut();
        let (begin, send) = (Instant::now(), Request::send(None, TEXT));
        for _ in 0..messages {
            client.deliver_followed(&send)?;
        }
        rate(messages as u64, begin.elapsed())
    };
    for pair in [&pair, &secure] {
        pair.client.borrow_mut().follow(FollowFrom::End, &[Kind::Delivered])?;
    }
    let contenders = vec![
        Contender::new("bare relay", || bare.round(messages)),
        Contender::new("simpd, asked for each message", || asked(&pair)).goal("goal >= 0.80x"),
        Contender::new("secure, asked for each message", || asked(&secure)).goal("goal >= 0.55x plain"),
    ];
    compare("/s", effort.of(7, 5), contenders)
}

fn rate(messages: u64, elapsed: Duration) -> Attempt<f64> {
    if messages == 0 || elapsed.is_zero() {
        return Err("too few messages to measure".into());
    }
    Ok(messages as f64 / elapsed.as_secs_f64())
}
