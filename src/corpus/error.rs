//! [`CorpusError`]: why a corpus cannot be read or written, and what the user can do about it.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a corpus cannot be read or written.
#[derive(Debug, Error)]
pub enum CorpusError {
    /// There is no such folder.
    #[error("`{0}`: no such folder")]
    Missing(PathBuf),
    /// It is a file.
    #[error("`{0}` is not a folder")]
    NoFolder(PathBuf),
    /// The system refused.
    #[error("`{path}`: cannot {action}: {}", reason(.source))]
    Io {
        /// What hookstorm tried to do.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What the user can do about a [`CorpusError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorpusRemedy {
    /// Name the folder that contains the cases.
    NameFolder,
    /// Make the folder writable, or use another one.
    MakeWritable,
    /// Free space, or use a folder on another disk.
    FreeSpace,
}

impl CorpusError {
    /// What the user can do, if that is known.
    pub fn remedy(&self) -> Option<CorpusRemedy> {
        match self {
            Self::Missing(_) | Self::NoFolder(_) => Some(CorpusRemedy::NameFolder),
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(CorpusRemedy::MakeWritable),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(CorpusRemedy::FreeSpace),
                _ => None,
            },
        }
    }

    /// An argument of `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The system's message without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_reported_with_the_file_and_the_remedy() {
        let error = CorpusError::io("write the case", Path::new("c/1.json"))(ErrorKind::StorageFull.into());
        assert!(error.to_string().starts_with("`c/1.json`: cannot write the case: "), "{error}");
        assert_eq!(error.remedy(), Some(CorpusRemedy::FreeSpace));
    }
}
