//! Secure chats beside plain ones: from simpd to simpd, fed from the queues of the first.

use crate::builds::Build;
use crate::rounds::{Column, Contender, compare};
use crate::star::Star;
use crate::world::{PLAIN, SECURE, World};
use crate::{Attempt, Bench};

/// How many others there are, whether all wait for the disk, how many messages a plain round has and how many times more
/// a secure one, and what is wanted of the latter.
const CASES: [(usize, &str, usize, usize, &str); 3] = [
    (1, "process", 4_000, 10, ""),
    (1, "disk", 1_000, 50, "goal >= 2x, 100,000 /s"),
    (64, "disk", 8_000, 10, "goal >= 0.8x"),
];

/// Prints a table for one chat, for one that waits for the disk, and for many.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    for (others, durability, messages, more, goal) in CASES {
        println!("  chats: {others}, durability = {durability:?}");
        let messages = bench.effort.of(2, 1) * messages;
        let mut contenders = Vec::new();
        let builds = Build::all();
        for (name, secure, messages) in [("plain", PLAIN, messages), ("secure", SECURE, messages * more)] {
            for (at, build) in builds.iter().enumerate() {
                let mut star = Star::open(World::new(build, durability, secure)?, others)?;
                let contender = Contender::new(build.called(name), move || Ok([star.deliver(messages)?]));
                let contender = contender.against(at);
                contenders.push(if secure == SECURE { contender.goal(goal) } else { contender });
            }
        }
        compare([Column::RATE], bench.effort.of(7, 3), contenders)?;
    }
    Ok(())
}
