//! Keys, for people.

use std::net::SocketAddr;

use simp_control::clock::age;
use simp_control::{KnownKey, Secure, escape};

use crate::key_line::key_line;

/// How a chat is secure. A key that was known before is the one that it should be, and needs no look.
pub(super) fn secrecy(secure: &Secure) -> String {
    match secure.known {
        true => "secure".to_owned(),
        false => secrecy_with_key(secure),
    }
}

/// The same, with the key in any case.
pub(super) fn secrecy_with_key(secure: &Secure) -> String {
    let how = if secure.known { "known" } else { "new" };
    format!("secure, {how} key {}", secure.key)
}

/// A key as a row of a list.
pub(super) fn key_row(known: &KnownKey, now_ms: u64) -> [String; 5] {
    let user = if known.user.is_empty() { "-".into() } else { escape::name(&known.user) };
    let owner = match known.who.parse::<SocketAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => escape::name(&known.who).into_owned(),
    };
    let trusted = if known.trusted { "trusted" } else { "" };
    let seen = age(now_ms.saturating_sub(known.seen_ms) / 1000);
    [owner, known.key.to_string(), user.into_owned(), seen, trusted.to_owned()]
}

/// A key as a line that can be read again.
pub(super) fn exported(known: &KnownKey) -> String {
    format!("{}\n", key_line(&escape::shown(&known.who), known.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::KeyId;

    #[test]
    fn a_key_is_shown_with_whose_it_is() {
        let key = KeyId::new([7; 32]);
        let known = |who: &str, user: &str, trusted| KnownKey {
            who: who.to_owned(),
            key,
            user: user.to_owned(),
            seen_ms: 0,
            trusted,
        };
        for (known, row) in [
            (known("127.0.0.2:7777", "b\x07b", false), ["127.0.0.2:7777", "\"b\\x07b\"", ""]),
            (known("bob", "", true), ["bob", "-", "trusted"]),
            (known("you", "", true), ["\"you\"", "-", "trusted"]),
        ] {
            let [who, user, trusted] = row.map(str::to_owned);
            assert_eq!(key_row(&known, 61_000), [who, key.to_string(), user, "1m".to_owned(), trusted]);
        }
        assert_eq!(exported(&known("#1", "", true)), format!("\"#1\" {key}\n"));
    }

    #[test]
    fn a_key_that_is_new_is_shown_wherever_its_chat_is_and_a_known_one_in_lists() {
        let key = KeyId::new([7; 32]);
        for (known, brief, full) in [
            (true, "secure".to_owned(), format!("secure, known key {key}")),
            (false, format!("secure, new key {key}"), format!("secure, new key {key}")),
        ] {
            let secure = Secure { key, known };
            assert_eq!((secrecy(&secure), secrecy_with_key(&secure)), (brief, full));
        }
    }
}
