//! The platforms that a MANIFEST allows: `scb_min_version` and `scb_max_version`. `~` at the end means "less than"
//! \[S\].

use std::cmp::Ordering;

use super::{
    construct::RootPair,
    fields::{FieldChecker, draft},
    scalar::brief,
};
use crate::{
    contract::Platform,
    finding::{Rule, Severity},
};

/// A version of the platform, `8.0.0~`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PlatformVersion {
    numbers: Vec<u64>,
    /// Whether the version itself does not belong to the range.
    is_below: bool,
}

impl PlatformVersion {
    /// Numbers with dots between them, and perhaps `~`; `None` for anything else.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (text, is_below) = text.strip_suffix('~').map_or((text, false), |text| (text, true));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let numbers =
            text.split('.').map(|part| part.parse().ok().filter(|_| is_number(part))).collect::<Option<_>>()?;
        Some(Self { numbers, is_below })
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or_default()
    }

    /// Compares the first `count` numbers; missing ones are 0.
    fn compare(&self, other: &Self, count: usize) -> Ordering {
        (0..count)
            .map(|at| self.number(at).cmp(&other.number(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn count(&self, other: &Self) -> usize {
        self.numbers.len().max(other.numbers.len())
    }

    /// Whether every release of `platform` is below this version.
    fn is_above(&self, platform: &Platform) -> bool {
        Self::read(platform.name).is_some_and(|platform| self.compare(&platform, platform.numbers.len()).is_gt())
    }

    /// Whether this version, as an upper end, leaves out every release of `platform`. A version without `~` allows the
    /// releases that begin with it: `9.0` allows 9.0.3.
    fn is_below(&self, platform: &Platform) -> bool {
        let Some(platform) = Self::read(platform.name) else { return false };
        if self.is_below {
            return self.compare(&platform, self.count(&platform)).is_le();
        }
        self.compare(&platform, self.numbers.len().min(platform.numbers.len())).is_lt()
    }

    /// Whether no version lies between this one and `upper`.
    fn is_beyond(&self, upper: &Self) -> bool {
        if upper.is_below {
            return self.compare(upper, self.count(upper)).is_ge();
        }
        self.compare(upper, upper.numbers.len()).is_gt()
    }
}

impl FieldChecker<'_> {
    /// Checks whether the range of platforms contains the one under test.
    pub(super) fn check_platform_range(&mut self) {
        let read = |name: &str| {
            let pair = self.field(name)?;
            Some((pair, PlatformVersion::read(&pair.value.python_str()?)?))
        };
        let (min, max) = (read("scb_min_version"), read("scb_max_version"));
        let platform = self.platform;
        let shown =
            |name: &str, pair: &RootPair| format!("`{name}: {}`", brief(&pair.value.python_str().unwrap_or_default()));
        if let (Some((min_pair, min)), Some((max_pair, max))) = (&min, &max)
            && min.is_beyond(max)
        {
            let (min, max) = (shown("scb_min_version", min_pair), shown("scb_max_version", max_pair));
            let message = format!("no platform is between {min} and {max}");
            self.push(
                draft(Rule::PlatformExcluded, "range", max_pair.position, message)
                    .severity(Severity::Error)
                    .hint(below(max_pair)),
            );
            return;
        }
        let is_out = |platform: &Platform| {
            min.as_ref().is_some_and(|(_, min)| min.is_above(platform))
                || max.as_ref().is_some_and(|(_, max)| max.is_below(platform))
        };
        if !is_out(platform) {
            return;
        }
        let (name, pair) = match &min {
            Some((pair, min)) if min.is_above(platform) => ("scb_min_version", *pair),
            _ => ("scb_max_version", max.as_ref().expect("one end leaves the platform out").0),
        };
        let message = format!("{} leaves out platform {platform}, which is the one under test", shown(name, pair));
        let allowed = Platform::all().iter().rfind(|platform| !is_out(platform));
        let hint =
            allowed.map(|allowed| format!("change it, or test on a platform in the range: `--platform {allowed}`"));
        let draft = draft(Rule::PlatformExcluded, name, pair.position, message);
        self.push(draft.hint(hint.or_else(|| below(pair))));
    }
}

/// What `~` means, if the version has it.
fn below(pair: &RootPair) -> Option<String> {
    let text = pair.value.python_str()?;
    Some(format!("`~` means that the range ends below {}", brief(text.trim().strip_suffix('~')?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Finding, package::Manifest};

    /// The findings of a good MANIFEST with `lines` in addition.
    fn check(platform: &str, lines: &str) -> Vec<Finding> {
        let good = "api: 1.0\ntype: aa\nname: Mine\nversion: 1.0\ndescription: d\nentry_point: main.py\n";
        Manifest::read(format!("{good}{lines}\n").as_bytes(), Platform::named(platform).unwrap()).1
    }

    fn only(platform: &str, lines: &str) -> Finding {
        let mut findings = check(platform, lines);
        assert_eq!(findings.len(), 1, "{lines}: {findings:?}");
        findings.remove(0)
    }

    fn version(text: &str) -> PlatformVersion {
        PlatformVersion::read(text).unwrap()
    }

    #[test]
    fn an_upper_end_leaves_out_what_is_above_it() {
        let platform = |name| Platform::named(name).unwrap();
        for (max, name, is_out) in [
            ("8.0.0~", "9.0", true),
            ("8.0.0~", "8.0", true),
            ("8.0.0~", "6.12", false),
            ("8.0.1~", "8.0", false),
            ("9.0", "9.0", false),
            ("9", "9.0", false),
            ("9.0~", "9.0", true),
            ("8.0.7", "8.0", false),
            ("6", "6.7", false),
            ("6.7", "6.12", true),
            ("10.0", "9.0", false),
        ] {
            assert_eq!(version(max).is_below(platform(name)), is_out, "{max} {name}");
        }
        for (min, name, is_out) in
            [("9.0.1", "9.0", false), ("9.1", "9.0", true), ("6.7.0", "6.12", false), ("6.12", "6.7", true)]
        {
            assert_eq!(version(min).is_above(platform(name)), is_out, "{min} {name}");
        }
    }

    #[test]
    fn a_range_can_be_empty() {
        for (min, max, is_empty) in [
            ("8.0", "7.0", true),
            ("8.0", "8.0~", true),
            ("8.0.0", "8.0", false),
            ("8.0.5", "8.0", false),
            ("8.0.5", "8.0.5~", true),
            ("6.7", "6.12", false),
        ] {
            assert_eq!(version(min).is_beyond(&version(max)), is_empty, "{min} {max}");
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in ["", "~", "8.", "8.x", "8.0-1", "+8", "latest", "8..0", "99999999999999999999999"] {
            assert_eq!(PlatformVersion::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_platform_outside_of_the_range_is_named_with_one_inside() {
        let finding = only("9.0", "scb_max_version: 8.0.0~");
        assert_eq!((finding.rule, finding.severity), (Rule::PlatformExcluded, Severity::Warning));
        assert_eq!(finding.message, "`scb_max_version: 8.0.0~` leaves out platform 9.0, which is the one under test");
        assert!(finding.hint.unwrap().ends_with("`--platform 6.12`"));
        assert_eq!(check("6.12", "scb_max_version: 8.0.0~"), []);
        assert_eq!(only("6.7", "scb_min_version: '6.12'").rule, Rule::PlatformExcluded);
        for line in ["scb_max_version: latest", "scb_min_version: 6.7", "scb_min_version: '6.7'\nscb_max_version: 9"] {
            assert_eq!(check("9.0", line), [], "{line}");
        }
        let empty = only("6.7", "scb_min_version: 8.0.0\nscb_max_version: 8.0.0~");
        assert_eq!((empty.rule, empty.severity), (Rule::PlatformExcluded, Severity::Error));
        assert!(empty.hint.unwrap().contains("ends below 8.0.0"));
    }
}
