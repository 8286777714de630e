//! Sorts findings for reports, and groups those with the same cause.
//!
//! Two exceptions have the same cause if they have the same type (every error of the system is an `OSError`) and if
//! they left the same function of the plugin, for any hook. Or if they have the same type and were raised at the same
//! line of an installed package (`requests`, for example), for any function of the plugin. Frames of the standard
//! library do not matter: all errors of `json` come from one line. Crashes, exits and limits are compared by the same
//! frames, and by the rule instead of the type. Exceptions of any type from one call at one line of the plugin are one
//! cause: a `try` around that call catches too little. An exception and what the sandbox refused in its function are
//! one cause. So are leaks and attempts at one place, whatever the hook, changes of the same part of a cookie, which
//! hooks pass on, such a part with the call that fails on what JSON made of it, and an option that the SDK cannot read
//! with the call that reads it. Any other finding without frames has a group of its own: two wrong keys of a result are
//! two mistakes.
//!
//! A finding that only follows from another one (see [`super::cause`]) is in its group, after it.

use std::cmp::Reverse;

use crate::{
    engine::ReportedFinding,
    finding::{Finding, Fingerprint, Location, Rule, Severity},
    trace::{Ending, Exception, Frame, Origin},
};

/// Sorts the findings, and numbers the groups from 0 in the order of their first members.
pub(crate) fn arrange(mut reported: Vec<ReportedFinding>) -> Vec<ReportedFinding> {
    for at in 0..reported.len() {
        // What was seen to be the cause may have shown in one session only, and was not confirmed itself.
        let is_reported = |cause: &Fingerprint| reported.iter().any(|one| one.finding.fingerprint == *cause);
        if !reported[at].follows.as_ref().is_some_and(is_reported) {
            reported[at].follows = None;
        }
    }
    reported.sort_by(|one, other| key(one).cmp(&key(other)));
    group(reported)
}

/// Numbers the groups from 0 in the order of their first members, and brings the members of each together.
pub(crate) fn group(reported: Vec<ReportedFinding>) -> Vec<ReportedFinding> {
    let groups = groups(&reported);
    let mut members: Vec<(usize, ReportedFinding)> = groups.into_iter().zip(reported).collect();
    // A group is where its first cause is, and what follows comes after all causes.
    let place = |group: usize| {
        let causes = members.iter().position(|(of, one)| *of == group && one.follows.is_none());
        causes.or_else(|| members.iter().position(|(of, _)| *of == group))
    };
    let places: Vec<_> = members.iter().map(|(group, _)| place(*group)).collect();
    let mut placed: Vec<_> = places.into_iter().zip(members.drain(..)).collect();
    placed.sort_by_key(|(place, (_, one))| (*place, one.follows.is_some()));
    let mut numbers: Vec<Option<usize>> = Vec::new();
    placed
        .into_iter()
        .map(|(place, (_, one))| {
            if numbers.last() != Some(&place) {
                numbers.push(place);
            }
            ReportedFinding { group: numbers.len() - 1, ..one }
        })
        .collect()
}

