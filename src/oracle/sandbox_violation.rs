//! What a plugin tried that its sandbox does not allow: `sandbox-violation`, one finding for each place and kind of attempt,
//! both while it is loaded and in its calls. Also tells the other oracles which exceptions are the sandbox's own making.
//!
//! Lets pass on purpose: what a call tried that the platform cut off, and an exception of the network's, which may fail on
//! any day: a plugin must live with that.

use super::{Context, PluginUnderTest, mask, message, stack};
use crate::{
    finding::{Draft, Finding, Location, Rule},
    trace::{Attempt, AttemptKind, CallTrace, Ending, Exception, Frame, Loading, Origin},
};

/// How many targets of one place are named.
const NAMED: usize = 3;
/// The most characters of a target.
const TARGET_LIMIT: usize = 80;

/// What the calls of a session tried.
pub(super) fn judge(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut told = Vec::new();
    for (index, seen) in context.trace.calls.iter().enumerate() {
        if seen.attempts.is_empty() || context.is_other(seen) || matches!(seen.ending, Ending::CutOff) {
            continue;
        }
        for tried in gathered(&seen.attempts) {
            let draft = tried.draft(&|target| context.mask(target)).call(index);
            // What the constructor tries it tries for every hook.
            let finding = if tried.in_constructor() { draft } else { draft.hook(seen.hook) }.finish();
            if !told.contains(&finding.fingerprint) {
                told.push(finding.fingerprint.clone());
                findings.push(finding);
            }
        }
    }
}

/// What loading tried.
pub(super) fn judge_loading(subject: &PluginUnderTest, loading: &Loading, findings: &mut Vec<Finding>) {
    let masked = |target: &str| mask::mask(target, &subject.configuration_secrets);
    findings.extend(gathered(&loading.attempts).iter().map(|tried| tried.draft(&masked).finish()));
}

/// Whether a hook raised only because the sandbox refused a file or a process at that very place.
pub(super) fn made(seen: &CallTrace, exception: &Exception) -> bool {
    let is_refusal = match exception.type_name.as_str() {
        "PermissionError" | "sqlite3.OperationalError" => true,
        "OSError" => ["[Errno 1]", "[Errno 13]"].iter().any(|number| exception.message.starts_with(number)),
        _ => false,
    };
    let is_refused =
        |attempt: &&Attempt| matches!(attempt.kind, AttemptKind::Write | AttemptKind::Read | AttemptKind::Signal);
    is_refusal && at(seen.attempts.iter().filter(is_refused), &exception.frames)
}

/// What to do about an exception where the sandbox refused something at that very place.
pub(super) fn hint(attempts: &[Attempt], exception: &Exception) -> Option<String> {
    at(attempts.iter(), &exception.frames)
        .then(|| "the sandbox refused what was tried there: see `sandbox-violation`".to_owned())
}

/// Whether one of `attempts` was made where a stack leads to.
fn at<'a>(mut attempts: impl Iterator<Item = &'a Attempt>, frames: &[Frame]) -> bool {
    let function = |frames: &[Frame]| stack::of(frames).map(|place| (place.file, place.function));
    let there = function(frames);
    there.is_some() && attempts.any(|attempt| function(&attempt.frames) == there)
}

/// Attempts of one kind at one place.
struct Tried<'a> {
    kind: AttemptKind,
    place: Option<Location>,
    frames: &'a [Frame],
    /// Each once.
    targets: Vec<&'a str>,
}

fn gathered(attempts: &[Attempt]) -> Vec<Tried<'_>> {
    let mut all: Vec<Tried<'_>> = Vec::new();
    let function = |place: &Option<Location>| place.as_ref().map(|place| (place.file.clone(), place.function.clone()));
    for attempt in attempts {
        let place = stack::of(&attempt.frames);
        let same =
            all.iter_mut().find(|tried| tried.kind == attempt.kind && function(&tried.place) == function(&place));
        match same {
            Some(tried) if tried.targets.contains(&attempt.target.as_str()) => {}
            Some(tried) => tried.targets.push(&attempt.target),
            None => {
                let targets = vec![attempt.target.as_str()];
                all.push(Tried { kind: attempt.kind, place, frames: &attempt.frames, targets });
            }
        }
    }
    all
}

