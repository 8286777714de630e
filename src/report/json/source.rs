//! Lines of the plugin's files in the report for machines: around the place of a finding, and of a whole file with what
//! ran of it. Secrets of the configuration are masked, also where they stand in a file. Bounded: of very large files only
//! the numbers are told.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    engine::Coverage,
    report::{Mask, Source, excerpt::without_options},
};

/// How many lines are told before a place, and after it.
const AROUND: u32 = 3;

/// How far back a configuration is read for the option that a line belongs to.
const BACK: u32 = 200;

/// The most bytes of a file that is told whole.
const FILE_BYTES: usize = 256 << 10;

/// The most bytes of all files that are told whole.
const ALL_BYTES: usize = 1 << 20;

/// A line of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LineJson {
    /// From 1.
    line: u32,
    /// What stands there, without its line break; cut where it is very long.
    text: String,
}

/// The lines around line `at` of `file`, from 1; none where the place is in no file of the plugin.
pub(super) fn around(file: &str, at: u32, source: Source<'_>, mask: &Mask) -> Vec<LineJson> {
    if at == 0 || source(file, at).is_none() {
        return Vec::new();
    }
    let first = at.saturating_sub(AROUND).max(1);
    // A secret may go on for many lines after its name.
    let read_from = first.saturating_sub(BACK).max(1);
    let read: Vec<String> = (read_from..=at.saturating_add(AROUND)).map_while(|line| source(file, line)).collect();
    let lines = (read_from..).zip(without_options(file, read));
    let lines = lines.filter(|(line, _)| *line >= first);
    lines.map(|(line, text)| LineJson { line, text: mask.text(&text) }).collect()
}

/// A file of the plugin, and which of its lines ran.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileJson {
    /// The path inside the package.
    file: String,
    /// Lines that ran, as ranges: the first and the last line of each, from 1.
    hit: Vec<[u32; 2]>,
    /// Lines that hold code and did not run, as ranges.
    missed: Vec<[u32; 2]>,
    /// The whole text; null where it is too large or cannot be read.
    source: Option<String>,
}

/// The files that `coverage` knows.
pub(super) fn files(coverage: &Coverage, source: Source<'_>, mask: &Mask) -> Vec<FileJson> {
    let mut room = ALL_BYTES;
    let files = coverage.files.iter().map(|(file, lines)| {
        let those = |is_hit: bool| ranges(lines.iter().filter(|(_, hit)| *hit == is_hit).map(|(line, _)| *line));
        let text = whole(file, source, room.min(FILE_BYTES));
        room -= text.as_ref().map_or(0, String::len);
        FileJson {
            file: file.clone(),
            hit: those(true),
            missed: those(false),
            source: text.map(|text| mask.text(&text)),
        }
    });
    files.collect()
}

/// The text of `file` where it has at most `limit` bytes.
fn whole(file: &str, source: Source<'_>, limit: usize) -> Option<String> {
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

/// Numbers in ascending order as ranges of what stands together.
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

    fn texts(lines: &[LineJson]) -> Vec<(u32, &str)> {
        lines.iter().map(|line| (line.line, line.text.as_str())).collect()
    }

    #[test]
    fn three_lines_stand_around_a_place_and_fewer_at_the_ends_of_a_file() {
        let file = ["one", "two", "three", "key = hunter22"];
        let source = |_: &str, line: u32| file.get(line as usize - 1).map(|text| (*text).to_owned());
        let mask = Mask::new(["hunter22".to_owned()]);
        let lines = around("main.py", 2, &source, &mask);
        assert_eq!(texts(&lines), [(1, "one"), (2, "two"), (3, "three"), (4, "key = ***")]);
        assert_eq!(texts(&around("main.py", 5, &source, &mask)), []);
        assert_eq!(texts(&around("main.py", 0, &source, &mask)), []);
    }

    #[test]
    fn what_goes_on_after_a_secret_option_is_not_quoted_though_its_name_is_far_away() {
        let file = ["[a]", "token = abc", "  def", "  ghi", "  jkl", "  mno", "  pqr", "name = x"];
        let source = |_: &str, line: u32| file.get(line as usize - 1).map(|text| (*text).to_owned());
        let lines = around("default.cfg", 8, &source, &Mask::default());
        assert_eq!(texts(&lines), [(5, "***"), (6, "***"), (7, "***"), (8, "name = x")]);
    }

    #[test]
    fn coverage_is_told_in_ranges_and_a_very_large_file_without_its_text() {
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
        let files = files(&coverage, &source, &Mask::default());
        assert_eq!(files[0].hit, [[1, 2], [4, 4], [9, 9]]);
        assert_eq!(files[0].missed, [[5, 6]]);
        assert_eq!(files[0].source.as_deref(), Some("1\n2\n3\n4\n5\n6\n7\n8\n9\n"));
        assert_eq!(files[1].source, None);
    }
}
