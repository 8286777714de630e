//! Hides secrets before anything is shown: passwords and keys that hooks return, the gateway password, one-time
//! passwords, answers with echo off, secret options of the configuration.
//!
//! A secret is hidden in two ways: in its place (the whole value becomes `***`, however short it is), and wherever its
//! text occurs (only from four characters on: hiding every `a` would hide the report).

use std::sync::Arc;

use crate::{
    case::{Call, Session, SetOption, Value, secrets_of_services},
    contract::Argument,
    trace::{CallTrace, Ending, Observed},
};

/// What replaces a secret.
pub(crate) const STARS: &str = "***";

/// The fewest characters of a secret that is searched for in other text.
const TEXT_LEAST: usize = 4;

/// Knows the secrets of a report and hides them.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// Longest first, so that a secret inside another one leaves nothing of it.
    secrets: Vec<String>,
    /// Constants of the plugin's own code: what is passed in and equals one of them is no secret.
    own_words: Option<Arc<Vec<String>>>,
    shows_all: bool,
}

impl Mask {
    /// Hides `secrets`, and what is a secret by its place.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut mask = Self::default();
        mask.add(secrets);
        mask
    }

    /// Hides nothing: `--show-secrets`.
    pub const fn shows_all() -> Self {
        Self { secrets: Vec::new(), own_words: None, shows_all: true }
    }

    /// Shows values that are passed to the plugin and are a constant of its own code, wherever they are: they say which
    /// branch a case reaches.
    #[must_use]
    pub fn knowing(mut self, own_words: Vec<String>) -> Self {
        self.own_words = Some(Arc::new(own_words));
        self
    }

    fn is_own_word(&self, text: &str) -> bool {
        self.own_words.as_ref().is_some_and(|words| words.iter().any(|word| word == text))
    }

    /// Also hides `secrets`. The lines of a key count one by one, since output may be cut in the middle of it.
    pub fn add(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets {
            if secret.contains('\n') {
                let is_telling = |line: &&str| line.len() >= 16 && !line.starts_with("-----");
                self.secrets.extend(secret.lines().filter(is_telling).map(str::to_owned));
            }
            self.secrets.push(secret);
        }
        self.secrets.retain(|secret| secret.chars().count() >= TEXT_LEAST);
        self.secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.secrets.dedup();
    }

    /// Also hides what `session` passes and `calls` returned that is a secret by its place.
    #[must_use]
    pub fn with_session(mut self, session: &Session, calls: &[CallTrace]) -> Self {
        let mut secrets = Vec::new();
        for (index, call) in session.calls.iter().enumerate() {
            if let Some(Value::Str(password)) = call.argument(Argument::GatewayPassword) {
                secrets.push(password.clone());
            }
            if let Some(Value::Dict(pairs)) = call.argument(Argument::KeyValuePairs) {
                let hidden = pairs.iter().filter(|(key, _)| names_a_secret(key));
                secrets.extend(hidden.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
            }
            let hidden = call.answers.iter().enumerate().filter(|(number, _)| is_hidden(calls, index, *number));
            secrets.extend(hidden.map(|(_, answer)| answer.clone()));
        }
        secrets.retain(|secret| !self.is_own_word(secret));
        for call in calls {
            if let Ending::Returned(result) = &call.ending {
                for key in ["passwords", "private_keys", "totp_codes"] {
                    result.get(key).into_iter().for_each(|value| texts(value, &mut secrets));
                }
            }
        }
        secrets.extend(secrets_of_services(&session.services).into_iter().map(str::to_owned));
        let hidden = session.options.iter().filter(|option| names_a_secret(&option.name));
        secrets.extend(hidden.map(|option| option.value.clone()));
        // A key's type and the like are no secrets.
        secrets.retain(|secret| !matches!(secret.as_str(), "ssh-rsa" | "ssh-dss" | "code" | "period" | "unix_time"));
        self.add(secrets);
        self
    }

    /// `text` without the secrets.
    pub fn text(&self, text: &str) -> String {
        if self.shows_all {
            return text.to_owned();
        }
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), STARS) } else { text }
        })
    }

    /// A cookie, or any other value, without the secrets.
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::Str(text) => Value::Str(self.text(text)),
            Value::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            Value::Dict(entries) => {
                Value::Dict(entries.iter().map(|(key, value)| (self.text(key), self.value(value))).collect())
            }
            _ => value.clone(),
        }
    }

    /// What is passed as `argument`, without the secrets.
    pub fn argument(&self, argument: Argument, value: &Value) -> Value {
        match (argument, value) {
            _ if self.shows_all => value.clone(),
            // None and `""` are no secrets, and often what matters.
            (Argument::GatewayPassword, Value::Str(text)) if !text.is_empty() && !self.is_own_word(text) => {
                Value::text(STARS)
            }
            (Argument::KeyValuePairs, Value::Dict(pairs)) => Value::Dict(
                pairs
                    .iter()
                    .map(|(key, value)| match value {
                        Value::Str(text) if names_a_secret(key) && !text.is_empty() && !self.is_own_word(text) => {
                            (self.text(key), Value::text(STARS))
                        }
                        _ => (self.text(key), self.value(value)),
                    })
                    .collect(),
            ),
            _ => self.value(value),
        }
    }

    /// The content of the platform's services, without the secrets.
    pub fn services(&self, services: &Value) -> Value {
        if self.shows_all {
            return services.clone();
        }
        let secrets = secrets_of_services(services);
        // By its place too: a password of three characters is not searched for in other text.
        self.value(&starred(services, &|text| !text.is_empty() && secrets.contains(&text)))
    }

    /// The value of an option that a session sets, without the secrets.
    pub fn option(&self, option: &SetOption) -> String {
        let is_secret = names_a_secret(&option.name) && !matches!(option.value.as_str(), "" | "$" | "$$");
        if is_secret && !self.shows_all { STARS.to_owned() } else { self.text(&option.value) }
    }

    /// The answers of `call`, the `index`th of its session; `calls` shows which of them were typed openly.
    pub fn answers(&self, call: &Call, index: usize, calls: &[CallTrace]) -> Vec<String> {
        let answers = call.answers.iter().enumerate();
        answers
            .map(|(number, answer)| match () {
                () if self.shows_all => answer.clone(),
                () if self.is_own_word(answer) => answer.clone(),
                () if is_hidden(calls, index, number) && !answer.is_empty() => STARS.to_owned(),
                () => self.text(answer),
            })
            .collect()
    }

    /// What a hook returned, without the secrets.
    pub fn result(&self, result: &Observed) -> Observed {
        let Observed::Dict(entries) = result else { return self.observed(result) };
        if self.shows_all {
            return result.clone();
        }
        let masked = entries.iter().map(|(key, value)| {
            let value = match key.as_str() {
                Some("passwords" | "private_keys" | "totp_codes") => hidden(value),
                _ => self.observed(value),
            };
            (self.observed(key), value)
        });
        Observed::Dict(masked.collect())
    }

    fn observed(&self, observed: &Observed) -> Observed {
        let all = |items: &[Observed]| items.iter().map(|item| self.observed(item)).collect();
        match observed {
            Observed::Str(text) => Observed::Str(self.text(text)),
            Observed::BrokenStr(text) => Observed::BrokenStr(self.text(text)),
            Observed::Bytes(bytes) => Observed::Bytes(match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text).into_bytes(),
                Err(_) if self.text(&String::from_utf8_lossy(bytes)).contains(STARS) => STARS.into(),
                Err(_) => bytes.clone(),
            }),
            Observed::List(items) => Observed::List(all(items)),
            Observed::Tuple(items) => Observed::Tuple(all(items)),
            Observed::Set(items) => Observed::Set(all(items)),
            Observed::Dict(entries) => {
                Observed::Dict(entries.iter().map(|(key, value)| (self.observed(key), self.observed(value))).collect())
            }
            _ => observed.clone(),
        }
    }
}

