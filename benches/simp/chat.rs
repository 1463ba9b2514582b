//! One chat between two simpds, message by message.

use std::cell::RefCell;
use std::thread;
use std::time::{Duration, Instant};

use simp_control::{FollowFrom, Kind, What};

use crate::client::BenchClient;
use crate::pingpong::{FULL, NORMAL, PingPong, Relayed};
use crate::rounds::{Contender, compare};
use crate::world::{Simpd, World};
use crate::{Attempt, Effort};

/// With the header, 103 bytes.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How often the client looks how far the chat is. Rarely, for it takes time from those it looks at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Without waiting for the disk.
pub fn in_memory(effort: Effort) -> Attempt<()> {
    let world = World::new("process")?;
    let (rounds, messages) = (effort.of(11, 5), effort.of(10_000, 4_000));
    let pair = Pair::open(&world)?;
    let (mut bare, mut logged) = (PingPong::new()?, PingPong::logged(&world, NORMAL)?);
    let mut contenders = vec![
        Contender::new("bare mio ping-pong", || bare.round(messages)),
        Contender::new("the same, one row at each side", || logged.round(messages)),
    ];
    contenders.extend(pair.contenders(messages));
    compare("/s", rounds, contenders)
}

/// Waiting for the disk with every message, on both sides.
pub fn durable(effort: Effort) -> Attempt<()> {
    let world = World::new("disk")?;
    let (rounds, messages) = (effort.of(11, 5), effort.of(2_000, 1_000));
    let pair = Pair::open(&world)?;
    let mut bare = PingPong::logged(&world, FULL)?;
    let mut contenders = vec![Contender::new("bare durable round", || bare.round(messages))];
    contenders.extend(pair.contenders(messages));
    compare("/s", rounds, contenders)
}

/// Two daemons with one chat.
struct Pair {
    client: RefCell<BenchClient>,
    _daemons: [Simpd; 2],
}

impl Pair {
    fn open(world: &World) -> Attempt<Self> {
        let (alice, bob) = (world.simpd(&[])?, world.simpd(&[])?);
        alice.open_chat(&bob)?;
        Ok(Self { client: RefCell::new(alice.client()?), _daemons: [alice, bob] })
    }

    fn contenders(&self, messages: usize) -> [Contender<'_>; 2] {
        [
            Contender::new("simpd, fed from its queue", move || {
                from_queue(&mut self.client.borrow_mut(), messages)
            })
            .goal("goal >= 0.80x"),
            Contender::new("the same, a client follows", move || {
                followed(&mut self.client.borrow_mut(), messages)
            }),
        ]
    }
}

/// Messages delivered per second while the client sleeps: between a look at the queue when all is queued, and
/// the last look that still finds something.
fn from_queue(client: &mut BenchClient, messages: usize) -> Attempt<f64> {
    client.queue(messages, TEXT)?;
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
fn followed(client: &mut BenchClient, messages: usize) -> Attempt<f64> {
    let newest = client.queue(messages, TEXT)?;
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
    let world = World::new("process")?;
    let messages = effort.of(10_000, 2_000);
    let mut bare = Relayed::new(&world)?;
    let pair = Pair::open(&world)?;
    let mut client = pair.client.borrow_mut();
    client.follow(FollowFrom::End, &[Kind::Delivered])?;
    let contenders = vec![
        Contender::new("bare relay", || bare.round(messages)),
        Contender::new("simpd, asked for each message", || {
            let begin = Instant::now();
            for _ in 0..messages {
                client.deliver_followed(TEXT)?;
            }
            rate(messages as u64, begin.elapsed())
        })
        .goal("goal >= 0.80x"),
    ];
    compare("/s", effort.of(7, 5), contenders)
}

fn rate(messages: u64, elapsed: Duration) -> Attempt<f64> {
    if messages == 0 || elapsed.is_zero() {
        return Err("too few messages to measure".into());
    }
    Ok(messages as f64 / elapsed.as_secs_f64())
}
