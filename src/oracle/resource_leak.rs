//! What calls leave behind: `resource-leak`. Threads, child processes and descriptors after each call; files in the working
//! folder, the home and the folder for temporary files after the session.
//!
//! Lets pass on purpose: the state folders, which the contract gives for keeping something; files that a later call of the
//! session takes away, and those of a session that did not come to its end; a call that the platform cut off.

use super::{Context, message, stable_name, stack};
use crate::{
    contract::Hook,
    finding::{Finding, Location, Rule},
    trace::{CallTrace, Ending, Leftover, LeftoverKind, Trace},
};

/// The folders in which nothing may stay.
const PASSING: [&str; 3] = ["work/", "home/", "tmp/"];

/// What the calls of a session left.
pub(super) fn judge(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (index, seen) in context.trace.calls.iter().enumerate() {
        if is_judged(context, seen) {
            for left in &seen.leftovers {
                add(findings, tell(context, index, left));
            }
        }
    }
    judge_files(context, findings);
}

fn is_judged(context: &Context<'_>, seen: &CallTrace) -> bool {
    !context.is_other(seen) && seen.ending != Ending::CutOff
}

/// One finding for each kind and place of a hook.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.iter().all(|known| known.fingerprint != finding.fingerprint) {
        findings.push(finding);
    }
}

fn tell(context: &Context<'_>, index: usize, left: &Leftover) -> Finding {
    let place = stack::of(&left.frames);
    let name = |what: &str| message::one_line(what, message::MESSAGE_LIMIT);
    // A secret is masked before its digits are taken for what chance made.
    let what = context.mask(&left.what);
    let steady = || name(&stable_name::steady(context.subject, &what));
    let started = place.as_ref().map_or_else(String::new, |place| format!(", started at {}", written(place)));
    let (message, detail) = match left.kind {
        LeftoverKind::Thread if left.what.is_empty() => (format!("left a thread running{started}"), "thread"),
        LeftoverKind::Thread => (format!("left the thread `{}` running{started}", steady()), "thread"),
        LeftoverKind::Process if left.what.is_empty() => (format!("left a fork of itself behind{started}"), "process"),
        LeftoverKind::Process => (format!("left the child process `{}` behind{started}", name(&what)), "process"),
        LeftoverKind::Descriptor => (format!("left a descriptor open: {}", steady()), kind_of_descriptor(&left.what)),
        LeftoverKind::File => (format!("left the file `{}` behind", steady()), "file left"),
    };
    finding(context, index, message, place, detail)
}

fn finding(context: &Context<'_>, index: usize, message: String, place: Option<Location>, detail: &str) -> Finding {
    let hook = context.trace.calls[index].hook;
    Finding::draft(Rule::ResourceLeak, message).hook(hook).call(index).at(place).detail(detail).finish()
}

fn written(place: &Location) -> String {
    format!("{}:{}", place.file, place.line)
}

/// What a descriptor points to, without the value in it.
fn kind_of_descriptor(what: &str) -> &'static str {
    match what {
        "socket" => "socket",
        "pipe" => "pipe",
        _ if what.starts_with("memfd:") => "memfd",
        _ if what.starts_with("anon_inode:") => "anonymous",
        _ => "file",
    }
}

