//! JUnit and SARIF reports of every command, with findings and without, fit the schemas by which others read them.

mod program;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use program::{Desk, folder};
use serde_json::Value;

/// A report of each command, as `--format json` writes it.
fn reports() -> &'static [(String, String)] {
    static REPORTS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let desk = Desk::new();
        let path = |plugin: &str| folder(plugin).to_string_lossy().into_owned();
        let (faulty, clean) = (path("examples/faulty-store"), path("examples/clean-store"));
        let broken = path("tests/plugins/manifest-field-missing/breaks");
        let load = ["--rate", "30/s", "--duration", "1s", "--in-flight", "2", "--objective", "p50=1ms"];
        let runs: [(&str, &str, &[&str]); 8] = [
            ("check", &broken, &[]),
            ("check", &clean, &[]),
            ("test", &faulty, &["--seed", "1", "--runs", "300"]),
            ("test", &clean, &["--seed", "1", "--runs", "100"]),
            ("fuzz", &faulty, &["--seed", "1", "--runs", "300", "--jobs", "1"]),
            ("replay", &faulty, &[]),
            ("load", &faulty, &load),
            ("run", &clean, &["--hook", "session_ended"]),
        ];
        let report = |(command, plugin, options): &(&str, &str, &[&str])| {
            let ran = desk.run(&[&[*command, *plugin, "--format", "json"], *options].concat());
            assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
            (format!("{command} {}", options.join(" ")), ran.stdout)
        };
        runs.iter().map(report).collect()
    })
}

/// Each report in that form.
fn written(form: &str) -> Vec<(String, String)> {
    let desk = Desk::new();
    let write = |(what, report): &(String, String)| {
        desk.write("report.json", report);
        let ran = desk.run(&["report", "report.json", "--format", form]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        (what.clone(), ran.stdout)
    };
    reports().iter().map(write).collect()
}

/// The schema in the crate that reads SARIF: the standard's own.
fn sarif_schema() -> Value {
    let version = Command::new(env!("CARGO")).arg("-vV").output().expect("Cargo runs, since it runs this");
    let version = String::from_utf8(version.stdout).expect("Cargo writes text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("Cargo says what it runs on");
    // Crates for other systems need not be on this machine.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("Cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("Cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let crate_of = packages.iter().find(|one| one["name"] == "serde-sarif").expect("it is among the dependencies");
    let manifest = PathBuf::from(crate_of["manifest_path"].as_str().expect("it has a path"));
    let schema = std::fs::read_to_string(manifest.with_file_name("src/schema.json")).expect("the crate holds it");
    // The standard's own pattern for a language has a bracket too many, which is no regular expression everywhere.
    let schema = schema.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    serde_json::from_str(&schema).expect("it is JSON")
}

#[test]
fn sarif_reports_are_what_the_standard_says() {
    let validator = jsonschema::validator_for(&sarif_schema()).expect("the schema is one");
    for (what, text) in written("sarif") {
        let sarif: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{what}: {error}"));
        let errors: Vec<_> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
        let run = &sarif["runs"][0];
        let rules: Vec<_> =
            run["tool"]["driver"]["rules"].as_array().expect(&what).iter().map(|one| &one["id"]).collect();
        for result in run["results"].as_array().expect(&what) {
            assert!(rules.contains(&&result["ruleId"]), "{what}: {result}");
            assert!(result["partialFingerprints"]["hookstorm/v1"].is_string(), "{what}: {result}");
        }
    }
    // And the schema does say something.
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{"tool": {}}]})));
}

#[test]
fn a_missed_objective_is_a_result_in_sarif() {
    let all = written("sarif");
    let (_, load) = all.iter().find(|(what, _)| what.starts_with("load")).expect("there is one");
    assert!(load.contains("p50=1ms"), "{load}");
}

#[test]
fn junit_reports_are_what_jenkins_reads() {
    let python = program::venv().join("bin/python");
    let program = "import sys, xmlschema\nxmlschema.XMLSchema(sys.argv[1]).validate(sys.stdin.read())";
    let validate = |text: &str| {
        let mut child = Command::new(&python)
            .args(["-c", program])
            .arg(folder("tests/schemas/junit-10.xsd"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python starts");
        child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("Python reads");
        let output = child.wait_with_output().expect("Python ends");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (what, text) in written("junit") {
        let (is_valid, errors) = validate(&text);
        assert!(is_valid, "{what}: {errors}\n{text}");
    }
    // And the schema does say something.
    let (is_valid, errors) = validate("<testsuites><testcase name='lost'/></testsuites>");
    assert!(!is_valid && errors.contains("testcase"), "{errors}");
}
