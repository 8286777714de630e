//! What names a case, and what makes one case better than another.

use crate::case::Case;

/// The fingerprint that names the case's file. `None` if it could lead out of the folder.
pub(super) fn fingerprint_of(case: &Case) -> Option<&str> {
    let fingerprint = case.found.as_ref()?.fingerprint.as_str();
    let is_plain = !fingerprint.is_empty()
        && fingerprint.len() <= 64
        && fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(fingerprint)
}

/// Compares cases: the smaller is the better one. Foreign cookies come first, because the platform never passes one;
/// then the number of calls and of bytes.
pub(crate) fn size(case: &Case) -> (bool, usize, usize) {
    let sessions = || case.earlier.iter().chain([&case.session]);
    let foreign = sessions().any(|session| session.has_foreign_cookie());
    (foreign, sessions().map(|session| session.calls.len()).sum(), case.to_json().len())
}

/// FNV-1a, 64 bits: good for a name, not for security.
pub(super) fn hash(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}
