//! The commands on a plugin as a user types them: what they print, keep and end with.

mod program;

use std::{fs, path::Path};

use hookstorm::case::Case;
use program::{Desk, Ran, folder};
use serde_json::{Value, json};

/// Arguments, each a word.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// A store that does what `get_password_list` says, indented by eight.
fn store(desk: &Desk, name: &str, get_password_list: &str) {
    desk.write(
        &format!("{name}/MANIFEST"),
        format!(
            "api: \"1.0\"\ntype: credentialstore\nname: {name}\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n"
        ),
    );
    let text = "class Plugin:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_password_list(self, cookie, session_cookie, gateway_password, server_ip, server_hostname):
        BODY

    def get_private_key_list(self):
        return None

    def authentication_completed(self, cookie, session_cookie):
        return None

    def session_ended(self, cookie, session_cookie):
        return None
";
    desk.write(&format!("{name}/main.py"), text.replace("BODY", get_password_list));
}

/// A copy of an example, in the folder of that name.
fn example(desk: &Desk, name: &str) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() { copy(&entry.path(), &to) } else { _ = fs::copy(entry.path(), to).unwrap() }
        }
    }
    copy(&folder("examples").join(name), &desk.path(name));
}

/// The only case that a run kept, as its path from the desk.
fn only_case(report: &Value) -> String {
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report:#}");
    findings[0]["case"].as_str().unwrap().to_owned()
}

/// The report without what no two runs share.
fn timeless(ran: &Ran) -> Value {
    let mut report = ran.json();
    for key in ["elapsed_seconds", "calls_per_second"] {
        assert!(report.as_object_mut().unwrap().remove(key).is_some_and(|value| value.is_number()));
    }
    report.as_object_mut().unwrap().remove("history");
    program::forget_durations(&mut report);
    report
}

const NEEDS_A_NAME: &str = "return {\"passwords\": [server_hostname.split(\".\")[0]]}";

#[test]
fn one_hook_is_called_with_what_the_user_says() {
    let desk = Desk::new();
    store(&desk, "store", "return {\"cookie\": {\"was\": cookie, \"at\": server_ip}}");
    let arguments = r#"{"server_ip": "fe80::1", "cookie": {"a": [1]}}"#;
    let ran = desk.run(&["run", "store", "--hook", "get_password_list", "--arguments", arguments]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("server_ip         \"fe80::1\""), "{}", ran.stdout);
    assert!(ran.stdout.contains("cookie            {\"was\":{\"a\":[1]},\"at\":\"fe80::1\"}"), "{}", ran.stdout);

    desk.write("arguments.json", arguments);
    let line = "run store --hook get_password_list --arguments @arguments.json --format json --show-secrets";
    let report = desk.run(&words(line)).json();
    let call = &report["trace"]["calls"][0];
    assert_eq!((&call["hook"], &call["arguments"]["server_ip"]), (&json!("get_password_list"), &json!("fe80::1")));
    assert_eq!(call["result"], "{'cookie': {'was': {'a': [1]}, 'at': 'fe80::1'}}");
    assert_eq!(report["trace"]["cookie"], json!({"was": {"a": [1]}, "at": "fe80::1"}));
}

#[test]
fn a_case_that_was_found_shows_the_same_when_it_is_run_again() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    let ran = desk.run(&words("test store --runs 200 --seed 1 --format json"));
    let report = ran.json();
    let case = only_case(&report);
    assert_eq!(case, format!("corpora/store/{}.json", report["findings"][0]["fingerprint"].as_str().unwrap()));
    let again = desk.run(&["run", "store", "--case", &case, "--format", "json"]);
    assert_eq!((ran.status, again.status), (Some(1), Some(1)), "{again:?}");
    let (before, after) = (&report["findings"][0], &again.json()["findings"][0]);
    for key in ["rule", "hook", "message", "location", "fingerprint"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    // The one call, with no more than the one argument that matters and those that the hook cannot do without.
    let case = Case::from_json(&fs::read_to_string(desk.path(&case)).unwrap()).unwrap();
    assert_eq!(case.session.calls.len(), 1, "{case:?}");
    assert_eq!(case.session.calls[0].arguments.len(), 3, "{case:?}");
}

