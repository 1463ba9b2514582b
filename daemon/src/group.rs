//! Groups of the system, as users name them in simpd.toml.

use nix::unistd::{self, Gid};

/// A group of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub gid: Gid,
    /// What the user calls it.
    pub name: String,
}

impl Group {
    /// The one with this name, or with this number.
    ///
    /// # Errors
    /// What is wrong with the name, and the remedy.
    pub fn find(name: &str) -> Result<Self, String> {
        // A slash would lead its folder elsewhere, and no tool makes such a group.
        let is_name = !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.');
        let found = unistd::Group::from_name(name).ok().flatten().filter(|_| is_name).map(|group| group.gid);
        let number = || {
            // The last number stands for none.
            let number = name.parse().ok().filter(|number| *number != u32::MAX);
            number.filter(|_| name.bytes().all(|byte| byte.is_ascii_digit())).map(Gid::from_raw)
        };
        let gid = found.or_else(number).ok_or("there is no such group (list them: getent group)")?;
        Ok(Self { gid, name: name.to_owned() })
    }

    /// What folders need of it.
    pub fn for_folder(&self) -> (Gid, &str) {
        (self.gid, &self.name)
    }
}
