//! `hookstorm run`: runs one case, or calls one hook, isolated as on the platform, and shows everything.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{CASES, Color, Common, OUTPUT, Plugin, With},
    cases,
    console::Console,
    error::CliError,
    prepare::prepare,
    seams,
    settings::{Amount, Settings},
};
use crate::{
    case::Case,
    engine::{ReportedFinding, Summary},
    generate::configured_services,
    report::{Mask, ObservedSession},
};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["hook", "case"]))]
pub(super) struct RunArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Hook to call
    #[arg(long, value_name = "HOOK", help_heading = CASES)]
    hook: Option<String>,

    /// Arguments as a JSON object, or `@FILE` with one; `cookie` and `session_cookie` may be among them. They replace the
    /// default values [default: plain values for all arguments that the platform passes]
    #[arg(long, value_name = "JSON|@FILE", requires = "hook", conflicts_with = "case", allow_hyphen_values = true, help_heading = CASES)]
    arguments: Option<String>,

    /// Case to run, a JSON file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = CASES)]
    case: Option<PathBuf>,

    /// Show secrets instead of `***`
    #[arg(long, help_heading = OUTPUT)]
    show_secrets: bool,

    #[command(flatten)]
    with: With,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &RunArguments, color: Option<Color>, console: Console) -> Result<u8, CliError> {
    // The case comes first: it knows the configuration and the platform that it wants.
    let read = arguments.case.as_deref().map(cases::read).transpose()?;
    let mut common = arguments.common.clone();
    common.platform = common.platform.or(read.as_ref().map(|case| case.platform));
    let read = read.map(|case| Case { platform: common.platform.unwrap_or(case.platform), ..case });
    let settings = Settings::new(&arguments.plugin.plugin, &common, &arguments.with, Amount::default(), color)?;
    let console = Console { color: settings.color, ..console };
    let configuration = read.as_ref().and_then(|case| case.configuration.clone());
    let mut prepared = prepare("run", settings, None, configuration, console)?;

    let case = match (read, prepared.plugin_type()) {
        (Some(case), Some(plugin_type)) => {
            let path = arguments.case.as_deref().unwrap_or_else(|| std::path::Path::new(""));
            cases::must_be_of(&case, path, plugin_type)?;
            Some(case)
        }
        (None, Some(plugin_type)) => {
            let platform = prepared.settings.platform;
            let hook = cases::hook(arguments.hook.as_deref().unwrap_or_default(), plugin_type, platform)?;
            Some(cases::of_arguments(hook, arguments.arguments.as_deref(), plugin_type, platform)?)
        }
        (_, None) => None,
    };
    let job = match prepared.runnable(console)? {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let mut case = case.ok_or_else(|| CliError::Internal("a plugin of no type was loaded".into()))?;
    if arguments.case.is_none() {
        // What the configuration names is there, as on an appliance that somebody configured.
        case.session.services = configured_services(&job.target.configuration);
    }

    let ran = seams::run_case(&job, &case)?;
    let mask = if arguments.show_secrets {
        Mask::shows_all()
    } else {
        let secrets = ran.secrets.iter().chain(&prepared.secrets).cloned();
        Mask::new(secrets).with_session(&case.session, &ran.trace.calls)
    };
    let findings = ran.findings.into_iter().filter_map(|finding| job.levels.apply(finding));
    let reported = findings
        .enumerate()
        .map(|(group, finding)| ReportedFinding { group, ..ReportedFinding::without_case(finding) });
    let mut report = prepared.report(Summary {
        sessions: 1,
        calls: ran.trace.calls.len() as u64,
        elapsed: ran.elapsed,
        reported: reported.collect(),
        ..Summary::default()
    });
    report.trace = Some(ObservedSession::new(&case.session, &ran.trace, &mask));
    prepared.print(&report, console)
}
