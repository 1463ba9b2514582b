//! Messages that come in.

use std::time::Duration;

use crate::bare::{Keeps, Server};
use crate::builds::Build;
use crate::load::{COLUMNS, Inlet, Load};
use crate::machine::Core;
use crate::rounds::{Contender, compare};
use crate::world::{PLAIN, World};
use crate::{Attempt, Bench};

/// How many chats, and how many of them speak at a time.
const SIZES: [(u32, u32); 4] = [(1, 1), (64, 64), (512, 512), (10_000, 512)];

/// Prints a table for each number of chats, without and with waiting for the disk.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    for durability in ["process", "disk"] {
        for (chats, at_once) in SIZES {
            println!("  chats: {chats}, at a time: {at_once}, durability = {durability:?}");
            measure_chats(bench, durability, chats, at_once)?;
        }
    }
    Ok(())
}

fn measure_chats(bench: &Bench, durability: &str, chats: u32, at_once: u32) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(150));
    let core = if chats == 1 { Core::Shared } else { Core::Own };
    let world = World::new(&Build::now(), durability, PLAIN)?;
    let mut contenders = Vec::new();
    let bare = [("stores nothing", Keeps::Nothing), ("bare SQLite server", Keeps::of(durability))];
    for (name, keeps) in bare {
        let server = Server::start(&world, core, keeps)?;
        let mut load = Load::new(server.address, chats, core)?;
        contenders.push(Contender::new(name, move || load.round(server.process.id(), at_once, lasts)));
    }
    for build in Build::all() {
        let mut inlet = Inlet::open(&build, durability, chats)?;
        let round = move || inlet.round(at_once, lasts);
        contenders.push(Contender::new(build.called("simpd"), round));
    }
    compare(COLUMNS, bench.effort.of(7, 4), contenders)?;
    Ok(())
}
