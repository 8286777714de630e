//! [`run_case`]: runs one case and shows everything.

use std::{path::Path, time::Instant};

use super::{Error, Plugin, corpus_cases::must_be_for, loaded_plugin::SessionExtras};
use crate::{
    case::Case,
    engine::{self, ReportedFinding, Setup, Summary},
    generate::services_of_plugin,
    oracle,
    report::{Mask, ObservedSession, Report},
};

/// A case to run.
#[derive(Clone, Debug)]
pub(crate) struct CaseRun {
    pub(crate) case: Case,
    /// Whether the case gets the services that the configuration names, as on an appliance that is configured so. A
    /// case from a file has its own.
    pub(crate) configured_services: bool,
    /// Notes for the report. Those that say where a case from a file is outside of the contract are added.
    pub(crate) notes: Vec<String>,
    pub(crate) show_secrets: bool,
}

/// Runs a case, isolated as on the platform. The report has the trace.
pub(crate) fn run_case(plugin: &Plugin, run: CaseRun) -> Result<Report, Error> {
    let Some(loaded) = plugin.runnable() else { return plugin.report_of_no_run("run", None) };
    let CaseRun { mut case, configured_services: is_configured, mut notes, show_secrets } = run;
    if let Some(why) = loaded.outside_contract(&case).filter(|_| !is_configured) {
        notes.push(format!("the case is outside of the contract: {why}"));
    }
    if is_configured {
        case.session.services = services_of_plugin(&loaded.target.configuration, &loaded.loading.tokens.services);
    }
    let levels = &plugin.options.levels;
    let began = Instant::now();
    let (trace, findings) = loaded.with_plan(levels, SessionExtras::default(), |plan| engine::run_case(plan, &case))?;
    let elapsed = began.elapsed();
    let mask = if show_secrets {
        Mask::shows_all()
    } else {
        let secrets = oracle::secrets_of(&loaded.subject(levels, &Setup::of(&case)), &case.session, &trace);
        let mut mask = plugin.mask.clone();
        mask.add(secrets);
        mask.with_session(&case.session, &trace.calls)
    };
    let findings = findings.into_iter().filter_map(|finding| levels.apply(finding)).enumerate();
    let reported = findings.map(|(group, finding)| ReportedFinding { group, ..ReportedFinding::without_case(finding) });
    let summary = Summary {
        sessions: 1,
        calls: trace.calls.len() as u64,
        elapsed,
        reported: reported.collect(),
        notes,
        ..Summary::default()
    };
    let mut report = plugin.report("run", None, summary);
    report.trace = Some(ObservedSession::new(&case.session, &trace, &mask));
    Ok(report)
}

impl Plugin {
    /// Refuses a case for a plugin of another type.
    pub(crate) fn must_suit(&self, case: &Case, path: &Path) -> Result<(), Error> {
        self.plugin_type().map_or(Ok(()), |plugin_type| must_be_for(plugin_type, case, path))
    }
}
