//! Turns bytes into a ZIP archive of which everything is known: which of its files must be unpacked, and what must be
//! found. The same bytes, the same archive; no bytes at all give an ordinary one.
//!
//! Hunts an archive that is taken on trust: a name that leads outside, a size or CRC that lies, two entries that share
//! their bytes, a directory that says less than there is. `build` writes the bytes, so that each field can lie.

mod build;

use arbitrary::Unstructured;

use super::{
    dice::Dice,
    expect::{Expect, Expected},
};
use crate::{finding::Rule, package::ArchiveLimits};
use build::{Content, Entry, Frame, Method, build};

/// What generated archives may cost: little, so that a bomb is small as well.
pub const LIMITS: ArchiveLimits = ArchiveLimits { unpacked_bytes: 1 << 20, entries: 60 };

/// An archive and what is known of it.
#[derive(Clone, Debug)]
pub struct ArchiveMade {
    /// The file.
    pub bytes: Vec<u8>,
    /// What must be found of the archive itself.
    pub expect: Expect,
    /// Whether there is anything to look at in it.
    pub is_opened: bool,
    /// Files that must be unpacked, with their contents.
    pub unpacked: Vec<(String, Vec<u8>)>,
    /// Files that the archive lists and that cannot be unpacked.
    pub lost: Vec<String>,
    /// Whether all of this is known; else only that nothing leaves the folder and that nothing panics.
    pub is_known: bool,
    /// What was done to it, in words.
    pub parts: Vec<&'static str>,
}

/// Names that lead out of the folder, or nowhere, and the word that the message must have.
const UNSAFE: &[(&[u8], &str)] = &[
    (b"../up.py", "`..`"),
    (b"/abs.py", "absolute"),
    (b"a/../../up.py", "`..`"),
    (b"a/..", "`..`"),
    (b"C:drive.py", "drive letter"),
    (b"c:/drive.py", "drive letter"),
    (b"..\\climb.py", "`..`"),
    (b"nul\0.py", "NUL"),
    (b"back\\slash.py", "backslash"),
    (b"\\abs.py", "absolute"),
    (b"//twice.py", "absolute"),
    (b"", "no name"),
    (b"a/\xff.py", "not UTF-8"),
];

/// Kinds of file that no archive of a plugin needs.
const KINDS: &[(u32, &str)] =
    &[(0o120_777, "symlink"), (0o020_600, "neither"), (0o010_644, "neither"), (0o060_600, "neither")];

/// An archive with `files`; what is done to it beside stands in the result.
pub fn archive(u: &mut Unstructured<'_>, files: &[(String, Vec<u8>)]) -> ArchiveMade {
    let mut dice = Dice(u);
    let mut entries: Vec<Entry> = files.iter().map(|(name, content)| entry(name, content)).collect();
    let mut made = ArchiveMade {
        bytes: Vec::new(),
        expect: Expect::default(),
        is_opened: true,
        unpacked: files.to_vec(),
        lost: Vec::new(),
        is_known: true,
        parts: Vec::new(),
    };
    let mut frame = Frame::default();
    for _ in 0..dice.below(4) {
        harmless(&mut dice, &mut entries, &mut frame, &mut made);
    }
    let hurts_bytes = match dice.below(8) {
        5 | 6 => {
            hurt(&mut dice, &mut entries, &mut frame, &mut made);
            false
        }
        7 => true,
        _ => false,
    };
    made.bytes = build(&entries, &frame);
    if hurts_bytes {
        hurt_bytes(&mut dice, &mut made);
    }
    if !made.is_opened {
        made.unpacked.clear();
    }
    made
}

fn entry(name: &str, content: &[u8]) -> Entry {
    // Names beyond ASCII say that they are UTF-8.
    let flags = if name.is_ascii() { 0 } else { 1 << 11 };
    Entry { name: name.into(), content: Content::Bytes(content.to_vec()), flags, ..Entry::default() }
}

