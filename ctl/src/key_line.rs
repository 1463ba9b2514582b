//! A key as a line of a file: whose it is, and the key.

use simp_control::{KeyId, KeyOwner};

/// What stands around a name that would be read as something else.
const QUOTE: char = '"';

/// The line for a key.
pub(crate) fn key_line(who: &str, key: KeyId) -> String {
    // A line that begins with # is a comment.
    match who.starts_with(['#', QUOTE]) {
        true => format!("{QUOTE}{who}{QUOTE} {key}"),
        false => format!("{who} {key}"),
    }
}

/// Whose key a line is, and which.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_key_line(line: &str) -> Result<(String, KeyId), String> {
    let Some((who, key)) = line.rsplit_once(char::is_whitespace) else {
        return Err("expected whose key it is, and the key (10.0.0.2:7777 SHA256:...)".to_owned());
    };
    // A name may have spaces and quotation marks in it: the key has neither.
    let who = who.trim_end();
    let inner = match who.strip_prefix(QUOTE) {
        Some(quoted) => quoted.strip_suffix(QUOTE).ok_or("a quotation mark is missing after the name")?,
        None => who,
    };
    let owner = KeyOwner::read(inner).map_err(|error| error.to_string())?;
    Ok((owner.to_string(), key.parse().map_err(|error| format!("{key}: {error}"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_whoever_it_is() {
        let key = KeyId::new([7; 32]);
        for who in ["127.0.0.2:7777", "[::1]:1", "bob", "Ann Lee", "#1", "\"", "\"a\" b", "# a \"", "a\""] {
            assert_eq!(read_key_line(&key_line(who, key)), Ok((who.to_owned(), key)));
        }
    }
}
