//! Archives for tests, and what unpacking them shows.

use std::io::{Cursor, Seek, Write};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    ArchiveLimits,
    unpack::{Contents, unpack},
};
use crate::finding::{Finding, Rule};

pub(in crate::package) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Replaces every `from` by `to`, of the same length.
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

pub(super) fn unpack_with(bytes: &[u8], limits: ArchiveLimits) -> Unpacked {
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
