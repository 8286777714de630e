//! Reads the values of options, both for the command line and for hookstorm.toml, so that both accept the same values
//! and refuse others with the same message.

use std::time::Duration;

use crate::{
    contract::{Platform, nearest_word},
    corpus::remote::CorpusLocation,
};

/// The longest time limit: far more than the platform's own, and far less than what would overflow a clock.
const TIMEOUT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest and the longest time of a run.
const SPAN_LEAST: Duration = Duration::from_secs(1);
const SPAN_MOST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The least memory limit: with less, CPython itself fails.
const MEMORY_LEAST: u64 = 16 << 20;

/// `500ms`, `2s`, `1.5s`, `1m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err(format!("`{text}` has no unit: write `500ms`, `2s` or `1m`")),
        _ => return Err(format!("`{text}` is not a time: write `500ms`, `2s` or `1m`")),
    };
    let number = number.ok_or_else(|| format!("`{text}` is not a time: write `500ms`, `2s` or `1m`"))?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(time) if !time.is_zero() && time <= TIMEOUT_MOST => Ok(time),
        _ => Err(format!("`{text}` is out of range: from `1ms` to `24h`")),
    }
}

/// The length of a run: `90s`, `10m`, `8h`, `1h30m`, `2d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: write `90s`, `10m`, `8h` or `1h30m`");
    let mut rest = text.trim();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = number_and_unit(rest);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let unit = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            "" if number.is_some() => {
                return Err(format!("`{text}` has no unit: write `90s`, `10m`, `8h` or `1h30m`"));
            }
            _ => return Err(wrong()),
        };
        seconds += number.ok_or_else(wrong)? * unit;
        rest = next.trim_start();
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time >= SPAN_LEAST && time <= SPAN_MOST => Ok(time),
        _ => Err(format!("`{text}` is out of range: from `1s` to `365d`")),
    }
}

/// `512MB`, `1.5GB`; a megabyte is 1024 × 1024 bytes.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "kb" | "kib" | "k" => 1u64 << 10,
        "mb" | "mib" | "m" => 1 << 20,
        "gb" | "gib" | "g" => 1 << 30,
        "" => return Err(format!("`{text}` has no unit: write `512MB` or `1GB`")),
        _ => return Err(format!("`{text}` is not an amount of memory: write `512MB` or `1GB`")),
    };
    let number = number.ok_or_else(|| format!("`{text}` is not an amount of memory: write `512MB` or `1GB`"))?;
    let all = number * bytes as f64;
    if all < MEMORY_LEAST as f64 || all > (1u64 << 50) as f64 {
        return Err(format!("`{text}` is out of range: at least `16MB`"));
    }
    Ok(all as u64)
}

fn number_and_unit(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (text[..end].parse().ok(), text[end..].trim_start())
}

/// The name of a platform.
pub(super) fn platform(text: &str) -> Result<&'static Platform, String> {
    Platform::named(text).ok_or_else(|| {
        let known: Vec<_> = Platform::all().iter().map(|platform| platform.name).collect();
        format!("`{text}` is not a platform: choose one of {}", known.join(", "))
    })
}

/// A number of workers.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=1024) => Ok(jobs),
        _ => Err(format!("`{text}` is not a number of workers: from 1 to 1024")),
    }
}

/// A number of rounds.
pub(super) fn rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds @ 3..=100) => Ok(rounds),
        _ => Err(format!("`{text}` is not a number of rounds: from 3 to 100; fewer than 3 have no spread")),
    }
}

/// The seed of a run.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a seed: a whole number from 0 to {}", u64::MAX))
}

/// A number of sessions.
pub(super) fn runs(text: &str) -> Result<u64, String> {
    match text.replace('_', "").parse() {
        Ok(runs @ 1..=1_000_000_000_000) => Ok(runs),
        _ => Err(format!("`{text}` is out of range: write a whole number from 1 to 1_000_000_000_000")),
    }
}

/// A number of generated inputs to skip.
pub(super) fn skip(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is not a number of inputs: from 0 on"))
}

/// A number of artefacts.
pub(super) fn count(text: &str) -> Result<u64, String> {
    match text.replace('_', "").parse() {
        Ok(count @ 1..=10_000_000) => Ok(count),
        _ => Err(format!("`{text}` is out of range: write a whole number from 1 to 10_000_000")),
    }
}

/// A share of all artefacts.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(format!("`{text}` is not a ratio: write a number from 0 to 1, such as `0.3`")),
    }
}

/// A folder or a bucket.
pub(super) fn corpus(text: &str) -> Result<CorpusLocation, String> {
    if text.is_empty() {
        return Err("is empty: name a folder or a bucket".into());
    }
    CorpusLocation::parse(text).map_err(|(problem, hint)| format!("{problem}; {hint}"))
}

/// A hint for the unknown `word`: the nearest of the `known` words, or all of them if none is near.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    match nearest_word(word, known.iter().copied()) {
        Some(near) => format!("the nearest is `{near}`"),
        None => format!("choose one of `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_between_0_and_1() {
        assert_eq!((ratio("0"), ratio("1"), ratio(" 0.25")), (Ok(0.0), Ok(1.0), Ok(0.25)));
        for wrong in ["", "-0.1", "1.01", "nan", "inf", "30%", "1/3", "٠.٥"] {
            assert!(ratio(wrong).unwrap_err().contains("from 0 to 1"), "{wrong}");
        }
        assert_eq!((count("1"), count("2_000"), skip("0")), (Ok(1), Ok(2000), Ok(0)));
        assert!(count("0").is_err() && count("-1").is_err() && skip("-1").is_err());
    }

    #[test]
    fn times_need_a_unit_and_a_sensible_size() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("2").unwrap_err(), "`2` has no unit: write `500ms`, `2s` or `1m`");
        for wrong in ["", "s", "-1s", "2 weeks", "0s", "25h", "1e9s", "1.2.3s", "99999999999999999999s", "٢s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_length_of_a_run_may_have_several_units() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("8h"), Ok(Duration::from_secs(8 * 3600)));
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(span("1.5h 30 s"), Ok(Duration::from_secs(5430)));
        assert!(span("90").unwrap_err().contains("has no unit"));
        for wrong in ["", "s", "-1s", "8 weeks", "0s", "400d", "1h30", "1h-3m", "1e9s", "9999999999999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_needs_a_unit_and_room_for_python() {
        assert_eq!(memory("512MB"), Ok(512 << 20));
        assert_eq!(memory("1.5 GiB"), Ok(3 << 29));
        for wrong in ["512", "1KB", "lots", "1TB", "-5MB", "99999999999999999999GB"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_platform_is_answered_with_all_platforms() {
        assert!(platform("9.0").is_ok());
        assert!(platform("6.9").unwrap_err().contains("6.7, 6.12"));
    }
}
