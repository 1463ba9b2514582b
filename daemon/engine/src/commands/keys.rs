//! The keys of peers: those that are known, holding peers to some, and forgetting them.

use simp_control::{
    AddressError, FailureKind, Host, KeyId, KeyOwner, KnownKey, Peer, Reply, TrustedKey, Who,
};

use super::carried::{Carried, denied};
use crate::engine::Engine;
use crate::now::Now;

/// Most keys in one answer: with the longest names they take about a third of a frame.
const KEYS_MAX: usize = 1_000;

/// The keys that are known, by whose they are, from those after `after` on.
pub fn keys(engine: &Engine, after: &str) -> Carried {
    let mut keys = engine.store.keys(after, KEYS_MAX + 1)?;
    let more = keys.len() > KEYS_MAX;
    keys.truncate(KEYS_MAX);
    Ok(Reply::Keys { keys, more })
}

/// Holds peers to these keys from now on.
pub fn trust_keys(engine: &mut Engine, now: Now, keys: &[TrustedKey]) -> Carried {
    let keys: Vec<_> = keys.iter().map(|trusted| owned(engine, trusted)).collect::<Carried<_>>()?;
    engine.store.trust_keys(now.ms, &keys)?;
    Ok(Reply::Done)
}

fn owned(engine: &Engine, trusted: &TrustedKey) -> Carried<(KeyOwner, KeyId)> {
    let owner = match KeyOwner::read(&trusted.who) {
        // As in an invitation.
        Ok(KeyOwner::Address(address)) => {
            let host = Host::of(address).by_interface_of(engine.address);
            if host.lacks_interface() {
                let error = AddressError::LacksInterface(host.ip());
                return denied(FailureKind::Usage, format!("{}: {error}", trusted.who));
            }
            KeyOwner::Address(host.with_port(address.port()))
        }
        Ok(owner) => owner,
        Err(error) => return denied(FailureKind::Usage, error.to_string()),
    };
    Ok((owner, trusted.key))
}

/// Forgets the keys that are meant, so that whoever comes next may have another.
pub fn forget_key(engine: &mut Engine, who: &str) -> Carried {
    let forgotten = match who.parse::<KeyId>() {
        Ok(key) => engine.store.forget_keys(|known| known.key == key)?,
        Err(_) => {
            let named = Who::parse(who);
            engine.store.forget_keys(|known| is_meant(&named, known))?
        }
    };
    if forgotten == 0 {
        return denied(FailureKind::NoSuch, format!("{who}: no key is known (list them: simpctl keys)"));
    }
    Ok(Reply::ForgottenKeys { keys: forgotten })
}

fn is_meant(who: &Who, known: &KnownKey) -> bool {
    let is_named = matches!(who, Who::User(name) if *name == known.who);
    is_named || who.is(&Peer { user: known.user.clone(), address: known.who.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::frame;

    #[test]
    fn the_longest_answer_fits_a_frame() {
        let (who, user) = ("x".repeat(64), "x".repeat(128));
        let known = KnownKey { who, key: KeyId::new([7; 32]), user, seen_ms: u64::MAX, trusted: true };
        let keys = vec![known; KEYS_MAX];
        frame::encode(&Reply::Keys { keys, more: true }, &mut Vec::new()).unwrap();
    }
}
