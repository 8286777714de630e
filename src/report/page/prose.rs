//! The explanation of a rule as HTML. Reads just the Markdown that explanations are written in: headings, paragraphs,
//! blocks and spans of code.

use super::html::{Html, html};

/// The text after the first paragraph, without the section on how to silence the rule, which a page does not need.
pub(super) fn rest(explanation: &str) -> Html {
    let text = explanation.split_once("\n\n").map_or("", |(_, text)| text);
    let text = text.split("\n## Silence it").next().unwrap_or_default();
    let mut shown = Html::default();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let heading = line.strip_prefix("## ");
        let is_code = line.starts_with("```");
        if !(heading.is_some() || is_code || line.trim().is_empty()) {
            paragraph.push(line);
            continue;
        }
        shown.push(end(&mut paragraph));
        if let Some(heading) = heading {
            shown.push(html!("<h4>{}</h4>\n", heading));
        }
        if is_code {
            let code: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            shown.push(html!("<pre tabindex=\"0\"><code>{}</code></pre>\n", Html::lines(&code.join("\n"))));
        }
    }
    shown.push(end(&mut paragraph));
    shown
}

fn end(paragraph: &mut Vec<&str>) -> Html {
    if paragraph.is_empty() {
        return Html::default();
    }
    let text = paragraph.join(" ");
    paragraph.clear();
    html!("<p>{}</p>\n", spans(&text))
}

/// A line; text between backticks is code. Unchanged if the backticks do not match.
pub(super) fn spans(text: &str) -> Html {
    if text.matches('`').count() % 2 == 1 {
        return text.into();
    }
    let parts = text.split('`').enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { Html::code(part) } else { Html::from(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Rule, report::explanation};

    #[test]
    fn every_explanation_is_read_whole() {
        for &rule in Rule::ALL {
            let shown = rest(explanation::body(rule)).into_text();
            assert!(shown.contains("<h4>Why it matters</h4>\n<p>"), "{rule}: {shown}");
            assert!(!shown.contains('`') && !shown.contains("## "), "{rule}: {shown}");
            assert!(!shown.contains("=off"), "{rule}: {shown}");
        }
    }
}
