//! What may stand on the command line. Only reads: [`super::settings`] makes it, and hookstorm.toml, into what a command
//! needs. Every option tells its default in its help, since most are optional here to let hookstorm.toml speak.

mod fuzz;
mod load;
mod sandbox;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(super) use self::{
    fuzz::{FuzzArguments, Target},
    load::{LoadArguments, Spread},
    sandbox::{Confined, DoctorArguments, SandboxArgument, explained},
};
use super::values::{self, Partition};
use crate::{contract::Platform, corpus::remote::Place};

const PLUGIN: &str = "The plugin";
const LIMITS: &str = "Limits";
const AMOUNT: &str = "How much, and which";
const CASES: &str = "What is run";
const OUTPUT: &str = "What is told";

/// Finds how a plugin of Safeguard for Privileged Sessions breaks, before the platform does.
///
/// The plugin's code is run. It gets no network unless you say so.
#[derive(Debug, Parser)]
#[command(
    name = "hookstorm",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "To begin:\n  hookstorm check my-plugin/\n  hookstorm test my-plugin/ --config my-plugin/default.cfg"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// When to use colours; NO_COLOR is respected [default: auto]
    #[arg(long, global = true, value_enum, value_name = "auto|always|never", hide_possible_values = true, display_order = 901, help_heading = OUTPUT)]
    pub(super) color: Option<Color>,

    /// Tell only findings and errors: no opening line, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 902, help_heading = OUTPUT)]
    pub(super) quiet: bool,

    /// Tell every finding whole, however many there are
    #[arg(short, long, global = true, display_order = 903, help_heading = OUTPUT)]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the package and load the plugin; no hook is called
    #[command(after_help = "To begin:\n  hookstorm check my-plugin.zip\n  hookstorm check my-plugin/ --platform 6.12")]
    Check(CheckArguments),
    /// Call one hook, or run one case, and show everything: arguments, result, cookies, output, time
    #[command(
        after_help = "To begin:\n  hookstorm run my-plugin/ --hook get_password_list --arguments '{\"server_ip\": \"fe80::1\"}'\n  hookstorm run my-plugin/ --case corpora/MyPlugin/3f9c2a71d0b4.json"
    )]
    Run(RunArguments),
    /// Run generated sessions, seeded and in parallel; shrink and keep what breaks
    #[command(
        after_help = "To begin:\n  hookstorm test my-plugin/ --config my-plugin/default.cfg\n  hookstorm test my-plugin.zip --runs 20000 --seed 42 --format json"
    )]
    Test(TestArguments),
    /// Run sessions that learn from what the plugin runs and compares, for a time; keep what brings coverage
    #[command(
        after_help = "To begin:\n  hookstorm fuzz my-plugin/ --time 10m --config my-plugin/default.cfg\n  hookstorm fuzz my-plugin.zip --time 8h --stop-after-quiet 1h --vary-config"
    )]
    Fuzz(FuzzArguments),
    /// Run sessions that begin by a schedule; measure what users wait, and how many sessions the plugin carries
    #[command(
        after_help = "To begin:\n  hookstorm load my-plugin/ --rate 20/s --objective p99=500ms\n  hookstorm load my-plugin.zip --capacity"
    )]
    Load(LoadArguments),
    /// Run every case of a corpus again, each in processes of its own
    #[command(
        after_help = "To begin:\n  hookstorm replay my-plugin/\n  hookstorm replay my-plugin/ corpora/MyPlugin/3f9c2a71d0b4.json"
    )]
    Replay(ReplayArguments),
    /// Shrink a case, or a corpus to the cases that matter: the others are removed
    #[command(
        after_help = "To begin:\n  hookstorm minimize my-plugin/ --case corpora/MyPlugin/3f9c2a71d0b4.json\n  hookstorm minimize my-plugin/ --corpus corpora"
    )]
    Minimize(MinimizeArguments),
    /// List all rules
    #[command(after_help = "To begin:\n  hookstorm rules\n  hookstorm rules --format json")]
    Rules(RulesArguments),
    /// Explain one rule: what it means, why it matters, what to do
    #[command(after_help = "To begin:\n  hookstorm explain secret-leak\n  hookstorm explain uncaught-exception")]
    Explain(ExplainArguments),
    /// Turn the JSON report of a run into another form: SARIF for code scanning, JUnit XML for a CI server,
    /// Markdown for an issue
    #[command(
        after_help = "To begin:\n  hookstorm report report.json\n  hookstorm report report.json --format sarif > hookstorm.sarif"
    )]
    Report(ReportArguments),
    /// Write hookstorm.toml and jobs for GitHub Actions or GitLab CI into a plugin's repository
    #[command(after_help = "To begin:\n  hookstorm init\n  hookstorm init plugins/vault --ci gitlab")]
    Init(InitArguments),
    /// Say what this machine can do: whether plugins can be run, what holds them, and how to get what is missing
    #[command(after_help = "To begin:\n  hookstorm doctor\n  hookstorm doctor --venv .venv --format json")]
    Doctor(DoctorArguments),
    /// Print the JSON Schema of a case, of a report, of a line of events or of what `doctor` says
    #[command(
        after_help = "To begin:\n  hookstorm schema case > case.schema.json\n  hookstorm schema report > report.schema.json"
    )]
    Schema(SchemaArguments),
    /// Print a script that completes commands and options in a shell
    #[command(
        after_help = "To begin:\n  hookstorm completions bash > ~/.local/share/bash-completion/completions/hookstorm\n  hookstorm completions fish > ~/.config/fish/completions/hookstorm.fish"
    )]
    Completions(CompletionsArguments),
}

