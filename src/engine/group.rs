//! Sorts findings for reports, and groups those with the same cause.
//!
//! Two exceptions have the same cause if they have the same type (every error of the system is an `OSError`) and if
//! they left the same function of the plugin, for any hook. Or if they have the same type and were raised at the same
//! line of an installed package (`requests`, for example), for any function of the plugin. Frames of the standard
//! library do not matter: all errors of `json` come from one line. Crashes, exits and limits are compared by the same
//! frames, and by the rule instead of the type. A finding without frames has a group of its own: two wrong keys of a
//! result are two mistakes.

use std::cmp::Reverse;

use crate::{
    engine::ReportedFinding,
    trace::{Ending, Frame, Origin},
};

/// Sorts the findings, and numbers the groups from 0 in the order of their first members.
pub(super) fn arrange(mut reported: Vec<ReportedFinding>) -> Vec<ReportedFinding> {
    reported.sort_by(|one, other| key(one).cmp(&key(other)));
    let causes: Vec<Vec<Cause>> = reported.iter().map(causes).collect();
    let mut groups: Vec<usize> = (0..reported.len()).collect();
    for later in 0..reported.len() {
        for earlier in 0..later {
            if causes[later].iter().any(|cause| causes[earlier].contains(cause)) {
                // Two groups with a common member are one: the members of the later join the earlier.
                let (from, to) = (groups[later].max(groups[earlier]), groups[later].min(groups[earlier]));
                groups.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    let mut numbers: Vec<usize> = Vec::new();
    for (reported, group) in reported.iter_mut().zip(groups) {
        let number = numbers.iter().position(|known| *known == group).unwrap_or_else(|| {
            numbers.push(group);
            numbers.len() - 1
        });
        reported.group = number;
    }
    reported
}

/// Findings of every session come first, then the most severe, then by hook, rule and fingerprint.
fn key(reported: &ReportedFinding) -> impl Ord + use<'_> {
    let finding = &reported.finding;
    (!reported.every_session, Reverse(finding.severity), finding.hook, finding.rule, &finding.fingerprint)
}

#[derive(Debug, PartialEq, Eq)]
struct Cause {
    /// Rule, and type of the exception.
    kind: String,
    file: String,
    function: String,
    /// 0 where the line does not matter.
    line: u32,
}

fn causes(reported: &ReportedFinding) -> Vec<Cause> {
    let Some(call) = &reported.call else { return Vec::new() };
    let kind = match &call.ending {
        Ending::Raised(exception) => family(&exception.type_name),
        Ending::Exited { .. }
        | Ending::Signalled { .. }
        | Ending::TimedOut { .. }
        | Ending::OutOfMemory { .. }
        | Ending::Corrupted => reported.finding.rule.id(),
        Ending::Returned(_) | Ending::CutOff | Ending::EndedEarly { .. } => return Vec::new(),
    };
    // A secret in an exception's text is another mistake than the exception.
    let kind = format!("{} {kind}", reported.finding.rule);
    let frames = call.ending.frames();
    let cause = |frame: &Frame, line| Cause {
        kind: kind.clone(),
        file: frame.file.clone(),
        function: frame.function.clone(),
        line,
    };
    let own = frames.iter().find(|frame| frame.origin == Origin::Plugin).map(|frame| cause(frame, 0));
    let raised = frames.first().filter(|frame| frame.origin == Origin::Other).map(|frame| cause(frame, frame.line));
    own.into_iter().chain(raised).collect()
}

/// The type to compare instead of `type_name`: one mistake, such as a file name that a user controls, causes several
/// kinds of `OSError`.
fn family(type_name: &str) -> &str {
    const OS_ERRORS: [&str; 6] = [
        "FileExistsError",
        "FileNotFoundError",
        "InterruptedError",
        "IsADirectoryError",
        "NotADirectoryError",
        "PermissionError",
    ];
    if OS_ERRORS.contains(&type_name) { "OSError" } else { type_name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Hook,
        engine::fake,
        finding::Severity,
        trace::{Exception, Trace},
    };

    fn reported(hook: Hook, type_name: &str, frames: &[(Origin, &str, u32)]) -> ReportedFinding {
        let frames = frames
            .iter()
            .map(|&(origin, function, line)| Frame { origin, file: "f.py".into(), function: function.into(), line })
            .collect();
        let exception = Exception { type_name: type_name.into(), frames, ..Exception::default() };
        let trace = Trace { calls: vec![fake::call(0, hook, Ending::Raised(exception))], ..Trace::default() };
        let finding = fake::findings(&trace).remove(0);
        let call = trace.calls.into_iter().next();
        ReportedFinding { finding, occurrences: 1, case: None, case_path: None, call, group: 9, every_session: false }
    }

    fn groups(reported: Vec<ReportedFinding>) -> Vec<usize> {
        arrange(reported).iter().map(|reported| reported.group).collect()
    }

    #[test]
    fn one_function_reached_through_two_hooks_is_one_cause() {
        let frames = [(Origin::Plugin, "split", 3)];
        let one = reported(Hook::GetPasswordList, "IndexError", &frames);
        let same = reported(Hook::GetPrivateKeyList, "IndexError", &[(Origin::Plugin, "split", 8)]);
        let other = reported(Hook::SessionEnded, "KeyError", &frames);
        assert_eq!(groups(vec![one, same, other]), [0, 0, 1]);
    }

    #[test]
    fn errors_of_the_system_in_one_function_are_one_cause() {
        let frames = [(Origin::Plugin, "remember", 3)];
        let with = |type_name| {
            groups(vec![
                reported(Hook::Authenticate, "OSError", &frames),
                reported(Hook::Authenticate, type_name, &frames),
            ])
        };
        assert_eq!(with("PermissionError"), [0, 0]);
        assert_eq!(with("ValueError"), [0, 1]);
    }

    #[test]
    fn one_line_of_a_package_is_one_cause_and_one_of_the_standard_library_is_not() {
        let at = |origin, function| [(origin, "raise_for_status", 7), (Origin::Plugin, function, 1)];
        for (origin, expected) in [(Origin::Other, [0, 0]), (Origin::StandardLibrary, [0, 1])] {
            let one = reported(Hook::GetPasswordList, "HTTPError", &at(origin, "one"));
            let other = reported(Hook::SessionEnded, "HTTPError", &at(origin, "other"));
            assert_eq!(groups(vec![one, other]), expected, "{origin:?}");
        }
    }

    #[test]
    fn findings_of_every_session_come_first_then_errors_then_by_hook() {
        let finding = |hook, severity, every_session| {
            let mut reported = reported(hook, "E", &[]);
            reported.finding.severity = severity;
            reported.every_session = every_session;
            reported
        };
        let sorted: Vec<_> = arrange(vec![
            finding(Hook::GetPasswordList, Severity::Warning, false),
            finding(Hook::SessionEnded, Severity::Error, false),
            finding(Hook::GetPrivateKeyList, Severity::Error, false),
            finding(Hook::GetTotpCodes, Severity::Warning, true),
        ])
        .iter()
        .map(|reported| reported.finding.hook.unwrap())
        .collect();
        assert_eq!(sorted, [Hook::GetTotpCodes, Hook::GetPrivateKeyList, Hook::SessionEnded, Hook::GetPasswordList]);
    }
}
