//! The table `[load]` of `hookstorm.toml`: what is asked of the plugin under load belongs to the plugin.

use std::{ops::Range, time::Duration};

use toml::{Spanned, de::DeValue};

use super::{Place, one_of};
use crate::{
    cli::{arguments::Spread, error::CliError, values},
    load::{Objective, Rate},
};

const KEYS: [&str; 7] = ["arrivals", "duration", "in-flight", "objectives", "rate", "rounds", "think-time"];

/// What the table says.
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
        place: &Place<'_>,
        key: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CliError> {
        match key {
            "arrivals" => self.arrivals = Some(place.read(key, value, one_of)?),
            "duration" => self.duration = Some(place.read(key, value, values::span)?),
            "in-flight" => self.in_flight = Some(place.number(key, value, values::jobs)?),
            "rate" => self.rate = Some(place.read(key, value, Rate::parse)?),
            "rounds" => self.rounds = Some(place.number(key, value, values::rounds)?),
            "think-time" => self.think_time = Some(place.read(key, value, values::duration)?),
            "objectives" => {
                let list = value.get_ref().as_array();
                for one in list.ok_or_else(|| place.wrong_kind(key, value, "a list of texts"))?.iter() {
                    self.objectives.push(place.read(key, one, Objective::parse)?);
                }
            }
            _ => {
                let problem = format!("`{key}` is not a setting of `[load]`");
                return Err(place.error(at.clone(), problem, Some(values::nearest(key, KEYS))));
            }
        }
        Ok(())
    }
}
