//! What calls leave behind: `resource-leak`. Threads, child processes and descriptors after each call; files in the
//! working folder, the home and the folder for temporary files after the session.
//!
//! Allowed on purpose: files in the state folders, where the contract lets files stay; files that a later call of the
//! session removes, and those of a session that did not end normally; a call that the platform cut off.

use super::{
    context::{Context, add_new},
    message,
    stable_name::stable_name,
    stack,
};
use crate::{
    contract::Hook,
    finding::{Finding, Rule},
    trace::{CallTrace, Ending, Leftover, LeftoverKind, Trace},
};

/// The folders in which no file may stay after the session.
const TEMPORARY_FOLDERS: [&str; 3] = ["work/", "home/", "tmp/"];

/// Reports what the calls of a session left behind.
pub(super) fn judge(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (index, seen) in context.trace.calls.iter().enumerate() {
        if is_judged(context, seen) {
            for leftover in &seen.leftovers {
                add_new(findings, finding(context, index, leftover));
            }
        }
    }
    judge_files(context, findings);
}

fn is_judged(context: &Context<'_>, seen: &CallTrace) -> bool {
    !context.is_other(seen) && seen.ending != Ending::CutOff
}

fn finding(context: &Context<'_>, index: usize, leftover: &Leftover) -> Finding {
    let place = stack::location_of(&leftover.frames);
    let name = |what: &str| message::one_line(what, message::MESSAGE_LIMIT);
    // Secrets are masked first, so that their digits do not count as random ones.
    let what = context.mask(&leftover.what);
    let stable = || name(&stable_name(context.plugin, &what));
    let started =
        place.as_ref().map_or_else(String::new, |place| format!(", started at {}:{}", place.file, place.line));
    let (message, detail) = match leftover.kind {
        LeftoverKind::Thread if leftover.what.is_empty() => (format!("left a thread running{started}"), "thread"),
        LeftoverKind::Thread => (format!("left the thread `{}` running{started}", stable()), "thread"),
        LeftoverKind::Process if leftover.what.is_empty() => {
            (format!("left a fork of itself behind{started}"), "process")
        }
        LeftoverKind::Process => (format!("left the child process `{}` behind{started}", name(&what)), "process"),
        LeftoverKind::Descriptor => {
            (format!("left a descriptor open: {}", stable()), kind_of_descriptor(&leftover.what))
        }
        LeftoverKind::File => (format!("left the file `{}` behind", stable()), "file left"),
    };
    context.draft(Rule::ResourceLeak, index, message).at(place).detail(detail).finish()
}

/// The kind of a descriptor's target, for fingerprints.
fn kind_of_descriptor(what: &str) -> &'static str {
    match what {
        "socket" => "socket",
        "pipe" => "pipe",
        _ if what.starts_with("memfd:") => "memfd",
        _ if what.starts_with("anon_inode:") => "anonymous",
        _ => "file",
    }
}

/// Reports the files that are there after the session, at the first call after which they were there.
fn judge_files(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let calls = &context.trace.calls;
    let Some(last) = calls.last().filter(|_| is_over(context)) else { return };
    let mut made_by: Vec<(usize, Vec<&str>)> = Vec::new();
    for path in last.files.iter().map(|file| file.path.as_str()) {
        if !TEMPORARY_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let made = calls.iter().position(|seen| seen.files.iter().any(|file| file.path == path));
        let Some(made) = made.filter(|&made| is_judged(context, &calls[made])) else { continue };
        match made_by.iter_mut().find(|(index, _)| *index == made) {
            Some((_, paths)) => paths.push(path),
            None => made_by.push((made, vec![path])),
        }
    }
    for (index, paths) in made_by {
        // Sorted without their random parts, so that each run names the same one.
        let mut names: Vec<String> =
            paths.iter().map(|path| stable_name(context.plugin, &context.mask(path))).collect();
        names.sort();
        let name = message::one_line(&names[0], message::MESSAGE_LIMIT);
        let message = match names.len() - 1 {
            0 => format!("left the file `{name}` behind"),
            1 => format!("left the file `{name}` and one more behind"),
            more => format!("left the file `{name}` and {more} more behind"),
        };
        add_new(findings, context.draft(Rule::ResourceLeak, index, message).detail("file left").finish());
    }
}

