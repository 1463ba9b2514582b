//! How many bytes may leave for an address that may be forged: as many as came from it, and where somebody has answered,
//! those of one ERR a second and one message in advance (SIMP 5). Whoever is there acknowledges that message, and gets
//! the next one in advance.

use std::time::Instant;

use simp_proto::text::TEXT_MAX;
use simp_proto::{HEADER_LEN, Moment};

/// The longest ERR that strangers get.
const ERR_BYTES: usize = HEADER_LEN + "User already in another chat".len();

/// The longest message.
const ADVANCE: usize = HEADER_LEN + TEXT_MAX;

/// Bytes that may leave.
#[derive(Debug, Clone, Copy)]
pub struct Credit {
    bytes: u32,
    /// Until then it has grown.
    grown: Moment,
}

impl Credit {
    /// Of somebody who invites us, by a datagram of so many bytes. One SYN+ACK or FIN may be lost, and many peers invite
    /// once only: so it gets the bytes of the ERR too that it would get as a stranger.
    pub fn of_invitation(now: Instant, length: usize) -> Self {
        Self { bytes: count(length + ERR_BYTES), grown: now.into() }
    }

    /// So many bytes came.
    pub fn earn(&mut self, length: usize) {
        self.bytes = self.bytes.saturating_add(count(length));
    }

    /// Somebody has answered for the first time: from now on it grows.
    pub fn open(&mut self, now: Instant) {
        self.earn(ADVANCE);
        self.grown = now.into();
    }

    /// What left has arrived, as it seems: there may be as much in advance as before.
    pub fn restore(&mut self) {
        self.bytes = self.bytes.max(count(ADVANCE));
    }

    /// Some time has passed. However long nothing leaves, no more than one message may leave in advance.
    pub fn grow(&mut self, now: Instant) {
        let now = Moment::from(now);
        let ms = u64::try_from(now.since(self.grown).as_millis()).unwrap_or(u64::MAX);
        let by = u32::try_from(ms.saturating_mul(ERR_BYTES as u64) / 1_000).unwrap_or(u32::MAX);
        // Only whole bytes are counted, so that many looks within one of them lose nothing.
        if by > 0 {
            self.bytes = self.bytes.max(self.bytes.saturating_add(by).min(count(ADVANCE)));
            self.grown = now;
        }
    }

    /// Takes so many bytes from it. False if it has not so many: then it stays as it is.
    pub fn spend(&mut self, length: usize) -> bool {
        let left = self.bytes.checked_sub(count(length));
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

/// Of more bytes than can be counted there never are as many.
fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_brings_one_message_in_advance_and_time_one_err_a_second_up_to_that() {
        let start = Instant::now();
        let mut credit = Credit::of_invitation(start, HEADER_LEN);
        assert!(credit.spend(HEADER_LEN) && credit.spend(ERR_BYTES) && !credit.spend(1));
        let opened = start + Duration::from_secs(60);
        credit.open(opened);
        assert!(credit.spend(ADVANCE));
        for ms in 0..=1_000 {
            credit.grow(opened + Duration::from_millis(ms));
        }
        assert!(!credit.spend(ERR_BYTES + 1));
        credit.grow(opened + Duration::from_secs(3_600));
        assert!(credit.spend(ADVANCE) && !credit.spend(1));
        credit.restore();
        credit.restore();
        assert!(credit.spend(ADVANCE) && !credit.spend(1));
    }
}
