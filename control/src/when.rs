//! Times as users type them, in every program and setting the same: a length of time or a moment. Where a length is
//! meant a moment stands for the time until then, and where a moment is meant a length stands for so long ago.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::clock::now_ms;

/// The longest time that anything waits for or is kept for: a hundred years of 365.25 days.
pub const LASTING_MAX: Duration = Duration::from_secs(3_155_760_000);

/// What a time is typed as.
const FORMS: &str = "5 or 0.5 (seconds), 90s, 30m, 2h, 7d, 1w, 2026-11-21, 2026-11-21T10:00 or RFC 3339";

/// A time as it was typed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// `5`, `90s`, `2h`.
    Length(Duration),
    /// A date, a date and time, RFC 3339: in milliseconds since 1970, which may be before that.
    Moment(i64),
}

/// Why a text is not the time that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// None of the forms.
    #[error("a time is one of: {FORMS}")]
    Form,
    /// The 30th of February.
    #[error("there is no such date")]
    NoDate,
    /// 25 o'clock.
    #[error("there is no such time of day")]
    NoTimeOfDay,
    /// Nothing can last so long.
    #[error("a time is at most 100 years")]
    TooLong,
    /// It would be over at once.
    #[error("a time is more than 0")]
    Zero,
    /// A moment to wait for that has passed.
    #[error("this time has passed")]
    Past,
    /// A moment that nothing was logged at.
    #[error("this time is before 1970")]
    TooEarly,
    /// A setting that holds at any time cannot depend on when it is read.
    #[error("a length of time is one of: 5 or 0.5 (seconds), 90s, 30m, 2h, 7d, 1w")]
    NoLength,
}

/// How long something is to last, from now: a length of time, or until a moment. More than 0 and at most
/// [`LASTING_MAX`].
///
/// # Errors
/// [`WhenError`] says what a time is.
pub fn lasting(text: &str) -> Result<Duration, WhenError> {
    lasting_from(now_ms(), &TimeZone::system(), text)
}

/// When something was, in milliseconds since 1970: a moment, or so long ago.
///
/// # Errors
/// [`WhenError`] says what a time is.
pub fn ago(text: &str) -> Result<u64, WhenError> {
    ago_from(now_ms(), &TimeZone::system(), text)
}

/// A length of time that does not depend on when it is read. More than 0 and at most [`LASTING_MAX`].
///
/// # Errors
/// [`WhenError`] says what a length of time is.
pub fn length(text: &str) -> Result<Duration, WhenError> {
    match read(&TimeZone::UTC, text) {
        Ok(When::Length(length)) => within(length),
        _ => Err(WhenError::NoLength),
    }
}

fn lasting_from(now_ms: u64, zone: &TimeZone, text: &str) -> Result<Duration, WhenError> {
    match read(zone, text)? {
        When::Length(length) => within(length),
        When::Moment(ms) => {
            let left = u64::try_from(ms).ok().and_then(|ms| ms.checked_sub(now_ms)).filter(|left| *left > 0);
            within(Duration::from_millis(left.ok_or(WhenError::Past)?))
        }
    }
}

fn ago_from(now_ms: u64, zone: &TimeZone, text: &str) -> Result<u64, WhenError> {
    let ms = match read(zone, text)? {
        When::Length(length) => {
            u64::try_from(length.as_millis()).ok().and_then(|ago| now_ms.checked_sub(ago))
        }
        When::Moment(ms) => u64::try_from(ms).ok(),
    };
    ms.ok_or(WhenError::TooEarly)
}

fn within(length: Duration) -> Result<Duration, WhenError> {
    match length {
        Duration::ZERO => Err(WhenError::Zero),
        _ if length > LASTING_MAX => Err(WhenError::TooLong),
        _ => Ok(length),
    }
}

fn read(zone: &TimeZone, text: &str) -> Result<When, WhenError> {
    if let Some(seconds) = seconds(text) {
        return Duration::try_from_secs_f64(seconds).map(When::Length).map_err(|_| WhenError::TooLong);
    }
    // With an offset it is a moment; without one it is meant in the local time zone.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::Moment(at.as_millisecond()));
    }
    let local = text.parse::<DateTime>().ok();
    let local = local.or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)));
    let local = local.ok_or_else(|| impossible(text).unwrap_or(WhenError::Form))?;
    // Only at the end of the calendar there are local times that no clock shows.
    let zoned = local.to_zoned(zone.clone()).map_err(|_| WhenError::TooLong)?;
    Ok(When::Moment(zoned.timestamp().as_millisecond()))
}

