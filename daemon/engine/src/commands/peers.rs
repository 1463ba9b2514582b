//! How peers speak: what the user has set, what chats showed, and forgetting that.

use std::collections::HashSet;
use std::net::SocketAddr;

use simp_control::{FailureKind, Forgotten, Peer, PeerInfo, Reply, Who};
use simp_proto::Dialect;
use simp_store::KnownPeer;

use super::carried::{Carried, denied};
use crate::engine::Engine;
use crate::ongoing::NotedDialect;

/// Most peers in one answer: with all habits and the longest names they fit a frame.
const PEERS_MAX: usize = 200;

/// What is known of how peers speak, by address, from those after `after` on.
pub fn peers(engine: &Engine, after: &str) -> Carried {
    let learned = engine.store.peers(after, PEERS_MAX + 1)?;
    let mut peers: Vec<_> = learned.into_iter().map(|learned| show(engine, learned)).collect();
    let learned = peers.len();
    for (address, dialect) in engine.policy.pins.iter().filter(|(address, _)| address.as_str() > after) {
        // Who has shown something too is there already, and those are in order.
        let is_at = |info: &PeerInfo| info.peer.address.cmp(&address);
        if peers.get(..learned).is_some_and(|learned| learned.binary_search_by(is_at).is_err()) {
            peers.push(PeerInfo { pinned: true, ..info(Peer { user: String::new(), address }, dialect) });
        }
    }
    // As texts, since that is how the store finds those after `after`.
    peers.sort_by(|one, other| one.peer.address.cmp(&other.peer.address));
    let more = peers.len() > PEERS_MAX;
    peers.truncate(PEERS_MAX);
    Ok(Reply::Peers { peers, more })
}

fn show(engine: &Engine, learned: KnownPeer) -> PeerInfo {
    let address = learned.peer.address.parse::<SocketAddr>();
    let pinned = address.ok().and_then(|address| engine.policy.pins.of(address));
    let dialect = pinned.unwrap_or(learned.dialect);
    let seen_ms = Some(learned.seen_ms);
    PeerInfo { seen_ms, pinned: pinned.is_some(), read: learned.read, ..info(learned.peer, dialect) }
}

/// Our user has read what the peer at this address has written, up to this entry.
pub fn read(engine: &mut Engine, address: &str, id: u64) -> Carried {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return denied(FailureKind::Usage, format!("{address}: not an address with a port"));
    };
    if id > engine.store.last_id() {
        return denied(FailureKind::Usage, format!("there is no entry {id} yet"));
    }
    engine.store.set_read(&address.to_string(), id)?;
    Ok(Reply::Done)
}

/// Drops what was learned of how these peers speak. Chats with them go on as they are, and what they know is kept
/// again only together with something new.
pub fn forget_peer(engine: &mut Engine, forgotten: &Forgotten) -> Carried {
    let meant = match forgotten {
        Forgotten::All => None,
        Forgotten::Who(who) => Some((who, Who::parse(who))),
    };
    let addresses = engine.store.forget_peers(|peer| meant.as_ref().is_none_or(|(_, who)| who.is(peer)))?;
    // As a set: there may be thousands, and as many chats.
    let hosts: HashSet<_> =
        addresses.iter().filter_map(|at| at.parse().ok()).map(|at: SocketAddr| at.ip()).collect();
    for ongoing in engine.chats.keeping() {
        // It may have begun with what was known of another port of its host.
        if hosts.contains(&ongoing.place.address().ip()) && ongoing.noted.dialect != NotedDialect::Pinned {
            ongoing.noted.dialect = NotedDialect::Current;
        }
    }
    match meant {
        Some((who, named)) if addresses.is_empty() => nothing_to_forget(engine, who, &named),
        _ => Ok(Reply::Forgotten { peers: addresses.len() as u64 }),
    }
}

fn nothing_to_forget(engine: &Engine, who: &str, named: &Who) -> Carried {
    if engine.policy.pins.are_about(named) {
        let line = format!(
            "{who}: set in simpd.toml, nothing was learned (change [peers] there, then: kill -HUP {})",
            std::process::id()
        );
        return denied(FailureKind::NoSuch, line);
    }
    denied(FailureKind::NoSuch, format!("{who}: nothing is known about this peer (list them: simpctl peers)"))
}

/// What nothing but the dialect is known of.
fn info(peer: Peer, dialect: Dialect) -> PeerInfo {
    let notes = dialect.notes().collect();
    PeerInfo { peer, dialect: dialect.to_string(), notes, seen_ms: None, pinned: false, read: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::frame;
    use simp_proto::Habit;

    #[test]
    fn the_longest_answer_fits_a_frame() {
        let peer = Peer { user: "x".repeat(32), address: "x".repeat(64) };
        let mut dialect: Dialect = "cuts-at=500".parse().unwrap();
        Habit::ALL.iter().for_each(|(habit, _)| dialect.set(*habit, true));
        let (seen_ms, read) = (Some(u64::MAX), Some(u64::MAX));
        let peers = vec![PeerInfo { seen_ms, read, ..info(peer, dialect) }; PEERS_MAX];
        frame::encode(&Reply::Peers { peers, more: true }, &mut Vec::new()).unwrap();
    }
}
