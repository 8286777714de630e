//! The program's arguments: the list of commands, and the options that all of them take.

use clap::{Parser, Subcommand};

use super::{Color, OUTPUT};
use crate::cli::{
    check::CheckArguments, completions::CompletionsArguments, doctor::DoctorArguments, explain::ExplainArguments,
    fuzz::FuzzArguments, generate::GenerateArguments, init::InitArguments, load::LoadArguments,
    minimize::MinimizeArguments, replay::ReplayArguments, report::ReportArguments, rules::RulesArguments,
    run::RunArguments, schema::SchemaArguments, selftest::SelftestArguments, test::TestArguments,
};

/// Find how a plugin of Safeguard for Privileged Sessions fails, before the platform does.
///
/// hookstorm runs the plugin's code in a sandbox. The plugin gets no network unless you allow it.
#[derive(Debug, Parser)]
#[command(
    name = "hookstorm",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  hookstorm check my-plugin/\n  hookstorm test my-plugin/ --config my-plugin/default.cfg"
)]
pub(in crate::cli) struct Cli {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,

    /// When to use colours; NO_COLOR is respected [default: auto]
    #[arg(
        long, global = true, value_enum, value_name = "auto|always|never", hide_possible_values = true,
        display_order = 901, help_heading = OUTPUT
    )]
    pub(in crate::cli) color: Option<Color>,

    /// Print only findings and errors: no opening line, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 902, help_heading = OUTPUT)]
    pub(in crate::cli) quiet: bool,

    /// Print every finding in full, however many there are
    #[arg(short, long, global = true, display_order = 903, help_heading = OUTPUT)]
    pub(in crate::cli) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Check the package and load the plugin, without calling a hook
    #[command(after_help = "Examples:\n  hookstorm check my-plugin.zip\n  hookstorm check my-plugin/ --platform 6.12")]
    Check(CheckArguments),
    /// Call one hook, or run one case, and show everything: arguments, result, cookies, output, time
    #[command(after_help = "Examples:\n\
            \x20 hookstorm run my-plugin/ --hook get_password_list --arguments '{\"server_ip\": \"fe80::1\"}'\n\
            \x20 hookstorm run my-plugin/ --case corpora/MyPlugin/3f9c2a71d0b4.json")]
    Run(RunArguments),
    /// Run generated sessions, seeded and in parallel; shrink and keep those that fail
    #[command(after_help = "Examples:\n\
            \x20 hookstorm test my-plugin/ --config my-plugin/default.cfg\n\
            \x20 hookstorm test my-plugin.zip --runs 20000 --seed 42 --format json")]
    Test(TestArguments),
    /// Run sessions guided by coverage and comparisons, for a time; keep those that reach new code
    #[command(after_help = "Examples:\n\
            \x20 hookstorm fuzz my-plugin/ --time 10m --config my-plugin/default.cfg\n\
            \x20 hookstorm fuzz my-plugin.zip --time 8h --stop-after-quiet 1h --vary-config")]
    Fuzz(FuzzArguments),
    /// Start sessions at a given rate; measure how long users wait, and how many sessions the plugin carries
    #[command(after_help = "Examples:\n\
            \x20 hookstorm load my-plugin/ --rate 20/s --objective p99=500ms\n\
            \x20 hookstorm load my-plugin.zip --capacity")]
    Load(LoadArguments),
    /// Run all cases of a corpus again, each in fresh processes
    #[command(after_help = "Examples:\n\
            \x20 hookstorm replay my-plugin/\n\
            \x20 hookstorm replay my-plugin/ corpora/MyPlugin/3f9c2a71d0b4.json")]
    Replay(ReplayArguments),
    /// Shrink a case, or minimize a corpus: remove the cases that add nothing
    #[command(after_help = "Examples:\n\
            \x20 hookstorm minimize my-plugin/ --case corpora/MyPlugin/3f9c2a71d0b4.json\n\
            \x20 hookstorm minimize my-plugin/ --corpus corpora")]
    Minimize(MinimizeArguments),
    /// List all rules
    #[command(after_help = "Examples:\n  hookstorm rules\n  hookstorm rules --format json")]
    Rules(RulesArguments),
    /// Explain one rule: what it means, why it matters, how to repair the plugin
    #[command(after_help = "Examples:\n  hookstorm explain secret-leak\n  hookstorm explain uncaught-exception")]
    Explain(ExplainArguments),
    /// Convert the JSON report of a run: SARIF for code scanning, JUnit XML for a CI server, Markdown for an issue
    #[command(after_help = "Examples:\n\
            \x20 hookstorm report report.json\n\
            \x20 hookstorm report report.json --format sarif > hookstorm.sarif")]
    Report(ReportArguments),
    /// Write hookstorm.toml and jobs for GitHub Actions or GitLab CI into a plugin's repository
    #[command(after_help = "Examples:\n  hookstorm init\n  hookstorm init plugins/vault --ci gitlab")]
    Init(InitArguments),
    /// Check this machine: whether plugins can run here, what the sandbox lacks, and how to repair it
    #[command(after_help = "Examples:\n  hookstorm doctor\n  hookstorm doctor --venv .venv --format json")]
    Doctor(DoctorArguments),
    /// Print the JSON Schema of a case, a report, an event of `--format ndjson` or the output of `doctor`
    #[command(after_help = "Examples:\n\
            \x20 hookstorm schema case > case.schema.json\n\
            \x20 hookstorm schema report > report.schema.json")]
    Schema(SchemaArguments),
    /// Test hookstorm itself with generated manifests and packages
    #[command(
        after_help = "Examples:\n  hookstorm selftest\n  hookstorm selftest package --runs 2000 --seed 7 --jobs 4"
    )]
    Selftest(SelftestArguments),
    /// Generate manifests, packages or sessions to test another runtime or MANIFEST reader
    #[command(after_help = "Examples:\n\
            \x20 hookstorm generate manifest -n 1000 --seed 42 --out manifests\n\
            \x20 hookstorm generate package -n 100 --seed 42 --invalid 0.2 --out packages")]
    Generate(GenerateArguments),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = "Examples:\n\
            \x20 hookstorm completions bash > ~/.local/share/bash-completion/completions/hookstorm\n\
            \x20 hookstorm completions fish > ~/.config/fish/completions/hookstorm.fish")]
    Completions(CompletionsArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_ends_with_two_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().filter(|line| line.starts_with("  hookstorm ")).collect();
            assert_eq!(lines.len(), 2, "{}", command.get_name());
        }
    }

    #[test]
    fn the_help_of_every_option_with_a_value_gives_the_default() {
        let takes_value = |option: &&clap::Arg| option.get_action().takes_values();
        let needs_none = ["hook", "case", "number", "out"];
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
