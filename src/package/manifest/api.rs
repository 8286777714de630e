//! The field `api`: the level that a plugin was written for, as the SDK reads it \[S\].

use crate::contract::Api;

/// An API level with the third number, as the SDK's `semantic_version` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ApiVersion {
    pub(super) api: Api,
    /// The third number; 0 for `x.y` and `x.y.z`, where the SDK ignores it.
    patch: u64,
}

impl ApiVersion {
    /// Reads `x.y`, `x.y.z`, or `x.y.z` followed by `-pre` or `+build`.
    pub(super) fn read(text: &str) -> Option<Self> {
        // Python's `$` allows a line break at the end.
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (version, build) = split(text, '+');
        let (version, pre) = split(version, '-');
        let is_plain = build.is_none() && pre.is_none();
        let mut numbers = version.split('.');
        let (major, minor, patch) = (numbers.next()?, numbers.next()?, numbers.next());
        if numbers.next().is_some() || (!is_plain && patch.is_none()) {
            return None;
        }
        let patch = match patch {
            // Ignored, but it must be a number.
            Some(patch) if is_plain => {
                is_digits(patch).then_some(())?;
                0
            }
            Some(patch) => number(patch)?,
            None => 0,
        };
        let are_identifiers = |part: Option<&str>, zeros: bool| {
            part.is_none_or(|part| part.split('.').all(|identifier| is_identifier(identifier, zeros)))
        };
        (are_identifiers(pre, false) && are_identifiers(build, true))
            .then_some(Self { api: Api::new(number(major)?, number(minor)?), patch })
    }

    /// Whether it is above the level of a platform.
    pub(super) fn is_above(self, platform: Api) -> bool {
        (self.api, self.patch) > (platform, 0)
    }
}

fn split(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number without leading zeros. One beyond 64 bits becomes the largest, which is above every platform too.
fn number(text: &str) -> Option<u64> {
    (is_digits(text) && (text == "0" || !text.starts_with('0'))).then(|| text.parse().unwrap_or(u64::MAX))
}

fn is_identifier(text: &str, may_have_zeros: bool) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (may_have_zeros || !is_digits(text) || text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_the_sdk_reads_them() {
        for (text, level) in [
            ("1.6", Some((1, 6))),
            ("1.6.0123", Some((1, 6))),
            ("1.9.0-rc.1+b.01", Some((1, 9))),
            ("1", None),
            ("1.06", None),
            ("1.6-rc", None),
            ("v1.6", None),
            ("1.6.0-", None),
            ("1.6.0-01", None),
            ("1.6.0.0", None),
            ("", None),
        ] {
            let read = ApiVersion::read(text).map(|level| (level.api.major, level.api.minor));
            assert_eq!(read, level, "{text}");
        }
        assert!(!ApiVersion::read("1.9.7").unwrap().is_above(Api::new(1, 9)));
        assert!(ApiVersion::read("1.9.7-rc").unwrap().is_above(Api::new(1, 9)));
        assert!(ApiVersion::read("1.10").unwrap().is_above(Api::new(1, 9)));
    }
}
