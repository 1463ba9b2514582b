//! `stop`: stops simpd and waits until it is gone.

use simp_control::error::Outcome;
use simp_control::{Client, Request};

use crate::show::{Output, View};

/// Stops it.
pub(super) fn run(client: &mut Client, output: &mut Output) -> Outcome {
    client.ask(&Request::Stop)?;
    // The reply comes before the end. A script that starts simpd again must find its socket and its log free.
    client.wait_for_end()?;
    output.show(&View::Stopped(&client.socket().name))
}
