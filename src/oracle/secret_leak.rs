//! Searches for canaries where other people can read them: `secret-leak`. In standard error and output, in the text of
//! an exception that left a hook, in `additional_metadata`, in files left behind, and in the session cookie.
//!
//! Allowed on purpose: the plugin's own `cookie`; answers under `questions` in the session cookie, where plugins pass
//! them on; a secret that the plugin may have written for another reason (it is also the user's name, a word of the
//! plugin, a common word, or too short). Canaries are gathered only if there is text to search.

use std::{borrow::Cow, cell::OnceCell};

use super::{
    canary::{self, Canary, SecretKind},
    canary_match::{self, Channel, LeakPlace},
    context::Context,
    known_text,
};
use crate::{
    contract::Hook,
    finding::Finding,
    trace::{CallTrace, CapturedOutput, Ending, Observed},
};

/// The secrets that may be under `questions` in the session cookie.
const ANSWERS: [SecretKind; 2] = [SecretKind::Answer, SecretKind::OneTimePassword];

/// How many places of one text are looked at for each canary.
const PLACES_LIMIT: usize = 32;

/// Searches for every canary in all text that other people can read.
pub(super) fn judge<'a>(context: &Context<'a>, findings: &mut Vec<Finding>) {
    let mut search = CanarySearch { context, canaries: Vec::new(), gathered: 0, reported: Vec::new() };
    for (index, call) in context.trace.calls.iter().enumerate() {
        if context.is_other(call) {
            continue;
        }
        for (channel, output) in [(Channel::Stderr, &call.stderr), (Channel::Stdout, &call.stdout)] {
            search.text(Source { index, channel, output: Some(output), allowed: &[] }, &output.text, findings);
        }
        let source = |channel, allowed| Source { index, channel, output: None, allowed };
        for file in &call.files {
            search.text(source(Channel::File(&file.path), &[]), &file.text, findings);
        }
        match &call.ending {
            Ending::Raised(exception) => search.text(source(Channel::Exception, &[]), &exception.message, findings),
            Ending::Returned(result) if !is_dropped(context, call) => {
                if let Some(metadata) = result.get("additional_metadata") {
                    search.value(source(Channel::Metadata, &[]), metadata, findings);
                }
                for (key, value) in result.get("session_cookie").and_then(Observed::as_dict).unwrap_or_default() {
                    let allowed = if key.as_str() == Some("questions") { &ANSWERS[..] } else { &[] };
                    search.value(source(Channel::SessionCookie, allowed), value, findings);
                }
            }
            _ => {}
        }
    }
}

fn is_dropped(context: &Context<'_>, call: &CallTrace) -> bool {
    call.hook.spec(context.plugin.plugin_type).is_none_or(|spec| spec.result_dropped)
}

/// Where a text comes from.
#[derive(Clone, Copy)]
struct Source<'a> {
    /// The call that wrote it.
    index: usize,
    channel: Channel<'a>,
    /// The whole output that the text is.
    output: Option<&'a CapturedOutput>,
    /// The secrets that may be there.
    allowed: &'a [SecretKind],
}

struct CanarySearch<'a, 'c> {
    context: &'c Context<'a>,
    /// Those of the calls before `gathered`.
    canaries: Vec<Canary<'a>>,
    gathered: usize,
    /// One finding for each hook, kind and place.
    reported: Vec<(Hook, SecretKind, String)>,
}

