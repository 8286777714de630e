//! Canaries: the secrets of a session that must not appear in text, and which of them are distinctive enough to search
//! for.

use std::{borrow::Cow, cell::OnceCell};

use super::{
    PluginUnderTest,
    encoding::{self, Encoding},
    run::Run,
};
use crate::{
    case::{Session, SetOption, Value, secrets_of_services},
    contract::{Argument, Hook},
    package::configuration,
    trace::{Ending, Observed, Trace},
};

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SecretKind {
    /// The argument `gateway_password`.
    GatewayPassword,
    /// A password that a hook returned.
    Password,
    /// A private key that a hook returned.
    PrivateKey,
    /// An answer that was typed with the echo off.
    Answer,
    /// The one-time password in `key_value_pairs`.
    OneTimePassword,
    /// A code that `get_totp_codes` returned.
    TotpCode,
    /// An option of the configuration that is named like a secret.
    Configuration,
    /// A password or key in the platform's own credential stores or its directory.
    Service,
}

impl SecretKind {
    /// For the beginning of a sentence.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::GatewayPassword => "the gateway password",
            Self::Password => "a password that a hook returned",
            Self::PrivateKey => "a private key that a hook returned",
            Self::Answer => "an answer typed with the echo off",
            Self::OneTimePassword => "the one-time password",
            Self::TotpCode => "a one-time code that a hook returned",
            Self::Configuration => "a secret of the configuration",
            Self::Service => "a secret of the platform's credential stores or directory",
        }
    }

    /// For fingerprints.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::GatewayPassword => "gateway_password",
            Self::Password => "passwords",
            Self::PrivateKey => "private_keys",
            Self::Answer => "answer",
            Self::OneTimePassword => "otp",
            Self::TotpCode => "totp_codes",
            Self::Configuration => "configuration",
            Self::Service => "services",
        }
    }

    /// Whether the session passes it to the plugin. If the plugin's own text contains it as well, it is no canary.
    const fn is_passed_in(self) -> bool {
        matches!(self, Self::GatewayPassword | Self::Answer | Self::OneTimePassword | Self::Service)
    }
}

/// A secret of a session.
pub(super) struct Canary<'a> {
    pub(super) kind: SecretKind,
    /// The secret, or a line from the middle of a private key.
    pub(super) text: Cow<'a, str>,
    encodings: OnceCell<Vec<(Encoding, String)>>,
}

impl<'a> Canary<'a> {
    pub(super) const fn new(kind: SecretKind, text: Cow<'a, str>) -> Self {
        Self { kind, text, encodings: OnceCell::new() }
    }

    /// Its encodings, made on first use.
    pub(super) fn encodings(&self) -> &[(Encoding, String)] {
        self.encodings.get_or_init(|| encoding::encoded(&self.text))
    }
}

/// All secret text of a session, short and common ones as well, to mask it in everything that is printed.
pub fn secrets_of(plugin: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<String> {
    secrets_in(Run { plugin, session, trace })
}

/// As [`secrets_of`].
pub(super) fn secrets_in(run: Run<'_>) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    let mut found = |kind, text: Cow<'_, str>| {
        if is_key(kind, &text) {
            // Text may contain a part of a key.
            let lines = text.lines().map(str::trim).filter(|line| line.len() >= 8 && !line.starts_with("-----"));
            secrets.extend(lines.map(str::to_owned));
        }
        secrets.push(text.into_owned());
    };
    of_setup(run, &mut found);
    for index in 0..run.trace.calls.len() {
        of_call(run, index, &mut found);
    }
    // A session that ended early has passwords for calls that were never made.
    for call in &run.session.calls {
        secrets.extend(call.argument(Argument::GatewayPassword).and_then(Value::as_str).map(str::to_owned));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The secrets that exist before the first call: those of the configuration, of the options that the session sets on
/// top of it, and of the platform's services.
pub(super) fn of_setup<'a>(run: Run<'a>, found: &mut dyn FnMut(SecretKind, Cow<'a, str>)) {
    for secret in &run.plugin.configuration_secrets {
        found(SecretKind::Configuration, secret.as_str().into());
    }
    let Session { options, services, .. } = run.session;
    if !options.is_empty() {
        // Only the options: the secrets of the configuration below them are known for all sessions.
        for secret in
            configuration::secrets(&configuration::with_options("", options.iter().map(SetOption::assignment)))
        {
            found(SecretKind::Configuration, secret.into());
        }
    }
    if !services.is_empty_dict() {
        for secret in secrets_of_services(services) {
            found(SecretKind::Service, secret.into());
        }
    }
}

/// The secrets in the arguments and the result of the trace's call `index`.
pub(super) fn of_call<'a>(run: Run<'a>, index: usize, found: &mut dyn FnMut(SecretKind, Cow<'a, str>)) {
    let seen = &run.trace.calls[index];
    if let Some(call) = run.session.calls.get(seen.call) {
        if let Some(password) = call.argument(Argument::GatewayPassword).and_then(Value::as_str) {
            found(SecretKind::GatewayPassword, password.into());
        }
        let pairs = call.argument(Argument::KeyValuePairs);
        if let Some(otp) = pairs.and_then(|pairs| pairs.get("otp")).and_then(Value::as_str) {
            found(SecretKind::OneTimePassword, otp.into());
        }
        if let Some((answer, is_otp)) = answer(run, index).filter(|(_, is_otp)| *is_otp || seen.answer_is_secret) {
            found(if is_otp { SecretKind::OneTimePassword } else { SecretKind::Answer }, answer.into());
        }
    }
    let Ending::Returned(result) = &seen.ending else { return };
    let mut texts = |kind, value: &'a Observed| match value {
        Observed::Str(text) => found(kind, text.as_str().into()),
        Observed::Bytes(bytes) => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                found(kind, text.into());
            }
        }
        _ => {}
    };
    // A list instead of a dict, or text instead of a list, is a defect, but still contains secrets.
    let passwords = match result.get("passwords") {
        None if seen.hook == Hook::GetPasswordList => Some(result),
        passwords => passwords,
    };
    for password in passwords.map(items).unwrap_or_default() {
        texts(SecretKind::Password, password);
    }
    let keys = match result.get("private_keys") {
        None if seen.hook == Hook::GetPrivateKeyList => Some(result),
        keys => keys,
    };
    for pair in keys.map(items).unwrap_or_default() {
        for key in items(pair).iter().filter(|item| !is_key_type(item)) {
            texts(SecretKind::PrivateKey, key);
        }
    }
    for code in result.get("totp_codes").map(items).unwrap_or_default() {
        if let Some(code) = code.get("code") {
            texts(SecretKind::TotpCode, code);
        }
    }
}

