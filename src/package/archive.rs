//! Unpacks a plugin's archive into a folder, taking nothing in it on trust.
//!
//! Safe on any bytes: what is written stays in the folder, is counted while it streams through a fixed buffer, and ends
//! at the limits, whatever the headers promise. Unsafe entries are reported and skipped; the rest is unpacked, so that
//! the other rules see the package in the same pass. Nothing but this file knows the crate `zip`.
//!
//! `ZipIterable` and not `ZipArchive`: the latter keeps one entry of a name, and with that hides the second `main.py`.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use zip::{
    ZipReadOptions,
    read::{Config, ZipFileEntry},
    result::ZipError,
    unstable::read::ZipIterable,
};

use super::{ArchiveLimits, note::note};
use crate::{
    contract::ARCHIVE_BYTES_LIMIT,
    finding::{Finding, Rule},
};

/// How many entries of one archive are reported one by one; the others are counted.
const REPORTED_ENTRIES: usize = 20;
/// How long a path may be, in bytes: Linux takes 4096 with the folder before it.
const PATH_BYTES: usize = 3000;
/// How long a part of a path may be, in bytes.
const PART_BYTES: usize = 255;
/// How many parts a path may have. Python packages have few; this bounds the folders that an archive can make.
const PARTS: usize = 64;
/// How many bytes all names together may take in memory.
const NAMES_BYTES: usize = 16 << 20;
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
        ZipError::Io(source) => source.to_string(),
        ZipError::InvalidArchive(text) => text.to_string(),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// What the first pass over the central directory found.
struct Listing {
    /// For each entry in order, whether it may be unpacked.
    safe: Vec<bool>,
    /// The paths of the safe files.
    files: Vec<String>,
}

/// Reads all names and reports the unsafe ones.
fn list(
    zip: &mut ZipIterable<BufReader<File>>,
    limits: &ArchiveLimits,
    findings: &mut Vec<Finding>,
) -> Option<Listing> {
    struct Entry {
        path: String,
        is_folder: bool,
        refused: Option<String>,
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut names_bytes = 0;
    let mut end = None;
    let iterator = match zip.files() {
        Ok(iterator) => iterator,
        Err(error) => {
            findings.push(not_a_zip(&error));
            return None;
        }
    };
    for entry in iterator.by_ref() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let text =
                    format!("entry {} of the central directory cannot be read: {}", entries.len() + 1, reason(&error));
                findings.push(note(Rule::ArchiveUnreadable, "", text).into());
                return None;
            }
        };
        end = Some(entry.central_header_start());
        let name = name(&entry);
        let refused = refusal(&entry, &name);
        let path = if refused.is_some() { shortened(&name) } else { plain(&name) };
        names_bytes += path.len();
        if names_bytes > NAMES_BYTES {
            findings.push(too_many("names that take too much memory", limits));
            return None;
        }
        entries.push(Entry { path, is_folder: is_folder(&name), refused });
    }
    if let Some(start) = end
        && has_more_entries(iterator.reader_mut(), start)
    {
        let text = format!("the archive declares {} entries and has more", entries.len());
        findings.push(note(Rule::ArchiveUnreadable, "declared", text).into());
    }

    let files: HashSet<&str> = entries
        .iter()
        .filter(|entry| !entry.is_folder && entry.refused.is_none())
        .map(|entry| entry.path.as_str())
        .collect();
    let mut seen = HashSet::new();
    let mut refused = Vec::new();
    let mut safe = Vec::with_capacity(entries.len());
    for entry in &entries {
        let why = match &entry.refused {
            Some(why) => Some(why.clone()),
            None if entry.path.is_empty() => None,
            None if !seen.insert(entry.path.as_str()) => Some("its name stands twice".to_owned()),
            None => parents(&entry.path)
                .find(|parent| files.contains(parent))
                .map(|parent| format!("`{}` is a file in the same archive", parent.escape_debug())),
        };
        safe.push(why.is_none() && !entry.path.is_empty());
        if let Some(why) = why {
            refused.push((entry.path.as_str(), why));
        }
    }
    for (path, why) in refused.iter().take(REPORTED_ENTRIES) {
        let text = format!("entry `{}` was not unpacked: {why}", path.escape_debug());
        findings.push(note(Rule::ArchiveUnsafeEntry, path, text).into());
    }
    if refused.len() > REPORTED_ENTRIES {
        let text = format!("and {} more entries were not unpacked", refused.len() - REPORTED_ENTRIES);
        findings.push(note(Rule::ArchiveUnsafeEntry, "\0more", text).into());
    }
    let files = entries
        .iter()
        .zip(&safe)
        .filter(|(entry, safe)| **safe && !entry.is_folder)
        .map(|(entry, _)| entry.path.clone())
        .collect();
    Some(Listing { safe, files })
}

