//! Findings that reading the list of entries and unpacking them share.

use zip::result::ZipError;

use crate::finding::{Finding, Rule};

/// How many reasons are reported; the entries with further ones are counted.
const REPORTED_REASONS: usize = 20;

/// How many entries with one reason are named.
const NAMED_ENTRIES: usize = 3;

/// Entries with the same rule. Those with one reason are one finding: they have one cause, and one repair.
pub(super) struct EntryProblems {
    rule: Rule,
    /// `cannot be unpacked`, for instance.
    what: &'static str,
    reasons: Vec<Reason>,
    /// How many entries have a reason that is not reported.
    others: usize,
}

struct Reason {
    why: String,
    /// The first few.
    paths: Vec<String>,
    count: usize,
}

impl EntryProblems {
    pub(super) const fn new(rule: Rule, what: &'static str) -> Self {
        Self { rule, what, reasons: Vec::new(), others: 0 }
    }

    pub(super) fn add(&mut self, path: &str, why: &str) {
        let known = self.reasons.iter().position(|reason| reason.why == why);
        let at = match known {
            Some(at) => at,
            None if self.reasons.len() == REPORTED_REASONS => {
                self.others += 1;
                return;
            }
            None => {
                self.reasons.push(Reason { why: why.to_owned(), paths: Vec::new(), count: 0 });
                self.reasons.len() - 1
            }
        };
        let reason = &mut self.reasons[at];
        reason.count += 1;
        if reason.paths.len() < NAMED_ENTRIES {
            reason.paths.push(path.to_owned());
        }
    }

    /// Reports them.
    pub(super) fn finish(self, findings: &mut Vec<Finding>) {
        for Reason { why, paths, count } in self.reasons {
            let named = paths.iter().map(|path| format!("`{}`", path.escape_debug())).collect::<Vec<_>>().join(", ");
            let text = match (count, count - paths.len()) {
                (1, _) => format!("entry {named} {}: {why}", self.what),
                (_, 0) => format!("{count} entries {}, {named}: of each, {why}", self.what),
                (_, more) => format!("{count} entries {}, {named} and {more} more: of each, {why}", self.what),
            };
            // The first path, so that an archive keeps its fingerprint if the number of entries changes.
            let draft = Finding::draft(self.rule, text).detail(paths.into_iter().next().unwrap_or_default());
            findings.push(draft.hint((why == BACKSLASH).then(|| PACK_WITH_SLASHES.to_owned())).finish());
        }
        if self.others > 0 {
            let text = format!("{} more entries {}", self.others, self.what);
            findings.push(Finding::draft(self.rule, text).detail("\0more").finish());
        }
    }
}

/// Why an entry with a backslash is unsafe.
pub(super) const BACKSLASH: &str = "the path contains a backslash; a ZIP uses `/`";

const PACK_WITH_SLASHES: &str = "pack the content of the folder with a tool that writes `/`: `zip -r ../plugin.zip .`; \
                                 .NET Framework does so from version 4.6.1 on";

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
