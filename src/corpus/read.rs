//! Reads files that may be anything: [`read_case`].

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

use crate::case::{Case, CaseError};

/// No case is nearly so large, and a larger file must not cost memory.
pub(super) const FILE_BYTES_LIMIT: u64 = 16 << 20;

/// Reads one case from its file.
///
/// # Errors
/// [`CaseError`] if the file cannot be read, is too large, is not text, or is not a case.
pub fn read_case(path: &Path) -> Result<Case, CaseError> {
    let malformed = |problem: String| CaseError::Malformed { place: "the file".into(), problem };
    let bytes = read_bounded(path).map_err(|error| malformed(format!("cannot be read: {error}")))?;
    let Some(bytes) = bytes else { return Err(malformed("is not a regular file".into())) };
    if bytes.len() as u64 > FILE_BYTES_LIMIT {
        return Err(malformed(format!("is larger than {} MB, the limit for a case", FILE_BYTES_LIMIT >> 20)));
    }
    Case::from_json(&String::from_utf8(bytes).map_err(|_| malformed("is not UTF-8".into()))?)
}

/// The bytes of a file; if it is too large, a few more than the limit. `None` if it is a pipe, a device or a folder:
/// reading from these may block for ever.
pub(super) fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = fs::File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
