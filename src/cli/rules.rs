//! `hookstorm rules`: the table of all rules.

use serde_json::json;

use super::{
    arguments::{Format, RulesArguments},
    console::Console,
    error::{CliError, status},
};
use crate::{
    finding::{Phase, Rule},
    report::text,
};

pub(super) fn run(arguments: &RulesArguments, console: Console) -> Result<u8, CliError> {
    console.out(&match arguments.format.unwrap_or_default() {
        Format::Text => text::rules(console.width()),
        Format::Json => {
            let rules: Vec<_> = Rule::ALL.iter().map(|rule| rule_json(*rule)).collect();
            format!("{:#}\n", json!({ "rules": rules }))
        }
        Format::Ndjson => {
            return Err(CliError::usage(
                "`rules` has no `--format ndjson`: nothing happens",
                "`--format json` lists them",
            ));
        }
    })?;
    Ok(status::NOTHING)
}

fn rule_json(rule: Rule) -> serde_json::Value {
    let phase = match rule.phase() {
        Phase::Package => "package",
        Phase::Loading => "loading",
        Phase::Calling => "calling",
    };
    json!({
        "id": rule.id(),
        "severity": rule.severity().to_string(),
        "phase": phase,
        "summary": rule.summary(),
    })
}