/// What every command on a plugin takes.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Common {
    /// The platform to play [default: 9.0, the newest]
    #[arg(long, value_name = "VERSION", value_parser = values::platform, help_heading = PLUGIN)]
    pub(super) platform: Option<&'static Platform>,

    /// The file with the plugin's configuration text, `-` for standard input [default: the package's default.cfg]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = PLUGIN)]
    pub(super) config: Option<PathBuf>,

    /// The virtual environment that the plugin may import from [default: VIRTUAL_ENV, if set]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = PLUGIN)]
    pub(super) venv: Option<PathBuf>,

    #[command(flatten)]
    pub(super) confined: Confined,

    /// How long a call may take [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = LIMITS)]
    pub(super) timeout: Option<Duration>,

    /// How much memory a call may take beyond what the loaded plugin has [default: 512MB]
    #[arg(long, value_name = "SIZE", value_parser = values::memory, help_heading = LIMITS)]
    pub(super) memory: Option<u64>,

    /// How many workers run at once [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = values::jobs, allow_negative_numbers = true, help_heading = LIMITS)]
    pub(super) jobs: Option<usize>,

    /// The folder that findings are kept in, a folder in it for each plugin; or a bucket that hosts share: `s3://…`,
    /// `gs://…`, `az://…` [default: corpora]
    #[arg(long, value_name = "DIR|URL", value_parser = values::corpus, value_hint = ValueHint::DirPath, help_heading = CASES)]
    pub(super) corpus: Option<Place>,

    #[command(flatten)]
    pub(super) sharing: Sharing,

    /// Set a rule's level; may be repeated [default: as `hookstorm rules` lists them]
    #[arg(long, value_name = "ID=error|warning|off", action = ArgAction::Append, help_heading = OUTPUT)]
    pub(super) rule: Vec<String>,

    /// How to tell it: a text, one JSON object as `hookstorm schema report` describes, one for each thing that happens as
    /// `hookstorm schema ndjson` does, SARIF 2.1.0 for code scanning, JUnit XML for a CI server, Markdown for an issue, or a
    /// page to look at [default: text]
    #[arg(long, value_enum, value_name = "text|json|ndjson|sarif|junit|markdown|html", hide_possible_values = true, help_heading = OUTPUT)]
    pub(super) format: Option<Format>,
}

/// A corpus in a bucket.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Sharing {
    /// The folder that copies a corpus in a bucket; what could not be sent waits there [default: one for each bucket in
    /// XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = CASES)]
    pub(super) corpus_cache: Option<PathBuf>,

    /// How often a corpus in a bucket is exchanged with other hosts [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = CASES)]
    pub(super) sync_every: Option<Duration>,
}

/// What is known already.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Known {
    /// Fail only on findings that are not in FILE, an earlier report of `--format json` or a list of fingerprints; `load`
    /// also fails on what is slower than in its earlier report by more than the noise [default: every finding counts]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub(super) baseline: Option<PathBuf>,
}

/// A session of two plugins.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct With {
    /// A second plugin in the same sessions, an AA plugin before a credential store for instance [default: none]
    #[arg(long, value_name = "OTHER", value_hint = ValueHint::AnyPath, help_heading = PLUGIN)]
    pub(super) with: Option<PathBuf>,

    /// The file with the second plugin's configuration text [default: its package's default.cfg]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = PLUGIN)]
    pub(super) with_config: Option<PathBuf>,
}

