//! What a fuzz target does with its bytes: one function for each, without any fuzzer. The crate in `fuzz/` hands them
//! libFuzzer's bytes, the tests replay the seeds in `corpora/fuzz/`.
//!
//! Each of them panics when something does not hold that must, whatever the bytes are; that is what fuzzers look for. The
//! target `session` runs a plugin and lives in `fuzz/` itself.

mod hostile;

use std::{fs, path::Path};

use arbitrary::Unstructured;

use super::{manifest::against_generator, package};
use crate::{
    case::{Case, CaseError, Session, SetOption, Value},
    contract::{Hook, Platform, PluginType},
    generate::{self, Domain, archive, contract_violation, manifest},
    package::{Manifest, Package, ScratchFolder, configuration},
    runtime::protocol::wire::{Reader, Writer},
    trace::{Observed, OptionToken, PluginTokens},
};

pub use hostile::{fuzz_observed, fuzz_wire};

/// A target: its name, and what it does with its bytes.
pub type Body = (&'static str, fn(&[u8]));

/// Every target but `report`, whose body lies with the reports, and `session`.
pub const BODIES: [Body; 8] = [
    ("manifest", fuzz_manifest),
    ("archive", fuzz_archive),
    ("configuration", fuzz_configuration),
    ("arguments", fuzz_arguments),
    ("cookie", fuzz_cookie),
    ("case", fuzz_case),
    ("observed", fuzz_observed),
    ("wire", fuzz_wire),
];

/// Any text is read without a panic, the same way twice, with every finding at a place that the file has; a generated one
/// is read as it was built. The first byte says which: zero for a generated one.
pub fn fuzz_manifest(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first == 0 {
        let made = manifest::manifest(&mut Unstructured::new(rest));
        let (read, findings) = Manifest::read(&made.bytes, made.platform);
        let difference = against_generator(&made, read.as_ref(), &findings);
        assert_eq!(difference, None, "{}", String::from_utf8_lossy(&made.bytes));
        return;
    }
    for platform in [Platform::newest(), &Platform::all()[0]] {
        let (read, findings) = Manifest::read(rest, platform);
        assert_eq!((&read, &findings), (&Manifest::read(rest, platform).0, &Manifest::read(rest, platform).1));
        assert!(read.is_some() || !findings.is_empty(), "what cannot be read is told");
        assert!(findings.iter().all(|finding| super::manifest::is_placed(finding, rest)), "{findings:?}");
    }
}

/// Any bytes are unpacked within their folder and within the limits; a generated archive is unpacked as it was built. The
/// first byte says which: zero for a generated one.
pub fn fuzz_archive(data: &[u8]) {
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
    let opened = match Package::open(&path, Platform::newest(), &archive::LIMITS) {
        Ok(opened) => opened,
        Err(error) => panic!("an archive that is there is opened or refused: {error}"),
    };
    if let Some(package) = &opened.package {
        assert_eq!(package::outside(&package.root), None);
        let bytes = size_of_files(&package.root);
        assert!(bytes <= archive::LIMITS.unpacked_bytes, "{bytes} bytes were unpacked");
    } else {
        assert!(!opened.findings.is_empty(), "what is refused is told");
    }
}

fn size_of_files(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of_files(&entry.path()),
            Ok(metadata) => {
                assert!(metadata.is_file(), "only files and folders are made: {}", entry.path().display());
                metadata.len()
            }
            Err(_) => 0,
        })
        .sum()
}

/// Any text is read as a configuration, and an option that is set can be read again.
pub fn fuzz_configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let before = configuration::options(&text);
    for secret in configuration::secrets(&text) {
        assert!(!secret.is_empty(), "nothing is no secret");
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
    // What no reader gets beyond, a line before any section, hides what follows.
    let is_ini = before.iter().all(|option| !option.section.is_empty());
    if is_ini && !text.trim().is_empty() && configuration::options(&with).len() > before.len() {
        assert!(is_set(&with), "{with:?}");
    }
    assert_eq!(configuration::with_options(&text, []), *text, "nothing is set, nothing changes");
}

/// Any bytes give a session that keeps the contract, and that is the same once it was written and read again.
pub fn fuzz_arguments(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let plugin_type = if first % 2 == 0 { PluginType::CredentialStore } else { PluginType::Aa };
    let platform = &Platform::all()[usize::from(first / 2) % Platform::all().len()];
    let domain = domain(plugin_type, platform);
    let Ok(session) = generate::session(&mut Unstructured::new(rest), &domain) else { return };
    assert_eq!(contract_violation(&session, &domain), None);
    written_and_read(plugin_type, platform, session);
}

/// A domain with words of every kind.
fn domain(plugin_type: PluginType, platform: &'static Platform) -> Domain {
    let option = OptionToken { section: "pins".into(), name: "bob".into(), value: Some("tin-saddle, 10.0.0.1".into()) };
    let words = PluginTokens {
        strings: ["vp", "questions", "(\\w+)://(.*)", "srv1.example.com"].map(str::to_owned).to_vec(),
        numbers: vec![8200, -1],
        options: vec![option],
        ..PluginTokens::default()
    };
    Domain::new(plugin_type, platform, Hook::ALL.to_vec(), words)
}

/// Case JSON and the wire both carry a session unchanged.
fn written_and_read(plugin_type: PluginType, platform: &'static Platform, session: Session) {
    let mut writer = Writer::default();
    writer.session(&session);
    assert_eq!(Reader::new(&writer.bytes).session().as_ref(), Ok(&session));
    let case = Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None };
    let text = case.to_json();
    match Case::from_json(&text) {
        Ok(read) => assert_eq!(read, case),
        Err(error) => panic!("a case of ours is refused: {error}\n{text}"),
    }
}

/// Any JSON object is a cookie, and comes out of case, wire and a plugin's hands as it went in.
pub fn fuzz_cookie(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    // The wire carries no deeper ones, and no plugin returns them.
    let Value::Dict(_) = &value else { return };
    let observed = Observed::from(&value);
    assert_eq!(observed.through_json().as_ref(), Some(&value));
    let session = Session { session_cookie: value.clone(), cookie: value, ..Session::new(Vec::new()) };
    written_and_read(PluginType::CredentialStore, Platform::newest(), session);
}

/// Any text is read as a case or refused with its place. A case is written and read again as the same, with its note and
/// without; a text that a later format names is refused for that, whatever else it holds.
pub fn fuzz_case(data: &[u8]) {
    #[derive(serde::Deserialize)]
    struct FormatOnly {
        format: u64,
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let later = serde_json::from_str::<FormatOnly>(text).is_ok_and(|read| read.format != 1);
    let case = match Case::from_json(text) {
        Ok(case) => case,
        Err(error) => {
            assert_eq!(later, matches!(error, CaseError::Format(_)), "{error}");
            assert!(!error.to_string().is_empty(), "what is refused is told");
            return;
        }
    };
    assert!(!later, "a later format is refused");
    let (plain, file) = (case.to_json(), case.to_file());
    for written in [&plain, &file] {
        match Case::from_json(written) {
            Ok(read) => assert_eq!(read, case),
            Err(error) => panic!("a case of ours is refused: {error}\n{written}"),
        }
    }
    assert_eq!(Case::without_note(file.as_bytes()), plain.as_bytes());
    let mut writer = Writer::default();
    writer.session(&case.session);
    assert_eq!(Reader::new(&writer.bytes).session().as_ref(), Ok(&case.session));
}
