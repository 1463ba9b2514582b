//! An account as another chat keeps it, and what such chats call its parts.

use simp_control::escape;

use super::algorithms::is_algorithm;

/// An account in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The line of a table that it is in, the first being 1; `None` in JSON, where the name says as much.
    pub line: Option<u64>,
    /// Whose.
    pub name: String,
    /// As it is typed.
    pub password: String,
    /// What stands beside it, by its title, that only a hash has: a salt, say.
    pub beside: Option<String>,
}

impl Found {
    /// Where it is, for whoever has to mend it.
    pub fn place(&self) -> String {
        let name = escape::name(&self.name);
        self.line.map_or_else(|| name.clone().into(), |line| format!("line {line}: {name}"))
    }
}

/// What the parts of an account are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The name by which its user comes in.
    Login,
    /// A name that may be that one, or what others call it.
    Name,
    /// An address of mail, which is the name where there is no other.
    Mail,
    /// The password.
    Password,
    /// Something that is made of the password.
    Hash,
    /// How something is made of the password.
    Method,
}

impl Part {
    /// The part with this title; `None` for what has nothing to do with who may come in.
    pub fn of(title: &str) -> Option<Self> {
        let is_word = |c: &char| c.is_ascii_alphanumeric();
        let is_made = title.split(|c: char| !c.is_ascii_alphanumeric()).any(is_algorithm);
        let title: String = title.chars().filter(is_word).collect::<String>().to_ascii_lowercase();
        match title.as_str() {
            "user" | "username" | "userid" | "login" | "nick" | "nickname" | "account" => Some(Self::Login),
            "benutzer" | "benutzername" => Some(Self::Login),
            "name" => Some(Self::Name),
            "mail" | "email" | "mailaddress" | "emailaddress" => Some(Self::Mail),
            "passwort" | "kennwort" => Some(Self::Password),
            "password" | "passwd" | "pass" | "passphrase" | "pw" | "pwd" | "secret" => Some(Self::Password),
            "algorithm" | "algo" | "alg" | "iterations" | "rounds" | "kdf" => Some(Self::Method),
            title if title.contains("salt") => Some(Self::Method),
            title if is_made || ["hash", "digest", "crypt"].iter().any(|word| title.contains(word)) => {
                Some(Self::Hash)
            }
            _ => None,
        }
    }

    /// Whether this stands only beside what is made of the password, if it says something.
    pub fn tells_of_a_hash(self, said: &str) -> bool {
        let says_nothing =
            ["", "plain", "plaintext", "cleartext", "clear", "none", "no", "false", "0", "null"];
        let is_plain = says_nothing.iter().any(|word| said.trim().eq_ignore_ascii_case(word));
        matches!(self, Self::Hash | Self::Method) && !is_plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_in_every_way_of_writing_them() {
        for title in ["username", "User Name", "user_name", "LOGIN", "\"nick\"", "Benutzer"] {
            assert_eq!(Part::of(title), Some(Part::Login), "{title}");
        }
        for title in ["password", " Pass-Word ", "PWD", "pass", "Passwort"] {
            assert_eq!(Part::of(title), Some(Part::Password), "{title}");
        }
        for title in ["password_hash", "passwordHash", "hash", "sha256_digest", "bcrypt", "pass_md5", "SHA-1"]
        {
            assert_eq!(Part::of(title), Some(Part::Hash), "{title}");
        }
        for title in ["salt", "password_salt", "Algorithm", "iterations"] {
            assert_eq!(Part::of(title), Some(Part::Method), "{title}");
        }
        for title in ["mail", "E-Mail", "email_address"] {
            assert_eq!(Part::of(title), Some(Part::Mail), "{title}");
        }
        for title in ["", "ann", "full name", "shadow"] {
            assert_eq!(Part::of(title), None, "{title}");
        }
    }
}
