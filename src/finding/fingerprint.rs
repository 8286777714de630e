//! What identifies a finding: two findings with the same fingerprint are one.

use std::fmt;

use super::Rule;
use crate::contract::Hook;

/// A short stable hash, twelve hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads a fingerprint; `None` if `text` does not have the form of one.
    pub fn read(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 12 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fingerprint of a rule broken by `hook` with an exception of type `exception` (empty if there is none) in
/// `function` of `file` (empty if no frame is known). `detail` is what else distinguishes two findings at that place:
/// the key of a result, for instance. No line numbers, no values, no messages.
pub fn fingerprint(
    rule: Rule,
    hook: Option<Hook>,
    exception: &str,
    file: &str,
    function: &str,
    detail: &str,
) -> Fingerprint {
    // FNV-1a, 64 bits: it never changes, and no secret depends on it.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [rule.id(), hook.map_or("", Hook::name), exception, file, function, detail] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Fingerprint(format!("{:012x}", hash >> 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Location};

    fn at(line: u32, message: &str) -> Fingerprint {
        let location = Location { file: "main.py".into(), line, column: 0, function: "f".into() };
        Finding::draft(Rule::UncaughtException, message).at(Some(location)).call(line as usize).finish().fingerprint
    }

    #[test]
    fn a_fingerprint_is_the_same_for_ever() {
        // Corpora and other people's suppressions contain these, so they must not change.
        let hook = Some(Hook::GetPasswordList);
        let print = fingerprint(Rule::UncaughtException, hook, "AttributeError", "lib/plugin.py", "path", "");
        assert_eq!(print.as_str(), "c4ff108afd8d");
    }

    #[test]
    fn lines_calls_and_values_do_not_count() {
        assert_eq!(at(3, "KeyError: 'alice'"), at(90, "KeyError: 'bob'"));
    }

    #[test]
    fn every_part_tells_findings_apart() {
        let of = |rule, hook, parts: [&str; 4]| fingerprint(rule, hook, parts[0], parts[1], parts[2], parts[3]);
        let parts = ["KeyError", "main.py", "f", "cookie"];
        let mut prints = vec![
            of(Rule::UncaughtException, Some(Hook::Authorize), parts),
            of(Rule::Timeout, Some(Hook::Authorize), parts),
            of(Rule::UncaughtException, Some(Hook::Authenticate), parts),
            of(Rule::UncaughtException, None, parts),
            // The same letters, cut elsewhere.
            of(Rule::UncaughtException, Some(Hook::Authorize), ["KeyErrorm", "ain.py", "f", "cookie"]),
        ];
        for index in 0..parts.len() {
            let mut other = parts;
            other[index] = "other";
            prints.push(of(Rule::UncaughtException, Some(Hook::Authorize), other));
        }
        let count = prints.len();
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }
}
