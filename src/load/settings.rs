//! What a load run is asked for, and what it tells meanwhile.

use std::time::Duration;

use crate::{
    engine::Event,
    load::{Arrivals, LoadProgress, Objective, Profile, Rate},
    runtime::Isolation,
};

/// What a load run is asked for.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// How many sessions are due each second.
    pub profile: Profile,
    /// How they are spread.
    pub arrivals: Arrivals,
    /// How long sessions are due for.
    pub duration: Duration,
    /// How many sessions are due at most.
    pub sessions: Option<u64>,
    /// How many calls, or persistent sessions, run at once.
    pub in_flight: usize,
    /// How long a session waits between two of its calls.
    pub think: Duration,
    /// How calls share processes.
    pub isolation: Isolation,
    /// What the schedule is drawn from.
    pub seed: u64,
    /// How many rounds the run is divided into.
    pub rounds: usize,
    /// What must be met.
    pub objectives: Vec<Objective>,
    /// How long what was due is waited for after the last session was.
    pub drain: Duration,
}

/// What happens while a load run goes on.
#[derive(Debug)]
pub enum LoadEvent {
    /// So many workers have the plugin loaded, of so many.
    Starting(usize, usize),
    /// A rate is tried.
    Trying(Rate),
    /// How it is; several times a second.
    Progress(LoadProgress),
    /// What campaigns tell: findings that are looked at again.
    Engine(Event),
}
