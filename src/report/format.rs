//! The forms of a report. To add one, write a file with a function that makes it of a [`Report`], and add a line to
//! [`Format::ALL`]: options, their help and the shell's completion follow.

use std::path::PathBuf;

use super::{Report, junit, markdown, ndjson, page, sarif, text};

/// A form of a report: a value of `--format`.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What the user calls it.
    pub name: &'static str,
    /// What it is, for the help.
    pub about: &'static str,
    /// Whether it reports what happens while a command runs, so that it cannot be made of a finished report.
    pub is_stream: bool,
    write: fn(&Report, &FormatOptions) -> String,
}

/// How the user wants a form.
#[derive(Clone, Debug, Default)]
pub struct FormatOptions {
    /// How wide the screen is, in characters.
    pub width: usize,
    /// Whether every finding is shown in full, however many there are.
    pub is_verbose: bool,
    /// Whether a text begins with the line that says what the report is about. A run has shown it before.
    pub with_opening: bool,
    /// The root of the repository: SARIF names files relative to it.
    pub root: Option<PathBuf>,
}

impl Format {
    /// Every form, the default first.
    pub const ALL: &'static [Self] = &[
        Self::new("text", "for people", text::report),
        Self::new("json", "one object, see `hookstorm schema report`", |report, _| report.to_json()),
        Self::stream("ndjson", "an object for each event, see `hookstorm schema ndjson`", |report, _| {
            ndjson::end(report)
        }),
        Self::new("sarif", "SARIF 2.1.0 for code scanning", sarif::text),
        Self::new("junit", "JUnit XML for a CI server", |report, _| junit::text(report)),
        Self::new("markdown", "for an issue or a summary", |report, _| markdown::text(report)),
        Self::new("html", "a page to look at", |report, _| page::text(report)),
    ];

    const fn new(name: &'static str, about: &'static str, write: fn(&Report, &FormatOptions) -> String) -> Self {
        Self { name, about, is_stream: false, write }
    }

    const fn stream(name: &'static str, about: &'static str, write: fn(&Report, &FormatOptions) -> String) -> Self {
        Self { is_stream: true, ..Self::new(name, about, write) }
    }

    /// The form of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|form| form.name == name)
    }

    /// `report` in this form.
    pub fn write(self, report: &Report, options: &FormatOptions) -> String {
        (self.write)(report, options)
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::ALL[0]
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_by_its_name_and_the_default_is_for_people() {
        assert!(Format::ALL.iter().all(|form| Format::named(form.name) == Some(*form)));
        assert_eq!((Format::default().name, Format::named("pdf")), ("text", None));
    }
}
