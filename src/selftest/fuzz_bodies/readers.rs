//! Targets that read files: MANIFEST, archives, configurations.

use std::{fs, path::Path};

use arbitrary::Unstructured;

use crate::{
    case::SetOption,
    contract::Platform,
    generate,
    package::{Manifest, Package, ScratchFolder, configuration},
    selftest::{
        manifest::{is_placed, reading_problem},
        package,
    },
};

/// Any text is read without a panic and the same way twice, with every finding at a line of the file. A generated text
/// is read as expected. If the first byte is zero, the others make a generated text.
pub(super) fn manifest(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first == 0 {
        let made = generate::manifest::manifest(&mut Unstructured::new(rest));
        let (read, findings) = Manifest::read(&made.bytes, made.platform);
        let difference = reading_problem(&made, read.as_ref(), &findings);
        assert_eq!(difference, None, "{}", String::from_utf8_lossy(&made.bytes));
        return;
    }
    for platform in [Platform::newest(), &Platform::all()[0]] {
        let (read, findings) = Manifest::read(rest, platform);
        assert_eq!((&read, &findings), (&Manifest::read(rest, platform).0, &Manifest::read(rest, platform).1));
        assert!(read.is_some() || !findings.is_empty(), "the reader reports why it cannot read it");
        assert!(findings.iter().all(|finding| is_placed(finding, rest)), "{findings:?}");
    }
}

/// Any bytes are unpacked within their folder and within the limits. A generated archive is unpacked as expected. If
/// the first byte is zero, the others make a generated archive.
pub(super) fn archive(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first == 0 {
        let problem = package::opening_problem(rest);
        assert_eq!(problem, None);
        return;
    }
    let Ok(scratch) = ScratchFolder::new() else { return };
    let path = scratch.path().join("plugin.zip");
    if fs::write(&path, rest).is_err() {
        return;
    }
    let opened = match Package::open(&path, Platform::newest(), &generate::archive::LIMITS) {
        Ok(opened) => opened,
        Err(error) => panic!("an archive that exists is opened or refused: {error}"),
    };
    if let Some(package) = &opened.package {
        assert_eq!(package::outside(&package.root), None);
        let bytes = size_of_files(&package.root);
        assert!(bytes <= generate::archive::LIMITS.unpacked_bytes, "{bytes} bytes were unpacked");
    } else {
        assert!(!opened.findings.is_empty(), "the reader reports why it refuses it");
    }
}

fn size_of_files(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of_files(&entry.path()),
            Ok(metadata) => {
                assert!(metadata.is_file(), "the archive makes only files and folders: {}", entry.path().display());
                metadata.len()
            }
            Err(_) => 0,
        })
        .sum()
}

/// Any text is read as a configuration, and an option that is set can be read again.
pub(super) fn configuration_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let before = configuration::options(&text);
    for secret in configuration::secrets(&text) {
        assert!(!secret.is_empty(), "an empty text is no secret");
    }
    let _ = configuration::logs_debug(&text);
    let option = SetOption { section: "section-of-ours".into(), name: "option".into(), value: "a value".into() };
    let with = configuration::with_options(&text, [option.assignment()]);
    let is_set = |text: &str| {
        configuration::options(text).iter().any(|read| {
            !read.commented
                && read.section == option.section
                && read.name == option.name
                && read.value.as_deref() == Some("a value")
        })
    };
    // No reader reads past a line before the first section.
    let is_ini = before.iter().all(|option| !option.section.is_empty());
    if is_ini && !text.trim().is_empty() && configuration::options(&with).len() > before.len() {
        assert!(is_set(&with), "{with:?}");
    }
    assert_eq!(configuration::with_options(&text, []), *text, "without options the text stays the same");
}