/// `value` with stars for each text that `is_secret`; keys stay.
fn starred(value: &Value, is_secret: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::Str(text) if is_secret(text) => STARS.into(),
        Value::List(items) => Value::List(items.iter().map(|item| starred(item, is_secret)).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.iter().map(|(key, value)| (key.clone(), starred(value, is_secret))).collect())
        }
        _ => value.clone(),
    }
}

/// Whether answer `number` (from 0) of call `index` is hidden: unless a call shows that it was typed openly.
fn is_hidden(calls: &[CallTrace], index: usize, number: usize) -> bool {
    !calls.iter().any(|call| call.call == index && call.round == number + 1 && !call.answer_is_secret)
}

/// Every text of `observed` as stars; the shape, a key's type and the names stay, since findings are about them.
fn hidden(observed: &Observed) -> Observed {
    match observed {
        Observed::Str(text) if text.is_empty() || matches!(text.as_str(), "ssh-rsa" | "ssh-dss") => observed.clone(),
        Observed::Str(_) | Observed::BrokenStr(_) => Observed::Str(STARS.into()),
        Observed::Bytes(_) => Observed::Bytes(STARS.into()),
        Observed::List(items) => Observed::List(items.iter().map(hidden).collect()),
        Observed::Tuple(items) => Observed::Tuple(items.iter().map(hidden).collect()),
        Observed::Set(items) => Observed::Set(items.iter().map(hidden).collect()),
        Observed::Dict(entries) => {
            Observed::Dict(entries.iter().map(|(key, value)| (key.clone(), hidden(value))).collect())
        }
        _ => observed.clone(),
    }
}

/// Collects every text in `observed`, keys of dicts left out.
fn texts(observed: &Observed, into: &mut Vec<String>) {
    match observed {
        Observed::Str(text) | Observed::BrokenStr(text) => into.push(text.clone()),
        Observed::Bytes(bytes) => into.extend(String::from_utf8(bytes.clone())),
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => {
            items.iter().for_each(|item| texts(item, into));
        }
        Observed::Dict(entries) => entries.iter().for_each(|(_, value)| texts(value, into)),
        _ => {}
    }
}

