//! The frame of every command that runs a plugin: opens it, says what the run is about, and prints the report at its
//! end.

use super::{
    console::Console,
    error::{CliError, status},
    observer::Observer,
    settings::Settings,
    signals::Interrupts,
};
use crate::{
    api::{self, Plugin},
    engine::Stop,
    package,
    report::{Format, Report, SandboxMode, SandboxStatus, ndjson, text},
};

/// A hint for a sandbox that is not complete.
pub(super) const ASK_DOCTOR: &str = "`hookstorm doctor` says why, and how to repair it";

/// The plugin of a command.
pub(super) struct OpenedPlugin {
    pub(super) plugin: Plugin,
    command: &'static str,
    format: Format,
    console: Console,
    interrupts: Interrupts,
}

impl OpenedPlugin {
    /// Opens and loads the plugin, and prints the opening line on standard error.
    pub(super) fn open(
        command: &'static str,
        settings: Settings,
        seed: Option<u64>,
        console: Console,
    ) -> Result<Self, CliError> {
        let console = Console { color: settings.color, ..console };
        let interrupts = Interrupts::listen(console);
        package::clear_stale_scratch();
        let mut options = settings.options;
        options.rerun = Some(settings.rerun);
        // Importing a plugin runs it, so the warning comes before that. A path that does not exist runs nothing.
        if let Some(warning) = options.sandbox_off_note().filter(|_| settings.plugin.exists()) {
            console.warning(&warning, None);
        }
        let plugin = Plugin::open(&settings.plugin, options)?;
        let begun = plugin.begun_report(command, seed);
        // A user who has read the opening line may press Ctrl-C and expect a report.
        if matches!(command, "test" | "fuzz" | "load" | "replay" | "minimize") {
            interrupts.ask_first();
        }
        console.aside(&text::opening(&begun));
        let missing = begun.sandbox.as_ref().filter(|sandbox| sandbox.mode == SandboxMode::On);
        if let Some(warning) = missing.and_then(SandboxStatus::warning).filter(|_| !console.is_quiet) {
            console.warning(&warning, Some(ASK_DOCTOR));
        }
        if settings.format.is_stream {
            console.out(&ndjson::start(&begun, plugin.findings()))?;
        }
        Ok(Self { plugin, command, format: settings.format, console, interrupts })
    }

    /// The flag that Ctrl-C sets.
    pub(super) fn stop(&self) -> Stop {
        self.interrupts.stop()
    }

    /// Shows the events of the run.
    pub(super) fn observer(&self) -> Observer {
        Observer::new(self.command, &self.plugin, self.format, self.console)
    }

    /// Prints the report, and returns the exit status.
    pub(super) fn print(&self, report: &Report) -> Result<u8, CliError> {
        self.console.out(&self.format.write(report, &self.console.format_options()))?;
        Ok(if report.is_failure() { status::FINDINGS } else { status::NOTHING })
    }

    /// Ends a run: prints its report, even if a finding could not be saved, and returns the exit status.
    pub(super) fn finish(&self, ended: Result<Report, api::Error>) -> Result<u8, CliError> {
        match ended {
            Ok(report) => self.print(&report),
            Err(error) => {
                if let api::Error::Unsaved { report, .. } = &error {
                    self.print(report)?;
                }
                Err(error.into())
            }
        }
    }
}
