//! `hookstorm run`: runs one case, or calls one hook, isolated as on the platform, and shows everything.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    arguments::{CASES, Color, Common, OUTPUT, Plugin, With},
    console::Console,
    error::CliError,
    hook_call,
    opened_plugin::OpenedPlugin,
    settings::Settings,
};
use crate::{
    api::{self, CaseRun},
    case::Case,
};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["hook", "case"]))]
pub(super) struct RunArguments {
    #[command(flatten)]
    plugin: Plugin,

    /// Hook to call
    #[arg(long, value_name = "HOOK", help_heading = CASES)]
    hook: Option<String>,

    /// Arguments as a JSON object, or `@FILE` with one; `cookie` and `session_cookie` may be among them. They replace
    /// the default values [default: plain values for all arguments that the platform passes]
    #[arg(
        long, value_name = "JSON|@FILE", requires = "hook", conflicts_with = "case", allow_hyphen_values = true,
        help_heading = CASES
    )]
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
    // The case is read first, because it may set configuration and platform.
    let read = arguments.case.as_deref().map(|path| Ok::<_, CliError>((path, api::read_case(path)?))).transpose()?;
    let mut common = arguments.common.clone();
    common.platform = common.platform.or(read.as_ref().map(|(_, case)| case.platform));
    let mut settings = Settings::new(&arguments.plugin.plugin, &common, &arguments.with, color)?;
    if let Some(configuration) = read.as_ref().and_then(|(_, case)| case.configuration.clone()) {
        settings.options.configuration = Some(configuration);
    }
    let platform = settings.options.platform;
    let opened = OpenedPlugin::open("run", settings, None, console)?;
    let Some(plugin_type) = opened.plugin.plugin_type() else {
        return opened.print(&opened.plugin.report_of_no_run("run", None)?);
    };
    let configured_services = read.is_none();
    let mut notes = Vec::new();
    let case = match read {
        Some((path, case)) => {
            opened.plugin.must_suit(&case, path)?;
            Case { platform: common.platform.unwrap_or(case.platform), ..case }
        }
        None => {
            let hook = hook_call::hook(arguments.hook.as_deref().unwrap_or_default(), plugin_type, platform)?;
            let case = hook_call::of_arguments(hook, arguments.arguments.as_deref(), plugin_type, platform)?;
            let why = hook_call::outside_contract(&case);
            notes.extend(why.map(|why| format!("the arguments are outside of the contract: {why}")));
            case
        }
    };
    let run = CaseRun { case, configured_services, notes, show_secrets: arguments.show_secrets };
    opened.finish(api::run_case(&opened.plugin, run))
}
