//! Findings that lie in the Plugin SDK alone. An appliance brings an SDK of its own version, and the author of a plugin
//! cannot repair it, so such a finding is a warning unless the user set the level of its rule.

use crate::{
    engine::Plan,
    finding::{Finding, Severity},
    trace::Loading,
};

/// The folder of the SDK among the installed packages.
const FOLDER: &str = "safeguard/sessions/";

/// Whether a finding is in the SDK. Its place is the innermost line of the plugin, if there is one. A copy of the SDK
/// inside of the package belongs to the plugin.
pub(super) fn is_in_sdk(loading: &Loading, finding: &Finding) -> bool {
    finding.location.as_ref().is_some_and(|location| {
        location.file.starts_with(FOLDER) && loading.files.iter().all(|file| file.path != location.file)
    })
}

/// The finding at the level that the user set, and not above a warning if it is in the SDK alone.
pub(super) fn at_level(plan: &Plan<'_>, finding: Finding) -> Option<Finding> {
    let mut finding = plan.levels.apply(finding)?;
    if !plan.levels.is_set(finding.rule) && is_in_sdk(plan.loading, &finding) {
        finding.severity = finding.severity.min(Severity::Warning);
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fake::FakePlugin,
        finding::{Location, Rule, RuleLevels},
        trace::SourceFile,
    };

    #[test]
    fn a_finding_in_the_sdk_alone_is_a_warning_unless_the_user_wants_an_error() {
        let at = |file: &str| {
            let place = Location { file: file.into(), line: 7, column: 0, function: "f".into() };
            Finding::draft(Rule::UncaughtException, "E").at(Some(place)).finish()
        };
        let sdk = "safeguard/sessions/plugin/plugin_base.py";
        let mut plugin = FakePlugin::new(|_, _, _| crate::engine::fake::give(1));
        plugin.with_plan(|plan| {
            assert_eq!(at_level(plan, at(sdk)).unwrap().severity, Severity::Warning);
            assert_eq!(at_level(plan, at("main.py")).unwrap().severity, Severity::Error);
            // The same path inside of the package.
            let files = vec![SourceFile { path: sdk.into(), lines: vec![7] }];
            let loading = Loading { files, ..plan.loading.clone() };
            assert_eq!(at_level(&Plan { loading: &loading, ..*plan }, at(sdk)).unwrap().severity, Severity::Error);
        });
        plugin.levels = "uncaught-exception=error".parse::<RuleLevels>().unwrap();
        plugin.with_plan(|plan| assert_eq!(at_level(plan, at(sdk)).unwrap().severity, Severity::Error));
    }
}
