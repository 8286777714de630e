//! What a hook may return: `return-type`, `return-value-invalid` and `return-key-unknown`, by the contract's table.
//!
//! Values that are secrets (passwords, keys, codes) are never shown, only their types. Allowed on purpose: a tuple
//! instead of a list, because JSON makes a list of it; a `question` without NEEDINFO; a value that another plugin put
//! into `session_cookie` under the same name and that the plugin passes on; CR LF in a key.

use super::{
    context::Context,
    message,
    result_shape::{self, ShapeProblem},
    value_path,
};
use crate::{
    contract::{HookSpec, nearest_word},
    finding::{Finding, Rule},
    trace::{Ending, Observed},
};

/// Reports a result that is neither None nor a dict. Its value may be a password, so the message has only the type.
pub(super) fn judge_type(context: &Context<'_>, index: usize, result: &Observed, findings: &mut Vec<Finding>) {
    if matches!(result, Observed::None | Observed::Dict(_) | Observed::Truncated) {
        return;
    }
    let message = format!("the hook returned {}; it must return None or a dict", message::a_type(result));
    findings.push(context.draft(Rule::ReturnType, index, message).detail(result.type_name()).finish());
}

/// Reports an entry of a result that the contract does not allow. False if its value is wrong, so that no other oracle
/// reports the value again.
pub(super) fn judge_entry(
    context: &Context<'_>,
    index: usize,
    spec: &HookSpec,
    (key, value): (&Observed, &Observed),
    findings: &mut Vec<Finding>,
) -> bool {
    let known = key.as_str().and_then(|name| spec.result_key(name));
    let Some(known) = known.filter(|known| known.since <= context.plugin.platform.api) else {
        if context.plugin.reports_unknown_keys && !(context.plugin.sdk_mismatch && known.is_some()) {
            let message = match known {
                Some(known) => format!(
                    "`{}` came with {}; platform {} ignores it",
                    known.name,
                    message::level(known.since),
                    context.plugin.platform
                ),
                None => unknown_key(context, spec, key),
            };
            let draft = context.draft(Rule::ReturnKeyUnknown, index, message);
            findings.push(draft.detail(value_path::key_detail(context, key)).finish());
        }
        return true;
    };
    match result_shape::check(context, known.shape, value) {
        Ok(()) => true,
        Err(_) if is_passed_on(context, index, known.name, value) => true,
        Err(ShapeProblem { path, there, must }) => {
            let message = format!("`{}{path}` {there}; it {must}", known.name);
            findings.push(context.draft(Rule::ReturnValueInvalid, index, message).detail(known.name).finish());
            false
        }
    }
}

fn unknown_key(context: &Context<'_>, spec: &HookSpec, key: &Observed) -> String {
    let near = key.as_str().and_then(|key| nearest_word(key, spec.result.iter().map(|known| known.name)));
    let shown = match key.as_str() {
        Some(key) => context.mask(&message::one_line(key, message::VALUE_LIMIT)),
        None => context.value(key),
    };
    match near {
        Some(near) => format!("the platform does not read `{shown}`; the nearest key is `{near}`"),
        None => format!("the platform does not read `{shown}`"),
    }
}

/// Reports NEEDINFO without a question, because the platform has nothing to ask then.
pub(super) fn judge_question(
    context: &Context<'_>,
    index: usize,
    spec: &HookSpec,
    result: &Observed,
    findings: &mut Vec<Finding>,
) {
    if spec.result_key("question").is_some()
        && result.get("verdict").and_then(Observed::as_str) == Some("NEEDINFO")
        && matches!(result.get("question"), None | Some(Observed::None))
    {
        let message = "`verdict` is 'NEEDINFO', but there is no `question`; it must be (key, prompt, disable_echo)";
        findings.push(context.draft(Rule::ReturnValueInvalid, index, message).detail("question").finish());
    }
}

