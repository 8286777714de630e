//! What loading a plugin showed: `import-failed`, `plugin-class-missing`, `constructor-failed`, `hook-missing`,
//! `hook-argument-unknown`, and `sandbox-violation` of what was tried meanwhile.
//!
//! Lets pass on purpose: optional hooks that are absent or were set to None; parameters with a default, whatever their
//! name; and what hooks inherited from a newer SDK demand, which is one note ([`sdk_mismatch`]) and no finding.

use super::{PluginUnderTest, ending, mask, message, sandbox_violation, stack};
use crate::{
    contract::{Api, Argument, Hook, HookSpec, Platform, PluginType, nearest_word},
    finding::{Finding, Rule},
    trace::{HookSignature, LoadEnding, Loading, Origin, Parameter},
};

/// What loading showed.
pub fn judge_loading(subject: &PluginUnderTest, loading: &Loading) -> Vec<Finding> {
    let mut findings = Vec::new();
    sandbox_violation::judge_loading(subject, loading, &mut findings);
    if let Some(finding) = ending(subject, Rule::ImportFailed, "importing the module", loading, &loading.import) {
        findings.push(finding);
        return findings;
    }
    if !loading.has_class {
        let message = "the module has no class `Plugin`";
        findings.push(Finding::draft(Rule::PluginClassMissing, message).finish());
        return findings;
    }
    if let Some(constructor) = &loading.constructor {
        findings.extend(ending(subject, Rule::ConstructorFailed, "`Plugin(configuration)`", loading, constructor));
    }
    for spec in HookSpec::on(subject.plugin_type, subject.platform) {
        match loading.hooks.iter().find(|seen| seen.hook == spec.hook) {
            Some(seen) if seen.callable => arguments(subject, spec, seen, &mut findings),
            seen => findings.extend(spec.demanded.then(|| missing(spec.hook, seen.is_some()))),
        }
    }
    findings
}

/// How a step of loading failed, if it did.
fn ending(
    subject: &PluginUnderTest,
    rule: Rule,
    step: &str,
    loading: &Loading,
    ending: &LoadEnding,
) -> Option<Finding> {
    let (draft, frames) = match ending {
        LoadEnding::Done => return None,
        LoadEnding::Raised(exception) => {
            let masked = mask::mask(&exception.message, &subject.configuration_secrets);
            let draft = Finding::draft(rule, ending::message(&masked, exception))
                .exception(&exception.type_name)
                .at(ending::place_of(exception))
                .hint(
                    sandbox_violation::hint(&loading.attempts, exception).or_else(|| hint(rule, &exception.type_name)),
                );
            return Some(draft.finish());
        }
        LoadEnding::Exited { status, frames } => {
            (Finding::draft(rule, format!("{step} ended the process with status {status}")), frames)
        }
        LoadEnding::Signalled { signal, frames } => {
            let name = ending::signal_name(*signal).map(|name| format!(" ({name})")).unwrap_or_default();
            (Finding::draft(rule, format!("the process died of signal {signal}{name} while {step}")), frames)
        }
        LoadEnding::Corrupted => {
            return Some(Finding::draft(rule, format!("{step}: {}", ending::CORRUPTED)).finish());
        }
        LoadEnding::TimedOut { limit_seconds, frames } => {
            (Finding::draft(rule, format!("{step} took longer than {limit_seconds} s")), frames)
        }
    };
    Some(draft.at(stack::of(frames)).finish())
}

fn hint(rule: Rule, exception: &str) -> Option<String> {
    match (rule, exception) {
        (Rule::ImportFailed, "ModuleNotFoundError") => Some(
            "put the package into the archive, or name the virtual environment that has it with `--venv`".to_owned(),
        ),
        (Rule::ConstructorFailed, _) => {
            Some("if the plugin cannot do without configuration, give it with `--config FILE`".to_owned())
        }
        _ => None,
    }
}

fn missing(hook: Hook, is_there: bool) -> Finding {
    let what = if is_there { "cannot be called" } else { "is missing" };
    Finding::draft(Rule::HookMissing, format!("`{hook}` {what}, and the platform demands it")).hook(hook).finish()
}