impl<'a> CanarySearch<'a, '_> {
    /// Gathers the canaries of all calls up to and including `index`, each text once.
    fn gather(&mut self, index: usize) {
        let canaries = &mut self.canaries;
        let mut found = |kind, text: Cow<'a, str>| {
            let text: Cow<'a, str> = match text {
                Cow::Borrowed(text) => canary::needle(kind, text).into(),
                Cow::Owned(text) => canary::needle(kind, &text).to_owned().into(),
            };
            if canary::is_distinctive(&text) && canaries.iter().all(|canary| canary.text != text) {
                canaries.push(Canary::new(kind, text));
            }
        };
        if self.gathered == 0 {
            canary::of_setup(**self.context, &mut found);
        }
        while self.gathered <= index {
            canary::of_call(**self.context, self.gathered, &mut found);
            self.gathered += 1;
        }
    }

    /// Searches all text in a value, including keys.
    fn value(&mut self, source: Source<'a>, value: &'a Observed, findings: &mut Vec<Finding>) {
        match value {
            Observed::Str(text) => self.text(source, text, findings),
            Observed::Dict(entries) => {
                for part in entries.iter().flat_map(|(key, value)| [key, value]) {
                    self.value(source, part, findings);
                }
            }
            _ => {
                for item in value.items().unwrap_or_default() {
                    self.value(source, item, findings);
                }
            }
        }
    }

    fn text(&mut self, source: Source<'a>, text: &str, findings: &mut Vec<Finding>) {
        if text.len() < canary::SHORTEST {
            return;
        }
        self.gather(source.index);
        let may_be_encoded = OnceCell::new();
        for canary in self.canaries.iter().filter(|canary| !source.allowed.contains(&canary.kind)) {
            let Some(found) = canary_match::find(text, canary, &may_be_encoded) else { continue };
            if known_text::is_known_otherwise(**self.context, canary) {
                continue;
            }
            // Each record of the log is a place of its own, and what is written between them is another one.
            let mut places = 0;
            let mut next = Some(found);
            while let Some(found) = next.take().filter(|_| places < PLACES_LIMIT) {
                places += 1;
                let place = LeakPlace::new(source.channel, source.output, found.start);
                let is_new = report(&mut self.reported, self.context, source, canary.kind, &place);
                if is_new {
                    findings.push(canary_match::finding(self.context, source.index, &place, canary, text, &found));
                }
                let Some(output) = source.output.filter(|output| !output.records.is_empty()) else { break };
                let after = output.after_place(found.start);
                next = canary_match::find(&text[after..], canary, &may_be_encoded).map(|found| found.moved_by(after));
            }
        }
    }
}

