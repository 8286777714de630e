//! Packages, for another runtime.

use arbitrary::Unstructured;
use serde::Serialize;

use super::{
    Artefact, ArtefactSettings,
    expected::{FindingLine, Head, has_error, ids, to_json},
};
use crate::{
    case::Value,
    finding::Rule,
    generate::{
        archive::GeneratedArchive,
        manifest::WantedPlugin,
        package::{GeneratedPackage, PACKAGE_BYTES, any_package},
        plugin::{GeneratedHook, HookBehaviour},
        source::Source,
    },
};

/// Rules whose findings mean that no hook can be called.
const NOT_LOADED: [Rule; 3] = [Rule::ImportFailed, Rule::PluginClassMissing, Rule::ConstructorFailed];

#[derive(Debug, Serialize)]
struct PackageLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    r#type: &'static str,
    /// Whether hooks can be called; `None` if not known.
    loads: Option<bool>,
    findings: Vec<FindingLine>,
    may_report: Vec<&'static str>,
    /// The paths that a reader must unpack.
    files: Vec<&'a str>,
    hooks: Vec<HookLine<'a>>,
    input: &'a [&'static str],
}

#[derive(Debug, Serialize)]
struct HookLine<'a> {
    hook: &'static str,
    ending: &'static str,
    /// The result as Python writes it, the exception, the status or the signal.
    result: Option<String>,
    /// The type of the exception, if the call raises one.
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'static str>,
    /// The result after JSON has carried it; left out if JSON cannot carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    stdout: &'a str,
    stderr: &'a str,
    /// The global variable that a call changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a str>,
    findings: Vec<FindingLine>,
}

/// The package that `bytes` make, if it is as valid as wanted and everything about it is known.
pub(super) fn package(
    settings: &ArtefactSettings,
    number: u64,
    label: &str,
    valid: bool,
    bytes: impl Fn(usize) -> Vec<u8>,
) -> Option<Artefact> {
    let bytes = bytes(PACKAGE_BYTES);
    let wanted = WantedPlugin { plugin_type: settings.plugin_type, platform: Some(settings.platform) };
    let made = any_package(&mut Source::new(&mut Unstructured::new(&bytes)), wanted);
    // What counts as a bomb depends on a reader's limits.
    let has_bomb = made.expect.findings.iter().any(|expected| expected.rule == Rule::ArchiveBomb);
    if !made.is_known || has_bomb {
        return None;
    }
    // A plugin of which entries are missing is not loaded: what that shows only follows from it.
    let is_faulty = |archive: &GeneratedArchive| !archive.expect.findings.is_empty();
    let is_runnable = made.is_runnable.map(|known| known && !made.archive.as_ref().is_some_and(is_faulty));
    let loading = if is_runnable == Some(true) && made.is_whole { &made.plugin.loading[..] } else { &[] };
    let loads = match is_runnable {
        Some(true) if !made.is_whole => None,
        Some(true) => Some(!loading.iter().any(|expected| NOT_LOADED.contains(&expected.rule))),
        other => other,
    };
    let has_error = has_error(made.expect.findings.iter().chain(loading))?;
    let is_valid = !has_error && loads == Some(true);
    // A package that is neither is one whose loading is not known.
    if is_valid != valid || !has_error && !is_valid {
        return None;
    }
    let (file, files) = match &made.archive {
        Some(archive) => (format!("{label}.zip"), vec![(format!("{label}.zip"), archive.bytes.clone())]),
        None => {
            let inside = |(path, content): &(String, Vec<u8>)| (format!("{label}/{path}"), content.clone());
            (label.to_owned(), made.files.iter().map(inside).collect())
        }
    };
    let unpacked = made.archive.as_ref().map_or(&made.files, |archive| &archive.unpacked);
    let mut findings = FindingLine::of(&made.expect.findings);
    findings.extend(FindingLine::of(loading));
    let line = PackageLine {
        head: Head { file, kind: settings.kind.name(), number, valid, platform: made.platform.name },
        r#type: made.plugin_type.name(),
        loads,
        findings,
        may_report: ids(&made.expect.may),
        files: unpacked.iter().map(|(path, _)| path.as_str()).collect(),
        hooks: hooks(&made, loads),
        input: &made.parts,
    };
    let expected = to_json(&line);
    Some(Artefact { files, expected, valid })
}

fn hooks(made: &GeneratedPackage, loads: Option<bool>) -> Vec<HookLine<'_>> {
    if loads != Some(true) {
        return Vec::new();
    }
    made.plugin.hooks.iter().map(HookLine::of).collect()
}

impl<'a> HookLine<'a> {
    fn of(hook: &'a GeneratedHook) -> Self {
        let GeneratedHook { hook, behaviour, expected, prints, changes } = hook;
        let (ending, result, json) = match behaviour {
            HookBehaviour::Returns(result) => ("returned", Some(result.to_string()), result.through_json()),
            HookBehaviour::ReturnsRandom => ("returned", None, None),
            HookBehaviour::Raises(type_name, message) => {
                ("raised", message.as_ref().map(|message| format!("{type_name}: {message}")), None)
            }
            HookBehaviour::Exits(status) => ("exited", Some(status.to_string()), None),
            HookBehaviour::Signalled(signal) => ("signalled", Some(signal.to_string()), None),
            HookBehaviour::TimesOut => ("timed-out", None, None),
            HookBehaviour::OutOfMemory => ("out-of-memory", None, None),
        };
        Self {
            hook: hook.name(),
            ending,
            result,
            exception: match behaviour {
                HookBehaviour::Raises(type_name, _) => Some(type_name),
                _ => None,
            },
            json,
            stdout: &prints.0,
            stderr: &prints.1,
            changes: changes.as_deref(),
            findings: FindingLine::of(expected),
        }
    }
}
