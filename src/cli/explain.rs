//! `hookstorm explain RULE`: what a rule means, why it matters, what to do.

use super::{
    arguments::ExplainArguments,
    console::Console,
    error::{CliError, status},
    values,
};
use crate::{finding::Rule, report::text};

pub(super) fn run(arguments: &ExplainArguments, console: Console) -> Result<u8, CliError> {
    let id = arguments.rule.as_str();
    let Some(rule) = Rule::named(id) else {
        let near = values::nearest(id, Rule::ALL.iter().map(|rule| rule.id()));
        let hint = match near.starts_with("the nearest") {
            true => format!("{near}; `hookstorm rules` lists them all"),
            false => "`hookstorm rules` lists them all".to_owned(),
        };
        return Err(CliError::usage(format!("`{id}` is not the id of a rule"), hint));
    };
    console.out(&text::explanation(rule))?;
    Ok(status::NOTHING)
}
