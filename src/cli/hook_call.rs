//! Makes a case from `--hook` and `--arguments`. An error gives the place of the mistake, and the known word that is
//! nearest.

use std::path::Path;

use super::{error::CliError, values};
use crate::{
    api::read_text,
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, HookSpec, Platform, PluginType},
    generate,
    report::plain,
    trace::PluginTokens,
};

/// The hook with this name, if `platform` calls it.
pub(super) fn hook(name: &str, plugin_type: PluginType, platform: &Platform) -> Result<Hook, CliError> {
    let known: Vec<&str> = HookSpec::on(plugin_type, platform).map(|spec| spec.hook.name()).collect();
    match Hook::named(name) {
        Some(hook) if known.contains(&name) => Ok(hook),
        Some(hook) if hook.spec(plugin_type).is_some() => Err(CliError::usage(
            format!("platform {platform} does not call `{name}`: a later version introduced it"),
            "`--platform 9.0` simulates the newest",
        )),
        _ => Err(CliError::usage(
            format!("`{name}` is not a hook of a plugin of type `{plugin_type}`"),
            values::nearest(name, &known),
        )),
    }
}

/// A case that calls `hook` once with the user's arguments, and with plain values for all others.
pub(super) fn of_arguments(
    hook: Hook,
    given: Option<&str>,
    plugin_type: PluginType,
    platform: &'static Platform,
) -> Result<Case, CliError> {
    let mut session = Session::new(Vec::new());
    let mut arguments = generate::plain_arguments(plugin_type, hook, platform);
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
                    None => return Err(not_an_argument(&name, hook, plugin_type, platform)),
                }
            }
        }
    }
    session.calls.push(Call::new(hook, arguments));
    Ok(Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None })
}

/// Which argument of the call the platform would never pass so.
pub(super) fn outside_contract(case: &Case) -> Option<String> {
    let Case { plugin_type, platform, session, .. } = case;
    let domain = generate::Domain::new(*plugin_type, platform, Hook::ALL.to_vec(), PluginTokens::default());
    session.calls.iter().find_map(|call| generate::call_outside_contract(call, &domain))
}

fn not_an_argument(name: &str, hook: Hook, plugin_type: PluginType, platform: &Platform) -> CliError {
    let spec = hook.spec(plugin_type);
    let since = spec.zip(Argument::named(name)).and_then(|(spec, argument)| spec.argument_since(argument));
    let known: Vec<&str> = spec.into_iter().flat_map(|spec| spec.arguments(platform)).map(Argument::name).collect();
    let problem = format!("`--arguments`: `{name}` is not an argument that platform {platform} passes to `{hook}`");
    match since {
        Some(api) => {
            CliError::usage(problem, format!("API {api} introduced it; `--platform 9.0` simulates the newest"))
        }
        None => CliError::usage(problem, values::nearest(name, &known)),
    }
}

