//! Calls that did not return: `uncaught-exception`, `process-exit`, `interpreter-crash`, `timeout`, `memory-limit`, and
//! `constructor-failed` where `Plugin(configuration)` raised during a call.
//!
//! An exception that comes from a limit of hookstorm is reported as that limit, a `sandbox-violation`.
//!
//! Allowed on purpose: a call that the platform itself cut off; the TypeError of a hook that requires what the platform
//! never passes, because loading reports that once; and the exception of a file or process that the sandbox refused,
//! which is a `sandbox-violation`.

use std::time::Duration;

use super::{cause, context::Context, message, own_limit, sandbox_violation, stack};
use crate::{
    contract::Hook,
    finding::{Draft, Finding, Rule},
    trace::{CallTrace, Ending, Exception},
};

/// The message for a process whose report is not valid.
pub(super) const CORRUPTED: &str =
    "the process sent no valid report: it wrote over memory or descriptors that do not belong to the plugin";

/// Reports how a call ended, if it did not return.
pub(super) fn judge(context: &Context<'_>, index: usize, call: &CallTrace, findings: &mut Vec<Finding>) {
    let draft = |rule, message: String| context.draft(rule, index, message);
    let draft = match &call.ending {
        Ending::Returned(_) | Ending::CutOff | Ending::EndedEarly { .. } => return,
        Ending::Raised(exception) => {
            let outputs = [Some(&call.stdout), Some(&call.stderr)];
            let seen = own_limit::Circumstances { attempts: &call.attempts, outputs };
            let draft = if let Some(limit) = own_limit::reached(exception, seen) {
                limit
            } else if exception.in_constructor {
                raised(context, Rule::ConstructorFailed, index, call, exception)
            } else if sandbox_violation::explains(call, exception) || is_missing_argument(context, call, exception) {
                return;
            } else {
                let draft = raised(context, Rule::UncaughtException, index, call, exception);
                draft.expression(failed_expression(exception)).reason(after_login(call.hook))
            };
            // The platform constructs `Plugin` for every hook, so a finding of the constructor names none.
            if exception.in_constructor { draft.call(index) } else { draft.hook(call.hook).call(index) }
        }
        Ending::Exited { status, .. } => {
            draft(Rule::ProcessExit, format!("the hook ended the process with status {status}"))
        }
        Ending::Signalled { signal, .. } => {
            draft(Rule::InterpreterCrash, format!("the process died of {}", message::signal(*signal)))
                .exception(message::signal_name(*signal).unwrap_or_default())
        }
        Ending::Corrupted => draft(Rule::InterpreterCrash, CORRUPTED.to_owned()),
        Ending::TimedOut { limit, .. } => {
            draft(Rule::Timeout, format!("no result after {}", seconds(*limit))).reason(after_login(call.hook))
        }
        Ending::OutOfMemory { limit, .. } => {
            draft(Rule::MemoryLimit, format!("the hook needed more than {} MB of memory", limit >> 20))
        }
    };
    findings.push(draft.at(stack::location_of_ending(&call.ending)).finish());
}

/// Why a failure matters in a hook that is called when the login is over: the explanations of the rules speak of the
/// login.
fn after_login(hook: Hook) -> Option<String> {
    let is_after = matches!(hook, Hook::AuthenticationCompleted | Hook::SessionEnded);
    is_after.then(|| "The call fails, and what the hook does after this point is not done".to_owned())
}

fn raised(context: &Context<'_>, rule: Rule, index: usize, call: &CallTrace, exception: &Exception) -> Draft {
    let message = message::exception(exception, &|text| context.mask(text));
    let hint = cause::of_call(context, index, call, exception);
    Finding::draft(rule, message).exception(&exception.type_name).hint(hint)
}

/// The expression that failed, if it identifies the defect: the depth at which a stack or the memory ends does not.
fn failed_expression(exception: &Exception) -> &str {
    match exception.type_name.as_str() {
        "RecursionError" | "MemoryError" | "KeyboardInterrupt" => "",
        _ => &exception.expression,
    }
}

