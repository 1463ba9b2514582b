//! `consumers`: who reads the log, and how far each is.

use simp_control::error::Outcome;
use simp_control::{Client, Request};

use crate::args::{ConsumersArgs, ConsumersCommand};
use crate::show::{Output, View};

/// Lists the consumers, or removes one.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &ConsumersArgs) -> Outcome {
    if let Some(ConsumersCommand::Remove(args)) = &args.command {
        client.ask(&Request::Forget { consumer: args.name.clone() })?;
        return output.show(&View::Removed(&args.name));
    }
    let consumers = client.consumers()?;
    // After the marks, so that no consumer seems to be ahead of the log.
    let last_id = client.status()?.last_id;
    output.show(&View::Consumers { consumers: &consumers, last_id })
}
