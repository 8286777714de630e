//! Holds our MANIFEST reader against the platform's own: thousands of generated texts go to both, and both must take or
//! refuse the same ones and read the same values.
//!
//! The SDK is found in the virtual environment that `HOOKSTORM_TEST_VENV` names (`.venv` without it), and asked in one
//! batch. Texts come from a seeded generator, so that a failure is the same the next time; `HOOKSTORM_TEST_SEED` and
//! `HOOKSTORM_TEST_CASES` choose others.
//!
//! Where we differ on purpose: a duplicate key (the SDK takes the last one, YAML forbids it), and what YAML 1.2 refuses
//! although PyYAML takes it (the guide demands 1.2). The second is counted and must stay rare.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use arbitrary::Unstructured;
use hookstorm::{
    contract::Platform,
    finding::{Finding, Rule, Severity},
    package::Manifest,
};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// Reads hexadecimal texts line by line, and answers each with a line of JSON.
const SDK: &str = r#"
import datetime, io, json, sys, yaml
from safeguard.sessions.plugin_impl.tasks.manifest import Manifest

def read(data, compatible):
    stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    manifest = Manifest.from_stream(stream, compatible=compatible)
    manifest.check_api_version("1.9.0")
    return manifest.data

def duplicates(node, seen):
    if id(node) in seen:
        return False
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return any(duplicates(item, seen) for item in node.value)
    if not isinstance(node, yaml.MappingNode):
        return False
    keys = [equal(key) for key, _ in node.value]
    return len(keys) != len(set(keys)) or any(duplicates(part, seen) for pair in node.value for part in pair)

def equal(key):
    if not isinstance(key, yaml.ScalarNode):
        return id(key)
    try:
        return yaml.SafeLoader("").construct_object(key)
    except Exception:
        return "?" + key.value

def shown(value):
    simple = (str, int, float, bool, type(None), datetime.date)
    return [type(value).__name__, str(value) if isinstance(value, simple) else None]

for line in sys.stdin:
    data = bytes.fromhex(line)
    answer = {"strict": None, "compatible": None, "values": {}, "duplicate": False}
    for mode in ("strict", "compatible"):
        try:
            values = read(data, mode == "compatible")
            answer["values"] = {key: shown(value) for key, value in values.items() if isinstance(key, str)}
        except Exception as error:
            answer[mode] = "%s: %s" % (type(error).__name__, " ".join(str(error).split()))
    try:
        answer["duplicate"] = duplicates(yaml.compose(data.decode("utf-8"), yaml.SafeLoader), set())
    except Exception:
        pass
    print(json.dumps(answer))
"#;

#[derive(serde::Deserialize)]
struct Answer {
    strict: Option<String>,
    compatible: Option<String>,
    values: BTreeMap<String, (String, Option<String>)>,
    duplicate: bool,
}

