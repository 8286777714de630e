//! Why an exception was raised, where that can be checked: the hint of a finding. A cause that is only likely is not
//! said.
//!
//! Known causes: a value that came back from JSON as another type, a percent sign in the configuration, a backend that
//! the closed network keeps away, a wrapper that hides a hook's parameters, names that Python does not have any more, a
//! file that only a joined appliance has.

use super::{PluginUnderTest, context::Context, message, sandbox_violation, stack};
use crate::{
    case::APPLIANCE_FILES,
    contract::{Argument, Hook},
    package::configuration,
    trace::{CallTrace, Ending, Exception, Loading, Observed, Origin},
};

/// Modules that the standard library had once, with the version that came without them.
const REMOVED_MODULES: [(&str, &str); 26] = [
    ("asynchat", "3.12"),
    ("asyncore", "3.12"),
    ("distutils", "3.12"),
    ("imp", "3.12"),
    ("smtpd", "3.12"),
    ("aifc", "3.13"),
    ("audioop", "3.13"),
    ("cgi", "3.13"),
    ("cgitb", "3.13"),
    ("chunk", "3.13"),
    ("crypt", "3.13"),
    ("imghdr", "3.13"),
    ("lib2to3", "3.13"),
    ("mailcap", "3.13"),
    ("msilib", "3.13"),
    ("nis", "3.13"),
    ("nntplib", "3.13"),
    ("ossaudiodev", "3.13"),
    ("pipes", "3.13"),
    ("sndhdr", "3.13"),
    ("spwd", "3.13"),
    ("sunau", "3.13"),
    ("telnetlib", "3.13"),
    ("uu", "3.13"),
    ("xdrlib", "3.13"),
    ("formatter", "3.10"),
];
/// Modules of Python 2, with their names in Python 3.
const PYTHON_2_MODULES: [(&str, &str); 12] = [
    ("ConfigParser", "configparser"),
    ("Cookie", "http.cookies"),
    ("HTMLParser", "html.parser"),
    ("Queue", "queue"),
    ("SocketServer", "socketserver"),
    ("StringIO", "io"),
    ("__builtin__", "builtins"),
    ("cPickle", "pickle"),
    ("cookielib", "http.cookiejar"),
    ("httplib", "http.client"),
    ("urllib2", "urllib.request"),
    ("urlparse", "urllib.parse"),
];

/// Why the trace's call `index` raised, if that is known.
pub(super) fn of_call(context: &Context<'_>, index: usize, call: &CallTrace, exception: &Exception) -> Option<String> {
    json_type(context, index, exception)
        .or_else(|| wrapper(context.plugin, call.hook, exception))
        .or_else(|| interpolation(context, exception))
        .or_else(|| not_joined(context, exception))
        .or_else(|| sandbox_violation::hint(&call.attempts, exception, &|text| context.mask(text)))
}

/// Why loading raised, if that is known; `mask` hides secrets.
pub(super) fn of_loading(
    plugin: &PluginUnderTest,
    loading: &Loading,
    exception: &Exception,
    mask: &dyn Fn(&str) -> String,
) -> Option<String> {
    relative_import(exception)
        .or_else(|| missing_module(loading, exception))
        .or_else(|| stray_percent(&plugin.stray_percents, exception))
        .or_else(|| sandbox_violation::hint(&loading.attempts, exception, mask))
}

/// A value with which it failed came back from JSON as another type than the one that the plugin stored.
fn json_type(context: &Context<'_>, index: usize, exception: &Exception) -> Option<String> {
    exception.operands.iter().find_map(|operand| {
        let path = operand.path.strip_prefix("a key of ").unwrap_or(&operand.path);
        let cookie = if path.starts_with("session_cookie") { "session_cookie" } else { "cookie" };
        // Of the calls before, the last one that returned this cookie stored the value.
        let mut earlier = context.trace.calls[..index].iter().rev().filter(|call| !context.is_other(call));
        let stored = earlier.find(|call| match &call.ending {
            Ending::Returned(result) => matches!(result.get(cookie), Some(Observed::Dict(_))),
            _ => false,
        })?;
        let before = stored.changed_types.iter().find(|known| known.path == operand.path)?;
        let place = message::one_line(&context.mask(&operand.path), message::VALUE_LIMIT);
        let place = match place.strip_prefix("a key of ") {
            Some(dict) => format!("a key of `{dict}`"),
            None => format!("`{place}`"),
        };
        let types = [&before.type_name, &operand.type_name];
        let [was, is] = types.map(|name| message::one_line(name, message::VALUE_LIMIT));
        Some(format!(
            "{place} was of type `{was}` when `{}` returned it, and came back from JSON as `{is}`: convert it where \
             it is read, or store a value that JSON keeps",
            stored.hook
        ))
    })
}

