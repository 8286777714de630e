//! [`SourceLine`]: lines of the plugin's files around the place of a finding. Secrets of the configuration are masked,
//! also where they stand in a file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{Mask, excerpt::without_options};

/// How many lines are quoted before a place, and after it.
const CONTEXT_LINES: u32 = 3;

/// How many lines of a configuration file are read before the quoted ones: a secret value may span many lines.
const LOOK_BACK_LINES: u32 = 200;

/// Reads a line of a file of the plugin: its path inside the package, the line from 1. `None` beyond the end of the
/// file, and for a file that is not the plugin's.
pub type SourceLines<'a> = &'a dyn Fn(&str, u32) -> Option<String>;

/// A line of a file of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// From 1.
    pub line: u32,
    /// The text without its line break, cut if it is very long. Secrets are `***`.
    pub text: String,
}

impl SourceLine {
    /// The lines around line `at` of `file`, from 1; none if the place is in no file of the plugin.
    pub(crate) fn around(file: &str, at: u32, source: SourceLines<'_>, mask: &Mask) -> Vec<Self> {
        if at == 0 || source(file, at).is_none() {
            return Vec::new();
        }
        let first = at.saturating_sub(CONTEXT_LINES).max(1);
        let read_from = first.saturating_sub(LOOK_BACK_LINES).max(1);
        let read = (read_from..=at.saturating_add(CONTEXT_LINES)).map_while(|line| source(file, line)).collect();
        let lines = (read_from..).zip(without_options(file, read));
        let lines = lines.filter(|(line, _)| *line >= first);
        lines.map(|(line, text)| Self { line, text: mask.text(&text) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(file: &str, at: u32, lines: &[&str], mask: &Mask) -> Vec<(u32, String)> {
        let source = |_: &str, line: u32| lines.get(line as usize - 1).map(|text| (*text).to_owned());
        SourceLine::around(file, at, &source, mask).into_iter().map(|line| (line.line, line.text)).collect()
    }

    #[test]
    fn three_lines_stand_around_a_place_and_fewer_at_the_ends_of_a_file() {
        let file = ["one", "two", "three", "key = hunter22"];
        let mask = Mask::new(["hunter22".to_owned()]);
        let wanted = [(1, "one"), (2, "two"), (3, "three"), (4, "key = ***")];
        assert_eq!(around("main.py", 2, &file, &mask), wanted.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(around("main.py", 5, &file, &mask), []);
        assert_eq!(around("main.py", 0, &file, &mask), []);
    }

    #[test]
    fn the_further_lines_of_a_secret_option_are_masked_though_its_name_is_far_above() {
        let file = ["[a]", "token = abc", "  def", "  ghi", "  jkl", "  mno", "  pqr", "name = x"];
        let wanted = [(5, "***"), (6, "***"), (7, "***"), (8, "name = x")];
        let shown = around("default.cfg", 8, &file, &Mask::default());
        assert_eq!(shown, wanted.map(|(line, text)| (line, text.to_owned())));
    }
}