fn python() -> PathBuf {
    let venv = std::env::var_os("HOOKSTORM_TEST_VENV")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv"), PathBuf::from);
    let python = venv.join("bin/python");
    let has_sdk = Command::new(&python)
        .args(["-c", "import safeguard.sessions.plugin_impl.tasks.manifest"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        has_sdk,
        "`{}` has no Plugin SDK: `make test` makes the virtual environment, or set HOOKSTORM_TEST_VENV",
        venv.display()
    );
    python
}

fn ask_sdk(texts: &[Vec<u8>]) -> Vec<Answer> {
    let mut child = Command::new(python())
        .args(["-c", SDK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter ran a moment ago");
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines: String =
        texts.iter().map(|text| text.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n").collect();
    // The answers are read meanwhile, so that neither side waits for the other.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it can be waited for");
    writer.join().expect("writing does not panic").expect("the SDK reads all texts");
    assert!(output.status.success(), "the SDK's process failed");
    let answers = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    answers.lines().map(|line| serde_json::from_str(line).expect("each line is an answer")).collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What we say, in the SDK's terms.
#[derive(Debug, PartialEq)]
struct Verdict {
    strict: bool,
    compatible: bool,
}

fn verdict(findings: &[Finding]) -> Verdict {
    let is_refusal = |finding: &&Finding| {
        matches!(finding.rule, Rule::ManifestUnreadable | Rule::ManifestFieldMissing | Rule::ManifestFieldInvalid)
    };
    let compatible = !findings.iter().filter(is_refusal).any(|finding| finding.severity == Severity::Error);
    // A missing description or entry point is a warning, and refused by the SDK's strict reader.
    let strict = compatible && !findings.iter().any(|finding| finding.rule == Rule::ManifestFieldMissing);
    Verdict { strict, compatible }
}

#[test]
fn our_reader_agrees_with_the_sdk() {
    let cases = usize::try_from(number("HOOKSTORM_TEST_CASES", 4000)).expect("a count");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(number("HOOKSTORM_TEST_SEED", 1));
    let mut texts: Vec<Vec<u8>> = CORNERS.iter().map(|text| complete(text)).collect();
    while texts.len() < cases {
        let mut bytes = vec![0; 600];
        random.fill_bytes(&mut bytes);
        texts.push(generate::manifest(&mut Unstructured::new(&bytes)).expect("the generator takes any bytes"));
    }
    let answers = ask_sdk(&texts);
    assert_eq!(answers.len(), texts.len());

    let (mut accepted, mut stricter, mut duplicates) = (0, 0, 0);
    let mut differences = Vec::new();
    for (text, answer) in texts.iter().zip(&answers) {
        let (manifest, findings) = Manifest::read(text, Platform::newest());
        let ours = verdict(&findings);
        let theirs = Verdict { strict: answer.strict.is_none(), compatible: answer.compatible.is_none() };
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let mut differ = |what: String| {
            let text = String::from_utf8_lossy(text);
            differences.push(format!(
                "{what}\n  ours: {messages:?}\n  SDK: {:?} {:?}\n{text}\n{text:?}",
                answer.strict, answer.compatible
            ));
        };
        let says_twice = messages.iter().any(|message| message.contains("stands twice, first"));
        if answer.duplicate || says_twice {
            duplicates += 1;
            if manifest.is_some() && says_twice != answer.duplicate {
                differ(format!("a duplicate key: ours {says_twice}, theirs {}", answer.duplicate));
            }
            continue;
        }
        if ours != theirs {
            if theirs.compatible && manifest.is_none() {
                stricter += 1;
                if std::env::var_os("HOOKSTORM_TEST_STRICT").is_none() {
                    continue;
                }
            }
            differ(format!("ours {ours:?}, theirs {theirs:?}"));
            continue;
        }
        if !theirs.compatible {
            continue;
        }
        accepted += 1;
        let manifest = manifest.expect("what is accepted is read");
        let read: BTreeMap<String, (String, Option<String>)> = manifest
            .fields
            .iter()
            .map(|field| (field.name.clone(), (field.type_name.to_owned(), field.text.clone())))
            .collect();
        let mut expected = answer.values.clone();
        // The SDK has turned the version into text.
        if let (Some(version), Some(field)) = (expected.get_mut("version"), read.get("version")) {
            version.0.clone_from(&field.0);
        }
        if read != expected {
            differ(format!("values\n  ours {read:?}\n  theirs {expected:?}"));
        }
    }
    println!(
        "{accepted} of {cases} accepted by both, {duplicates} with duplicate keys, {stricter} refused by YAML 1.2 only"
    );
    let shown = differences.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(differences.is_empty(), "{} differences of {cases}; the first are\n{shown}", differences.len());
    assert!(accepted * 4 > cases, "only {accepted} of {cases} are accepted: the generator does not get deep enough");
    assert!(accepted * 10 < cases * 9, "{accepted} of {cases} are accepted: the generator breaks too little");
    assert!(stricter * 100 < cases, "{stricter} of {cases} are refused by YAML 1.2 only");
}

#[test]
fn our_reader_survives_any_bytes() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(number("HOOKSTORM_TEST_SEED", 1) ^ 0xfeed);
    for case in 0..4000 {
        let mut bytes = vec![0; 600];
        random.fill_bytes(&mut bytes);
        let mut text = generate::manifest(&mut Unstructured::new(&bytes)).expect("the generator takes any bytes");
        for &at in &bytes[..usize::from(bytes[599] % 8)] {
            let place = usize::from(at) % (text.len() + 1);
            let alphabet = b"\t\n\r:-?[]{},&*!|>'\"%#@`~ =<0xa\xc3\xa9\xff";
            text.insert(place, alphabet[usize::from(bytes[usize::from(at) + 1]) % alphabet.len()]);
        }
        let (_, findings) = Manifest::read(&text, Platform::newest());
        for finding in findings {
            let location = finding.location.expect("a MANIFEST finding has a place");
            assert_eq!(location.file, "MANIFEST", "case {case}");
        }
    }
}

/// A whole MANIFEST around `lines`: fields that they do not set are added before them.
fn complete(lines: &str) -> Vec<u8> {
    let defaults = [
        ("api", "1.6"),
        ("type", "aa"),
        ("name", "Mine"),
        ("version", "1.0"),
        ("description", "d"),
        ("entry_point", "main.py"),
    ];
    let mut text = String::new();
    for (name, value) in defaults {
        if !lines.lines().any(|line| line.starts_with(&format!("{name}:"))) {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    (text + lines).into_bytes()
}

/// Corners that chance finds seldom, each a few lines of a MANIFEST that is fine otherwise.
const CORNERS: &[&str] = &[
    "",
    "base: &b {name: First, k: 1}\nother: &o {name: Second, k: 2}\nx:\n  <<: [*b, *o]\n",
    "<<: {author_email: not an address}\n",
    "<<: [{author_name: First}, {author_name: Second}]\n",
    "<<: 5\n",
    "<<: [5]\n",
    "x: &x\n  <<: *x\n  k: v\n",
    "x: &x [*x]\n",
    "x: *unknown\n",
    "a: &a 1\nb: &a 2\n",
    "version: 2020-01-02\n",
    "version: 2001-12-14t21:59:43.10-05:00\n",
    "version: 2020-02-30\n",
    "version: 1:30\n",
    "version: 0o14\n",
    "version: 014\n",
    "version: 1_000.5\n",
    "version: 1e5\n",
    "version: 1.5e+300\n",
    "version: .5\n",
    "version: 0x_f\n",
    "version: 190:20:30.15\n",
    "version: .inf\n",
    "version: |\n  1.0\n",
    "version: |-\n  1.0\n",
    "version: !!str 1.10\n",
    "version: ! \"1.10\"\n",
    "version: !!float 1\n",
    "version: !!int \"0b11\"\n",
    "version: !!timestamp 2020-1-2\n",
    "version: [1]\n",
    "version: \"\"\n",
    "api: \"1.9.0-rc1\"\n",
    "api: 1.9.7-rc1\n",
    "api: 1.6.0+b\n",
    "api: 1.06\n",
    "api: 1.10\n",
    "api: 2.0\n",
    "api: 0.9\n",
    "api: 1\n",
    "api: 1.6.007\n",
    "api: \"1.6\\n\"\n",
    "api: '1.6'\n",
    "entry_point: no\n",
    "entry_point: 0\n",
    "entry_point: []\n",
    "entry_point: \"\"\n",
    "entry_point: 7\n",
    "entry_point: ~\n",
    "entry_point: ..\n",
    "author_email: 5\n",
    "author_email: off\n",
    "author_email: a@b\n",
    "author_email: a@b.\n",
    "author_email: \"\"\n",
    "author_email: {}\n",
    "name: on\n",
    "name: 12\n",
    "name: M\n",
    "name: =\n",
    "name: <<\n",
    "name: Mine\u{e9}\n",
    "name: !!str Mine\n",
    "name: !!binary TWluZQ==\n",
    "name: &n Mine\nauthor_name: *n\n",
    "name: >\n  Mine\n",
    "name: >-\n  Mine\n",
    "name: |-\n  Mine",
    "name: \"Mi\\x6ee\"\n",
    "name: 'Mi''ne'\n",
    "description: ~\n",
    "description: !!binary 'YQ'\n",
    "description: !!binary 'YQ=='\n",
    "description: !!null x\n",
    "description: !!bool maybe\n",
    "description: !!set {a, b}\n",
    "description: !!omap [a: 1, b: 2]\n",
    "description: !!omap {a: 1}\n",
    "description: !!pairs [a]\n",
    "description: !own x\n",
    "description: !!python/object:os.system {}\n",
    "description: !<tag:yaml.org,2002:str> 5\n",
    "description: |\n  one\n\n   two\n  three\n\n",
    "description: >+\n  one\n  two\n\n  three\n\n",
    "description: |2\n   one\n  two\n",
    "description: one\n  two\n\n  three\n",
    "description: \"one\n  two\\\n  three\"\n",
    "description: a #b\n",
    "description: a#b\n",
    "description: a:b\n",
    "description: a: b\n",
    "description: - a\n",
    "description:\n- a\n- b: c\n  d: e\n",
    "description: @a\n",
    "description: `a\n",
    "description: %a\n",
    "description: \"\\/\\e\\_\\N\"\n",
    "description: \"\\'\"\n",
    "description: \"\\q\"\n",
    "description: [a, [b, {c: d}], e]\n",
    "description: {a, b: c}\n",
    "description: [a\n",
    "description: a]\n",
    "description: 'a\n",
    "? [a]\n: b\n",
    "? {a: b}\n: c\n",
    "? a\n: b\n",
    "? !!binary YQ==\n: c\n",
    "1: a\n",
    "x: {1: a, 1.0: b}\n",
    "...\n",
    "...\nx: y\n",
    "---\nx: y\n",
    "x: y\n---\n",
    "x\n",
    "x\ny: z\n",
    " x: y\n",
    "\tx: y\n",
    "x:\ty\n",
    "x: y\t\n",
    "x: y\t# c\n",
    "# c\td\n",
    "x: 'a\tb'\n",
    "x: |\n  a\tb\n",
    "x: |\n\ta\n",
    "x: [a,\tb]\n",
    "x: \u{1}\n",
    "x: \u{7f}\n",
    "x: \u{feff}\n",
    "x: a\u{fffe}\n",
    "x: \u{1f600}\n",
    "x: a\r\ny: b\rz: c\n",
];

/// Turns bytes into a MANIFEST: the same bytes, the same text.
mod generate {
    use arbitrary::{Result, Unstructured};

    const PLAIN: &[&str] = &[
        "1.6",
        "1.0",
        "1.10",
        "2.0.0",
        "0.9",
        "1",
        "on",
        "No",
        "yes",
        "off",
        "true",
        "~",
        "null",
        "",
        "0o14",
        "014",
        "09",
        "1:30",
        "1:30:00",
        "1_0",
        "1e5",
        "1.5e+3",
        ".5",
        "5.",
        "-1.0",
        "+2",
        "0x1F",
        "0b11",
        ".inf",
        "-.INF",
        ".nan",
        "2020-01-02",
        "2020-13-01",
        "2020-1-2",
        "2001-12-14 21:59:43.1 +2",
        "aa",
        "credentialstore",
        "signingca",
        "configuration_sync",
        "AA",
        "Mine",
        "My_Plugin2",
        "2Mine",
        "my-plugin",
        "main.py",
        "lib/main.py",
        "a@b.example",
        "a b",
        "a#b",
        "a #b",
        "a:b",
        "=",
        "<<",
        "-",
        "- a",
        "a: b",
        "@a",
        "!a",
        "?a",
        "%a",
        "caf\u{e9}",
        "x ",
        "don't",
        "\"a",
        "1.9.0",
        "1.9.9",
        "1.9.1-rc",
        "1.6.0+b",
    ];
    const TAGS: &[&str] = &[
        "!!str",
        "!!int",
        "!!float",
        "!!bool",
        "!!null",
        "!!binary",
        "!!timestamp",
        "!!set",
        "!!omap",
        "!!pairs",
        "!!seq",
        "!!map",
        "!own",
        "!",
        "!<tag:yaml.org,2002:str>",
        "!!python/name:os",
    ];

    pub(super) fn manifest(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut fields: Vec<(String, String)> = vec![
            ("api".to_owned(), u.choose(&["1.6", "\"1.6\"", "1.9.0", "'1.0'", "1.1"])?.to_string()),
            ("type".to_owned(), u.choose(&["aa", "credentialstore", "\"aa\"", "signingca"])?.to_string()),
            ("name".to_owned(), u.choose(&["Mine", "SPS_TPAM", "'M2'", "aa"])?.to_string()),
            ("version".to_owned(), u.choose(&["1.0", "2.0.0", "\"1.10\"", "1.10", "3"])?.to_string()),
            ("description".to_owned(), u.choose(&["text", "some more text", "'it''s'", "\"a: b\""])?.to_string()),
            ("entry_point".to_owned(), u.choose(&["main.py", "\"plugin.py\"", "a-b_c.py"])?.to_string()),
        ];
        for name in ["author_name", "author_email", "scb_min_version", "x-own", "1", "nested"] {
            if u.ratio(1, 4)? {
                let value = if name == "author_email" { "a.b@c-d.example".to_owned() } else { value(u, 0)? };
                fields.push((name.to_owned(), value));
            }
        }
        for _ in 0..u.int_in_range(0..=3)? {
            change(u, &mut fields)?;
        }
        let mut text = match u.int_in_range(0..=9)? {
            0 => flow(&fields),
            1 => fields.iter().map(|(name, value)| format!("{name} : {value}\n")).collect(),
            2 => fields.iter().map(|(name, value)| format!("\"{name}\": {value}\n# comment\n\n")).collect(),
            _ => fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>(),
        };
        for _ in 0..u.int_in_range(0..=5)? / 4 {
            text = dress(u, text)?;
        }
        let mut bytes = text.into_bytes();
        if u.ratio(1, 60)? {
            let at = u.choose_index(bytes.len() + 1)?;
            bytes.insert(at, *u.choose(&[0xff, 0xc3, 0x80, 0x00, 0x1b, 0x7f])?);
        }
        Ok(bytes)
    }

    fn flow(fields: &[(String, String)]) -> String {
        let parts: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}: {}", value.replace('\n', " "))).collect();
        format!("{{{}}}\n", parts.join(", "))
    }

    fn change(u: &mut Unstructured<'_>, fields: &mut Vec<(String, String)>) -> Result<()> {
        let at = u.choose_index(fields.len())?;
        match u.int_in_range(0..=12)? {
            0 => drop(fields.remove(at)),
            1 => fields[at].1 = String::new(),
            2 => fields[at].0.push_str(u.choose(&["s", "_", " "])?),
            3 => {
                let copy = (fields[at].0.clone(), value(u, 0)?);
                fields.push(copy);
            }
            4 => {
                fields[at].1.insert_str(0, "&anchor ");
                let name = u.choose(&["author_name", "extra", "scb_max_version"])?.to_string();
                fields.push((name, "*anchor".to_owned()));
            }
            5 => fields.push(("<<".to_owned(), format!("{{author_name: {}, extra: 1}}", plain(u)?))),
            6 => fields.rotate_left(at),
            7 => fields[at].1 = block(u)?,
            8 => {
                let tag = u.choose(TAGS)?;
                fields[at].1 = format!("{tag} {}", fields[at].1);
            }
            9 => fields[at].1.push_str(u.choose(&[" # comment", " #", "  ", "\n"])?),
            10 => {
                let key =
                    *u.choose(&["? a\n", "on", "~", "[a]", "{a: b}", "!!str 5", "=", "2020-01-02", "? [a, b]\n"])?;
                fields.push((key.to_owned(), value(u, 0)?));
            }
            _ => fields[at].1 = value(u, 0)?,
        }
        if fields.is_empty() {
            fields.push(("api".to_owned(), "1.6".to_owned()));
        }
        Ok(())
    }

    fn plain(u: &mut Unstructured<'_>) -> Result<&'static str> {
        u.choose(PLAIN).copied()
    }

    /// A value on one line.
    fn value(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
        Ok(match u.int_in_range(0..=11)? {
            0 => format!("'{}'", plain(u)?.replace('\'', "''")),
            1 => format!("\"{}\"", plain(u)?.replace('"', "\\\"")),
            2 => format!(
                "\"{}\"",
                u.choose(&["\\x41b", "\\u00e9", "\\n", "a\\tb", "\\q", "\\", "\\U0001F600", "\\e", "a\tb"])?
            ),
            3 => format!("{} {}", u.choose(TAGS)?, plain(u)?),
            4 if depth < 4 => {
                let mut items = Vec::new();
                for _ in 0..u.int_in_range(0..=3)? {
                    items.push(inner(u, depth)?);
                }
                format!("[{}]", items.join(", "))
            }
            5 if depth < 4 => {
                let mut items = Vec::new();
                for at in 0..u.int_in_range(0..=3)? {
                    items.push(format!("{}{at}: {}", u.choose(&["k", "key", "'q'", "1"])?, inner(u, depth)?));
                }
                format!("{{{}}}", items.join(", "))
            }
            6 => format!("{}{}", "[".repeat(30), "]".repeat(30)),
            _ => plain(u)?.to_owned(),
        })
    }

    /// A value inside brackets. Plain text with `?`, `:` or an indicator in it is another language there in each of the
    /// two versions; the corners have what can be told of it.
    fn inner(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
        let value = value(u, depth + 1)?;
        let is_odd = |character: char| "?:#%@`&*|>-".contains(character);
        Ok(if value.contains(is_odd) && !value.starts_with(['"', '\'', '[', '{']) { "odd".to_owned() } else { value })
    }

    fn block(u: &mut Unstructured<'_>) -> Result<String> {
        let header = u.choose(&["|", ">", "|-", ">-", "|+", ">+", "|2", "> # comment"])?;
        let mut text = format!("{header}\n");
        for _ in 0..u.int_in_range(1..=3)? {
            let indent = u.choose(&["  ", "  ", "  ", "    "])?;
            text.push_str(&format!("{indent}{}\n", u.choose(&["1.0", "Mine", "some text", "# text", "a\tb", "- a"])?));
            if u.ratio(1, 5)? {
                text.push('\n');
            }
        }
        text.pop();
        Ok(text)
    }

    /// Changes the text as a whole.
    fn dress(u: &mut Unstructured<'_>, text: String) -> Result<String> {
        let lines: Vec<&str> = text.lines().collect();
        let at = u.choose_index(lines.len().max(1))?;
        let insert = |line: &str| {
            let mut lines = lines.clone();
            lines.insert(at, line);
            lines.join("\n") + "\n"
        };
        Ok(match u.int_in_range(0..=11)? {
            0 => format!("\u{feff}{text}"),
            1 => format!("---\n{text}"),
            2 => format!("{text}...\n"),
            3 => format!("%YAML 1.{}\n---\n{text}", u.choose(&["1", "2"])?),
            4 => text.replace('\n', "\r\n"),
            5 => text.trim_end_matches('\n').to_owned(),
            6 => insert("# a comment\twith a tab"),
            7 => insert(u.choose(&["---", "\t", "", "  ", "loose", "- item", "# é"])?),
            8 => format!("# comment\n\n{text}# end"),
            9 => text.replacen(": ", ":\t", 1),
            10 => format!("{text}---\n{text}"),
            _ => text.replacen(": ", ":   ", 1),
        })
    }
}
