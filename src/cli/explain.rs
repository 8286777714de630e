//! `hookstorm explain RULE`: what a rule means, why it matters, how to repair the plugin.

use clap::Args;

use super::{
    console::Console,
    error::{CliError, status},
};
use crate::{contract::nearest_word, finding::Rule, report::text};

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// Id of a rule, as findings show it
    #[arg(value_name = "RULE")]
    rule: String,
}

pub(super) fn run(arguments: &ExplainArguments, console: Console) -> Result<u8, CliError> {
    let id = arguments.rule.as_str();
    let Some(rule) = Rule::named(id) else {
        let near = nearest_word(id, Rule::ALL.iter().map(|rule| rule.id()));
        let near = near.map(|near| format!("the nearest is `{near}`; ")).unwrap_or_default();
        let hint = format!("{near}`hookstorm rules` lists them all");
        return Err(CliError::usage(format!("`{id}` is not the id of a rule"), hint));
    };
    console.out(&text::explanation(rule))?;
    Ok(status::NOTHING)
}