/// For each finding, a number that findings with the same cause share.
fn groups(reported: &[ReportedFinding]) -> Vec<usize> {
    let causes: Vec<Vec<Cause>> = reported.iter().map(causes).collect();
    let mut groups: Vec<usize> = (0..reported.len()).collect();
    for later in 0..reported.len() {
        for earlier in 0..later {
            let (one, other) = (&reported[earlier], &reported[later]);
            let is_one = causes[later].iter().any(|cause| causes[earlier].contains(cause))
                || is_at_same_place(one, other)
                || follows(one, other)
                || follows(other, one)
                || is_refused_at(one, other)
                || is_refused_at(other, one)
                || is_about_same_option(&one.finding, &other.finding)
                || is_about_same_option(&other.finding, &one.finding)
                || is_about_same_value(&one.finding, &other.finding)
                || is_about_same_value(&other.finding, &one.finding);
            if is_one {
                // Two groups with a common member are one: the members of the later join the earlier.
                let (from, to) = (groups[later].max(groups[earlier]), groups[later].min(groups[earlier]));
                groups.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    groups
}

fn follows(one: &ReportedFinding, other: &ReportedFinding) -> bool {
    one.follows.as_ref() == Some(&other.finding.fingerprint)
}

/// Whether both are leaks or attempts of one kind at one place, or are about the same part of a cookie.
fn is_at_same_place(one: &ReportedFinding, other: &ReportedFinding) -> bool {
    let (one, other) = (&one.finding, &other.finding);
    if one.rule != other.rule {
        return false;
    }
    match (one.rule, &one.location, &other.location) {
        (Rule::SecretLeak | Rule::ResourceLeak, Some(place), Some(than)) => place == than,
        (Rule::SandboxViolation, Some(place), Some(than)) => is_same_function(place, than),
        (Rule::SecretLeak | Rule::ResourceLeak | Rule::SandboxViolation, None, None) => one.message == other.message,
        (Rule::NotJson | Rule::LossyJson, ..) => {
            cookie_path(&one.message).is_some_and(|path| cookie_path(&other.message) == Some(path))
        }
        _ => false,
    }
}

/// The path of a message about a part of a cookie: `cookie.tags`.
fn cookie_path(message: &str) -> Option<&str> {
    let path = message.strip_prefix('`')?.split('`').next()?;
    let key = path.split(['.', '[']).next()?;
    matches!(key, "cookie" | "session_cookie").then_some(path)
}

fn is_same_function(one: &Location, other: &Location) -> bool {
    (&one.file, &one.function) == (&other.file, &other.function)
}

/// Whether `refused` is what the sandbox refused in the function where `failed` ended, in the failing call.
fn is_refused_at(refused: &ReportedFinding, failed: &ReportedFinding) -> bool {
    let (Some(place), Some(end)) = (&refused.finding.location, &failed.finding.location) else { return false };
    if refused.finding.rule != Rule::SandboxViolation || !is_same_function(place, end) {
        return false;
    }
    match failed.finding.rule {
        // Loading was one run, so both are of it.
        Rule::ConstructorFailed | Rule::ImportFailed => place.line == end.line,
        Rule::UncaughtException => failed.call.as_ref().is_some_and(|call| {
            let own = |frames: &[Frame]| {
                frames.iter().find(|frame| frame.origin == Origin::Plugin).map(|frame| frame.function.clone())
            };
            call.attempts.iter().any(|attempt| own(&attempt.frames).as_ref() == Some(&place.function))
        }),
        _ => false,
    }
}

/// Whether the call that `failed` did so on the part of a cookie that `lossy` names: its hint says so, see
/// [`crate::oracle`].
fn is_about_same_value(lossy: &Finding, failed: &Finding) -> bool {
    let Some(path) = cookie_path(&lossy.message).filter(|_| lossy.rule == Rule::LossyJson) else { return false };
    let names = |hint: &String| hint.contains("back from JSON") && hint.contains(&format!("`{path}`"));
    failed.rule == Rule::UncaughtException && failed.hint.as_ref().is_some_and(names)
}

/// Whether `unreadable` is about an option of the configuration whose value the call that `failed` could not read.
fn is_about_same_option(unreadable: &Finding, failed: &Finding) -> bool {
    let may_fail_so = matches!(failed.rule, Rule::UncaughtException | Rule::ConstructorFailed | Rule::ImportFailed);
    if unreadable.rule != Rule::ConfigUnreadable || !may_fail_so {
        return false;
    }
    // "`[vault] token` has a `%` that …"
    let mut quoted = unreadable.message.split('`').skip(1).step_by(2);
    let (Some(name), Some("%")) = (quoted.next(), quoted.next()) else { return false };
    let Some((section, option)) = name.strip_prefix('[').and_then(|name| name.rsplit_once("] ")) else { return false };
    let in_hint = failed.hint.as_ref().is_some_and(|hint| hint.contains(&format!("`{name}`")));
    // As `configparser.InterpolationMissingOptionError` says it.
    in_hint || failed.message.contains(&format!("option '{option}' in section '{section}'"))
}

/// What leads out of the plugin's folders by a name that a user types comes first. Then the plugin's own code before
/// the SDK's, findings of every session, the most severe, what needs no cookie of another plugin, and plain arguments.
/// The rest is sorted by hook, rule and fingerprint.
fn key(reported: &ReportedFinding) -> impl Ord + use<'_> {
    let finding = &reported.finding;
    let leads_out = finding.rule == Rule::SandboxViolation && finding.severity == Severity::Error;
    let needs_other_plugin = reported.case.as_ref().is_some_and(|case| !case.session.session_cookie.is_empty_dict());
    (
        reported.in_sdk,
        !leads_out,
        !reported.every_session,
        Reverse(finding.severity),
        needs_other_plugin,
        reported.odd_values(),
        (finding.hook, finding.rule, &finding.fingerprint),
    )
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
        Ending::Raised(exception) => family(exception),
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
    // The plugin's line, and what it calls there.
    let at = frames.iter().position(|frame| frame.origin == Origin::Plugin);
    let call = at.filter(|at| *at > 0).map(|at| Cause {
        kind: format!("{} from {} in {}", reported.finding.rule, frames[at - 1].function, frames[at - 1].file),
        ..cause(&frames[at], frames[at].line)
    });
    let raised = frames.first().filter(|frame| frame.origin == Origin::Other).map(|frame| cause(frame, frame.line));
    // The SDK takes a path apart in several functions of the module that makes it.
    let of_sdk = |file: &String| Cause { kind: kind.clone(), file: file.clone(), function: String::new(), line: 0 };
    let is_path = reported.in_sdk && kind.ends_with(OS_ERROR);
    let modules = sdk_modules(reported, frames).filter(|_| is_path).map(of_sdk);
    own.into_iter().chain(call).chain(raised).chain(modules).collect()
}

/// The files of the SDK in a stack, without the one that has the hook itself.
fn sdk_modules<'f>(reported: &ReportedFinding, frames: &'f [Frame]) -> impl Iterator<Item = &'f String> {
    let hook = reported.finding.hook.map(|hook| hook.name());
    let of_hook = frames.iter().find(|frame| Some(frame.function.as_str()) == hook).map(|frame| &frame.file);
    let of_sdk = frames.iter().filter(|frame| frame.origin == Origin::Other).map(|frame| &frame.file);
    of_sdk.filter(move |file| Some(*file) != of_hook)
}

