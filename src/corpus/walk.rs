//! [`walk`]: finds the files of a corpus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::corpus::CorpusError;

/// The folder of the seeds of `fuzz`.
pub(super) const SEEDS: &str = "seeds";
/// How deep folders are walked.
const DEPTH_LIMIT: usize = 32;

/// Which files of a corpus to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// All but the seeds.
    Tests,
    /// All.
    Everything,
}

/// Every `*.json` below `folder`, except hidden files and folders.
pub(super) fn walk(folder: &Path, what: Walk) -> Result<Vec<PathBuf>, CorpusError> {
    let mut paths = Vec::new();
    walk_into(folder, what, 0, &mut paths)?;
    Ok(paths)
}

fn walk_into(folder: &Path, what: Walk, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    for entry in fs::read_dir(folder).map_err(CorpusError::io("read the folder", folder))? {
        let entry = entry.map_err(CorpusError::io("read the folder", folder))?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && what == Walk::Tests && entry.file_name() == SEEDS {
            continue;
        }
        // Links to files are followed, because mounted volumes have them. Links to folders are not: they can form a
        // loop.
        if is_folder {
            if depth < DEPTH_LIMIT {
                walk_into(&path, what, depth + 1, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "json") && !path.is_dir() {
            paths.push(path);
        }
    }
    Ok(())
}
