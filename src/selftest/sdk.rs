//! The Plugin SDK's MANIFEST reader, in a process that gets one manifest a line. It runs the SDK's code, and no plugin.
//!
//! `docs/selftest.md` lists the cases in which hookstorm differs from the SDK on purpose. They are no differences here.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{SelftestError, manifest::verdict};
use crate::{finding::Finding, generate::manifest::GeneratedManifest, package::Manifest};

const PROGRAM: &str = include_str!("read_manifest.py");
/// The longest MANIFEST that hookstorm reads; the SDK has no limit.
const BYTES_LIMIT: usize = 256 << 10;

/// A process that reads manifests with the SDK. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Sdk {
    child: Child,
    /// Dropped first: the end of its input ends the process.
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
    /// Starts the process with the interpreter of `venv`, which must have the SDK.
    pub(super) fn start(venv: &Path) -> Result<Self, SelftestError> {
        let failed = |problem: String| SelftestError::Sdk { venv: venv.to_owned(), problem };
        match Self::started(venv) {
            Ok(Some(sdk)) => Ok(sdk),
            Ok(None) => Err(failed("its `bin/python` cannot import the Plugin SDK".into())),
            Err(error) => Err(failed(format!("its `bin/python` does not start: {error}"))),
        }
    }

    /// The process; `None` if the interpreter has no SDK.
    fn started(venv: &Path) -> io::Result<Option<Self>> {
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

    /// How hookstorm differs from the SDK on this MANIFEST; an error if the SDK's process ended.
    pub(super) fn difference(
        &mut self,
        made: &GeneratedManifest,
        manifest: Option<&Manifest>,
        findings: &[Finding],
    ) -> io::Result<Option<String>> {
        if made.platform.is_first() || made.bytes.len() > BYTES_LIMIT {
            return Ok(None);
        }
        let answer = self.ask(&made.bytes, &format!("{}.0", made.platform.api))?;
        Ok(compare(answer, made, manifest, findings))
    }
}

/// How hookstorm's result differs from the SDK's answer.
fn compare(
    answer: Answer,
    made: &GeneratedManifest,
    manifest: Option<&Manifest>,
    findings: &[Finding],
) -> Option<String> {
    let has_duplicate = findings.iter().any(|finding| finding.message.contains("appears twice, first"));
    if answer.duplicate || has_duplicate {
        let differs = manifest.is_some() && has_duplicate != answer.duplicate;
        return differs.then(|| format!("a duplicate key: hookstorm {has_duplicate}, the SDK {}", answer.duplicate));
    }
    let ours = verdict(findings);
    let theirs = (answer.compatible.is_none(), answer.strict.is_none());
    if ours != theirs {
        if theirs.0 && manifest.is_none() && !Manifest::is_yaml_1_2(&made.bytes) {
            return None;
        }
        let why = answer.compatible.or(answer.strict).unwrap_or_default();
        return Some(format!("accepted (compatible, strict): hookstorm {ours:?}, the SDK {theirs:?} {why}"));
    }
    let (true, Some(manifest)) = (theirs.0, manifest) else { return None };
    let mut expected = answer.values;
    let read: BTreeMap<String, (String, Option<String>)> = manifest
        .fields
        .iter()
        .map(|field| (field.name.clone(), (field.type_name.to_owned(), field.text.clone())))
        .collect();
    // The SDK converts the version to a text.
    if let (Some(version), Some(field)) = (expected.get_mut("version"), read.get("version")) {
        version.0.clone_from(&field.0);
    }
    (read != expected).then(|| format!("values: hookstorm {read:?}, the SDK {expected:?}"))
}

impl Drop for Sdk {
    fn drop(&mut self) {
        self.stdin = None;
        // A process that hangs would not notice the end of its input.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
