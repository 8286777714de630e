//! [`Corpus`]: a folder of cases. The name of a case is its finding's fingerprint or a hash of its content. So many
//! hosts can write into one folder without a coordinator and without duplicates.
//!
//! A file is only ever replaced by a smaller case of the same finding. A file that is not such a case belongs to
//! someone else and stays as it is. Cases can contain secrets, so only their owner can read them.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rustix::fs::Access;

use crate::{
    case::{Case, CaseError},
    corpus::{
        CorpusError,
        atomic_write::{Flush, sweep, write_whole},
        case_key::{fingerprint_of, hash, size},
        read::{read_bounded, read_case},
        walk::{SEEDS, Walk, walk},
    },
};

/// A file of a corpus, and the case in it or why there is none.
pub type CorpusEntry = (PathBuf, Result<Case, CaseError>);

/// A folder of cases.
#[derive(Clone, Debug)]
pub struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// The corpus in `folder`, which does not have to exist: writing the first case creates it. Removes the temporary
    /// files of processes that died.
    ///
    /// # Errors
    /// [`CorpusError::NoFolder`] if the path or a part of it is something else.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, CorpusError> {
        let folder = folder.into();
        if let Some(existing) = nearest(&folder)
            && !existing.is_dir()
        {
            return Err(CorpusError::NoFolder(existing.to_owned()));
        }
        let corpus = Self { folder };
        sweep(&corpus.folder);
        sweep(&corpus.seeds().folder);
        Ok(corpus)
    }

    /// Checks before a run that this user may write here.
    ///
    /// # Errors
    /// [`CorpusError::Io`] if not.
    pub fn must_be_writable(&self) -> Result<(), CorpusError> {
        let existing = nearest(&self.folder).unwrap_or(Path::new("."));
        rustix::fs::access(existing, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| CorpusError::io("write cases here", existing)(error.into()))
    }

    /// The folder's path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The corpus of the seeds of `fuzz`: cases with coverage, in a folder inside this one. Seeds are no regression
    /// tests and may show anything, so [`Corpus::read_all`] leaves them out.
    #[must_use]
    pub fn seeds(&self) -> Self {
        Self { folder: self.folder.join(SEEDS) }
    }

    /// Writes a case and returns its path. A case with a finding is `<fingerprint>.json`. If there already is a case of
    /// this finding, the better one stays: one without a foreign cookie, then with fewer calls, then with fewer bytes.
    ///
    /// # Errors
    /// [`CorpusError::Io`]; then no part of the case is left.
    pub fn write(&self, case: &Case) -> Result<PathBuf, CorpusError> {
        let text = case.to_json();
        let Some(fingerprint) = fingerprint_of(case) else { return self.write_beside(case) };
        let path = self.folder.join(format!("{fingerprint}.json"));
        match Existing::at(&path).map_err(CorpusError::io("read the existing case", &path))? {
            Existing::Nothing => {}
            Existing::Other => return self.write_beside(case),
            Existing::File(bytes) if *Case::without_note(&bytes) == *text.as_bytes() => return Ok(path),
            Existing::File(bytes) => {
                match std::str::from_utf8(&bytes).ok().and_then(|existing| Case::from_json(existing).ok()) {
                    Some(existing) if fingerprint_of(&existing) == Some(fingerprint) => {
                        if size(&existing) <= size(case) {
                            return Ok(path);
                        }
                    }
                    _ => return self.write_beside(case),
                }
            }
        }
        self.write_text(&path, &case.to_file())?;
        Ok(path)
    }

    /// Writes a case under a name made of its content, which no other case has.
    ///
    /// # Errors
    /// As [`Corpus::write`].
    pub fn write_beside(&self, case: &Case) -> Result<PathBuf, CorpusError> {
        let text = case.to_json();
        let hash = hash(text.as_bytes());
        let stem = match fingerprint_of(case) {
            Some(fingerprint) => format!("{fingerprint}-{hash}"),
            None => hash,
        };
        // Hashes can collide, and a user can put another file there.
        let mut path = self.folder.join(format!("{stem}.json"));
        for number in 2.. {
            match Existing::at(&path).map_err(CorpusError::io("read the existing file", &path))? {
                Existing::Nothing => break,
                Existing::File(bytes) if *Case::without_note(&bytes) == *text.as_bytes() => return Ok(path),
                Existing::File(_) | Existing::Other => path = self.folder.join(format!("{stem}-{number}.json")),
            }
        }
        self.write_text(&path, &case.to_file())?;
        Ok(path)
    }

    fn write_text(&self, path: &Path, text: &str) -> Result<(), CorpusError> {
        write_whole(&self.folder, path, text.as_bytes(), Flush::Now)
    }

    /// Every `*.json` below the folder, sorted by path. A file that is not a case is returned with the reason. Only
    /// hidden files, hidden folders and the folders of [`Corpus::seeds`] are left out.
    ///
    /// # Errors
    /// [`CorpusError`] if a folder cannot be read.
    pub fn read_all(&self) -> Result<Vec<CorpusEntry>, CorpusError> {
        if !self.folder.is_dir() {
            return Err(CorpusError::Missing(self.folder.clone()));
        }
        let mut paths = walk(&self.folder, Walk::Tests)?;
        paths.sort();
        Ok(paths.into_iter().map(|path| (read_case(&path), path)).map(|(case, path)| (path, case)).collect())
    }
}

