//! What is a hash, and was never typed by anybody: taken for a password it would open the account to whoever has read the
//! file. Rather a password too many than a hash too few: an account can be added by itself, and an operator who knows better
//! can say so.
//!
//! Three things tell: what the value looks like (`shapes`, and the marks of programs here), what stands beside it in its
//! account, and what the other values look like.

#[cfg(test)]
mod tests;

use super::algorithms::is_algorithm;
use super::found::Found;
use super::shapes::{Crypt, has_digest};

/// What is said of one, with the remedy.
pub const HASHED: &str = "a hash of the password, not the password (leave the account out: its user chooses a password in \
     the room; or give it one with simp-room users add)";

/// What is said of what looks like one, and may be none.
const LOOKS_HASHED: &str = "looks like a hash of the password, not the password (leave the account out: its user chooses a \
     password in the room; or give it one with simp-room users add; if all in the file are passwords: \
     --these-are-passwords)";

/// What is said of what stands for no password.
const LOCKED: &str = "no password, but the mark of an account without one (leave the account out: its user chooses a \
     password in the room; or give it one with simp-room users add)";

/// What systems and databases write in place of a password.
const MARKS: [&str; 8] = ["x", "-", "NP", "NULL", "null", "(null)", "\\N", "None"];

/// So much follows at least after the name of an algorithm.
const REST: usize = 16;

/// So many values like those of crypt(3) are none by chance.
const CRYPTS_MIN: usize = 3;

/// What all values of a file say of each.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// What may be of crypt(3) is.
    are_crypts: bool,
}

impl Looks {
    /// Of all in a file.
    pub fn of(all: &[Found]) -> Self {
        let looks: Vec<_> = all.iter().map(|found| crypt(&found.password)).collect();
        let count = |look: Crypt| looks.iter().filter(|found| **found == look).count();
        // A quarter of the passwords that are made at random in this length may be one. If all may that are so long, it is
        // no coincidence if they are several, or all that there is.
        let likely = count(Crypt::Like) + count(Crypt::Surely);
        let are_crypts = count(Crypt::Long) == 0 && (likely >= CRYPTS_MIN || likely == all.len());
        Self { are_crypts }
    }

    /// Why a value is no password; `None` if it may be one.
    pub fn refuse(&self, found: &Found) -> Option<String> {
        let password = found.password.as_str();
        if is_mark(password) {
            return Some(LOCKED.to_owned());
        }
        let is_crypt = match crypt(password) {
            Crypt::Surely => true,
            Crypt::Like => self.are_crypts,
            Crypt::Long | Crypt::No => false,
        };
        match &found.beside {
            Some(beside) => Some(format!("with '{beside}' beside it, it {LOOKS_HASHED}")),
            None => (is_crypt || is_hash(password)).then(|| LOOKS_HASHED.to_owned()),
        }
    }
}

/// Whether it looks like one by itself.
pub fn is_hash(password: &str) -> bool {
    is_modular(password) || is_scheme(password) || is_named(password) || has_digest(password)
}

/// What a value may be of crypt(3), perhaps with the mark of a locked account before it, or its name.
fn crypt(password: &str) -> Crypt {
    let bare = password.trim_matches(['"', '\'', '!', '*', ' ']);
    Crypt::of(bare.rsplit([':', '$', '=']).next().unwrap_or(bare))
}

/// What stands for no password.
fn is_mark(password: &str) -> bool {
    let is_lock = |c: char| matches!(c, '!' | '*');
    let within = password.trim_matches(is_lock);
    // `*LK*`; and what is drawn at random for accounts that have none.
    let is_word = within.chars().all(|c| c.is_ascii_uppercase())
        && password.starts_with('*')
        && password.ends_with('*');
    let is_drawn = within.len() >= REST * 2 && within.chars().all(|c| c.is_ascii_alphanumeric());
    let is_marked = password.starts_with(is_lock) && (within.is_empty() || is_word || is_drawn);
    is_marked || MARKS.contains(&password)
}

/// `$2b$12$...`, `$argon2id$v=19$...`: what crypt(3) and its like write, perhaps after the mark of a locked account, or
/// without the first `$`. `_J9..`: the same, long ago.
fn is_modular(password: &str) -> bool {
    let bare = password.trim_matches(['"', '\'', '`', ' ']);
    let bare = bare.strip_prefix("*LOCKED*").unwrap_or(bare).trim_start_matches(['!', '*']);
    let is_id = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '+' | '=' | '-' | '_');
    let is_bsdi = bare.len() == 20 && bare.starts_with('_') && bare.chars().all(is_letter);
    let modular = bare.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    let is_modular = modular.is_some_and(|(id, rest)| is_id(id) && rest.len() >= REST / 2);
    let cut = bare
        .rsplit_once('$')
        .filter(|(start, _)| start.contains('$') && start.starts_with(|c: char| c.is_ascii_alphanumeric()));
    is_bsdi || is_modular || cut.is_some_and(|(_, last)| last.len() >= REST && last.chars().all(is_letter))
}

/// `{SSHA}...`: what LDAP and mail servers write, also before passwords that are none.
fn is_scheme(password: &str) -> bool {
    let scheme = password.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    scheme
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && scheme.chars().all(is_scheme) && !rest.is_empty())
}

/// `pbkdf2_sha256$600000$...`, `scrypt:32768:8:1$...`, `grub.pbkdf2.sha512.10000...`: an algorithm is named, and much follows.
fn is_named(password: &str) -> bool {
    let password = password.to_ascii_lowercase();
    if password.contains(char::is_whitespace) {
        return false;
    }
    let is_end = |c: char| matches!(c, '$' | ':' | '=' | '(' | '{' | '}' | ',' | '.');
    let mut rest = password.as_str();
    while let Some((word, after)) = rest.split_once(is_end) {
        if is_algorithm(word) && after.len() >= REST {
            return true;
        }
        rest = after;
    }
    false
}
