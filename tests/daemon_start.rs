//! What simpd says when it cannot start, how it stops, and what it goes on with when it starts again.
//!
//! - `arguments`: the command line and simpd.toml. `places`: the address, folders, socket and log that it needs.
//! - `running`: in the background, and at a signal. `supervised`: under a service manager. `resume`: chats that outlive it.

mod arguments;
mod full_disk;
mod places;
mod resume;
mod running;
mod supervised;

use std::path::PathBuf;

use crate::harness::World;

/// The folder with the log of the daemon on address 1.
fn state(world: &World) -> PathBuf {
    world.path("state/simp").join(world.address(1))
}
