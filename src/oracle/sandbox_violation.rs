//! What a plugin tried that its sandbox does not allow: `sandbox-violation`, one finding for each place and kind of
//! attempt, in its calls and while it is loaded. Also says which exceptions the sandbox caused.
//!
//! Allowed on purpose: what a call tried that the platform cut off. An exception caused by the closed network is still
//! an `uncaught-exception`: a network may fail on any day, so a plugin must handle it.
//!
//! A warning, but an error where a user chooses the path.

use super::{
    PluginUnderTest,
    context::{Context, add_new},
    mask, message, stack, typed_path,
};
use crate::{
    case::Call,
    finding::{Draft, Finding, Location, Rule, Severity},
    trace::{Attempt, AttemptKind, CallTrace, Ending, Exception, Frame, LoadEnding, Loading, Origin},
};

/// How many targets of one place a message names.
const NAMED_TARGETS: usize = 3;
/// The types of exceptions that a refused connection raises, without their modules.
const NETWORK_ERRORS: [&str; 8] = [
    "gaierror",
    "herror",
    "timeout",
    "TimeoutError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "ConnectionAbortedError",
];
/// EACCES, EPERM, ENETUNREACH, ECONNREFUSED and EHOSTUNREACH.
const NETWORK_NUMBERS: [i32; 5] = [13, 1, 101, 111, 113];
/// The most characters of a target.
const TARGET_LIMIT: usize = 80;

/// Reports what the calls of a session tried.
pub(super) fn judge(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (index, call) in context.trace.calls.iter().enumerate() {
        if call.attempts.is_empty() || context.is_other(call) || matches!(call.ending, Ending::CutOff) {
            continue;
        }
        for mut group in grouped(&call.attempts) {
            if group.is_told_by(&call.ending) {
                continue;
            }
            let typed = context.session.calls.get(call.call).and_then(|case| group.put_typed_path_first(case));
            let draft = group.draft(&|target| context.mask(target), typed).call(index);
            // The platform runs the constructor for every hook.
            let draft = if group.is_in_constructor() { draft } else { draft.hook(call.hook) };
            add_new(findings, draft.finish());
        }
    }
}

/// Reports what loading tried.
pub(super) fn judge_loading(plugin: &PluginUnderTest, loading: &Loading, findings: &mut Vec<Finding>) {
    let masked = |target: &str| mask::mask(target, &plugin.configuration_secrets);
    let failed = [Some(&loading.import), loading.constructor.as_ref()].into_iter().flatten();
    let failed: Vec<&Exception> = failed
        .filter_map(|ending| if let LoadEnding::Raised(exception) = ending { Some(exception) } else { None })
        .collect();
    for group in grouped(&loading.attempts) {
        if !failed.iter().any(|exception| group.led_to(exception)) {
            findings.push(group.draft(&masked, None).finish());
        }
    }
}

/// Whether a hook raised only because the sandbox refused a file or a process at the same place.
pub(super) fn explains(call: &CallTrace, exception: &Exception) -> bool {
    grouped(&call.attempts).iter().any(|group| group.is_local() && group.led_to(exception))
}

/// The hint for an exception that the sandbox caused: what it refused, and what differs on an appliance.
pub(super) fn hint(attempts: &[Attempt], exception: &Exception, mask: &dyn Fn(&str) -> String) -> Option<String> {
    let groups = grouped(attempts);
    let group = groups.iter().find(|group| group.led_to(exception))?;
    let shown = message::one_line(&mask(group.targets.first()?), TARGET_LIMIT);
    Some(match group.kind {
        AttemptKind::Connect | AttemptKind::Resolve => {
            let option = group.hint(&shown).map_or_else(String::new, |option| format!("; {option}"));
            format!(
                "`{shown}` was not reached, because the sandbox has no network. Catch the exception around the \
                 request: a backend can be out of reach on any day{option}"
            )
        }
        AttemptKind::Write if shown.starts_with("/tmp/") => format!(
            "the sandbox refused to write to `{shown}`; on an appliance a plugin may write to `/tmp`, so this can work \
             there. `tempfile.gettempdir()` names a folder that can be written to in both"
        ),
        AttemptKind::Write => format!(
            "the sandbox refused to write to `{shown}`, because a test changes nothing outside of the plugin's \
             folders. On an appliance these are `/tmp` and the folders that `SCB_PLUGIN_STATE_DIRECTORY` and \
             `EPHEMERAL_PLUGIN_STATE_DIRECTORY` name; whether the plugin may write to another one there, hookstorm \
             cannot know"
        ),
        AttemptKind::Read => format!(
            "the sandbox refused to read `{shown}`; if an appliance has it and lets plugins read it, add `--allow-read \
             {shown}`"
        ),
        AttemptKind::Listen => format!("the sandbox does not let a plugin listen at `{shown}`"),
        AttemptKind::Signal => {
            format!("the sandbox refused to send a signal to {shown}, which is not the plugin's own")
        }
        AttemptKind::Start => "the sandbox refused to start more processes than a call may".to_owned(),
    })
}

