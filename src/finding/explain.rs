//! Why each rule matters and what to do.

use super::Rule;

/// The explanation of `rule`, as Markdown.
pub fn explanation(rule: Rule) -> &'static str {
    rule.summary()
}
