//! What loading a plugin showed: `import-failed`, `plugin-class-missing`, `constructor-failed`, `hook-missing`,
//! `hook-argument-unknown`, and `sandbox-violation` for what it tried meanwhile.
//!
//! Allowed on purpose: optional hooks that are absent or None; parameters with a default, whatever their name; and what
//! hooks inherited from a newer SDK require, which is one note ([`sdk_mismatch`]) and no finding.

use super::{
    PluginUnderTest, cause,
    ending::CORRUPTED,
    mask, message, own_limit, sandbox_violation,
    signature::{Passing, is_own, newer_sdk_requires, passing, sdk_api},
    stack,
};
use crate::{
    contract::{Argument, Hook, HookSpec, Platform, nearest_word},
    finding::{Draft, Finding, Rule},
    trace::{DefinedName, Exception, Frame, HookSignature, LoadEnding, Loading, Origin, Parameter},
};

/// All findings of loading.
pub fn judge_loading(plugin: &PluginUnderTest, loading: &Loading) -> Vec<Finding> {
    let mut findings = Vec::new();
    sandbox_violation::judge_loading(plugin, loading, &mut findings);
    if let Some(draft) = ending(plugin, Rule::ImportFailed, "the import", loading, &loading.import) {
        findings.push(draft.finish());
        return findings;
    }
    if !loading.has_class {
        let draft = Finding::draft(Rule::PluginClassMissing, "the module has no class `Plugin`");
        findings.push(draft.hint(near_class(plugin, loading)).finish());
        return findings;
    }
    if let Some(constructor) = &loading.constructor {
        let draft = ending(plugin, Rule::ConstructorFailed, "`Plugin(configuration)`", loading, constructor);
        findings.extend(draft.map(Draft::finish));
    }
    for spec in HookSpec::on(plugin.plugin_type, plugin.platform) {
        match loading.hooks.iter().find(|signature| signature.hook == spec.hook) {
            Some(signature) if signature.callable => parameters(plugin, spec, signature, &mut findings),
            signature => findings.extend(spec.required.then(|| missing(loading, spec.hook, signature.is_some()))),
        }
    }
    findings
}

/// How a step of loading failed, if it did.
fn ending(plugin: &PluginUnderTest, rule: Rule, step: &str, loading: &Loading, ending: &LoadEnding) -> Option<Draft> {
    let (message, frames) = match ending {
        LoadEnding::Done => return None,
        LoadEnding::Raised(exception) => {
            let masked = |text: &str| mask::mask(text, &plugin.configuration_secrets);
            let place = stack::location_of_exception(exception);
            let seen = own_limit::Circumstances { attempts: &loading.attempts, outputs: [None, None] };
            if let Some(limit) = own_limit::reached(exception, seen) {
                return Some(limit.at(place));
            }
            let hint = cause::of_loading(plugin, loading, exception, &masked)
                .or_else(|| hint(rule, exception, loading.takes_configuration).map(str::to_owned));
            let draft = Finding::draft(rule, message::exception(exception, &masked));
            return Some(draft.exception(&exception.type_name).at(place).hint(hint));
        }
        LoadEnding::Exited { status, frames } => {
            (format!("{step} ended the process with status {status}"), &frames[..])
        }
        LoadEnding::Signalled { signal, frames } => {
            (format!("the process died of {} during {step}", message::signal(*signal)), &frames[..])
        }
        LoadEnding::Corrupted => (format!("{step}: {CORRUPTED}"), &[][..]),
        LoadEnding::TimedOut { limit_seconds, frames } => {
            (format!("{step} took longer than {limit_seconds} s"), &frames[..])
        }
    };
    Some(Finding::draft(rule, message).at(stack::location_of(frames)))
}

fn hint(rule: Rule, exception: &Exception, takes_configuration: bool) -> Option<&'static str> {
    match rule {
        Rule::ImportFailed if exception.type_name == "ModuleNotFoundError" => {
            Some("put the package into the archive, or name the virtual environment that has it with `--venv`")
        }
        Rule::ConstructorFailed if takes_configuration && is_of_a_configuration(exception) => {
            Some("if the configuration lacks something, pass a complete one with `--config FILE`")
        }
        _ => None,
    }
}

/// Whether a reader of INI files raised the exception: `configparser`, or that of the SDK.
fn is_of_a_configuration(exception: &Exception) -> bool {
    const SDK: &str = "safeguard/sessions/plugin/plugin_configuration.py";
    // What the plugin itself called. Frames come innermost first.
    let called = exception.frames.iter().take_while(|frame| frame.origin != Origin::Plugin);
    let is_reader = |frame: &Frame| match frame.origin {
        Origin::StandardLibrary => frame.file.ends_with("/configparser.py"),
        Origin::Other => frame.file.ends_with(SDK),
        Origin::Plugin => false,
    };
    called.into_iter().any(is_reader)
}

