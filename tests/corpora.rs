//! The cases in `corpora/`: those of the clean examples stay silent, those of the faulty one show its known defects and
//! no others. Together, the cases of the clean examples cover the contract: every hook and argument, None wherever it
//! may be, the odd paths.
//!
//! `manifests/`, `archives/`, `arguments/`, `cookies/` and `sessions/` are seeds with what is expected of each beside
//! them; `fuzz/` has those of the fuzz targets, which are replayed here without a fuzzer.

mod program;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::cargo::cargo_bin_cmd;
use hookstorm::{
    case::{Case, Session, Value},
    contract::{Argument, ArgumentKind, Hook, HookSpec, Platform, PluginType},
    generate::{Domain, contract_violation},
    package::{ArchiveLimits, Package},
    selftest::fuzz_bodies::FUZZ_BODIES,
    trace::PluginTokens,
};
use serde::de::DeserializeOwned;

/// The clean examples, the names of their corpora, and how many cases each has at least.
const CLEAN: [(&str, &str, usize); 3] =
    [("clean-store", "CleanStore", 15), ("clean-store-sdk", "CleanStoreSdk", 12), ("clean-aa", "CleanAa", 15)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(name: &str) -> Vec<PathBuf> {
    let folder = root().join("corpora").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn case(path: &Path) -> Case {
    Case::from_json(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Replays the corpus of an example, in an empty folder, so that no setting from elsewhere is read.
fn replay(example: &str, more: &[&str]) -> (Output, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cargo_bin_cmd!("hookstorm");
    command.current_dir(folder.path()).env_remove("VIRTUAL_ENV");
    command.arg("replay").arg(root().join("examples").join(example));
    command.arg("--corpus").arg(root().join("corpora")).args(["--format", "json"]).args(more);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output, report)
}

#[track_caller]
fn is_silent(example: &str, name: &str, more: &[&str]) {
    let (output, report) = replay(example, more);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), files(name).len());
    for case in cases {
        assert_eq!(case["outcome"], "silent", "{case:#}");
    }
}

#[test]
fn the_clean_store_survives_its_corpus() {
    is_silent("clean-store", "CleanStore", &[]);
}

#[test]
fn the_clean_store_on_the_sdk_survives_its_corpus() {
    let venv = std::path::absolute(program::venv()).unwrap();
    is_silent("clean-store-sdk", "CleanStoreSdk", &["--venv", venv.to_str().unwrap()]);
}

#[test]
fn the_clean_aa_plugin_survives_its_corpus() {
    is_silent("clean-aa", "CleanAa", &[]);
}

#[test]
fn every_known_defect_of_the_faulty_store_is_still_there() {
    let (output, report) = replay("faulty-store", &[]);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let cases = report["cases"].as_array().unwrap();
    let shown: Vec<_> = cases
        .iter()
        .map(|case| {
            assert_eq!(case["outcome"], "still-there", "{case:#}");
            // A case bears the name of the defect that it shows.
            let fingerprint = case["fingerprint"].as_str().unwrap();
            assert_eq!(Path::new(case["path"].as_str().unwrap()).file_stem().unwrap(), fingerprint);
            (case["rule"].as_str().unwrap(), fingerprint)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("secret-leak", "9254ad8c1b01"),
            ("uncaught-exception", "9716fdecf7cf"),
            ("uncaught-exception", "9d8a387ed68e"),
            ("not-json", "c04ed87b8823"),
            ("uncaught-exception", "d947f2bcef77"),
        ]
    );
}

#[test]
fn every_case_is_written_in_the_one_form() {
    for path in ["CleanStore", "CleanStoreSdk", "CleanAa", "FaultyStore"].into_iter().flat_map(files) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(case(&path).to_json(), text, "{}", path.display());
    }
}

#[test]
fn cases_of_clean_examples_keep_the_contract_on_a_platform_that_takes_the_plugin() {
    for (example, name, least) in CLEAN {
        let files = files(name);
        assert!(files.len() >= least, "{name} has {} cases", files.len());
        for path in files {
            let case = case(&path);
            assert_eq!(case.found, None, "{}", path.display());
            let domain = Domain::new(case.plugin_type, case.platform, Hook::ALL.to_vec(), PluginTokens::default());
            assert_eq!(contract_violation(&case.session, &domain), None, "{}", path.display());
            let folder = root().join("examples").join(example);
            let opened = Package::open(&folder, case.platform, &ArchiveLimits::default()).unwrap();
            assert!(opened.findings.is_empty(), "{}: {:?}", path.display(), opened.findings);
        }
    }
}