/// Whether an item of a private key's pair is its type, or looks like one: `ssh-ed25519`.
fn is_key_type(item: &Observed) -> bool {
    const LONGEST: usize = 32;
    item.as_str().is_some_and(|text| text.len() <= LONGEST && (text.starts_with("ssh-") || text.starts_with("ecdsa-")))
}

/// The items of a list or tuple; a text alone is its own item.
fn items(value: &Observed) -> &[Observed] {
    match value {
        Observed::Str(_) | Observed::Bytes(_) => std::slice::from_ref(value),
        _ => value.items().unwrap_or_default(),
    }
}

/// The answer that the trace's call `index` got, and whether the question was for the one-time password.
fn answer<'a>(run: Run<'a>, index: usize) -> Option<(&'a str, bool)> {
    let seen = &run.trace.calls[index];
    let answer = run.session.calls.get(seen.call)?.answers.get(seen.round.checked_sub(1)?)?;
    let asked = index.checked_sub(1).and_then(|index| run.trace.calls.get(index)).and_then(|call| match &call.ending {
        Ending::Returned(result) => result.get("question")?.items()?.first()?.as_str(),
        _ => None,
    });
    Some((answer, asked == Some("otp")))
}

/// The part of a secret to search for: a line from the middle of a private key, because all keys begin alike; otherwise
/// the text without the space around it.
pub(super) fn needle(kind: SecretKind, text: &str) -> &str {
    if is_key(kind, text) { middle_of_key(text) } else { text.trim() }
}

/// Whether a secret is a private key: credential stores contain keys as well as passwords.
fn is_key(kind: SecretKind, text: &str) -> bool {
    kind == SecretKind::PrivateKey || (kind == SecretKind::Service && text.contains(" PRIVATE KEY-----"))
}

/// A line from the middle of a private key, or the whole text if there is no such line.
fn middle_of_key(key: &str) -> &str {
    let lines = || {
        key.split(['\n', '\r'])
            .flat_map(|line| line.split("\\n"))
            .map(str::trim)
            .filter(|line| line.len() >= 16 && !line.starts_with("-----") && !line.contains(": "))
    };
    lines().nth(lines().count() / 2).unwrap_or(key)
}

/// The shortest canary.
pub(super) const SHORTEST: usize = 6;
/// The shortest canary of letters only: shorter ones may be words.
const SHORTEST_LETTERS: usize = 12;
/// A canary shorter than this must be a whole word: six hexadecimal digits appear in many a hash.
const ANYWHERE: usize = 10;

