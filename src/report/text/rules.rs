//! The table of rules and the explanation of one, from the registry.

use super::wrapped;
use crate::{
    finding::{Phase, Rule},
    report::{
        explanation,
        style::{STRONG, of},
    },
};

/// All rules, by when they can be found.
pub fn rules(width: usize) -> String {
    let mut text = String::new();
    let longest = Rule::ALL.iter().map(|rule| rule.id().len()).max().unwrap_or(0);
    let mut phase = None;
    for &rule in Rule::ALL {
        if phase != Some(rule.phase()) {
            let blank = if phase.is_some() { "\n" } else { "" };
            phase = Some(rule.phase());
            text.push_str(&format!("{blank}{STRONG}{}{STRONG:#}\n", when(rule.phase())));
        }
        let style = of(rule.severity());
        let summary = wrapped(rule.summary(), width, longest + 13);
        text.push_str(&format!(
            "  {:longest$}  {style}{:7}{style:#}  {summary}\n",
            rule.id(),
            rule.severity().to_string()
        ));
    }
    text.push_str("\none in full: hookstorm explain RULE\nturned up, down or off: --rule ID=error|warning|off\n");
    text
}

/// What `rule` means, why it matters and what to do.
pub fn explanation(rule: Rule) -> String {
    let (severity, style) = (rule.severity(), of(rule.severity()));
    let mut text = format!("{STRONG}{rule}{STRONG:#} ({style}{severity}{style:#}, {})\n\n", when(rule.phase()));
    text.push_str(explanation::body(rule));
    text.push('\n');
    text
}

/// When rules of `phase` are found.
const fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Package => "found in the package, without running Python",
        Phase::Loading => "found by importing the module and constructing Plugin",
        Phase::Calling => "found by running hooks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_in_the_table_and_can_be_explained() {
        let table = anstream::adapter::strip_str(&rules(100)).to_string();
        for &rule in Rule::ALL {
            assert!(table.contains(&format!("  {} ", rule.id())), "{rule} is missing");
            assert!(explanation(rule).contains(rule.id()), "{rule} is not named");
        }
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    }
}
