//! Reads the files that a user names. Reading is bounded, and the text must be UTF-8.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{Error, FileAction};

/// The largest file that is read: far larger than any case or configuration.
const BYTES_LIMIT: u64 = 16 << 20;

/// The text of the file at `path`; if `stdin` is set, the path `-` means standard input.
pub(crate) fn read_text(path: &Path, stdin: bool) -> Result<String, Error> {
    let failed = Error::reading(path);
    let mut bytes = Vec::new();
    if stdin && path.as_os_str() == "-" {
        io::stdin().lock().take(BYTES_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        file.take(BYTES_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > BYTES_LIMIT {
        return Err(failed(io::Error::other("it is larger than 16 MB")));
    }
    String::from_utf8(bytes).map_err(|_| failed(io::Error::other("it is not UTF-8 text")))
}

impl Error {
    /// For `map_err`: `path` cannot be read.
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::File { path: path.to_owned(), action: FileAction::Read, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_files_folders_and_bytes_that_are_not_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let latin = folder.path().join("latin.cfg");
        std::fs::write(&latin, b"name = J\xf6rg").unwrap();
        for (path, why) in [
            (Path::new("/dev/zero"), "larger than 16 MB"),
            (folder.path(), "is a directory"),
            (latin.as_path(), "not UTF-8"),
            (Path::new("no such file"), "no such file or directory"),
        ] {
            let error = read_text(path, true).expect_err("it is refused");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
