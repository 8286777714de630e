//! Checks default.cfg, the example configuration of a package: its size, its encoding, and whether it is INI if the
//! plugin reads INI.

use std::{io, path::Path};

use super::{configuration, files::read, plugin_sources::PluginSources};
use crate::finding::{Finding, Location, Rule};

/// The file's name in the package.
const FILE: &str = "default.cfg";
/// The most bytes that the platform accepts \[A\].
const BYTES_LIMIT: usize = 10 * 1024;
/// How many faults are reported.
const REPORTED_FAULTS: usize = 10;

/// The text of default.cfg, if there is one that can be read.
pub(super) fn check(root: &Path, sources: &PluginSources, findings: &mut Vec<Finding>) -> Option<String> {
    let mut report = |rule, line, detail: String, text: String| {
        let draft = Finding::draft(rule, text).detail(detail);
        findings.push(draft.at(Some(Location::in_file(FILE, line, 0))).finish());
    };
    let bytes = match read(&root.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            report(Rule::ConfigUnreadable, 0, String::new(), format!("default.cfg cannot be read: {error}"));
            return None;
        }
    };
    if bytes.len() > BYTES_LIMIT {
        let text = format!("default.cfg has {} bytes, and the platform allows {BYTES_LIMIT}", bytes.len());
        report(Rule::ConfigTooLarge, 0, String::new(), text);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            report(Rule::ConfigUnreadable, line, "utf-8".into(), "default.cfg is not UTF-8; save it as UTF-8".into());
            return None;
        }
    };
    // Its content is not restricted, so only a plugin that reads INI needs INI [A].
    let faults = configuration::faults(&text);
    if !faults.is_empty() && sources.reads_ini() {
        for (line, fault) in faults.into_iter().take(REPORTED_FAULTS) {
            let text = format!("default.cfg is not INI: {fault}");
            report(Rule::ConfigUnreadable, line, fault.fingerprint_detail(), text);
        }
    }
    Some(text)
}
/// What the SDK cannot read in a configuration because of a `%`. `is_own`: it is the package's default.cfg, otherwise
/// one that the user gave.
pub(crate) fn interpolation_findings(text: &str, is_own: bool) -> Vec<Finding> {
    let faults = configuration::interpolation_faults(text).into_iter().take(REPORTED_FAULTS);
    faults
        .map(|(line, fault)| {
            let place = if is_own { String::new() } else { format!("line {line} of the configuration: ") };
            let draft = Finding::draft(Rule::ConfigUnreadable, format!("{place}{fault}"));
            let location = is_own.then(|| Location::in_file(FILE, line, 0));
            let hint = "write `%%` for a percent sign";
            draft.detail(fault.fingerprint_detail()).at(location).hint(hint.to_owned()).finish()
        })
        .collect()
}