const OS_ERROR: &str = "OSError";

/// The type to compare instead of that of the exception: one mistake, such as a file name that a user controls, causes
/// several kinds of `OSError`, and some that are none.
fn family(exception: &Exception) -> &str {
    const OS_ERRORS: [&str; 6] = [
        "FileExistsError",
        "FileNotFoundError",
        "InterruptedError",
        "IsADirectoryError",
        "NotADirectoryError",
        "PermissionError",
    ];
    let type_name = exception.type_name.as_str();
    let is_of_path = match type_name {
        "ValueError" => exception.message == "embedded null byte",
        // It calls itself for each part of a path.
        "RecursionError" => exception.frames.iter().take(4).any(|frame| frame.function == "makedirs"),
        _ => OS_ERRORS.contains(&type_name),
    };
    if is_of_path { OS_ERROR } else { type_name }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        contract::{Argument, Hook},
        engine::{DecisiveArgument, fake},
        trace::Trace,
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
        ReportedFinding { call, group: 9, ..ReportedFinding::without_case(finding) }
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
    fn exceptions_of_one_call_at_one_line_are_one_cause_whatever_their_type() {
        let at = |callee, line| [(Origin::StandardLibrary, callee, 9), (Origin::Plugin, "ask", line)];
        let of = |type_name, frames: &[_]| reported(Hook::GetPasswordList, type_name, frames);
        let timeout = of("TimeoutError", &at("urlopen", 7));
        assert_eq!(groups(vec![timeout.clone(), of("ssl.SSLError", &at("urlopen", 7))]), [0, 0]);
        assert_eq!(groups(vec![timeout.clone(), of("ssl.SSLError", &at("urlopen", 8))]), [0, 1]);
        assert_eq!(groups(vec![timeout, of("ValueError", &at("loads", 7))]), [0, 1]);
        // Two mistakes in one line of the plugin itself.
        let own = [(Origin::Plugin, "ask", 7)];
        assert_eq!(groups(vec![of("KeyError", &own), of("TypeError", &own)]), [0, 1]);
    }

    #[test]
    fn leaks_and_attempts_at_one_place_and_one_part_of_a_cookie_are_one_cause_for_any_hook() {
        let of = |rule, hook, message: &str, line: Option<u32>| {
            let place = line.map(|line| Location { file: "f.py".into(), line, column: 0, function: "f".into() });
            ReportedFinding::without_case(Finding::draft(rule, message).hook(hook).at(place).detail(message).finish())
        };
        let (one, other) = (Hook::GetPasswordList, Hook::SessionEnded);
        let same = |rule, first: (&str, Option<u32>), second: (&str, Option<u32>)| {
            let groups = groups(vec![of(rule, one, first.0, first.1), of(rule, other, second.0, second.1)]);
            groups[0] == groups[1]
        };
        assert!(
            same(Rule::SecretLeak, ("a", Some(7)), ("b", Some(7)))
                && !same(Rule::SecretLeak, ("a", Some(7)), ("a", Some(8)))
        );
        assert!(same(Rule::SandboxViolation, ("resolve", Some(7)), ("connect", Some(9))));
        assert!(same(Rule::SecretLeak, ("a", None), ("a", None)) && !same(Rule::SecretLeak, ("a", None), ("b", None)));
        assert!(same(Rule::LossyJson, ("`cookie.pair` is a tuple (1)", None), ("`cookie.pair` is a tuple (2)", None)));
        assert!(!same(Rule::LossyJson, ("`cookie.pair` is a tuple", None), ("`cookie.other` is a tuple", None)));
        assert!(!same(Rule::NotJson, ("`passwords[0]` is bytes", None), ("`passwords[0]` is bytes", None)));
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
    fn a_path_that_one_module_of_the_sdk_makes_is_one_cause_in_any_of_its_functions() {
        let of = |type_name: &str, message: &str, module: &str, function: &str| {
            let frame = |file: &str, function: &str| Frame {
                origin: Origin::Other,
                file: file.into(),
                function: function.into(),
                line: 7,
            };
            let frames = vec![frame(module, function), frame("aa.py", "authorize")];
            let mut one = reported(Hook::Authorize, type_name, &[]);
            one.call.as_mut().unwrap().ending = Ending::Raised(Exception {
                type_name: type_name.into(),
                message: message.into(),
                frames,
                ..Exception::default()
            });
            ReportedFinding { in_sdk: true, ..one }
        };
        let long = || of("OSError", "File name too long", "limiter.py", "lock");
        assert_eq!(groups(vec![long(), of("ValueError", "embedded null byte", "limiter.py", "open")]), [0, 0]);
        assert_eq!(groups(vec![long(), of("ValueError", "invalid literal", "limiter.py", "read")]), [0, 1]);
        assert_eq!(groups(vec![long(), of("IsADirectoryError", "", "cache.py", "read")]), [0, 1]);
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
    fn what_follows_from_a_finding_is_in_its_group_after_it_also_over_several_steps() {
        let mut last = reported(Hook::SessionEnded, "KeyError", &[(Origin::Plugin, "a", 1)]);
        let mut middle = reported(Hook::AuthenticationCompleted, "KeyError", &[(Origin::Plugin, "b", 1)]);
        let mut cause = reported(Hook::GetPasswordList, "ValueError", &[(Origin::Plugin, "c", 1)]);
        cause.finding.severity = Severity::Warning;
        last.every_session = true;
        last.follows = Some(middle.finding.fingerprint.clone());
        middle.follows = Some(cause.finding.fingerprint.clone());
        let alone = reported(Hook::GetPrivateKeyList, "OSError", &[(Origin::Plugin, "d", 1)]);
        let sorted = arrange(vec![last.clone(), alone.clone(), middle, cause]);
        let hooks: Vec<_> = sorted.iter().map(|one| (one.finding.hook.unwrap(), one.group)).collect();
        assert_eq!(hooks[0], (Hook::GetPrivateKeyList, 0));
        assert_eq!(hooks[1], (Hook::GetPasswordList, 1), "the cause is before what follows from it");
        assert_eq!(
            BTreeSet::from([hooks[2], hooks[3]]),
            BTreeSet::from([(Hook::AuthenticationCompleted, 1), (Hook::SessionEnded, 1)])
        );
        // A cause that was not confirmed is none.
        let sorted = arrange(vec![alone, last]);
        assert!(sorted.iter().all(|one| one.follows.is_none()) && sorted[0].every_session, "{sorted:?}");
        assert_eq!([sorted[0].group, sorted[1].group], [0, 1]);
    }

    #[test]
    fn what_the_sandbox_refused_is_one_cause_with_the_exception_of_its_line() {
        let at = |line| Some(Location { file: "f.py".into(), line, column: 0, function: "f".into() });
        let failed = Finding::draft(Rule::ConstructorFailed, "E").at(at(7)).finish();
        let refused = |line| Finding::draft(Rule::SandboxViolation, "w").at(at(line)).finish();
        let groups = |refused| groups([failed.clone(), refused].map(ReportedFinding::without_case).into());
        assert_eq!((groups(refused(7)), groups(refused(8))), (vec![0, 0], vec![0, 1]));
    }

    #[test]
    fn an_option_that_cannot_be_read_and_the_call_that_reads_it_are_one_cause() {
        let unreadable = |option: &str| {
            let message = format!("`[vault] {option}` has a `%` that the SDK cannot interpolate");
            Finding::draft(Rule::ConfigUnreadable, message).detail(option).finish()
        };
        let hint = "write `%%` for each percent sign in the value of `[vault] token`".to_owned();
        let syntax = Finding::draft(Rule::UncaughtException, "'%' must be followed by").hint(hint).finish();
        let missing = "Bad value substitution: option 'token' in section 'vault' contains a key";
        let missing = Finding::draft(Rule::ConstructorFailed, missing).finish();
        for failed in [syntax, missing] {
            let groups =
                |option| groups([failed.clone(), unreadable(option)].map(ReportedFinding::without_case).into());
            assert_eq!((groups("token"), groups("user")), (vec![0, 0], vec![0, 1]), "{failed:?}");
        }
    }

    #[test]
    fn a_value_that_json_changes_and_the_call_that_fails_on_it_are_one_cause() {
        let lossy = |path: &str| Finding::draft(Rule::LossyJson, format!("`{path}` is a tuple")).detail(path).finish();
        let hint =
            "`cookie.pair` was of type `tuple` when `authenticate` returned it, and came back from JSON as `list`";
        let failed = Finding::draft(Rule::UncaughtException, "TypeError").hint(hint.to_owned()).finish();
        let groups = |path| groups([failed.clone(), lossy(path)].map(ReportedFinding::without_case).into());
        assert_eq!((groups("cookie.pair"), groups("cookie.pairs")), (vec![0, 0], vec![0, 1]));
    }

    #[test]
    fn a_path_that_leads_out_comes_first_then_errors_plain_values_and_the_sdk_last() {
        let of = |rule, name: &str, severity| {
            let finding = Finding { severity, ..Finding::draft(rule, name).detail(name).finish() };
            ReportedFinding {
                case: Some(fake::fragile_case(fake::session(3), false)),
                ..ReportedFinding::without_case(finding)
            }
        };
        let plain = of(Rule::UncaughtException, "plain", Severity::Error);
        let mut odd = of(Rule::UncaughtException, "odd", Severity::Error);
        odd.case.as_mut().unwrap().session.calls[0].arguments[0].1 = crate::case::Value::Int(65_535);
        odd.decisive = Some(vec![DecisiveArgument { call: 0, argument: Argument::ServerPort }]);
        let mut foreign = of(Rule::UncaughtException, "foreign", Severity::Error);
        foreign.case.as_mut().unwrap().session.session_cookie = crate::case::Value::Dict(vec![("k".into(), 1.into())]);
        let warning = of(Rule::LossyJson, "warning", Severity::Warning);
        let sdk = ReportedFinding { in_sdk: true, ..of(Rule::UncaughtException, "sdk", Severity::Error) };
        let path = of(Rule::SandboxViolation, "path", Severity::Error);
        let sorted = arrange(vec![sdk, warning, foreign, odd, plain, path]);
        let names: Vec<_> = sorted.iter().map(|one| one.finding.message.as_str()).collect();
        assert_eq!(names, ["path", "plain", "odd", "foreign", "warning", "sdk"]);
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
