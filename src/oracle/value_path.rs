//! The path to a place in a result: for messages, and for fingerprints.

use super::{context::Context, message};
use crate::{contract::HookSpec, trace::Observed};

/// The most characters of a path in a message.
const PATH_LIMIT: usize = 80;
/// How many keys of a path a fingerprint depends on.
const DETAIL_DEPTH: usize = 3;
/// The longest key that a fingerprint depends on.
const DETAIL_KEY: usize = 40;

/// One step into a result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// Into a dict.
    Key(&'a Observed),
    /// Into a list, a tuple or a set.
    Index(usize),
}

/// `cookie.users[2]`, bounded.
pub(super) fn written(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(Observed::Str(key)) if is_name(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Step::Key(key) => path.push_str(&format!("[{}]", message::written(*key))),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        if path.len() > PATH_LIMIT * 8 {
            break;
        }
    }
    message::one_line(&path, PATH_LIMIT)
}

/// The path for a fingerprint: no indices, no depths, and no keys that are values. A key that is not a name, or that an
/// argument contains, becomes `*`: `cookie[username]` is one place for all users. A key of the contract and a word of
/// the plugin's own code stay, even if an argument happens to be equal.
pub(super) fn detail(context: &Context<'_>, steps: &[Step<'_>]) -> String {
    let mut detail = String::new();
    let keys = steps.iter().filter_map(|step| match step {
        Step::Key(key) => Some(*key),
        Step::Index(_) => None,
    });
    for key in keys.take(DETAIL_DEPTH) {
        if !detail.is_empty() {
            detail.push('.');
        }
        detail.push_str(key_detail(context, key));
    }
    detail
}

/// A key for a fingerprint: itself, or `*`.
pub(super) fn key_detail<'a>(context: &Context<'_>, key: &'a Observed) -> &'a str {
    match key.as_str() {
        Some(key)
            if is_name(key) && key.len() <= DETAIL_KEY && (is_own(context, key) || !is_argument(context, key)) =>
        {
            key
        }
        _ => "*",
    }
}

/// Whether `key` can be written after a dot.
fn is_name(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !key.as_bytes()[0].is_ascii_digit()
}

/// Whether the contract has this key, or the plugin's code contains it as a word or a name.
fn is_own(context: &Context<'_>, key: &str) -> bool {
    let plugin = context.plugin;
    HookSpec::on(plugin.plugin_type, plugin.platform).any(|spec| spec.result_key(key).is_some())
        || plugin.known_text.iter().chain(&plugin.own_names).any(|known| known == key)
}

/// Whether some argument is this text, or contains it as a value.
fn is_argument(context: &Context<'_>, key: &str) -> bool {
    context.arguments().any(|value| value.any(&|value| value.as_str() == Some(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Argument, Hook},
        oracle::testing::{Played, store, text},
    };

    #[test]
    fn a_path_reads_as_python_would_write_it() {
        let (cookie, users, spaced) = (text("cookie"), text("users"), text("a b"));
        let steps = [Step::Key(&cookie), Step::Key(&users), Step::Index(2), Step::Key(&spaced)];
        assert_eq!(written(&steps), "cookie.users[2]['a b']");
    }

    #[test]
    fn a_fingerprint_contains_no_users_name() {
        let of = |user: &str| {
            let played = Played::returned(Hook::GetPasswordList, Observed::None)
                .with(Argument::ServerUsername, user)
                .with(Argument::ServerPort, 22);
            let (plugin, cookie, user) = (store(), text("cookie"), text(user));
            let context = Context::new(&plugin, &played.session, &played.trace);
            detail(&context, &[Step::Key(&cookie), Step::Key(&user), Step::Index(7)])
        };
        assert_eq!(of("alice"), "cookie.*");
        assert_eq!(of("alice"), of("Ωmega"));
    }

    #[test]
    fn a_word_of_the_plugin_is_its_own_though_an_argument_is_the_same() {
        let played = Played::returned(Hook::GetPasswordList, Observed::None).with(Argument::ServerUsername, "lease");
        let (mut plugin, cookie, lease) = (store(), text("cookie"), text("lease"));
        plugin.known_text.push("lease".into());
        let context = Context::new(&plugin, &played.session, &played.trace);
        assert_eq!(detail(&context, &[Step::Key(&cookie), Step::Key(&lease)]), "cookie.lease");
    }

    #[test]
    fn keys_of_the_contract_and_names_of_the_code_are_never_values() {
        let mut plugin = store();
        plugin.own_names.push("_factors".into());
        let of = |user: &str| {
            let played = Played::returned(Hook::GetPasswordList, Observed::None)
                .with(Argument::ServerUsername, user)
                .with(Argument::GatewayUsername, "_factors");
            let (cookie, factors) = (text("cookie"), text("_factors"));
            let context = Context::new(&plugin, &played.session, &played.trace);
            detail(&context, &[Step::Key(&cookie), Step::Key(&factors)])
        };
        assert_eq!((of("cookie").as_str(), of("alice").as_str()), ("cookie._factors", "cookie._factors"));
    }
}
