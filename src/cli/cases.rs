//! Reads cases from files, and makes one of `--hook` and `--arguments`. What is wrong is told with its place, and with the
//! word that was most likely meant.

use std::path::{Path, PathBuf};

use super::{error::CliError, files, seams, values};
use crate::{
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, HookSpec, Platform, PluginType},
    report::plain,
};

/// Reads the case at `path`.
pub(super) fn read(path: &Path) -> Result<Case, CliError> {
    Case::from_json(&files::text(path, true)?).map_err(|source| CliError::Case { path: path.to_owned(), source })
}

/// The cases that the user named, or those of the corpus where none was: `folder` is the plugin's own in `corpus`, which
/// is taken itself where it has no such folder.
pub(super) fn of_corpus(
    corpus: &Path,
    folder: &Path,
    named: &[PathBuf],
    plugin_type: PluginType,
) -> Result<Vec<(PathBuf, Case)>, CliError> {
    if !named.is_empty() {
        let read = |path: &PathBuf| {
            let case = read(path)?;
            must_be_of(&case, path, plugin_type)?;
            Ok((path.clone(), case))
        };
        return named.iter().map(read).collect();
    }
    match [folder, corpus].into_iter().find(|folder| folder.is_dir()) {
        Some(folder) => seams::read_corpus(folder),
        None if corpus.exists() => Err(CliError::usage(
            format!("`{}` is no folder, and a corpus is one", corpus.display()),
            "a single case is given by itself: `hookstorm replay PLUGIN CASE`",
        )),
        None => Err(CliError::usage(
            format!("there is no corpus at `{}`", corpus.display()),
            "`hookstorm test` makes one of what it finds; `--corpus DIR` names another",
        )),
    }
}

/// A case that the user named must be for this type of plugin.
pub(super) fn must_be_of(case: &Case, path: &Path, plugin_type: PluginType) -> Result<(), CliError> {
    if case.plugin_type == plugin_type {
        return Ok(());
    }
    Err(CliError::usage(
        format!(
            "`{}` is a case for a plugin of type `{}`, and this one is of type `{plugin_type}`",
            path.display(),
            case.plugin_type
        ),
        "give the plugin that it was made for, or another case",
    ))
}

/// The hook of that name that `platform` calls.
pub(super) fn hook(name: &str, plugin_type: PluginType, platform: &Platform) -> Result<Hook, CliError> {
    let known: Vec<&str> = HookSpec::on(plugin_type, platform).map(|spec| spec.hook.name()).collect();
    match Hook::named(name) {
        Some(hook) if known.contains(&name) => Ok(hook),
        Some(hook) if hook.spec(plugin_type).is_some() => Err(CliError::usage(
            format!("`{name}` is not called by platform {platform}: it came with a later one"),
            "`--platform 9.0` plays the newest",
        )),
        _ => Err(CliError::usage(
            format!("`{name}` is not a hook of a plugin of type `{plugin_type}`"),
            values::nearest(name, known),
        )),
    }
}

/// The case that calls `hook` once with what the user gave, and with plain values for the rest.
pub(super) fn of_arguments(
    hook: Hook,
    given: Option<&str>,
    plugin_type: PluginType,
    platform: &'static Platform,
) -> Result<Case, CliError> {
    let mut session = Session::new(Vec::new());
    let mut arguments = seams::plain_arguments(plugin_type, hook, platform);
    for (name, value) in given.map(entries).transpose()?.unwrap_or_default() {
        match Argument::named(&name) {
            Some(argument @ (Argument::Cookie | Argument::SessionCookie)) => {
                if value.as_dict().is_none() {
                    let hint = format!("write it as `{{\"{name}\": {{\"key\": \"value\"}}}}`");
                    return Err(CliError::usage(format!("`--arguments`: `{name}` must be an object"), hint));
                }
                let cookie =
                    if argument == Argument::Cookie { &mut session.cookie } else { &mut session.session_cookie };
                *cookie = value;
            }
            argument => {
                match argument.and_then(|argument| arguments.iter_mut().find(|(known, _)| *known == argument)) {
                    Some(known) => known.1 = value,
                    None => return Err(not_passed(&name, hook, plugin_type, platform)),
                }
            }
        }
    }
    session.calls.push(Call::new(hook, arguments));
    Ok(Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None })
}

fn not_passed(name: &str, hook: Hook, plugin_type: PluginType, platform: &Platform) -> CliError {
    let spec = hook.spec(plugin_type);
    let since = spec.zip(Argument::named(name)).and_then(|(spec, argument)| spec.argument_since(argument));
    let known: Vec<&str> = spec.into_iter().flat_map(|spec| spec.arguments(platform)).map(Argument::name).collect();
    let problem = format!("`--arguments`: `{name}` is not an argument that platform {platform} passes to `{hook}`");
    match since {
        Some(api) => CliError::usage(problem, format!("it came with API {api}; `--platform 9.0` plays the newest")),
        None => CliError::usage(problem, values::nearest(name, known)),
    }
}

/// The entries of the JSON object that `--arguments` gives, in itself or in a file.
fn entries(given: &str) -> Result<Vec<(String, Value)>, CliError> {
    let (place, json) = match given.strip_prefix('@') {
        Some("") => {
            return Err(CliError::usage("`--arguments @` names no file", "write `@FILE`, or `@-` for standard input"));
        }
        Some(path) => (path, files::text(Path::new(path), true)?),
        None => ("--arguments", given.to_owned()),
    };
    match serde_json::from_str(&json) {
        Ok(Value::Dict(entries)) => Ok(entries),
        Ok(_) => Err(CliError::usage(
            format!("`{place}`: what is passed must be a JSON object"),
            r#"write it as `{"server_ip": "192.0.2.1"}`"#,
        )),
        Err(error) => Err(malformed(place, &json, &error)),
    }
}

