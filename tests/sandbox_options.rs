//! The sandbox at the command line: the warning if the machine lacks a part of it or if it is switched off, and
//! `doctor`. Other tests check what the sandbox blocks.

mod program;
mod script;
mod skip;

use std::{path::Path, process::Command};

use program::{Desk, Ran};
use serde_json::Value;

const MAIN: &str = "class Plugin:
    def get_password_list(self): return {'passwords': []}
    def get_private_key_list(self): return {'private_keys': []}
    def authentication_completed(self): return {}
    def session_ended(self): return None
";

/// A desk with a plugin `store/`, whose settings are `toml`.
fn desk(toml: &str) -> Desk {
    let desk = Desk::new();
    desk.write(
        "store/MANIFEST",
        "api: '1.0'\ntype: credentialstore\nname: Store\nversion: '1.0'\ndescription: x\nentry_point: main.py\n",
    );
    desk.write("store/main.py", MAIN);
    desk.write("store/hookstorm.toml", toml);
    desk
}

/// What a kernel does that gives an ordinary user no namespaces: as root of a user namespace in which none may be made,
/// and without the powers of one.
const WITHHELD: &str = "exec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec \
                        setpriv --inh-caps=-all --bounding-set=-all \"$@\"' sh";

/// hookstorm on a machine without namespaces; `None` where such a machine cannot be played here.
fn poor(desk: &Desk) -> Option<Command> {
    let played = |program: &str| format!("#!/bin/sh\n{WITHHELD} {program} \"$@\"\n");
    let written = |name: &str, program: &str| {
        let path = desk.path(name);
        script::write(&path, &played(program));
        path
    };
    let probe = Command::new(written("probe", "sh")).args(["-c", "! unshare --pid true 2>/dev/null"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        let reason = "`unshare` or `setpriv` is missing, or may make no user namespace";
        skip::skip(reason, "install util-linux and allow user namespaces: `hookstorm doctor` says how");
        return None;
    }
    let ordinary = desk.command();
    let program = ordinary.get_program().to_str().expect("Cargo's folder has a plain name");
    let mut command = Command::new(written("hookstorm", &format!("'{program}'")));
    command.current_dir(ordinary.get_current_dir().expect("a desk is a folder"));
    for (name, value) in ordinary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(command)
}

fn ran(mut command: Command, line: &str) -> Ran {
    command.args(line.split(' '));
    let mut command = assert_cmd::Command::from_std(command);
    Ran::new(command.timeout(std::time::Duration::from_secs(120)).output().expect("hookstorm starts and ends"))
}

fn names(sandbox: &Value) -> Vec<&str> {
    let missing = sandbox["missing"].as_array().expect("it is a list");
    assert!(missing.iter().all(|one| one["leaves_open"].as_str().is_some_and(|text| text.starts_with("a plugin can"))));
    missing.iter().map(|one| one["protection"].as_str().expect("it has a name")).collect()
}

#[test]
fn a_missing_protection_is_reported_once_with_its_risk() {
    let desk = desk("");
    let Some(command) = poor(&desk) else { return };
    let result = ran(command, "test store --runs 20 --jobs 2 --seed 1");
    assert_eq!(result.status, Some(0), "{result:?}");
    let words = "warning: this machine does not provide the whole sandbox; missing: process namespaces (a plugin can signal your other \
                 processes, before Linux 6.12 and from code that is not Python)";
    assert_eq!(result.stderr.matches("warning: ").count(), 1, "{result:?}");
    assert!(result.stderr.contains(words) && result.stderr.contains("hint: `hookstorm doctor` says why"), "{result:?}");
    let quiet = ran(poor(&desk).unwrap(), "check store -q");
    assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(0), ""));
    let json = ran(poor(&desk).unwrap(), "check store -q --format json").json();
    assert_eq!(json["sandbox"]["mode"], "on");
    assert!(names(&json["sandbox"]).contains(&"process namespaces"), "{json}");
    desk.assert_nothing_is_left();
}

#[test]
fn require_stops_before_the_plugin_runs_if_a_protection_is_missing() {
    let desk = desk("sandbox = 'require'\n");
    desk.write("store/main.py", format!("raise SystemExit\n{MAIN}"));
    let Some(command) = poor(&desk) else { return };
    let result = ran(command, "check store");
    assert_eq!((result.status, result.stdout.as_str()), (Some(2), ""), "{result:?}");
    assert!(result.stderr.starts_with(
        "error: this machine does not provide the whole sandbox; missing: process namespaces (a plugin can signal"
    ));
    assert!(result.stderr.contains("`--sandbox on` continues"), "{result:?}");
    // The command line overrides the file.
    let on = ran(poor(&desk).unwrap(), "check store --sandbox on");
    assert!(on.status == Some(1) && on.stdout.contains("error[import-failed]"), "{on:?}");
}

