//! Shows the line that a finding is about, with a mark under its column where one is known. One look for MANIFEST and for
//! Python alike.

use crate::{
    finding::Location,
    report::{mask::names_a_secret, plain},
};

/// The place, and under it the line, each line of it without a line feed. `source` is the line's text, if it can be had.
pub(crate) fn excerpt(location: &Location, source: Option<&str>, width: usize) -> Vec<String> {
    let number = location.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut lines = vec![format!("{gutter}--> {}", place(location))];
    let Some(source) = source.filter(|source| location.line > 0 && !source.trim().is_empty()) else { return lines };
    let source = without_options(&location.file, vec![source.to_owned()]).concat();
    let room = width.saturating_sub(number.len() + 3).max(20);
    lines.push(format!("{gutter} |"));
    lines.push(format!("{number} | {}", plain::cut(&plain::source(&source), room)));
    let before: String = source.chars().take(location.column.saturating_sub(1) as usize).collect();
    let offset = plain::source(&before).chars().count();
    // The bar below stands there to carry the mark; without one it only parts the line from what follows.
    lines.push(if location.column > 0 && offset < room {
        format!("{gutter} | {}^", " ".repeat(offset))
    } else {
        format!("{gutter} |")
    });
    lines
}

/// `lib/plugin.py:92 in user_defined_path`, `MANIFEST:3:8`.
pub(crate) fn place(location: &Location) -> String {
    let mut place = plain::harmless(&location.file).into_owned();
    if location.line > 0 {
        place.push_str(&format!(":{}", location.line));
        if location.column > 0 {
            place.push_str(&format!(":{}", location.column));
        }
    }
    if !location.function.is_empty() {
        place.push_str(&format!(" in {}", plain::harmless(&location.function)));
    }
    place
}

/// Lines of a configuration that follow one another, without the values of options that are named like a secret, those
/// that go on in the lines below included.
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

    fn location(file: &str, line: u32, column: u32, function: &str) -> Location {
        Location { file: file.into(), line, column, function: function.into() }
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
