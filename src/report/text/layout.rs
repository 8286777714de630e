//! Lines with a label, and lines that are wrapped.

use crate::report::style::LABEL;

/// How many blanks stand before what a label says: three, and the longest label.
pub(super) const INDENT: usize = 12;

/// `   label:   text`.
pub(super) fn labelled(label: &str, text: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    format!("   {LABEL}{label:<9}{LABEL:#}{text}\n")
}

/// `text` in lines of at most `width` characters, all but the first one behind `indent` blanks.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}
