//! What a daemon is known by.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64Unpadded, Encoding as _};
use serde::{Deserialize, Serialize};

/// Bytes of a SHA-256.
const LEN: usize = 32;

/// The name of a daemon's key, which is the daemon's identity: the SHA-256 of its public key as SubjectPublicKeyInfo
/// (RFC 8410). Written as `SHA256:` and 43 digits of base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId([u8; LEN]);

/// Why a text is not the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is SHA256: and 43 characters (see: simpctl key)")]
pub struct KeyIdError;

impl KeyId {
    /// What stands before the digits, as ssh has it.
    pub const PREFIX: &str = "SHA256:";

    /// Of a key with this SHA-256.
    pub fn new(digest: [u8; LEN]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KeyId::PREFIX)?;
        f.write_str(&Base64Unpadded::encode_string(&self.0))
    }
}

/// As it is written: its bytes say nothing to anybody.
impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.strip_prefix(KeyId::PREFIX).ok_or(KeyIdError)?;
        let mut digest = [0; LEN];
        match Base64Unpadded::decode(digits, &mut digest) {
            Ok(read) if read.len() == LEN => Ok(Self(digest)),
            _ => Err(KeyIdError),
        }
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, KeyIdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(key: KeyId) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_is_written_and_nothing_else_is_one() {
        let key = KeyId::new(std::array::from_fn(|at| at as u8 * 7));
        let text = key.to_string();
        assert_eq!(text, "SHA256:AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk");
        assert_eq!(text.parse(), Ok(key));
        let digits = text.strip_prefix(KeyId::PREFIX).unwrap();
        for bad in [
            "",
            "SHA256:",
            digits,
            &text[..text.len() - 1],
            &format!("{text}="),
            &format!("{text}A"),
            "SHA256:é",
        ] {
            assert_eq!(bad.parse::<KeyId>(), Err(KeyIdError), "{bad}");
        }
        // The last digit has two bits too many: only one of four is right.
        assert_eq!(text.replace("tk", "tl").parse::<KeyId>(), Err(KeyIdError));
    }
}
