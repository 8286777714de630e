//! Compares hookstorm's MANIFEST reader with the platform's: both get thousands of generated texts, and must accept the
//! same ones and read the same values.
//!
//! The SDK is found in the virtual environment that `HOOKSTORM_TEST_VENV` names (`.venv` without it), and asked in one
//! batch. Texts come from a seeded generator, so that a failure is the same the next time; `HOOKSTORM_TEST_SEED` and
//! `HOOKSTORM_TEST_CASES` choose others.
//!
//! `docs/selftest.md` lists the differences that are on purpose. The test counts the texts that only YAML 1.2 refuses,
//! which must stay rare.

mod corners;
mod generate;
#[path = "../program/mod.rs"]
mod program;

use std::{
    collections::BTreeMap,
    io::Write,
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
const SDK: &str = include_str!("../../src/selftest/read_manifest.py");

#[derive(serde::Deserialize)]
struct Answer {
    strict: Option<String>,
    compatible: Option<String>,
    values: BTreeMap<String, (String, Option<String>)>,
    duplicate: bool,
}

fn ask_sdk(texts: &[Vec<u8>]) -> Vec<Answer> {
    let mut child = Command::new(program::python_with_sdk())
        .args(["-c", SDK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter ran a moment ago");
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines: String = texts
        .iter()
        .map(|text| format!("1.9.0 {}\n", text.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        .collect();
    // A thread writes while this one reads, so that neither side waits for the other.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it can be waited for");
    writer.join().expect("writing does not panic").expect("the SDK reads all texts");
    assert!(output.status.success(), "the SDK's process failed");
    let answers = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    // The first line says that it is ready.
    answers.lines().skip(1).map(|line| serde_json::from_str(line).expect("each line is an answer")).collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Whether a parser of YAML 1.2 refuses the text.
fn yaml_1_2_refuses(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    saphyr_parser::Parser::new_from_str(text.trim_start_matches('\u{feff}')).any(|event| event.is_err())
}

/// hookstorm's result, in the SDK's terms.
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
    // hookstorm warns of a missing description or entry point, and the SDK's strict reader refuses it.
    let strict = compatible && !findings.iter().any(|finding| finding.rule == Rule::ManifestFieldMissing);
    Verdict { strict, compatible }
}

#[test]
fn our_reader_agrees_with_the_sdk() {
    let cases = usize::try_from(number("HOOKSTORM_TEST_CASES", 4000)).expect("a count");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(number("HOOKSTORM_TEST_SEED", 1));
    let mut texts: Vec<Vec<u8>> = corners::CORNERS.iter().map(|text| complete(text)).collect();
    while texts.len() < cases {
        let mut bytes = vec![0; 600];
        random.fill_bytes(&mut bytes);
        let mut text = generate::manifest(&mut Unstructured::new(&bytes)).expect("the generator takes any bytes");
        // Some texts are damaged, to compare the two scanners as well.
        if texts.len().is_multiple_of(8) {
            damage(&mut text, &bytes);
        }
        texts.push(text);
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
        let says_twice = messages.iter().any(|message| message.contains("appears twice, first"));
        if answer.duplicate || says_twice {
            duplicates += 1;
            if manifest.is_some() && says_twice != answer.duplicate {
                differ(format!("a duplicate key: ours {says_twice}, theirs {}", answer.duplicate));
            }
            continue;
        }
        if ours != theirs {
            if theirs.compatible && manifest.is_none() && yaml_1_2_refuses(text) {
                stricter += 1;
                continue;
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
        // The SDK converts the version to a text.
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
    assert!(stricter * 200 < cases, "{stricter} of {cases} are refused by YAML 1.2 only");
}

#[test]
fn our_reader_survives_any_bytes() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(number("HOOKSTORM_TEST_SEED", 1) ^ 0xfeed);
    for case in 0..4000 {
        let mut bytes = vec![0; 600];
        random.fill_bytes(&mut bytes);
        let mut text = generate::manifest(&mut Unstructured::new(&bytes)).expect("the generator takes any bytes");
        damage(&mut text, &bytes);
        let (_, findings) = Manifest::read(&text, Platform::newest());
        for finding in findings {
            let location = finding.location.expect("a MANIFEST finding has a place");
            assert_eq!(location.file, "MANIFEST", "case {case}");
        }
    }
}

/// Inserts up to seven characters with a meaning in YAML at random positions.
fn damage(text: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8] = b"\t\n\r:-[]{},&*!|>'\"%#@`~ =<0xa\xc3\xa9\xff";
    for pair in bytes.rchunks_exact(3).take(usize::from(bytes[0] % 8)) {
        let place = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % (text.len() + 1);
        text.insert(place, ALPHABET[usize::from(pair[2]) % ALPHABET.len()]);
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
