//! No command prints a secret in any form of report, although the plugin puts its secrets everywhere: into messages,
//! output, cookies and files. Only cases contain them; they say so in their first lines, and only their owner can read
//! them.

mod program;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use program::Desk;
use serde_json::Value;

/// A secret of the configuration.
const CONFIGURED: &str = "tok-4711-configured";
/// What a hook returns as a password.
const RETURNED: &str = "returned-0815-word";

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// A store that writes its secrets into a message, in its output, in a cookie and in a file.
fn leaky_store(desk: &Desk) {
    desk.write(
        "store/MANIFEST",
        "api: \"1.0\"\ntype: credentialstore\nname: Blab\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n",
    );
    desk.write("store/default.cfg", "[auth]\nhost = a\napi_token = default-9922-token\n");
    desk.write("own.cfg", format!("[auth]\nhost = a\napi_token = {CONFIGURED}\n"));
    desk.write(
        "store/main.py",
        format!(
            "import sys

WORD = '-'.join({parts:?})

class Plugin:
    def __init__(self, configuration):
        self.token = configuration.split('api_token = ')[1].split()[0]

    def get_password_list(self, gateway_password, server_hostname):
        print('token', self.token, 'password', gateway_password)
        print('returns', WORD, file=sys.stderr)
        return {{'passwords': [WORD], 'cookie': {{'kept': self.token}}, 'wrong': self.token}}

    def get_private_key_list(self, gateway_password, cookie):
        raise RuntimeError('no %s for %s with %s' % (cookie, gateway_password, self.token))

    def authentication_completed(self):
        return [self.token]

    def session_ended(self, cookie):
        raise ValueError(str(cookie) + self.token)
",
            // What stands in the source itself is no secret of the configuration, and source is shown.
            parts = RETURNED.split('-').collect::<Vec<_>>()
        ),
    );
}

/// Every case below the corpora, seeds included.
fn cases(desk: &Desk) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![desk.path("corpora")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "json" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The passwords of users that cases pass, those that are long enough not to be mistaken for other words.
fn passwords(desk: &Desk) -> Vec<String> {
    let mut found = Vec::new();
    for path in cases(desk) {
        let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let calls = case["calls"].as_array().unwrap();
        let given = calls.iter().filter_map(|call| call["arguments"]["gateway_password"].as_str());
        found.extend(given.filter(|word| word.len() >= 8 && word.is_ascii()).map(str::to_owned));
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn no_command_prints_a_secret_in_any_form_and_cases_say_that_they_contain_some() {
    let desk = Desk::new();
    leaky_store(&desk);
    let mut shown = Vec::new();
    let mut note = |line: String| {
        let ran = desk.run(&words(&line));
        assert!(matches!(ran.status, Some(0 | 1)), "{line}: {ran:?}");
        shown.push((line, ran.stdout + &ran.stderr));
    };
    let forms = program::forms("test");
    for format in &forms {
        note(format!("test store --config own.cfg --runs 60 --seed 1 --format {format}"));
        note(format!("fuzz store --config own.cfg --runs 60 --seed 1 --jobs 1 --format {format}"));
        note(format!("replay store --config own.cfg --format {format}"));
        note(format!("check store --format {format}"));
    }
    let kept = fs::read_dir(desk.path("corpora/Blab")).unwrap().flatten().map(|entry| entry.path());
    let kept: Vec<_> = kept.filter(|path| path.is_file()).collect();
    assert!(kept.len() >= 2, "{kept:?}");
    for format in &forms {
        for path in &kept {
            note(format!("run store --config own.cfg --case {} --format {format}", path.display()));
        }
    }
    let secrets: Vec<String> =
        passwords(&desk).into_iter().chain([CONFIGURED, RETURNED, "default-9922-token"].map(str::to_owned)).collect();
    assert!(secrets.len() > 3, "no case passes a password: {secrets:?}");
    for (line, text) in &shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "`hookstorm {line}` tells `{secret}`:\n{text}");
        }
    }
    for path in cases(&desk) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\n  \"note\": \"May hold secrets"), "{}: {text}", path.display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}