/// The folder, or the nearest of its parents, that exists.
fn nearest(folder: &Path) -> Option<&Path> {
    folder.ancestors().filter(|path| !path.as_os_str().is_empty()).find(|path| path.symlink_metadata().is_ok())
}

/// What exists at the path of a case that is to be written.
enum Existing {
    Nothing,
    /// A file with this content, cut if it is too large for a case.
    File(Vec<u8>),
    /// Something that is not a regular file, or a link to nothing: it belongs to someone else.
    Other,
}

impl Existing {
    fn at(path: &Path) -> io::Result<Self> {
        match read_bounded(path) {
            Ok(Some(bytes)) => Ok(Self::File(bytes)),
            Ok(None) => Ok(Self::Other),
            Err(_) if path.symlink_metadata().is_ok_and(|existing| !existing.is_file()) => Ok(Self::Other),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Nothing),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{
        case::Value,
        corpus::{CorpusRemedy, read::FILE_BYTES_LIMIT, testing::case},
    };

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_known_before_a_run() {
        let folder = tempfile::tempdir().unwrap();
        Corpus::open(folder.path().join("not/yet/there")).unwrap().must_be_writable().unwrap();
        assert!(!folder.path().join("not").exists(), "the check creates nothing");
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Corpus::open(folder.path().join("file/corpus")).unwrap_err();
        assert!(error.to_string().contains("/file` is not a folder"), "{error}");
    }

    #[test]
    fn a_case_is_read_as_it_was_written_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path().join("deep/er")).unwrap();
        let path = corpus.write(&case(2, Some("abc"))).unwrap();
        assert_eq!(path, folder.path().join("deep/er/abc.json"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let [(read_path, read)] = &corpus.read_all().unwrap()[..] else { panic!("one case") };
        assert_eq!((read_path, read.as_ref().unwrap()), (&path, &case(2, Some("abc"))));
    }

    #[test]
    fn the_smaller_case_of_a_finding_stays_in_any_order() {
        for order in [[1, 3], [3, 1]] {
            let folder = tempfile::tempdir().unwrap();
            let corpus = Corpus::open(folder.path()).unwrap();
            for calls in order {
                corpus.write(&case(calls, Some("abc"))).unwrap();
            }
            assert_eq!(names(folder.path()), ["abc.json"]);
            assert_eq!(read_case(&folder.path().join("abc.json")).unwrap(), case(1, Some("abc")));
        }
    }

    #[test]
    fn a_longer_case_without_a_foreign_cookie_replaces_one_with() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let mut foreign = case(1, Some("abc"));
        foreign.session.cookie = Value::Dict(vec![("k".into(), Value::Null)]);
        corpus.write(&foreign).unwrap();
        corpus.write(&case(3, Some("abc"))).unwrap();
        assert_eq!(read_case(&folder.path().join("abc.json")).unwrap(), case(3, Some("abc")));
    }

