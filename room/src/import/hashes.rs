//! What is a hash, and was never typed by anybody: taken for a password it would open the account to whoever has read the
//! file. Rather a password too many than a hash too few: an account can be added by itself.

/// What is said of one, with the remedy.
pub const HASHED: &str = "a hash of the password, not the password (leave the account out: its user chooses a password in \
     the room; or give it one with simp-room users add)";

/// Hexadecimal digits of a digest: of 128, 160, 192, 224, 256, 384 and 512 bits.
const HEX: [usize; 7] = [32, 40, 48, 56, 64, 96, 128];

/// Characters of the same in Base64, with the `=` at its end.
const BASE64: [usize; 6] = [24, 28, 40, 44, 64, 88];

/// Whole bytes in Base64 without them; as short as the first three somebody's password may be too.
const BARE_BASE64: [usize; 6] = [22, 27, 38, 43, 64, 86];

/// How what names its algorithm begins: `pbkdf2_sha256$600000$...`, `scrypt:32768:8:1$...`, `md55f4dcc3b...`.
const ALGORITHMS: [&str; 9] =
    ["md5", "sha", "ssha", "pbkdf2", "scrypt", "bcrypt", "argon2", "scram", "phpass"];

/// So much follows at least after the name of the algorithm.
const REST: usize = 16;

/// Whether it looks like one.
pub fn is_hash(password: &str) -> bool {
    is_modular(password)
        || is_scheme(password)
        || is_named(password)
        || is_base64(password)
        || has_hex(password)
}

/// `$2b$12$...`, `$argon2id$v=19$...`: what crypt(3) and its like write. `_J9..`: the same, long ago.
fn is_modular(password: &str) -> bool {
    let is_id = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let modular = password.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    let is_bsdi = password.len() == 20 && password.starts_with('_') && password.chars().skip(1).all(is_crypt);
    is_bsdi || modular.is_some_and(|(id, rest)| is_id(id) && rest.len() >= REST / 2)
}

fn is_crypt(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '/')
}

/// `{SSHA}...`: what LDAP and mail servers write, also before passwords that are none.
fn is_scheme(password: &str) -> bool {
    let scheme = password.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    scheme
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && scheme.chars().all(is_scheme) && !rest.is_empty())
}

fn is_named(password: &str) -> bool {
    let password = password.to_ascii_lowercase();
    let rest = ALGORITHMS.iter().find_map(|name| password.strip_prefix(name));
    rest.is_some_and(|rest| {
        let is_one_word = !rest.contains(char::is_whitespace);
        is_one_word && rest.len() >= REST && rest.contains(['$', ':', '='])
    })
}

/// A digest in Base64, of either alphabet.
fn is_base64(password: &str) -> bool {
    let bare = password.trim_end_matches('=');
    let padding = password.len() - bare.len();
    if !bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')) || padding > 2 {
        return false;
    }
    let has = |is: fn(&char) -> bool| bare.chars().any(|c| is(&c));
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    let is_long = BARE_BASE64.iter().skip(3).any(|length| *length == bare.len());
    match padding {
        0 if is_long => is_mixed,
        0 => BARE_BASE64.contains(&bare.len()) && is_mixed && bare.contains(['+', '/']),
        _ => BASE64.contains(&password.len()),
    }
}

/// Hexadecimal digits, perhaps with a salt, an algorithm, or a mark of a database before or after them.
fn has_hex(password: &str) -> bool {
    let is_hex = |part: &str| {
        let part = part.strip_prefix("0x").or(part.strip_prefix("\\x")).unwrap_or(part);
        let part = part.strip_prefix("md5").unwrap_or(part);
        HEX.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let in_pairs: String = password.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    is_hex(&in_pairs) || password.split([':', '$', '*', '|', ';', ',', '.', '@', ' ']).any(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_every_kind_are_known() {
        let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
        for hash in [
            sha256,
            &sha256.to_uppercase(),
            md5,
            "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
            "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
            &"0a".repeat(28),
            &"0a".repeat(48),
            &"0a".repeat(64),
            &format!("0x{sha256}"),
            &format!("md5{md5}"),
            &format!("{md5}:salt"),
            &format!("salt${sha256}"),
            &format!("sha256:{sha256}"),
            "5f:4d:cc:3b:5a:a7:65:d6:1d:83:27:de:b8:82:cf:99",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
            "$y$j9T$salt$hashhashhash",
            "$apr1$salt$Xxd1irWT9ycqoYxGFn4cb.",
            "_J9..K0AyUubDrfOgO4s",
            "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "{PBKDF2-SHA512}10000$salt$hash",
            "{plain}secret",
            "pbkdf2_sha256$600000$salt$Xg3h0hQ4O7mQpDJC2mCJ1TVKbLkWv0x2nGZJ1mTqXh0=",
            "pbkdf2:sha256:600000$salt$0123456789abcdef",
            "scrypt:32768:8:1$salt$0123456789abcdef",
            "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
            "X03MO1qnZdYdgyfeuILPmQ==",
            "W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
            "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
        ] {
            assert!(is_hash(hash), "{hash}");
        }
    }

    #[test]
    fn what_people_type_is_no_hash() {
        for password in [
            "letmein",
            "secret",
            "open sesame",
            "correct horse battery staple",
            "123456789012",
            "deadbeef",
            "$ecret$",
            "$a$b",
            "{hello}",
            "a=b",
            "md5 is broken",
            "shave:and:haircut",
            "sha256",
            "pass:word",
            "Tr0ub4dor&3",
            "kX9vQ2mZr7LpW4tYbN8c",
            "Abcdefghij1234567890zz",
            "correcthorsebatterystaplecorrecthorsebattery",
            "123e4567-e89b-12d3-a456-426614174000",
            "za\u{17c}\u{f3}\u{142}\u{107}",
            "",
        ] {
            assert!(!is_hash(password), "{password}");
        }
    }
}