/// The entry's name as text. What is no text has no meaning either: shown, and refused by [`refusal`].
fn name(entry: &ZipFileEntry<'_>) -> String {
    entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned(), |name| name.into_owned())
}

fn is_folder(name: &str) -> bool {
    name.ends_with('/')
}

/// Why an entry may not be unpacked, by what it says of itself.
fn refusal(entry: &ZipFileEntry<'_>, name: &str) -> Option<String> {
    /// The kind of file in a Unix mode.
    const KIND: u32 = 0o170_000;
    let bytes = entry.name_raw();
    let mut drive = name.chars();
    let has_drive = drive.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && drive.next() == Some(':');
    // Python reads a mode whatever system the entry says it comes from.
    let kind = (entry.external_attributes() >> 16) & KIND;
    let why = if entry.name().is_err() {
        "its name is not UTF-8, though it says so"
    } else if name.is_empty() {
        "it has no name"
    } else if bytes.contains(&0) || name.contains('\0') {
        "its name holds a NUL"
    } else if name.starts_with(['/', '\\']) {
        "its path is absolute"
    } else if has_drive {
        "its path begins with a drive letter"
    } else if name.split(['/', '\\']).any(|part| part == "..") {
        "its path holds `..`"
    } else if name.contains('\\') {
        "its path holds a backslash, where a ZIP has `/`"
    } else if entry.is_symlink() || kind == 0o120_000 {
        "it is a symlink"
    } else if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        "it is neither a file nor a folder"
    } else if entry.encrypted() {
        "it is encrypted"
    } else if name.len() > PATH_BYTES || name.split('/').any(|part| part.len() > PART_BYTES) {
        return Some(format!("its name is too long ({} bytes)", name.len()));
    } else if name.split('/').count() > PARTS {
        "its path is too deep"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// The path without what means nothing: `.`, doubled and closing slashes.
fn plain(name: &str) -> String {
    name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// The beginning of a name, for a message.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The folders above `path`, outermost first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// Whether another header follows the one at `start`, which is the last that the archive declares. Readers that go by
/// the directory's size, Python's for one, would see it.
fn has_more_entries(reader: &mut BufReader<File>, start: u64) -> bool {
    fn read<const N: usize>(reader: &mut BufReader<File>, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        reader.seek(SeekFrom::Start(at)).ok()?;
        reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
    const HEADER_BYTES: u64 = 46;
    let Some(header) = read::<46>(reader, start) else { return false };
    let rest: u64 = [28, 30, 32].iter().map(|&at| u64::from(u16::from_le_bytes([header[at], header[at + 1]]))).sum();
    read::<4>(reader, start + HEADER_BYTES + rest) == Some(*b"PK\x01\x02")
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
            match entry.with_reader(iterator.reader_mut(), ZipReadOptions::new()) {
                Ok(mut file) => {
                    if !self.write(&path, &mut file)? {
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

    /// Writes one file. False where the limit was hit; its beginning is not kept.
    fn write(&mut self, path: &str, source: &mut impl Read) -> Result<bool, WriteError> {
        let target = self.folder.join(path);
        let failed = |source| WriteError { path: target.clone(), source };
        // A name that differs only in what the file system ignores would open the first one again: `create_new` does not.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).map_err(failed)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => return Ok(true),
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
