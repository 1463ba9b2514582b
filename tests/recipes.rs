//! The recipes of docs/recipes.md: what a reader copies from there is run as the reader would run it, on machines with real
//! daemons, and with something that fails.
//!
//! - `document`: what the page tells its readers to type. `machine`: where they do.
//! - `cron`: what cron starts. `forwarding`: a log. `answers`: what is asked. `telling`: what is told.
//!   `python`: programs. `container`: one. `firewall`: two networks.

mod answers;
mod container;
mod cron;
mod document;
mod firewall;
mod forwarding;
mod machine;
mod python;
mod telling;

use crate::harness::World;
use document::Recipe;
use machine::Machine;

/// The two machines of most recipes, in a chat.
fn two_machines(world: &World) -> (Machine<'_>, Machine<'_>) {
    let recipe = Recipe::of("Two machines");
    let (web1, ops) = (Machine::new(world, "web1"), Machine::new(world, "ops"));
    assert!(ops.types(recipe.typed("ops", "start")).ok().starts_with("simpd: ready on "));
    let said = web1.types(recipe.typed("web1", "connect")).ok();
    let connected = format!("connected to ops@{}:7777 (secure, new key SHA256:", ops.address());
    assert!(said.lines().nth(1).unwrap().starts_with(&connected), "{said}");
    assert_eq!(ops.types(recipe.typed("ops", "listen")).ok(), "web1: hello from web1\n");
    (web1, ops)
}