    #[test]
    fn a_file_that_is_not_a_case_of_the_finding_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        fs::write(folder.path().join("abc.json"), "{\"mine\": 1}").unwrap();
        let path = corpus.write(&case(1, Some("abc"))).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("abc.json")).unwrap(), "{\"mine\": 1}");
        assert_eq!(read_case(&path).unwrap(), case(1, Some("abc")));
    }

    #[test]
    fn a_fingerprint_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path().join("inner")).unwrap();
        let path = corpus.write(&case(1, Some("../outside"))).unwrap();
        assert_eq!(path.parent().unwrap(), folder.path().join("inner"));
        assert_eq!(names(folder.path()), ["inner"]);
    }

    #[test]
    fn cases_without_a_finding_are_named_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let one = corpus.write(&case(1, None)).unwrap();
        assert_eq!(corpus.write(&case(1, None)).unwrap(), one);
        assert_ne!(corpus.write(&case(2, None)).unwrap(), one);
    }

    #[test]
    fn files_that_are_not_cases_are_returned_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a.json"), "{\"name\": \"left-pad\"}").unwrap();
        fs::write(folder.path().join("b.json"), "{\"format\": 9, \"calls\": 3}").unwrap();
        fs::write(folder.path().join("c.json"), b"\xff").unwrap();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        fs::write(folder.path().join(".hookstorm-1.tmp"), "half a ca").unwrap();
        fs::write(folder.path().join("sub/d.json"), case(1, None).to_json()).unwrap();
        let read = corpus.read_all().unwrap();
        let entries: Vec<String> = read
            .iter()
            .map(|(path, case)| {
                let name = path.strip_prefix(folder.path()).unwrap().display();
                format!("{name}: {}", case.as_ref().err().map_or("read".into(), ToString::to_string))
            })
            .collect();
        assert_eq!(
            entries,
            [
                "a.json: missing field `format` at line 1 column 20",
                "b.json: `format` is 9, but this hookstorm reads only format 1: update hookstorm",
                "c.json: the file: is not UTF-8",
                "sub/d.json: read",
            ]
        );
    }

    #[test]
    fn what_is_not_a_regular_file_is_returned_with_the_reason_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder.json")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("link.json")).unwrap();
        std::os::unix::fs::symlink("ring.json", at("ring.json")).unwrap();
        // A reader would wait for a writer of this pipe.
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.json"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        fs::File::create(at("large.json")).unwrap().set_len(FILE_BYTES_LIMIT + 1).unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        for (path, read) in corpus.read_all().unwrap() {
            assert!(read.is_err(), "{}", path.display());
        }
        assert_eq!(corpus.read_all().unwrap().len(), 4, "a folder is walked");
        for name in ["folder", "link", "ring", "pipe", "large"] {
            let before = at(&format!("{name}.json")).symlink_metadata().unwrap().file_type();
            let path = corpus.write(&case(1, Some(name))).unwrap();
            assert_eq!(read_case(&path).unwrap(), case(1, Some(name)), "{name}");
            assert_eq!(at(&format!("{name}.json")).symlink_metadata().unwrap().file_type(), before, "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        // A file in the place of a folder also fails for root, who may write whatever the modes say.
        let corpus = Corpus { folder: folder.path().join("file/corpus") };
        let error = corpus.write(&case(1, Some("abc"))).unwrap_err().to_string();
        assert!(error.contains("file/corpus") && error.contains("cannot"), "{error}");
        assert_eq!(names(folder.path()), ["file"]);

        let read_only =
            CorpusError::io("write the case", Path::new("c/abc.json"))(std::io::ErrorKind::PermissionDenied.into());
        assert_eq!(read_only.remedy(), Some(CorpusRemedy::MakeWritable));
    }

    #[test]
    fn a_missing_folder_and_a_file_have_different_errors() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Corpus::open(folder.path().join("none")).unwrap();
        assert!(matches!(missing.read_all(), Err(CorpusError::Missing(_))));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(Corpus::open(folder.path().join("file")), Err(CorpusError::NoFolder(_))));
    }
}
