//! `decline`: declines a request.

use simp_control::error::Outcome;
use simp_control::{ChatInfo, Client, Reason, Request, State};

use super::quit::end;
use crate::args::DeclineArgs;
use crate::show::{Output, View};

/// Declines; the daemon tells the peer.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &DeclineArgs) -> Outcome {
    let request = |who| Request::Decline { who };
    let (chat, _) = end(client, args.who.as_deref(), None, Reason::WeDeclined, request)?;
    // The reply shows it as it was; for us it is over, whether or not the peer has been told yet.
    output.show(&View::Ended(&ChatInfo { state: State::Closed, ..chat }))
}
