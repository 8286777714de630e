//! Faults of an archive, each with the finding that a reader must report.

use super::{
    generated::{GeneratedArchive, LIMITS, entry},
    zip_writer::{Content, Entry, Frame, Method},
};
use crate::{
    finding::Rule,
    generate::{
        expect::{ExpectedFinding, ExpectedFindings},
        source::Source,
    },
};

/// Names that lead out of the folder or nowhere, each with a word of the expected message.
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

/// Modes of files that no plugin's archive needs, each with a word of the expected message.
const KINDS: &[(u32, &str)] =
    &[(0o120_777, "symlink"), (0o020_600, "neither"), (0o010_644, "neither"), (0o060_600, "neither")];

/// Adds one fault.
pub(super) fn add(
    source: &mut Source<'_, '_>,
    entries: &mut Vec<Entry>,
    frame: &mut Frame,
    made: &mut GeneratedArchive,
) {
    let is_unsafe = || ExpectedFinding::of(Rule::ArchiveUnsafeEntry);
    let unreadable = || ExpectedFinding::of(Rule::ArchiveUnreadable);
    let place = source.below(entries.len() + 1);
    let (part, expected) = match source.below(14) {
        0 => {
            let (name, word) = *source.pick(UNSAFE);
            let flags = if name.is_ascii() { 0 } else { 1 << 11 };
            entries.insert(place, Entry { name: name.to_vec(), flags, ..entry("", b"harm") });
            ("an unsafe name", is_unsafe().word(word))
        }
        1 => {
            let (mode, word) = *source.pick(KINDS);
            entries.insert(place, Entry { attributes: mode << 16, ..entry("special", b"/etc/passwd") });
            ("an entry that is no file", is_unsafe().word(word))
        }
        2 => {
            entries.insert(place, Entry { flags: 1, ..entry("locked", b"secret") });
            ("an encrypted entry", is_unsafe().word("encrypted"))
        }
        3 => {
            let name = if source.chance(128) { "main.py" } else { "./MANIFEST" };
            entries.push(entry(name, b"another"));
            if !made.unpacked.iter().any(|(known, _)| name.ends_with(known.as_str())) {
                made.unpacked.push((name.trim_start_matches("./").to_owned(), b"another".to_vec()));
                made.is_known = false;
            }
            ("a name that occurs twice", is_unsafe().word("appears twice"))
        }
        4 => {
            let name = if source.chance(128) { "MANIFEST/inner" } else { "MANIFEST/a/b" };
            entries.push(entry(name, b"harm"));
            made.is_known &= made.unpacked.iter().any(|(known, _)| known == "MANIFEST");
            ("a file that is a folder too", is_unsafe().word("is a file"))
        }
        5 => {
            let name = if source.chance(128) { "n".repeat(300) } else { format!("{}deep", "d/".repeat(70)) };
            entries.push(entry(&name, b"harm"));
            ("a name that is too long or too deep", is_unsafe().word("too "))
        }
        6 => {
            let name = lose(source, entries, made, |entry| entry.crc = Some(0x1234_5678));
            ("a wrong CRC", unreadable().word(name))
        }
        7 => {
            let method = *source.pick(&[12, 14, 93, 95, 98, 99, 6, 1, 60_000]);
            let name = lose(source, entries, made, |entry| entry.wrong_method = Some(method));
            ("an unknown method", unreadable().word(name))
        }
        8 => {
            let name = lose(source, entries, made, |entry| entry.local_name = Some(b"another.txt".to_vec()));
            ("another name in the local header", unreadable().word(name))
        }
        9 => {
            let shorter = source.chance(128);
            let in_data = source.chance(128);
            let name = lose(source, entries, made, |entry| {
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
            frame.count_off = if source.chance(128) { -1 } else { 1 };
            made.is_known = false;
            made.expect.may = vec![Rule::ArchiveUnreadable];
            ("a wrong number of entries", unreadable())
        }
        12 => {
            let content = Content::Zeros((1 << 20) + 1 + source.below(1 << 16));
            entries.push(Entry { content, method: Method::Deflate, ..entry("zeros", b"") });
            made.lost.push("zeros".into());
            ("a bomb", ExpectedFinding::of(Rule::ArchiveBomb).word("zeros"))
        }
        _ => {
            entries.extend((0..LIMITS.entries + 1).map(|number| entry(&format!("many/{number}"), b"")));
            made.is_opened = false;
            ("too many entries", ExpectedFinding::of(Rule::ArchiveBomb).word("entries"))
        }
    };
    made.parts.push(part);
    made.expect.findings.push(expected);
}

/// Changes one of the files, or one more, so that nobody can unpack it, and returns its path.
fn lose(
    source: &mut Source<'_, '_>,
    entries: &mut Vec<Entry>,
    made: &mut GeneratedArchive,
    change: impl FnOnce(&mut Entry),
) -> String {
    let at = if source.chance(96) { source.below(entries.len()) } else { usize::MAX };
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

/// Damages the bytes of the whole archive.
pub(super) fn damage(source: &mut Source<'_, '_>, made: &mut GeneratedArchive) {
    match source.below(4) {
        0 => {
            let at = source.below(made.bytes.len());
            made.bytes.truncate(at);
            made.is_opened = false;
            made.parts.push("cut off anywhere");
            // Some readers lose nothing if only a comment is cut.
            made.is_known = !made.parts.contains(&"a comment");
            made.expect.findings.push(ExpectedFinding::of(Rule::ArchiveUnreadable).word("not a readable ZIP"));
            if !made.is_known {
                made.expect = ExpectedFindings::default();
            }
        }
        1 => {
            made.bytes = b"no archive at all\n".repeat(source.below(40));
            made.is_opened = false;
            made.parts.push("no archive at all");
            made.expect.findings.push(ExpectedFinding::of(Rule::ArchiveUnreadable).word("not a readable ZIP"));
        }
        _ => {
            for _ in 0..1 + source.below(4) {
                let at = source.below(made.bytes.len());
                made.bytes[at] ^= 1 << source.below(8);
            }
            made.parts.push("flipped bits");
            made.is_known = false;
        }
    }
}
