//! Unpacks a plugin's archive into a folder, taking nothing in it on trust.
//!
//! Safe on any bytes: what is written stays in the folder, is counted while it streams through a fixed buffer, and ends
//! at the limits, whatever the headers promise. Unsafe entries are reported and skipped; the rest is unpacked, so that
//! the other rules see the package in the same pass. Nothing outside this folder knows the crate `zip`.
//!
//! `ZipIterable` and not `ZipArchive`: the latter keeps one entry of a name, and with that hides the second `main.py`.

mod listing;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use zip::{ZipReadOptions, read::Config, result::ZipError, unstable::read::ZipIterable};

use self::listing::{Listing, has_other_local_name, is_folder, list, name, parents, plain};
use super::{ArchiveLimits, note::note};
use crate::{
    contract::ARCHIVE_BYTES_LIMIT,
    finding::{Finding, Rule},
};

/// How many entries of one archive are reported one by one; the others are counted.
const REPORTED_ENTRIES: usize = 20;
/// Files that other rules read: unpacked first, so that they are there when an archive hits the limit.
const FIRST: [&str; 2] = ["MANIFEST", "default.cfg"];

/// What an archive holds, as far as it can be believed.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The paths of its safe files, with `/`, unpacked or not.
    pub(super) files: Vec<String>,
    /// Whether everything safe was unpacked, so that a file that is not there is missing.
    pub(super) complete: bool,
}

/// Why unpacking stopped for a reason that is not the archive's.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

/// Unpacks `archive` into `folder`. `None` where nothing in it can be read.
pub(super) fn unpack(
    archive: File,
    folder: &Path,
    limits: &ArchiveLimits,
    findings: &mut Vec<Finding>,
) -> Result<Option<Contents>, WriteError> {
    let length = archive.metadata().map_or(0, |metadata| metadata.len());
    if length >= ARCHIVE_BYTES_LIMIT {
        findings.push(
            note(
                Rule::ArchiveTooLarge,
                "",
                format!("the archive has {length} bytes, and must have less than {ARCHIVE_BYTES_LIMIT} (20 MB)"),
            )
            .hint("leave out tests, documentation, compiled files and packages that the platform has")
            .into(),
        );
    }
    let mut zip = match ZipIterable::try_new(BufReader::new(archive), Config::default()) {
        Ok(zip) => zip,
        Err(error) => {
            findings.push(not_a_zip(&error));
            return Ok(None);
        }
    };
    if zip.len() > limits.entries {
        findings.push(too_many(&format!("{} entries", zip.len()), limits));
        return Ok(None);
    }
    let Some(listing) = list(&mut zip, limits, findings) else { return Ok(None) };
    let mut contents = Contents { files: listing.files.clone(), complete: true };
    let mut unpacking =
        Unpacking { folder, limits, findings, listing: &listing, unpacked_bytes: 0, folders_made: 0, unreadable: 0 };
    for first in [true, false] {
        if !unpacking.pass(&mut zip, first)? {
            contents.complete = false;
            break;
        }
    }
    unpacking.close();
    Ok(Some(contents))
}

fn not_a_zip(error: &ZipError) -> Finding {
    note(Rule::ArchiveUnreadable, "", format!("not a readable ZIP archive: {}", reason(error)))
        .hint("a plugin is a `.zip` or its unpacked folder; a file that was cut short must be made or fetched again")
        .into()
}

fn too_many(what: &str, limits: &ArchiveLimits) -> Finding {
    note(
        Rule::ArchiveBomb,
        "",
        format!("the archive has {what}, and {} are the limit; nothing was unpacked", limits.entries),
    )
    .into()
}

