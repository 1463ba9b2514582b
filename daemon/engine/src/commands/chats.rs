//! The chats and requests.

use simp_control::Reply;

use crate::engine::Engine;
use crate::now::Now;

/// Most chats in one answer. The longest take about a tenth of a frame.
const CHATS_MAX: usize = 250;

/// The chats and requests with ids above `after`.
pub fn chats(engine: &Engine, now: Now, after: u64) -> Reply {
    // The client asks again after the last of these, in a later turn: others are served in between.
    let (chats, more) = engine.chats.list(now, after, CHATS_MAX);
    Reply::Chats { chats, more }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{ChatInfo, KeyId, Peer, Secure, State, frame};
    use simp_proto::{Dialect, Habit};

    #[test]
    fn the_longest_list_of_chats_fits_a_frame() {
        let peer = Peer { user: "x".repeat(32), address: "x".repeat(64) };
        let mut dialect: Dialect = "cuts-at=500".parse().unwrap();
        Habit::ALL.iter().for_each(|(habit, _)| dialect.set(*habit, true));
        let note = Some(dialect.notes().collect::<Vec<_>>().join("; "));
        let (state, queued, since_ms, ends_ms) = (State::Accepting, u64::MAX, u64::MAX, Some(u64::MAX));
        let secure = Some(Secure { key: KeyId::new([7; 32]), known: false });
        let chat = ChatInfo { chat: u64::MAX, peer, state, queued, since_ms, note, ends_ms, secure };
        let chats = vec![chat; CHATS_MAX];
        frame::encode(&Reply::Chats { chats, more: true }, &mut Vec::new()).unwrap();
    }
}