/// The hook is wrapped without `functools.wraps`, and the wrapper called it with what the platform passed.
fn wrapper(plugin: &PluginUnderTest, hook: Hook, exception: &Exception) -> Option<String> {
    let wrapped = plugin.wrapped_hooks.iter().find(|wrapped| wrapped.hook == hook)?;
    let place = stack::location_of(&exception.frames)?;
    let is_in_wrapper = (&place.file, &place.function) == (&wrapped.wrapper.file, &wrapped.wrapper.function);
    if exception.type_name != "TypeError" || !is_in_wrapper {
        return None;
    }
    let passes = if wrapped.takes_kwargs {
        let name = exception.message.split("unexpected keyword argument '").nth(1)?.split('\'').next()?;
        Argument::named(name)?;
        "passes all arguments"
    } else {
        exception.message.contains(" required ").then_some("passes none")?
    };
    Some(format!(
        "`{}` ({}:{}) wraps `{hook}` and hides its parameters, so the platform {passes}: put \
         `@functools.wraps(function)` \
         above `def {}`",
        wrapped.wrapper.function, wrapped.wrapper.file, wrapped.wrapper.line, wrapped.wrapper.function
    ))
}

/// A file that an appliance has only if it is joined to Safeguard for Privileged Passwords, and that the session leaves
/// out.
fn not_joined(context: &Context<'_>, exception: &Exception) -> Option<String> {
    let causes = exception.causes.iter().map(|cause| (&cause.type_name, &cause.message));
    let is_about = |path: &str| {
        let named = format!("'{path}'");
        let mut all = std::iter::once((&exception.type_name, &exception.message)).chain(causes.clone());
        all.any(|(type_name, message)| type_name == "FileNotFoundError" && message.ends_with(&named))
    };
    let is_left_out =
        |path: &str| context.session.services.get("appliance_files").is_none_or(|all| all.get(path).is_none());
    // Of the certificates beside these two files, no source says when they are there.
    let path = APPLIANCE_FILES.iter().find(|path| path.ends_with(".json") && is_about(path) && is_left_out(path))?;
    Some(format!(
        "an appliance that is not joined to Safeguard for Privileged Passwords has no `{path}`, and neither has this case"
    ))
}

/// A percent sign in the configuration or in an option that the session sets.
fn interpolation(context: &Context<'_>, exception: &Exception) -> Option<String> {
    let mut options = context.plugin.stray_percents.clone();
    for set in &context.session.options {
        let name = (set.section.clone(), set.name.clone());
        options.retain(|known| *known != name);
        if configuration::has_stray_percent(&set.value) {
            options.push(name);
        }
    }
    stray_percent(&options, exception)
}

fn stray_percent(options: &[(String, String)], exception: &Exception) -> Option<String> {
    let types = std::iter::once(&exception.type_name).chain(exception.causes.iter().map(|cause| &cause.type_name));
    if !types.into_iter().any(|name| name == "configparser.InterpolationSyntaxError") || options.is_empty() {
        return None;
    }
    let named =
        |(section, name): &(String, String)| format!("`[{section}] {}`", message::one_line(name, message::VALUE_LIMIT));
    let names = options.iter().take(3).map(named).collect::<Vec<_>>().join(", ");
    Some(format!(
        "`configparser` reads `%` as the beginning of a reference: write `%%` for each percent sign in the value of \
         {names}"
    ))
}

fn relative_import(exception: &Exception) -> Option<String> {
    let place = stack::location_of(&exception.frames)?;
    let is_relative = exception.type_name == "ImportError"
        && exception.message.starts_with("attempted relative import with no known parent package")
        && !place.file.contains('/');
    is_relative.then(|| {
        format!(
            "`{}` is in the root and so belongs to no package: import without the leading dot, `from lib import x` \
             instead of `from .lib import x`",
            place.file
        )
    })
}

fn missing_module(loading: &Loading, exception: &Exception) -> Option<String> {
    if exception.type_name != "ModuleNotFoundError" {
        return None;
    }
    let module = exception.message.strip_prefix("No module named '")?.split('\'').next()?;
    let top = module.split('.').next()?;
    if let Some((_, now)) = PYTHON_2_MODULES.iter().find(|(old, _)| *old == top) {
        return Some(format!("`{top}` is the name of a module of Python 2; in Python 3 it is `{now}`"));
    }
    if let Some((_, version)) =
        REMOVED_MODULES.iter().find(|(old, since)| *old == top && is_at_least(&loading.python, since))
    {
        return Some(format!(
            "Python {version} removed `{top}` from the standard library; this is Python {}",
            loading.python
        ));
    }
    let is_own = |file: &str| file.strip_prefix(top).is_some_and(|rest| rest.starts_with('/') || rest == ".py");
    let is_own_package = exception.frames.iter().any(|frame| frame.origin == Origin::Plugin && is_own(&frame.file))
        || loading.files.iter().any(|file| is_own(&file.path));
    (module.contains('.') && is_own_package)
        .then(|| format!("the plugin's own package `{top}` has no module `{module}`: is its file in the archive?"))
}