#[test]
fn cases_of_clean_examples_cover_the_contract() {
    let mut seen = BTreeSet::new();
    let mut types = BTreeSet::new();
    for path in CLEAN.iter().flat_map(|(_, name, _)| files(name)) {
        let case = case(&path);
        types.insert(case.plugin_type.name());
        seen.insert(format!("platform {}", case.platform));
        see(&case.session, case.plugin_type, &mut seen);
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), ["aa", "credentialstore"]);

    let mut wanted: BTreeSet<String> = [
        "platform 5.10",
        "platform 6.5",
        "platform 9.0",
        "foreign cookie",
        "cut off",
        "several answers",
        "questions as a dict",
        "questions as a list",
        "questions as text",
        "empty list",
        "empty text",
        "text beyond ASCII",
        "port 1",
        "port 65535",
        "no completed",
    ]
    .map(str::to_owned)
    .into();
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        wanted.extend(plugin_type.protocols().iter().map(|protocol| format!("{plugin_type} {protocol}")));
        for spec in HookSpec::on(plugin_type, Platform::newest()) {
            let hook = spec.hook;
            wanted.insert(format!("{plugin_type} {hook}"));
            for argument in spec.arguments(Platform::newest()) {
                if argument.kind() == ArgumentKind::Cookie {
                    continue;
                }
                wanted.insert(format!("{plugin_type} {hook}({argument})"));
                if may_be_none(argument, plugin_type) {
                    wanted.insert(format!("{plugin_type} {hook}({argument}=None)"));
                }
                if matches!(argument.kind(), ArgumentKind::Ip | ArgumentKind::TargetIp | ArgumentKind::Host) {
                    wanted.insert(format!("{plugin_type} {hook}({argument}=IPv6)"));
                }
            }
        }
    }
    let lacking: Vec<_> = wanted.difference(&seen).collect();
    assert!(lacking.is_empty(), "no case has {lacking:#?}");
}

/// Where the contract says "or None", whatever the hook.
fn may_be_none(argument: Argument, plugin_type: PluginType) -> bool {
    match argument.kind() {
        ArgumentKind::Hostname
        | ArgumentKind::Domain
        | ArgumentKind::UserName
        | ArgumentKind::Password
        | ArgumentKind::Groups => true,
        ArgumentKind::TargetUser => plugin_type == PluginType::Aa,
        _ => false,
    }
}

fn see(session: &Session, plugin_type: PluginType, seen: &mut BTreeSet<String>) {
    let mut note = |what: String| _ = seen.insert(what);
    for call in &session.calls {
        let hook = call.hook;
        note(format!("{plugin_type} {hook}"));
        for (argument, value) in &call.arguments {
            note(format!("{plugin_type} {hook}({argument})"));
            match value {
                Value::Null => note(format!("{plugin_type} {hook}({argument}=None)")),
                Value::Int(port) => note(format!("port {port}")),
                Value::List(items) if items.is_empty() => note("empty list".into()),
                Value::Str(text) if text.is_empty() => note("empty text".into()),
                Value::Str(text) if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => {
                    note(format!("{plugin_type} {hook}({argument}=IPv6)"));
                }
                Value::Str(text) if !text.is_ascii() => note("text beyond ASCII".into()),
                Value::Str(text) if *argument == Argument::Protocol => note(format!("{plugin_type} {text}")),
                _ => {}
            }
        }
        if call.cut_off {
            note("cut off".into());
        }
        if call.answers.len() > 1 {
            note("several answers".into());
        }
    }
    if session.has_foreign_cookie() {
        note("foreign cookie".into());
    }
    if session.calls.iter().all(|call| call.hook != Hook::AuthenticationCompleted) {
        note("no completed".into());
    }
    match session.session_cookie.get("questions") {
        Some(Value::Dict(_)) => note("questions as a dict".into()),
        Some(Value::List(_)) => note("questions as a list".into()),
        Some(Value::Str(_)) => note("questions as text".into()),
        _ => {}
    }
}

/// A seed, and what must be found in it: rule, and for a MANIFEST severity and line.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    file: String,
    platform: Option<String>,
    why: String,
    findings: Vec<String>,
}

