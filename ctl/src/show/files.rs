//! What there is to say of files, for people.

use simp_control::escape;
use simp_control::sizes::size_words;

use super::model::Progress;

/// A name, and how large the file is.
pub(super) fn name_and_size(name: &str, size: u64) -> String {
    format!("{} ({})", escape::shown(name), size_words(size))
}

/// How far a file is.
pub(super) fn progress(progress: &Progress<'_>) -> String {
    let Progress { name, done, size, .. } = progress;
    let percent = (u128::from(*done) * 100).checked_div(u128::from(*size)).unwrap_or(100);
    format!("{}: {} of {} ({percent} %)", escape::shown(name), size_words(*done), size_words(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_harmless_and_has_an_end() {
        let of = |done, size| progress(&Progress { message: 7, name: "a\x1b[2J", done, size });
        assert_eq!(of(1_000_000, 3_000_000), "a\\x1b[2J: 1.0 MB of 3.0 MB (33 %)");
        assert_eq!(of(0, 0), "a\\x1b[2J: 0 bytes of 0 bytes (100 %)");
    }
}
