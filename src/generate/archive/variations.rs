//! Variations of an archive that every reader accepts.

use super::{
    generated::{GeneratedArchive, add_file, entry},
    zip_writer::{Entry, Frame, Method},
};
use crate::generate::source::Source;

/// Adds one variation.
pub(super) fn add(
    source: &mut Source<'_, '_>,
    entries: &mut Vec<Entry>,
    frame: &mut Frame,
    made: &mut GeneratedArchive,
) {
    let all = |entries: &mut Vec<Entry>, change: fn(&mut Entry)| entries.iter_mut().for_each(change);
    let part = match source.below(12) {
        0 => {
            all(entries, |entry| entry.method = Method::Deflate);
            "deflate"
        }
        1 => {
            frame.prefix = b"#!/bin/sh\necho a self-extractor\nexit\n".repeat(1 + source.below(40));
            frame.offsets_with_prefix = source.chance(128);
            "a prefix"
        }
        2 => {
            frame.comment = b"a comment, PK or not".repeat(1 + source.below(100));
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
            add_file(entries, made, "././odd//name.txt", b"odd");
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
            add_file(entries, made, "größe/😀.txt", b"beyond ASCII");
            "a name beyond ASCII"
        }
        10 => {
            frame.gap = vec![0; 1 + source.below(64)];
            "a gap before the directory"
        }
        _ => {
            add_file(entries, made, &format!("{}.txt", "n".repeat(251)), b"the longest name");
            "a long name"
        }
    };
    made.parts.push(part);
}