fn missing(loading: &Loading, hook: Hook, is_there: bool) -> Finding {
    let what = if is_there { "cannot be called" } else { "is missing" };
    let hint = if is_there { None } else { near_function(loading, hook) };
    let draft = Finding::draft(Rule::HookMissing, format!("`{hook}` {what}, but the platform requires it"));
    draft.hook(hook).hint(hint).finish()
}

/// The function of the class that most likely was meant as the missing `hook`: no hook itself, and nearly its name.
fn near_function(loading: &Loading, hook: Hook) -> Option<String> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let free = || loading.names.iter().filter(|known| Hook::named(&known.name).is_none());
    let same = free().find(|known| plain(&known.name) == plain(hook.name()));
    let near = || {
        let name = nearest_word(hook.name(), free().map(|known| known.name.as_str()))?;
        free().find(|known| known.name == name)
    };
    let known = same.or_else(near)?;
    let name = message::one_line(&known.name, message::VALUE_LIMIT);
    Some(format!("`Plugin` has `{name}` ({}:{}): rename it to `{hook}`", known.frame.file, known.frame.line))
}

/// The class that most likely was meant as `Plugin`: the only one with hooks of this type, or the last one that is
/// named like a plugin.
fn near_class(plugin: &PluginUnderTest, loading: &Loading) -> Option<String> {
    let is_hook =
        |name: &String| HookSpec::on(plugin.plugin_type, plugin.platform).any(|spec| spec.hook.name() == name);
    let with_hooks: Vec<_> = loading.names.iter().filter(|class| class.hooks.iter().any(is_hook)).collect();
    let is_plugin = |class: &&&DefinedName| class.name.to_lowercase().contains("plugin");
    let class = match with_hooks[..] {
        [only] => only,
        // A base class has hooks too, and comes first.
        _ => with_hooks.iter().rfind(is_plugin)?,
    };
    let name = message::one_line(&class.name, message::VALUE_LIMIT);
    Some(format!("the class `{name}` ({}:{}) has the hooks: rename it to `Plugin`", class.frame.file, class.frame.line))
}

/// The parameters that a hook requires and the platform does not pass.
fn parameters(plugin: &PluginUnderTest, spec: &HookSpec, signature: &HookSignature, findings: &mut Vec<Finding>) {
    let platform = plugin.platform;
    for parameter in signature.parameters.iter().filter(|parameter| parameter.required) {
        let name = format!("required parameter `{}`", message::one_line(&parameter.name, message::VALUE_LIMIT));
        let message = match passing(spec, platform, parameter) {
            Passing::Passed => continue,
            Passing::Since(_) if plugin.sdk_mismatch && !is_own(signature) => continue,
            Passing::PositionalOnly => {
                format!("the {name} cannot be passed by name, and the platform passes arguments only by name")
            }
            Passing::Since(since) => {
                format!("the {name} came with {}; platform {platform} does not pass it", message::level(since))
            }
            Passing::Never => match near(spec, platform, signature, parameter) {
                Some(near) => format!("the platform never passes the {name}; the nearest argument is `{near}`"),
                None => format!("the platform never passes the {name}"),
            },
        };
        let draft = Finding::draft(Rule::HookArgumentUnknown, message).hook(signature.hook);
        findings.push(draft.at(signature.frame.as_ref().map(stack::location)).detail(parameter.name.as_str()).finish());
    }
}

/// The argument that was most likely meant: one that the platform passes and the hook does not take already.
fn near(
    spec: &HookSpec,
    platform: &Platform,
    signature: &HookSignature,
    parameter: &Parameter,
) -> Option<&'static str> {
    let is_taken = |name: &str| signature.parameters.iter().any(|other| other.name == name);
    let free = spec.arguments(platform).map(Argument::name).filter(|name| !is_taken(name));
    nearest_word(&parameter.name, free)
}