impl Seed {
    fn platform(&self) -> &'static Platform {
        self.platform.as_deref().map_or(Platform::newest(), |name| Platform::named(name).expect("a platform"))
    }

    /// Opens the file at `path`, and compares the findings with those that are expected.
    #[track_caller]
    fn check(&self, path: &Path) {
        // Low, so that a bomb is small.
        let limits = ArchiveLimits { unpacked_bytes: 1 << 20, entries: 60 };
        let opened = Package::open(path, self.platform(), &limits).unwrap();
        let words = self.findings.iter().map(|finding| finding.split(' ').count());
        let words = words.max().unwrap_or(1);
        let shown = |finding: &hookstorm::finding::Finding| {
            let line = finding.location.as_ref().map_or(0, |at| at.line);
            let all = [finding.rule.to_string(), finding.severity.to_string(), line.to_string()];
            all[..words].join(" ")
        };
        let mut found: Vec<String> = opened.findings.iter().map(shown).collect();
        let mut expected = self.findings.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{} ({}): {:#?}", self.file, self.why, opened.findings);
    }
}

/// A case, and the example that stays silent on it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SilentCase {
    file: String,
    plugin: String,
    why: String,
}

/// The entries of a folder's `expected.toml`, which names every other file there.
fn expected<T: DeserializeOwned>(folder: &str, key: &str, file: fn(&T) -> &str) -> Vec<T> {
    let path = root().join("corpora").join(folder).join("expected.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut table: std::collections::BTreeMap<String, Vec<T>> = toml::from_str(&text).unwrap();
    let entries = table.remove(key).unwrap();
    let named: BTreeSet<String> = entries.iter().map(|entry| file(entry).to_owned()).collect();
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut there: BTreeSet<String> = files(folder).into_iter().map(name).collect();
    there.remove("expected.toml");
    assert_eq!(named, there, "{folder}");
    assert_eq!(named.len(), entries.len(), "{folder}: a file stands twice");
    entries
}

#[test]
fn every_manifest_of_the_seeds_has_the_findings_that_are_expected() {
    for seed in expected::<Seed>("manifests", "manifest", |seed| &seed.file) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(root().join("corpora/manifests").join(&seed.file), folder.path().join("MANIFEST")).unwrap();
        std::fs::write(folder.path().join("main.py"), "#!/usr/bin/env pluginwrapper3\nclass Plugin: pass\n").unwrap();
        // Whatever it names as its module is there, so that only the MANIFEST is judged.
        seed.check(folder.path());
    }
}

#[test]
fn every_archive_of_the_seeds_has_the_findings_that_are_expected() {
    for seed in expected::<Seed>("archives", "archive", |seed| &seed.file) {
        seed.check(&root().join("corpora/archives").join(&seed.file));
    }
}

#[test]
fn examples_stay_silent_on_every_case_of_the_seeds() {
    for folder in ["arguments", "cookies", "sessions"] {
        let cases = expected::<SilentCase>(folder, "case", |case| &case.file);
        for example in ["clean-store", "clean-aa"] {
            let of_example: Vec<&SilentCase> = cases.iter().filter(|case| case.plugin == example).collect();
            let paths: Vec<PathBuf> =
                of_example.iter().map(|case| root().join("corpora").join(folder).join(&case.file)).collect();
            let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
            let (output, report) = replay(example, &paths);
            assert_eq!(output.status.code(), Some(0), "{folder}: {report:#}");
            let replayed = report["cases"].as_array().unwrap();
            assert_eq!(replayed.len(), of_example.len(), "{folder}");
            for case in replayed {
                assert_eq!(case["outcome"], "silent", "{case:#}");
            }
        }
        for seed in cases {
            assert!(!seed.why.is_empty() && CLEAN.iter().any(|(example, ..)| *example == seed.plugin), "{}", seed.file);
            let path = root().join("corpora").join(folder).join(&seed.file);
            let case = case(&path);
            assert_eq!(case.to_json(), std::fs::read_to_string(&path).unwrap(), "{}", path.display());
            let domain = Domain::new(case.plugin_type, case.platform, Hook::ALL.to_vec(), PluginTokens::default());
            assert_eq!(contract_violation(&case.session, &domain), None, "{}", path.display());
        }
    }
}

#[test]
fn no_fuzz_target_fails_on_a_seed_of_its_own() {
    for (target, body) in FUZZ_BODIES {
        let seeds = files(&format!("fuzz/{target}"));
        assert!(seeds.len() >= 4, "{target} has {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.display());
            body(&std::fs::read(&seed).unwrap());
        }
    }
}
