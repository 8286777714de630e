//! Dates and times as PyYAML constructs them, written as Python's `str` writes them.

use std::sync::LazyLock;

use regex::Regex;

static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^(?P<year>[0-9]{4})-(?P<month>[0-9][0-9]?)-(?P<day>[0-9][0-9]?)
        (?:(?:[Tt]|[\ \t]+)(?P<hour>[0-9][0-9]?):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]*))?
        (?:[\ \t]*(?P<tz>Z|(?P<tz_sign>[-+])(?P<tz_hour>[0-9][0-9]?)(?::(?P<tz_minute>[0-9]{2}))?))?)?$",
    )
    .expect("the pattern is a constant that the tests compile")
});

/// A date, or a date with a time.
pub(super) struct Timestamp {
    /// As Python's `str` writes it.
    pub(super) text: String,
    pub(super) has_time: bool,
}

/// The date or time in `text`; `None` if the pattern fails or Python knows no such day, hour or zone.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let parts = PARTS.captures(text.strip_suffix('\n').unwrap_or(text))?;
    let number = |name: &str| parts.name(name).and_then(|part| part.as_str().parse::<u32>().ok());
    let (year, month, day) = (number("year")?, number("month")?, number("day")?);
    if year == 0 || day == 0 || day > days(year, month)? {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some(hour) = number("hour") else { return Some(Timestamp { text: date, has_time: false }) };
    let (minute, second) = (number("minute")?, number("second")?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut text = format!("{date} {hour:02}:{minute:02}:{second:02}");
    let fraction = parts.name("fraction").map_or("", |part| part.as_str());
    let micros = format!("{:0<6}", fraction.get(..6).unwrap_or(fraction));
    if micros != "000000" {
        text.push('.');
        text.push_str(&micros);
    }
    if let Some(sign) = parts.name("tz_sign") {
        let minutes = number("tz_hour")? * 60 + number("tz_minute").unwrap_or(0);
        if minutes >= 24 * 60 {
            return None;
        }
        let sign = if minutes == 0 { "+" } else { sign.as_str() };
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    } else if parts.name("tz").is_some() {
        text.push_str("+00:00");
    }
    Some(Timestamp { text, has_time: true })
}

fn days(year: u32, month: u32) -> Option<u32> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> Option<String> {
        read(source).map(|timestamp| timestamp.text)
    }

    #[test]
    fn dates_and_times_are_written_as_python_writes_them() {
        assert_eq!(text("2024-02-29").as_deref(), Some("2024-02-29"));
        assert_eq!(text("2001-12-14t21:59:43.10-05:00").as_deref(), Some("2001-12-14 21:59:43.100000-05:00"));
        assert_eq!(text("2001-12-14 21:59:43 Z").as_deref(), Some("2001-12-14 21:59:43+00:00"));
        assert_eq!(text("2001-12-14 21:59:43.0").as_deref(), Some("2001-12-14 21:59:43"));
    }

    #[test]
    fn days_and_hours_that_do_not_exist_are_refused() {
        for source in ["2023-02-29", "2020-13-01", "0000-01-01", "2020-01-01 24:00:00", "2020-01-01 00:00:00 +24:00"] {
            assert_eq!(text(source), None, "{source}");
        }
    }
}
