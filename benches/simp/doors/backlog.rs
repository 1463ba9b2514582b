//! Lines that wait because the server is away: how soon after its return they are out, and confirmed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::house::House;
use super::servers::{Servers, messages};
use crate::rounds::{median, range};
use crate::{Attempt, Effort, TEXT};

const LINES: u32 = 1_000;

/// How long a look at what the server has is from the next one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// No server takes longer to get them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prints it for rooms with few members and with many: each line goes to all of them as well.
pub fn measure(effort: Effort) -> Attempt<()> {
    println!("  {LINES} lines have waited for the server, since it answers again");
    for each in [2, 10, 100] {
        let mut servers = Servers::start(1)?;
        let mut house = House::open("backlog", 1, each, Some(&servers))?;
        let (mut ready, mut out, mut confirmed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.of(3, 1) {
            let took = wait(&mut house, &mut servers)?;
            ready.push(took.ready);
            out.push(took.out);
            confirmed.push(took.confirmed);
        }
        print(&format!("{each} members: all are in the stream"), &out, "goal <= 1 s");
        print(&format!("{each} members: all are heard and confirmed"), &confirmed, "");
        print("(the server was ready so long after its start)", &ready, "");
    }
    Ok(())
}

/// In seconds.
struct Took {
    /// From the start of the server until it answers.
    ready: f64,
    /// From then until it has all lines.
    out: f64,
    /// And until all members have heard them, and that they are sent.
    confirmed: f64,
}

fn wait(house: &mut House, servers: &mut Servers) -> Attempt<Took> {
    let monitor = servers.monitor();
    let before = messages(&monitor)?;
    servers.kill();
    // Members are told so.
    house.crowd.calm()?;
    for line in 0..LINES {
        house.crowd.say(line % house.each(), TEXT)?;
    }
    house.crowd.calm()?;
    house.crowd.forget();
    house.crowd.record();
    let began = Instant::now();
    servers.launch()?;
    servers.wait_until_ready()?;
    let ready = Instant::now();
    let is_over = AtomicBool::new(false);
    let out = thread::scope(|scope| {
        let looks = scope.spawn(|| {
            // One core has to do all of it, so it is asked for this not too often.
            while !messages(&monitor).is_ok_and(|count| count >= before + u64::from(LINES)) {
                if is_over.load(Ordering::Relaxed) {
                    return None;
                }
                thread::sleep(BETWEEN_LOOKS);
            }
            Some(Instant::now())
        });
        let heard = hear(house);
        is_over.store(heard.is_err(), Ordering::Relaxed);
        heard.map(|confirmed| (looks.join().ok().flatten(), confirmed))
    });
    let (out, confirmed) = out?;
    let out = out.ok_or("nats-server does not count its messages")?;
    Ok(Took {
        ready: (ready - began).as_secs_f64(),
        out: out.saturating_duration_since(ready).as_secs_f64(),
        confirmed: confirmed.saturating_duration_since(ready).as_secs_f64(),
    })
}

/// When the last has heard the last line, or that it is sent. Besides, everybody hears that the doors are there again.
fn hear(house: &mut House) -> Attempt<Instant> {
    let deadline = Instant::now() + PATIENCE;
    let wanted = (LINES * house.each()) as usize;
    let (mut count, mut last) = (0, Instant::now());
    while count < wanted {
        house.crowd.serve_until(Instant::now() + BETWEEN_LOOKS)?;
        for heard in house.crowd.record().into_iter().filter(|heard| !heard.text.starts_with('*')) {
            (count, last) = (count + 1, heard.at);
        }
        if Instant::now() > deadline {
            return Err(format!("only {count} of {wanted} messages came").into());
        }
    }
    Ok(last)
}

fn print(name: &str, figures: &[f64], goal: &str) {
    let (least, most) = range(figures);
    println!("  {name:<44} {:>12.2} s  [{least:.2}..{most:.2}]  {goal}", median(figures));
}
