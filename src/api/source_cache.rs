//! [`SourceCache`] reads lines of a plugin's files for excerpts. It keeps the last file, since a report often wants
//! several lines of one file.

use std::sync::{Mutex, PoisonError};

use crate::package::Package;

/// A file's path in the package, and its lines if it could be read.
type CachedFile = (String, Option<Vec<String>>);

/// Reads lines of a package's files.
#[derive(Debug, Default)]
pub(super) struct SourceCache(Mutex<Option<CachedFile>>);

impl SourceCache {
    /// Line `line`, from 1, of `file`, a path in the package.
    pub(super) fn line(&self, package: &Package, file: &str, line: u32) -> Option<String> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(name, _)| name != file) {
            *last = Some((file.to_owned(), package.source_lines(file)));
        }
        last.as_ref()?.1.as_ref()?.get(index).cloned()
    }
}
