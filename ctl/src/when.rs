//! Times as users type them: how long something lasts, how long ago something was, and when it was.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use simp_control::clock::now_ms;
use simp_control::{duration, sleep};

/// Where a part of the log begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// At this entry.
    Id(u64),
    /// At this time, in milliseconds since 1970.
    Time(u64),
}

/// What a [`When`] is typed as.
const FORMS: &str =
    "expected an id, a time ago (2h), a date (2026-11-21), a date and time (2026-11-21T10:00) or RFC 3339";

/// Reads where a part of the log begins or ends.
pub(crate) fn when(text: &str) -> Result<When, String> {
    read(text, &TimeZone::system(), now_ms()).ok_or_else(|| FORMS.to_owned())
}

fn read(text: &str, zone: &TimeZone, now_ms: u64) -> Option<When> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(When::Id);
    }
    if let Some(ago) = duration::parse(text) {
        return Some(When::Time(now_ms.saturating_sub(ago.as_millis() as u64)));
    }
    // With an offset it is a moment; without one it is meant in the local time zone.
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok();
        let local = local.or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
        Some(local.to_zoned(zone.clone()).ok()?.timestamp())
    })?;
    u64::try_from(at.as_millisecond()).ok().map(When::Time)
}

/// Reads how long a message is kept.
pub(crate) fn expiry(text: &str) -> Result<Duration, String> {
    let forms = "expected a length of time: 90s, 30m, 2h, 7d";
    // A message that expires at once would never leave.
    duration::parse(text).filter(|expire| !expire.is_zero()).ok_or_else(|| forms.to_owned())
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
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        // 2026-11-21T12:00:00Z
        let now = 1_795_262_400_000;
        for (text, expected) in [
            ("0", Some(When::Id(0))),
            ("2026", Some(When::Id(2026))),
            ("2h", Some(When::Time(now - 7_200_000))),
            ("99999d", Some(When::Time(0))),
            ("2026-11-21", Some(When::Time(now - 14 * 3_600_000))),
            ("2026-11-21T14:00", Some(When::Time(now))),
            ("2026-11-21 14:00:05", Some(When::Time(now + 5_000))),
            ("2026-11-21T12:00:00Z", Some(When::Time(now))),
            ("2026-11-21T12:00:00.250+00:00", Some(When::Time(now + 250))),
            ("1969-12-31T00:00:00Z", None),
            ("99999999999999999999", None),
            ("", None),
            ("yesterday", None),
            ("-2h", None),
            ("2026-11-31", None),
            ("10:00", None),
        ] {
            assert_eq!(read(text, &zone, now), expected, "{text}");
        }
    }

    #[test]
    fn a_message_is_kept_for_a_time_that_is_not_over_at_once() {
        assert_eq!(expiry("2h"), Ok(Duration::from_secs(7_200)));
        for text in ["0s", "-2h", "2", "soon", ""] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
