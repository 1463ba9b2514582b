//! Clients that are connected and ask nothing.

use std::time::Duration;

use crate::client::connected;
use crate::followers::Followers;
use crate::load::Inlet;
use crate::plot::Panel;
use crate::sweep::{self, Step};
use crate::{Attempt, Bench};

/// How many are idle, and which cost is wanted of that without any.
const CLIENTS: [Step; 3] = [(0, ""), (100, ""), (1_000, "goal <= 1.05x us CPU")];

/// Follows are looked at beside that without any client.
const FOLLOWERS: [Step; 2] = [(0, ""), (1_000, "goal <= 1.05x us CPU")];

/// Nobody is there.
const NOBODY: &str = "127.60.0.1:7777";

/// Prints what they cost those who have something to say.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(150));
    for chats in [1, 64] {
        println!("  busy chats: {chats}");
        let panel = (chats == 1).then_some(Panel::Clients);
        sweep::measure(bench, panel, ("idle clients", &CLIENTS), |build, count| {
            let mut inlet = Inlet::open(build, "process", chats)?;
            let clients: Vec<_> =
                (0..count).map(|_| connected(&inlet.simpd.socket, &[])).collect::<Attempt<_>>()?;
            Ok(Box::new(move || {
                let _connected = &clients;
                let [rate, cpu, ..] = inlet.round(chats, lasts)?;
                Ok([rate, cpu])
            }))
        })?;
        sweep::measure(bench, None, ("followers of another chat", &FOLLOWERS), |build, count| {
            let mut inlet = Inlet::open(build, "process", chats)?;
            let followers = Followers::connect(&inlet.simpd.socket, count as usize, Some(NOBODY))?;
            Ok(Box::new(move || {
                let _connected = &followers;
                let [rate, cpu, ..] = inlet.round(chats, lasts)?;
                Ok([rate, cpu])
            }))
        })?;
    }
    Ok(())
}
