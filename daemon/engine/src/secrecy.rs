//! What our side of secure chats needs: what peers are told of us, names for chats, and who did not answer securely.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_proto::secure::{ChatId, KeyId, Me};
use simp_store::Store;

use crate::policy::Policy;

/// Whoever did not answer securely is not tried so again for this long. Not for ever: whoever drops an attempt on the way
/// must not fix that for good.
const PLAIN_FOR: Duration = Duration::from_secs(600);

/// Of so many that is known, at most: then of none.
const PLAIN_MAX: usize = 4_096;

/// What our side of secure chats needs.
#[derive(Debug)]
pub struct Secrecy {
    me: Arc<Me>,
    /// Those that did not answer securely, and until when they are not tried.
    plain: HashMap<SocketAddr, Instant>,
    /// Names of chats: any number, and no two alike.
    random: u64,
    /// Why there can be no channels in this run.
    no_channels: Option<String>,
}

/// What peers are told of us.
pub fn introduction(key: KeyId, policy: &Policy, store: &Store) -> Me {
    let (user, log) = (policy.name.to_string(), store.log_id().to_string());
    Me { key, user, log, text_max: policy.text_max as u64, settings: policy.us.settings }
}

impl Secrecy {
    /// We are known so. `random`: any number.
    pub fn new(me: Me, random: u64) -> Self {
        Self { me: Arc::new(me), plain: HashMap::new(), random, no_channels: None }
    }

    /// What we say of ourselves.
    pub fn me(&self) -> Arc<Me> {
        Arc::clone(&self.me)
    }

    /// New chats are told this of us.
    pub fn introduce(&mut self, me: Me) {
        self.me = Arc::new(me);
    }

    /// There can be no channels in this run, and why.
    pub fn do_without_channels(&mut self, why: String) {
        self.no_channels = Some(why);
    }

    /// Why there can be no channels.
    pub fn no_channels(&self) -> Option<&str> {
        self.no_channels.as_deref()
    }

    /// Whether whoever is there did not answer securely a while ago.
    pub fn is_plain(&self, now: Instant, address: SocketAddr) -> bool {
        self.plain.get(&address).is_some_and(|until| *until > now)
    }

    /// Nobody has answered securely there.
    pub fn note_plain(&mut self, now: Instant, address: SocketAddr) {
        if self.plain.len() >= PLAIN_MAX {
            self.plain.clear();
        }
        self.plain.insert(address, now + PLAIN_FOR);
    }

    /// Nobody has answered there in any way: whoever comes next may be secure.
    pub fn forget_plain(&mut self, address: SocketAddr) {
        self.plain.remove(&address);
    }

    /// The name of a new chat.
    pub fn name(&mut self) -> ChatId {
        // SplitMix64: as good as chance for a name that only has to differ.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut name = self.random;
        name = (name ^ (name >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        name = (name ^ (name >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ChatId(name ^ (name >> 31))
    }
}