/// Whether a text is unlikely to appear by chance, as far as this is known without the session.
pub(super) fn is_distinctive(text: &str) -> bool {
    let mut seen = [None; 4];
    let (mut length, mut alphanumeric) = (0, 0);
    for character in text.chars() {
        length += 1;
        alphanumeric += usize::from(character.is_alphanumeric());
        if !seen.contains(&Some(character))
            && let Some(place) = seen.iter_mut().find(|place| place.is_none())
        {
            *place = Some(character);
        }
    }
    // `../../..`, `------`, `aaaaaaaa`, `password` and `account=` appear without a leak.
    let core = core(text);
    let is_word = core.len() < SHORTEST_LETTERS && core.bytes().all(|byte| byte.is_ascii_alphabetic());
    length >= SHORTEST && alphanumeric >= 3 && seen[3].is_some() && !is_word
}

/// A text without the punctuation around it, because a log line puts punctuation around words.
fn core(text: &str) -> &str {
    text.trim_matches(|character: char| !character.is_alphanumeric())
}

/// Whether a canary counts only as a whole word.
pub(super) fn must_be_word(text: &str) -> bool {
    text.len() < ANYWHERE || text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the plugin may have had another reason to write this text: it is in an argument that is no secret, in a
/// cookie of the session, in the plugin's own text, or combined from such parts.
pub(super) fn is_known_otherwise(run: Run<'_>, canary: &Canary<'_>) -> bool {
    let canary_text = canary.text.trim();
    let inputs = open_inputs(run);
    if inputs.iter().any(|text| text.contains(canary_text)) {
        return true;
    }
    // A returned password may be part of the gateway password; if that one leaks, it is reported.
    let gateway = run.session.calls.iter().filter_map(|call| call.argument(Argument::GatewayPassword)?.as_str());
    if !canary.kind.is_passed_in() && gateway.into_iter().any(|password| password.contains(canary_text)) {
        return true;
    }
    // The configuration's `example.com` after an `@` is no leak of an answer `@example`.
    let own = if canary.kind.is_passed_in() { &run.plugin.known_text[..] } else { &[] };
    let names = || inputs.iter().copied().chain(own.iter().map(String::as_str));
    if pieces(canary_text).all(|piece| names().any(|text| pieces(text).any(|known| known == piece))) {
        return true;
    }
    if canary.kind.is_passed_in() {
        let core = core(canary_text);
        return run.plugin.known_text.iter().any(|known| known.contains(core));
    }
    // A password in the code is hard-coded and still secret, because the session did not pass it.
    let is_known = |known: &String| known.contains(canary_text) && known.len() > canary_text.len();
    run.plugin.known_text.iter().any(is_known) && !is_hard_coded(run, canary)
}

/// The alphanumeric parts of a text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

fn is_hard_coded(run: Run<'_>, canary: &Canary<'_>) -> bool {
    let text = canary.text.trim();
    run.plugin.known_text.iter().any(|known| match canary.kind {
        SecretKind::Password => known.trim() == text,
        SecretKind::PrivateKey => known.contains(" PRIVATE KEY-----") && known.contains(text),
        _ => false,
    })
}

/// Every text that the session passes to the plugin and that is no secret.
fn open_inputs<'a>(run: Run<'a>) -> Vec<&'a str> {
    fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
        match value {
            Value::Str(text) => texts.push(text),
            Value::List(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Dict(entries) => {
                for (key, value) in entries {
                    texts.push(key);
                    collect(value, texts);
                }
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(&run.session.cookie, &mut texts);
    collect(&run.session.session_cookie, &mut texts);
    for (argument, value) in run.session.calls.iter().flat_map(|call| &call.arguments) {
        match (argument, value) {
            (Argument::GatewayPassword, _) => {}
            (Argument::KeyValuePairs, Value::Dict(entries)) => {
                for (key, value) in entries {
                    texts.push(key);
                    if key != "otp" {
                        collect(value, &mut texts);
                    }
                }
            }
            _ => collect(value, &mut texts),
        }
    }
    for (index, seen) in run.trace.calls.iter().enumerate() {
        texts.extend(answer(run, index).filter(|(_, is_otp)| !is_otp && !seen.answer_is_secret).map(|(text, _)| text));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_appears_by_chance_is_no_canary() {
        for text in [
            "",
            "a1b2",
            "password",
            "Hunter",
            "aaaaaaaaaaaa",
            "../../../..",
            "      ",
            "%s%s%s%s",
            "account=",
            " user: ",
        ] {
            assert!(!is_distinctive(text), "{text}");
        }
        for text in ["Tr0ub4dor&3", "123456", "hunter2", "correcthorsebatterystaple", "pässwörd", "=hunter2="] {
            assert!(is_distinctive(text), "{text}");
        }
    }

    #[test]
    fn a_key_is_found_by_a_line_from_its_middle() {
        let (one, two, three) = ("A".repeat(64), "B".repeat(64), "C".repeat(64));
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{one}\n{two}\n{three}\n-----END RSA PRIVATE KEY-----\n");
        assert_eq!(middle_of_key(&pem), two);
        assert_eq!(middle_of_key(&pem.replace('\n', "\\n")), two);
        assert_eq!(middle_of_key("short"), "short");
    }
}
