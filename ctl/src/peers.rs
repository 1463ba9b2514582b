//! `peers`: how other implementations speak, as far as simpd knows, and forgetting that.

use simp_control::{FailureKind, Forgotten, PeerInfo, Reply, Request};

use crate::args::{ForgetPeer, Peers, PeersCommand};
use crate::client::Client;
use crate::names;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, fail, unexpected};

/// Refuses what says neither whom to forget nor that all are, or both.
pub(crate) fn check(args: &Peers) -> Outcome {
    let line = match &args.command {
        Some(PeersCommand::Forget(ForgetPeer { who: None, all: false })) => {
            "whom? (name a peer, or say --all)"
        }
        Some(PeersCommand::Forget(ForgetPeer { who: Some(_), all: true })) => {
            "--all is everybody: a peer cannot be named too"
        }
        _ => return Ok(()),
    };
    Err(fail(FailureKind::Usage, line))
}

/// Lists the peers, or forgets what was learned of them.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Peers) -> Outcome {
    let Some(PeersCommand::Forget(args)) = &args.command else {
        let peers = list(client)?;
        return output.show(&Shown::Peers(&peers));
    };
    let forgotten = |who: Option<String>| Request::ForgetPeer(who.map_or(Forgotten::All, Forgotten::Who));
    match names::ask(client, &mut args.who.clone(), forgotten)? {
        Reply::Forgotten { peers } => output.show(&Shown::Forgotten(peers)),
        _ => Err(unexpected()),
    }
}

fn list(client: &mut Client) -> Outcome<Vec<PeerInfo>> {
    let mut all: Vec<PeerInfo> = Vec::new();
    loop {
        let after = all.last().map(|info| info.peer.address.clone()).unwrap_or_default();
        let Reply::Peers { peers, more } = client.ask(&Request::Peers { after })? else {
            return Err(unexpected());
        };
        all.extend(peers);
        if !more {
            return Ok(all);
        }
    }
}