#[test]
fn replay_tells_what_is_still_there_what_is_fixed_and_what_became_another() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    desk.run(&words("test store --runs 200 --seed 1 -q"));
    let replay = || {
        let ran = desk.run(&words("replay store --format json"));
        let report = ran.json();
        assert_eq!(report["cases"].as_array().map(Vec::len), Some(1), "{report:#}");
        (ran.status, report["cases"][0]["outcome"].as_str().unwrap().to_owned(), ran.rules())
    };
    assert_eq!(replay(), (Some(1), "still-there".into(), vec![]));
    store(&desk, "store", "return {\"passwords\": [(server_hostname or \"\").split(\".\")[0]]}");
    assert_eq!(replay(), (Some(0), "fixed".into(), vec![]));
    store(&desk, "store", "return {\"passwords\": [server_hostname and 1 or None]}");
    assert_eq!(replay(), (Some(1), "became-another".into(), vec!["return-value-invalid".into()]));
}

#[test]
fn a_case_without_a_finding_must_stay_silent() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    desk.run(&words("test store --runs 200 --seed 1 -q"));
    let found = fs::read_dir(desk.path("corpora/store")).unwrap().flatten().next().unwrap().path();
    let mut case = Case::from_json(&fs::read_to_string(&found).unwrap()).unwrap();
    case.found = None;
    fs::remove_file(found).unwrap();
    desk.write("corpora/store/kept.json", case.to_json());
    let ran = desk.run(&words("replay store"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("broke  corpora/store/kept.json\n   error[uncaught-exception]"), "{}", ran.stdout);
    store(&desk, "store", "return None");
    let ran = desk.run(&words("replay store"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("1 case (1 silent) in "), "{}", ran.stdout);
}

#[test]
fn a_case_is_made_as_small_as_it_gets_and_a_corpus_loses_what_shows_the_same() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    let report = desk.run(&words("test store --runs 200 --seed 1 --format json")).json();
    let path = only_case(&report);
    let small = fs::read_to_string(desk.path(&path)).unwrap();
    let mut large: Value = serde_json::from_str(&small).unwrap();
    let call = large["calls"][0].clone();
    let more = [json!({"hook": "get_private_key_list", "arguments": {"session_id": "s", "server_port": 22}}), call];
    large["calls"].as_array_mut().unwrap().splice(0..0, more);
    large["calls"].as_array_mut().unwrap().push(json!({"hook": "session_ended", "arguments": {"session_id": "s"}}));
    // The call that fails ends the session, so the first of the two must not.
    large["calls"][1]["arguments"]["server_hostname"] = json!("server.example.com");
    desk.write("corpora/store/large.json", large.to_string());

    let ran = desk.run(&words("minimize store --corpus corpora"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!desk.path("corpora/store/large.json").exists(), "{}", ran.stdout);
    assert!(ran.stdout.contains("corpora/store/large.json: removed: "), "{}", ran.stdout);

    desk.write("large.json", large.to_string());
    let ran = desk.run(&words("minimize store --case large.json --format json"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let minimized: Value = serde_json::from_str(&fs::read_to_string(desk.path("large.json")).unwrap()).unwrap();
    assert_eq!(minimized["calls"].as_array().map(Vec::len), Some(1), "{minimized:#}");
    assert_eq!(fs::read_to_string(desk.path(&path)).unwrap(), small);
}

#[test]
fn a_seed_that_runs_nothing_new_goes_and_one_that_does_stays() {
    let desk = Desk::new();
    store(&desk, "store", "return {\"passwords\": [\"x\"]} if server_ip == \"192.0.2.77\" else None");
    let seed = |ip: &str, session_id: &str| {
        let arguments = json!({
            "session_id": session_id, "gateway_password": "", "server_ip": ip, "server_hostname": null
        });
        let calls = json!([{"hook": "get_password_list", "arguments": arguments}]);
        json!({"format": 1, "type": "credentialstore", "platform": "9.0", "calls": calls}).to_string()
    };
    desk.write("corpora/store/seeds/a.json", seed("192.0.2.1", "s"));
    desk.write("corpora/store/seeds/b.json", seed("192.0.2.1", "longer"));
    desk.write("corpora/store/seeds/c.json", seed("192.0.2.77", "longer"));
    let ran = desk.run(&words("minimize store --corpus corpora"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let stays = |name: &str| desk.path(&format!("corpora/store/seeds/{name}.json")).exists();
    assert_eq!(["a", "b", "c"].map(stays), [true, false, true], "{}", ran.stdout);
}

#[test]
fn two_plugins_share_the_session_cookie_and_nothing_else() {
    let desk = Desk::new();
    store(&desk, "store", "return {\"passwords\": [session_cookie[\"account\"]], \"cookie\": {\"got\": cookie}}");
    let line = "name: front\ntype: aa\napi: \"1.0\"\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n";
    desk.write("front/MANIFEST", line);
    let front = "class Plugin:
    def authenticate(self):
        return {'verdict': 'ACCEPT', 'cookie': {'own': 1}, 'session_cookie': {'account': 'root-7'}}
    def authorize(self, cookie):
        return {'verdict': 'ACCEPT' if cookie == {'own': 1} else 'DENY'}
    def session_ended(self):
        return None
";
    desk.write("front/main.py", front);
    for (tested, other) in [("store", "front"), ("front", "store")] {
        let ran = desk.run(&["test", tested, "--with", other, "--runs", "150", "--seed", "3", "--format", "json"]);
        // A call that is cut off empties the cookies, but nothing of the store's follows it.
        assert_eq!((ran.status, ran.rules()), (Some(0), vec![]), "{tested}: {ran:?}");
        assert!(ran.json()["calls"].as_u64() > Some(450), "both plugins are called: {ran:?}");
    }
    // Alone it has no account, and says so.
    let ran = desk.run(&words("test store --runs 50 --seed 3 --format json"));
    assert_eq!(ran.rules(), ["uncaught-exception"]);

    let case = json!({
        "format": 1, "type": "credentialstore", "platform": "9.0",
        "calls": [
            {"hook": "authenticate", "other": true, "arguments": {"session_id": "s"}},
            {"hook": "authorize", "other": true, "arguments": {"session_id": "s"}},
            {"hook": "get_password_list", "arguments": {
                "session_id": "s", "gateway_password": "x", "server_ip": "10.0.0.1", "server_hostname": "a"}},
        ]
    });
    desk.write("pair.json", case.to_string());
    let ran = desk.run(&words("run store --with front --case pair.json --format json --show-secrets"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let calls = ran.json()["trace"]["calls"].clone();
    assert_eq!(calls[2]["result"], "{'passwords': ['root-7'], 'cookie': {'got': {}}}", "{calls:#}");
}

#[test]
fn two_clean_examples_in_one_session_are_silent() {
    for (tested, other) in [("clean-aa", "clean-store"), ("clean-store", "clean-aa")] {
        let desk = Desk::new();
        let (tested, other) = (folder("examples").join(tested), folder("examples").join(other));
        let (tested, other) = (tested.to_str().unwrap(), other.to_str().unwrap());
        let ran = desk.run(&["test", tested, "--with", other, "--runs", "400", "--seed", "2", "--format", "json"]);
        assert_eq!((ran.status, ran.rules()), (Some(0), vec![]), "{ran:?}");
    }
}

#[test]
fn a_store_behind_an_aa_plugin_is_reached_and_its_faults_are_found() {
    let desk = Desk::new();
    for name in ["faulty-store", "clean-aa"] {
        example(&desk, name);
    }
    desk.write("aa.cfg", "[access]\nask_ticket = no\n[pins]\nalice = plum-orbit-3318\nbob = tin-saddle-2094\n");
    let line = "test faulty-store --with clean-aa --with-config aa.cfg --runs 500 --seed 2 --format json";
    let ran = desk.run(&words(line));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.rules(), ["not-json", "secret-leak", "uncaught-exception"]);
    // What a case shows does not hang on who let the user in, unless the case says so.
    let ran = desk.run(&words("replay faulty-store --with clean-aa --with-config aa.cfg"));
    assert!(ran.stdout.contains("5 cases (5 still there)"), "{}", ran.stdout);
}

#[test]
fn settings_beside_manifest_hold_and_the_command_line_wins() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    desk.write(
        "store/hookstorm.toml",
        "runs = 120\nseed = 11\nformat = \"json\"\n\n[rules]\nuncaught-exception = \"warning\"\n",
    );
    let ran = desk.run(&words("test store"));
    let report = ran.json();
    assert_eq!((&report["seed"], &report["sessions"], &report["status"]), (&json!(11), &json!(120), &json!("ok")));
    assert_eq!((ran.status, &report["findings"][0]["severity"]), (Some(0), &json!("warning")));

    let ran = desk.run(&words("test store --seed 12 -n 100 --rule uncaught-exception=error"));
    let report = ran.json();
    assert_eq!((&report["seed"], &report["sessions"], ran.status), (&json!(12), &json!(100), Some(1)));
    let ran = desk.run(&words("test store --rule uncaught-exception=off"));
    assert_eq!((ran.status, ran.rules()), (Some(0), vec![]));
    let ran = desk.run(&words("test store --format text"));
    assert!(ran.stdout.starts_with("warning[uncaught-exception] get_password_list: "), "{}", ran.stdout);

    desk.write("store/hookstorm.toml", "[rules]\nuncaught-excepton = \"off\"\n");
    let ran = desk.run(&words("check store"));
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("line 2: `uncaught-excepton` is not"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: the nearest is `uncaught-exception`"), "{}", ran.stderr);
}

#[test]
fn quiet_says_what_was_found_and_nothing_beside_it() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    let loud = desk.run(&words("test store --runs 100 --seed 1"));
    let quiet = desk.run(&words("test store --runs 100 --seed 1 -q"));
    assert_eq!(loud.stderr.lines().count(), 1, "no progress where there is no terminal: {}", loud.stderr);
    assert!(loud.stderr.ends_with("seed 1\n"), "{}", loud.stderr);
    assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(1), ""));
    assert!(quiet.stdout.starts_with("error[uncaught-exception]"), "{}", quiet.stdout);
}

#[test]
fn every_report_fits_the_schema_that_hookstorm_gives() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    let schema = |what| serde_json::from_str::<Value>(&desk.run(&["schema", what]).stdout).unwrap();
    let fits = |schema: &Value, instance: &Value, what: &str| {
        let validator = jsonschema::validator_for(schema).unwrap();
        let problems: Vec<_> = validator.iter_errors(instance).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{what}: {problems:#?}\n{instance:#}");
    };
    let report = schema("report");
    for line in [
        "test store --runs 100 --seed 1",
        "check store",
        "run store --hook get_password_list",
        "replay store",
        "minimize store --corpus corpora",
        "test other --runs 10",
    ] {
        let ran = desk.run(&words(&format!("{line} --format json")));
        if line.contains("other") {
            assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "no half of a report: {ran:?}");
        } else {
            fits(&report, &ran.json(), line);
        }
    }
    let case = fs::read_dir(desk.path("corpora/store")).unwrap().flatten().next().unwrap().path();
    let case: Value = serde_json::from_str(&fs::read_to_string(case).unwrap()).unwrap();
    fits(&schema("case"), &case, "a case");
}

#[test]
fn the_same_seed_gives_the_same_report_whoever_works_and_whatever_was_kept() {
    let run = |desk: &Desk, jobs: &str| {
        let ran =
            desk.run(&["test", "faulty-store", "--runs", "500", "--seed", "9", "--jobs", jobs, "--format", "json"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        timeless(&ran)
    };
    let (alone, four) = (Desk::new(), Desk::new());
    for desk in [&alone, &four] {
        example(desk, "faulty-store");
    }
    let expected = run(&alone, "1");
    assert!(expected["findings"].as_array().unwrap().len() > 3, "{expected:#}");
    assert_eq!(run(&four, "4"), expected);
    // The second time its cases lie there already.
    assert_eq!(run(&four, "4"), expected);
}

#[test]
fn the_exit_status_tells_what_came_of_it() {
    let desk = Desk::new();
    store(&desk, "store", NEEDS_A_NAME);
    store(&desk, "clean", "return None");
    let status = |line: &str| desk.run(&words(line)).status;
    assert_eq!(status("test clean --runs 50 -q"), Some(0));
    assert_eq!(status("test store --runs 100 --seed 1 -q"), Some(1));
    assert_eq!(status("test nowhere"), Some(2));
    assert_eq!(status("run clean --hook get_pasword_list"), Some(2));
    assert_eq!(status("run clean --hook get_password_list --arguments {"), Some(2));

    // A hookstorm that was torn from its worker has failed by itself. It is linked, not copied: a program that was just
    // written cannot be started while a fork of another test still has it open.
    let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = elsewhere.path().join("hookstorm");
    fs::hard_link(assert_cmd::cargo::cargo_bin!("hookstorm"), &program).unwrap();
    let output = std::process::Command::new(program).args(["check", "clean"]).current_dir(desk.path("")).output();
    let ran = Ran::new(output.unwrap());
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.starts_with("error: `hookstorm-worker` is not beside "), "{}", ran.stderr);
}

#[test]
fn the_demo_looks_as_the_readme_promises() {
    let desk = Desk::new();
    example(&desk, "faulty-store");
    let ran = desk.run(&words("test faulty-store --seed 1"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    insta::with_settings!({filters => vec![
        (r"\d[\d.]* (ms|s|min)\b", "[TIME]"),
        (r"Python 3\.\d+\.\d+", "Python [VERSION]"),
        (r"hookstorm \d+\.\d+\.\d+", "hookstorm [VERSION]"),
    ]}, {
        insta::assert_snapshot!("demo", format!("{}\n{}", ran.stderr, ran.stdout));
    });
}

#[test]
fn a_run_writes_nothing_into_the_plugin() {
    let desk = Desk::new();
    example(&desk, "faulty-store");
    let files = || {
        let mut files: Vec<_> = ["faulty-store", "faulty-store/lib"]
            .iter()
            .flat_map(|folder| fs::read_dir(desk.path(folder)).unwrap().flatten())
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
    };
    let before = files();
    desk.run(&words("test faulty-store --seed 1 --runs 50 -q"));
    assert_eq!(files(), before);
}

#[test]
fn no_secret_is_shown_by_any_command() {
    let desk = Desk::new();
    store(
        &desk,
        "store",
        "import json, sys
        print('logging in with', self.configuration, gateway_password)
        print(repr(gateway_password), json.dumps({'p': gateway_password}), file=sys.stderr)
        if server_hostname is None:
            raise ValueError('refused: ' + repr(gateway_password) + str(cookie))
        secret = '-'.join(['Returned', 'Secret', '77'])
        print('giving', secret)
        return {'passwords': [secret], 'cookie': {'p': secret}}",
    );
    desk.write("store/default.cfg", "[vault]\npassword = Configured-Secret-11\n");
    let breaks = folder("tests/plugins/secret-leak/breaks");
    for plugin in ["store", breaks.to_str().unwrap()] {
        let test = ["test", plugin, "--runs", "200", "--seed", "4"];
        let mut said: Vec<Ran> = vec![desk.run(&test), desk.run(&[&test[..], &["--format", "json"]].concat())];
        let found = said[1].json();
        assert!(said[1].rules().contains(&"secret-leak".to_owned()), "{found:#}");
        let cases: Vec<&str> =
            found["findings"].as_array().unwrap().iter().filter_map(|one| one["case"].as_str()).collect();
        let mut secrets = vec!["Returned-Secret-77".to_owned(), "Configured-Secret-11".to_owned()];
        for path in &cases {
            let case = Case::from_json(&fs::read_to_string(desk.path(path)).unwrap()).unwrap();
            let passed = case.session.calls.iter().flat_map(|call| &call.arguments);
            let passwords = passed.filter(|(argument, _)| argument.name() == "gateway_password");
            secrets.extend(passwords.filter_map(|(_, value)| Some(value.as_str()?.to_owned())));
            said.push(desk.run(&["run", plugin, "--case", path]));
            said.push(desk.run(&["run", plugin, "--case", path, "--format", "json"]));
        }
        said.push(desk.run(&["replay", plugin]));
        said.push(desk.run(&["replay", plugin, "--format", "json"]));
        assert!(secrets.len() > 2, "{found:#}");
        for ran in &said {
            for secret in &secrets {
                assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{secret}: {ran:?}");
            }
        }
    }
}
