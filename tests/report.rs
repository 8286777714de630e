//! Reports in other forms, and runs that know some findings beforehand, as a pipeline uses them.

mod program;

use std::fs;

use program::{Desk, Ran, folder};
use serde_json::Value;

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// A store with two defects: one where there is no host name, one where there is no gateway user.
fn store(desk: &Desk) {
    desk.write(
        "store/MANIFEST",
        "api: \"1.0\"\ntype: credentialstore\nname: Store\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n",
    );
    desk.write(
        "store/main.py",
        "class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, server_hostname):
        return {'passwords': [server_hostname.split('.')[0]]}

    def get_private_key_list(self, gateway_domain):
        return {'private_keys': [] if gateway_domain.strip() else []}

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
",
    );
}

const TEST: &str = "test store --runs 200 --seed 1";

fn fingerprints(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|one| one["fingerprint"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_report_in_a_file_becomes_what_the_run_itself_would_have_written() {
    let desk = Desk::new();
    store(&desk);
    let json = desk.run(&words(&format!("{TEST} --format json")));
    assert_eq!(json.status, Some(1), "{json:?}");
    desk.write("report.json", &json.stdout);
    for format in ["sarif", "junit", "markdown"] {
        let direct = desk.run(&words(&format!("{TEST} --format {format}")));
        let turned = desk.run(&words(&format!("report report.json --format {format}")));
        assert_eq!((direct.status, turned.status), (Some(1), Some(0)), "{turned:?}");
        assert_eq!(direct.stdout, turned.stdout, "{format}");
    }
    let again: Value = desk.run(&words("report report.json --format json")).json();
    assert_eq!(again, json.json());

    // The text has the findings of the JSON, and ends with the same count.
    let text = desk.run(&words("report report.json"));
    assert!(text.stdout.starts_with("hookstorm "), "{}", text.stdout);
    assert!(text.stdout.contains("error[uncaught-exception] get_password_list: AttributeError"), "{}", text.stdout);
    assert!(text.stdout.contains("2 findings (2 errors) in 200 sessions, "), "{}", text.stdout);
}

#[test]
fn code_scanning_finds_the_line_in_the_repository() {
    let desk = Desk::new();
    store(&desk);
    let log: Value = desk.run(&words(&format!("{TEST} --format sarif"))).json();
    let run = &log["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "hookstorm/test/Store/");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{log:#}");
    for result in results {
        let location = &result["locations"][0]["physicalLocation"];
        let path = location["artifactLocation"]["uri"].as_str().unwrap();
        let line = location["region"]["startLine"].as_u64().unwrap() as usize;
        let text = fs::read_to_string(desk.path(path)).unwrap();
        let source = text.lines().nth(line - 1).unwrap();
        assert!(source.contains(".split(") || source.contains(".strip("), "{path}:{line}: {source}");
        let case = result["properties"]["case"].as_str().unwrap();
        assert!(
            desk.path(case).is_file() && case.contains(result["partialFingerprints"]["hookstorm/v1"].as_str().unwrap())
        );
    }

    // What replay sees again has a result as well, though no case knows its place.
    let ran = desk.run(&words("replay store --format sarif"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let log = ran.json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{log:#}");
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "store/MANIFEST");
}

#[test]
fn only_what_is_new_fails_a_run() {
    let desk = Desk::new();
    store(&desk);
    let first = desk.run(&words(&format!("{TEST} --format json")));
    desk.write("all.json", &first.stdout);
    let known = fingerprints(&first);
    assert_eq!(known.len(), 2, "{first:?}");
    desk.write("one.txt", format!("# ticket 4711\n{}\n", known[0]));

    let ran = desk.run(&words(&format!("{TEST} -q --baseline all.json")));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout.starts_with("2 known findings are in the baseline and not shown again\nnothing new in 200 sessions"),
        "{}",
        ran.stdout
    );
    let ran = desk.run(&words(&format!("{TEST} --format json --baseline all.json")));
    assert_eq!((ran.status, &ran.json()["status"]), (Some(0), &"ok".into()));
    assert!(ran.json()["findings"].as_array().unwrap().iter().all(|one| one["known"] == true), "{}", ran.stdout);

    let ran = desk.run(&words(&format!("{TEST} --format json --baseline one.txt")));
    assert_eq!((ran.status, &ran.json()["status"]), (Some(1), &"findings".into()));
    let flags: Vec<_> = ran.json()["findings"].as_array().unwrap().iter().map(|one| one["known"].clone()).collect();
    assert_eq!(flags, [true, false]);
    let log = desk.run(&words(&format!("{TEST} --format sarif --baseline one.txt"))).json();
    let states: Vec<_> =
        log["runs"][0]["results"].as_array().unwrap().iter().map(|one| &one["baselineState"]).collect();
    assert_eq!(states, ["unchanged", "new"]);

    // A case of the corpus that is known fails no replay, and one that is not does.
    let ran = desk.run(&words("replay store --baseline all.json"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout.starts_with("2 known findings are in the baseline and not shown again\n2 cases"),
        "{}",
        ran.stdout
    );
    let ran = desk.run(&words("replay store --baseline one.txt"));
    assert_eq!((ran.status, ran.stdout.matches("still there  ").count()), (Some(1), 1), "{ran:?}");
    // A replay is a baseline as well, and hookstorm.toml may name it, relative to itself.
    desk.write("store/known.json", desk.run(&words("replay store --format json")).stdout);
    desk.write("store/hookstorm.toml", "baseline = \"known.json\"\n");
    assert_eq!(desk.run(&words(TEST)).status, Some(0));
    assert_eq!(desk.run(&words(&format!("{TEST} --baseline one.txt"))).status, Some(1), "the command line wins");
}

#[test]
fn what_is_no_report_and_no_baseline_is_refused_with_its_place() {
    let desk = Desk::new();
    store(&desk);
    desk.write("broken.json", "{\n  \"findings\": [\n");
    desk.write("other.json", "{\"version\": \"2.1.0\", \"runs\": []}\n");
    desk.write("list.txt", "3f9c2a71d0b4\ntimeout\n");
    let mut errors = String::new();
    for line in [
        "report broken.json",
        "report other.json --format sarif",
        "report none.json",
        "check store --baseline broken.json",
        "check store --baseline other.json",
        "check store --baseline list.txt",
    ] {
        let ran = desk.run(&words(line));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        errors.push_str(&ran.stderr.replace(desk.path("").to_str().unwrap().trim_end_matches('/'), "/desk"));
    }
    insta::assert_snapshot!(errors, @r"
    error: `broken.json` is not a report: line 3: EOF while parsing a list
      hint: every command on a plugin writes one with `--format json`; `hookstorm schema report` describes it
    error: `other.json` is not a report: line 1: missing field `hookstorm`
      hint: every command on a plugin writes one with `--format json`; `hookstorm schema report` describes it
    error: `none.json` cannot be read: no such file or directory
      hint: hookstorm looked in the current folder, `/desk`
    error: `broken.json` is not a baseline: line 3: EOF while parsing a list
      hint: use a report of `--format json`, or a text file with one fingerprint on each line
    error: `other.json` is not a baseline: it is JSON, but no report of hookstorm: missing field `findings`
      hint: use a report of `--format json`, or a text file with one fingerprint on each line
    error: `list.txt` is not a baseline: line 2: `timeout` is no fingerprint, which is twelve hexadecimal digits
      hint: use a report of `--format json`, or a text file with one fingerprint on each line
    ");
}

#[test]
fn a_report_that_another_program_wrote_is_kept_as_it_is_or_refused_with_its_line() {
    let desk = Desk::new();
    let start = "{\"hookstorm\": \"0.1.0\",\n\"command\": \"test\", \"status\": \"ok\", \"platform\": \"9.0\",                  \"findings\": [],\n\"plugin\": {\"name\": \"A\", \"path\": \"a/\"},\n";
    let deep = "[".repeat(200) + &"]".repeat(200);
    // In fields that this version does not know, anything is kept; in others, it must be what this version can read.
    for value in ["1e999", "-1e999", "\"\\ud800\"", &deep, "12345678901234567890123", "1.0e2"] {
        let written = format!("{start}\"of_tomorrow\": {value}}}");
        desk.write("report.json", &written);
        let ran = desk.run(&words("report report.json --format json"));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), format!("{written}\n").as_str()), "{ran:?}");
        for format in ["text", "sarif", "junit", "markdown", "html"] {
            let ran = desk.run(&words(&format!("report report.json --format {format}")));
            assert_eq!(ran.status, Some(0), "{ran:?}");
        }
    }
    let arguments = format!(
        "{{\"calls\": [{{\"call\": 1, \"hook\": \"h\", \"ending\": \"e\", \"arguments\": {{\"a\": {deep}}}}}]}}"
    );
    for field in [
        "\"elapsed_seconds\": 1e999",
        "\"seed\": 1e999",
        "\"notes\": [\"\\ud800\"]",
        &format!("\"trace\": {arguments}"),
    ] {
        desk.write("report.json", format!("{start}{field}}}"));
        let ran = desk.run(&words("report report.json --format json"));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.starts_with("error: `report.json` is not a report: line 4: "), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
}

#[test]
fn a_report_of_another_version_is_a_baseline_if_it_has_fingerprints() {
    let desk = Desk::new();
    store(&desk);
    let known = fingerprints(&desk.run(&words(&format!("{TEST} --format json"))));
    let still = format!("{{\"outcome\": \"still-there\", \"fingerprint\": \"{}\"}}", known[1]);
    desk.write(
        "known.json",
        format!(
            "{{\"status\": \"of-tomorrow\", \"again\": null, \"history\": [{{\"at\": \"noon\"}}], \"number\": 1e999,
            \"findings\": [{{\"fingerprint\": \"{}\"}}], \"cases\": [{still}]}}",
            known[0]
        ),
    );
    let ran = desk.run(&words(&format!("{TEST} -q --baseline known.json")));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("2 known findings are in the baseline"), "{}", ran.stdout);
}

#[test]
fn no_secret_and_no_argument_reaches_an_issue_or_code_scanning() {
    let desk = Desk::new();
    store(&desk);
    desk.write("store/default.cfg", "[vault]\npassword = Configured-Secret-11\n");
    desk.write(
        "store/main.py",
        "class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration
    def get_password_list(self, gateway_password, gateway_username):
        raise ValueError(f'no {gateway_password} {self.configuration}')
    def get_private_key_list(self):
        return None
    def authentication_completed(self):
        return None
    def session_ended(self):
        return None
",
    );
    for format in ["sarif", "junit", "markdown"] {
        let ran = desk.run(&words(&format!("{TEST} --format {format}")));
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("secret-leak") && ran.stdout.contains("ValueError"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("Configured-Secret-11"), "{}", ran.stdout);
        let passwords = cases(&desk).into_iter().filter(|word| word.len() > 3);
        for password in passwords {
            assert!(!ran.stdout.contains(&password), "{password}: {}", ran.stdout);
        }
    }
}

/// The gateway passwords of all cases that were kept.
fn cases(desk: &Desk) -> Vec<String> {
    let files = fs::read_dir(desk.path("corpora/Store")).unwrap().flatten();
    let texts = files.map(|file| fs::read_to_string(file.path()).unwrap());
    let cases = texts.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let calls = cases.flat_map(|case| case["calls"].as_array().unwrap().clone());
    calls.filter_map(|call| Some(call["arguments"]["gateway_password"].as_str()?.to_owned())).collect()
}

#[test]
fn a_page_says_the_command_with_the_options_that_the_user_gave() {
    let desk = Desk::new();
    let plugin = folder("examples/clean-store");
    let options = ["--runs", "50", "--seed", "3", "--timeout", "3s", "--format", "html"];
    let ran = desk.run(&[&["test", plugin.to_str().unwrap()], &options[..]].concat());
    let line = format!("hookstorm test {} --runs 50 --seed 3 --timeout 3s", plugin.display());
    assert!(ran.stdout.contains(&line), "{ran:?}");
}

#[test]
fn no_test_is_said_to_have_passed_that_nobody_made() {
    let desk = Desk::new();
    let plugin = folder("examples/clean-store");
    let junit = |command: &str, options: &[&str]| {
        let arguments = [command, plugin.to_str().unwrap(), "--format", "junit"];
        let ran = desk.run(&[&arguments[..], options].concat());
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran.stdout
    };
    let names = |text: &str, rule: &str| text.contains(&format!("<testcase name=\"{rule}\""));
    let tested = junit("test", &["--runs", "50", "--rule", "lossy-json=off"]);
    for rule in ["state-leak", "sandbox-violation", "resource-leak", "manifest-missing"] {
        assert!(names(&tested, rule), "{rule}: {tested}");
    }
    assert!(!names(&tested, "lossy-json"), "{tested}");
    let loaded = junit("load", &["--sessions", "5", "--rate", "50/s", "--in-flight", "1"]);
    assert!(names(&loaded, "uncaught-exception"), "{loaded}");
    assert!(!names(&loaded, "state-leak") && !names(&loaded, "resource-leak"), "{loaded}");
    let checked = junit("check", &[]);
    assert!(names(&checked, "import-failed") && !names(&checked, "uncaught-exception"), "{checked}");
}