/// What is impossible about a text that has the form of a date, perhaps with a time of day.
fn impossible(text: &str) -> Option<WhenError> {
    let (date, time) = text.split_at_checked("2026-11-21".len())?;
    let has_form = date.bytes().zip(*b"0000-00-00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    });
    if has_form && date.parse::<Date>().is_err() {
        return Some(WhenError::NoDate);
    }
    let time = time.strip_prefix(['T', 't', ' ']).filter(|_| has_form)?;
    let number = |part: &str| part.get(..2).and_then(|digits| digits.parse::<u8>().ok());
    let mut parts = time.split(':').zip([23, 59, 60]);
    parts.any(|(part, most)| number(part).is_some_and(|n| n > most)).then_some(WhenError::NoTimeOfDay)
}

/// A number, and a unit unless it is seconds.
fn seconds(text: &str) -> Option<f64> {
    let unit = text.chars().next_back()?;
    let (number, seconds) = match unit {
        's' => (text.strip_suffix(unit)?, 1.0),
        'm' => (text.strip_suffix(unit)?, 60.0),
        'h' => (text.strip_suffix(unit)?, 3_600.0),
        'd' => (text.strip_suffix(unit)?, 86_400.0),
        'w' => (text.strip_suffix(unit)?, 7.0 * 86_400.0),
        _ => (text, 1.0),
    };
    // `parse` alone would take signs, exponents, and words such as `inf`.
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z.
    const NOW: u64 = 1_795_262_400_000;

    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(2))
    }

    /// Texts that are no time.
    const NO_TIMES: [&str; 19] = [
        "",
        "s",
        ".",
        "-2h",
        "+2h",
        "2 h",
        "2H",
        "2h30m",
        "h2",
        "1e3",
        "inf",
        "NaN",
        "1.2.3",
        "2\u{e9}",
        "yesterday",
        "10:00",
        "2026-11-2",
        "2026-11-21T1:00",
        "21.11.2026",
    ];

    #[test]
    fn a_time_that_lasts_is_a_length_or_until_a_moment() {
        for (text, expected) in [
            ("5", Ok(5_000)),
            ("0.25", Ok(250)),
            ("90s", Ok(90_000)),
            ("1.5h", Ok(5_400_000)),
            ("2m", Ok(120_000)),
            ("7d", Ok(604_800_000)),
            ("2w", Ok(1_209_600_000)),
            ("2026-11-22", Ok(10 * 3_600_000)),
            ("2026-11-21T14:30", Ok(1_800_000)),
            ("2026-11-21 14:00:05", Ok(5_000)),
            ("2026-11-21T12:00:00.250Z", Ok(250)),
            ("2026-11-21T13:00:01+01:00", Ok(1_000)),
            ("0", Err(WhenError::Zero)),
            ("0.0h", Err(WhenError::Zero)),
            ("2026-11-21", Err(WhenError::Past)),
            ("2026-11-21T12:00:00Z", Err(WhenError::Past)),
            ("1969-12-31T00:00:00Z", Err(WhenError::Past)),
            ("40000d", Err(WhenError::TooLong)),
            ("9999-01-01", Err(WhenError::TooLong)),
            ("99999999999999999999999999w", Err(WhenError::TooLong)),
        ] {
            let lasting = lasting_from(NOW, &zone(), text).map(|length| length.as_millis());
            assert_eq!(lasting, expected, "{text}");
        }
    }

    #[test]
    fn a_time_that_was_is_a_moment_or_so_long_ago() {
        for (text, expected) in [
            ("5", Ok(NOW - 5_000)),
            ("2h", Ok(NOW - 7_200_000)),
            ("2026-11-21", Ok(NOW - 14 * 3_600_000)),
            ("2026-11-21T14:00", Ok(NOW)),
            ("2026-11-21T12:00:00.250+00:00", Ok(NOW + 250)),
            ("0s", Ok(NOW)),
            ("99999d", Err(WhenError::TooEarly)),
            ("1969-12-31T00:00:00Z", Err(WhenError::TooEarly)),
        ] {
            assert_eq!(ago_from(NOW, &zone(), text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none_anywhere() {
        for text in NO_TIMES {
            assert_eq!(lasting_from(NOW, &zone(), text), Err(WhenError::Form), "{text}");
            assert_eq!(ago_from(NOW, &zone(), text), Err(WhenError::Form), "{text}");
            assert_eq!(length(text), Err(WhenError::NoLength), "{text}");
        }
    }

    #[test]
    fn a_date_that_there_is_not_is_no_wrong_form() {
        for (text, error) in [
            ("2026-02-30", WhenError::NoDate),
            ("2026-13-01", WhenError::NoDate),
            ("2027-02-29T10:00", WhenError::NoDate),
            ("2026-00-10T10:00:00Z", WhenError::NoDate),
            ("2026-11-21T25:00", WhenError::NoTimeOfDay),
            ("2026-11-21 10:60:00", WhenError::NoTimeOfDay),
            ("2026-11-21T24:00:01Z", WhenError::NoTimeOfDay),
            ("2026-11-21Tnoon", WhenError::Form),
            ("2026-11-21T10:00+99:00", WhenError::Form),
        ] {
            assert_eq!(lasting_from(NOW, &zone(), text), Err(error), "{text}");
            assert_eq!(ago_from(NOW, &zone(), text), Err(error), "{text}");
            assert_eq!(length(text), Err(WhenError::NoLength), "{text}");
        }
    }

    #[test]
    fn a_setting_is_a_length() {
        assert_eq!(length("600"), Ok(Duration::from_secs(600)));
        assert_eq!(length("12h"), Ok(Duration::from_secs(43_200)));
        assert_eq!(length("0d"), Err(WhenError::Zero));
        assert_eq!(length("2026-11-22"), Err(WhenError::NoLength));
    }
}
