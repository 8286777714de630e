//! The examples in the explanations of rules are true: hookstorm reports the rule for the bad one, and nothing for the
//! good one. Examples that need a shell, a backend or a library are not run.

mod program;

use hookstorm::finding::{Phase, Rule};
use program::Desk;

const STORE_HOOKS: [&str; 4] =
    ["get_password_list", "get_private_key_list", "authentication_completed", "session_ended"];

/// The kind of code and the lines of the first example under this heading.
fn example(rule: Rule, heading: &str) -> Option<(String, String)> {
    let section = rule.explanation().split(&format!("\n## {heading}\n")).nth(1)?;
    let section = section.split("\n## ").next()?;
    let (kind, rest) = section.split_once("```")?.1.split_once('\n')?;
    Some((kind.to_owned(), rest.split("```").next()?.to_owned()))
}

/// A MANIFEST with these lines, and with what they lack.
fn manifest(lines: &str, is_whole: bool) -> String {
    let fields = [
        "api: \"1.0\"",
        "type: credentialstore",
        "name: Example",
        "version: \"1.0\"",
        "description: d",
        "entry_point: main.py",
    ];
    let is_there = |field: &str| lines.lines().any(|line| line.split(':').next() == field.split(':').next());
    let lacks = fields.iter().filter(|field| !is_whole && !is_there(field));
    lacks.map(|field| format!("{field}\n")).collect::<String>() + lines
}

/// A credential store with these methods, and with the hooks that they lack.
fn plugin(methods: &str) -> String {
    let mut text = String::from(
        "#!/usr/bin/env pluginwrapper3\nimport base64, configparser, sys, time\nfrom datetime import datetime\n\nclass Plugin:\n",
    );
    for line in methods.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for hook in STORE_HOOKS.iter().filter(|hook| !methods.contains(&format!("def {hook}("))) {
        text.push_str(&format!("    def {hook}(self): return None\n"));
    }
    text
}

/// The rules that hookstorm reports for an archive of these files.
fn reported(files: &[(&str, String)], command: &[&str]) -> Vec<String> {
    let desk = Desk::new();
    desk.write("plugin.zip", program::zip(files.iter().map(|(name, text)| (*name, text.as_bytes()))));
    let ran = desk.run(&[command, &["plugin.zip", "--format", "json", "--quiet"]].concat());
    assert!(matches!(ran.status, Some(0 | 1)), "{files:?}: {ran:?}");
    ran.rules()
}

#[track_caller]
fn is_true(rule: Rule, heading: &str, found: &[String], shown: &str) {
    let expected: &[&str] = if heading == "Bad" { &[rule.id()] } else { &[] };
    assert_eq!(found, expected, "{rule}, {heading}:\n{shown}");
}

#[test]
fn files_in_the_examples_show_what_is_said() {
    let mut run = 0;
    for &rule in Rule::ALL.iter().filter(|rule| rule.phase() == Phase::Package) {
        for heading in ["Bad", "Good"] {
            let (kind, text) = example(rule, heading).unwrap_or_else(|| panic!("{rule} has no example {heading}"));
            let main = ("main.py", plugin("def __init__(self, configuration): configparser.ConfigParser()"));
            let good = ("MANIFEST", manifest("", false));
            let other = ("lib/plugin.py", String::new());
            let files = match kind.as_str() {
                "yaml" => {
                    vec![("MANIFEST", manifest(&text, rule == Rule::ManifestFieldMissing)), main, other]
                }
                "ini" => vec![good, main, ("default.cfg", text.clone())],
                // A list of files.
                "text" => text
                    .lines()
                    .map(|line| line.split(" #").next().unwrap_or_default().trim_end())
                    .map(|path| (path, if path.ends_with("MANIFEST") { good.1.clone() } else { main.1.clone() }))
                    .collect(),
                _ => continue,
            };
            is_true(rule, heading, &reported(&files, &["check"]), &text);
            run += 1;
        }
    }
    assert!(run >= 14, "{run}");
}

/// Rules whose examples are whole methods of a plugin.
const METHODS: [Rule; 3] = [Rule::ReturnType, Rule::HookArgumentUnknown, Rule::ConstructorFailed];

#[test]
fn methods_in_the_examples_show_what_is_said() {
    for rule in METHODS {
        for heading in ["Bad", "Good"] {
            let (_, text) = example(rule, heading).unwrap();
            // The good constructor changes one line of the bad one.
            let text = match (rule, heading) {
                (Rule::ConstructorFailed, "Good") => {
                    let bad = example(rule, "Bad").unwrap().1;
                    bad.lines().take(3).map(|line| format!("{line}\n")).collect::<String>() + &text
                }
                _ => text,
            };
            let command: &[&str] = match rule.phase() {
                Phase::Calling => &["test", "--runs", "20", "--seed", "1", "--jobs", "1"],
                _ => &["check"],
            };
            let platform: &[&str] = if rule == Rule::HookArgumentUnknown { &["--platform", "6.3"] } else { &[] };
            let files = [("MANIFEST", manifest("", false)), ("main.py", plugin(&text))];
            is_true(rule, heading, &reported(&files, &[command, platform].concat()), &text);
        }
    }
}

/// Rules each line of whose examples is an alternative, in a hook with these arguments.
const LINES: [(Rule, &str); 5] = [
    (Rule::UncaughtException, "client_hostname, session_cookie, client_ip"),
    (Rule::ReturnValueInvalid, "gateway_password"),
    (Rule::ReturnKeyUnknown, ""),
    (Rule::NotJson, "token=b'token'"),
    (Rule::LossyJson, "user='alice', domain='example.com'"),
];

#[test]
fn lines_in_the_examples_show_what_is_said() {
    for (rule, arguments) in LINES {
        for heading in ["Bad", "Good"] {
            let (_, text) = example(rule, heading).unwrap();
            // The good lines about an exception belong together.
            let blocks: Vec<String> = match (rule, heading) {
                (Rule::UncaughtException, "Good") => vec![text],
                _ => text.lines().map(str::to_owned).collect(),
            };
            // An example for the other type of plugin breaks the same rule in its hook.
            for block in blocks.iter().filter(|block| !block.contains("verdict")) {
                let body: String = block.lines().map(|line| format!("    {line}\n")).collect();
                let names = "    address, password = locals().get('client_ip'), 'secret'\n";
                let method = format!("def get_password_list(self, {arguments}):\n{names}{body}");
                let files = [("MANIFEST", manifest("", false)), ("main.py", plugin(&method))];
                // A time in a cookie may differ in each run.
                let command = "test --runs 400 --seed 1 --jobs 1 --rule nondeterministic=off";
                let command: Vec<&str> = command.split(' ').collect();
                is_true(rule, heading, &reported(&files, &command), block);
            }
        }
    }
}
