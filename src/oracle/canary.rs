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

/// The key under which a one-time password is in `key_value_pairs` \[S\].
pub(super) const OTP: &str = "otp";

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

    /// Whether hookstorm passes it to the plugin and may pass another one. If the plugin's own code contains it as
    /// well, it is no canary.
    pub(super) const fn is_passed_in(self) -> bool {
        match self {
            Self::GatewayPassword | Self::Answer | Self::OneTimePassword | Self::Service | Self::Configuration => true,
            Self::Password | Self::PrivateKey | Self::TotpCode => false,
        }
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

/// All secret text of a session, short and common ones as well, to mask it in everything that is printed. A value that
/// is also a constant of the plugin's own code is none: it says which branch the case reaches.
pub fn secrets_of(plugin: &PluginUnderTest, session: &Session, trace: &Trace) -> Vec<String> {
    secrets_in(Run { plugin, session, trace })
}

/// As [`secrets_of`].
pub(super) fn secrets_in(run: Run<'_>) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    let mut found = |kind: SecretKind, text: Cow<'_, str>| {
        if kind.is_passed_in() && run.plugin.own_words.iter().any(|word| *word == text) {
            return;
        }
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
        let password = call.argument(Argument::GatewayPassword).and_then(Value::as_str);
        secrets.extend(password.filter(|text| run.plugin.own_words.iter().all(|word| word != text)).map(str::to_owned));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The secrets that exist before the first call: those of the configuration, of the options that the session sets on
/// top of it, and of the platform's services.
pub(super) fn of_setup<'a>(run: Run<'a>, found: &mut dyn FnMut(SecretKind, Cow<'a, str>)) {
    let replaced = |value: &str| {
        let is_set = |option: &&SetOption| option.value.replace("%%", "%") == value;
        let Some(base) = run.plugin.secret_options.iter().find(is_set) else { return false };
        run.session.options.iter().any(|set| (&set.section, &set.name) == (&base.section, &base.name))
    };
    // What the session sets on top of the configuration replaces the secret below.
    for secret in run.plugin.configuration_secrets.iter().filter(|secret| !replaced(secret)) {
        found(SecretKind::Configuration, secret.as_str().into());
    }
    let Session { options, services, .. } = run.session;
    if !options.is_empty() {
        // Only the options: the other secrets of the configuration are known for all sessions.
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
        if let Some(otp) = pairs.and_then(|pairs| pairs.get(OTP)).and_then(Value::as_str)
            && has_one_time_password(run)
        {
            found(SecretKind::OneTimePassword, otp.into());
        }
        if let Some(answer) = answer(run, index).filter(|_| seen.answer_is_secret) {
            let asked = index.checked_sub(1).and_then(|before| question(run.trace, before));
            let is_otp = asked.is_some_and(|(key, _)| key == OTP);
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

/// The answer that the trace's call `index` got.
pub(super) fn answer<'a>(run: Run<'a>, index: usize) -> Option<&'a str> {
    let seen = &run.trace.calls[index];
    Some(run.session.calls.get(seen.call)?.answers.get(seen.round.checked_sub(1)?)?)
}

/// The key of the question that the trace's call `index` asked, and whether it is asked with the echo off.
fn question(trace: &Trace, index: usize) -> Option<(&str, bool)> {
    let Ending::Returned(result) = &trace.calls.get(index)?.ending else { return None };
    let [key, _, disable_echo] = result.get("question")?.items()? else { return None };
    Some((key.as_str()?, *disable_echo == Observed::Bool(true)))
}

/// Whether the trace shows a question for `otp` with the echo on. What is typed so that others can read it, a ticket
/// number for instance, is no secret, whatever its key is called.
pub(crate) fn asks_otp_openly(trace: &Trace) -> bool {
    (0..trace.calls.len()).any(|index| question(trace, index) == Some((OTP, false)))
}

/// Whether `otp` in `key_value_pairs` is a one-time password.
pub(super) fn has_one_time_password(run: Run<'_>) -> bool {
    !run.plugin.asks_otp_openly && !asks_otp_openly(run.trace)
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
pub(super) fn core(text: &str) -> &str {
    text.trim_matches(|character: char| !character.is_alphanumeric())
}

/// Whether a canary counts only as a whole word.
pub(super) fn must_be_word(text: &str) -> bool {
    text.len() < ANYWHERE || text.bytes().all(|byte| byte.is_ascii_digit())
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
