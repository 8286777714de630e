//! Sets options in a configuration text and leaves every other line as it is.

use super::read::{column, header, is_live, option};

/// The section, the name (in lower case) and the value of an option to set.
pub type Assignment<'a> = (&'a str, &'a str, &'a str);

/// `text` with `options` set: each replaces its own live line, else it is added at the top of its section, else in a
/// new section at the end. Every other line stays as it is.
pub fn with_options<'a>(text: &str, options: impl IntoIterator<Item = Assignment<'a>>) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for option in options {
        set(&mut lines, option);
    }
    lines.join("\n")
}

fn set(lines: &mut Vec<String>, option: Assignment<'_>) {
    let (own_section, own_name, _) = option;
    let mut section = "";
    let mut head = None;
    let mut found = None;
    // As in `read`: a deeper line continues an option.
    let mut is_open = false;
    let mut indent = 0;
    for (index, text) in lines.iter().enumerate().filter(|(_, text)| is_live(text)) {
        let column = column(text);
        if is_open && column > indent {
            continue;
        }
        indent = column;
        if let Some(name) = header(text.trim()) {
            is_open = false;
            section = name;
            if section == own_section && head.is_none() {
                head = Some(index);
            }
            continue;
        }
        let name = self::option(text.trim()).map(|(name, _)| name);
        is_open = name.is_some();
        if section == own_section && name.as_deref() == Some(own_name) {
            found = Some(index);
            break;
        }
    }
    match (found, head) {
        (Some(at), _) => {
            let own = column(&lines[at]);
            let rest = lines.iter().enumerate().skip(at + 1).filter(|(_, text)| is_live(text));
            let end = rest.take_while(|(_, text)| column(text) > own).last().map_or(at, |(index, _)| index);
            lines.splice(at..=end, [written(option, own)]);
        }
        (None, Some(head)) => {
            // A deeper line after it would continue it, so it gets the column of the next line.
            let next = lines[head + 1..].iter().find(|text| is_live(text)).map_or(0, |text| column(text));
            lines.insert(head + 1, written(option, next));
        }
        (None, None) => {
            let at = if lines.last().is_some_and(String::is_empty) { lines.len() - 1 } else { lines.len() };
            lines.splice(at..at, [format!("[{own_section}]"), written(option, 0)]);
        }
    }
}

/// The line of an option that begins in that column. Further lines of the value are deeper, because they would be
/// options otherwise.
fn written((_, name, value): Assignment<'_>, column: usize) -> String {
    let indent = " ".repeat(column);
    format!("{indent}{name} = {}", value.replace('\n', &format!("\n{indent} ")))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{faults, options},
        *,
    };

    #[test]
    fn options_are_set_in_their_place_and_nothing_else_changes() {
        let text = "[a]\n; port=22\nuser = root\n  and more\n# end\n[b]\nx = 1\n";
        let options = [("a", "user", "joe"), ("a", "port", "8200"), ("b", "x", "two\nlines"), ("c", "y", "")];
        assert_eq!(
            with_options(text, options),
            "[a]\nport = 8200\n; port=22\nuser = joe\n# end\n[b]\nx = two\n lines\n[c]\ny = \n"
        );
        assert_eq!(with_options("", options[..1].iter().copied()), "[a]\nuser = joe\n");
    }

    #[test]
    fn an_option_is_set_among_lines_that_are_indented() {
        let set = |text: &str| with_options(text, [("a", "user", "joe\nann")]);
        // Before an option that would continue it, in its own column, and instead of all lines that continued it.
        assert_eq!(set("[a]\n\n   port = 1\n"), "[a]\n   user = joe\n    ann\n\n   port = 1\n");
        assert_eq!(set("[a]\n  user = x\n    y\n\n    z\n  port = 1\n"), "[a]\n  user = joe\n   ann\n  port = 1\n");
        assert_eq!(set("[a]\nport = 1\n  user = x\n"), "[a]\nuser = joe\n ann\nport = 1\n  user = x\n");
        for text in
            ["[a]\n   port = 1\n", "[a]\n  user = x\n    y\n", "[a]\nport = 1\n  user = x\n", "  [a]\n  user=x\n"]
        {
            let with = set(text);
            assert!(faults(&with).is_empty(), "{with:?}");
            let values: Vec<_> =
                options(&with).into_iter().filter(|one| one.name == "user").map(|one| one.value).collect();
            assert_eq!(values, [Some("joe\nann".to_owned())], "{with:?}");
        }
    }
}
