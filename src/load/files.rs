//! [`count_files`].

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many files are counted at most.
const FILES: u64 = 1_000_000;

/// How many files `folder` has at any depth, and how long it took to count them. Links count as files and are not
/// followed.
pub(super) fn count_files(folder: &Path) -> (u64, Duration) {
    let began = Instant::now();
    let mut files = 0;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop()
        && files < FILES
    {
        // A folder that disappears meanwhile has no files.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => files += 1,
            }
        }
    }
    (files, began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_at_any_depth_and_a_link_is_one_of_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for file in ["one", "a/two", "a/b/three"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/b/loop")).unwrap();
        assert_eq!(count_files(folder.path()).0, 4);
        assert_eq!(count_files(&folder.path().join("nowhere")).0, 0);
    }
}
