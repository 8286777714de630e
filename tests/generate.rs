//! `hookstorm generate`: the same bytes for the same seed, the right share of invalid artefacts, and expectations that
//! the program meets when it reads the artefacts from disk.

mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use assert_cmd::cargo::cargo_bin_cmd;
use hookstorm::contract::{HookSpec, Platform, PluginType};
use serde_json::Value;

/// Runs the program.
fn hookstorm(arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("hookstorm");
    command.env_remove("VIRTUAL_ENV").args(arguments).output().unwrap()
}

/// Generates into a new folder, and returns that.
fn generate(arguments: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut all = vec!["generate"];
    all.extend(arguments);
    all.extend(["--out", out.to_str().unwrap()]);
    let output = hookstorm(&all);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, out)
}

/// The lines of `expected.jsonl`.
fn expected(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("expected.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file under `out`, with its content.
fn files(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(out).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_a_longer_series_begins_with_the_shorter_one() {
    for kind in ["manifest", "package", "session"] {
        let (_keep, short) = generate(&[kind, "-n", "20", "--seed", "9", "--invalid", "0.3"]);
        let (_keep, again) = generate(&[kind, "-n", "20", "--seed", "9", "--invalid", "0.3"]);
        let (_keep, long) = generate(&[kind, "-n", "33", "--seed", "9", "--invalid", "0.3"]);
        let (_keep, other) = generate(&[kind, "-n", "20", "--seed", "10", "--invalid", "0.3"]);
        let (short, long) = (files(&short), files(&long));
        assert_eq!(short, files(&again), "{kind}");
        assert_ne!(short, files(&other), "{kind}");
        for (path, content) in &short {
            let longer = &long[path];
            match path.to_str() {
                Some("expected.jsonl") => assert!(longer.starts_with(content), "{kind}"),
                _ => assert_eq!(longer, content, "{kind}: {}", path.display()),
            }
        }
    }
}

#[test]
fn bytes_do_not_depend_on_time_locale_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for (name, zone, locale) in [("a", "UTC", "C"), ("b/ü", "Asia/Tokyo", "tr_TR.UTF-8")] {
        let mut command = cargo_bin_cmd!("hookstorm");
        command.current_dir(folder.path()).env("TZ", zone).env("LC_ALL", locale);
        command.args(["generate", "package", "-n", "12", "--seed", "3", "--out", name]);
        assert!(command.output().unwrap().status.success());
        all.push(files(&folder.path().join(name)));
        // ZIP timestamps have a resolution of two seconds.
        std::thread::sleep(std::time::Duration::from_millis(2100));
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn exactly_the_share_is_invalid() {
    for (kind, number, ratio, invalid) in [
        ("manifest", "40", "0.25", 10),
        ("manifest", "7", "0.5", 4),
        ("package", "30", "0.1", 3),
        ("package", "5", "0", 0),
        ("session", "30", "1", 30),
        ("session", "10", "0.33", 3),
    ] {
        let (_keep, out) = generate(&[kind, "-n", number, "--seed", "1", "--invalid", ratio]);
        let lines = expected(&out);
        assert_eq!(lines.len().to_string(), number);
        assert_eq!(lines.iter().filter(|line| line["valid"] == false).count(), invalid, "{kind} {ratio}");
        for line in &lines {
            assert!(out.join(line["file"].as_str().unwrap()).exists(), "{line}");
            // An invalid manifest or package has an error, a valid one has none.
            if let Some(findings) = line["findings"].as_array() {
                let has_error = findings.iter().any(|finding| finding["level"] == "error");
                assert!(line["valid"] != has_error || line["loads"] == false, "{line}");
            }
        }
    }
}

/// Rule, level and line of the findings in a report that are about MANIFEST.
fn manifest_findings(report: &Value) -> Vec<(String, String, u64)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut found: Vec<_> = findings
        .filter(|finding| finding["rule"].as_str().unwrap().starts_with("manifest-"))
        .map(|finding| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&finding["rule"]),
                text(&finding["severity"]),
                finding["location"]["line"].as_u64().unwrap_or_default(),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn check_reports_what_is_expected_of_each_manifest() {
    let (_keep, out) = generate(&["manifest", "-n", "40", "--seed", "5"]);
    let folder = tempfile::tempdir().unwrap();
    for line in expected(&out) {
        fs::copy(out.join(line["file"].as_str().unwrap()), folder.path().join("MANIFEST")).unwrap();
        let platform = line["platform"].as_str().unwrap();
        let path = folder.path().to_str().unwrap();
        let output = hookstorm(&["check", path, "--platform", platform, "--format", "json", "--quiet"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = line["findings"].as_array().unwrap().iter();
        let mut wanted: Vec<_> = findings
            .map(|finding| {
                let text = |name: &str| finding[name].as_str().unwrap().to_owned();
                (text("rule"), text("level"), finding["line"].as_u64())
            })
            .collect();
        wanted.sort();
        let found = manifest_findings(&report);
        let wanted_rules: Vec<_> = wanted.iter().map(|(rule, level, _)| (rule, level)).collect();
        let found_rules: Vec<_> = found.iter().map(|(rule, level, _)| (rule, level)).collect();
        assert_eq!(found_rules, wanted_rules, "{line}\n{report:#}");
        for (wanted, found) in wanted.iter().zip(&found) {
            assert!(wanted.2.is_none_or(|line| line == found.2), "{wanted:?} {found:?} {line}");
        }
    }
}

#[test]
fn check_reports_what_is_expected_of_each_package() {
    let (_keep, out) = generate(&["package", "-n", "30", "--seed", "5"]);
    for line in expected(&out) {
        let path = out.join(line["file"].as_str().unwrap());
        let output = hookstorm(&["check", path.to_str().unwrap(), "--format", "json", "--quiet", "--timeout", "20s"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {line}\n{}", String::from_utf8_lossy(&output.stderr)));
        let may: BTreeSet<&str> = texts(&line["may_report"]).into_iter().collect();
        let rules = |findings: &Value, level: &str| {
            let findings = findings.as_array().unwrap().iter();
            let mut rules: Vec<(String, String)> = findings
                .map(|finding| {
                    (finding["rule"].as_str().unwrap().to_owned(), finding[level].as_str().unwrap().to_owned())
                })
                .filter(|(rule, _)| !may.contains(rule.as_str()))
                .collect();
            rules.sort();
            rules
        };
        assert_eq!(rules(&report["findings"], "severity"), rules(&line["findings"], "level"), "{line}\n{report:#}");
        let status = if line["valid"] == true { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(status), "{line}");
    }
}

#[test]
fn two_hundred_artefacts_have_all_types_and_faults_whatever_is_valid() {
    let of = |lines: &[Value], field: fn(&Value) -> Vec<String>, valid: bool| -> BTreeSet<String> {
        lines.iter().filter(|line| line["valid"] == valid).flat_map(field).collect()
    };
    for ratio in ["0.5", "0.25", "0.1"] {
        let (_keep, out) = generate(&["session", "-n", "200", "--seed", "3", "--invalid", ratio]);
        let lines = expected(&out);
        for valid in [true, false] {
            assert_eq!(of(&lines, |line| vec![line["type"].to_string()], valid).len(), 2, "{ratio} {valid}");
        }
        let of_type = |name: &str| lines.iter().filter(|line| line["type"] == name).cloned().collect::<Vec<_>>();
        let problems = |lines: &[Value]| of(lines, |line| vec![line["problem"].to_string()], false).len();
        assert_eq!(problems(&lines), 14, "{ratio}");
        if ratio == "0.5" {
            assert!(problems(&of_type("aa")) > 10 && problems(&of_type("credentialstore")) > 10);
        }
    }
    let (_keep, out) = generate(&["package", "-n", "200", "--seed", "3"]);
    let lines = expected(&out);
    let rules = |line: &Value| line["findings"].as_array().unwrap().iter().map(|one| one["rule"].to_string()).collect();
    for name in ["aa", "credentialstore"] {
        let lines: Vec<Value> = lines.iter().filter(|line| line["type"] == name).cloned().collect();
        assert!(lines.iter().any(|line| line["valid"] == true), "{name}");
        assert!(of(&lines, rules, false).len() > 5, "{name}: {:?}", of(&lines, rules, false));
    }
    let (_keep, out) = generate(&["manifest", "-n", "200", "--seed", "3"]);
    let lines = expected(&out);
    let types = |line: &Value| {
        let fields = line["fields"].as_array().into_iter().flatten();
        fields
            .filter(|field| field["name"] == "type")
            .filter_map(|field| field["text"].as_str().map(Into::into))
            .collect()
    };
    assert_eq!(of(&lines, types, true).len(), 4, "{:?}", of(&lines, types, true));
    let parts = |line: &Value| texts(&line["input"]).into_iter().map(str::to_owned).collect();
    assert!(of(&lines, parts, false).len() > 20, "{:?}", of(&lines, parts, false));
}

#[test]
fn with_a_type_no_manifest_is_for_another_one() {
    for name in ["aa", "credentialstore"] {
        let (_keep, out) = generate(&["manifest", "-n", "400", "--seed", "5", "--type", name]);
        let mut of_type = 0;
        for line in expected(&out) {
            let fields = line["fields"].as_array().cloned().unwrap_or_default();
            let Some(field) = fields.iter().find(|field| field["name"] == "type") else { continue };
            let text = field["text"].as_str().unwrap_or_default();
            let other = PluginType::ALL.iter().any(|known| known.name() == text && known.name() != name);
            assert!(!other, "{line}");
            assert!(line["valid"] == false || text == name, "{line}");
            of_type += usize::from(text == name);
        }
        assert!(of_type > 200, "{of_type}");
    }
}

#[test]
fn every_hook_of_a_package_runs_as_expected() {
    let (_keep, out) = generate(&["package", "-n", "12", "--seed", "6", "--invalid", "0"]);
    let mut endings = BTreeSet::new();
    for line in expected(&out) {
        let path = out.join(line["file"].as_str().unwrap());
        for hook in line["hooks"].as_array().unwrap() {
            let name = hook["hook"].as_str().unwrap();
            let limit = if hook["ending"] == "timed-out" { "1s" } else { "20s" };
            let output = hookstorm(&[
                "run",
                path.to_str().unwrap(),
                "--hook",
                name,
                "--memory",
                "256MB",
                "--timeout",
                limit,
                "--format",
                "json",
                "--quiet",
                "--show-secrets",
            ]);
            let report: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{error}: {line}\n{}", String::from_utf8_lossy(&output.stderr)));
            let call = &report["trace"]["calls"][0];
            assert_eq!(call["ending"], hook["ending"], "{name} of {line}\n{report:#}");
            endings.insert(hook["ending"].as_str().unwrap().to_owned());
            if !hook["result"].is_null() {
                assert_eq!(call["result"], hook["result"], "{name} of {line}");
            }
            let ends_well = hook["ending"] == "returned" || hook["ending"] == "raised";
            if ends_well && hook["stdout"].as_str().unwrap().len() < 1000 {
                assert_eq!(call["stdout"]["text"], hook["stdout"], "{name} of {line}");
                assert_eq!(call["stderr"]["text"], hook["stderr"], "{name} of {line}");
            }
            let rules = |findings: &Value| {
                let mut rules: Vec<String> =
                    findings.as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap().to_owned()).collect();
                rules.sort();
                rules
            };
            // `run` also reports what loading shows.
            let of_hook = |one: &&Value| one["hook"] == name;
            let found: Value = report["findings"].as_array().unwrap().iter().filter(of_hook).cloned().collect();
            assert_eq!(rules(&found), rules(&hook["findings"]), "{name} of {line}\n{report:#}");
        }
    }
    assert!(endings.len() >= 3, "{endings:?}");
}

/// Writes a plugin of this type that has every hook of the newest platform and returns nothing.
fn plugin_with_every_hook(folder: &Path, plugin_type: PluginType) {
    let mut main = String::from("class Plugin:\n    def __init__(self, configuration):\n        pass\n");
    for spec in HookSpec::on(plugin_type, Platform::newest()) {
        main += &format!("\n    def {}(self, **arguments):\n        return None\n", spec.hook);
    }
    let manifest = format!(
        "api: '1.0'\ntype: {}\nname: EveryHook\nversion: '1.0'\ndescription: d\nentry_point: main.py\n",
        plugin_type.name()
    );
    fs::write(folder.join("main.py"), main).unwrap();
    fs::write(folder.join("MANIFEST"), manifest).unwrap();
}

#[test]
fn sessions_run_as_cases_and_invalid_ones_are_refused() {
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        let plugin = tempfile::tempdir().unwrap();
        plugin_with_every_hook(plugin.path(), plugin_type);
        let (_keep, out) =
            generate(&["session", "-n", "14", "--seed", "2", "--type", plugin_type.name(), "--invalid", "0.5"]);
        for line in expected(&out) {
            assert_eq!(line["type"], plugin_type.name());
            let case = out.join(line["file"].as_str().unwrap());
            let (plugin, case) = (plugin.path().to_str().unwrap(), case.to_str().unwrap());
            let output = hookstorm(&["run", plugin, "--case", case, "--format", "json", "--quiet", "--timeout", "20s"]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            if line["valid"] == false {
                assert_eq!(output.status.code(), Some(2), "{line}\n{stderr}");
                assert!(stderr.contains("is not a case"), "{line}\n{stderr}");
                assert!(line["problem"].is_string());
                continue;
            }
            assert_eq!(output.status.code(), Some(0), "{line}\n{stderr}");
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let calls = report["trace"]["calls"].as_array().unwrap().iter();
            let called: Vec<&str> = calls.map(|call| call["hook"].as_str().unwrap()).collect();
            assert_eq!(called, texts(&line["hooks"]), "{line}");
        }
    }
}

#[test]
fn the_example_of_the_documentation_finds_no_difference_in_pyyaml_and_one_in_a_wrong_expectation() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/generate.md")).unwrap();
    let example = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (keep, out) = generate(&["manifest", "-n", "100", "--seed", "42"]);
    fs::rename(&out, keep.path().join("manifests")).unwrap();
    let run =
        || Command::new(program::python_with_sdk()).args(["-c", example]).current_dir(keep.path()).output().unwrap();
    let output = run();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let path = keep.path().join("manifests/expected.jsonl");
    let wrong = fs::read_to_string(&path).unwrap().replace("\"text\":\"main.py\"", "\"text\":\"other.py\"");
    fs::write(&path, wrong).unwrap();
    let output = run();
    assert!(String::from_utf8_lossy(&output.stdout).contains("entry_point 'main.py' expected other.py"), "{output:?}");
}

#[test]
fn the_sdks_reader_agrees_with_each_manifest_that_it_should_accept() {
    let (_keep, out) = generate(&["manifest", "-n", "400", "--seed", "8"]);
    let mut sdk = Command::new(program::python_with_sdk())
        .args(["-c", include_str!("../src/selftest/read_manifest.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = expected(&out);
    let mut input = String::new();
    for line in &lines {
        let bytes = fs::read(out.join(line["file"].as_str().unwrap())).unwrap();
        input.push_str("1.9.0 ");
        input.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
        input.push('\n');
    }
    let mut stdin = sdk.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = sdk.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let mut compared = 0;
    for (line, answer) in lines.iter().zip(answers.lines().skip(1)) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        if line["valid"] == false {
            continue;
        }
        assert!(answer["compatible"].is_null(), "{line}\n{answer}");
        for field in line["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            // The SDK converts the version to a text.
            if name == "version" {
                continue;
            }
            assert_eq!(answer["values"][name], serde_json::json!([field["type"], field["text"]]), "{name}: {line}");
            compared += 1;
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn wrong_use_is_refused_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine.txt"), "mine").unwrap();
    let file = full.join("mine.txt");
    let (full, file) = (full.to_str().unwrap(), file.to_str().unwrap());
    let new = folder.path().join("new");
    let new = new.to_str().unwrap();
    for (arguments, says) in [
        (&["manifest", "-n", "3", "--out", full][..], "is not empty\n  hint: name another folder with `--out`"),
        (&["manifest", "-n", "3", "--out", file], "is a file, and `--out` names a folder"),
        (&["manifest", "-n", "3", "--out", "/proc/none"], "`/proc/none` cannot be written"),
        (&["manifest", "-n", "0", "--out", new], "`0` is out of range: write a whole number from 1 to"),
        (&["manifest", "-n", "3", "--invalid", "1.5", "--out", new], "write a number from 0 to 1"),
        (&["manifest", "-n", "3", "--invalid", "-0.1", "--out", new], "write a number from 0 to 1"),
        (&["manifest", "-n", "3", "--seed", "x", "--out", new], "`x` is not a seed"),
        (&["manifest", "-n", "3", "--platform", "6.9", "--out", new], "`6.9` is not a platform"),
        (&["manifest", "-n", "3", "--type", "signingca", "--out", new], "credentialstore"),
        (&["plugin", "-n", "3", "--out", new], "manifest"),
        (&["manifest", "--out", new], "-n"),
        (&["manifest", "-n", "3"], "--out"),
    ] {
        let mut all = vec!["generate"];
        all.extend(arguments);
        let output = hookstorm(&all);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    assert!(!Path::new(new).exists());
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_behind() {
    // A limit on the size of files has the same effect for the program as a full disk.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let program = cargo_bin_cmd!("hookstorm").get_program().to_owned();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 4; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["generate", "session", "-n", "500", "--seed", "1", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("cannot be written"), "{stderr}");
    assert!(!out.exists());
}

#[test]
fn an_empty_folder_is_used_and_a_seed_is_chosen_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cargo_bin_cmd!("hookstorm");
    let output = command.current_dir(folder.path()).args(["generate", "session", "-n", "4", "--out", "."]).output();
    let stdout = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(stdout.starts_with("4 sessions in `.`, 0 of them invalid, seed "), "{stdout}");
    assert_eq!(expected(folder.path()).len(), 4);
    assert_eq!(files(folder.path()).len(), 5);
}
