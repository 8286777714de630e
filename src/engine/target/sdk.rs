//! The Plugin SDK's own MANIFEST reader in a process of its own, fed line by line. It runs no plugin, only the SDK's code.
//!
//! Where we differ on purpose nothing is told: a duplicate key (the SDK takes the last one, YAML forbids it), what
//! //! refuses although PyYAML takes it (the guide demands 1.2), and platform 5.10, which the SDK does not know.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::manifest::verdict;
use crate::{finding::Finding, generate::manifest::ManifestText, package::Manifest};

const PROGRAM: &str = include_str!("read_manifest.py");
/// What we read at most; the SDK has no limit of its own.
const BYTES: usize = 256 << 10;

/// A process that reads MANIFESTs with the SDK. Ends with this.
#[derive(Debug)]
pub(super) struct Sdk {
    child: Child,
    /// Dropped first, so that the process ends.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

#[derive(serde::Deserialize)]
struct Answer {
    strict: Option<String>,
    compatible: Option<String>,
    values: BTreeMap<String, (String, Option<String>)>,
    duplicate: bool,
}

impl Sdk {
    /// Starts it with the interpreter of `venv`; `None` where that has no SDK.
    pub(super) fn start(venv: &Path) -> io::Result<Option<Self>> {
        let mut child = Command::new(venv.join("bin/python"))
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it is piped"))?;
        let mut sdk = Self { child, stdin, stdout: BufReader::new(stdout) };
        let mut line = String::new();
        sdk.stdout.read_line(&mut line)?;
        Ok((line.trim() == "ready").then_some(sdk))
    }

    fn ask(&mut self, text: &[u8], api: &str) -> io::Result<Answer> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = format!("{api} ");
        line.extend(text.iter().map(|byte| format!("{byte:02x}")));
        line.push('\n');
        stdin.write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    }

    /// How we differ from the SDK on this MANIFEST.
    pub(super) fn difference(
        &mut self,
        made: &ManifestText,
        manifest: Option<&Manifest>,
        findings: &[Finding],
    ) -> Option<String> {
        if made.platform.is_first() || made.bytes.len() > BYTES {
            return None;
        }
        let answer = match self.ask(&made.bytes, &format!("{}.0", made.platform.api)) {
            Ok(answer) => answer,
            Err(error) => return Some(format!("the SDK's process did not answer: {error}")),
        };
        let says_twice = findings.iter().any(|finding| finding.message.contains("stands twice, first"));
        if answer.duplicate || says_twice {
            let differs = manifest.is_some() && says_twice != answer.duplicate;
            return differs.then(|| format!("a duplicate key: ours {says_twice}, the SDK {}", answer.duplicate));
        }
        let ours = verdict(findings);
        let theirs = (answer.compatible.is_none(), answer.strict.is_none());
        if ours != theirs {
            if theirs.0 && manifest.is_none() && !Manifest::is_yaml_1_2(&made.bytes) {
                return None;
            }
            let why = answer.compatible.or(answer.strict).unwrap_or_default();
            return Some(format!("taken (compatible, strict): ours {ours:?}, the SDK {theirs:?} {why}"));
        }
        let (true, Some(manifest)) = (theirs.0, manifest) else { return None };
        let mut expected = answer.values;
        let read: BTreeMap<String, (String, Option<String>)> = manifest
            .fields
            .iter()
            .map(|field| (field.name.clone(), (field.type_name.to_owned(), field.text.clone())))
            .collect();
        // The SDK has turned the version into text.
        if let (Some(version), Some(field)) = (expected.get_mut("version"), read.get("version")) {
            version.0.clone_from(&field.0);
        }
        (read != expected).then(|| format!("values: ours {read:?}, the SDK {expected:?}"))
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends at the end of its input; if it is stuck it is not waited for long.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