/// Notes that a place is reported. False if it was before: in this hook, or in any hook if what is there stays there.
fn report(
    reported: &mut Vec<(Hook, SecretKind, String)>,
    context: &Context<'_>,
    source: Source<'_>,
    kind: SecretKind,
    place: &LeakPlace<'_>,
) -> bool {
    let hook = context.trace.calls[source.index].hook;
    let location = place.location(&context.trace.calls[source.index]);
    let function = location.map_or_else(String::new, |place| format!("{} {} ", place.file, place.function));
    let detail = format!("{function}{}", place.detail(context));
    let is_known = reported
        .iter()
        .any(|(other, known, at)| *known == kind && *at == detail && (*other == hook || source.channel.lasts()));
    if !is_known {
        reported.push((hook, kind, detail));
    }
    !is_known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Value,
        contract::{Argument, Platform, PluginType},
        finding::{Rule, Severity},
        oracle::{
            PluginUnderTest, secrets_of,
            testing::{Played, aa, dict, exception, frame, list, output, store, text, tuple},
        },
        trace::ScratchFile,
    };

    const SECRET: &str = "Tr0ub4dor&3";
    const HOOK: Hook = Hook::GetPasswordList;

    /// A hook that got [`SECRET`] as the gateway password and wrote `line`.
    fn wrote(line: &str) -> Played {
        Played::returned(HOOK, Observed::None).with(Argument::GatewayPassword, SECRET).stderr(line)
    }

    #[test]
    fn a_password_in_the_log_is_quoted_without_it() {
        let finding = wrote("INFO start\nINFO login of alice with Tr0ub4dor&3 failed\nINFO end\n").only(&store());
        assert_eq!((finding.rule, finding.severity), (Rule::SecretLeak, Severity::Error));
        assert_eq!(
            finding.message,
            "the gateway password is written to standard error: `INFO login of alice with *** failed`"
        );
        wrote("INFO login of alice\n").silent(&store());
    }

    #[test]
    fn a_returned_password_that_is_part_of_the_gateway_password_is_reported_as_that() {
        let returned = dict([("passwords", list([text("ub4dor&3-x")]))]);
        let played = Played::returned(HOOK, returned).with(Argument::GatewayPassword, "Trub4dor&3-x");
        let finding = played.stderr("login with Trub4dor&3-x\n").only(&store());
        assert!(finding.message.starts_with("the gateway password is written"), "{}", finding.message);
    }

    #[test]
    fn an_encoded_password_is_found_and_said_to_be() {
        let said = |line| wrote(line).only(&store()).message;
        assert!(said("Basic YWxpY2U6VHIwdWI0ZG9yJjM=").contains("standard error, in base64: `Basic"));
        assert!(said("GET /?p=Tr0ub4dor%263").ends_with(", URL-encoded: `GET /?p=***`"));
    }

    #[test]
    fn a_line_of_any_length_is_quoted_around_the_secret() {
        let message = wrote(&format!("{}{SECRET}{}", "é".repeat(5000), "y".repeat(5000))).only(&store()).message;
        assert!(message.chars().count() < 250 && message.contains("é***y"), "{message}");
    }

    #[test]
    fn a_secret_of_any_length_is_quoted_without_it() {
        let secret = "Kq9!mZ".repeat(2000);
        let played = Played::returned(HOOK, Observed::None).with(Argument::GatewayPassword, secret.as_str());
        assert!(
            played.stderr(&format!("got {secret} and went")).only(&store()).message.ends_with("`got *** and went`")
        );
    }

    #[test]
    fn at_log_level_debug_and_in_the_session_cookie_it_is_a_warning() {
        let plugin = PluginUnderTest { logs_debug: true, ..store() };
        assert_eq!(wrote(SECRET).only(&plugin).severity, Severity::Warning);
        let result = dict([("session_cookie", dict([("token", text("Bearer Tr0ub4dor&3"))]))]);
        let played = Played::returned(HOOK, result.clone()).with(Argument::GatewayPassword, SECRET);
        assert_eq!(played.only(&store()).severity, Severity::Warning);
        // It stays there for all later calls, which is one finding.
        assert_eq!(played.call(Hook::AuthenticationCompleted, Ending::Returned(result)).judge(&store()).len(), 1);
    }

    #[test]
    fn the_plugins_own_cookie_and_a_returned_password_are_silent() {
        let result = dict([("passwords", list([text(SECRET)])), ("cookie", dict([("p", text(SECRET))]))]);
        Played::returned(HOOK, result).with(Argument::GatewayPassword, SECRET).silent(&store());
    }

    #[test]
    fn a_secret_that_the_session_cookie_contained_may_stay_there() {
        let mut played = Played::returned(HOOK, dict([("session_cookie", dict([("token", text(SECRET))]))]))
            .with(Argument::GatewayPassword, SECRET);
        played.session.session_cookie.set("token", Value::text(SECRET));
        played.silent(&store());
    }

    #[test]
    fn a_returned_password_is_a_secret_from_its_call_on() {
        let result = dict([("passwords", list([text("x7#Kq9!mZ")]))]);
        let log = |line: &str| {
            Played::returned(HOOK, result.clone())
                .call(Hook::SessionEnded, Ending::Returned(Observed::None))
                .stderr(line)
        };
        let finding = log("checking in x7#Kq9!mZ").only(&store());
        assert_eq!(finding.hook, Some(Hook::SessionEnded));
        assert!(finding.message.starts_with("a password that a hook returned is written"), "{}", finding.message);
        log("checking in").silent(&store());
    }

    #[test]
    fn a_key_is_found_by_its_middle() {
        let (one, two) = ("QUFB".repeat(16), "b3kX".repeat(16));
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{one}\n{two}\n{one}\n-----END RSA PRIVATE KEY-----\n");
        let result = dict([("private_keys", list([tuple([text("ssh-rsa"), text(&pem)])]))]);
        let finding =
            Played::returned(Hook::GetPrivateKeyList, result.clone()).stderr(&format!("{pem:?}")).only(&store());
        assert!(finding.message.starts_with("a private key that a hook returned"), "{}", finding.message);
        assert!(!finding.message.contains("b3kX") && !finding.message.contains("QUFB"), "{}", finding.message);
        let header = "no -----BEGIN RSA PRIVATE KEY----- in the file";
        Played::returned(Hook::GetPrivateKeyList, result).stderr(header).silent(&store());
    }

    #[test]
    fn exceptions_metadata_and_files_are_searched() {
        let mut raised = Played::new()
            .call(HOOK, Ending::Raised(exception("ValueError", "bad Tr0ub4dor&3", vec![frame("f", 3)])))
            .with(Argument::GatewayPassword, SECRET);
        let leak = raised.judge(&store()).into_iter().find(|finding| finding.rule == Rule::SecretLeak).unwrap();
        assert_eq!(leak.location.map(|location| location.line), Some(3));

        raised.last().ending = Ending::CutOff;
        raised.last().files = vec![ScratchFile { path: "state".into(), text: SECRET.into() }];
        raised.last().stdout = output(SECRET);
        let said: Vec<String> = raised.judge(&store()).into_iter().map(|finding| finding.message).collect();
        assert!(said[0].contains("standard output") && said[1].contains("left behind in the file `state`"), "{said:?}");

        let metadata = dict([("verdict", text("ACCEPT")), ("additional_metadata", text("otp 91-Kq-55"))]);
        let pairs = Value::Dict(vec![("otp".into(), "91-Kq-55".into())]);
        let finding = Played::returned(Hook::Authorize, metadata).with(Argument::KeyValuePairs, pairs).only(&aa());
        assert_eq!(finding.message, "the one-time password is in `additional_metadata`: `otp ***`");
    }

    #[test]
    fn answers_count_when_the_echo_was_off_and_may_be_passed_on_as_answers() {
        let ask = dict([
            ("verdict", text("NEEDINFO")),
            ("question", tuple([text("pin"), text("PIN: "), Observed::Bool(true)])),
        ]);
        let accept = Ending::Returned(dict([("verdict", text("ACCEPT"))]));
        let asked =
            |secret, ending| Played::returned(Hook::Authenticate, ask.clone()).answered("zx-Q9-41", secret, ending);
        assert_eq!(asked(true, accept.clone()).stderr("got zx-Q9-41").only(&aa()).rule, Rule::SecretLeak);
        asked(false, accept).stderr("got zx-Q9-41").silent(&aa());
        let questions = dict([("questions", dict([("pin", text("zx-Q9-41"))]))]);
        asked(true, Ending::Returned(dict([("session_cookie", questions)]))).silent(&aa());
    }

    #[test]
    fn only_a_question_with_the_echo_off_asks_for_a_one_time_password() {
        let asked = |key: &str, disable_echo| {
            let question = tuple([text(key), text("?"), Observed::Bool(disable_echo)]);
            Played::returned(Hook::Authenticate, dict([("verdict", text("NEEDINFO")), ("question", question)]))
                .answered("zx-Q9-41", disable_echo, Ending::Returned(Observed::None))
                .stderr("got zx-Q9-41 and TICKET-77")
        };
        assert!(asked("otp", true).only(&aa()).message.starts_with("the one-time password is written"));
        assert!(asked("pin", true).only(&aa()).message.starts_with("an answer typed with the echo off"));
        asked("otp", false).silent(&aa());
        // What such a plugin finds under that key in a later session is no secret either.
        let pairs = || Value::Dict(vec![("otp".into(), "TICKET-77".into())]);
        asked("otp", false).with(Argument::KeyValuePairs, pairs()).silent(&aa());
        let later = Played::returned(Hook::Authenticate, Observed::None).with(Argument::KeyValuePairs, pairs());
        let later = later.stderr("got TICKET-77");
        later.only(&aa());
        later.silent(&PluginUnderTest { asks_otp_openly: true, ..aa() });
    }

    #[test]
    fn passwords_and_keys_of_the_platforms_credential_stores_are_secrets_and_names_are_not() {
        let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", "b3kX".repeat(16));
        let said = |line: &str| {
            let mut played = Played::returned(HOOK, Observed::None).stderr(line);
            let services = format!(
                r#"{{"credential_stores": {{"local-7#Qx": {{"svc-9!user": {{"srv-1.example": ["x7#Kq9!mZ", {{"type": "ssh-rsa", "key": {}}}]}}}}}}}}"#,
                Value::text(&*key)
            );
            played.session.services = serde_json::from_str(&services).unwrap();
            played.judge(&store()).into_iter().map(|finding| finding.message).collect::<Vec<_>>()
        };
        let found = "a secret of the platform's credential stores or directory is written to standard error";
        assert_eq!(said("using x7#Kq9!mZ now"), [format!("{found}: `using *** now`")]);
        assert_eq!(said(&format!("key {} end", "b3kX".repeat(16))), [format!("{found}: `key *** end`")]);
        assert_eq!(said("local-7#Qx: svc-9!user at srv-1.example"), [""; 0]);
    }

    #[test]
    fn options_that_a_session_sets_have_secrets() {
        let said = |name: &str| {
            let mut played = Played::returned(HOOK, Observed::None).stderr("with x7#Kq9!mZ");
            played.session.options =
                vec![crate::case::SetOption { section: "vault".into(), name: name.into(), value: "x7#Kq9!mZ".into() }];
            played.judge(&store()).len()
        };
        assert_eq!((said("password"), said("path")), (1, 0));
    }

    #[test]
    fn a_password_that_is_also_a_name_or_a_word_is_no_canary() {
        wrote("login of Tr0ub4dor&3").with(Argument::GatewayUsername, SECRET).silent(&store());
        wrote("login of x-Tr0ub4dor&3-y").with(Argument::ServerUsername, "x-Tr0ub4dor&3-y").silent(&store());
        let mut plugin = store();
        let password = |text: &str| Played::returned(HOOK, Observed::None).with(Argument::GatewayPassword, text);
        plugin.known_text.push("the default is Tr0ub4dor&3".into());
        wrote("the default is Tr0ub4dor&3").silent(&plugin);
        let common = Played::returned(HOOK, Observed::None).with(Argument::GatewayPassword, "password");
        common.stderr("Fetching passwords for alice").silent(&store());
        // A domain that the plugin appends, and an answer that begins like it.
        plugin.known_text.push("[username_transform]\nappend_domain=ex4mple7.com".into());
        password("@ex4mple7").stderr("identity of alice.smith@ex4mple7.com").silent(&plugin);
        password("@ex4mple7").stderr("identity of alice.smith@ex4mple7.com").only(&store());
        // alice@corp7.org, combined from its parts.
        Played::returned(HOOK, Observed::None)
            .with(Argument::GatewayPassword, "alice@corp7.org")
            .with(Argument::GatewayUsername, "alice")
            .with(Argument::GatewayDomain, "corp7.org")
            .stderr("user alice@corp7.org")
            .silent(&store());
    }

    #[test]
    fn a_word_of_the_plugins_with_punctuation_around_it_is_no_secret() {
        let mut plugin = store();
        plugin.known_text.push("domain_asset_mapping".into());
        for password in ["domain_asset_mapping=", "account="] {
            Played::returned(HOOK, Observed::None)
                .with(Argument::GatewayPassword, password)
                .stderr(&format!("Fetching passwords for {password}alice"))
                .silent(&plugin);
        }
    }

    #[test]
    fn a_hard_coded_password_is_still_a_secret() {
        let mut plugin = store();
        plugin.known_text.push("x7#Kq9!mZ".into());
        let result = dict([("passwords", list([text("x7#Kq9!mZ")]))]);
        Played::returned(HOOK, result).stderr("found x7#Kq9!mZ").only(&plugin);

        let line = "b3kX".repeat(16);
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{line}\n-----END RSA PRIVATE KEY-----\n");
        let result = dict([("private_keys", list([tuple([text("ssh-rsa"), text(&pem)])]))]);
        plugin.known_text.push(pem.clone());
        Played::returned(Hook::GetPrivateKeyList, result).stderr(&pem).only(&plugin);
    }

    #[test]
    fn digits_count_only_as_a_whole_number() {
        let pairs = || Value::Dict(vec![("otp".into(), "123456".into())]);
        let log = |line: &str| {
            Played::returned(Hook::Authenticate, Observed::None).with(Argument::KeyValuePairs, pairs()).stderr(line)
        };
        log("12:00:00.123456 start 9123456").silent(&aa());
        log("checking otp 123456").only(&aa());
    }

    #[test]
    fn secrets_of_the_configuration_are_canaries_although_its_text_contains_them() {
        let configuration = "[vault]\npassword = Vault-Pw-77\n";
        let secrets = vec!["Vault-Pw-77".to_owned()];
        let plugin =
            PluginUnderTest::new(PluginType::CredentialStore, Platform::newest(), configuration, secrets, false, None);
        let finding = Played::returned(HOOK, Observed::None).stderr("POST vault Vault-Pw-77").only(&plugin);
        assert_eq!(finding.message, "a secret of the configuration is written to standard error: `POST vault ***`");
    }

    #[test]
    fn one_hook_that_logs_two_passwords_is_one_finding_and_another_hook_another() {
        let result = dict([("passwords", list([text("x7#Kq9!mZ"), text("p0!Lm3$vB")]))]);
        let played = Played::returned(HOOK, result).stderr("x7#Kq9!mZ p0!Lm3$vB");
        assert!(played.only(&store()).message.ends_with("`*** ***`"));
        let played = played.call(Hook::SessionEnded, Ending::Returned(Observed::None)).stderr("x7#Kq9!mZ");
        let findings = played.judge(&store());
        assert_eq!(findings.len(), 2);
        assert_ne!(findings[0].fingerprint, findings[1].fingerprint);
    }

    #[test]
    fn all_secrets_are_masked_even_short_ones() {
        let played =
            Played::returned(HOOK, dict([("passwords", list([text("ab")]))])).with(Argument::GatewayPassword, "pw");
        assert_eq!(secrets_of(&store(), &played.session, &played.trace), ["ab", "pw"]);
    }
}
