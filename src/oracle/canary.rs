//! What must not turn up in text: the secrets of a session, and which of them are distinctive enough to be looked for.

use std::{borrow::Cow, cell::OnceCell};

use super::{
    Context,
    encoding::{self, Form},
};
use crate::{
    case::{Session, SetOption, Value, secrets_of_services},
    contract::{Argument, Hook},
    package::configuration,
    trace::{Ending, Observed},
};

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
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
    /// A password or key of the platform's own credential stores or of its directory.
    Service,
}

impl Kind {
    /// For the beginning of a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::GatewayPassword => "the gateway password",
            Self::Password => "a password that a hook returned",
            Self::PrivateKey => "a private key that a hook returned",
            Self::Answer => "an answer typed with the echo off",
            Self::OneTimePassword => "the one-time password",
            Self::TotpCode => "a one-time code that a hook returned",
            Self::Configuration => "a secret of the configuration",
            Self::Service => "a secret of the platform's credential store",
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

    /// Whether the session passes it in, so that whatever the plugin does with its inputs it may do with this text.
    const fn is_passed_in(self) -> bool {
        matches!(self, Self::GatewayPassword | Self::Answer | Self::OneTimePassword | Self::Service)
    }
}

/// A secret of a session.
pub(super) struct Canary<'a> {
    pub(super) kind: Kind,
    /// The secret; of a private key a line from its middle.
    pub(super) text: Cow<'a, str>,
    forms: OnceCell<Vec<(Form, String)>>,
}

impl<'a> Canary<'a> {
    pub(super) fn new(kind: Kind, text: impl Into<Cow<'a, str>>) -> Self {
        Self { kind, text: text.into(), forms: OnceCell::new() }
    }

    /// Its other forms, made once.
    pub(super) fn forms(&self) -> &[(Form, String)] {
        self.forms.get_or_init(|| encoding::of(&self.text))
    }
}

/// The secrets that are there before the first call: those of the configuration, of the options that the session sets on
/// top of it, and of the platform's services.
pub(super) fn of_surroundings<'a>(context: &Context<'a>, found: &mut dyn FnMut(Kind, Cow<'a, str>)) {
    for secret in &context.subject.configuration_secrets {
        found(Kind::Configuration, secret.as_str().into());
    }
    let Session { options, services, .. } = context.session;
    if !options.is_empty() {
        // By themselves: they are few, and the configuration under them was looked at once for all sessions.
        for secret in
            configuration::secrets(&configuration::with_options("", options.iter().map(SetOption::assignment)))
        {
            found(Kind::Configuration, secret.into());
        }
    }
    if !services.is_empty_dict() {
        for secret in secrets_of_services(services) {
            found(Kind::Service, secret.into());
        }
    }
}

/// The secrets that the trace's call `index` brings, by its arguments and by its result.
pub(super) fn of_call<'a>(context: &Context<'a>, index: usize, found: &mut dyn FnMut(Kind, Cow<'a, str>)) {
    let seen = &context.trace.calls[index];
    let call = context.session.calls.get(seen.call);
    if let Some(call) = call {
        if let Some(password) = call.argument(Argument::GatewayPassword).and_then(Value::as_str) {
            found(Kind::GatewayPassword, password.into());
        }
        let pairs = call.argument(Argument::KeyValuePairs);
        if let Some(otp) = pairs.and_then(|pairs| pairs.get("otp")).and_then(Value::as_str) {
            found(Kind::OneTimePassword, otp.into());
        }
        if let Some((answer, is_otp)) = answer(context, index).filter(|(_, is_otp)| *is_otp || seen.answer_is_secret) {
            found(if is_otp { Kind::OneTimePassword } else { Kind::Answer }, answer.into());
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
    // A list instead of a dict, text instead of a list: a defect, and all the same a secret.
    let passwords = match result.get("passwords") {
        None if seen.hook == Hook::GetPasswordList => Some(result),
        passwords => passwords,
    };
    for password in passwords.map(items).unwrap_or_default() {
        texts(Kind::Password, password);
    }
    let keys = match result.get("private_keys") {
        None if seen.hook == Hook::GetPrivateKeyList => Some(result),
        keys => keys,
    };
    for pair in keys.map(items).unwrap_or_default() {
        for key in items(pair).iter().filter(|item| !is_key_type(item)) {
            texts(Kind::PrivateKey, key);
        }
    }
    for code in result.get("totp_codes").map(items).unwrap_or_default() {
        if let Some(code) = code.get("code") {
            texts(Kind::TotpCode, code);
        }
    }
}

/// Whether an item of a private key's pair is its type, or was meant to be: `ssh-ed25519`.
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
fn answer<'a>(context: &Context<'a>, index: usize) -> Option<(&'a str, bool)> {
    let seen = &context.trace.calls[index];
    let answer = context.session.calls.get(seen.call)?.answers.get(seen.round.checked_sub(1)?)?;
    let asked =
        index.checked_sub(1).and_then(|index| context.trace.calls.get(index)).and_then(|call| match &call.ending {
            Ending::Returned(result) => result.get("question")?.items()?.first()?.as_str(),
            _ => None,
        });
    Some((answer, asked == Some("otp")))
}

/// The line of a private key that stands for it: from the middle, since all keys begin alike. The whole text where there
/// is no such line.
pub(super) fn middle_of_key(key: &str) -> &str {
    let lines = || {
        key.split(['\n', '\r'])
            .flat_map(|line| line.split("\\n"))
            .map(str::trim)
            .filter(|line| line.len() >= 16 && !line.starts_with("-----") && !line.contains(": "))
    };
    lines().nth(lines().count() / 2).unwrap_or(key)
}

/// The shortest text that is looked for.
pub(super) const SHORTEST: usize = 6;
/// The shortest text of nothing but letters: shorter ones are words.
const SHORTEST_LETTERS: usize = 12;
/// Text shorter than this must stand as a word of its own: six hexadecimal digits are in many a hash.
const ANYWHERE: usize = 10;

/// Whether a text could not be written by chance, as far as can be said without its session.
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
    // `../../..`, `------`, `aaaaaaaa`, `password` and `account=` turn up without anybody's doing.
    let core = core(text);
    let is_word = core.len() < SHORTEST_LETTERS && core.bytes().all(|byte| byte.is_ascii_alphabetic());
    length >= SHORTEST && alphanumeric >= 3 && seen[3].is_some() && !is_word
}