/// Whether another plugin put the value into `session_cookie` under that name. The SDK passes `account` and `asset` on
/// unchanged \[S\], so the defect may be the other plugin's.
fn is_passed_on(context: &Context<'_>, index: usize, name: &str, value: &Observed) -> bool {
    let from = |cookie: Option<Observed>| cookie.is_some_and(|other| other == *value);
    from(context.session.session_cookie.get(name).map(Observed::from))
        || context.trace.calls[..index].iter().any(|earlier| match &earlier.ending {
            Ending::Returned(result) => from(result.get("session_cookie").and_then(|cookie| cookie.get(name)).cloned()),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Value,
        contract::{Hook, Platform, PluginType},
        oracle::{
            PluginUnderTest,
            testing::{Played, aa, dict, list, store, text, tuple},
        },
    };

    const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n";

    fn value(hook: Hook, key: &str, value: Observed) -> Played {
        Played::returned(hook, dict([(key, value)]))
    }

    #[track_caller]
    fn invalid(played: &Played, plugin: &PluginUnderTest, message: &str) {
        let finding = played.only(plugin);
        assert_eq!((finding.rule, finding.message.as_str()), (Rule::ReturnValueInvalid, message));
    }

    #[test]
    fn a_result_is_none_or_a_dict() {
        let finding = Played::returned(Hook::GetPasswordList, list([text("Tr0ub4dor&3")])).only(&store());
        assert_eq!(finding.rule, Rule::ReturnType);
        assert_eq!(finding.message, "the hook returned a list; it must return None or a dict");
        Played::returned(Hook::GetPasswordList, Observed::None).silent(&store());
        Played::returned(Hook::GetPasswordList, dict([])).silent(&store());
        Played::returned(Hook::SessionEnded, text("done")).silent(&store());
    }

    #[test]
    fn passwords_are_a_list_of_text_and_never_shown() {
        let of = |passwords| value(Hook::GetPasswordList, "passwords", passwords);
        of(list([])).silent(&store());
        of(list([text("a"), text("")])).silent(&store());
        of(tuple([text("a")])).silent(&store());
        invalid(&of(Observed::None), &store(), "`passwords` is None; it must be a list of str");
        invalid(&of(text("Tr0ub4dor&3")), &store(), "`passwords` is a str; it must be a list of str");
        invalid(&of(list([text("a"), Observed::None])), &store(), "`passwords[1]` is None; it must be a str");
        let bytes = Observed::Bytes(b"Tr0ub4dor&3".to_vec());
        invalid(&of(list([bytes])), &store(), "`passwords[0]` is bytes; it must be a str");
    }

    #[test]
    fn a_lone_surrogate_is_reported_once_and_not_as_a_wrong_value() {
        let finding =
            value(Hook::GetPasswordList, "passwords", list([Observed::BrokenStr("x\\udc80".into())])).only(&store());
        assert_eq!(finding.rule, Rule::NotJson);
        assert!(!finding.message.contains("udc80"), "{}", finding.message);
    }

    #[test]
    fn private_keys_are_pairs_of_a_type_and_a_pem_block() {
        let of = |keys| value(Hook::GetPrivateKeyList, "private_keys", keys);
        let pair = |kind: &str, key: &str| list([tuple([text(kind), text(key)])]);
        of(list([])).silent(&store());
        of(pair("ssh-rsa", KEY)).silent(&store());
        of(list([list([text("ssh-dss"), text(KEY)])])).silent(&store());
        let said = [
            (pair("ssh-ed25519", KEY), "`private_keys[0][0]` is 'ssh-ed25519'; it must be `ssh-rsa` or `ssh-dss`"),
            (pair(KEY, "ssh-rsa"), "`private_keys[0][0]` is a str; it must be `ssh-rsa` or `ssh-dss`"),
            (list([text(KEY)]), "`private_keys[0]` is a str; it must be a pair of type and PEM key"),
            (list([tuple([text("ssh-rsa")])]), "`private_keys[0]` has 1 item; it must be a pair of type and PEM key"),
            (
                list([tuple([text("ssh-rsa"), Observed::None])]),
                "`private_keys[0][1]` is None; it must be a PEM key as str",
            ),
            (dict([]), "`private_keys` is a dict; it must be a list of (type, key) pairs"),
        ];
        for (keys, message) in said {
            invalid(&of(keys), &store(), message);
        }
        assert_eq!(of(pair("ssh-rsa", "no key")).only(&store()).rule, Rule::ReturnValueInvalid);
    }

    #[test]
    fn a_one_time_code_is_a_dict_of_three() {
        let of = |period, code| {
            let code = dict([("unix_time", Observed::Int(1_761_749_392)), ("period", period), ("code", code)]);
            value(Hook::GetTotpCodes, "totp_codes", list([code]))
        };
        of(Observed::Int(30), text("123456")).silent(&store());
        invalid(&of(Observed::Bool(true), text("1")), &store(), "`totp_codes[0].period` is a bool; it must be an int");
        invalid(
            &of(Observed::Int(30), Observed::Int(123_456)),
            &store(),
            "`totp_codes[0].code` is an int; it must be a str",
        );
        let without = value(Hook::GetTotpCodes, "totp_codes", list([dict([])]));
        invalid(
            &without,
            &store(),
            "`totp_codes[0]` has no `unix_time`; it must be a dict of unix_time, period and code",
        );
    }

    #[test]
    fn a_verdict_is_one_of_four_words_or_none() {
        let of = |verdict| value(Hook::Authorize, "verdict", verdict);
        for verdict in [text("ACCEPT"), text("DENY"), text("NONE"), Observed::None] {
            of(verdict).silent(&aa());
        }
        Played::returned(Hook::Authorize, Observed::None).silent(&aa());
        let message = "`verdict` is 'accept'; it must be `ACCEPT`, `DENY`, `NEEDINFO`, `NONE` or None";
        invalid(&of(text("accept")), &aa(), message);
        assert_eq!(of(Observed::Bool(true)).only(&aa()).rule, Rule::ReturnValueInvalid);
    }

    #[test]
    fn needinfo_asks_a_question_of_three() {
        let of = |question| {
            let entries = dict([("verdict", text("NEEDINFO")), ("question", question)]);
            Played::returned(Hook::Authenticate, entries)
        };
        of(tuple([text("otp"), text("Code: "), Observed::Bool(true)])).silent(&aa());
        of(list([text("otp"), text("Code: "), Observed::Bool(false)])).silent(&aa());
        let two = of(tuple([text("otp"), text("Code: ")]));
        invalid(&two, &aa(), "`question` has 2 items; it must be (key: str, prompt: str, disable_echo: bool)");
        let missing = "`verdict` is 'NEEDINFO', but there is no `question`; it must be (key, prompt, disable_echo)";
        invalid(&of(Observed::None), &aa(), missing);
        invalid(&value(Hook::Authenticate, "verdict", text("NEEDINFO")), &aa(), missing);
        let number = of(tuple([text("otp"), text("Code: "), Observed::Int(1)]));
        assert!(number.only(&aa()).message.starts_with("`question[2]` is 1 (int)"));
        // The platform does not ask it.
        let needless = dict([("verdict", text("ACCEPT")), ("question", Observed::None)]);
        Played::returned(Hook::Authenticate, needless).silent(&aa());
    }

    #[test]
    fn a_cookie_is_a_dict() {
        let cookie = value(Hook::AuthenticationCompleted, "cookie", Observed::None);
        invalid(&cookie, &store(), "`cookie` is None; it must be a dict");
        let cookie = value(Hook::AuthenticationCompleted, "session_cookie", list([text("a")]));
        invalid(&cookie, &store(), "`session_cookie` is ['a'] (list); it must be a dict");
        value(Hook::AuthenticationCompleted, "cookie", dict([])).silent(&store());
    }

    #[test]
    fn metadata_and_users_are_text() {
        let metadata = value(Hook::Authorize, "additional_metadata", dict([("reason", text("x"))]));
        invalid(&metadata, &aa(), "`additional_metadata` is {'reason': 'x'} (dict); it must be a str");
        value(Hook::Authorize, "gateway_user", Observed::None).silent(&aa());
        value(Hook::Authorize, "gateway_groups", tuple([text("admins")])).silent(&aa());
        let groups = value(Hook::Authorize, "gateway_groups", list([Observed::Int(5)]));
        invalid(&groups, &aa(), "`gateway_groups[0]` is 5 (int); it must be a str");
    }

    #[test]
    fn what_another_plugin_put_into_the_session_cookie_may_be_passed_on() {
        let mut played = value(Hook::GetRemoteAppCredentials, "account", Observed::Int(5));
        invalid(&played, &store(), "`account` is 5 (int); it must be a str or None");
        played.session.session_cookie.set("account", Value::Int(5));
        played.silent(&store());
    }

    #[test]
    fn a_key_that_the_platform_does_not_read_is_reported_with_the_nearest() {
        let finding = value(Hook::GetPasswordList, "password", list([])).only(&store());
        assert_eq!(finding.rule, Rule::ReturnKeyUnknown);
        assert_eq!(finding.message, "the platform does not read `password`; the nearest key is `passwords`");
        let finding = Played::returned(Hook::GetPasswordList, Observed::Dict(vec![(Observed::Int(1), Observed::None)]))
            .only(&store());
        assert_eq!(finding.message, "the platform does not read `1`");
    }

    #[test]
    fn unknown_keys_of_aa_plugins_are_reported_only_on_request() {
        let played = value(Hook::Authorize, "metadata", text("x"));
        let mut plugin = aa();
        played.silent(&plugin);
        plugin.reports_unknown_keys = true;
        assert_eq!(played.only(&plugin).rule, Rule::ReturnKeyUnknown);
    }

    #[test]
    fn a_key_of_a_later_platform_is_reported_with_that_platform() {
        let mut old = PluginUnderTest::new(PluginType::Aa, Platform::named("6.2").unwrap(), "", vec![], false, None);
        old.reports_unknown_keys = true;
        let played = value(Hook::Authorize, "reason", text("expired"));
        assert_eq!(played.only(&old).message, "`reason` came with API 1.6 (SPS 6.7); platform 6.2 ignores it");
        played.silent(&aa());
        old.sdk_mismatch = true;
        played.silent(&old);
    }
}