/// The entries of the JSON object in `--arguments`, or in the file that it names.
fn entries(given: &str) -> Result<Vec<(String, Value)>, CliError> {
    let (place, json) = match given.strip_prefix('@') {
        Some("") => {
            return Err(CliError::usage("`--arguments @` names no file", "write `@FILE`, or `@-` for standard input"));
        }
        Some(path) => (path, read_text(Path::new(path), true)?),
        None => ("--arguments", given.to_owned()),
    };
    match serde_json::from_str(&json) {
        Ok(Value::Dict(entries)) => Ok(entries),
        Ok(_) => Err(CliError::usage(
            format!("`{place}`: the arguments must be a JSON object"),
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
    // serde_json counts columns in bytes.
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
        "remove one of them"
    } else if message.contains("hex escape") {
        "`\\u` needs four hexadecimal digits, and must not be a lone surrogate"
    } else if place == "--arguments" {
        "write JSON with double quotes, in single quotes for the shell: '{\"server_port\": 22}'; or use `@FILE`"
    } else {
        "JSON uses double quotes, `null`, `true` and `false`, and no comma after the last entry"
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
        let text = case(given).expect_err("it is invalid").to_text();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn arguments_replace_plain_values_and_cookies_go_to_the_session() {
        let case = case(r#"{"server_ip": "fe80::1", "cookie": {"a": 1}, "session_cookie": {"b": null}}"#).unwrap();
        let call = &case.session.calls[0];
        assert_eq!(call.argument(Argument::ServerIp), Some(&"fe80::1".into()));
        assert_eq!(call.argument(Argument::ServerPort), Some(&Value::Int(22)));
        assert_eq!(call.argument(Argument::Cookie), None);
        assert_eq!(case.session.cookie.to_string(), r#"{"a":1}"#);
        assert_eq!(case.session.session_cookie.to_string(), r#"{"b":null}"#);
    }

    #[test]
    fn malformed_arguments_are_reported_with_their_place_and_a_remedy() {
        let all = [
            "{'server_ip': 1}",
            "{\"server_ip\": \"a\",}",
            "[1]",
            r#"{"sever_ip": "a"}"#,
            r#"{"cookie": []}"#,
            r#"{"colour": 1}"#,
            "",
        ];
        let messages: Vec<String> = all.iter().map(|given| problem(given)).collect();
        insta::assert_snapshot!(messages.join(""), @r#"
        error: `--arguments`, line 1, column 2: key must be a string
          {'server_ip': 1}
           ^
          hint: write JSON with double quotes, in single quotes for the shell: '{"server_port": 22}'; or use `@FILE`
        error: `--arguments`, line 1, column 19: trailing comma
          {"server_ip": "a",}
                            ^
          hint: write JSON with double quotes, in single quotes for the shell: '{"server_port": 22}'; or use `@FILE`
        error: `--arguments`: the arguments must be a JSON object
          hint: write it as `{"server_ip": "192.0.2.1"}`
        error: `--arguments`: `sever_ip` is not an argument that platform 9.0 passes to `get_password_list`
          hint: the nearest is `server_ip`
        error: `--arguments`: `cookie` must be an object
          hint: write it as `{"cookie": {"key": "value"}}`
        error: `--arguments`: `colour` is not an argument that platform 9.0 passes to `get_password_list`
          hint: choose one of `cookie`, `session_cookie`, `session_id`, `protocol`, `client_ip`, `client_hostname`, `gateway_username`, `gateway_domain`, `gateway_password`, `gateway_groups`, `server_username`, `server_ip`, `server_hostname`, `server_domain`, `server_port`, `target_username`, `target_host`, `target_domain`, `target_port`
        error: `--arguments`, line 1, column 1: EOF while parsing a value
          hint: write JSON with double quotes, in single quotes for the shell: '{"server_port": 22}'; or use `@FILE`
        "#);
    }

    #[test]
    fn a_value_that_the_platform_never_passes_is_named_with_what_it_passes() {
        for (given, says) in [
            (r#"{"server_port": "22"}"#, r#"`server_port` cannot be "22": the platform passes an int from 1 to 65535"#),
            (r#"{"server_ip": null}"#, "`server_ip` cannot be null: the platform passes an IPv4 or IPv6 address"),
            (
                r#"{"gateway_password": 5}"#,
                "`gateway_password` cannot be this value: the platform passes a text or None",
            ),
        ] {
            assert_eq!(outside_contract(&case(given).unwrap()).as_deref(), Some(says));
        }
        let valid = r#"{"client_hostname": null, "gateway_groups": [], "server_ip": "::1", "cookie": {"a": 1}}"#;
        assert_eq!(outside_contract(&case(valid).unwrap()), None);
    }

    #[test]
    fn an_argument_of_a_later_platform_is_named_as_such() {
        let old = Platform::named("5.10").unwrap();
        let given = Some(r#"{"server_ip": "a"}"#);
        let error = of_arguments(Hook::GetPasswordList, given, PluginType::CredentialStore, old).unwrap_err();
        assert_eq!(error.hint().unwrap(), "API 1.5 introduced it; `--platform 9.0` simulates the newest");
    }

    #[test]
    fn an_unknown_hook_is_answered_with_the_nearest_one_of_its_type() {
        let newest = Platform::newest();
        assert!(hook("authorize", PluginType::Aa, newest).is_ok());
        let error = hook("get_pasword_list", PluginType::CredentialStore, newest).unwrap_err();
        assert_eq!(error.hint().unwrap(), "the nearest is `get_password_list`");
        let error = hook("authorize", PluginType::CredentialStore, newest).unwrap_err();
        assert!(error.to_string().contains("type `credentialstore`"), "{error}");
        let error = hook("get_totp_codes", PluginType::CredentialStore, Platform::named("8.0").unwrap()).unwrap_err();
        assert!(error.to_string().contains("a later version introduced it"), "{error}");
    }
}
