//! The same session with other secrets. It separates a secret that leaked from a text that is equal by chance: if a
//! plugin writes the text for another reason, it still writes the old text when the secret has changed.

use crate::{
    case::{Session, SetOption, Value, change_secrets_of_services},
    contract::Argument,
};

/// What of a session is secret beside what is so by its place.
#[derive(Clone, Copy)]
pub(crate) struct SecretPlaces<'a> {
    /// The options of the configuration that contain secrets, and those of the session.
    pub(crate) options: &'a [SetOption],
    /// Whether the answer with that number (from 0) to the call with that index was typed with the echo off.
    pub(crate) is_secret_answer: &'a dyn Fn(usize, usize) -> bool,
    /// Whether `otp` in `key_value_pairs` is a one-time password.
    pub(crate) has_one_time_password: bool,
}

/// `session` with every letter and digit of its secrets replaced, and with the same inputs: gateway passwords, one-time
/// passwords, answers typed with the echo off, passwords of credential stores and of the directory, secret options.
/// Length, case and punctuation stay, because a plugin may branch on them. `None` if there is nothing to replace.
pub(crate) fn replace_secrets(session: &Session, secret: SecretPlaces<'_>) -> Option<Session> {
    let mut other = session.clone();
    for (index, call) in other.calls.iter_mut().enumerate() {
        for (argument, value) in &mut call.arguments {
            match (argument, value) {
                (Argument::GatewayPassword, Value::Str(password)) => replace(password),
                (Argument::KeyValuePairs, Value::Dict(pairs)) if secret.has_one_time_password => {
                    for (key, value) in pairs {
                        if let ("otp", Value::Str(otp)) = (key.as_str(), value) {
                            replace(otp);
                        }
                    }
                }
                _ => {}
            }
        }
        for (number, answer) in call.answers.iter_mut().enumerate() {
            if (secret.is_secret_answer)(index, number) {
                replace(answer);
            }
        }
    }
    change_secrets_of_services(&mut other.services, &mut replace);
    for option in secret.options {
        let known = other.options.iter_mut().find(|set| (&set.section, &set.name) == (&option.section, &option.name));
        match known {
            Some(known) => replace(&mut known.value),
            None => {
                let mut option = option.clone();
                replace(&mut option.value);
                other.options.push(option);
            }
        }
    }
    (other != *session).then_some(other)
}

/// `session` without a one-time password: a plugin that wants one asks for it then. `None` if it has none.
pub(crate) fn without_one_time_password(session: &Session) -> Option<Session> {
    let mut other = session.clone();
    for (argument, value) in other.calls.iter_mut().flat_map(|call| &mut call.arguments) {
        if let (Argument::KeyValuePairs, Value::Dict(pairs)) = (argument, value) {
            pairs.retain(|(key, _)| key != "otp");
        }
    }
    (other != *session).then_some(other)
}

/// Replaces a secret, unless it is a private key, which would no longer be one.
fn replace(text: &mut String) {
    if !text.contains(" PRIVATE KEY-----") {
        *text = text.chars().map(replaced).collect();
    }
}

fn replaced(character: char) -> char {
    let shifted = |first: u8, by: u8, count: u8| char::from(first + (character as u8 - first + by) % count);
    match character {
        'a'..='z' => shifted(b'a', 7, 26),
        'A'..='Z' => shifted(b'A', 7, 26),
        '0'..='9' => shifted(b'0', 3, 10),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::Call, contract::Hook};

    fn all(session: &Session) -> Option<Session> {
        let is_secret_answer = &|_, _| true;
        replace_secrets(session, SecretPlaces { options: &[], is_secret_answer, has_one_time_password: true })
    }

    #[test]
    fn only_secrets_change_and_they_keep_their_form() {
        let arguments =
            vec![(Argument::GatewayUsername, "sword:%2Fa".into()), (Argument::GatewayPassword, "sword:%2Fa".into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, arguments)]);
        let other = all(&session).unwrap();
        assert_eq!(other.calls[0].argument(Argument::GatewayUsername), Some(&"sword:%2Fa".into()));
        assert_eq!(other.calls[0].argument(Argument::GatewayPassword), Some(&"zdvyk:%5Mh".into()));
        let pairs = Value::Dict(vec![("otp".into(), "12".into()), ("gu".into(), "12".into())]);
        let session = Session::new(vec![Call {
            answers: vec!["Zz9".into()],
            ..Call::new(Hook::Authenticate, vec![(Argument::KeyValuePairs, pairs)])
        }]);
        let other = all(&session).unwrap();
        let pairs = other.calls[0].argument(Argument::KeyValuePairs).unwrap();
        assert_eq!((pairs.get("otp"), pairs.get("gu")), (Some(&"45".into()), Some(&"12".into())));
        assert_eq!(other.calls[0].answers, ["Gg2"]);
        assert_eq!(without_one_time_password(&other).unwrap().calls[0].arguments[0].1.get("otp"), None);
        assert_eq!(without_one_time_password(&without_one_time_password(&other).unwrap()), None);
    }

    #[test]
    fn open_answers_stay_and_secret_options_change() {
        let asked = Call { answers: vec!["open-1".into(), "pin-1".into()], ..Call::new(Hook::Authenticate, vec![]) };
        let session = Session::new(vec![asked]);
        let token = SetOption { section: "vault".into(), name: "token".into(), value: "ab%%1".into() };
        let secret = SecretPlaces {
            options: &[token],
            is_secret_answer: &|call, number| (call, number) == (0, 1),
            has_one_time_password: false,
        };
        let other = replace_secrets(&session, secret).unwrap();
        assert_eq!(other.calls[0].answers, ["open-1", "wpu-4"]);
        assert_eq!(other.options[0].value, "hi%%4");
        assert_eq!(replace_secrets(&other, secret).unwrap().options.len(), 1);
    }

    #[test]
    fn a_session_without_secrets_gives_no_other_one() {
        let call = |value: Value| Call::new(Hook::GetPasswordList, vec![(Argument::GatewayPassword, value)]);
        for value in [Value::Null, "".into(), "--".into()] {
            assert_eq!(all(&Session::new(vec![call(value)])), None);
        }
    }
}