/// A note if the installed SDK is newer than the platform, so that hooks inherited from it require what the platform
/// does not pass yet. An appliance has the SDK of its own version \[S\], so this is no fault of the plugin.
pub(crate) fn sdk_mismatch(plugin: &PluginUnderTest, loading: &Loading) -> Option<String> {
    let names = newer_sdk_requires(plugin.plugin_type, plugin.platform, loading);
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "the installed Plugin SDK {} requires `{}`, which platform {} does not pass. An appliance has the SDK of \
         its own version: choose `--platform {}`, or install SDK {} into the virtual environment",
        message::one_line(loading.sdk_version.as_deref().unwrap_or_default(), message::VALUE_LIMIT),
        names.join("`, `"),
        plugin.platform,
        sdk_api(loading).and_then(Platform::first_with).unwrap_or(Platform::newest()),
        plugin.platform.api,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::PluginType,
        finding::Severity,
        oracle::testing::{aa, exception, frame, sdk_frame, store},
        trace::{Attempt, AttemptKind},
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
            takes_configuration: true,
            constructor: Some(LoadEnding::Done),
            hooks: HOOKS.map(|name| hook(name, &["session_id"], frame(name.name(), 9))).into(),
            tokens: crate::trace::PluginTokens::default(),
            files: Vec::new(),
            sdk_version: None,
            names: Vec::new(),
        }
    }

    #[track_caller]
    fn only(plugin: &PluginUnderTest, loading: &Loading) -> Finding {
        let mut findings = judge_loading(plugin, loading);
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
        // Optional, and set to None.
        loading.hooks.push(HookSignature { callable: false, ..hook(Hook::GetTotpCodes, &[], frame("f", 1)) });
        assert_eq!(judge_loading(&store(), &loading), Vec::new());
    }

    #[test]
    fn a_failed_import_is_reported_and_nothing_that_follows_from_it() {
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
    fn every_other_way_to_fail_is_reported_as_well() {
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
    fn a_configuration_is_advised_only_where_the_constructor_takes_one_and_reading_it_failed() {
        let reader = |file: &str, origin| Frame { origin, file: file.into(), ..frame("get", 1) };
        let ini = reader("/usr/lib/python3.11/configparser.py", Origin::StandardLibrary);
        let sdk = reader("/venv/safeguard/sessions/plugin/plugin_configuration.py", Origin::Other);
        let other = reader("/usr/lib/python3.11/pathlib.py", Origin::StandardLibrary);
        let own = frame("__init__", 4);
        let cases = [
            (true, vec![ini.clone(), own.clone()], true),
            (true, vec![ini.clone(), sdk, own.clone()], true),
            (true, vec![own.clone()], false),
            (true, vec![other, own.clone()], false),
            // The reader called the plugin, which raised.
            (true, vec![own.clone(), ini.clone()], false),
            (false, vec![ini, own], false),
        ];
        for (takes_configuration, frames, is_advised) in cases {
            let error = exception("KeyError", "'vault'", frames);
            let constructor = Some(LoadEnding::Raised(error.clone()));
            let finding = only(&store(), &Loading { takes_configuration, constructor, ..loaded() });
            assert_eq!(finding.hint.is_some_and(|hint| hint.contains("--config")), is_advised, "{error:?}");
        }
    }

    #[test]
    fn a_constructors_message_is_without_the_configurations_secrets() {
        let error = Exception { in_constructor: true, ..exception("ValueError", "bad: Vault-Pw-77", vec![]) };
        let loading = Loading { constructor: Some(LoadEnding::Raised(error)), ..loaded() };
        let plugin = PluginUnderTest { configuration_secrets: vec!["Vault-Pw-77".into()], ..store() };
        let finding = only(&plugin, &loading);
        assert_eq!((finding.message.as_str(), finding.hint), ("ValueError: bad: ***", None));
    }

    #[test]
    fn an_import_that_the_sandbox_refused_is_reported_with_what_it_tried() {
        let frames = vec![frame("<module>", 3)];
        let attempt =
            Attempt { kind: AttemptKind::Write, target: "/var/log/plugin.log".into(), frames: frames.clone() };
        let error = exception("PermissionError", "[Errno 13] Permission denied: '/var/log/plugin.log'", frames);
        let mut loading = Loading { attempts: vec![attempt], ..loaded() };
        assert_eq!(only(&store(), &loading).rule, Rule::SandboxViolation);
        loading.import = LoadEnding::Raised(error);
        let finding = only(&store(), &loading);
        assert_eq!(finding.rule, Rule::ImportFailed);
        let hint = finding.hint.unwrap();
        assert!(hint.starts_with("the sandbox refused to write to `/var/log/plugin.log`"), "{hint}");
        assert!(hint.contains("`/tmp`") && hint.contains("`SCB_PLUGIN_STATE_DIRECTORY`"), "{hint}");
        loading.attempts[0].target = "/tmp/plugin.log".into();
        let hint = only(&store(), &loading).hint.unwrap();
        assert!(hint.contains("on an appliance a plugin may write to `/tmp`"), "{hint}");
    }

    fn defined(name: &str, line: u32, hooks: &[&str]) -> DefinedName {
        let hooks = hooks.iter().map(|&hook| hook.to_owned()).collect();
        DefinedName { name: name.into(), hooks, frame: frame("", line) }
    }

    #[test]
    fn a_hook_that_is_nearly_there_is_named() {
        let mut loading = loaded();
        loading.hooks.remove(3);
        loading.names = vec![defined("authentication_completed", 5, &[]), defined("sesion_ended", 9, &[])];
        let hint = |loading: &Loading| only(&store(), loading).hint;
        assert_eq!(hint(&loading).unwrap(), "`Plugin` has `sesion_ended` (main.py:9): rename it to `session_ended`");
        loading.names[1].name = "sessionEnded".into();
        assert!(hint(&loading).unwrap().contains("`sessionEnded`"));
        loading.names[1].name = "cleanup".into();
        assert_eq!(hint(&loading), None);
    }

    #[test]
    fn a_class_with_the_hooks_is_named() {
        let mut loading = Loading { has_class: false, hooks: vec![], constructor: None, ..loaded() };
        loading.names = vec![defined("Helper", 3, &[]), defined("MyStore", 9, &["get_password_list"])];
        let hint = |loading: &Loading| only(&store(), loading).hint;
        assert_eq!(hint(&loading).unwrap(), "the class `MyStore` (main.py:9) has the hooks: rename it to `Plugin`");
        loading.names.push(defined("MyPlugin", 20, &["get_password_list"]));
        assert!(hint(&loading).unwrap().contains("`MyPlugin` (main.py:20)"));
        loading.names = vec![defined("Helper", 3, &[]), defined("AnAa", 9, &["authorize"])];
        assert_eq!(hint(&loading), None);
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
        assert_eq!(only(&store(), &loading).message, "`session_ended` cannot be called, but the platform requires it");
        loading.hooks.remove(3);
        let finding = only(&store(), &loading);
        assert_eq!((finding.rule, finding.hook), (Rule::HookMissing, Some(Hook::SessionEnded)));
        assert_eq!(finding.message, "`session_ended` is missing, but the platform requires it");
        // The hooks of another type are not this one's.
        assert_eq!(judge_loading(&aa(), &loaded()).len(), 2);
    }

    #[test]
    fn a_parameter_that_the_platform_never_passes_is_reported_with_the_nearest() {
        let mut loading = loaded();
        loading.hooks[0] =
            hook(Hook::GetPasswordList, &["session_id", "gateway_usernam"], frame("get_password_list", 12));
        let finding = only(&store(), &loading);
        assert_eq!((finding.rule, finding.hook), (Rule::HookArgumentUnknown, Some(Hook::GetPasswordList)));
        assert_eq!(
            finding.message,
            "the platform never passes the required parameter `gateway_usernam`; the nearest argument is \
             `gateway_username`"
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
        assert_eq!(only(&store(), &loading).message, "the platform never passes the required parameter `client_ip`");
    }

    #[test]
    fn a_parameter_that_cannot_be_passed_by_name_is_reported() {
        let mut loading = loaded();
        loading.hooks[3].parameters[0].positional_only = true;
        assert!(only(&store(), &loading).message.contains("`session_id` cannot be passed by name"));
    }

    #[test]
    fn the_plugins_own_hook_must_not_demand_what_came_later() {
        let mut loading = loaded();
        loading.sdk_version = Some("1.9.1".into());
        loading.hooks[0] = hook(Hook::GetPasswordList, &["server_ip"], frame("get_password_list", 1));
        let plugin = on("5.10", &loading);
        let message = "the required parameter `server_ip` came with API 1.5 (SPS 6.5); platform 5.10 does not pass it";
        assert_eq!(only(&plugin, &loading).message, message);
        assert_eq!(sdk_mismatch(&plugin, &loading), None);
        assert_eq!(judge_loading(&on("6.5", &loading), &loading), Vec::new());
    }

    #[test]
    fn an_sdk_newer_than_the_platform_is_one_note_and_no_finding() {
        let mut loading = loaded();
        loading.sdk_version = Some("1.9.1".into());
        loading.hooks[0] =
            hook(Hook::GetPasswordList, &["client_hostname", "server_ip"], sdk_frame("get_password_list"));
        loading.hooks[1] = hook(Hook::GetPrivateKeyList, &["client_hostname"], sdk_frame("get_private_key_list"));
        let plugin = on("6.2", &loading);
        assert_eq!(judge_loading(&plugin, &loading), Vec::new());
        assert_eq!(plugin.uncallable_hooks, [Hook::GetPasswordList, Hook::GetPrivateKeyList]);
        let note = sdk_mismatch(&plugin, &loading).unwrap();
        assert!(note.contains("SDK 1.9.1 requires `client_hostname`, `server_ip`, which platform 6.2"), "{note}");
        assert_eq!(sdk_mismatch(&on("9.0", &loading), &loading), None);
    }
}
