//! Lengths of time as people write them: `90s`, `30m`, `2h`, `7d`.

use std::time::Duration;

/// Reads a whole number followed by `s`, `m`, `h`, `d` or `w`: seconds, minutes, hours, days of 24 hours, weeks.
///
/// # Errors
/// `None` if it is anything else, or longer than can be counted in milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    // The unit is one byte here, and `parse` alone would take a sign.
    let number =
        text.get(..text.len() - 1).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    seconds.checked_mul(1_000).map(|_| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        let read = |text| parse(text).map(|duration| duration.as_secs());
        for (text, seconds) in [("90s", 90), ("2m", 120), ("2h", 7_200), ("1d", 86_400), ("2w", 1_209_600)] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "s",
            "2",
            "-2h",
            "+2h",
            "2 h",
            "1.5h",
            "2H",
            "2h30m",
            "h2",
            "99999999999999999999w",
            "2\u{e9}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