fn malformed(place: &str, json: &str, error: &serde_json::Error) -> CliError {
    const SHOWN: usize = 80;
    let (line, column) = (error.line(), error.column().max(1));
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    // serde_json counts bytes.
    let source = json.lines().nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
    let before = String::from_utf8_lossy(&source[..(column - 1).min(source.len())]).chars().count();
    let skipped = before.saturating_sub(SHOWN / 2);
    let part: String = String::from_utf8_lossy(source).chars().skip(skipped).take(SHOWN).collect();
    let offset: String = part.chars().take(before - skipped).collect();
    let offset = plain::source(&offset).chars().count();
    let mut problem = format!("`{place}`, line {line}, column {}: {message}", before + 1);
    if !part.trim().is_empty() {
        problem.push_str(&format!("\n{}\n{}^", plain::source(&part), " ".repeat(offset)));
    }
    let hint = if message.contains("twice") {
        "take one of them out"
    } else if message.contains("hex escape") {
        "`\\u` wants four hexadecimal digits, and what is passed holds no lone surrogates"
    } else if place == "--arguments" {
        "JSON has double quotes, and a shell wants single ones around it: '{\"server_port\": 22}'; or give `@FILE`"
    } else {
        "JSON has double quotes, no comma after the last entry, and `null`, `true`, `false`"
    };
    CliError::usage(problem, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(given: &str) -> Result<Case, CliError> {
        of_arguments(Hook::GetPasswordList, Some(given), PluginType::CredentialStore, Platform::newest())
    }

    fn problem(given: &str) -> String {
        let text = case(given).expect_err("it is wrong").to_text();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn what_is_given_replaces_plain_values_and_cookies_go_to_the_session() {
        let case = case(r#"{"server_ip": "fe80::1", "cookie": {"a": 1}, "session_cookie": {"b": null}}"#).unwrap();
        let call = &case.session.calls[0];
        assert_eq!(call.argument(Argument::ServerIp), Some(&"fe80::1".into()));
        assert_eq!(call.argument(Argument::ServerPort), Some(&Value::Int(22)));
        assert_eq!(call.argument(Argument::Cookie), None);
        assert_eq!(case.session.cookie.to_string(), r#"{"a":1}"#);
        assert_eq!(case.session.session_cookie.to_string(), r#"{"b":null}"#);
    }

    #[test]
    fn malformed_arguments_are_told_with_their_place_and_a_remedy() {
        let all = [
            "{'server_ip': 1}",
            "{\"server_ip\": \"a\",}",
            "[1]",
            r#"{"sever_ip": "a"}"#,
            r#"{"cookie": []}"#,
            r#"{"colour": 1}"#,
            "",
        ];
        let told: Vec<String> = all.iter().map(|given| problem(given)).collect();
        insta::assert_snapshot!(told.join(""), @r#"
        error: `--arguments`, line 1, column 2: key must be a string
          {'server_ip': 1}
           ^
          hint: JSON has double quotes, and a shell wants single ones around it: '{"server_port": 22}'; or give `@FILE`
        error: `--arguments`, line 1, column 19: trailing comma
          {"server_ip": "a",}
                            ^
          hint: JSON has double quotes, and a shell wants single ones around it: '{"server_port": 22}'; or give `@FILE`
        error: `--arguments`: what is passed must be a JSON object
          hint: write it as `{"server_ip": "192.0.2.1"}`
        error: `--arguments`: `sever_ip` is not an argument that platform 9.0 passes to `get_password_list`
          hint: the nearest is `server_ip`
        error: `--arguments`: `cookie` must be an object
          hint: write it as `{"cookie": {"key": "value"}}`
        error: `--arguments`: `colour` is not an argument that platform 9.0 passes to `get_password_list`
          hint: there are `cookie`, `session_cookie`, `session_id`, `protocol`, `client_ip`, `client_hostname`, `gateway_username`, `gateway_domain`, `gateway_password`, `gateway_groups`, `server_username`, `server_ip`, `server_hostname`, `server_domain`, `server_port`, `target_username`, `target_host`, `target_domain`, `target_port`
        error: `--arguments`, line 1, column 1: EOF while parsing a value
          hint: JSON has double quotes, and a shell wants single ones around it: '{"server_port": 22}'; or give `@FILE`
        "#);
    }

    #[test]
    fn an_argument_that_came_later_is_told_so() {
        let old = Platform::named("5.10").unwrap();
        let given = Some(r#"{"server_ip": "a"}"#);
        let error = of_arguments(Hook::GetPasswordList, given, PluginType::CredentialStore, old).unwrap_err();
        assert_eq!(error.hint().unwrap(), "it came with API 1.5; `--platform 9.0` plays the newest");
    }

    #[test]
    fn a_hook_is_answered_with_the_nearest_one_of_its_type() {
        let newest = Platform::newest();
        assert!(hook("authorize", PluginType::Aa, newest).is_ok());
        let error = hook("get_pasword_list", PluginType::CredentialStore, newest).unwrap_err();
        assert_eq!(error.hint().unwrap(), "the nearest is `get_password_list`");
        let error = hook("authorize", PluginType::CredentialStore, newest).unwrap_err();
        assert!(error.to_string().contains("type `credentialstore`"), "{error}");
        let error = hook("get_totp_codes", PluginType::CredentialStore, Platform::named("8.0").unwrap()).unwrap_err();
        assert!(error.to_string().contains("came with a later one"), "{error}");
    }
}