/// Whether an option or key of this name most likely has a secret: `otp`, `password`, `api_key`.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "otp",
        "pin",
        "secret",
        "token",
        "api_key",
        "apikey",
        "private_key",
    ]
    .iter()
    .any(|word| match *word {
        // Short words count only whole: `ping` and `hotplug` are no secrets.
        "otp" | "pin" => name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == *word),
        _ => name.contains(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::Hook, trace::CapturedOutput};

    fn returned(result: Observed) -> CallTrace {
        CallTrace {
            call: 0,
            round: 0,
            hook: Hook::GetPasswordList,
            answer_is_secret: false,
            ending: Ending::Returned(result),
            stdout: CapturedOutput::default(),
            stderr: CapturedOutput::default(),
            elapsed: std::time::Duration::ZERO,
            files: Vec::new(),
            attempts: Vec::new(),
            leftovers: Vec::new(),
            changed_types: Vec::new(),
        }
    }

    fn text(text: &str) -> Observed {
        Observed::Str(text.into())
    }

    #[test]
    fn a_returned_password_is_hidden_in_the_result_and_wherever_it_shows_up() {
        let result = Observed::Dict(vec![
            (text("passwords"), Observed::List(vec![text("hunter22"), text("x")])),
            (text("cookie"), Observed::Dict(vec![(text("last"), text("was hunter22"))])),
        ]);
        let mask = Mask::default().with_session(&Session::new(Vec::new()), &[returned(result.clone())]);
        assert_eq!(mask.result(&result).to_string(), "{'passwords': ['***', '***'], 'cookie': {'last': 'was ***'}}");
        assert_eq!(mask.text("got hunter22, x"), "got ***, x");
    }

    #[test]
    fn a_key_is_hidden_line_by_line_and_its_type_is_shown() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAvery\nsecret0123456789abcd\n-----END RSA PRIVATE KEY-----";
        let result = Observed::Dict(vec![(
            text("private_keys"),
            Observed::List(vec![Observed::Tuple(vec![text("ssh-rsa"), text(key)])]),
        )]);
        let mask = Mask::default().with_session(&Session::new(Vec::new()), &[returned(result.clone())]);
        assert_eq!(mask.result(&result).to_string(), "{'private_keys': [('ssh-rsa', '***')]}");
        assert_eq!(mask.text("…QEA MIIEowIBAAKCAQEAvery"), "…QEA ***");
    }

    #[test]
    fn arguments_hide_the_gateway_password_and_one_time_passwords_but_not_their_absence() {
        let mask = Mask::default();
        assert_eq!(mask.argument(Argument::GatewayPassword, &"a".into()), "***".into());
        assert_eq!(mask.argument(Argument::GatewayPassword, &"".into()), "".into());
        assert_eq!(mask.argument(Argument::GatewayPassword, &Value::Null), Value::Null);
        let pairs = Value::Dict(vec![("otp".into(), "1".into()), ("username".into(), "joe".into())]);
        assert_eq!(mask.argument(Argument::KeyValuePairs, &pairs).to_string(), r#"{"otp":"***","username":"joe"}"#);
        assert_eq!(Mask::shows_all().argument(Argument::KeyValuePairs, &pairs), pairs);
    }

    #[test]
    fn services_are_shown_without_what_their_stores_hold() {
        let services =
            r#"{"credential_stores":{"local":{"u":{"h":["p1",{"type":"ssh-rsa","key":"k"}]}}},"state":{"f":"p1"}}"#;
        let mut session = Session::new(Vec::new());
        session.services = serde_json::from_str(services).unwrap();
        let shown = Mask::default().services(&session.services).to_string();
        assert!(
            shown.starts_with(r#"{"credential_stores":{"local":{"u":{"h":["***",{"type":"ssh-rsa","key":"***"}]}}}"#)
        );
        assert_eq!(Mask::shows_all().services(&session.services).to_string(), services);
        let option =
            |name: &str, value: &str| SetOption { section: "a".into(), name: name.into(), value: value.into() };
        let mask = Mask::default();
        assert_eq!([mask.option(&option("password", "x")), mask.option(&option("password", "$"))], ["***", "$"]);
        assert_eq!(mask.option(&option("host", "x")), "x");
    }

    #[test]
    fn an_answer_is_hidden_unless_it_was_seen_to_be_typed_openly() {
        let mut call = Call::new(Hook::Authenticate, Vec::new());
        call.answers = vec!["open sesame".into(), "hidden".into()];
        let mut open = returned(Observed::None);
        open.round = 1;
        let mut secret = open.clone();
        (secret.round, secret.answer_is_secret) = (2, true);
        let session = Session::new(vec![call.clone()]);
        let calls = [open, secret];
        let mask = Mask::default().with_session(&session, &calls);
        assert_eq!(mask.answers(&call, 0, &calls), ["open sesame", "***"]);
        assert_eq!(mask.answers(&call, 0, &[]), ["***", "***"]);
        assert_eq!(mask.text("hidden"), "***");
    }

    #[test]
    fn short_words_name_a_secret_only_whole() {
        for name in ["otp", "user-PIN", "Gateway_Password", "api_key"] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["username", "ping", "hotplug", "keyboard"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
