//! [`LoadSettings`] and [`LoadEvent`].

use std::time::Duration;

use crate::{
    engine::Event,
    load::{Arrivals, LoadProgress, Objective, Rate, RateProfile},
    runtime::Isolation,
};

/// What to run in a load test.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// How many sessions are due each second.
    pub profile: RateProfile,
    /// How the sessions are spread.
    pub arrivals: Arrivals,
    /// How long sessions are due.
    pub duration: Duration,
    /// How many sessions are due at most.
    pub sessions: Option<u64>,
    /// How many calls, or persistent sessions, run at once.
    pub in_flight: usize,
    /// How long a user waits between two calls.
    pub think: Duration,
    /// How calls share processes.
    pub isolation: Isolation,
    /// The seed of the schedule.
    pub seed: u64,
    /// Into how many rounds the run is divided.
    pub rounds: usize,
    /// What the run must meet.
    pub objectives: Vec<Objective>,
    /// How long to wait for unfinished sessions after the last one was due.
    pub drain: Duration,
}

/// What happens while a load test runs.
#[derive(Debug)]
pub enum LoadEvent {
    /// This number of workers, of so many in all, have the plugin loaded.
    Starting(usize, usize),
    /// The search for the capacity tries this rate.
    Trying(Rate),
    /// How far the run is; several times a second.
    Progress(LoadProgress),
    /// Pending findings are reproduced.
    Engine(Event),
}
