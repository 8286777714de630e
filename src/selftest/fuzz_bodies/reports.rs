//! The target that reads reports and writes them in every form.

use crate::report::{Baseline, FormatOptions, Report, junit, markdown, page, sarif, text};

/// Elements of HTML without an end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Any text is read as a report and as a baseline, or refused with its line. Every form of the report is well-formed.
pub(super) fn report(data: &[u8]) {
    let Ok(written) = std::str::from_utf8(data) else { return };
    if let Err(error) = Baseline::parse(written) {
        assert!(!error.to_string().is_empty(), "a refusal has a message");
    }
    let report = match Report::parse(written) {
        Ok(report) => report,
        Err(error) => {
            assert!(error.line >= 1 && !error.problem.is_empty(), "a refusal has a line and a message: {error}");
            return;
        }
    };
    for (width, is_verbose) in [(20, true), (100, false)] {
        let options = FormatOptions { width, is_verbose, with_opening: true, ..FormatOptions::default() };
        let shown = text::report(&report, &options);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(!shown.chars().any(is_control), "a terminal would interpret: {shown:?}");
    }
    let json = report.to_json();
    match Report::parse(&json) {
        Ok(again) => assert_eq!(again.to_json(), json),
        Err(error) => panic!("a written report is refused: {error}\n{json}"),
    }
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&sarif::text(&report, &FormatOptions::default())) {
        panic!("SARIF is not JSON: {error}");
    }
    let junit = junit::text(&report);
    assert_eq!(unbalanced(&junit, false), None, "{junit}");
    let page = page::text(&report);
    assert_eq!(unbalanced(&page, true), None, "{page}");
    let markdown = markdown::text(&report);
    assert!(!markdown.chars().any(is_control), "Markdown is lines of text: {markdown:?}");
}

/// Whether a terminal interprets the character instead of showing it.
fn is_control(character: char) -> bool {
    character.is_control() && character != '\n'
}

/// What is wrong with the elements of `text`: an element that is not closed, closed twice or without a name, a
/// character that XML forbids, an invalid entity. It knows the XML and HTML that hookstorm writes, and refuses more
/// than a browser does.
fn unbalanced(text: &str, is_html: bool) -> Option<String> {
    let forbidden =
        |sign: char| matches!(sign, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    if let Some(sign) = text.chars().find(|sign| forbidden(*sign)) {
        return Some(format!("the character {sign:?}"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let here = &rest[at..];
        if let Some(after) = here.strip_prefix('&') {
            let entity = after.split(';').next().unwrap_or_default();
            let is_name = !entity.is_empty()
                && entity.len() <= 8
                && entity.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
            if !is_name {
                return Some(format!("an `&` before {:?}", after.chars().take(10).collect::<String>()));
            }
            rest = after;
            continue;
        }
        // hookstorm quotes attributes, and escapes a `>` in them.
        let Some(end) = here.find('>') else { return Some("a tag without end".to_owned()) };
        let tag = &here[1..end];
        rest = &here[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if tag.starts_with(['!', '?']) {
            continue;
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Some(format!("the tag `<{tag}>`"));
        }
        if !tag.matches('"').count().is_multiple_of(2) {
            return Some(format!("a quote is open in `<{tag}>`"));
        }
        if tag.starts_with('/') {
            match open.pop() {
                Some(opened) if opened == name => {}
                opened => return Some(format!("`</{name}>` closes {opened:?}")),
            }
        } else if tag.ends_with('/') || is_html && VOID.contains(&name) {
            // It has no end tag.
        } else if is_html && matches!(name, "script" | "style") {
            // Its content is hookstorm's own, and not HTML.
            let Some(end) = rest.find(&format!("</{name}>")) else { return Some(format!("`<{name}>` has no end")) };
            rest = &rest[end + name.len() + 3..];
        } else {
            open.push(name);
        }
    }
    open.pop().map(|name| format!("`<{name}>` is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_elements_are_found() {
        assert_eq!(unbalanced("<?xml?><a b=\"&quot;\"><c/>&#39;</a>", false), None);
        assert_eq!(unbalanced("<!doctype html><p>a<br>b</p><script>1<2 && 3</script>", true), None);
        for broken in ["<a>", "</a>", "<a></b>", "a & b", "<a b=\">\"></a>", "a < b", "<>", "\x1b", "<a"] {
            assert!(unbalanced(broken, false).is_some(), "{broken}");
        }
    }
}