/// Whether the session ended normally, so that no later call can remove a file.
fn is_over(context: &Context<'_>) -> bool {
    let Trace { calls, .. } = context.trace;
    let Some(last) = calls.last() else { return false };
    let is_planned_end = last.call.checked_add(1) == Some(context.session.calls.len());
    !calls.iter().any(|seen| seen.ending.is_aborted())
        && is_planned_end
        && (last.hook == Hook::SessionEnded || !context.plugin.has_session_ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Argument,
        finding::Severity,
        oracle::{
            PluginUnderTest,
            testing::{Played, frame, raised, store},
        },
        trace::{Frame, Observed, ScratchFile},
    };

    const HOOK: Hook = Hook::GetPasswordList;

    fn left(kind: LeftoverKind, what: &str, frames: Vec<Frame>) -> Played {
        let mut played = Played::returned(HOOK, Observed::None);
        played.last().leftovers = vec![Leftover { kind, what: what.into(), frames }];
        played
    }

    fn files(paths: &[&str]) -> Vec<ScratchFile> {
        paths.iter().map(|path| ScratchFile { path: (*path).into(), text: String::new() }).collect()
    }

    /// A session of two calls after which these files are there.
    fn session(first: &[&str], last: &[&str]) -> Played {
        let mut played = Played::returned(HOOK, Observed::None);
        played.last().files = files(first);
        let mut played = played.call(Hook::SessionEnded, Ending::Returned(Observed::None));
        played.last().files = files(last);
        played
    }

    #[test]
    fn a_thread_is_reported_with_the_line_that_started_it() {
        let finding = left(LeftoverKind::Thread, "poller", vec![frame("get_password_list", 40)]).only(&store());
        assert_eq!((finding.rule, finding.severity, finding.hook), (Rule::ResourceLeak, Severity::Warning, Some(HOOK)));
        assert_eq!(finding.message, "left the thread `poller` running, started at main.py:40");
        assert_eq!(finding.location.map(|place| place.line), Some(40));
    }

    #[test]
    fn each_kind_has_its_message_and_its_fingerprint() {
        let cases = [
            (LeftoverKind::Thread, "", "left a thread running"),
            (LeftoverKind::Process, "sleep 1000", "left the child process `sleep 1000` behind"),
            (LeftoverKind::Process, "", "left a fork of itself behind"),
            (LeftoverKind::Descriptor, "<scratch>/tmp/x.log", "left a descriptor open: <scratch>/tmp/x.log"),
            (LeftoverKind::Descriptor, "socket", "left a descriptor open: socket"),
        ];
        let mut prints = Vec::new();
        for (kind, what, message) in cases {
            let finding = left(kind, what, Vec::new()).only(&store());
            assert_eq!(finding.message, message);
            prints.push(finding.fingerprint);
        }
        assert_eq!(prints[1], prints[2]);
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), 4);
    }

    #[test]
    fn names_and_values_make_no_second_finding() {
        let of = |what| left(LeftoverKind::Descriptor, what, Vec::new()).only(&store()).fingerprint;
        assert_eq!(of("<scratch>/tmp/alice"), of("<scratch>/tmp/bob"));
        let mut two = left(LeftoverKind::Thread, "Thread-1 (f)", vec![frame("start", 3)]);
        let again = Leftover { what: "Thread-2 (f)".into(), ..two.last().leftovers[0].clone() };
        two.last().leftovers.push(again);
        assert_eq!(two.only(&store()).message, "left the thread `Thread-… (f)` running, started at main.py:3");
    }

    #[test]
    fn a_secret_in_a_name_is_masked() {
        for kind in [LeftoverKind::Process, LeftoverKind::Descriptor, LeftoverKind::Thread] {
            let message =
                left(kind, "-p Tr0ub4dor&3", Vec::new()).with(Argument::GatewayPassword, "Tr0ub4dor&3").only(&store());
            assert!(message.message.contains("-p ***"), "{}", message.message);
        }
    }

    #[test]
    fn leftovers_of_a_call_that_raised_are_reported_and_those_of_a_call_that_was_cut_off_are_not() {
        let mut played = left(LeftoverKind::Descriptor, "socket", Vec::new());
        played.last().ending = raised("KeyError", "", vec![frame("f", 1)]);
        assert_eq!(played.judge(&store()).len(), 2);
        played.last().ending = Ending::CutOff;
        played.silent(&store());
        let mut other = left(LeftoverKind::Descriptor, "socket", Vec::new());
        other.session.calls[0].other = true;
        other.silent(&store());
    }

    #[test]
    fn a_file_that_stays_is_reported_at_the_call_that_made_it() {
        let finding = session(&["tmp/x"], &["tmp/x"]).only(&store());
        assert_eq!((finding.hook, finding.call), (Some(HOOK), Some(0)));
        assert_eq!(finding.message, "left the file `tmp/x` behind");
        let finding = session(&[], &["home/b.log", "work/a", "work/tmpabcdefgh"]).only(&store());
        assert_eq!(finding.hook, Some(Hook::SessionEnded));
        assert_eq!(finding.message, "left the file `home/b.log` and 2 more behind");
    }

    #[test]
    fn files_that_are_removed_or_may_stay_are_silent() {
        session(&["tmp/x"], &[]).silent(&store());
        session(&["state/x", "ephemeral/y"], &["state/x", "ephemeral/y"]).silent(&store());
        // `session_ended` was not called, so the plugin could not remove the file.
        let mut unended = Played::returned(HOOK, Observed::None);
        unended.last().files = files(&["tmp/x"]);
        unended.silent(&store());
        let without_hook = PluginUnderTest { has_session_ended: false, ..store() };
        assert_eq!(unended.only(&without_hook).hook, Some(HOOK));
    }

    #[test]
    fn files_of_an_aborted_session_or_of_a_call_that_was_cut_off_are_silent() {
        let mut played = session(&["tmp/x"], &["tmp/x"]);
        played.trace.calls[0].ending = Ending::CutOff;
        played.silent(&store());
        let mut aborted = session(&["tmp/x"], &["tmp/x"]);
        aborted.last().ending = raised("KeyError", "", vec![frame("f", 1)]);
        assert_eq!(aborted.only(&store()).rule, Rule::UncaughtException);
    }
}
