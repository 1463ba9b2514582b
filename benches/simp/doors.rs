//! A room with several doors, which meet at a nats-server: what it costs and adds, against the same room without.

mod backlog;
mod cost;
mod delay;
mod house;
mod idle;
mod order;
mod servers;

use crate::{Attempt, Effort};
use servers::Servers;

/// Prints all of it.
///
/// # Errors
/// If it cannot be measured, or if the members do not all hear the same.
pub fn measure(effort: Effort) -> Attempt<()> {
    if !Servers::are_installed() {
        println!("  skipped: there is no nats-server");
        return Ok(());
    }
    order::check(effort)?;
    cost::measure(effort)?;
    cost::measure_servers(effort)?;
    delay::measure(effort)?;
    backlog::measure(effort)?;
    idle::measure(effort)
}
