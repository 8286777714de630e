//! Findings that reading the list of entries and unpacking them share.

use zip::result::ZipError;

use crate::finding::{Finding, Rule};

/// How many entries of one archive are reported one by one; the others are counted.
const REPORTED_ENTRIES: usize = 20;

/// Reports entries with the same rule, up to a limit.
pub(super) struct EntryProblems {
    rule: Rule,
    /// `cannot be unpacked`, for instance.
    what: &'static str,
    count: usize,
}

impl EntryProblems {
    pub(super) const fn new(rule: Rule, what: &'static str) -> Self {
        Self { rule, what, count: 0 }
    }

    pub(super) fn add(&mut self, path: &str, why: &str, findings: &mut Vec<Finding>) {
        self.count += 1;
        if self.count <= REPORTED_ENTRIES {
            let text = format!("entry `{}` {}: {why}", path.escape_debug(), self.what);
            findings.push(Finding::draft(self.rule, text).detail(path).finish());
        }
    }

    /// Reports how many entries were not reported.
    pub(super) fn finish(self, findings: &mut Vec<Finding>) {
        if self.count > REPORTED_ENTRIES {
            let text = format!("{} more entries {}", self.count - REPORTED_ENTRIES, self.what);
            findings.push(Finding::draft(self.rule, text).detail("\0more").finish());
        }
    }
}

pub(super) fn not_a_zip(error: &ZipError) -> Finding {
    Finding::draft(Rule::ArchiveUnreadable, format!("not a readable ZIP archive: {}", reason(error)))
        .hint("a plugin is a `.zip` or its unpacked folder; build or fetch a truncated file again".to_owned())
        .finish()
}

pub(super) fn bomb(text: String) -> Finding {
    Finding::draft(Rule::ArchiveBomb, text).finish()
}

/// The reason of `error` in the style of our messages.
pub(super) fn reason(error: &ZipError) -> String {
    let text = match error {
        ZipError::Io(source) => source.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
        // A file without the central directory at its end is not a ZIP.
        ZipError::InvalidArchive(text) if text.contains("EOCD") => "it does not end with a list of its files".into(),
        ZipError::InvalidArchive(text) => text.to_string(),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
