//! `hookstorm rules`: a table of all rules.

use clap::Args;
use serde_json::json;

use super::{
    arguments::{ListFormat, OUTPUT},
    console::Console,
    error::{CliError, status},
};
use crate::{
    finding::{Phase, Rule},
    report::text,
};

#[derive(Debug, Args)]
pub(super) struct RulesArguments {
    /// Form of the list [default: text]
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true, help_heading = OUTPUT)]
    format: Option<ListFormat>,
}

pub(super) fn run(arguments: &RulesArguments, console: Console) -> Result<u8, CliError> {
    console.out(&match arguments.format.unwrap_or_default() {
        ListFormat::Text => text::rules(console.width()),
        ListFormat::Json => {
            let rules: Vec<_> = Rule::ALL.iter().map(|rule| rule_json(*rule)).collect();
            format!("{:#}\n", json!({ "rules": rules }))
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
