//! Random numbers that nobody can guess: by them a browser shows that it is the user's.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use simp_control::FailureKind;
use simp_control::error::{Error, fail};
use subtle::ConstantTimeEq as _;

/// 32 random bytes, written in the letters that need no escape in a URL.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn new() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| {
            fail(FailureKind::Failed, "the system gives no random numbers (is /dev/urandom there?)")
        })?;
        Ok(Self(Base64UrlUnpadded::encode_string(&bytes)))
    }

    /// Whether this is it. It takes as long for one that is nearly right as for any other of the same length.
    pub fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// As it stands in a URL or a cookie.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_of_it_is_it() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        let text = one.to_string();
        assert_eq!(text.len(), 43);
        assert!(
            one.is(&text)
                && !other.is(&text)
                && !one.is("")
                && !one.is(&text[1..])
                && !one.is(&format!("{text}x"))
        );
    }
}
