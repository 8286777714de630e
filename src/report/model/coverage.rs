//! [`LineCoverage`]: which lines of the plugin's files ran. Bounded: a very large file is reported without its text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SourceLines;
use crate::{engine::Coverage, report::Mask};

/// The most bytes of a file whose text is included.
const FILE_BYTES: usize = 256 << 10;

/// The most bytes of all files whose text is included.
const ALL_BYTES: usize = 1 << 20;

/// Lines of the plugin's own files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineCoverage {
    /// Lines that ran.
    pub lines_hit: u64,
    /// Lines that contain code.
    pub lines: u64,
    /// Whether lines were recorded in some of the sessions only, so that more may have run.
    #[serde(default)]
    #[schemars(!default)]
    pub sampled: bool,
    /// `test` and `fuzz`: each file, and which of its lines ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileCoverage>,
}

/// A file of the plugin, and which of its lines ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileCoverage {
    /// The path inside the package.
    pub file: String,
    /// Lines that ran, as ranges: the first and the last line of each, from 1.
    pub hit: Vec<[u32; 2]>,
    /// Lines that contain code and did not run, as ranges.
    pub missed: Vec<[u32; 2]>,
    /// The whole text, secrets masked; null if it is too large or cannot be read.
    pub source: Option<String>,
}

impl LineCoverage {
    pub(crate) fn new(coverage: &Coverage, source: SourceLines<'_>, mask: &Mask) -> Self {
        let mut room = ALL_BYTES;
        let files = coverage.files.iter().map(|(file, lines)| {
            let those = |is_hit: bool| ranges(lines.iter().filter(|(_, hit)| *hit == is_hit).map(|(line, _)| *line));
            let text = whole(file, source, room.min(FILE_BYTES));
            room -= text.as_ref().map_or(0, String::len);
            FileCoverage {
                file: file.clone(),
                hit: those(true),
                missed: those(false),
                source: text.map(|text| mask.text(&text)),
            }
        });
        Self {
            files: files.collect(),
            lines_hit: coverage.lines_hit,
            lines: coverage.lines,
            sampled: coverage.is_sampled,
        }
    }

    /// Whether more lines may have run than were recorded.
    pub(crate) const fn is_lower_bound(&self) -> bool {
        self.sampled && self.lines_hit < self.lines
    }

    /// `61 of 74 lines`; `at least` before it if more may have run.
    pub(crate) fn counts(&self) -> String {
        let at_least = if self.is_lower_bound() { "at least " } else { "" };
        format!("{at_least}{} of {} lines", self.lines_hit, self.lines)
    }
}

/// The text of `file` if it has at most `limit` bytes.
fn whole(file: &str, source: SourceLines<'_>, limit: usize) -> Option<String> {
    let mut text = String::new();
    for line in (1..).map_while(|line| source(file, line)) {
        text.push_str(&line);
        text.push('\n');
        if text.len() > limit {
            return None;
        }
    }
    Some(text).filter(|text| !text.is_empty())
}

/// Ascending numbers as ranges of consecutive ones.
fn ranges(lines: impl Iterator<Item = u32>) -> Vec<[u32; 2]> {
    let mut ranges: Vec<[u32; 2]> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some([_, last]) if line <= last.saturating_add(1) => *last = line.max(*last),
            _ => ranges.push([line, line]),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_reported_in_ranges_and_a_very_large_file_without_its_text() {
        let lines = [(1, true), (2, true), (4, true), (5, false), (6, false), (9, true)];
        let coverage = Coverage {
            files: vec![("a.py".into(), lines.to_vec()), ("b.py".into(), Vec::new())],
            ..Coverage::default()
        };
        let long = "x".repeat(400);
        let source = |file: &str, line: u32| match (file, line) {
            ("a.py", 1..=9) => Some(line.to_string()),
            ("b.py", 1..=1000) => Some(long.clone()),
            _ => None,
        };
        let files = LineCoverage::new(&coverage, &source, &Mask::default()).files;
        assert_eq!(files[0].hit, [[1, 2], [4, 4], [9, 9]]);
        assert_eq!(files[0].missed, [[5, 6]]);
        assert_eq!(files[0].source.as_deref(), Some("1\n2\n3\n4\n5\n6\n7\n8\n9\n"));
        assert_eq!(files[1].source, None);
    }
}
