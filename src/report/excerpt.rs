//! Shows the line that a finding is about, with a mark under its column if one is known: the same for MANIFEST and for
//! Python.

use crate::report::{CodeLocation, mask::names_a_secret, plain};

/// The place, and under it the line, each without a line feed. `source` is the line's text, if it is known.
pub(crate) fn excerpt(location: &CodeLocation, source: Option<&str>, width: usize) -> Vec<String> {
    let number = location.line.map(|line| line.to_string()).unwrap_or_else(|| " ".to_owned());
    let gutter = " ".repeat(number.len());
    let mut lines = vec![format!("{gutter}--> {}", place(location))];
    let Some(source) = source.filter(|source| location.line.is_some() && !source.trim().is_empty()) else {
        return lines;
    };
    let source = without_options(&location.file, vec![source.to_owned()]).concat();
    let room = width.saturating_sub(number.len() + 3).max(20);
    lines.push(format!("{gutter} |"));
    lines.push(format!("{number} | {}", plain::cut(&plain::source(&source), room)));
    let column = location.column.map(|column| column.saturating_sub(1) as usize);
    let before: String = source.chars().take(column.unwrap_or(0)).collect();
    let offset = plain::source(&before).chars().count();
    // The bar below carries the mark; without one it only parts the line from what follows.
    lines.push(if column.is_some() && offset < room {
        format!("{gutter} | {}^", " ".repeat(offset))
    } else {
        format!("{gutter} |")
    });
    lines
}

/// `lib/plugin.py:92 in user_defined_path`, `MANIFEST:3:8`.
pub(crate) fn place(location: &CodeLocation) -> String {
    let mut place = plain::harmless(&location.file_and_line()).into_owned();
    if let (Some(_), Some(column)) = (location.line, location.column) {
        place.push_str(&format!(":{column}"));
    }
    if let Some(function) = &location.function {
        place.push_str(&format!(" in {}", plain::harmless(function)));
    }
    place
}

/// Consecutive lines of a configuration, without the values of options that are named like a secret; a value may go on
/// in the lines below.
pub(crate) fn without_options(file: &str, lines: Vec<String>) -> Vec<String> {
    if !file.ends_with(".cfg") {
        return lines;
    }
    let mut is_secret = false;
    let shown = lines.into_iter().map(|line| {
        if is_secret && line.starts_with([' ', '\t']) {
            return "***".to_owned();
        }
        // A value may have empty lines in it.
        if line.trim().is_empty() {
            return line;
        }
        let secret = line.split_once(['=', ':']).filter(|(name, _)| names_a_secret(name));
        is_secret = secret.is_some();
        secret.map(|(name, _)| format!("{name}= ***")).unwrap_or(line)
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(file: &str, line: u32, column: u32, function: &str) -> CodeLocation {
        let known = |number| (number > 0).then_some(number);
        let function = Some(function.to_owned()).filter(|name| !name.is_empty());
        CodeLocation { file: file.into(), line: known(line), column: known(column), function, in_plugin: true }
    }

    #[test]
    fn python_is_shown_with_its_function() {
        let shown = excerpt(&location("lib/plugin.py", 92, 0, "path"), Some("        return None"), 100).join("\n");
        insta::assert_snapshot!(shown, @r"
          --> lib/plugin.py:92 in path
           |
        92 |         return None
           |
        ");
    }

    #[test]
    fn a_mark_stands_under_the_column_also_after_tabs_and_escapes() {
        let shown = excerpt(&location("MANIFEST", 3, 4, ""), Some("\t\x1b:yes"), 100).join("\n");
        insta::assert_snapshot!(shown, @r"
         --> MANIFEST:3:4
          |
        3 |     \x1b:yes
          |          ^
        ");
    }

    #[test]
    fn a_place_without_a_line_is_only_named() {
        assert_eq!(excerpt(&location("MANIFEST", 0, 0, ""), None, 100), [" --> MANIFEST"]);
        assert_eq!(excerpt(&location("x.py", 7, 0, ""), None, 100), [" --> x.py:7"]);
    }

    #[test]
    fn a_secret_option_of_the_configuration_is_not_quoted() {
        let shown = excerpt(&location("default.cfg", 2, 0, ""), Some("api_token = abcdef"), 100).join("\n");
        assert!(shown.contains("api_token = ***") && !shown.contains("abcdef"), "{shown}");
    }
}