#[test]
fn a_sandbox_that_is_off_is_reported_every_time_with_the_setting() {
    let off = desk("sandbox = 'off'\n");
    let result = off.run(&["check", "store", "-q"]);
    assert_eq!(result.status, Some(0), "{result:?}");
    let words = "warning: the sandbox is off, as `store/hookstorm.toml` says: the plugin may read, write, signal and reach \
                 whatever you may\n";
    assert_eq!(result.stderr, words);
    assert!(result.stdout.contains("note: the sandbox is off"), "{result:?}");

    let result = desk("").run(&["check", "store", "-q", "--sandbox", "off", "--format", "json"]);
    assert!(result.stderr.starts_with("warning: the sandbox is off, as `--sandbox off` says"), "{result:?}");
    let json = result.json();
    assert_eq!((json["sandbox"]["mode"].as_str(), names(&json["sandbox"]).len()), (Some("off"), 0));
    assert!(json["notes"][0].as_str().is_some_and(|note| note.starts_with("the sandbox is off")), "{json}");
    assert_eq!(json["again"]["options"], serde_json::json!(["--sandbox", "off"]));
    off.write("report.json", &result.stdout);
    for form in ["html", "markdown"] {
        let report = off.run(&["report", "report.json", "--format", form]);
        assert!(report.stdout.contains("sandbox is off"), "{form}: {report:?}");
    }
}

#[test]
fn an_archive_switches_nothing_off() {
    let desk = desk("sandbox = 'off'\nallow-network = true\n");
    desk.write("store.zip", program::zip_of(&desk.path("store")));
    let result = desk.run(&["check", "store.zip", "--format", "json"]);
    assert!(!result.stderr.contains("the sandbox is off"), "{result:?}");
    assert_eq!(result.json()["sandbox"]["mode"], "on");
}

#[test]
fn a_plugin_gets_what_is_allowed_and_the_command_that_shows_it_again_allows_it_too() {
    let desk = desk("");
    desk.write("ca.pem", "");
    let words = "check store --allow-network 127.0.0.1:1 --allow-network [::1]:2 --allow-read ca.pem --format json";
    let result = desk.run(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(result.status, Some(0), "{result:?}");
    let options = "--allow-network 127.0.0.1:1 --allow-network [::1]:2 --allow-read ca.pem";
    assert_eq!(result.json()["again"]["options"], serde_json::json!(options.split(' ').collect::<Vec<_>>()));
}

fn check<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let checks = diagnosis["checks"].as_array().expect("it is a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} is missing in {diagnosis:#}"))
}

fn assert_fits(desk: &Desk, diagnosis: &Value) {
    let schema: Value = serde_json::from_str(&desk.run(&["schema", "doctor"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let problems: Vec<_> = validator.iter_errors(diagnosis).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}\n{diagnosis:#}");
}

#[test]
fn doctor_finds_what_plugins_run_on() {
    let desk = Desk::new();
    let text = desk.run(&["doctor"]);
    assert_eq!(text.status, Some(0), "{text:?}");
    assert!(text.stdout.contains("  ok      worker  "), "{text:?}");
    let json = desk.run(&["doctor", "--format", "json", "--venv", program::venv().to_str().unwrap()]).json();
    assert_fits(&desk, &json);
    for name in ["worker", "Python", "standard library", "Plugin SDK", "kernel", "cores", "scratch folders"] {
        assert_eq!(check(&json, name)["state"], "ok", "{json:#}");
    }
    let library = check(&json, "standard library")["found"].as_str().unwrap();
    assert!(Path::new(library).join("os.py").is_file(), "{library}");
}

#[test]
fn doctor_reports_what_is_missing_and_continues() {
    let desk = Desk::new();
    let Some(mut command) = poor(&desk) else { return };
    let result = ran(poor(&desk).unwrap(), "doctor");
    assert_eq!(result.status, Some(0), "{result:?}");
    assert!(
        result.stdout.contains("  missing process namespaces") && result.stdout.contains("`--sandbox require`"),
        "{result:?}"
    );
    command.args(["doctor", "--format", "json"]);
    let json = Ran::new(command.output().unwrap()).json();
    assert_fits(&desk, &json);
    let missing = check(&json, "process namespaces");
    assert_eq!((missing["state"].as_str(), missing["leaves_open"].is_string()), (Some("missing"), true));
    assert!(json["missing"].as_u64().is_some_and(|number| number > 0));
}

#[test]
fn doctor_fails_where_nothing_can_be_run() {
    let desk = Desk::new();
    let mut command = desk.command();
    command.env("HOOKSTORM_WORKER", "/nowhere/hookstorm-worker");
    let result = ran(command, "doctor");
    assert_eq!((result.status, result.stderr.as_str()), (Some(3), ""), "{result:?}");
    assert!(result.stdout.contains("  failed  worker ") && result.stdout.contains("cannot be started"), "{result:?}");
    assert!(result.stdout.ends_with("plugins cannot run here\n"), "{result:?}");
    let result = desk.run(&["doctor", "--venv", "nowhere"]);
    assert!(result.status == Some(3) && result.stdout.contains("`nowhere` is not a virtual environment"), "{result:?}");
}
