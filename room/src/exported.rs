//! Accounts as a room gives them out and takes them in again: a header, then an account per line, as JSON. There are hashes in
//! it, and no passwords.

use argon2::Algorithm;
use argon2::password_hash::PasswordHash;
use simp_control::KeyId;

use crate::cluster::AccountRecord;

/// The first line.
pub const HEADER: &str = r#"{"simp-room":"accounts","version":1}"#;

/// The line of an account.
pub fn line(account: &AccountRecord) -> String {
    serde_json::to_string(account).unwrap_or_default()
}

/// The accounts in a text that a room has given out, or which line of it is none; `None` for any other text.
pub fn read(text: &str) -> Option<Result<Vec<AccountRecord>, String>> {
    let mut lines = text.lines().zip(1_u64..);
    lines.next().filter(|(first, _)| first.trim() == HEADER)?;
    let account = |(line, number): (&str, u64)| {
        let wrong = |what: &str| format!("line {number}: {what}");
        let account: AccountRecord = serde_json::from_str(line)
            .map_err(|_| wrong("no account (give the file as simp-room users export wrote it)"))?;
        match account.hash.parse::<KeyId>().is_ok() || is_hash(&account.hash) {
            true => Ok(account),
            false => Err(wrong("neither an Argon2id hash nor a key")),
        }
    };
    Some(lines.filter(|(line, _)| !line.trim().is_empty()).map(account).collect())
}

fn is_hash(hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| hash.algorithm == Algorithm::Argon2id.ident() && hash.hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashing::{Memory, hash};

    #[test]
    fn what_is_given_out_is_taken_in_again_and_nothing_else() {
        let account =
            |name: &str, hash: String| AccountRecord { name: name.to_owned(), hash, since_ms: 1_000 };
        let key = format!("SHA256:{}", "A".repeat(43));
        let accounts = [account("Ann B.", hash("secret", &mut Memory::new()).unwrap()), account("bob", key)];
        let text =
            [HEADER.to_owned()].into_iter().chain(accounts.iter().map(line)).collect::<Vec<_>>().join("\n");
        assert_eq!(read(&text), Some(Ok(accounts.to_vec())));
        assert_eq!(read("{\"ann\": \"secret\"}"), None);
        for (line, why) in [
            ("x", "line 2: no account (give the file as simp-room users export wrote it)"),
            (r#"{"name":"ann","hash":"secret","since_ms":1}"#, "line 2: neither an Argon2id hash nor a key"),
        ] {
            assert_eq!(read(&format!("{HEADER}\n{line}")), Some(Err(why.to_owned())));
        }
    }
}
