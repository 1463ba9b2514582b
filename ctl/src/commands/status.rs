//! `status`: what simpd is and what it counted.

use simp_control::Client;
use simp_control::error::Outcome;

use crate::show::{Output, Shown};

/// Shows it.
pub(super) fn run(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&Shown::Status(&*client.status()?))
}
