//! `peers`: how other implementations speak, as far as simpd knows, and forgetting that.

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{Client, FailureKind, Forgotten, Reply, Request, names};

use crate::args::{ForgetArgs, PeersArgs, PeersCommand};
use crate::show::{Output, View};

/// Refuses what says neither whom to forget nor that all are, or both.
pub(super) fn check(args: &PeersArgs) -> Outcome {
    let line = match &args.command {
        Some(PeersCommand::Forget(ForgetArgs { who: None, all: false })) => {
            "no peer given (name one, or use --all)"
        }
        Some(PeersCommand::Forget(ForgetArgs { who: Some(_), all: true })) => {
            "--all means every peer: do not name one too"
        }
        _ => return Ok(()),
    };
    Err(fail(FailureKind::Usage, line))
}

/// Lists the peers, or forgets what was learned of them.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &PeersArgs) -> Outcome {
    let Some(PeersCommand::Forget(args)) = &args.command else {
        return output.show(&View::Peers(&client.peers()?));
    };
    let forgotten = |who: Option<String>| Request::ForgetPeer(who.map_or(Forgotten::All, Forgotten::Who));
    match names::ask(client, &mut args.who.clone(), forgotten)? {
        Reply::Forgotten { peers } => output.show(&View::Forgotten(peers)),
        _ => Err(unexpected()),
    }
}
