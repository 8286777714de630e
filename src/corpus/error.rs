//! [`CorpusError`]: every message names the file and what to do.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a corpus cannot be read or written.
#[derive(Debug, Error)]
pub enum CorpusError {
    /// There is no such folder.
    #[error("`{0}`: no such folder; give the folder that holds the cases with `--corpus`")]
    Missing(PathBuf),
    /// It is not a folder.
    #[error("`{0}` is not a folder; give the folder that holds the cases with `--corpus`")]
    NoFolder(PathBuf),
    /// The system returned an error.
    #[error("`{path}`: cannot {action}: {}{}", message(.source), remedy(.source))]
    Io {
        /// What hookstorm tried to do.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl CorpusError {
    /// An argument of `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The system's message, without its number.
fn message(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// What to do, if that is known.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; make the folder writable for this user, or give another with `--corpus`"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; make room on the disk, or give a folder elsewhere with `--corpus`"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_with_the_file_and_the_remedy() {
        let error = CorpusError::io("write the case", Path::new("c/1.json"))(ErrorKind::StorageFull.into()).to_string();
        assert!(error.starts_with("`c/1.json`: cannot write the case: "), "{error}");
        assert!(error.ends_with("make room on the disk, or give a folder elsewhere with `--corpus`"), "{error}");
    }
}
