//! The form of files: how long lines and files are, and how folders open.

use std::collections::BTreeSet;

use crate::source::literal_columns;

/// The last column of a line.
const COLUMNS: usize = 120;
/// The last line of a file.
const LINES: usize = 500;

/// Files that are tables: they grow by a row for each thing that the world has.
const TABLES: &[&str] = &[];

/// Lines that are too long, as messages. rustfmt cannot break a literal, so a line that is mostly one may be longer.
pub(crate) fn long_lines(name: &str, text: &str) -> Vec<String> {
    if text.lines().all(|line| line.chars().count() <= COLUMNS) {
        return Vec::new();
    }
    let lines = text.lines().map(|line| line.chars().count()).zip(literal_columns(text)).enumerate();
    let long = lines.filter(|(_, (columns, literal))| *columns > COLUMNS && literal * 2 < *columns);
    long.map(|(at, (columns, _))| format!("{name}:{}: {columns} columns, and {COLUMNS} are the most", at + 1)).collect()
}

/// A file that is too long, as a message.
pub(crate) fn long_file(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let message = || format!("{name}: {lines} lines, and {LINES} are the most: move a noun into a file of its own");
    (lines > LINES && !TABLES.contains(&name)).then(message)
}

/// Files that stand beside a folder of their name, as messages.
pub(crate) fn doubled_modules(names: &BTreeSet<String>) -> Vec<String> {
    let folder = |name: &str| format!("{}/", name.trim_end_matches(".rs"));
    let has_folder = |name: &&String| names.iter().any(|other| other.starts_with(&folder(name)));
    let message = |name: &String| format!("{name}: the folder beside it opens with `mod.rs`: move this file there");
    names.iter().filter(|name| name.ends_with(".rs")).filter(has_folder).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_named_unless_a_literal_makes_it_long() {
        let comment = format!("let x = 1;\n// {}\n", "x".repeat(COLUMNS));
        assert_eq!(long_lines("a.rs", &comment), ["a.rs:2: 123 columns, and 120 are the most"]);
        assert_eq!(long_lines("a.rs", &format!("    f(\"{}\");", "x".repeat(COLUMNS))), [] as [String; 0]);
        assert_eq!(long_lines("a.rs", &format!("f(\"a\n{}\");", "x".repeat(COLUMNS))), [] as [String; 0]);
        assert_eq!(long_lines("a.rs", &format!("let {} = f(\"a\");", "x".repeat(COLUMNS))).len(), 1);
        assert_eq!(long_lines("a.rs", &"ä".repeat(COLUMNS)), [] as [String; 0]);
    }

    #[test]
    fn a_long_file_is_named() {
        assert_eq!(long_file("a.rs", &"x\n".repeat(LINES)), None);
        assert!(
            long_file("a.rs", &"x\n".repeat(LINES + 1)).is_some_and(|message| message.starts_with("a.rs: 501 lines"))
        );
    }

    #[test]
    fn a_file_beside_its_folder_is_named() {
        let names = ["src/a.rs", "src/a/b.rs", "src/c/mod.rs", "src/ab.rs"].map(str::to_owned).into();
        assert_eq!(
            doubled_modules(&names),
            ["src/a.rs: the folder beside it opens with `mod.rs`: move this file there"]
        );
    }
}
