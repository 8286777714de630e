//! A folder of cases. A case is written to a temporary file beside its place, flushed to the disk and renamed: whoever
//! looks sees the whole of it or nothing, also after the power failed. Its name is its finding's fingerprint, or a hash of
//! its content, so that many hosts can write into one folder without a coordinator and without doing work twice.
//!
//! What stands there already is only ever replaced by a smaller case of the same finding. A file that is no such case is
//! somebody else's, and is left alone. Cases can hold secrets: they are readable for their owner only.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, OFlags};

use crate::{
    case::{Case, CaseError},
    corpus::{CorpusError, temporary},
};

/// No case comes near this; something else does, and must not cost memory.
const FILE_BYTES_LIMIT: u64 = 16 << 20;
/// The folder for what `fuzz` learned.
const SEEDS: &str = "seeds";
/// How deep folders are walked.
const DEPTH_LIMIT: usize = 32;

/// A file of a corpus, and what it holds.
pub type CorpusEntry = (PathBuf, Result<Case, CaseError>);

/// The nearest of the folder and those that it lies in that is there.
fn nearest(folder: &Path) -> Option<&Path> {
    folder.ancestors().filter(|path| !path.as_os_str().is_empty()).find(|path| path.symlink_metadata().is_ok())
}

/// A folder of cases.
#[derive(Clone, Debug)]
pub struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// The corpus in `folder`, which need not be there yet: the first case makes it. Temporary files of writers that died
    /// are removed.
    ///
    /// # Errors
    /// [`CorpusError::NoFolder`] where something else has that name.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, CorpusError> {
        let folder = folder.into();
        if let Some(there) = nearest(&folder)
            && !there.is_dir()
        {
            return Err(CorpusError::NoFolder(there.to_owned()));
        }
        let corpus = Self { folder };
        temporary::sweep(&corpus.folder);
        temporary::sweep(&corpus.seeds().folder);
        Ok(corpus)
    }

    /// Sees, before anything is found, that this user may write here.
    ///
    /// # Errors
    /// [`CorpusError::Io`] where not.
    pub fn must_be_writable(&self) -> Result<(), CorpusError> {
        let there = nearest(&self.folder).unwrap_or(Path::new("."));
        rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| CorpusError::io("write cases here", there)(error.into()))
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `fuzz` learned: cases that bring coverage, in a folder of their own inside this one. They are no regression
    /// tests and may show anything, so [`Corpus::read_all`] leaves them out.
    #[must_use]
    pub fn seeds(&self) -> Self {
        Self { folder: self.folder.join(SEEDS) }
    }

    /// Writes a case and gives back its file. A case with a finding is `<fingerprint>.json`; where another case of that
    /// finding stands already, the better one stays: one without a foreign cookie, then fewer calls, then fewer bytes.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and then nothing is left behind.
    pub fn write(&self, case: &Case) -> Result<PathBuf, CorpusError> {
        let text = case.to_json();
        let Some(fingerprint) = fingerprint_of(case) else { return self.write_beside(case) };
        let path = self.folder.join(format!("{fingerprint}.json"));
        match standing(&path).map_err(CorpusError::io("read the case that stands there", &path))? {
            Standing::Nothing => {}
            Standing::Foreign => return self.write_beside(case),
            Standing::File(bytes) if *Case::without_note(&bytes) == *text.as_bytes() => return Ok(path),
            Standing::File(bytes) => {
                match std::str::from_utf8(&bytes).ok().and_then(|there| Case::from_json(there).ok()) {
                    Some(there) if fingerprint_of(&there) == Some(fingerprint) => {
                        if size(&there) <= size(case) {
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

    /// Writes a case under a name made of its content, so that nothing can stand in its way.
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
        // A hash can collide, or somebody can have put another file there.
        let mut path = self.folder.join(format!("{stem}.json"));
        for number in 2.. {
            match standing(&path).map_err(CorpusError::io("read the file that stands there", &path))? {
                Standing::Nothing => break,
                Standing::File(bytes) if *Case::without_note(&bytes) == *text.as_bytes() => return Ok(path),
                Standing::File(_) | Standing::Foreign => path = self.folder.join(format!("{stem}-{number}.json")),
            }
        }
        self.write_text(&path, &case.to_file())?;
        Ok(path)
    }

    fn write_text(&self, path: &Path, text: &str) -> Result<(), CorpusError> {
        write_whole(&self.folder, path, text.as_bytes(), Flush::Now)
    }

    /// Every `*.json` below the folder, sorted by path. A file that is no case is given back with the reason; nothing is
    /// skipped in silence but hidden files and folders, and the folders of [`Corpus::seeds`].
    ///
    /// # Errors
    /// [`CorpusError`] where a folder cannot be read.
    pub fn read_all(&self) -> Result<Vec<CorpusEntry>, CorpusError> {
        if !self.folder.is_dir() {
            return Err(CorpusError::Missing(self.folder.clone()));
        }
        let mut paths = Vec::new();
        walk(&self.folder, Walk::Tests, 0, &mut paths)?;
        paths.sort();
        Ok(paths.into_iter().map(|path| (read_case(&path), path)).map(|(case, path)| (path, case)).collect())
    }
}

/// Reads one case from its file.
///
/// # Errors
/// [`CaseError`] where the file cannot be read, is too large, no text or no case.
pub fn read_case(path: &Path) -> Result<Case, CaseError> {
    let malformed = |problem: String| CaseError::Malformed { place: "the file".into(), problem };
    let bytes = read_bounded(path).map_err(|error| malformed(format!("cannot be read: {error}")))?;
    let Some(bytes) = bytes else { return Err(malformed("is no file, and a case is one".into())) };
    if bytes.len() as u64 > FILE_BYTES_LIMIT {
        return Err(malformed(format!("has more than {} MB, which no case has", FILE_BYTES_LIMIT >> 20)));
    }
    Case::from_json(&String::from_utf8(bytes).map_err(|_| malformed("is not UTF-8".into()))?)
}

/// The bytes of a file, of one that is too large a few more than the limit; `None` where it is a pipe, a device, a folder:
/// who reads those may wait for ever.
fn read_bounded(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = fs::File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// What stands where a case is to be written.
enum Standing {
    /// Nothing.
    Nothing,
    /// A file with this content, cut where it is too large for a case.
    File(Vec<u8>),
    /// Something that is no file, or a link to nothing: somebody else's.
    Foreign,
}

fn standing(path: &Path) -> std::io::Result<Standing> {
    match read_bounded(path) {
        Ok(Some(bytes)) => Ok(Standing::File(bytes)),
        Ok(None) => Ok(Standing::Foreign),
        Err(_) if path.symlink_metadata().is_ok_and(|there| !there.is_file()) => Ok(Standing::Foreign),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Standing::Nothing),
        Err(error) => Err(error),
    }
}

/// When a file must be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// Before anybody counts on it: it is the only one.
    Now,
    /// When the system likes: it can be had again.
    Later,
}

/// Puts `bytes` at `path`, which lies in `folder`: whole or not at all.
///
/// # Errors
/// [`CorpusError::Io`], and then nothing is left behind.
pub(super) fn write_whole(folder: &Path, path: &Path, bytes: &[u8], flush: Flush) -> Result<(), CorpusError> {
    fs::create_dir_all(folder).map_err(CorpusError::io("make the folder", folder))?;
    // Removed when anything below fails.
    let mut file = temporary::file_in(folder).map_err(CorpusError::io("write the case", path))?;
    file.write_all(bytes)
        .and_then(|()| if flush == Flush::Now { file.as_file().sync_all() } else { Ok(()) })
        .map_err(CorpusError::io("write the case", path))?;
    file.persist(path).map_err(|error| CorpusError::io("write the case", path)(error.error))?;
    if flush == Flush::Now {
        // Not every file system can flush a folder; the file itself is safe by now.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// What of a corpus is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// What [`Corpus::read_all`] reads.
    Tests,
    /// That, and what `fuzz` learned.
    Everything,
}

/// Every `*.json` below `folder`.
pub(super) fn walk(folder: &Path, what: Walk, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
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
        // Links to files are followed, as mounted volumes have them; links to folders are not, since they can run in rings.
        if is_folder {
            if depth < DEPTH_LIMIT {
                walk(&path, what, depth + 1, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "json") && !path.is_dir() {
            paths.push(path);
        }
    }
    Ok(())
}

/// The fingerprint that names the case's file. One that could climb out of the folder names nothing.
pub(super) fn fingerprint_of(case: &Case) -> Option<&str> {
    let fingerprint = case.found.as_ref()?.fingerprint.as_str();
    let is_plain = !fingerprint.is_empty()
        && fingerprint.len() <= 64
        && fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(fingerprint)
}

/// What makes one case better than another: smaller is better. Foreign cookies come first, since the platform never
/// passes one.
pub(crate) fn size(case: &Case) -> (bool, usize, usize) {
    let sessions = || case.earlier.iter().chain([&case.session]);
    let foreign = sessions().any(|session| session.has_foreign_cookie());
    (foreign, sessions().map(|session| session.calls.len()).sum(), case.to_json().len())
}

/// FNV-1a, 64 bits: a name, not a seal.
pub(super) fn hash(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{case::Value, corpus::remote::testing::case};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_known_before_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        Corpus::open(folder.path().join("not/yet/there")).unwrap().must_be_writable().unwrap();
        assert!(!folder.path().join("not").exists(), "looking leaves nothing behind");
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Corpus::open(folder.path().join("file/corpus")).unwrap_err();
        assert!(error.to_string().contains("/file` is no folder"), "{error}");
    }

    #[test]
    fn a_case_comes_back_as_it_was_written_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path().join("deep/er")).unwrap();
        let path = corpus.write(&case(2, Some("abc"))).unwrap();
        assert_eq!(path, folder.path().join("deep/er/abc.json"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let [(read_path, read)] = &corpus.read_all().unwrap()[..] else { panic!("one case") };
        assert_eq!((read_path, read.as_ref().unwrap()), (&path, &case(2, Some("abc"))));
    }

    #[test]
    fn the_smaller_case_of_a_finding_stays_whichever_comes_first() {
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
    fn a_case_with_a_foreign_cookie_gives_way_to_a_longer_one_without() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let mut foreign = case(1, Some("abc"));
        foreign.session.cookie = Value::Dict(vec![("k".into(), Value::Null)]);
        corpus.write(&foreign).unwrap();
        corpus.write(&case(3, Some("abc"))).unwrap();
        assert_eq!(read_case(&folder.path().join("abc.json")).unwrap(), case(3, Some("abc")));
    }

    #[test]
    fn what_is_no_case_of_that_finding_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        fs::write(folder.path().join("abc.json"), "{\"mine\": 1}").unwrap();
        let path = corpus.write(&case(1, Some("abc"))).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("abc.json")).unwrap(), "{\"mine\": 1}");
        assert_eq!(read_case(&path).unwrap(), case(1, Some("abc")));
    }

    #[test]
    fn a_fingerprint_cannot_climb_out_of_the_folder() {
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
    fn foreign_later_and_broken_files_are_told_and_the_others_are_read() {
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
        let told: Vec<String> = read
            .iter()
            .map(|(path, case)| {
                let name = path.strip_prefix(folder.path()).unwrap().display();
                format!("{name}: {}", case.as_ref().err().map_or("read".into(), ToString::to_string))
            })
            .collect();
        assert_eq!(
            told,
            [
                "a.json: missing field `format` at line 1 column 20",
                "b.json: `format` is 9, and this hookstorm reads format 1: update hookstorm",
                "c.json: the file: is not UTF-8",
                "sub/d.json: read",
            ]
        );
    }

    #[test]
    fn what_is_no_file_is_told_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder.json")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("link.json")).unwrap();
        std::os::unix::fs::symlink("ring.json", at("ring.json")).unwrap();
        // A pipe without a writer, which a reader would wait for.
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
    fn a_folder_that_cannot_be_written_is_named_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        // A file where a folder should be fails for root as well, whom no mode stops.
        let corpus = Corpus { folder: folder.path().join("file/corpus") };
        let error = corpus.write(&case(1, Some("abc"))).unwrap_err().to_string();
        assert!(error.contains("file/corpus") && error.contains("cannot"), "{error}");
        assert_eq!(names(folder.path()), ["file"]);

        let read_only =
            CorpusError::io("write the case", Path::new("c/abc.json"))(std::io::ErrorKind::PermissionDenied.into());
        assert!(
            read_only.to_string().ends_with("make the folder writable for this user, or give another with `--corpus`")
        );
    }

    #[test]
    fn no_folder_and_a_file_as_folder_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Corpus::open(folder.path().join("none")).unwrap();
        assert!(matches!(missing.read_all(), Err(CorpusError::Missing(_))));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(Corpus::open(folder.path().join("file")), Err(CorpusError::NoFolder(_))));
    }
}
