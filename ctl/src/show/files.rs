//! What there is to say of files, for people.

use simp_control::sizes::size_words;
use simp_control::{Transfer, TransferState, escape};

/// A name, and how large the file is.
pub(super) fn name_and_size(name: &str, size: u64) -> String {
    format!("{} ({})", escape::shown(name), size_words(size))
}

/// How far a file is: `1.2 MB of 3.4 MB`.
pub(crate) fn how_far(file: &Transfer) -> String {
    format!("{} of {}", size_words(file.done), size_words(file.size))
}

/// So many files of a chat are named.
const NAMED_MAX: usize = 3;

/// What is going on with the files of a chat, one after the other.
pub(super) fn under_way(files: &[Transfer]) -> impl Iterator<Item = String> {
    let more = files.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("{more} more file{}", if more == 1 { "" } else { "s" }));
    files.iter().take(NAMED_MAX).map(stands).chain(more)
}

fn stands(file: &Transfer) -> String {
    match file.state {
        TransferState::Offered => format!("offers {}", name_and_size(&file.name, file.size)),
        TransferState::Receiving => format!("receiving {} ({})", escape::shown(&file.name), how_far(file)),
        TransferState::Waiting => format!("has not taken {}", name_and_size(&file.name, file.size)),
        TransferState::Sending => format!("sending {} ({})", escape::shown(&file.name), how_far(file)),
    }
}

/// How far a file is that is sent, or made.
pub(super) fn progress(name: &str, done: u64, size: u64) -> String {
    let percent = (u128::from(done) * 100).checked_div(u128::from(size)).unwrap_or(100);
    format!("{}: {} of {} ({percent} %)", escape::shown(name), size_words(done), size_words(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Peer;

    #[test]
    fn what_is_going_on_with_files_is_told_of_a_few() {
        let file = |name: &str, state| {
            let peer = Peer { user: "bob".into(), address: "127.0.0.2:7777".into() };
            Transfer { message: 7, peer, name: name.to_owned(), size: 2_000, done: 1_000, state }
        };
        let mut files = vec![
            file("a\x1b", TransferState::Offered),
            file("b", TransferState::Receiving),
            file("c\x1b", TransferState::Sending),
        ];
        let words = |files: &[Transfer]| under_way(files).collect::<Vec<_>>().join("; ");
        let told =
            "offers a\\x1b (2.0 kB); receiving b (1.0 kB of 2.0 kB); sending c\\x1b (1.0 kB of 2.0 kB)";
        assert_eq!(words(&files), told);
        files.push(file("d", TransferState::Waiting));
        assert_eq!(words(&files), format!("{told}; 1 more file"));
        assert_eq!(words(&files[3..]), "has not taken d (2.0 kB)");
        files.push(file("e", TransferState::Waiting));
        assert_eq!(words(&files), format!("{told}; 2 more files"));
    }

    #[test]
    fn progress_is_harmless_and_has_an_end() {
        let of = |done, size| progress("a\x1b[2J", done, size);
        assert_eq!(of(1_000_000, 3_000_000), "a\\x1b[2J: 1.0 MB of 3.0 MB (33 %)");
        assert_eq!(of(0, 0), "a\\x1b[2J: 0 bytes of 0 bytes (100 %)");
    }
}