/// What a hook demands and the platform does not give.
fn arguments(subject: &PluginUnderTest, spec: &HookSpec, seen: &HookSignature, findings: &mut Vec<Finding>) {
    for parameter in seen.parameters.iter().filter(|parameter| parameter.required) {
        let what = match status(spec, subject.platform, parameter) {
            Status::Passed => continue,
            Status::Later(_) if subject.sdk_mismatch && !is_own(seen) => continue,
            Status::PositionalOnly => "cannot be passed by name, and the platform passes nothing else".to_owned(),
            Status::Later(since) => {
                format!("is passed since {} and not on platform {}", message::level(since), subject.platform)
            }
            Status::Never => match near(spec, subject.platform, seen, parameter) {
                Some(near) => format!("is never passed; the nearest argument is `{near}`"),
                None => "is never passed".to_owned(),
            },
        };
        let name = message::one_line(&parameter.name, message::VALUE_LIMIT);
        let draft = Finding::draft(Rule::HookArgumentUnknown, format!("required parameter `{name}` {what}"));
        findings.push(
            draft.hook(seen.hook).at(seen.frame.as_ref().map(stack::location)).detail(parameter.name.as_str()).finish(),
        );
    }
}

/// Whether and when a parameter gets a value.
enum Status {
    Passed,
    PositionalOnly,
    Later(Api),
    Never,
}

fn status(spec: &HookSpec, platform: &Platform, parameter: &Parameter) -> Status {
    match Argument::named(&parameter.name).and_then(|argument| spec.argument_since(argument)) {
        Some(since) if since > platform.api => Status::Later(since),
        Some(_) if parameter.positional_only => Status::PositionalOnly,
        Some(_) => Status::Passed,
        None => Status::Never,
    }
}

/// The argument that was most likely meant: one that the platform passes and the hook does not take already.
fn near(spec: &HookSpec, platform: &Platform, seen: &HookSignature, parameter: &Parameter) -> Option<&'static str> {
    let is_taken = |name: &str| seen.parameters.iter().any(|other| other.name == name);
    let free = spec.arguments(platform).map(Argument::name).filter(|name| !is_taken(name));
    nearest_word(&parameter.name, free)
}

/// Whether a hook is defined in the plugin's own files.
fn is_own(seen: &HookSignature) -> bool {
    seen.frame.as_ref().is_some_and(|frame| frame.origin == Origin::Plugin)
}

/// Hooks that the platform calls and that cannot be entered with what it passes.
pub(super) fn uncallable(plugin_type: PluginType, platform: &Platform, loading: &Loading) -> Vec<Hook> {
    HookSpec::on(plugin_type, platform)
        .filter_map(|spec| {
            let seen = loading.hooks.iter().find(|seen| seen.hook == spec.hook)?;
            let lacks = |parameter: &Parameter| {
                parameter.required && !matches!(status(spec, platform, parameter), Status::Passed)
            };
            seen.parameters.iter().any(lacks).then_some(seen.hook)
        })
        .collect()
}

/// The arguments that inherited hooks demand and that a later platform brought.
fn demanded_later(plugin_type: PluginType, platform: &Platform, loading: &Loading) -> Vec<&'static str> {
    let mut names = Vec::new();
    for spec in HookSpec::on(plugin_type, platform) {
        let inherited = loading.hooks.iter().filter(|seen| seen.hook == spec.hook && !is_own(seen));
        for parameter in inherited.flat_map(|seen| &seen.parameters).filter(|parameter| parameter.required) {
            if let (Status::Later(_), Some(argument)) =
                (status(spec, platform, parameter), Argument::named(&parameter.name))
                && !names.contains(&argument.name())
            {
                names.push(argument.name());
            }
        }
    }
    names
}

