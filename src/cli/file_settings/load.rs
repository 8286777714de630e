//! The table `[load]` of `hookstorm.toml`: the load that the plugin must carry.

use std::{ops::Range, time::Duration};

use toml::{Spanned, de::DeValue};

use super::reader::{TomlFile, one_of};
use crate::{
    cli::{error::CliError, load::Spread, values},
    load::{Objective, Rate},
};

const KEYS: [&str; 7] = ["arrivals", "duration", "in-flight", "objectives", "rate", "rounds", "think-time"];

/// The settings in the table.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct LoadTable {
    pub(in crate::cli) arrivals: Option<Spread>,
    pub(in crate::cli) duration: Option<Duration>,
    pub(in crate::cli) in_flight: Option<usize>,
    pub(in crate::cli) objectives: Vec<Objective>,
    pub(in crate::cli) rate: Option<Rate>,
    pub(in crate::cli) rounds: Option<usize>,
    pub(in crate::cli) think_time: Option<Duration>,
}

impl LoadTable {
    pub(super) fn take(
        &mut self,
        file: &TomlFile<'_>,
        key: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CliError> {
        match key {
            "arrivals" => self.arrivals = Some(file.read(key, value, one_of)?),
            "duration" => self.duration = Some(file.read(key, value, values::span)?),
            "in-flight" => self.in_flight = Some(file.number(key, value, values::jobs)?),
            "rate" => self.rate = Some(file.read(key, value, Rate::parse)?),
            "rounds" => self.rounds = Some(file.number(key, value, values::rounds)?),
            "think-time" => self.think_time = Some(file.read(key, value, values::duration)?),
            "objectives" => {
                let list = value.get_ref().as_array();
                for one in list.ok_or_else(|| file.wrong_kind(key, value, "a list of texts"))?.iter() {
                    self.objectives.push(file.read(key, one, Objective::parse)?);
                }
            }
            _ => {
                let problem = format!("`{key}` is not a setting of `[load]`");
                return Err(file.error(at.clone(), problem, Some(values::nearest(key, &KEYS))));
            }
        }
        Ok(())
    }
}
