//! Times as arguments: how long something lasts, and where a part of the log begins and ends.

use std::time::{Duration, Instant};

use simp_control::{sleep, when, when::WhenError};

/// Where a part of the log begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this entry.
    Id(u64),
    /// At this time, in milliseconds since 1970.
    Time(u64),
}

/// Reads where a part of the log begins or ends.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    // A number is an id here: seconds ago are `5s`.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Place::Id).map_err(|_| format!("an id is at most {}", u64::MAX));
    }
    when::ago(text).map(Place::Time).map_err(|error| match error {
        WhenError::Form => format!("neither an id nor a time: {error}"),
        error => error.to_string(),
    })
}

/// Reads how long something lasts.
pub(crate) fn lasting(text: &str) -> Result<Duration, String> {
    when::lasting(text).map_err(|error| error.to_string())
}

/// When a time limit that begins now is over.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.map(|timeout| sleep::now() + timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_log_is_an_id_or_a_time() {
        assert_eq!(place("0"), Ok(Place::Id(0)));
        assert_eq!(place("2026"), Ok(Place::Id(2026)));
        assert_eq!(place("1970-01-01T00:00:05Z"), Ok(Place::Time(5_000)));
        assert_eq!(place("99999999999999999999"), Err("an id is at most 18446744073709551615".to_owned()));
        for text in ["", "yesterday", "-2h"] {
            assert!(place(text).unwrap_err().starts_with("neither an id nor a time: "), "{text}");
        }
        assert_eq!(place("99999d"), Err("this time is before 1970".to_owned()));
        assert_eq!(place("2026-02-30"), Err("there is no such date".to_owned()));
    }
}