/// The API level of an SDK's version, `1.9.1`.
fn sdk_api(loading: &Loading) -> Option<Api> {
    let mut parts = loading.sdk_version.as_deref()?.split('.');
    Some(Api::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn is_sdk_newer(plugin_type: PluginType, platform: &Platform, loading: &Loading) -> bool {
    sdk_api(loading).is_some_and(|api| api > platform.api) && !demanded_later(plugin_type, platform, loading).is_empty()
}

/// A note where the installed SDK is newer than the platform, so that hooks inherited from it demand what the platform
/// does not pass yet. An appliance brings the SDK of its own version, so no plugin is to blame.
pub fn sdk_mismatch(subject: &PluginUnderTest, loading: &Loading) -> Option<String> {
    if !is_sdk_newer(subject.plugin_type, subject.platform, loading) {
        return None;
    }
    let names = demanded_later(subject.plugin_type, subject.platform, loading);
    Some(format!(
        "the installed Plugin SDK {} demands `{}`, which platform {} does not pass: an appliance brings the SDK of its own \
         version. Choose `--platform` {}, or install SDK {} into the virtual environment",
        message::one_line(loading.sdk_version.as_deref().unwrap_or_default(), message::VALUE_LIMIT),
        names.join("`, `"),
        subject.platform,
        sdk_api(loading).and_then(Platform::first_with).unwrap_or(Platform::newest()),
        subject.platform.api,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Severity,
        oracle::testing::{aa, exception, frame, sdk_frame, store},
        trace::{Attempt, AttemptKind, Exception, Frame},
    };

    const HOOKS: [Hook; 4] =
        [Hook::GetPasswordList, Hook::GetPrivateKeyList, Hook::AuthenticationCompleted, Hook::SessionEnded];

    fn hook(hook: Hook, parameters: &[&str], frame: Frame) -> HookSignature {
        let parameters = parameters
            .iter()
            .map(|name| Parameter { name: (*name).into(), required: true, positional_only: false })
            .collect();
        HookSignature { hook, callable: true, parameters, takes_kwargs: false, frame: Some(frame) }
    }

    fn loaded() -> Loading {
        Loading {
            python: "3.11.7".into(),
            import: LoadEnding::Done,
            output: String::new(),
            attempts: Vec::new(),
            has_class: true,
            constructor: Some(LoadEnding::Done),
            hooks: HOOKS.map(|name| hook(name, &["session_id"], frame(name.name(), 9))).into(),
            tokens: crate::trace::PluginTokens::default(),
            files: Vec::new(),
            sdk_version: None,
        }
    }

    #[track_caller]
    fn only(subject: &PluginUnderTest, loading: &Loading) -> Finding {
        let mut findings = judge_loading(subject, loading);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }

    fn on(platform: &str, loading: &Loading) -> PluginUnderTest {
        let platform = Platform::named(platform).unwrap();
        PluginUnderTest::new(PluginType::CredentialStore, platform, "", Vec::new(), false, Some(loading))
    }

    #[test]
    fn a_plugin_that_loads_is_silent() {
        let mut loading = loaded();
        assert_eq!(judge_loading(&store(), &loading), Vec::new());
        // Optional, and set to None to say so.
        loading.hooks.push(HookSignature { callable: false, ..hook(Hook::GetTotpCodes, &[], frame("f", 1)) });
        assert_eq!(judge_loading(&store(), &loading), Vec::new());
    }

    #[test]
    fn a_failed_import_is_told_and_nothing_that_follows_from_it() {
        let error = exception("ModuleNotFoundError", "No module named 'hvac'", vec![frame("<module>", 2)]);
        let loading = Loading {
            import: LoadEnding::Raised(error),
            has_class: false,
            hooks: vec![],
            constructor: None,
            ..loaded()
        };
        let finding = only(&store(), &loading);
        assert_eq!(finding.rule, Rule::ImportFailed);
        assert_eq!(finding.message, "ModuleNotFoundError: No module named 'hvac'");
        assert!(finding.hint.unwrap().contains("--venv"));
        assert_eq!(finding.location.map(|location| location.line), Some(2));
    }

    #[test]
    fn every_other_way_to_fail_is_told_as_well() {
        let frames = vec![frame("<module>", 2)];
        let endings = [
            (LoadEnding::Exited { status: 1, frames: frames.clone() }, "ended the process with status 1"),
            (LoadEnding::Signalled { signal: 11, frames: frames.clone() }, "died of signal 11 (SIGSEGV)"),
            (LoadEnding::TimedOut { limit_seconds: 30, frames }, "took longer than 30 s"),
        ];
        for (ending, words) in endings {
            let loading = Loading { constructor: Some(ending.clone()), ..loaded() };
            let finding = only(&store(), &loading);
            assert_eq!((finding.rule, finding.severity), (Rule::ConstructorFailed, Severity::Error));
            assert!(finding.message.contains(words), "{}", finding.message);
            let finding = only(&store(), &Loading { import: ending, ..loaded() });
            assert!(finding.rule == Rule::ImportFailed && finding.message.contains(words), "{}", finding.message);
        }
    }

    #[test]
    fn a_constructors_message_is_without_the_configurations_secrets() {
        let error = Exception { in_constructor: true, ..exception("ValueError", "bad: Vault-Pw-77", vec![]) };
        let loading = Loading { constructor: Some(LoadEnding::Raised(error)), ..loaded() };
        let subject = PluginUnderTest { configuration_secrets: vec!["Vault-Pw-77".into()], ..store() };
        let finding = only(&subject, &loading);
        assert_eq!(finding.message, "ValueError: bad: ***");
        assert!(finding.hint.unwrap().contains("--config"));
    }

    #[test]
    fn an_import_that_the_sandbox_refused_is_told_with_what_it_tried() {
        let frames = vec![frame("<module>", 3)];
        let attempt =
            Attempt { kind: AttemptKind::Write, target: "/var/log/plugin.log".into(), frames: frames.clone() };
        let error = exception("PermissionError", "[Errno 13] Permission denied: '/var/log/plugin.log'", frames);
        let mut loading = Loading { attempts: vec![attempt], ..loaded() };
        assert_eq!(only(&store(), &loading).rule, Rule::SandboxViolation);
        loading.import = LoadEnding::Raised(error);
        let findings = judge_loading(&store(), &loading);
        let rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::SandboxViolation, Rule::ImportFailed]);
        assert!(findings[1].hint.as_ref().unwrap().contains("`sandbox-violation`"));
    }

    #[test]
    fn a_module_without_the_class_is_one_finding() {
        let loading = Loading { has_class: false, hooks: vec![], constructor: None, ..loaded() };
        assert_eq!(only(&store(), &loading).rule, Rule::PluginClassMissing);
    }

    #[test]
    fn a_demanded_hook_must_be_there_and_callable() {
        let mut loading = loaded();
        loading.hooks[3].callable = false;
        assert_eq!(only(&store(), &loading).message, "`session_ended` cannot be called, and the platform demands it");
        loading.hooks.remove(3);
        let finding = only(&store(), &loading);
        assert_eq!((finding.rule, finding.hook), (Rule::HookMissing, Some(Hook::SessionEnded)));
        assert_eq!(finding.message, "`session_ended` is missing, and the platform demands it");
        // The hooks of another type are not this one's.
        assert_eq!(judge_loading(&aa(), &loaded()).len(), 2);
    }

    #[test]
    fn a_parameter_that_nobody_passes_is_told_with_the_nearest() {
        let mut loading = loaded();
        loading.hooks[0] =
            hook(Hook::GetPasswordList, &["session_id", "gateway_usernam"], frame("get_password_list", 12));
        let finding = only(&store(), &loading);
        assert_eq!((finding.rule, finding.hook), (Rule::HookArgumentUnknown, Some(Hook::GetPasswordList)));
        assert_eq!(
            finding.message,
            "required parameter `gateway_usernam` is never passed; the nearest argument is `gateway_username`"
        );
        assert_eq!(finding.location.map(|location| location.line), Some(12));
        assert_eq!(on("9.0", &loading).uncallable_hooks, [Hook::GetPasswordList]);

        loading.hooks[0].parameters[1].required = false;
        assert_eq!(judge_loading(&store(), &loading), Vec::new());
        assert!(on("9.0", &loading).uncallable_hooks.is_empty());
    }

    #[test]
    fn arguments_of_another_hook_are_not_passed_to_this_one() {
        let mut loading = loaded();
        loading.hooks[3] = hook(Hook::SessionEnded, &["session_id", "client_ip"], frame("session_ended", 1));
        assert_eq!(only(&store(), &loading).message, "required parameter `client_ip` is never passed");
    }

    #[test]
    fn a_parameter_that_has_no_name_to_be_passed_by_is_told() {
        let mut loading = loaded();
        loading.hooks[3].parameters[0].positional_only = true;
        assert!(only(&store(), &loading).message.contains("`session_id` cannot be passed by name"));
    }

    #[test]
    fn the_plugins_own_hook_must_not_demand_what_came_later() {
        let mut loading = loaded();
        loading.sdk_version = Some("1.9.1".into());
        loading.hooks[0] = hook(Hook::GetPasswordList, &["server_ip"], frame("get_password_list", 1));
        let subject = on("5.10", &loading);
        let message = "required parameter `server_ip` is passed since API 1.5 (SPS 6.5) and not on platform 5.10";
        assert_eq!(only(&subject, &loading).message, message);
        assert_eq!(sdk_mismatch(&subject, &loading), None);
        assert_eq!(judge_loading(&on("6.5", &loading), &loading), Vec::new());
    }

    #[test]
    fn an_sdk_newer_than_the_platform_is_one_note_and_no_finding() {
        let mut loading = loaded();
        loading.sdk_version = Some("1.9.1".into());
        loading.hooks[0] =
            hook(Hook::GetPasswordList, &["client_hostname", "server_ip"], sdk_frame("get_password_list"));
        loading.hooks[1] = hook(Hook::GetPrivateKeyList, &["client_hostname"], sdk_frame("get_private_key_list"));
        let subject = on("6.2", &loading);
        assert_eq!(judge_loading(&subject, &loading), Vec::new());
        assert_eq!(subject.uncallable_hooks, [Hook::GetPasswordList, Hook::GetPrivateKeyList]);
        let note = sdk_mismatch(&subject, &loading).unwrap();
        assert!(note.contains("SDK 1.9.1 demands `client_hostname`, `server_ip`, which platform 6.2"), "{note}");
        assert_eq!(sdk_mismatch(&on("9.0", &loading), &loading), None);
    }
}
