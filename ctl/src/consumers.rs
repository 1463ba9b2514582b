//! `consumers`: who reads the log, and how far each is.

use simp_control::{Reply, Request};

use crate::args::{Consumers, ConsumersCommand};
use crate::client::Client;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, unexpected};

/// Lists the consumers, or removes one.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Consumers) -> Outcome {
    if let Some(ConsumersCommand::Remove(args)) = &args.command {
        client.ask(&Request::Forget { consumer: args.name.clone() })?;
        return output.show(&Shown::Removed(&args.name));
    }
    let Reply::Consumers { consumers } = client.ask(&Request::Consumers)? else { return Err(unexpected()) };
    let Reply::Status(status) = client.ask(&Request::Status)? else { return Err(unexpected()) };
    output.show(&Shown::Consumers { consumers: &consumers, last_id: status.last_id })
}
