//! Checks the module that the platform loads: that it is there, and that its first line chooses Python 3.

use super::{Package, archive::Contents, files::read, manifest::FILE as MANIFEST, open::is_in_root};
use crate::{
    contract::{Platform, similarity},
    finding::{Finding, Location, Rule},
};

/// The line that chooses Python 3 \[D\], \[A\].
const INTERPRETER_LINE: &[u8] = b"#!/usr/bin/env pluginwrapper3";

/// The module is not in the root.
pub(super) fn missing(package: &Package, entry_point: &str, contents: &Contents) -> Finding {
    let nearest = contents
        .files
        .iter()
        .filter(|file| is_in_root(file) && file.ends_with(".py") && *file != "conftest.py")
        .max_by(|a, b| similarity(a, entry_point).total_cmp(&similarity(b, entry_point)));
    let hint = match nearest {
        Some(nearest) => format!("write `entry_point: {}`, or rename that file", nearest.escape_debug()),
        None => "there is no Python file in the root; the module must be next to MANIFEST".to_owned(),
    };
    let manifest = package.manifest.as_ref().filter(|manifest| manifest.entry_point.is_some());
    let field = manifest.and_then(|manifest| manifest.field("entry_point"));
    let text = format!("the module `{}` is not in the root", entry_point.escape_debug());
    Finding::draft(Rule::EntryPointMissing, text)
        .detail(entry_point)
        .at(field.map(|field| Location::in_file(MANIFEST, field.line, field.column)))
        .hint(hint)
        .finish()
}

/// The module does not begin with the interpreter line, on a platform that has Python 2 too.
pub(super) fn without_interpreter_line(package: &Package, platform: &Platform) -> Option<Finding> {
    if !package.entry_point_exists || !platform.has_interpreter_line() {
        return None;
    }
    let file = package.entry_point();
    // A file that cannot be read is reported when it is imported.
    let bytes = read(&package.root.join(file)).ok()?;
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if first.starts_with(INTERPRETER_LINE) && first[INTERPRETER_LINE.len()..].iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let line = String::from_utf8_lossy(INTERPRETER_LINE);
    let text = format!("the first line of `{}` is not `{line}`", file.escape_debug());
    let hint = if bytes.starts_with("\u{feff}".as_bytes()) {
        "save the file without a byte order mark".to_owned()
    } else {
        format!("make `{line}` the first line of the file")
    };
    Some(Finding::draft(Rule::InterpreterLineMissing, text).at(Some(Location::in_file(file, 1, 0))).hint(hint).finish())
}