/// The plugin, first among a command's words.
#[derive(Clone, Debug, Args)]
pub(super) struct Plugin {
    /// The plugin: a `.zip`, or a folder that holds MANIFEST
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    pub(super) plugin: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) plugin: Plugin,
    #[command(flatten)]
    pub(super) known: Known,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["hook", "case"]))]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) plugin: Plugin,

    /// The hook to call
    #[arg(long, value_name = "HOOK", help_heading = CASES)]
    pub(super) hook: Option<String>,

    /// What to pass, as a JSON object or `@FILE` with one; `cookie` and `session_cookie` may stand in it [default: plain
    /// values for all that the platform passes; what is given replaces them]
    #[arg(long, value_name = "JSON|@FILE", requires = "hook", conflicts_with = "case", allow_hyphen_values = true, help_heading = CASES)]
    pub(super) arguments: Option<String>,

    /// The case to run, a JSON file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = CASES)]
    pub(super) case: Option<PathBuf>,

    /// Show secrets instead of `***`
    #[arg(long, help_heading = OUTPUT)]
    pub(super) show_secrets: bool,

    #[command(flatten)]
    pub(super) with: With,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    pub(super) plugin: Plugin,

    /// How many sessions to run [default: 1000]
    #[arg(short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(super) runs: Option<u64>,

    /// The seed: the same seed and number of runs give the same sessions and findings [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    pub(super) seed: Option<u64>,

    /// Run only this part of the sessions, for a run divided among machines: give all the same seed [default: 1/1]
    #[arg(long, value_name = "K/N", value_parser = values::partition, requires = "seed", help_heading = AMOUNT)]
    pub(super) partition: Option<Partition>,

    #[command(flatten)]
    pub(super) known: Known,
    #[command(flatten)]
    pub(super) with: With,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    pub(super) plugin: Plugin,

    /// Cases to run instead of the whole corpus
    #[arg(value_name = "CASE", value_hint = ValueHint::FilePath)]
    pub(super) cases: Vec<PathBuf>,

    /// Run only this part of the cases, sorted by name, for a corpus divided among machines [default: 1/1]
    #[arg(long, value_name = "K/N", value_parser = values::partition, help_heading = AMOUNT)]
    pub(super) partition: Option<Partition>,

    #[command(flatten)]
    pub(super) known: Known,
    #[command(flatten)]
    pub(super) with: With,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct MinimizeArguments {
    #[command(flatten)]
    pub(super) plugin: Plugin,

    /// The case to shrink, a JSON file; it is replaced [default: the whole corpus]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "corpus", help_heading = CASES)]
    pub(super) case: Option<PathBuf>,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// The report that `--format json` wrote, `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) file: PathBuf,

    /// What to make of it [default: text]
    #[arg(long, value_enum, value_name = "text|json|sarif|markdown|html", hide_possible_values = true, help_heading = OUTPUT)]
    pub(super) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The folder that holds MANIFEST
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::DirPath, default_value = ".", hide_default_value = true)]
    pub(super) plugin: PathBuf,

    /// Whose jobs to write [default: whose files lie there, else whom git's remote points at, else github]
    #[arg(long, value_enum, value_name = "github|gitlab|both|none", hide_possible_values = true)]
    pub(super) ci: Option<Ci>,

    /// Write over files that are there already; `.gitlab-ci.yml` is never touched
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct RulesArguments {
    /// How to list them [default: text]
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true, help_heading = OUTPUT)]
    pub(super) format: Option<ListFormat>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The id of a rule, as findings name it
    #[arg(value_name = "RULE")]
    pub(super) rule: String,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// What to describe
    #[arg(value_name = "WHAT", value_enum)]
    pub(super) what: What,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "bash|zsh|fish", value_enum, hide_possible_values = true)]
    pub(super) shell: Shell,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal that wants them
    #[default]
    Auto,
    /// Also in a pipe
    Always,
    /// Nowhere
    Never,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One object for machines
    Json,
    /// One object on each line, as things happen
    Ndjson,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for a CI server
    Junit,
    /// Markdown, for an issue or a summary
    Markdown,
    /// A page to look at: one HTML file
    Html,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// For people
    #[default]
    Text,
    /// One object for machines
    Json,
}

/// Whose jobs `init` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Both
    Both,
    /// Neither: only hookstorm.toml and the corpus
    None,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// A case of a corpus
    Case,
    /// The report of `--format json`
    Report,
    /// A line of `--format ndjson`
    Ndjson,
    /// What `doctor --format json` says
    Doctor,
}

/// Shells that can be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_ends_its_help_with_two_lines_to_copy() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().filter(|line| line.starts_with("  hookstorm ")).collect();
            assert_eq!(lines.len(), 2, "{}", command.get_name());
        }
    }

    #[test]
    fn every_option_that_takes_a_value_tells_its_default_or_has_none() {
        let takes_value = |option: &&clap::Arg| option.get_action().takes_values();
        let needs_none = ["hook", "case"];
        for command in Cli::command().get_subcommands() {
            for option in
                command.get_opts().filter(takes_value).filter(|option| !needs_none.contains(&option.get_id().as_str()))
            {
                let help = option.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("[default: "), "{} --{}", command.get_name(), option.get_id());
            }
        }
    }
}
