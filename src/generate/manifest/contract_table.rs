//! What the contract says about a field's value. It is a second implementation, with the patterns as the contract
//! writes them, so that an error in the reader shows as a difference.

use std::sync::LazyLock;

use regex::Regex;

use super::values::Reading;
use crate::{
    contract::{Platform, PluginType},
    finding::{Rule, Severity},
};

/// Fields without which every reader refuses a MANIFEST.
pub(super) const DEMANDED: [&str; 4] = ["api", "type", "name", "version"];
/// Every field that a platform or tool knows.
pub(super) const KNOWN: [&str; 10] = [
    "api",
    "type",
    "name",
    "version",
    "description",
    "entry_point",
    "author_name",
    "author_email",
    "scb_min_version",
    "scb_max_version",
];

macro_rules! patterns {
    ($($name:ident $pattern:literal;)*) => {
        $(static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($pattern).expect("the pattern is a constant that the tests compile"));)*
    };
}

patterns! {
    NAME r"\A[a-zA-Z][a-zA-Z0-9_]+\z";
    FILE r"\A[A-Za-z0-9._-]+\z";
    EMAIL r"\A[-+_.a-zA-Z0-9]+@[-_a-zA-Z0-9]+(\.[-_a-zA-Z0-9]+)*\z";
    FIRST_VERSION r"\A[0-9]+\.[0-9]+\z";
    LATER_VERSION r"\A[0-9][^\n]*\z";
    RANGE r"\A\s*([0-9]+(?:\.[0-9]+)*)(~?)\s*\z";
    API r"\A(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(\.[0-9]+)?\z";
}

/// What is wrong with a field: rule and severity.
pub(super) type Wrong = (Rule, Severity);

const MISSING: Wrong = (Rule::ManifestFieldMissing, Severity::Error);
const INVALID: Wrong = (Rule::ManifestFieldInvalid, Severity::Error);

const fn warning(wrong: Wrong) -> Wrong {
    (wrong.0, Severity::Warning)
}

/// What `platform` reports about `field`; `value` is `None` if the field is absent.
pub(super) fn judge(field: &str, value: Option<&Reading>, platform: &Platform) -> Option<Wrong> {
    let value = value.filter(|value| value.type_name != "NoneType");
    let is_first = platform.is_first();
    let text = value.filter(|value| value.type_name == "str").and_then(|value| value.text.as_deref());
    let shown = value.and_then(|value| value.text.as_deref());
    let is_truthy = value.is_some_and(|value| value.is_truthy);
    let check =
        |pattern: &Regex, text: Option<&str>| (!text.is_some_and(|text| pattern.is_match(text))).then_some(INVALID);
    match field {
        "api" => match (value, is_first) {
            (None, _) => Some(MISSING),
            (Some(_), true) => (shown != Some("1.0")).then_some(INVALID),
            (Some(_), false) => {
                let parts = shown.and_then(|text| API.captures(text));
                let number = |at: usize| parts.as_ref().and_then(|parts| parts[at].parse::<u64>().ok());
                let is_right = parts.is_some()
                    && number(1) == Some(platform.api.major)
                    && number(2).is_some_and(|minor| minor <= platform.api.minor);
                (!is_right).then_some(INVALID)
            }
        },
        "type" => match value {
            None => Some(MISSING),
            Some(_) => {
                let known = PluginType::ALL.into_iter().filter(|known| known.known_to(platform));
                (!text.is_some_and(|text| known.into_iter().any(|known| known.name() == text))).then_some(INVALID)
            }
        },
        "name" => match (value, is_first) {
            (None, _) => Some(MISSING),
            (Some(_), true) if text == Some("") => Some(MISSING),
            (Some(_), true) => text.is_none().then_some(INVALID),
            (Some(_), false) => check(&NAME, text),
        },
        "version" if value.is_none() => Some(MISSING),
        "version" => check(if is_first { &FIRST_VERSION } else { &LATER_VERSION }, shown),
        "description" if value.is_none() => Some(warning(MISSING)),
        "description" => text.is_none().then_some(warning(INVALID)),
        "entry_point" if is_first => None,
        "entry_point" if value.is_none() => Some(warning(MISSING)),
        "entry_point" if is_truthy => check(&FILE, text),
        "entry_point" => Some(warning(INVALID)),
        "author_email" if is_first || value.is_none() => None,
        "author_email" if is_truthy => check(&EMAIL, text),
        "author_email" => text.is_none().then_some(warning(INVALID)),
        _ => None,
    }
}

/// The severity of the finding if YAML 1.1 and 1.2 read `field` differently, or if a version loses digits.
pub(super) fn ambiguity_of(field: &str, reading: &Reading) -> Option<Severity> {
    let is_version = matches!(field, "api" | "version" | "scb_min_version" | "scb_max_version");
    let differs = match &reading.core {
        None => is_version && reading.loses_digits,
        Some((_, text)) if is_version => Some(*text) != reading.text.as_deref() || reading.loses_digits,
        Some(_) => true,
    };
    differs.then(|| ambiguity(field))
}

/// What is wrong with the range of platforms; the severity says whether it is empty. The patch level of `platform` can
/// be any.
pub(super) fn judge_range(min: Option<&str>, max: Option<&str>, platform: &Platform) -> Option<Severity> {
    let read = |text: &str| {
        let parts = RANGE.captures(text)?;
        let numbers: Option<Vec<u64>> = parts[1].split('.').map(|part| part.parse().ok()).collect();
        Some((numbers?, &parts[2] == "~"))
    };
    let padded = |numbers: &[u64]| [numbers, &[0; 8]].concat()[..8].to_vec();
    let (min, max) = (min.and_then(read), max.and_then(read));
    let is_in = |release: &[u64]| {
        let is_from = min.as_ref().is_none_or(|(min, _)| padded(min) <= padded(release));
        let is_to = max.as_ref().is_none_or(|(max, is_below)| {
            padded(release) < padded(max) || !is_below && padded(release).starts_with(max)
        });
        is_from && is_to
    };
    if let Some((min, _)) = &min
        && !is_in(min)
    {
        return Some(Severity::Error);
    }
    let own: Vec<u64> = platform.name.split('.').filter_map(|part| part.parse().ok()).collect();
    let mut releases = vec![own.clone()];
    releases.extend([&min, &max].into_iter().flatten().map(|(numbers, _)| numbers.clone()));
    let is_own = |release: &&Vec<u64>| padded(release).starts_with(&own);
    (!releases.iter().filter(is_own).any(|release| is_in(release))).then_some(Severity::Warning)
}

/// The severity of an ambiguous `field`.
pub(super) fn ambiguity(field: &str) -> Severity {
    if DEMANDED.contains(&field) { Severity::Error } else { Severity::Warning }
}