impl Tried<'_> {
    /// Whether it was tried on behalf of `Plugin(configuration)`, or by a module that a call imports.
    fn in_constructor(&self) -> bool {
        let outermost = self.frames.iter().rev().find(|frame| frame.origin == Origin::Plugin);
        outermost.is_some_and(|frame| matches!(frame.function.as_str(), "__init__" | "<module>"))
    }

    fn draft(&self, masked: &dyn Fn(&str) -> String) -> Draft {
        let shown: Vec<String> =
            self.targets.iter().take(NAMED).map(|target| message::one_line(&masked(target), TARGET_LIMIT)).collect();
        let what = self.message(&shown);
        Finding::draft(Rule::SandboxViolation, what)
            .at(self.place.clone())
            .detail(self.id())
            .hint(self.hint(shown.first().map_or("", String::as_str)))
    }

    fn message(&self, shown: &[String]) -> String {
        // A name of ours for a process is no quotation.
        let quoted: Vec<String> = match self.kind {
            AttemptKind::Signal | AttemptKind::Start => shown.to_vec(),
            _ => shown.iter().map(|target| format!("`{target}`")).collect(),
        };
        let more = match self.targets.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let targets = format!("{}{more}", quoted.join(", "));
        let one = self.targets.len() == 1;
        let (is, lies, does) = if one { ("is", "lies", "does") } else { ("are", "lie", "do") };
        match self.kind {
            AttemptKind::Connect => format!("tried to connect to {targets}, which {is} closed in tests"),
            AttemptKind::Resolve => format!("tried to resolve {targets}, which {does} not resolve in tests"),
            AttemptKind::Listen => format!("tried to listen at {targets}, which {is} closed in tests"),
            AttemptKind::Write => {
                format!("tried to write to {targets}, which {lies} outside of its folders, and was refused")
            }
            AttemptKind::Read => format!("tried to read {targets}, which {is} out of its reach, and was refused"),
            AttemptKind::Signal => {
                format!("tried to send a signal to {targets}, which {is} not its own, and was refused")
            }
            AttemptKind::Start => "tried to start more processes than a call may, and was refused".to_owned(),
        }
    }

    const fn id(&self) -> &'static str {
        match self.kind {
            AttemptKind::Connect => "connect",
            AttemptKind::Resolve => "resolve",
            AttemptKind::Listen => "listen",
            AttemptKind::Write => "write",
            AttemptKind::Read => "read",
            AttemptKind::Signal => "signal",
            AttemptKind::Start => "start",
        }
    }

    fn hint(&self, target: &str) -> Option<String> {
        match self.kind {
            // A Unix socket has no port that could be opened by itself.
            AttemptKind::Connect if target.starts_with(['/', '<', '@']) => {
                Some("`--allow-network all` opens sockets of the machine, with everything else".to_owned())
            }
            AttemptKind::Connect => {
                Some(format!("if a backend for tests listens there, open it with `--allow-network {target}`"))
            }
            AttemptKind::Resolve => {
                let is_whole = target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let port = if is_whole { "" } else { ":PORT" };
                Some(format!("if a backend for tests has that name, open it with `--allow-network {target}{port}`"))
            }
            AttemptKind::Read => Some(format!("if the plugin needs it, open it with `--allow-read {target}`")),
            AttemptKind::Write => Some(
                "write below `SCB_PLUGIN_STATE_DIRECTORY` or `EPHEMERAL_PLUGIN_STATE_DIRECTORY`, or to a temporary file"
                    .to_owned(),
            ),
            AttemptKind::Listen | AttemptKind::Signal | AttemptKind::Start => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Argument, Hook},
        finding::Severity,
        oracle::testing::{Played, frame, raised, sdk_frame, store},
        trace::Observed,
    };

    const HOOK: Hook = Hook::GetPasswordList;

    fn attempt(kind: AttemptKind, target: &str, frames: Vec<Frame>) -> Attempt {
        Attempt { kind, target: target.into(), frames }
    }

    fn tried(attempts: Vec<Attempt>) -> Played {
        let mut played = Played::returned(HOOK, Observed::None);
        played.last().attempts = attempts;
        played
    }

    fn said(kind: AttemptKind, target: &str) -> String {
        tried(vec![attempt(kind, target, vec![frame("f", 7)])]).only(&store()).message
    }

    #[test]
    fn an_attempt_is_a_warning_at_the_plugins_own_line() {
        let frames = vec![sdk_frame("post"), frame("ask", 7), frame("get_password_list", 3)];
        let finding = tried(vec![attempt(AttemptKind::Connect, "10.0.0.1:443", frames)]).only(&store());
        assert_eq!((finding.rule, finding.severity), (Rule::SandboxViolation, Severity::Warning));
        assert_eq!((finding.hook, finding.call), (Some(HOOK), Some(0)));
        assert_eq!(finding.message, "tried to connect to `10.0.0.1:443`, which is closed in tests");
        assert!(finding.hint.unwrap().ends_with("`--allow-network 10.0.0.1:443`"));
        assert_eq!(finding.location.map(|place| (place.function, place.line)), Some(("ask".into(), 7)));
    }

    #[test]
    fn a_remedy_is_one_that_can_be_typed() {
        let hint = |kind, target| tried(vec![attempt(kind, target, vec![frame("f", 7)])]).only(&store()).hint;
        for socket in ["/run/agent.sock", "@agent", "<package>/agent.sock"] {
            let hint = hint(AttemptKind::Connect, socket).unwrap();
            assert!(hint.starts_with("`--allow-network all`") && !hint.contains(socket), "{hint}");
        }
        assert!(hint(AttemptKind::Resolve, "vault").unwrap().ends_with("`--allow-network vault:PORT`"));
        assert!(hint(AttemptKind::Read, "/k").unwrap().ends_with("`--allow-read /k`"));
        // Nothing opens these.
        assert_eq!([AttemptKind::Signal, AttemptKind::Start].map(|kind| hint(kind, "process 1")), [None, None]);
    }

    #[test]
    fn every_kind_says_what_was_tried_on_what_and_that_it_was_refused() {
        let cases = [
            (AttemptKind::Resolve, "vault:443", "tried to resolve `vault:443`, which does not resolve in tests"),
            (AttemptKind::Listen, "0.0.0.0:80", "tried to listen at `0.0.0.0:80`, which is closed in tests"),
            (
                AttemptKind::Write,
                "/etc/x",
                "tried to write to `/etc/x`, which lies outside of its folders, and was refused",
            ),
            (AttemptKind::Read, "/k", "tried to read `/k`, which is out of its reach, and was refused"),
            (
                AttemptKind::Signal,
                "process 1",
                "tried to send a signal to process 1, which is not its own, and was refused",
            ),
            (AttemptKind::Start, "", "tried to start more processes than a call may, and was refused"),
        ];
        for (kind, target, message) in cases {
            assert_eq!(said(kind, target), message);
        }
    }

    #[test]
    fn a_place_that_tries_much_is_one_finding_of_each_kind() {
        let mut attempts: Vec<Attempt> = (1..=5)
            .map(|number| attempt(AttemptKind::Connect, &format!("10.0.0.{number}:22"), vec![frame("f", number)]))
            .collect();
        attempts.push(attempts[0].clone());
        let finding = tried(attempts.clone()).only(&store());
        assert_eq!(
            finding.message,
            "tried to connect to `10.0.0.1:22`, `10.0.0.2:22`, `10.0.0.3:22` and 2 more, which are closed in tests"
        );
        attempts.push(attempt(AttemptKind::Resolve, "vault", vec![frame("f", 1)]));
        attempts.push(attempt(AttemptKind::Connect, "10.0.0.1:22", vec![frame("g", 1)]));
        assert_eq!(tried(attempts.clone()).judge(&store()).len(), 3);
        // The next call of that hook tells nothing new.
        let mut twice = tried(attempts.clone()).call(HOOK, Ending::Returned(Observed::None));
        twice.last().attempts = attempts;
        assert_eq!(twice.judge(&store()).len(), 3);
    }

    #[test]
    fn what_the_constructor_tries_is_one_finding_for_all_hooks_and_for_loading() {
        let attempts = vec![attempt(AttemptKind::Resolve, "vault", vec![frame("login", 9), frame("__init__", 3)])];
        let of = |hook| {
            let mut played = Played::returned(hook, Observed::None);
            played.last().attempts = attempts.clone();
            played.only(&store())
        };
        let finding = of(HOOK);
        assert_eq!(finding.hook, None);
        assert_eq!(finding.fingerprint, of(Hook::AuthenticationCompleted).fingerprint);
    }

    #[test]
    fn a_secret_that_became_part_of_a_target_is_not_told() {
        let attempts = vec![attempt(AttemptKind::Write, "/var/lib/Tr0ub4dor&3.lock", vec![frame("f", 1)])];
        let finding = tried(attempts).with(Argument::GatewayPassword, "Tr0ub4dor&3").only(&store());
        assert!(finding.message.contains("`/var/lib/***.lock`"), "{}", finding.message);
    }

    #[test]
    fn what_is_cut_off_or_anothers_is_not_judged() {
        let attempts = vec![attempt(AttemptKind::Connect, "10.0.0.1:443", vec![frame("f", 1)])];
        let mut cut = Played::new().call(HOOK, Ending::CutOff);
        cut.last().attempts.clone_from(&attempts);
        cut.silent(&store());
        let mut other = tried(attempts);
        other.session.calls[0].other = true;
        other.silent(&store());
    }

    #[test]
    fn an_exception_of_the_sandboxs_making_is_not_told_on_top() {
        let frames = || vec![frame("save", 4), frame("get_password_list", 2)];
        let played = |type_name: &str, message: &str, kind, at: Vec<Frame>| {
            let mut played = Played::new().call(HOOK, raised(type_name, message, frames()));
            played.last().attempts = vec![attempt(kind, "/etc/x", at)];
            played.judge(&store()).iter().map(|finding| finding.rule).collect::<Vec<_>>()
        };
        let denied = "[Errno 13] Permission denied: '/etc/x'";
        let only = [Rule::SandboxViolation];
        assert_eq!(played("PermissionError", denied, AttemptKind::Write, frames()), only);
        assert_eq!(played("OSError", denied, AttemptKind::Signal, frames()), only);
        let both = [Rule::UncaughtException, Rule::SandboxViolation];
        // The network may fail on any day; another place and another error are the plugin's own.
        assert_eq!(played("PermissionError", denied, AttemptKind::Connect, frames()), both);
        assert_eq!(played("PermissionError", denied, AttemptKind::Write, vec![frame("load", 4)]), both);
        assert_eq!(played("KeyError", "'x'", AttemptKind::Write, frames()), both);
    }
}
