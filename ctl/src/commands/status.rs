//! `status`: what simpd is and what it counted.

use simp_control::Client;
use simp_control::error::Outcome;

use crate::show::{Output, View};

/// Shows it.
pub(super) fn run(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&View::Status(&*client.status()?))
}
