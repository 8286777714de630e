//! Hooks that did not come to their end: `uncaught-exception`, `process-exit`, `interpreter-crash`, `timeout`,
//! `memory-limit`, and `constructor-failed` where `Plugin(configuration)` raised during a call.
//!
//! Lets pass on purpose: a call that the platform itself cut off, and the TypeError of a hook that demands what nobody
//! passes, since loading has told that once. Nor the exception of a file that the sandbox refused, which is told as that.

use std::time::Duration;

use super::{Context, message, sandbox_violation, stack};
use crate::{
    finding::{Draft, Finding, Rule},
    trace::{CallTrace, Ending, Exception},
};

/// What is said of a process whose report is none.
pub(super) const CORRUPTED: &str =
    "what the process reported is no report: it wrote over memory or descriptors that are not the plugin's";

/// What the ending of a call shows.
pub(super) fn judge(context: &Context<'_>, index: usize, seen: &CallTrace, findings: &mut Vec<Finding>) {
    let (draft, rule_names_hook) = match &seen.ending {
        Ending::Returned(_) | Ending::CutOff => return,
        Ending::Raised(exception) => {
            if exception.in_constructor {
                let hint = sandbox_violation::hint(&seen.attempts, exception);
                (raised(context, Rule::ConstructorFailed, exception).hint(hint), false)
            } else if sandbox_violation::made(seen, exception) || is_missing_argument(context, seen, exception) {
                return;
            } else {
                (raised(context, Rule::UncaughtException, exception), true)
            }
        }
        Ending::Exited { status, .. } => {
            (Finding::draft(Rule::ProcessExit, format!("the hook ended the process with status {status}")), true)
        }
        Ending::Signalled { signal, .. } => {
            let name = signal_name(*signal);
            let message = match name {
                Some(name) => format!("the process died of signal {signal} ({name})"),
                None => format!("the process died of signal {signal}"),
            };
            (Finding::draft(Rule::InterpreterCrash, message).exception(name.unwrap_or_default()), true)
        }
        Ending::Corrupted => (Finding::draft(Rule::InterpreterCrash, CORRUPTED), true),
        Ending::TimedOut { limit, .. } => {
            (Finding::draft(Rule::Timeout, format!("no result after {}", seconds(*limit))), true)
        }
        Ending::OutOfMemory { limit, .. } => {
            (Finding::draft(Rule::MemoryLimit, format!("it needed more than {} MB of memory", limit >> 20)), true)
        }
    };
    let place = match &seen.ending {
        Ending::Raised(exception) => place_of(exception),
        ending => stack::of(ending.frames()),
    };
    let draft = draft.at(place).call(index);
    findings.push(if rule_names_hook { draft.hook(seen.hook) } else { draft }.finish());
}

fn raised(context: &Context<'_>, rule: Rule, exception: &Exception) -> Draft {
    Finding::draft(rule, message(&context.mask(&exception.message), exception)).exception(&exception.type_name)
}

/// Where an exception was raised.
pub(super) fn place_of(exception: &Exception) -> Option<crate::finding::Location> {
    if exception.type_name == "RecursionError" {
        stack::of_overflow(&exception.frames)
    } else {
        stack::of(&exception.frames)
    }
}

/// `TypeName: text` on one line, `masked` being the text without secrets.
pub(super) fn message(masked: &str, exception: &Exception) -> String {
    let name = &exception.type_name;
    let text = message::one_line(masked, message::MESSAGE_LIMIT);
    if text.is_empty() { name.clone() } else { format!("{name}: {text}") }
}

/// Whether a hook that demands what the platform never passes could not even be entered.
fn is_missing_argument(context: &Context<'_>, seen: &CallTrace, exception: &Exception) -> bool {
    exception.type_name == "TypeError"
        && exception.frames.is_empty()
        && context.subject.uncallable_hooks.contains(&seen.hook)
        && exception.message.contains("argument")
}

pub(super) fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
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
    fn an_exception_is_told_with_its_type_and_the_plugins_own_line() {
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
            (Ending::OutOfMemory { limit: 512 << 20, frames }, "it needed more than 512 MB of memory"),
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
    fn a_call_that_the_platform_cut_off_is_not_judged() {
        ended(Ending::CutOff).silent(&store());
        ended(Ending::Returned(Observed::None)).silent(&store());
    }

    #[test]
    fn a_hook_that_cannot_be_entered_was_told_at_loading() {
        let missing = "Plugin.get_password_list() missing 1 required positional argument: 'client_hostname'";
        let mut subject = store();
        ended(raised("TypeError", missing, vec![])).only(&subject);
        subject.uncallable_hooks.push(HOOK);
        ended(raised("TypeError", missing, vec![])).silent(&subject);
        // The same words from the plugin's own code are its own defect.
        ended(raised("TypeError", missing, vec![frame("f", 1)])).only(&subject);
    }
}
