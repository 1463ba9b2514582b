//! Folders as a user types them.

use std::path::PathBuf;

/// What folders are named from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folders {
    /// The working directory.
    pub(crate) here: PathBuf,
    /// The user's home, if the system knows it.
    pub(crate) home: Option<PathBuf>,
}

impl Folders {
    /// The folder that is meant; without a name it is the working directory. `~` is the home, as in a shell.
    pub(crate) fn meant(&self, typed: Option<&str>) -> PathBuf {
        let typed = typed.unwrap_or("");
        let in_home = typed.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match (in_home, &self.home) {
            (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
            _ => self.here.join(typed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_in_a_shell() {
        let folders = Folders { here: "/tmp".into(), home: Some("/home/alice".into()) };
        for (typed, meant) in [
            (None, "/tmp"),
            (Some("a/b"), "/tmp/a/b"),
            (Some("/srv"), "/srv"),
            (Some("~"), "/home/alice"),
            (Some("~/a b"), "/home/alice/a b"),
            (Some("~//etc"), "/home/alice/etc"),
            (Some("~bob"), "/tmp/~bob"),
        ] {
            assert_eq!(folders.meant(typed), PathBuf::from(meant), "{typed:?}");
        }
        let homeless = Folders { home: None, ..folders };
        assert_eq!(homeless.meant(Some("~/a")), PathBuf::from("/tmp/~/a"));
    }
}