/// Something that every reader takes.
fn harmless(dice: &mut Dice<'_, '_>, entries: &mut Vec<Entry>, frame: &mut Frame, made: &mut ArchiveMade) {
    let all = |entries: &mut Vec<Entry>, change: fn(&mut Entry)| entries.iter_mut().for_each(change);
    let words = match dice.below(12) {
        0 => {
            all(entries, |entry| entry.method = Method::Deflate);
            "deflate"
        }
        1 => {
            frame.prefix = b"#!/bin/sh\necho a self-extractor\nexit\n".repeat(1 + dice.below(40));
            frame.offsets_with_prefix = dice.chance(128);
            "a prefix"
        }
        2 => {
            frame.comment = b"a comment, PK or not".repeat(1 + dice.below(100));
            "a comment"
        }
        3 => {
            all(entries, |entry| entry.is_zip64 = true);
            "ZIP64 entries"
        }
        4 => {
            frame.is_zip64 = true;
            "a ZIP64 end"
        }
        5 => {
            all(entries, |entry| entry.has_descriptor = true);
            "data descriptors"
        }
        6 => {
            if !made.parts.contains(&"folders") {
                entries.insert(0, entry("empty/", b""));
                entries.push(entry("lib/", b""));
            }
            "folders"
        }
        7 => {
            extra(entries, made, "././odd//name.txt", b"odd");
            "a name with dots and slashes"
        }
        8 => {
            all(entries, |entry| {
                entry.comment = b"of an entry".to_vec();
                entry.extra = vec![0x55, 0x54, 5, 0, 1, 0, 0, 0, 0];
                entry.attributes = 0o104_755 << 16;
            });
            "comments, extra fields and modes of entries"
        }
        9 => {
            extra(entries, made, "größe/😀.txt", b"beyond ASCII");
            "a name beyond ASCII"
        }
        10 => {
            frame.gap = vec![0; 1 + dice.below(64)];
            "a gap before the directory"
        }
        _ => {
            extra(entries, made, &format!("{}.txt", "n".repeat(251)), b"the longest name");
            "a long name"
        }
    };
    made.parts.push(words);
}

/// Adds a file that must be unpacked.
fn extra(entries: &mut Vec<Entry>, made: &mut ArchiveMade, name: &str, content: &[u8]) {
    let path = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
    if made.unpacked.iter().all(|(known, _)| *known != path) {
        entries.push(entry(name, content));
        made.unpacked.push((path, content.to_vec()));
    }
}

/// Something that must be told.
fn hurt(dice: &mut Dice<'_, '_>, entries: &mut Vec<Entry>, frame: &mut Frame, made: &mut ArchiveMade) {
    let is_unsafe = || Expected::of(Rule::ArchiveUnsafeEntry);
    let unreadable = || Expected::of(Rule::ArchiveUnreadable);
    let place = dice.below(entries.len() + 1);
    let (words, expected) = match dice.below(14) {
        0 => {
            let (name, word) = *dice.pick(UNSAFE);
            let flags = if name.is_ascii() { 0 } else { 1 << 11 };
            entries.insert(place, Entry { name: name.to_vec(), flags, ..entry("", b"harm") });
            ("an unsafe name", is_unsafe().word(word))
        }
        1 => {
            let (mode, word) = *dice.pick(KINDS);
            entries.insert(place, Entry { attributes: mode << 16, ..entry("special", b"/etc/passwd") });
            ("an entry that is no file", is_unsafe().word(word))
        }
        2 => {
            entries.insert(place, Entry { flags: 1, ..entry("locked", b"secret") });
            ("an encrypted entry", is_unsafe().word("encrypted"))
        }
        3 => {
            let name = if dice.chance(128) { "main.py" } else { "./MANIFEST" };
            entries.push(entry(name, b"another"));
            if !made.unpacked.iter().any(|(known, _)| name.ends_with(known.as_str())) {
                made.unpacked.push((name.trim_start_matches("./").to_owned(), b"another".to_vec()));
                made.is_known = false;
            }
            ("a name that stands twice", is_unsafe().word("stands twice"))
        }
        4 => {
            let name = if dice.chance(128) { "MANIFEST/inner" } else { "MANIFEST/a/b" };
            entries.push(entry(name, b"harm"));
            made.is_known &= made.unpacked.iter().any(|(known, _)| known == "MANIFEST");
            ("a file that is a folder too", is_unsafe().word("is a file"))
        }
        5 => {
            let name = if dice.chance(128) { "n".repeat(300) } else { format!("{}deep", "d/".repeat(70)) };
            entries.push(entry(&name, b"harm"));
            ("a name that is too long or too deep", is_unsafe().word("too "))
        }
        6 => {
            let name = lose(dice, entries, made, |entry| entry.crc = Some(0x1234_5678));
            ("a wrong CRC", unreadable().word(name))
        }
        7 => {
            let method = *dice.pick(&[12, 14, 93, 95, 98, 99, 6, 1, 60_000]);
            let name = lose(dice, entries, made, |entry| entry.says_method = Some(method));
            ("an unknown method", unreadable().word(name))
        }
        8 => {
            let name = lose(dice, entries, made, |entry| entry.local_name = Some(b"another.txt".to_vec()));
            ("another name in the local header", unreadable().word(name))
        }
        9 => {
            let shorter = dice.chance(128);
            let in_data = dice.chance(128);
            let name = lose(dice, entries, made, |entry| {
                entry.content = Content::Bytes(b"a text of some length".to_vec());
                let size = if shorter { 20 } else { 22 };
                if in_data { entry.packed_size = Some(size) } else { entry.size = Some(size) }
            });
            ("a wrong size", unreadable().word(name))
        }
        10 => {
            entries.push(Entry { shares: Some(0), ..entries[0].clone() });
            let last = entries.len() - 1;
            entries[last].name = b"shared.txt".to_vec();
            made.lost.push("shared.txt".into());
            ("two entries with the same bytes", unreadable().word("shared.txt"))
        }
        11 => {
            frame.count_off = if dice.chance(128) { -1 } else { 1 };
            made.is_known = false;
            made.expect.may = vec![Rule::ArchiveUnreadable];
            ("a wrong number of entries", unreadable())
        }
        12 => {
            let content = Content::Zeros((1 << 20) + 1 + dice.below(1 << 16));
            entries.push(Entry { content, method: Method::Deflate, ..entry("zeros", b"") });
            made.lost.push("zeros".into());
            ("a bomb", Expected::of(Rule::ArchiveBomb).word("zeros"))
        }
        _ => {
            entries.extend((0..LIMITS.entries + 1).map(|number| entry(&format!("many/{number}"), b"")));
            made.is_opened = false;
            ("too many entries", Expected::of(Rule::ArchiveBomb).word("entries"))
        }
    };
    made.parts.push(words);
    made.expect.findings.push(expected);
}

