//! Pure functions from (session, trace, contract) to findings, one file per family of rules.
//!
//! No I/O, no Python, no knowledge of processes: every oracle is tested on traces written by hand.
#![forbid(unsafe_code)]

use crate::{
    case::Session,
    contract::{Platform, PluginType},
    finding::Finding,
    runtime::{Loading, Trace},
};

/// What the oracles must know beside session and trace; the same for a whole campaign.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform that is played.
    pub platform: &'static Platform,
    /// Values of the configuration's options that are named like secrets: canaries.
    pub configuration_secrets: Vec<String>,
    /// Whether the configuration sets the log level to debug, where a leak is only a warning.
    pub logs_debug: bool,
}

/// What a session's trace shows. Everything but `state-leak` and `nondeterministic`, which compare two traces.
pub fn judge(_subject: &Subject, _session: &Session, _trace: &Trace) -> Vec<Finding> {
    Vec::new()
}

/// What loading showed.
pub fn judge_loading(_subject: &Subject, _loading: &Loading) -> Vec<Finding> {
    Vec::new()
}
