//! Reads the names in an archive's central directory and finds the entries that must not be unpacked.
//!
//! Bounded: the memory for names is counted. The author of the plugin reads the reasons, so each says what is wrong
//! with the entry, not which attack it could be.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
};

use zip::{read::ZipFileEntry, unstable::read::ZipIterable};

use super::problem::{BACKSLASH, EntryProblems, bomb, not_a_zip, reason};
use crate::finding::{Finding, Rule};

/// How long a path may be, in bytes: Linux allows 4096, including the folder before it.
const PATH_BYTES: usize = 3000;
/// How long a part of a path may be, in bytes.
const PART_BYTES: usize = 255;
/// How many parts a path may have. Python packages have few; this bounds the folders that an archive contains.
const PARTS: usize = 64;
/// How many bytes all names together may take in memory.
const NAMES_BYTES: usize = 16 << 20;

/// What the first pass over the central directory found.
pub(super) struct Listing {
    /// For each entry in order, whether it may be unpacked.
    pub(super) safe: Vec<bool>,
    /// The paths of the safe files.
    pub(super) files: Vec<String>,
}

/// Reads all names and reports the unsafe ones.
pub(super) fn list(zip: &mut ZipIterable<BufReader<File>>, findings: &mut Vec<Finding>) -> Option<Listing> {
    struct ListedEntry {
        path: String,
        is_folder: bool,
        refused: Option<String>,
    }
    let mut entries: Vec<ListedEntry> = Vec::new();
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
                findings.push(Finding::draft(Rule::ArchiveUnreadable, text).finish());
                return None;
            }
        };
        end = Some(entry.central_header_start());
        let name = name(&entry);
        let refused = refusal(&entry, &name);
        let path = if refused.is_some() { shortened(&name) } else { plain(&name) };
        names_bytes += path.len();
        if names_bytes > NAMES_BYTES {
            let limit = NAMES_BYTES >> 20;
            findings.push(bomb(format!("the names of its entries need more than {limit} MB; nothing was unpacked")));
            return None;
        }
        entries.push(ListedEntry { path, is_folder: is_folder(&name), refused });
    }
    if let Some(start) = end
        && has_more_entries(iterator.reader_mut(), start)
    {
        let text = format!("the archive has more entries than the {} that it declares", entries.len());
        findings.push(Finding::draft(Rule::ArchiveUnreadable, text).detail("declared").finish());
    }

    let files: HashSet<&str> = entries
        .iter()
        .filter(|entry| !entry.is_folder && entry.refused.is_none())
        .map(|entry| entry.path.as_str())
        .collect();
    let mut seen = HashSet::new();
    let mut unsafe_entries = EntryProblems::new(Rule::ArchiveUnsafeEntry, "must not be unpacked");
    let mut safe = Vec::with_capacity(entries.len());
    for entry in &entries {
        let why = match &entry.refused {
            Some(why) => Some(why.clone()),
            None if entry.path.is_empty() => None,
            None if !seen.insert(entry.path.as_str()) => Some("the name appears twice".to_owned()),
            None => parents(&entry.path)
                .find(|parent| files.contains(parent))
                .map(|parent| format!("`{}` is a file in the same archive", parent.escape_debug())),
        };
        safe.push(why.is_none() && !entry.path.is_empty());
        if let Some(why) = why {
            unsafe_entries.add(&entry.path, &why);
        }
    }
    unsafe_entries.finish(findings);
    let files = entries
        .iter()
        .zip(&safe)
        .filter(|(entry, safe)| **safe && !entry.is_folder)
        .map(|(entry, _)| entry.path.clone())
        .collect();
    Some(Listing { safe, files })
}

/// The entry's name as text. [`refusal`] refuses a name that is not text.
pub(super) fn name(entry: &ZipFileEntry<'_>) -> String {
    entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned(), |name| name.into_owned())
}

pub(super) fn is_folder(name: &str) -> bool {
    name.ends_with('/')
}

