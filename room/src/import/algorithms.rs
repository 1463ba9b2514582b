//! How the algorithms are called that hashes are made with.

/// What the names of algorithms are made of, with numbers.
const ALGORITHMS: [&str; 10] =
    ["ssha", "sha", "md5", "pbkdf", "scrypt", "bcrypt", "argon", "scram", "phpass", "hmac"];

/// Whether a title or a word names one: `sha256`, `PBKDF2-SHA512`, `argon2id`.
pub fn is_algorithm(word: &str) -> bool {
    let letters = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    let mut rest = letters.as_str();
    let mut has_name = false;
    while !rest.is_empty() {
        let named = ALGORITHMS.iter().find_map(|name| rest.strip_prefix(name));
        has_name |= named.is_some();
        let other = || rest.strip_prefix("crypt").or_else(|| rest.strip_prefix("id"));
        let number = || rest.strip_prefix(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_'));
        let Some(next) = named.or_else(other).or_else(number) else { return false };
        rest = next;
    }
    has_name
}