/// The host of `vault.example.com:443` or of `[::1]:22`.
fn host_of(target: &str) -> &str {
    let host = match target.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => target,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_same_function(one: &Option<Location>, other: &Option<Location>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (&one.file, &one.function) == (&other.file, &other.function),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Attempts of one kind in one function.
struct AttemptGroup<'a> {
    kind: AttemptKind,
    place: Option<Location>,
    frames: &'a [Frame],
    /// Each once.
    targets: Vec<&'a str>,
}

fn grouped(attempts: &[Attempt]) -> Vec<AttemptGroup<'_>> {
    let mut groups: Vec<AttemptGroup<'_>> = Vec::new();
    for attempt in attempts {
        let (kind, place, target) = (attempt.kind, stack::location_of(&attempt.frames), attempt.target.as_str());
        match groups.iter_mut().find(|group| group.kind == kind && is_same_function(&group.place, &place)) {
            Some(group) if group.targets.contains(&target) => {}
            Some(group) => group.targets.push(target),
            None => groups.push(AttemptGroup { kind, place, frames: &attempt.frames, targets: vec![target] }),
        }
    }
    groups
}

impl AttemptGroup<'_> {
    /// Whether it concerns the machine, not the network.
    const fn is_local(&self) -> bool {
        matches!(self.kind, AttemptKind::Write | AttemptKind::Read | AttemptKind::Signal | AttemptKind::Start)
    }

    /// Whether the finding of a call that ended so tells of it.
    fn is_told_by(&self, ending: &Ending) -> bool {
        match ending {
            Ending::Raised(exception) => exception.in_constructor && self.led_to(exception),
            _ => false,
        }
    }

    /// Whether `exception` was raised in the same function because the sandbox refused this.
    fn led_to(&self, exception: &Exception) -> bool {
        let place = stack::location_of(&exception.frames);
        if place.is_none() || !is_same_function(&self.place, &place) {
            return false;
        }
        let errors = || {
            let first = (exception.type_name.as_str(), exception.message.as_str(), exception.errno);
            let causes = exception.causes.iter().map(|one| (one.type_name.as_str(), one.message.as_str(), one.errno));
            std::iter::once(first).chain(causes)
        };
        let is_any =
            |of: &dyn Fn(&str, &str, Option<i32>) -> bool| errors().any(|(name, text, errno)| of(name, text, errno));
        match self.kind {
            AttemptKind::Connect | AttemptKind::Resolve | AttemptKind::Listen => is_any(&|name, text, errno| {
                let name = name.rsplit('.').next().unwrap_or(name);
                NETWORK_ERRORS.contains(&name)
                    || errno.is_some_and(|errno| NETWORK_NUMBERS.contains(&errno))
                    || self.targets.iter().any(|target| text.contains(host_of(target)))
            }),
            AttemptKind::Start => {
                is_any(&|_, text, errno| errno == Some(11) || text.contains("can't start new thread"))
            }
            AttemptKind::Write | AttemptKind::Read | AttemptKind::Signal => is_any(&|name, text, errno| {
                matches!(name, "PermissionError" | "sqlite3.OperationalError")
                    || matches!(errno, Some(1 | 13 | 30))
                    || text.starts_with("[Errno 13]")
                    || text.starts_with("[Errno 1]")
            }),
        }
    }

    /// Whether `Plugin(configuration)` tried it, or a module that a call imports.
    fn is_in_constructor(&self) -> bool {
        let outermost = self.frames.iter().rev().find(|frame| frame.origin == Origin::Plugin);
        outermost.is_some_and(|frame| matches!(frame.function.as_str(), "__init__" | "<module>"))
    }

    /// If a path is built from an argument of the call, returns the argument, and names that path first.
    fn put_typed_path_first(&mut self, call: &Call) -> Option<&'static str> {
        if !matches!(self.kind, AttemptKind::Write | AttemptKind::Read) {
            return None;
        }
        let mut targets = self.targets.iter().enumerate();
        let (at, argument) = targets.find_map(|(at, target)| Some((at, typed_path::argument(call, target)?)))?;
        self.targets.swap(0, at);
        Some(argument)
    }

    /// `typed` is the argument from which the first path is built.
    fn draft(&self, masked: &dyn Fn(&str) -> String, typed: Option<&'static str>) -> Draft {
        let shown: Vec<String> = self
            .targets
            .iter()
            .take(NAMED_TARGETS)
            .map(|target| message::one_line(&masked(target), TARGET_LIMIT))
            .collect();
        let draft = |message| Finding::draft(Rule::SandboxViolation, message).at(self.place.clone()).detail(self.id());
        match typed {
            Some(argument) => draft(format!("{}; the path is built from `{argument}`", self.message(&shown)))
                .severity(Severity::Error)
                .hint(Some(format!("refuse `/` and `..` in `{argument}` before it becomes part of a path"))),
            None => draft(self.message(&shown)).hint(self.hint(shown.first().map_or("", String::as_str))),
        }
    }

    fn message(&self, shown: &[String]) -> String {
        // The name of a process is our own, so it is not quoted.
        let quoted: Vec<String> = match self.kind {
            AttemptKind::Signal | AttemptKind::Start => shown.to_vec(),
            _ => shown.iter().map(|target| format!("`{target}`")).collect(),
        };
        let more = match self.targets.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let targets = format!("{}{more}", quoted.join(", "));
        match self.kind {
            AttemptKind::Connect => format!("tried to connect to {targets}, which the sandbox does not allow"),
            AttemptKind::Resolve if shown.iter().all(|target| is_address(target)) => {
                format!("tried to look up the name of {targets}, which the sandbox does not allow")
            }
            AttemptKind::Resolve => format!("tried to resolve {targets}, which the sandbox does not allow"),
            AttemptKind::Listen => format!("tried to listen at {targets}, which the sandbox does not allow"),
            AttemptKind::Write => {
                format!("tried to write to {targets}, outside of its own folders; the sandbox refused it")
            }
            AttemptKind::Read => format!("tried to read {targets}, which the sandbox does not allow"),
            AttemptKind::Signal => {
                format!("tried to send a signal to {targets}, not its own; the sandbox refused it")
            }
            AttemptKind::Start => "tried to start more processes than a call may; the sandbox refused it".to_owned(),
        }
    }

    /// For fingerprints.
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
            // A Unix socket has no port, so no option opens it alone.
            AttemptKind::Connect if target.starts_with(['/', '<', '@']) => {
                Some("`--allow-network all` opens the sockets of the machine, and the whole network".to_owned())
            }
            AttemptKind::Connect => {
                Some(format!("if a test backend listens there, add `--allow-network {target}`"))
            }
            // Name servers are open for destinations with a name only.
            AttemptKind::Resolve if is_address(target) => Some(
                "if a test backend has that address, allow it by its name: add `--allow-network NAME:PORT`".to_owned(),
            ),
            AttemptKind::Resolve => {
                let has_port = target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let port = if has_port { "" } else { ":PORT" };
                Some(format!("if a test backend has that name, add `--allow-network {target}{port}`"))
            }
            AttemptKind::Read => Some(format!("if the plugin needs it, add `--allow-read {target}`")),
            AttemptKind::Write => Some(
                "write below `SCB_PLUGIN_STATE_DIRECTORY` or `EPHEMERAL_PLUGIN_STATE_DIRECTORY`, or to a temporary file"
                    .to_owned(),
            ),
            AttemptKind::Listen | AttemptKind::Signal | AttemptKind::Start => None,
        }
    }
}

