//! What the person is told on standard error while the probe runs: beforehand what there will be to do, at the
//! moment when it is their turn, and at a terminal how far it is.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::clauses::{Scene, Selection};

/// What the person at the other end is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Favour {
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
    pub(crate) fn announce(&self, peer: SocketAddr, wanted: &Selection) {
        let favours = favours(wanted);
        if favours.is_empty() {
            notice(&format!("probing {peer} from {}; nobody there needs to act", self.ours));
            return;
        }
        let limit = self.timeout.as_secs_f64();
        notice(&format!("probing {peer} from {}; the person there has {limit} s each to", self.ours));
        for favour in favours {
            notice(&format!("  {}", self.words(favour)));
        }
    }

    /// It is their turn.
    pub(crate) fn ask(&self, favour: Favour) {
        self.clear();
        notice(&format!("now: {}", self.words(favour)));
    }

    /// What goes on, at a terminal, in place of what went on before.
    pub(crate) fn progress(&self, what: &str) {
        if self.is_terminal {
            // One line that changes. A file or a pipe would keep every state of it, so only a terminal gets it.
            let _ = write!(io::stderr().lock(), "\r\x1b[K{what} ...");
        }
    }

    /// Takes that line away.
    pub(crate) fn clear(&self) {
        if self.is_terminal {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn words(&self, favour: Favour) -> String {
        let Self { ours, user, .. } = self;
        match favour {
            Favour::Accept => format!("accept the invitation of {user}@{ours}"),
            Favour::Lines => "send two different lines".to_owned(),
            Favour::Quit => "leave the chat".to_owned(),
            Favour::Invite => format!("invite {ours}"),
            Favour::Decline => format!("decline the invitation of {user}@{ours}"),
        }
    }
}

/// One line on standard error, in one piece. What is not read there is lost without harm.
fn notice(line: &str) {
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// What the person will be asked for, in order.
fn favours(wanted: &Selection) -> Vec<Favour> {
    let plan = [
        (Favour::Accept, needs_chat(wanted)),
        (Favour::Lines, wanted.needs(Scene::Theirs)),
        (Favour::Quit, wanted.needs(Scene::Quit)),
        (Favour::Invite, needs_invitation(wanted)),
        (Favour::Decline, wanted.needs(Scene::Decline)),
    ];
    plan.into_iter().filter_map(|(favour, is_needed)| is_needed.then_some(favour)).collect()
}

/// Whether we must invite the peer.
pub(crate) fn needs_chat(wanted: &Selection) -> bool {
    let scenes = [Scene::Open, Scene::Ours, Scene::Theirs, Scene::Busy, Scene::Quit];
    scenes.into_iter().any(|scene| wanted.needs(scene))
        || (wanted.needs(Scene::Leave) && !wanted.needs(Scene::Invite))
}

/// Whether the peer must invite us. We leave that chat: if its user is to leave the other one, we cannot.
pub(crate) fn needs_invitation(wanted: &Selection) -> bool {
    wanted.needs(Scene::Invite) || (wanted.needs(Scene::Leave) && wanted.needs(Scene::Quit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_is_asked_for_no_more_than_is_needed() {
        use Favour::{Accept, Decline, Invite, Lines, Quit};
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
            assert_eq!(favours(&Selection::parse(only).unwrap()), expected, "{only:?}");
        }
    }
}
