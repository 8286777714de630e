//! Whether a path that leads out of the plugin's folders is built from what a user typed. Then a user chooses which
//! file the plugin writes or reads.

use crate::{
    case::{Call, Value},
    contract::Argument,
};

/// The fewest characters of a name that is compared as a whole: shorter ones occur in paths by chance.
const NAME_CHARACTERS: usize = 4;

/// The argument of `call` from which `path` is built: one that climbs (`../x`) or is absolute, or one that is the name
/// of the file.
pub(super) fn argument(call: &Call, path: &str) -> Option<&'static str> {
    let typed = call.arguments.iter().filter(|(argument, _)| is_typed(*argument));
    let mut texts = typed.flat_map(|(argument, value)| texts(value).into_iter().map(|text| (argument.name(), text)));
    let answers = call.answers.iter().map(|answer| (Argument::KeyValuePairs.name(), answer.as_str()));
    texts
        .find(|(_, text)| builds(text, path))
        .or_else(|| answers.into_iter().find(|(_, text)| builds(text, path)))
        .map(|(name, _)| name)
}

/// Whether a user types the value, or can choose it.
const fn is_typed(argument: Argument) -> bool {
    matches!(
        argument,
        Argument::GatewayUsername
            | Argument::GatewayUser
            | Argument::GatewayPassword
            | Argument::GatewayDomain
            | Argument::TargetUsername
            | Argument::TargetHost
            | Argument::TargetServer
            | Argument::TargetDomain
            | Argument::ServerUsername
            | Argument::ServerHostname
            | Argument::ServerDomain
            | Argument::ClientHostname
            | Argument::KeyValuePairs
    )
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Str(text) => vec![text],
        Value::Dict(entries) => entries.iter().filter_map(|(_, value)| value.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn builds(text: &str, path: &str) -> bool {
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let mut named: Vec<&str> = Vec::new();
    for part in &parts {
        if *part == ".." {
            named.pop();
        } else {
            named.push(part);
        }
    }
    let leads_out = text.starts_with('/') || parts.contains(&"..");
    let (Some(last), path_parts) = (named.last(), path.split('/').collect::<Vec<_>>()) else { return false };
    if !leads_out && (parts.len() > 1 || last.chars().count() < NAME_CHARACTERS) {
        return false;
    }
    let Some((file, folders)) = path_parts.split_last() else { return false };
    // A plugin may add an ending: `alice.json`.
    let is_name = file == last || file.strip_prefix(last).is_some_and(|ending| ending.starts_with('.'));
    is_name && folders.ends_with(&named[..named.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Hook;

    fn built(text: &str, path: &str) -> Option<&'static str> {
        argument(&Call::new(Hook::GetPasswordList, vec![(Argument::ServerUsername, text.into())]), path)
    }

    #[test]
    fn a_path_that_a_user_chooses_is_recognized() {
        for (text, path) in [
            ("../../etc/passwd", "/etc/passwd"),
            ("/etc/passwd", "/etc/passwd"),
            ("../x", "/run/x.json"),
            ("alice", "/var/lib/store/alice.json"),
            ("a/../../etc/cron.d/x", "/etc/cron.d/x"),
        ] {
            assert_eq!(built(text, path), Some("server_username"), "{text}");
        }
    }

    #[test]
    fn a_path_that_only_has_a_word_in_common_is_not() {
        for (text, path) in [
            ("store", "/store/.netrc"),
            ("lib", "/var/lib"),
            ("a", "/var/a"),
            ("alice", "/var/lib/alice/key"),
            ("..", "/var/lib"),
            ("", "/"),
            ("b/alice", "/var/lib/alice"),
        ] {
            assert_eq!(built(text, path), None, "{text}");
        }
        let id = Call::new(Hook::GetPasswordList, vec![(Argument::SessionId, "session-1".into())]);
        assert_eq!(argument(&id, "/var/lib/session-1"), None);
    }
}
