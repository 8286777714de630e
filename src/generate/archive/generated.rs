//! Makes an archive of given files, and works out what is expected of it.

use super::{
    faults, variations,
    zip_writer::{Content, Entry, Frame, build},
};
use crate::{
    generate::{expect::ExpectedFindings, source::Source},
    package::ArchiveLimits,
};

/// The limits for reading generated archives. They are low, so that a bomb is small as well.
pub(crate) const LIMITS: ArchiveLimits = ArchiveLimits { unpacked_bytes: 1 << 20, entries: 60 };

/// An archive and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedArchive {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// The findings that a reader must report of the archive itself.
    pub(crate) expect: ExpectedFindings,
    /// Whether a reader can open it at all.
    pub(crate) is_opened: bool,
    /// The files that a reader must unpack: paths and contents.
    pub(crate) unpacked: Vec<(String, Vec<u8>)>,
    /// The files that the archive lists although nobody can unpack them.
    pub(crate) lost: Vec<String>,
    /// Whether the fields above are certain. If not, a reader must only stay in its folder and not panic.
    pub(crate) is_known: bool,
    /// What is special about it, in words.
    pub(crate) parts: Vec<&'static str>,
}

/// An archive with `files`, mostly with variations, sometimes with a fault.
pub(in crate::generate) fn archive(source: &mut Source<'_, '_>, files: &[(String, Vec<u8>)]) -> GeneratedArchive {
    let mut entries: Vec<Entry> = files.iter().map(|(name, content)| entry(name, content)).collect();
    let mut made = GeneratedArchive {
        bytes: Vec::new(),
        expect: ExpectedFindings::default(),
        is_opened: true,
        unpacked: files.to_vec(),
        lost: Vec::new(),
        is_known: true,
        parts: Vec::new(),
    };
    let mut frame = Frame::default();
    for _ in 0..source.below(4) {
        variations::add(source, &mut entries, &mut frame, &mut made);
    }
    let is_damaged = match source.below(8) {
        5 | 6 => {
            faults::add(source, &mut entries, &mut frame, &mut made);
            false
        }
        7 => true,
        _ => false,
    };
    made.bytes = build(&entries, &frame);
    if is_damaged {
        faults::damage(source, &mut made);
    }
    if !made.is_opened {
        made.unpacked.clear();
    }
    made
}

/// A stored file.
pub(super) fn entry(name: &str, content: &[u8]) -> Entry {
    // Names beyond ASCII carry the flag for UTF-8.
    let flags = if name.is_ascii() { 0 } else { 1 << 11 };
    Entry { name: name.into(), content: Content::Bytes(content.to_vec()), flags, ..Entry::default() }
}

/// Adds a file that a reader must unpack.
pub(super) fn add_file(entries: &mut Vec<Entry>, made: &mut GeneratedArchive, name: &str, content: &[u8]) {
    let path = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
    if made.unpacked.iter().all(|(known, _)| *known != path) {
        entries.push(entry(name, content));
        made.unpacked.push((path, content.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io::Read};

    use arbitrary::Unstructured;

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn another_reader_reads_every_archive_without_a_fault() {
        let content: Vec<u8> = (0..1000_u32).map(|number| (number / 7) as u8).collect();
        let files = [("a".to_owned(), content.clone()), ("ü/b".to_owned(), vec![7; 5000])];
        for index in 0..400 {
            let bytes = nth_bytes(1, index, 64);
            let made = archive(&mut Source::new(&mut Unstructured::new(&bytes)), &files);
            if !made.expect.findings.is_empty() || !made.is_known {
                continue;
            }
            let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&made.bytes)).unwrap();
            for (name, content) in &files {
                let mut read = Vec::new();
                zip.by_name(name).unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read, *content, "{index}: {:?}", made.parts);
            }
        }
    }

    #[test]
    fn every_variation_and_fault_turns_up() {
        let files = [("MANIFEST".to_owned(), b"api: 1.0\n".to_vec())];
        let parts: HashSet<&str> = (0..4000)
            .flat_map(|index| archive(&mut Source::new(&mut Unstructured::new(&nth_bytes(1, index, 64))), &files).parts)
            .collect();
        assert_eq!(parts.len(), 12 + 14 + 3, "{parts:?}");
    }
}
