//! What makes two findings one.

use std::fmt;

use super::Rule;
use crate::contract::Hook;

/// A short stable hash, twelve hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
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

/// The fingerprint of a rule broken by `hook` with an exception of type `exception` (empty where there is none) in
/// `function` of `file` (empty where no frame is known), `detail` being what else tells two findings of that place
/// apart: a result's key, for instance. No line numbers, no values.
pub fn fingerprint(
    rule: Rule,
    hook: Option<Hook>,
    exception: &str,
    file: &str,
    function: &str,
    detail: &str,
) -> Fingerprint {
    // FNV-1a, 64 bits: stable for ever, and no secret depends on it.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [rule.id(), hook.map_or("", Hook::name), exception, file, function, detail] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Fingerprint(format!("{:012x}", hash >> 16))
}
