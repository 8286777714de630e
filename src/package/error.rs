//! Why a package cannot be opened.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a package cannot be opened. The first two are wrong use, the others failures of the machine.
#[derive(Debug, Error)]
pub enum PackageError {
    /// There is no file at the path.
    #[error("`{}` does not exist", path.display())]
    NoSuchFile {
        /// The path as given.
        path: PathBuf,
    },
    /// There is something at the path that cannot be a plugin.
    #[error("`{}` is not a plugin: {reason}", path.display())]
    NotAPlugin {
        /// The path as given.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Io {
        /// The file that cannot be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The archive cannot be written to the scratch folder.
    #[error("`{}`: it cannot be unpacked into `{}`: {source}", archive.display(), path.display())]
    Scratch {
        /// The archive.
        archive: PathBuf,
        /// The file that cannot be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
