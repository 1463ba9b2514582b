//! An account as another chat keeps it, and what such chats call its parts.

/// An account in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The line of a table that it is in, the first being 1; `None` in JSON, where the name says as much.
    pub line: Option<u64>,
    /// Whose.
    pub name: String,
    /// As it is typed.
    pub password: String,
}

impl Found {
    /// Where it is, for whoever has to mend it.
    pub fn place(&self) -> String {
        self.line.map_or_else(|| self.name.clone(), |line| format!("line {line}: {}", self.name))
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
}

impl Part {
    /// The part with this title; `None` for what has nothing to do with who may come in.
    pub fn of(title: &str) -> Option<Self> {
        let is_word = |c: &char| c.is_ascii_alphanumeric();
        let title: String = title.chars().filter(is_word).collect::<String>().to_ascii_lowercase();
        match title.as_str() {
            "user" | "username" | "userid" | "login" | "nick" | "nickname" | "account" => Some(Self::Login),
            "benutzer" | "benutzername" => Some(Self::Login),
            "name" => Some(Self::Name),
            "mail" | "email" | "mailaddress" | "emailaddress" => Some(Self::Mail),
            "passwort" | "kennwort" => Some(Self::Password),
            "password" | "passwd" | "pass" | "passphrase" | "pw" | "pwd" | "secret" => Some(Self::Password),
            title if ["hash", "digest", "crypt"].iter().any(|word| title.contains(word)) => Some(Self::Hash),
            _ => None,
        }
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
        for title in ["password_hash", "passwordHash", "hash", "sha256_digest", "bcrypt"] {
            assert_eq!(Part::of(title), Some(Part::Hash), "{title}");
        }
        for title in ["mail", "E-Mail", "email_address"] {
            assert_eq!(Part::of(title), Some(Part::Mail), "{title}");
        }
        for title in ["", "ann", "full name", "salt"] {
            assert_eq!(Part::of(title), None, "{title}");
        }
    }
}