/// What went wrong in `error`, in our form of a message.
fn reason(error: &ZipError) -> String {
    let text = match error {
        ZipError::Io(source) => source.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
        // The directory at the end is what makes a file a ZIP.
        ZipError::InvalidArchive(text) if text.contains("EOCD") => "it does not end with a directory of files".into(),
        ZipError::InvalidArchive(text) => text.to_string(),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

struct Unpacking<'a> {
    folder: &'a Path,
    limits: &'a ArchiveLimits,
    findings: &'a mut Vec<Finding>,
    listing: &'a Listing,
    unpacked_bytes: u64,
    folders_made: usize,
    unreadable: usize,
}

impl Unpacking<'_> {
    /// Unpacks the files of [`FIRST`], or all others. False where a limit was hit.
    fn pass(&mut self, zip: &mut ZipIterable<BufReader<File>>, first: bool) -> Result<bool, WriteError> {
        let Ok(iterator) = zip.files() else { return Ok(true) };
        let mut index = 0;
        while let Some(Ok(entry)) = iterator.next() {
            let safe = self.listing.safe.get(index).copied().unwrap_or(false);
            index += 1;
            let name = name(&entry);
            let path = plain(&name);
            if !safe || FIRST.contains(&path.as_str()) != first {
                continue;
            }
            if is_folder(&name) {
                if !self.make_folders(&format!("{path}/"))? {
                    return Ok(false);
                }
                continue;
            }
            if !self.make_folders(&path)? {
                return Ok(false);
            }
            if has_other_local_name(iterator.reader_mut(), &entry) {
                self.unreadable(&path, "the header before its data has another name than the directory");
                continue;
            }
            let promised = entry.size();
            match entry.with_reader(iterator.reader_mut(), ZipReadOptions::new()) {
                Ok(mut file) => {
                    if !self.write(&path, promised, &mut file)? {
                        return Ok(false);
                    }
                }
                Err(error) => self.unreadable(&path, &reason(&error)),
            }
        }
        Ok(true)
    }

    /// Makes the folders above `path`. False where there are too many.
    fn make_folders(&mut self, path: &str) -> Result<bool, WriteError> {
        for parent in parents(path) {
            let target = self.folder.join(parent);
            match fs::create_dir(&target) {
                Ok(()) => self.folders_made += 1,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(WriteError { path: target, source }),
            }
            if self.folders_made > self.limits.entries {
                let text = format!("the archive makes more than {} folders", self.limits.entries);
                self.findings.push(note(Rule::ArchiveBomb, "", text).into());
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes one file of `promised` bytes. False where the limit was hit; its beginning is not kept.
    fn write(&mut self, path: &str, promised: u64, source: &mut impl Read) -> Result<bool, WriteError> {
        let target = self.folder.join(path);
        let failed = |source| WriteError { path: target.clone(), source };
        // A name that differs only in what the file system ignores would open the first one again: `create_new` does not.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).map_err(failed)?;
        let mut buffer = vec![0; 64 << 10];
        let before = self.unpacked_bytes;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => {
                    let length = self.unpacked_bytes - before;
                    if length != promised {
                        // Readers believe one or the other: Python's `zipfile` cuts it at what the header says.
                        drop(file);
                        let _ = fs::remove_file(&target);
                        self.unreadable(path, &format!("it has {length} bytes, and its header says {promised}"));
                    }
                    return Ok(true);
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    drop(file);
                    let _ = fs::remove_file(&target);
                    self.unreadable(path, &reason(&ZipError::Io(error)));
                    return Ok(true);
                }
            };
            self.unpacked_bytes += count as u64;
            if self.unpacked_bytes > self.limits.unpacked_bytes {
                drop(file);
                let _ = fs::remove_file(&target);
                let text = format!(
                    "the archive unpacks to more than {} bytes; unpacking stopped at `{}`",
                    self.limits.unpacked_bytes,
                    path.escape_debug()
                );
                self.findings.push(note(Rule::ArchiveBomb, "", text).into());
                return Ok(false);
            }
            file.write_all(&buffer[..count]).map_err(failed)?;
        }
    }

    fn unreadable(&mut self, path: &str, why: &str) {
        self.unreadable += 1;
        if self.unreadable <= REPORTED_ENTRIES {
            let text = format!("entry `{}` cannot be unpacked: {why}", path.escape_debug());
            self.findings.push(note(Rule::ArchiveUnreadable, path, text).into());
        }
    }

    fn close(self) {
        if self.unreadable > REPORTED_ENTRIES {
            let text = format!("and {} more entries cannot be unpacked", self.unreadable - REPORTED_ENTRIES);
            self.findings.push(note(Rule::ArchiveUnreadable, "\0more", text).into());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Seek};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    pub(in crate::package) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// Replaces `from` by `to`, of the same length, wherever it stands.
    pub(super) fn patch(bytes: &mut [u8], from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }

    pub(super) struct Unpacked {
        pub(super) folder: tempfile::TempDir,
        pub(super) contents: Option<Contents>,
        pub(super) findings: Vec<Finding>,
    }

    fn unpack_with(bytes: &[u8], limits: ArchiveLimits) -> Unpacked {
        let folder = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut findings = Vec::new();
        let contents = unpack(file, folder.path(), &limits, &mut findings).unwrap();
        Unpacked { folder, contents, findings }
    }

    pub(super) fn unpacked(bytes: &[u8]) -> Unpacked {
        unpack_with(bytes, ArchiveLimits::default())
    }

    impl Unpacked {
        pub(super) fn rules(&self) -> Vec<Rule> {
            self.findings.iter().map(|finding| finding.rule).collect()
        }

        pub(super) fn has(&self, path: &str) -> bool {
            self.folder.path().join(path).exists()
        }
    }

    #[test]
    fn an_ordinary_archive_is_unpacked_whole() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.set_comment("a comment").unwrap();
        writer.add_directory("empty/", SimpleFileOptions::default()).unwrap();
        for name in ["MANIFEST", "./main.py", "lib/a/b.py"] {
            writer.start_file(name, SimpleFileOptions::default().unix_permissions(0o4755)).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        let unpacked = unpacked(&writer.finish().unwrap().into_inner());
        assert_eq!(unpacked.findings, []);
        let contents = unpacked.contents.as_ref().unwrap();
        assert_eq!(contents.files, ["MANIFEST", "main.py", "lib/a/b.py"]);
        assert!(unpacked.has("empty"));
        let file = unpacked.folder.path().join("lib/a/b.py");
        assert_eq!(fs::read(&file).unwrap(), b"lib/a/b.py");
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o7111, 0, "no mode of the archive is taken over");
    }

    #[test]
    fn a_bomb_stops_at_the_limit_with_manifest_unpacked() {
        let zeros = vec![0; 3 << 20];
        let bytes = archive(&[("a.py", b"pass"), ("bomb", &zeros), ("late.py", b"pass"), ("MANIFEST", b"api: 1.6")]);
        assert!(bytes.len() < 10_000);
        let unpacked = unpack_with(&bytes, ArchiveLimits { unpacked_bytes: 1 << 20, entries: 10 });
        assert_eq!(unpacked.rules(), [Rule::ArchiveBomb]);
        assert!(unpacked.has("MANIFEST") && unpacked.has("a.py"));
        assert!(!unpacked.has("bomb") && !unpacked.has("late.py"));
        assert!(!unpacked.contents.unwrap().complete);
    }

    #[test]
    fn the_limit_counts_bytes_and_not_what_headers_promise() {
        let zeros = vec![0; 3 << 20];
        let mut bytes = archive(&[("bomb", &zeros)]);
        let promised = u32::try_from(zeros.len()).unwrap().to_le_bytes();
        patch(&mut bytes, &promised, &10_u32.to_le_bytes());
        let unpacked = unpack_with(&bytes, ArchiveLimits { unpacked_bytes: 1 << 20, entries: 10 });
        assert!(!unpacked.findings.is_empty());
        assert!(!unpacked.has("bomb"));
    }

    #[test]
    fn too_many_entries_or_folders_are_a_bomb() {
        let names: Vec<String> = (0..12).map(|number| format!("f{number}")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let limits = ArchiveLimits { unpacked_bytes: 100, entries: 10 };
        let many = unpack_with(&archive(&entries), limits);
        assert_eq!(many.rules(), [Rule::ArchiveBomb]);
        assert!(many.contents.is_none());
        let deep = unpack_with(&archive(&[("a/b/c/d/e/f/x", b""), ("g/h/i/j/k/l/x", b"")]), limits);
        assert_eq!(deep.rules(), [Rule::ArchiveBomb]);
    }

    #[test]
    fn what_is_no_zip_or_cut_short_or_damaged_is_unreadable() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for name in ["a.py", "b.py"] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(format!("the text of {name}").as_bytes()).unwrap();
        }
        let whole = writer.finish().unwrap().into_inner();
        for bytes in [&b"just text"[..], b"", &whole[..whole.len() - 30]] {
            let unpacked = unpacked(bytes);
            assert_eq!(unpacked.rules(), [Rule::ArchiveUnreadable]);
            assert!(unpacked.contents.is_none());
        }
        let mut damaged = whole;
        patch(&mut damaged, b"the text of a.py", b"the tExt of a.py");
        let unpacked = unpacked(&damaged);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnreadable]);
        assert!(unpacked.findings[0].message.contains("`a.py`"), "{}", unpacked.findings[0].message);
        assert!(!unpacked.has("a.py") && unpacked.has("b.py"));
    }

    #[test]
    fn twenty_megabytes_are_too_large_and_still_read() {
        let mut bytes = vec![0; 20 << 20];
        bytes.extend(archive(&[("a.py", b"pass")]));
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveTooLarge]);
        assert!(unpacked.has("a.py"));
    }
}