/// Hurts an entry so that it cannot be unpacked, one of the files or one more, and gives its path.
fn lose(
    dice: &mut Dice<'_, '_>,
    entries: &mut Vec<Entry>,
    made: &mut ArchiveMade,
    change: impl FnOnce(&mut Entry),
) -> String {
    let at = if dice.chance(96) { dice.below(entries.len()) } else { usize::MAX };
    let is_file = |entry: &Entry| !entry.name.ends_with(b"/") && !entry.name.is_empty();
    let at = match entries.get(at) {
        Some(entry) if is_file(entry) => at,
        _ => {
            entries.push(entry("lost.txt", b"lost"));
            entries.len() - 1
        }
    };
    change(&mut entries[at]);
    let name = String::from_utf8_lossy(&entries[at].name).into_owned();
    let path = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
    made.unpacked.retain(|(known, _)| *known != path);
    made.lost.push(path.clone());
    path
}

/// Hurts the file as a whole.
fn hurt_bytes(dice: &mut Dice<'_, '_>, made: &mut ArchiveMade) {
    match dice.below(4) {
        0 => {
            let at = dice.below(made.bytes.len());
            made.bytes.truncate(at);
            made.is_opened = false;
            made.parts.push("cut off anywhere");
            // A comment may be cut without a loss for some readers.
            made.is_known = !made.parts.contains(&"a comment");
            made.expect.findings.push(Expected::of(Rule::ArchiveUnreadable).word("not a readable ZIP"));
            if !made.is_known {
                made.expect = Expect::default();
            }
        }
        1 => {
            made.bytes = b"no archive at all\n".repeat(dice.below(40));
            made.is_opened = false;
            made.parts.push("no archive at all");
            made.expect.findings.push(Expected::of(Rule::ArchiveUnreadable).word("not a readable ZIP"));
        }
        _ => {
            for _ in 0..1 + dice.below(4) {
                let at = dice.below(made.bytes.len());
                made.bytes[at] ^= 1 << dice.below(8);
            }
            made.parts.push("flipped bits");
            made.is_known = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io::Read};

    use super::*;
    use crate::generate::nth_bytes;

    #[test]
    fn what_is_built_without_a_fault_is_read_by_another_reader() {
        let content: Vec<u8> = (0..1000_u32).map(|number| (number / 7) as u8).collect();
        let files = [("a".to_owned(), content.clone()), ("ü/b".to_owned(), vec![7; 5000])];
        for index in 0..400 {
            let bytes = nth_bytes(1, index, 64);
            let made = archive(&mut Unstructured::new(&bytes), &files);
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
    fn every_fault_turns_up() {
        let files = [("MANIFEST".to_owned(), b"api: 1.0\n".to_vec())];
        let parts: HashSet<&str> = (0..4000)
            .flat_map(|index| archive(&mut Unstructured::new(&nth_bytes(1, index, 64)), &files).parts)
            .collect();
        assert_eq!(parts.len(), 12 + 14 + 3, "{parts:?}");
    }
}
