//! Numbers by which simpd knows a message that it is told of twice.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// A number for the `token` of a `send` that no other message has.
pub fn token() -> u64 {
    // The system seeds it, and each one differs from the one before: unique enough, without a crate for it.
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_messages_have_the_same_token() {
        let tokens: std::collections::HashSet<u64> = (0..1000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 1000);
    }
}
