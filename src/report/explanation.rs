//! Parts of a rule's explanation, for forms that do not show all of it.

use crate::finding::Rule;

/// The explanation without its title, which repeats the id: Markdown.
pub(crate) fn body(rule: Rule) -> &'static str {
    rule.explanation().split_once('\n').map_or("", |(_, body)| body).trim()
}

/// What the rule is: the first paragraph, on one line.
pub(crate) fn lead(rule: Rule) -> String {
    first_paragraph(body(rule))
}

/// Why the rule matters: the first sentence under that heading, without its full stop.
pub(crate) fn why(rule: Rule) -> String {
    let paragraph = first_paragraph(body(rule).split_once("## Why it matters").map_or("", |(_, after)| after));
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.').to_owned()
}

fn first_paragraph(text: &str) -> String {
    text.trim().lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_explanation_has_its_parts() {
        for &rule in Rule::ALL {
            for part in [lead(rule), why(rule)] {
                assert!(part.contains(' ') && !part.contains(['\n', '#']), "{rule}: {part}");
            }
        }
    }
}