/// Whether version `version`, `3.12.1`, is `least`, `3.12`, or newer.
fn is_at_least(version: &str, least: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    numbers(version) >= numbers(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Platform, PluginType},
        finding::{Finding, Location},
        oracle::{
            WrappedHook,
            testing::{Played, aa, dict, exception, frame, store, text},
        },
        trace::{Attempt, AttemptKind, Cause, CookieValue, LoadEnding, PluginTokens},
    };

    fn value(path: &str, type_name: &str) -> CookieValue {
        CookieValue { path: path.into(), type_name: type_name.into() }
    }

    /// A call that stored an enum's member, and one that failed with what came back.
    fn failed_with(operand: CookieValue) -> Finding {
        let ask = dict([("verdict", text("ACCEPT")), ("cookie", dict([("phase", text("asked"))]))]);
        let mut played = Played::returned(Hook::Authenticate, ask);
        played.last().changed_types = vec![value("cookie.phase", "main.Phase"), value("a key of cookie.by", "int")];
        let message = "'str' object has no attribute 'name'";
        let error = Exception { operands: vec![operand], ..exception("AttributeError", message, vec![frame("f", 9)]) };
        played.call(Hook::Authorize, Ending::Raised(error)).only(&aa())
    }

    #[test]
    fn a_value_that_came_back_from_json_as_another_type_is_named_with_both() {
        assert_eq!(
            failed_with(value("cookie.phase", "str")).hint.unwrap(),
            "`cookie.phase` was of type `main.Phase` when `authenticate` returned it, and came back from JSON as \
             `str`: convert it where it is read, or store a value that JSON keeps"
        );
        let hint = failed_with(value("a key of cookie.by", "str")).hint.unwrap();
        assert!(hint.starts_with("a key of `cookie.by` was of type `int`"), "{hint}");
        // Another value of the cookie kept its type.
        assert_eq!(failed_with(value("cookie.name", "str")).hint, None);
    }

    #[test]
    fn a_file_of_a_joined_appliance_is_named_where_the_session_has_none() {
        let failed = |path: &str, files: &str| {
            let message = format!("[Errno 2] No such file or directory: '{path}'");
            let error = exception("FileNotFoundError", &message, vec![frame("f", 9)]);
            let mut played = Played::new().call(Hook::GetPasswordList, Ending::Raised(error));
            played.session.services = serde_json::from_str(files).unwrap();
            played.only(&store()).hint
        };
        let path = "/etc/spp/join.json";
        let hint = failed(path, "{}").unwrap();
        assert!(
            hint.starts_with("an appliance that is not joined") && hint.contains("no `/etc/spp/join.json`"),
            "{hint}"
        );
        assert_eq!(failed(path, r#"{"appliance_files": {"/etc/spp/join.json": "{}"}}"#), None);
        assert_eq!(failed("/etc/spp/other.json", "{}"), None);
        assert_eq!(failed("/etc/spp/client.crt", "{}"), None);
    }

    #[test]
    fn a_wrapper_is_the_cause_only_where_it_passed_too_much_or_too_little() {
        let wrapper = Location { file: "main.py".into(), line: 3, column: 0, function: "inner".into() };
        let hint = |takes_kwargs, message: &str, function: &str| {
            let hook = Hook::GetPasswordList;
            let mut plugin = store();
            plugin.wrapped_hooks.push(WrappedHook { hook, wrapper: wrapper.clone(), takes_kwargs });
            let error = exception("TypeError", message, vec![frame(function, 4)]);
            Played::new().call(hook, Ending::Raised(error)).only(&plugin).hint
        };
        let unexpected = "Plugin.get_password_list() got an unexpected keyword argument 'cookie'";
        let said = hint(true, unexpected, "inner").unwrap();
        assert!(said.starts_with("`inner` (main.py:3) wraps `get_password_list`"), "{said}");
        assert!(said.contains("passes all arguments") && said.contains("`@functools.wraps(function)`"), "{said}");
        let missing = "get_password_list() missing 1 required positional argument: 'session_id'";
        assert!(hint(false, missing, "inner").unwrap().contains("passes none"));
        assert_eq!(hint(true, unexpected, "get_password_list"), None);
        assert_eq!(hint(true, "f() got an unexpected keyword argument 'colour'", "inner"), None);
    }

    #[test]
    fn a_percent_sign_is_the_cause_with_the_options_that_have_one() {
        let configuration = "[vault]\ntoken = p%ss\nurl = a%%20b\n";
        let plugin = PluginUnderTest::new(
            PluginType::CredentialStore,
            Platform::newest(),
            configuration,
            Vec::new(),
            false,
            None,
        );
        let hint = |type_name: &str| {
            let error = exception(type_name, "'%' must be followed by '%' or '('", vec![frame("f", 4)]);
            Played::new().call(Hook::GetPasswordList, Ending::Raised(error)).only(&plugin).hint
        };
        let said = hint("configparser.InterpolationSyntaxError").unwrap();
        assert!(said.ends_with("write `%%` for each percent sign in the value of `[vault] token`"), "{said}");
        assert_eq!(hint("ValueError"), None);
    }

    #[test]
    fn a_backend_is_named_only_if_its_refused_connection_led_to_the_exception() {
        let hint = |type_name: &str, message: &str, causes: Vec<Cause>| {
            let error = Exception { causes, ..exception(type_name, message, vec![frame("ask", 4)]) };
            let mut played = Played::new().call(Hook::GetPasswordList, Ending::Raised(error));
            let frames = vec![frame("ask", 4)];
            let target = "vault.example.com:443".into();
            played.last().attempts = vec![Attempt { kind: AttemptKind::Resolve, target, frames }];
            let findings = played.judge(&store());
            findings.into_iter().find(|one| one.rule == crate::finding::Rule::UncaughtException).unwrap()
        };
        let cause =
            Cause { type_name: "socket.gaierror".into(), message: "[Errno -2] unknown".into(), errno: Some(-2) };
        let finding = hint("main.VaultError", "no answer", vec![cause]);
        assert_eq!(
            finding.message,
            "main.VaultError: no answer; the first error was socket.gaierror: [Errno -2] unknown"
        );
        let said = finding.hint.unwrap();
        assert!(
            said.starts_with("`vault.example.com:443` was not reached, because the sandbox has no network"),
            "{said}"
        );
        assert!(said.ends_with("add `--allow-network vault.example.com:443`"), "{said}");
        assert!(hint("ldap.SERVER_DOWN", "cannot reach vault.example.com", vec![]).hint.is_some());
        // The plugin went on, and then failed for another reason.
        assert_eq!(hint("KeyError", "'token'", vec![]).hint, None);
    }

    fn loading_hint(type_name: &str, message: &str, file: &str, python: &str) -> Option<String> {
        let error =
            exception(type_name, message, vec![crate::trace::Frame { file: file.into(), ..frame("<module>", 2) }]);
        let loading = Loading {
            python: python.into(),
            import: LoadEnding::Done,
            output: String::new(),
            attempts: Vec::new(),
            has_class: false,
            takes_configuration: false,
            constructor: None,
            hooks: Vec::new(),
            tokens: PluginTokens::default(),
            files: Vec::new(),
            sdk_version: None,
            names: Vec::new(),
        };
        of_loading(&store(), &loading, &error, &str::to_owned)
    }

    #[test]
    fn a_relative_import_in_the_root_is_explained() {
        let message = "attempted relative import with no known parent package";
        let said = loading_hint("ImportError", message, "main.py", "3.12.1").unwrap();
        assert!(said.starts_with("`main.py` is in the root"), "{said}");
        assert_eq!(loading_hint("ImportError", message, "lib/a.py", "3.12.1"), None);
        assert_eq!(loading_hint("ImportError", "cannot import name 'x'", "main.py", "3.12.1"), None);
    }

    #[test]
    fn a_missing_module_is_explained_where_another_reason_is_known_than_that_it_is_not_installed() {
        let hint = |module: &str, python: &str| {
            loading_hint("ModuleNotFoundError", &format!("No module named '{module}'"), "lib/a.py", python)
        };
        assert!(hint("distutils.util", "3.12.1").unwrap().starts_with("Python 3.12 removed `distutils`"));
        assert_eq!(hint("distutils", "3.11.7"), None);
        assert!(hint("urllib2", "3.12.1").unwrap().contains("in Python 3 it is `urllib.request`"));
        assert!(hint("lib.vault", "3.12.1").unwrap().starts_with("the plugin's own package `lib` has no module"));
        assert_eq!(hint("hvac", "3.12.1"), None);
        assert_eq!(hint("hvac.api", "3.12.1"), None);
    }
}
