//! Where the commands meet the rooms that do the work: one function for each thing that a command wants of another room,
//! in the commands' own words. A room that changes its signatures is followed here and nowhere else.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{error::CliError, values::Partition};
use crate::{
    campaign::{Event, Stop, Summary},
    case::{Case, Value},
    contract::{Argument, Hook, Kind, Platform, PluginType},
    finding::{Finding, RuleLevels},
    report::Replayed,
    runtime::{Loading, Target, Trace},
};

fn not_wired<T>() -> Result<T, CliError> {
    Err(CliError::Internal("not wired yet".into()))
}

/// A package that was opened. Whatever owns its scratch folder lives in `source`.
pub(super) struct Opened {
    /// What the package rules found.
    pub(super) findings: Vec<Finding>,
    /// The name in MANIFEST, safe for a folder: `Package::name`.
    pub(super) name: Option<String>,
    /// The version in MANIFEST.
    pub(super) version: Option<String>,
    /// The type in MANIFEST.
    pub(super) plugin_type: Option<PluginType>,
    /// The folder and the module's file, where there is something to load.
    pub(super) runnable: Option<(PathBuf, String)>,
    /// The text of default.cfg.
    pub(super) configuration: Option<String>,
    /// Reads a line of one of its files.
    pub(super) source: Box<Source>,
}

/// Reads a line of a file of the package: `Package::source_line`.
pub(super) type Source = dyn Fn(&str, u32) -> Option<String>;

/// Opens a plugin's archive or folder: `Package::open`.
pub(super) fn open(_plugin: &Path, _platform: &'static Platform) -> Result<Opened, CliError> {
    not_wired()
}

/// Starts a worker, has it load the plugin and lets it go: `Worker::start`.
pub(super) fn load(_target: &Arc<Target>) -> Result<Loading, CliError> {
    not_wired()
}

/// What the loading rules find: `judge_loading`.
pub(super) fn judge_loading(_job: &Job) -> Vec<Finding> {
    Vec::new()
}

/// The values of options that are named like secrets: `Package::configuration_secrets`.
pub(super) fn configuration_secrets(_text: &str) -> Vec<String> {
    Vec::new()
}

/// What a campaign is started with.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "read where campaigns are started, which is not wired yet")]
pub(super) struct Job {
    pub(super) target: Arc<Target>,
    pub(super) loading: Loading,
    /// The second plugin of every session.
    pub(super) other: Option<(Arc<Target>, Loading)>,
    pub(super) levels: RuleLevels,
    /// The folder of this plugin's cases.
    pub(super) corpus: PathBuf,
    pub(super) jobs: usize,
}

/// What running one case showed.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) trace: Trace,
    pub(super) findings: Vec<Finding>,
    /// What must not be shown: `oracle::secrets_of`.
    pub(super) secrets: Vec<String>,
    pub(super) elapsed: Duration,
}

/// Runs a case, isolated: `campaign::run_case`.
pub(super) fn run_case(_job: &Job, _case: &Case) -> Result<Ran, CliError> {
    not_wired()
}

/// How much `test` does.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "read where campaigns are started, which is not wired yet")]
pub(super) struct Amount {
    pub(super) runs: u64,
    pub(super) seed: u64,
    pub(super) partition: Option<Partition>,
}

/// Runs generated sessions: `campaign::property`.
pub(super) fn property(
    _job: &Job,
    _amount: Amount,
    _stop: &Stop,
    _listen: &(dyn Fn(Event) + Sync),
) -> Result<Summary, CliError> {
    not_wired()
}

/// How the cases of a corpus fare: `campaign::replay`.
#[derive(Debug)]
pub(super) struct ReplayedAll {
    pub(super) results: Vec<Replayed>,
    pub(super) summary: Summary,
}

/// Runs cases again, isolated: `campaign::replay`.
pub(super) fn replay(
    _job: &Job,
    _cases: Vec<(PathBuf, Case)>,
    _stop: &Stop,
    _listen: &(dyn Fn(Event) + Sync),
) -> Result<ReplayedAll, CliError> {
    not_wired()
}

/// Shrinks one case: `campaign::minimize_case`. A case that shows nothing any more is an error of use, with what to do.
pub(super) fn minimize_case(_job: &Job, _case: &Case, _stop: &Stop) -> Result<Case, CliError> {
    not_wired()
}

/// Which cases need not stay in their corpus, and why: `campaign::minimize_corpus`. Removes none.
pub(super) fn superfluous(
    _job: &Job,
    _cases: &[(PathBuf, Case)],
    _stop: &Stop,
) -> Result<Vec<(PathBuf, String)>, CliError> {
    not_wired()
}

/// Every case under a folder, by path: `Corpus::open(dir)`, `read_all`. A file that is no case is an error that names it.
pub(super) fn read_corpus(_folder: &Path) -> Result<Vec<(PathBuf, Case)>, CliError> {
    not_wired()
}

/// Sets a level: `RuleLevels::set`. Problem and hint where the text is wrong.
pub(super) fn set_level(_levels: &mut RuleLevels, _text: &str) -> Result<(), (String, String)> {
    Err(("not wired yet".into(), "none".into()))
}

/// Removes what this process unpacked: `package::remove_scratch_folders`.
pub(super) const fn remove_scratch_folders() {}

/// Removes what killed processes left: `package::clear_stale_scratch`.
pub(super) const fn clear_stale_scratch() {}

/// What everybody's session passes to `hook`: for `run --hook`, where the user names only what matters.
pub(super) fn plain_arguments(plugin_type: PluginType, hook: Hook, platform: &Platform) -> Vec<(Argument, Value)> {
    let Some(spec) = hook.spec(plugin_type) else { return Vec::new() };
    let is_passed = |argument: &Argument| argument.kind() != Kind::Cookie;
    spec.arguments(platform).filter(is_passed).map(|argument| (argument, plain_value(argument))).collect()
}

fn plain_value(argument: Argument) -> Value {
    match argument.kind() {
        Kind::Cookie | Kind::KeyValuePairs => Value::empty_dict(),
        Kind::SessionId => "session-1".into(),
        Kind::Protocol => "ssh".into(),
        Kind::Ip => "192.0.2.10".into(),
        Kind::TargetIp => "192.0.2.20".into(),
        Kind::Host | Kind::Hostname if argument == Argument::ClientHostname => "client.example.com".into(),
        Kind::Host | Kind::Hostname => "server.example.com".into(),
        Kind::Domain => "example.com".into(),
        Kind::UserName => "alice".into(),
        Kind::TargetUser => "root".into(),
        Kind::Password => "gateway-password".into(),
        Kind::Groups => Value::List(vec!["operators".into()]),
        Kind::Port if argument == Argument::ClientPort => Value::Int(50022),
        Kind::Port => Value::Int(22),
        Kind::ConnectionName => "connection-1".into(),
        Kind::Asset => "server.example.com".into(),
    }
}