/// Why an entry may not be unpacked, according to its own header.
fn refusal(entry: &ZipFileEntry<'_>, name: &str) -> Option<String> {
    /// The kind of file in a Unix mode.
    const KIND: u32 = 0o170_000;
    let bytes = entry.name_raw();
    let mut drive = name.chars();
    let has_drive = drive.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && drive.next() == Some(':');
    // Python uses the mode for every system that the entry says it comes from.
    let kind = (entry.external_attributes() >> 16) & KIND;
    // The crate decodes such a name with another code page; Python's `zipfile` refuses the whole archive.
    let says_utf8 = entry.flags().as_u16() & (1 << 11) != 0;
    let why = if entry.name().is_err() || says_utf8 && std::str::from_utf8(bytes).is_err() {
        "the name is not UTF-8, although it is marked as UTF-8"
    } else if name.is_empty() {
        "it has no name"
    } else if bytes.contains(&0) || name.contains('\0') {
        "the name contains a NUL"
    } else if name.starts_with(['/', '\\']) {
        "the path is absolute"
    } else if has_drive {
        "the path begins with a drive letter"
    } else if name.split(['/', '\\']).any(|part| part == "..") {
        "the path contains `..`"
    } else if name.contains('\\') {
        BACKSLASH
    } else if entry.is_symlink() || kind == 0o120_000 {
        "it is a symlink"
    } else if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        "it is neither a file nor a folder"
    } else if entry.encrypted() {
        "it is encrypted"
    } else if name.len() > PATH_BYTES || name.split('/').any(|part| part.len() > PART_BYTES) {
        return Some(format!("the name is too long ({} bytes)", name.len()));
    } else if name.split('/').count() > PARTS {
        "the path is too deep"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// The path without parts that mean nothing: `.`, doubled and final slashes.
pub(super) fn plain(name: &str) -> String {
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
pub(super) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// Whether another header follows the one at `start`, which is the last that the archive declares. Readers that use the
/// size of the directory, as Python's does, find it.
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

/// Whether the header before an entry's data has another name than the directory. Python's `zipfile` refuses such an
/// entry. If there is no header, unpacking reports that.
pub(super) fn has_other_local_name(reader: &mut BufReader<File>, entry: &ZipFileEntry<'_>) -> bool {
    const NAME_LENGTH: usize = 26;
    let name = entry.name_raw();
    let mut header = [0; 30];
    if reader.seek(SeekFrom::Start(entry.header_start())).is_err()
        || reader.read_exact(&mut header).is_err()
        || !header.starts_with(b"PK\x03\x04")
    {
        return false;
    }
    let length = u16::from_le_bytes([header[NAME_LENGTH], header[NAME_LENGTH + 1]]);
    let mut local = vec![0; usize::from(length)];
    reader.read_exact(&mut local).is_ok_and(|()| local != name)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::{
        finding::Severity,
        package::archive::testing::{archive, patch, unpacked},
    };

    #[test]
    fn every_unsafe_entry_is_reported_and_skipped_and_the_rest_is_unpacked() {
        let names = ["Aabs.py", "BB/up.py", "C_drive.py", "DD_climb.py", "EnulE.py", "Fback.py", "MANIFEST"];
        let mut bytes = archive(&names.map(|name| (name, &b"x"[..])));
        for (from, to) in [
            ("Aabs.py", "/abs.py"),
            ("BB/up.py", "../up.py"),
            ("C_drive.py", "C:drive.py"),
            ("DD_climb.py", "..\\climb.py"),
            ("EnulE.py", "Enul\0.py"),
            ("Fback.py", "F\\ack.py"),
        ] {
            patch(&mut bytes, from.as_bytes(), to.as_bytes());
        }
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnsafeEntry; 5], "{:?}", unpacked.findings);
        for (finding, word) in unpacked.findings.iter().zip(["absolute", "`..`", "drive letter", "NUL", "backslash"]) {
            assert!(finding.message.contains(word), "{}", finding.message);
            assert_eq!(finding.severity, Severity::Error);
        }
        let climbs = &unpacked.findings[1].message;
        assert!(
            climbs.starts_with("2 entries must not be unpacked, `../up.py`, `..\\\\climb.py`: of each, "),
            "{climbs}"
        );
        assert_eq!(unpacked.contents.as_ref().unwrap().files, ["MANIFEST"]);
        assert_eq!(fs::read_dir(unpacked.folder.path()).unwrap().count(), 1);
        assert!(!unpacked.folder.path().parent().unwrap().join("up.py").exists());
    }

    #[test]
    fn symlinks_encrypted_entries_and_long_names_are_unsafe() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link.py", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        writer.start_file("n".repeat(300), SimpleFileOptions::default()).unwrap();
        writer.start_file("d/".repeat(70) + "deep.py", SimpleFileOptions::default()).unwrap();
        writer.start_file("locked.py", SimpleFileOptions::default()).unwrap();
        let mut bytes = writer.finish().unwrap().into_inner();
        // The flag of the last central header says that the entry is encrypted.
        let header = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        bytes[header + 8] |= 1;
        let unpacked = unpacked(&bytes);
        let messages: Vec<&str> = unpacked.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnsafeEntry; 4], "{messages:?}");
        for (message, word) in messages.iter().zip(["symlink", "too long", "too deep", "encrypted"]) {
            assert!(message.contains(word), "{message}");
        }
        assert_eq!(fs::read_dir(unpacked.folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_appears_twice_is_unsafe_even_if_written_differently() {
        let mut bytes =
            archive(&[("main.py", b"1"), ("mAin.py", b"2"), ("././Xa", b"3"), ("Yib", b"5"), ("Zib/c", b"6")]);
        patch(&mut bytes, b"mAin.py", b"main.py");
        patch(&mut bytes, b"Zib/c", b"Yib/c");
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnsafeEntry; 2], "{:?}", unpacked.findings);
        assert!(unpacked.findings[0].message.contains("`main.py` must not be unpacked: the name appears twice"));
        assert!(unpacked.findings[1].message.contains("`Yib` is a file in the same archive"));
        assert_eq!(fs::read(unpacked.folder.path().join("main.py")).unwrap(), b"1");
        assert!(unpacked.has("Xa"));
    }

    #[test]
    fn a_name_that_says_it_is_utf_8_and_is_not_is_unsafe() {
        let mut bytes = archive(&[("MANIFEST", b"x"), ("na\u{e9}f.py", b"x")]);
        patch(&mut bytes, "na\u{e9}f.py".as_bytes(), b"na\xff\xfef.py");
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnsafeEntry], "{:?}", unpacked.findings);
        assert!(unpacked.findings[0].message.contains("is not UTF-8"));
        assert_eq!(unpacked.contents.as_ref().unwrap().files, ["MANIFEST"]);
    }

    #[test]
    fn an_entry_that_has_another_size_than_its_header_says_is_unreadable() {
        let text = b"the text, twice the text, and then the text".repeat(40);
        let promised = u32::try_from(text.len()).unwrap();
        for lie in [promised - 1, promised + 1] {
            let mut bytes = archive(&[("a.py", &text), ("b.py", b"pass")]);
            patch(&mut bytes, &promised.to_le_bytes(), &lie.to_le_bytes());
            let unpacked = unpacked(&bytes);
            assert_eq!(unpacked.rules(), [Rule::ArchiveUnreadable], "{lie}");
            assert!(!unpacked.has("a.py") && unpacked.has("b.py"), "{lie}");
        }
    }

    #[test]
    fn an_entry_whose_two_headers_disagree_about_its_name_is_unreadable() {
        // Python's `zipfile` refuses it, and readers that use the local headers unpack another file.
        let mut bytes = archive(&[("MANIFEST", b"api: 1.6"), ("main.py", b"pass")]);
        let local = bytes.windows(7).position(|window| window == b"main.py").unwrap();
        bytes[local..local + 7].copy_from_slice(b"mein.py");
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnreadable]);
        assert!(unpacked.findings[0].message.contains("`main.py` cannot be unpacked"), "{:?}", unpacked.findings);
        assert!(unpacked.has("MANIFEST") && !unpacked.has("main.py") && !unpacked.has("mein.py"));
    }

    #[test]
    fn entries_with_one_fault_are_one_finding_that_says_how_to_pack() {
        let names: Vec<String> = (0..30).map(|number| format!("lib/{number}")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let mut bytes = archive(&entries);
        while bytes.windows(4).any(|window| window == b"lib/") {
            patch(&mut bytes, b"lib/", b"lib\\");
        }
        let unpacked = unpacked(&bytes);
        let [finding] = &unpacked.findings[..] else { panic!("{:?}", unpacked.findings) };
        assert_eq!(
            finding.message,
            r"30 entries must not be unpacked, `lib\\0`, `lib\\1`, `lib\\2` and 27 more: of each, the path contains a backslash; a ZIP uses `/`"
        );
        assert!(finding.hint.as_ref().is_some_and(|hint| hint.contains("zip -r")), "{finding:?}");
    }

    #[test]
    fn many_unsafe_entries_are_counted() {
        // The length of each name is part of the reason.
        let names: Vec<String> = (10..40).map(|number| format!("{number}{}", "n".repeat(300 + number))).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let unpacked = unpacked(&archive(&entries));
        assert_eq!(unpacked.findings.len(), 21);
        assert_eq!(unpacked.findings[20].message, "10 more entries must not be unpacked");
        let fingerprints: HashSet<&str> =
            unpacked.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
        assert_eq!(fingerprints.len(), 21);
    }

    #[test]
    fn entries_beyond_the_declared_number_are_reported() {
        let mut bytes = archive(&[("a.py", b""), ("b.py", b"")]);
        let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
        bytes[end + 8] = 1;
        bytes[end + 10] = 1;
        let unpacked = unpacked(&bytes);
        assert_eq!(unpacked.rules(), [Rule::ArchiveUnreadable]);
        assert!(unpacked.findings[0].message.contains("has more entries than the 1 that it declares"));
    }
}
