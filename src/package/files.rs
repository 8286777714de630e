//! Finds and reads the files of a package.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// How many entries of a package are looked at, at most.
const ENTRIES_LIMIT: usize = 100_000;
/// How deep folders are entered.
const DEPTH_LIMIT: usize = 24;
/// The most bytes of a file that are read.
const FILE_BYTES: u64 = 1 << 20;

/// The bytes of a file, bounded. A pipe or device of that name is not opened.
///
/// # Errors
/// If it cannot be read, is not a file, or has more than 1 MB.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// The paths of the files below `root`, with `/` and sorted, without hidden ones and those of a virtual environment in
/// the author's folder: the plugin imports none of them.
pub(super) fn below(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    walk(root, "", DEPTH_LIMIT, &mut ENTRIES_LIMIT.clone(), &mut files);
    files.sort();
    files
}

fn walk(root: &Path, inside: &str, depth: usize, left: &mut usize, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(inside)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links are not followed: they may lead in a circle, or out of the package.
        let Ok(kind) = entry.file_type() else { continue };
        if *left == 0 || name.starts_with('.') {
            continue;
        }
        *left -= 1;
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if kind.is_dir() && depth > 0 && !entry.path().join("pyvenv.cfg").exists() {
            walk(root, &path, depth - 1, left, files);
        } else if kind.is_file() {
            files.push(path);
        }
    }
}