/// Files that lie there when the session is over, told at the first call after which they lay there.
fn judge_files(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let calls = &context.trace.calls;
    let Some(last) = calls.last().filter(|_| is_over(context)) else { return };
    let mut told: Vec<(usize, Vec<&str>)> = Vec::new();
    for path in last.files.iter().map(|file| file.path.as_str()) {
        if !PASSING.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let made = calls.iter().position(|seen| seen.files.iter().any(|file| file.path == path));
        let Some(made) = made.filter(|&made| is_judged(context, &calls[made])) else { continue };
        match told.iter_mut().find(|(index, _)| *index == made) {
            Some((_, paths)) => paths.push(path),
            None => told.push((made, vec![path])),
        }
    }
    for (index, paths) in told {
        // Of names that chance made each run has another one first.
        let mut names: Vec<String> =
            paths.iter().map(|path| stable_name::steady(context.subject, &context.mask(path))).collect();
        names.sort();
        let name = message::one_line(&names[0], message::MESSAGE_LIMIT);
        let message = match names.len() - 1 {
            0 => format!("left the file `{name}` behind"),
            1 => format!("left the file `{name}` and one more behind"),
            more => format!("left the file `{name}` and {more} more behind"),
        };
        add(findings, finding(context, index, message, None, "file left"));
    }
}

/// Whether the session came to its end, so that nobody is left to take a file away.
fn is_over(context: &Context<'_>) -> bool {
    let Trace { calls, .. } = context.trace;
    let Some(last) = calls.last() else { return false };
    let is_planned_end = last.call.checked_add(1) == Some(context.session.calls.len());
    !calls.iter().any(|seen| seen.ending.is_aborted())
        && is_planned_end
        && (last.hook == Hook::SessionEnded || !context.subject.has_session_ended)
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

    /// A session of two calls after which these files lie there.
    fn session(first: &[&str], last: &[&str]) -> Played {
        let mut played = Played::returned(HOOK, Observed::None);
        played.last().files = files(first);
        let mut played = played.call(Hook::SessionEnded, Ending::Returned(Observed::None));
        played.last().files = files(last);
        played
    }

    #[test]
    fn a_thread_is_told_with_the_place_that_started_it() {
        let finding = left(LeftoverKind::Thread, "poller", vec![frame("get_password_list", 40)]).only(&store());
        assert_eq!((finding.rule, finding.severity, finding.hook), (Rule::ResourceLeak, Severity::Warning, Some(HOOK)));
        assert_eq!(finding.message, "left the thread `poller` running, started at main.py:40");
        assert_eq!(finding.location.map(|place| place.line), Some(40));
    }

    #[test]
    fn each_kind_has_its_words_and_its_fingerprint() {
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
    fn what_a_call_leaves_that_raised_is_told_and_what_the_platform_cut_off_is_not() {
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
    fn a_file_that_stays_is_told_at_the_call_that_made_it() {
        let finding = session(&["tmp/x"], &["tmp/x"]).only(&store());
        assert_eq!((finding.hook, finding.call), (Some(HOOK), Some(0)));
        assert_eq!(finding.message, "left the file `tmp/x` behind");
        let finding = session(&[], &["home/b.log", "work/a", "work/tmpabcdefgh"]).only(&store());
        assert_eq!(finding.hook, Some(Hook::SessionEnded));
        assert_eq!(finding.message, "left the file `home/b.log` and 2 more behind");
    }

    #[test]
    fn files_that_go_or_may_stay_are_silent() {
        session(&["tmp/x"], &[]).silent(&store());
        session(&["state/x", "ephemeral/y"], &["state/x", "ephemeral/y"]).silent(&store());
        // Nobody was told that the session is over.
        let mut unended = Played::returned(HOOK, Observed::None);
        unended.last().files = files(&["tmp/x"]);
        unended.silent(&store());
        let without_hook = PluginUnderTest { has_session_ended: false, ..store() };
        assert_eq!(unended.only(&without_hook).hook, Some(HOOK));
    }

    #[test]
    fn files_of_a_session_that_broke_or_of_a_call_that_was_cut_off_are_silent() {
        let mut played = session(&["tmp/x"], &["tmp/x"]);
        played.trace.calls[0].ending = Ending::CutOff;
        played.silent(&store());
        let mut broken = session(&["tmp/x"], &["tmp/x"]);
        broken.last().ending = raised("KeyError", "", vec![frame("f", 1)]);
        assert_eq!(broken.only(&store()).rule, Rule::UncaughtException);
    }
}
