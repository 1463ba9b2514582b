//! What there is to say of files, for people.

use simp_control::escape;

use super::model::Progress;

/// A number of bytes as people say it: `999 bytes`, `1.2 MB`.
pub(crate) fn size_words(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < units.len() {
        (tenths, unit) = (tenths / 1_000, unit + 1);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, units.get(unit).copied().unwrap_or_default())
}

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
    fn sizes_are_in_words() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_949_999, "999.9 MB"),
            (1 << 30, "1.0 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size_words(bytes), words);
        }
    }

    #[test]
    fn progress_is_harmless_and_has_an_end() {
        let of = |done, size| progress(&Progress { message: 7, name: "a\x1b[2J", done, size });
        assert_eq!(of(1_000_000, 3_000_000), "a\\x1b[2J: 1.0 MB of 3.0 MB (33 %)");
        assert_eq!(of(0, 0), "a\\x1b[2J: 0 bytes of 0 bytes (100 %)");
    }
}
