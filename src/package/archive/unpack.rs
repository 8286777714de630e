//! Writes the safe entries of an archive to a folder, within its limits.
//!
//! `ZipIterable` and not `ZipArchive`, because the latter keeps one entry of each name, which hides a second `main.py`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use zip::{ZipReadOptions, read::Config, result::ZipError, unstable::read::ZipIterable};

use super::{
    ArchiveLimits,
    listing::{Listing, has_other_local_name, is_folder, list, name, parents, plain},
    problem::{EntryProblems, bomb, not_a_zip, reason},
};
use crate::{
    contract::ARCHIVE_BYTES_LIMIT,
    finding::{Finding, Rule},
};

/// Files that other rules read. They are unpacked first, in case the archive reaches a limit.
const FIRST_FILES: [&str; 2] = ["MANIFEST", "default.cfg"];

/// The content of an archive or folder, as far as it can be read.
#[derive(Debug, Default)]
pub(in crate::package) struct Contents {
    /// The paths of its safe files, with `/`, unpacked or not.
    pub(in crate::package) files: Vec<String>,
}

/// Why unpacking stopped for a reason that is not in the archive.
#[derive(Debug)]
pub(in crate::package) struct WriteError {
    pub(in crate::package) path: PathBuf,
    pub(in crate::package) source: io::Error,
}

/// Unpacks `archive` into `folder`. `None` if nothing in it can be read.
pub(in crate::package) fn unpack(
    archive: File,
    folder: &Path,
    limits: &ArchiveLimits,
    findings: &mut Vec<Finding>,
) -> Result<Option<Contents>, WriteError> {
    let length = archive.metadata().map_or(0, |metadata| metadata.len());
    if length >= ARCHIVE_BYTES_LIMIT {
        let text = format!("the archive has {length} bytes; it must have less than {ARCHIVE_BYTES_LIMIT} (20 MB)");
        let hint = "leave out tests, documentation, compiled files and packages that the platform has".to_owned();
        findings.push(Finding::draft(Rule::ArchiveTooLarge, text).hint(hint).finish());
    }
    let mut zip = match ZipIterable::try_new(BufReader::new(archive), Config::default()) {
        Ok(zip) => zip,
        Err(error) => {
            findings.push(not_a_zip(&error));
            return Ok(None);
        }
    };
    if zip.len() > limits.entries {
        let (count, limit) = (zip.len(), limits.entries);
        findings.push(bomb(format!("the archive has {count} entries; the limit is {limit}; nothing was unpacked")));
        return Ok(None);
    }
    let Some(listing) = list(&mut zip, findings) else { return Ok(None) };
    let mut unpacking = Unpacking {
        folder,
        limits,
        findings,
        listing: &listing,
        unpacked_bytes: 0,
        folders_made: 0,
        unreadable: EntryProblems::new(Rule::ArchiveUnreadable, "cannot be unpacked"),
    };
    for first in [true, false] {
        if !unpacking.pass(&mut zip, first)? {
            break;
        }
    }
    unpacking.unreadable.finish(unpacking.findings);
    Ok(Some(Contents { files: listing.files }))
}

struct Unpacking<'a> {
    folder: &'a Path,
    limits: &'a ArchiveLimits,
    findings: &'a mut Vec<Finding>,
    listing: &'a Listing,
    unpacked_bytes: u64,
    folders_made: usize,
    unreadable: EntryProblems,
}

impl Unpacking<'_> {
    /// Unpacks the files of [`FIRST_FILES`], or all others. False if a limit was reached.
    fn pass(&mut self, zip: &mut ZipIterable<BufReader<File>>, first: bool) -> Result<bool, WriteError> {
        let Ok(iterator) = zip.files() else { return Ok(true) };
        let mut index = 0;
        while let Some(Ok(entry)) = iterator.next() {
            let safe = self.listing.safe.get(index).copied().unwrap_or(false);
            index += 1;
            let name = name(&entry);
            let path = plain(&name);
            if !safe || FIRST_FILES.contains(&path.as_str()) != first {
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
                self.unreadable(&path, "the header before its data has another name than the central directory");
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

    /// Makes the folders above `path`. False if there are too many.
    fn make_folders(&mut self, path: &str) -> Result<bool, WriteError> {
        for parent in parents(path) {
            let target = self.folder.join(parent);
            match fs::create_dir(&target) {
                Ok(()) => self.folders_made += 1,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(WriteError { path: target, source }),
            }
            if self.folders_made > self.limits.entries {
                self.findings.push(bomb(format!("the archive contains more than {} folders", self.limits.entries)));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes one file of `promised` bytes. False if the limit was reached; then the file is removed.
    fn write(&mut self, path: &str, promised: u64, source: &mut impl Read) -> Result<bool, WriteError> {
        let target = self.folder.join(path);
        let failed = |source| WriteError { path: target.clone(), source };
        // On a file system that ignores case, a second name could open the first file again; `create_new` fails then.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).map_err(failed)?;
        let mut buffer = vec![0; 64 << 10];
        let before = self.unpacked_bytes;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => {
                    let length = self.unpacked_bytes - before;
                    if length != promised {
                        // Readers differ in which length they use: Python's `zipfile` uses that of the header.
                        drop(file);
                        let _ = fs::remove_file(&target);
                        self.unreadable(path, &format!("it has {length} bytes, but its header says {promised}"));
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
                self.findings.push(bomb(text));
                return Ok(false);
            }
            file.write_all(&buffer[..count]).map_err(failed)?;
        }
    }

    fn unreadable(&mut self, path: &str, why: &str) {
        self.unreadable.add(path, why);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::package::archive::testing::{archive, patch, unpack_with, unpacked};

    #[test]
    fn a_good_archive_is_unpacked_completely() {
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