/// Whether Python could not enter the hook, because the hook requires what the platform never passes.
fn is_missing_argument(context: &Context<'_>, call: &CallTrace, exception: &Exception) -> bool {
    exception.type_name == "TypeError"
        && exception.frames.is_empty()
        && context.plugin.uncallable_hooks.contains(&call.hook)
        && exception.message.contains("argument")
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Argument, Hook},
        oracle::testing::{Played, exception, frame, raised, sdk_frame, store},
        trace::Observed,
    };

    const HOOK: Hook = Hook::GetPasswordList;

    fn ended(ending: Ending) -> Played {
        Played::new().call(HOOK, ending)
    }

    #[test]
    fn an_exception_is_reported_with_its_type_and_the_plugins_own_line() {
        let frames = vec![sdk_frame("get"), frame("path", 92), frame("get_password_list", 3)];
        let finding = ended(raised("KeyError", "'vp'", frames)).only(&store());
        assert_eq!((finding.rule, finding.hook), (Rule::UncaughtException, Some(HOOK)));
        assert_eq!(finding.message, "KeyError: 'vp'");
        let location = finding.location.unwrap();
        assert_eq!((location.file.as_str(), location.line, location.function.as_str()), ("main.py", 92, "path"));
    }

    #[test]
    fn an_exceptions_text_is_bounded_on_one_line_and_without_secrets() {
        let long = format!("no\x1b[2Jlogin with Tr0ub4dor&3\n{}", "x".repeat(1000));
        let played = ended(raised("ValueError", &long, vec![])).with(Argument::GatewayPassword, "Tr0ub4dor&3");
        let said = played.said(&store());
        let (_, message) = said.iter().find(|(rule, _)| *rule == Rule::UncaughtException).unwrap();
        assert!(message.starts_with("ValueError: no\\x1b[2Jlogin with ***\\nxxx"), "{message}");
        assert!(message.chars().count() < 230, "{message}");
    }

    #[test]
    fn recursion_and_memory_errors_of_the_plugin_are_exceptions_like_others() {
        for name in ["RecursionError", "MemoryError", "KeyboardInterrupt", "lib.errors.VaultError"] {
            let finding = ended(raised(name, "", vec![frame("f", 1)])).only(&store());
            assert_eq!((finding.rule, finding.message.as_str()), (Rule::UncaughtException, name));
        }
    }

    #[test]
    fn two_expressions_of_one_line_are_two_findings_and_the_values_do_not_matter() {
        let failed = |expression: &str, message: &str| {
            let error = exception("ValueError", message, vec![frame("get_password_list", 3)]);
            let error = Exception { expression: expression.into(), ..error };
            ended(Ending::Raised(error)).only(&store()).fingerprint
        };
        assert_eq!(failed("int(port)", "invalid literal: 'a'"), failed("int(port)", "invalid literal: 'b'"));
        assert_ne!(failed("int(port)", ""), failed("int(host)", ""));
    }

    #[test]
    fn a_constructor_that_raises_is_one_finding_for_all_hooks() {
        let broken = |hook| {
            let exception = Exception { in_constructor: true, ..exception("OSError", "", vec![frame("__init__", 4)]) };
            Played::new().call(hook, Ending::Raised(exception)).only(&store())
        };
        let finding = broken(HOOK);
        assert_eq!((finding.rule, finding.hook), (Rule::ConstructorFailed, None));
        assert_eq!(finding.fingerprint, broken(Hook::SessionEnded).fingerprint);
    }

    #[test]
    fn every_other_way_to_end_has_its_rule() {
        let frames = vec![frame("f", 5)];
        let cases = [
            (Ending::Exited { status: 3, frames: frames.clone() }, "the hook ended the process with status 3"),
            (Ending::Signalled { signal: 11, frames: frames.clone() }, "the process died of signal 11 (SIGSEGV)"),
            (Ending::TimedOut { limit: Duration::from_secs(2), frames: frames.clone() }, "no result after 2 s"),
            (Ending::OutOfMemory { limit: 512 << 20, frames }, "the hook needed more than 512 MB of memory"),
        ];
        let finding = ended(Ending::Corrupted).only(&store());
        assert_eq!((finding.rule, finding.message.as_str()), (Rule::InterpreterCrash, CORRUPTED));
        let rules = [Rule::ProcessExit, Rule::InterpreterCrash, Rule::Timeout, Rule::MemoryLimit];
        for ((ending, message), rule) in cases.into_iter().zip(rules) {
            let finding = ended(ending).only(&store());
            assert_eq!((finding.rule, finding.message.as_str()), (rule, message));
            assert_eq!(finding.location.map(|location| location.line), Some(5));
        }
    }

    #[test]
    fn no_finding_after_the_login_says_that_the_login_fails() {
        let frames = vec![frame("f", 1)];
        let endings =
            [raised("KeyError", "'lease'", frames.clone()), Ending::TimedOut { limit: Duration::from_secs(2), frames }];
        for ending in endings {
            let reason = |hook| Played::new().call(hook, ending.clone()).only(&store()).reason;
            assert_eq!(reason(HOOK), None);
            assert!(reason(Hook::SessionEnded).is_some_and(|reason| !reason.contains("log")));
        }
    }

    #[test]
    fn a_call_that_the_platform_cut_off_is_not_judged() {
        ended(Ending::CutOff).silent(&store());
        ended(Ending::Returned(Observed::None)).silent(&store());
    }

    #[test]
    fn a_hook_that_cannot_be_entered_is_reported_by_loading() {
        let missing = "Plugin.get_password_list() missing 1 required positional argument: 'client_hostname'";
        let mut plugin = store();
        ended(raised("TypeError", missing, vec![])).only(&plugin);
        plugin.uncallable_hooks.push(HOOK);
        ended(raised("TypeError", missing, vec![])).silent(&plugin);
        // The same words from the plugin's own code are its own defect.
        ended(raised("TypeError", missing, vec![frame("f", 1)])).only(&plugin);
    }
}
