//! Where files go that somebody saves on the page: into the user's folder for downloads, as user-dirs.dirs names
//! it. A page cannot choose another.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail, with_remedy};
use simp_service::plain_file;

/// More than any user-dirs.dirs has, in bytes.
const DIRS_MAX: u64 = 64 << 10;

/// The folder for downloads, which is there from now on: an absolute path.
///
/// # Errors
/// `failed` with a line, if there is no such folder and it cannot be made.
pub fn folder() -> Outcome<String> {
    let failed = |line: String| fail(FailureKind::Failed, line);
    let home = env::home_dir().filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| failed("nowhere to save it: there is no home folder".to_owned()))?;
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let dirs = config.unwrap_or_else(|| home.join(".config")).join("user-dirs.dirs");
    // Most users have none, or have never looked at it: what cannot be read says nothing.
    let named = plain_file::read_to_string(&dirs, DIRS_MAX).ok().and_then(|dirs| named(&dirs, &home));
    let folder = named.unwrap_or_else(|| home.join("Downloads"));
    // simpd gives an offer up that it cannot save: the folder must be there before it is asked.
    fs::create_dir_all(&folder)
        .map_err(|error| failed(format!("{}: {}", folder.display(), with_remedy(&error))))?;
    let name = folder.into_os_string().into_string();
    name.map_err(|name| failed(format!("{}: the name of this folder is not UTF-8", name.display())))
}

/// The folder for downloads that a user-dirs.dirs names. The home folder itself is how it says that there is none.
fn named(dirs: &str, home: &Path) -> Option<PathBuf> {
    let quoted = dirs.lines().rev().find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?;
    let mut value = String::new();
    let mut letters = quoted.trim().strip_prefix('"')?.strip_suffix('"')?.chars();
    while let Some(letter) = letters.next() {
        value.push(if letter == '\\' { letters.next()? } else { letter });
    }
    let folder = match value.strip_prefix("$HOME/") {
        Some(below) => home.join(below),
        None => PathBuf::from(value),
    };
    (folder.is_absolute() && folder != *home).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_for_downloads_is_the_one_that_the_user_has_chosen() {
        for (line, folder) in [
            ("XDG_DOWNLOAD_DIR=\"$HOME/Got it\"", Some("/home/ann/Got it")),
            ("  XDG_DOWNLOAD_DIR=\"/srv/a\\\"b\"", Some("/srv/a\"b")),
            ("#XDG_DOWNLOAD_DIR=\"/srv\"", None),
            ("XDG_DOWNLOAD_DIR=\"$HOME/\"", None),
            ("XDG_DOWNLOAD_DIR=\"Downloads\"", None),
            ("XDG_DOWNLOAD_DIR=/srv", None),
            ("XDG_MUSIC_DIR=\"/srv\"", None),
            ("", None),
        ] {
            let dirs = format!("# made by hand\n{line}\nXDG_DESKTOP_DIR=\"/x\"\n");
            assert_eq!(named(&dirs, Path::new("/home/ann")), folder.map(PathBuf::from), "{line}");
        }
    }
}
