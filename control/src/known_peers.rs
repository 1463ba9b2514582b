//! Peers that are known by a name: where they are, if it is clear who is meant. A peer chooses its name, so a key that our
//! user trusts for the name counts before it.

use simp_values::{KeyId, State};

use crate::client::Client;
use crate::error::{Outcome, fail};
use crate::escape;
use crate::failure::FailureKind;
use crate::values::{ChatInfo, KnownKey, PeerInfo};
use crate::who::Who;

/// So many addresses are named if a name means several peers.
const SHOWN_MAX: usize = 5;

/// Somebody of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    address: String,
    key: Option<KeyId>,
    seen_ms: u64,
}

/// Where the peer is that is known by this name; `None` if nobody is.
///
/// # Errors
/// `no_such` if several peers are, with their addresses.
pub(crate) fn address(client: &mut Client, name: &str) -> Outcome<Option<String>> {
    // Peers without a name are not one peer.
    if name.trim().is_empty() {
        return Ok(None);
    }
    let keys = if client.can("keys")? { client.keys()? } else { Vec::new() };
    let mut addresses = addresses(name, &client.chats()?, &client.peers()?, &keys);
    if addresses.len() < 2 {
        return Ok(addresses.pop());
    }
    let more = addresses.len().saturating_sub(SHOWN_MAX);
    let shown = addresses.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let name = escape::shown(name);
    let line = format!("{name}: several peers are called so: {shown}{more} (give the address of one)");
    Err(fail(FailureKind::NoSuch, line))
}

/// The addresses of all who are called so, one for each of them, in their order as texts.
fn addresses(name: &str, chats: &[ChatInfo], peers: &[PeerInfo], keys: &[KnownKey]) -> Vec<String> {
    let mut all: Vec<Known> = Vec::new();
    let mut add = |known: Known| match all.iter_mut().find(|other| other.is_who(&known)) {
        // Somebody with a key who was at several addresses is where it was last.
        Some(other) if other.seen_ms < known.seen_ms => *other = known,
        Some(_) => (),
        None => all.push(known),
    };
    for known in keys.iter().filter(|known| known.user == name && is_address(&known.who)) {
        add(Known { address: known.who.clone(), key: Some(known.key), seen_ms: known.seen_ms });
    }
    // Whoever only asks for a chat is nobody that is known.
    let is_ours = |chat: &&ChatInfo| chat.peer.user == name && chat.state != State::Invited;
    for chat in chats.iter().filter(is_ours) {
        let key = chat.secure.map(|secure| secure.key).or(key_at(keys, &chat.peer.address));
        add(Known { address: chat.peer.address.clone(), key, seen_ms: chat.since_ms });
    }
    for PeerInfo { peer, seen_ms, .. } in peers.iter().filter(|known| known.peer.user == name) {
        let key = key_at(keys, &peer.address);
        add(Known { address: peer.address.clone(), key, seen_ms: seen_ms.unwrap_or_default() });
    }
    if let Some(trusted) = keys.iter().find(|known| known.trusted && known.who == name) {
        all.retain(|known| known.key == Some(trusted.key));
    }
    let mut addresses: Vec<String> = all.into_iter().map(|known| known.address).collect();
    addresses.sort();
    addresses
}

impl Known {
    /// Whether both are the same peer: a key is, wherever it comes from.
    fn is_who(&self, other: &Self) -> bool {
        self.address == other.address || (self.key.is_some() && self.key == other.key)
    }
}

fn is_address(who: &str) -> bool {
    matches!(Who::parse(who), Who::Address(_))
}

fn key_at(keys: &[KnownKey], address: &str) -> Option<KeyId> {
    keys.iter().find(|known| known.who == address).map(|known| known.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Peer, Secure};

    fn key(n: u8) -> KeyId {
        KeyId::new([n; 32])
    }

    fn known_key(who: &str, n: u8, user: &str, seen_ms: u64) -> KnownKey {
        KnownKey { who: who.into(), key: key(n), user: user.into(), seen_ms, trusted: user.is_empty() }
    }

    fn peer(user: &str, address: &str) -> PeerInfo {
        PeerInfo {
            peer: Peer { user: user.into(), address: address.into() },
            dialect: String::new(),
            notes: Vec::new(),
            seen_ms: Some(1),
            pinned: false,
            read: None,
        }
    }

    fn chat(address: &str, state: State, secure: Option<u8>) -> ChatInfo {
        ChatInfo {
            chat: 1,
            peer: Peer { user: "bob".into(), address: address.into() },
            state,
            queued: 0,
            since_ms: 9,
            note: None,
            ends_ms: None,
            secure: secure.map(|n| Secure { key: key(n), known: true }),
        }
    }

    #[test]
    fn a_name_means_each_peer_once_and_one_with_a_key_where_it_was_last() {
        let (first, second) = ("127.0.0.2:7777", "127.0.0.3:7777");
        let nobody: [&str; 0] = [];
        assert_eq!(addresses("bob", &[], &[peer("carol", first)], &[]), nobody);
        assert_eq!(addresses("bob", &[], &[peer("bob", first)], &[]), [first]);
        assert_eq!(addresses("bob", &[], &[peer("bob", second), peer("bob", first)], &[]), [first, second]);
        let moved = [known_key(first, 1, "bob", 5), known_key(second, 1, "bob", 7)];
        assert_eq!(addresses("bob", &[], &[peer("bob", first), peer("bob", second)], &moved), [second]);
        let others = [known_key(first, 1, "bob", 5), known_key(second, 2, "bob", 7)];
        assert_eq!(addresses("bob", &[], &[], &others), [first, second]);
        // Of those the one whose key is trusted is meant.
        let trusted = [&others[..], &[known_key("bob", 2, "", 0)]].concat();
        assert_eq!(addresses("bob", &[], &[peer("bob", "127.0.0.9:7777")], &trusted), [second]);
        assert_eq!(addresses("bob", &[], &[peer("bob", "127.0.0.9:7777")], &trusted[2..]), nobody);
    }

    #[test]
    fn a_request_makes_nobody_known_and_a_chat_does() {
        let at = "127.0.0.2:7777";
        assert!(addresses("bob", &[chat(at, State::Invited, None)], &[], &[]).is_empty());
        assert_eq!(addresses("bob", &[chat(at, State::Open, None)], &[peer("bob", at)], &[]), [at]);
        let elsewhere = [known_key("127.0.0.3:7777", 1, "bob", 5)];
        assert_eq!(addresses("bob", &[chat(at, State::Open, Some(1))], &[], &elsewhere), [at]);
    }
}
