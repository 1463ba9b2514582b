//! What the system says, in words for people.

use std::io;

use nix::errno::Errno;

/// What the system says of an error, without its number, as a part of a line.
pub fn system(error: &io::Error) -> String {
    let said = error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |number| Errno::from_raw(number).desc().to_owned());
    match said.split_at_checked(1) {
        // `I/O error` is no word that begins a sentence.
        Some((first, rest)) if rest.starts_with(char::is_lowercase) => first.to_ascii_lowercase() + rest,
        _ => said,
    }
}
