//! The keys of peers, as clients ask for them.

use simp_control::{FEATURES, FailureKind, KeyId, KnownKey, Reply, Request, TrustedKey, VERSION};

use simp_engine::{Policy, Secrecy};

use super::{Host, ask_me};
use crate::driver;

fn key(n: u8) -> KeyId {
    KeyId::new([n; 32])
}

impl Host {
    fn trust(&mut self, keys: &[(&str, KeyId)]) -> Result<(), String> {
        let keys = keys.iter().map(|(who, key)| TrustedKey { who: (*who).to_owned(), key: *key }).collect();
        match self.ask(Request::TrustKeys { keys }) {
            Ok(reply) => {
                assert_eq!(reply, Reply::Done);
                Ok(())
            }
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Usage);
                Err(failure.line)
            }
        }
    }

    fn known(&mut self, after: &str) -> Vec<KnownKey> {
        match self.ask(Request::Keys { after: after.to_owned() }).unwrap() {
            Reply::Keys { keys, more: false } => keys,
            other => panic!("{other:?}"),
        }
    }

    fn owners(&mut self) -> Vec<String> {
        self.known("").into_iter().map(|known| known.who).collect()
    }

    /// How many.
    fn forget(&mut self, who: &str) -> Result<u64, String> {
        match self.ask(Request::ForgetKey { who: who.to_owned() }) {
            Ok(Reply::ForgottenKeys { keys }) => Ok(keys),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::NoSuch);
                Err(failure.line)
            }
        }
    }
}

#[test]
fn a_client_is_told_what_the_daemon_is_known_by() {
    let mut host = Host::new(1);
    let told = |host: &mut Host| match host.ask(Request::Hello { version: VERSION }).unwrap() {
        Reply::Hello { key, features, .. } => {
            assert_eq!(features, FEATURES);
            (key, host.status().key)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&mut host), (None, None), "they are off");
    host.driver.inputs.policy = Some(Policy { secrecy: Secrecy::Prefer, ..ask_me(1) });
    host.turn();
    let key = Some(driver::key_of(super::peer(1)));
    assert_eq!(told(&mut host), (key, key));
}

#[test]
fn keys_are_trusted_all_or_none_and_listed_in_order() {
    let mut host = Host::new(1);
    host.now = 1_000;
    host.trust(&[("bob", key(2)), ("127.0.0.3:9", key(3)), ("127.0.0.2", key(2))]).unwrap();
    assert_eq!(host.owners(), ["127.0.0.2:7777", "127.0.0.3:9", "bob"]);
    let (user, seen_ms) = (String::new(), host.moment().ms);
    let bob = KnownKey { who: "bob".to_owned(), key: key(2), user, seen_ms, trusted: true };
    assert_eq!(host.known("127.0.0.3:9"), [bob]);
    for (who, line) in [
        ("0.0.0.0", "0.0.0.0:7777: not the address of one host"),
        ("b\u{200b}b", "b\u{200b}b: a user name cannot contain the character U+200B"),
        ("bob@127.0.0.2", "bob@127.0.0.2: a key is that of an address or of a name, not of both at once"),
        (
            "fe80::1",
            "fe80::1: a link-local address needs its interface, such as fe80::1%eth0 (list them: ip link)",
        ),
    ] {
        assert_eq!(host.trust(&[("cid", key(4)), (who, key(4))]), Err(line.to_owned()));
    }
    assert_eq!(host.owners().len(), 3, "none of them");
    let mut host = host.restarted(1);
    host.trust(&[("127.0.0.2:7777", key(9))]).unwrap();
    assert_eq!(host.known("").remove(0).key, key(9), "instead of the one before");
}

#[test]
fn keys_are_forgotten_by_whose_they_are_and_by_what_they_are() {
    let mut host = Host::new(1);
    let all = [
        ("bob", key(2)),
        ("127.0.0.2:7777", key(2)),
        ("127.0.0.2:9", key(3)),
        ("127.0.0.3:7777", key(4)),
        ("ann", key(4)),
    ];
    for (who, left) in [
        ("bob", &["127.0.0.2:7777", "127.0.0.2:9", "127.0.0.3:7777", "ann"][..]),
        ("127.0.0.2", &["127.0.0.3:7777", "ann", "bob"]),
        ("127.0.0.2:9", &["127.0.0.2:7777", "127.0.0.3:7777", "ann", "bob"]),
        (&key(4).to_string(), &["127.0.0.2:7777", "127.0.0.2:9", "bob"]),
    ] {
        host.trust(&all).unwrap();
        assert_eq!(host.forget(who), Ok(5 - left.len() as u64));
        assert_eq!(host.owners(), left, "{who}");
    }
    host.trust(&all).unwrap();
    for who in ["cid", "127.0.0.9", "", &key(9).to_string()] {
        assert_eq!(host.forget(who), Err(format!("{who}: no key is known (list them: simpctl keys)")));
    }
}