/// Whether what was looked up is an address, whose name was wanted.
fn is_address(target: &str) -> bool {
    target.parse::<std::net::IpAddr>().is_ok()
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
        assert_eq!(finding.message, "tried to connect to `10.0.0.1:443`, which the sandbox does not allow");
        assert!(finding.hint.unwrap().ends_with("`--allow-network 10.0.0.1:443`"));
        assert_eq!(finding.location.map(|place| (place.function, place.line)), Some(("ask".into(), 7)));
    }

    #[test]
    fn a_hint_is_an_option_that_can_be_typed() {
        let hint = |kind, target| tried(vec![attempt(kind, target, vec![frame("f", 7)])]).only(&store()).hint;
        for socket in ["/run/agent.sock", "@agent", "<package>/agent.sock"] {
            let hint = hint(AttemptKind::Connect, socket).unwrap();
            assert!(hint.starts_with("`--allow-network all`") && !hint.contains(socket), "{hint}");
        }
        assert!(hint(AttemptKind::Resolve, "vault").unwrap().ends_with("`--allow-network vault:PORT`"));
        assert!(hint(AttemptKind::Resolve, "10.0.0.1").unwrap().ends_with("`--allow-network NAME:PORT`"));
        assert!(hint(AttemptKind::Read, "/k").unwrap().ends_with("`--allow-read /k`"));
        // No option allows these.
        assert_eq!([AttemptKind::Signal, AttemptKind::Start].map(|kind| hint(kind, "process 1")), [None, None]);
    }

    #[test]
    fn every_kind_says_what_was_tried_and_that_the_sandbox_refused_it() {
        let cases = [
            (AttemptKind::Resolve, "vault:443", "tried to resolve `vault:443`, which the sandbox does not allow"),
            (
                AttemptKind::Resolve,
                "10.0.0.1",
                "tried to look up the name of `10.0.0.1`, which the sandbox does not allow",
            ),
            (AttemptKind::Listen, "0.0.0.0:80", "tried to listen at `0.0.0.0:80`, which the sandbox does not allow"),
            (
                AttemptKind::Write,
                "/etc/x",
                "tried to write to `/etc/x`, outside of its own folders; the sandbox refused it",
            ),
            (AttemptKind::Read, "/k", "tried to read `/k`, which the sandbox does not allow"),
            (
                AttemptKind::Signal,
                "process 1",
                "tried to send a signal to process 1, not its own; the sandbox refused it",
            ),
            (AttemptKind::Start, "", "tried to start more processes than a call may; the sandbox refused it"),
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
            "tried to connect to `10.0.0.1:22`, `10.0.0.2:22`, `10.0.0.3:22` and 2 more, which the sandbox does not \
             allow"
        );
        attempts.push(attempt(AttemptKind::Resolve, "vault", vec![frame("f", 1)]));
        attempts.push(attempt(AttemptKind::Connect, "10.0.0.1:22", vec![frame("g", 1)]));
        assert_eq!(tried(attempts.clone()).judge(&store()).len(), 3);
        // The next call of that hook shows nothing new.
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
    fn a_secret_in_a_target_is_masked() {
        let attempts = vec![attempt(AttemptKind::Write, "/var/lib/Tr0ub4dor&3.lock", vec![frame("f", 1)])];
        let finding = tried(attempts).with(Argument::GatewayPassword, "Tr0ub4dor&3").only(&store());
        assert!(finding.message.contains("`/var/lib/***.lock`"), "{}", finding.message);
    }

    #[test]
    fn calls_that_are_cut_off_or_of_the_other_plugin_are_not_judged() {
        let attempts = vec![attempt(AttemptKind::Connect, "10.0.0.1:443", vec![frame("f", 1)])];
        let mut cut = Played::new().call(HOOK, Ending::CutOff);
        cut.last().attempts.clone_from(&attempts);
        cut.silent(&store());
        let mut other = tried(attempts);
        other.session.calls[0].other = true;
        other.silent(&store());
    }

    #[test]
    fn an_exception_that_the_sandbox_caused_is_not_reported_as_well() {
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
