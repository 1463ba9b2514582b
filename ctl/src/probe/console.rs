//! What the person is told on standard error while the probe runs: beforehand what there will be to do, at the
//! moment when it is their turn, and at a terminal how far it is.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::clauses::{Scene, Wanted};
use crate::output::notice;

/// What the person at the other end is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Accept,
    Lines,
    Quit,
    Invite,
    Decline,
}

/// Standard error.
#[derive(Debug)]
pub(crate) struct Console {
    is_terminal: bool,
    ours: SocketAddr,
    user: &'static str,
    timeout: Duration,
}

impl Console {
    /// Names who the probe is to the other end, and how long each thing that is asked for may take.
    pub(crate) fn new(ours: SocketAddr, user: &'static str, timeout: Duration) -> Self {
        Self { is_terminal: io::stderr().is_terminal(), ours, user, timeout }
    }

    /// Says what there will be to do.
    pub(crate) fn announce(&self, peer: SocketAddr, wanted: &Wanted) {
        let asks = asks(wanted);
        if asks.is_empty() {
            notice(&format!("probing {peer} from {}; nobody there has anything to do", self.ours));
            return;
        }
        let limit = self.timeout.as_secs_f64();
        notice(&format!("probing {peer} from {}; the person there has {limit} s each to", self.ours));
        for ask in asks {
            notice(&format!("  {}", self.words(ask)));
        }
    }

    /// It is their turn.
    pub(crate) fn ask(&self, ask: Ask) {
        self.clear();
        notice(&format!("now: {}", self.words(ask)));
    }

    /// What goes on, at a terminal, in place of what went on before.
    pub(crate) fn progress(&self, what: &str) {
        if self.is_terminal {
            let _ = write!(io::stderr().lock(), "\r\x1b[K{what} ...");
        }
    }

    /// Takes that line away.
    pub(crate) fn clear(&self) {
        if self.is_terminal {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn words(&self, ask: Ask) -> String {
        let Self { ours, user, .. } = self;
        match ask {
            Ask::Accept => format!("accept the invitation of {user}@{ours}"),
            Ask::Lines => "send two different lines".to_owned(),
            Ask::Quit => "leave the chat".to_owned(),
            Ask::Invite => format!("invite {ours}"),
            Ask::Decline => format!("decline the invitation of {user}@{ours}"),
        }
    }
}

/// What the person will be asked for, in order.
fn asks(wanted: &Wanted) -> Vec<Ask> {
    let plan = [
        (Ask::Accept, needs_chat(wanted)),
        (Ask::Lines, wanted.needs(Scene::Theirs)),
        (Ask::Quit, wanted.needs(Scene::Quit)),
        (Ask::Invite, needs_invitation(wanted)),
        (Ask::Decline, wanted.needs(Scene::Decline)),
    ];
    plan.into_iter().filter_map(|(ask, is_needed)| is_needed.then_some(ask)).collect()
}

/// Whether we must invite the peer.
pub(crate) fn needs_chat(wanted: &Wanted) -> bool {
    let scenes = [Scene::Open, Scene::Ours, Scene::Theirs, Scene::Busy, Scene::Quit];
    scenes.into_iter().any(|scene| wanted.needs(scene))
        || (wanted.needs(Scene::Leave) && !wanted.needs(Scene::Invite))
}

/// Whether the peer must invite us. We leave that chat: where its user is to leave the other one, we cannot.
pub(crate) fn needs_invitation(wanted: &Wanted) -> bool {
    wanted.needs(Scene::Invite) || (wanted.needs(Scene::Leave) && wanted.needs(Scene::Quit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_is_asked_for_no_more_than_is_needed() {
        use Ask::{Accept, Decline, Invite, Lines, Quit};
        for (only, expected) in [
            (None, vec![Accept, Lines, Quit, Invite, Decline]),
            (Some("1,7,5.5"), vec![]),
            (Some("3.1"), vec![Accept]),
            (Some("3"), vec![Accept, Lines]),
            (Some("5.4"), vec![Accept]),
            (Some("5.3"), vec![Accept, Quit]),
            (Some("5.3,5.4"), vec![Accept, Quit, Invite]),
            (Some("2.7,5.4"), vec![Invite]),
            (Some("2.5"), vec![Decline]),
        ] {
            assert_eq!(asks(&Wanted::parse(only).unwrap()), expected, "{only:?}");
        }
    }
}