/// A text without the punctuation around it, which is what a log line puts around words.
fn core(text: &str) -> &str {
    text.trim_matches(|character: char| !character.is_alphanumeric())
}

/// Whether a text counts only as a word of its own.
pub(super) fn must_be_word(text: &str) -> bool {
    text.len() < ANYWHERE || text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the plugin may have had another reason to write this text: it is in an argument that is no secret, in a
/// cookie that came in, in the plugin's own words, or put together from such.
pub(super) fn is_known_otherwise(context: &Context<'_>, canary: &Canary<'_>) -> bool {
    let canary_text = canary.text.trim();
    let inputs = open_inputs(context);
    if inputs.iter().any(|text| text.contains(canary_text)) {
        return true;
    }
    // A password that the hook returned may be part of the gateway's; where that one leaks, it is told.
    let gateway = context.session.calls.iter().filter_map(|call| call.argument(Argument::GatewayPassword)?.as_str());
    if !canary.kind.is_passed_in() && gateway.into_iter().any(|password| password.contains(canary_text)) {
        return true;
    }
    // The configuration's `example.com` behind an `@` is no leak of an answer `@example`.
    let own = if canary.kind.is_passed_in() { &context.subject.known_text[..] } else { &[] };
    let names = || inputs.iter().copied().chain(own.iter().map(String::as_str));
    if pieces(canary_text).all(|piece| names().any(|text| pieces(text).any(|known| known == piece))) {
        return true;
    }
    if canary.kind.is_passed_in() {
        let core = core(canary_text);
        return context.subject.known_text.iter().any(|known| known.contains(core));
    }
    // A password that stands in the code as such is hard-coded and no less secret, since we did not pass it in.
    let is_known = |known: &String| known.contains(canary_text) && known.len() > canary_text.len();
    context.subject.known_text.iter().any(is_known) && !is_hard_coded(context, canary)
}

/// The names that a text is put together from.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

fn is_hard_coded(context: &Context<'_>, canary: &Canary<'_>) -> bool {
    let text = canary.text.trim();
    context.subject.known_text.iter().any(|known| match canary.kind {
        Kind::Password => known.trim() == text,
        Kind::PrivateKey => known.contains(" PRIVATE KEY-----") && known.contains(text),
        _ => false,
    })
}

/// Every text that the session passes in and that is no secret.
fn open_inputs<'a>(context: &Context<'a>) -> Vec<&'a str> {
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
    collect(&context.session.cookie, &mut texts);
    collect(&context.session.session_cookie, &mut texts);
    for (argument, value) in context.session.calls.iter().flat_map(|call| &call.arguments) {
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
    for (index, seen) in context.trace.calls.iter().enumerate() {
        texts.extend(
            answer(context, index).filter(|(_, is_otp)| !is_otp && !seen.answer_is_secret).map(|(text, _)| text),
        );
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_up_by_chance_is_not_looked_for() {
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
    fn a_key_is_known_by_a_line_from_its_middle() {
        let (one, two, three) = ("A".repeat(64), "B".repeat(64), "C".repeat(64));
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{one}\n{two}\n{three}\n-----END RSA PRIVATE KEY-----\n");
        assert_eq!(middle_of_key(&pem), two);
        assert_eq!(middle_of_key(&pem.replace('\n', "\\n")), two);
        assert_eq!(middle_of_key("short"), "short");
    }
}
