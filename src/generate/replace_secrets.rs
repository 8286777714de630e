//! The same session with other secrets. It separates a secret that leaked from a text that is equal by chance: if a
//! plugin writes the text for another reason, it still writes the old text when the secret has changed.

use crate::{
    case::{Session, Value},
    contract::Argument,
};

/// `session` with every letter and digit of its secrets replaced: gateway passwords, one-time passwords, answers,
/// passwords of credential stores. Length, case and punctuation stay, because a plugin may branch on them. `None` if
/// there is nothing to replace.
pub(crate) fn replace_secrets(session: &Session) -> Option<Session> {
    let mut other = session.clone();
    for call in &mut other.calls {
        for (argument, value) in &mut call.arguments {
            match (argument, value) {
                (Argument::GatewayPassword, password) => replace_texts(password),
                (Argument::KeyValuePairs, Value::Dict(pairs)) => {
                    pairs.iter_mut().filter(|(key, _)| key == "otp").for_each(|(_, otp)| replace_texts(otp));
                }
                _ => {}
            }
        }
        for answer in &mut call.answers {
            *answer = answer.chars().map(replaced).collect();
        }
    }
    if let Value::Dict(services) = &mut other.services {
        services.iter_mut().filter(|(key, _)| key == "credential_stores").for_each(|(_, stores)| replace_texts(stores));
    }
    (other != *session).then_some(other)
}

/// Replaces every text in `value` except private keys, which would no longer be keys.
fn replace_texts(value: &mut Value) {
    match value {
        Value::Str(text) if !text.contains(" PRIVATE KEY-----") => *text = text.chars().map(replaced).collect(),
        Value::List(items) => items.iter_mut().for_each(replace_texts),
        Value::Dict(entries) => entries.iter_mut().for_each(|(_, value)| replace_texts(value)),
        _ => {}
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

    #[test]
    fn only_secrets_change_and_they_keep_their_form() {
        let arguments =
            vec![(Argument::GatewayUsername, "sword:%2Fa".into()), (Argument::GatewayPassword, "sword:%2Fa".into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, arguments)]);
        let other = replace_secrets(&session).unwrap();
        assert_eq!(other.calls[0].argument(Argument::GatewayUsername), Some(&"sword:%2Fa".into()));
        assert_eq!(other.calls[0].argument(Argument::GatewayPassword), Some(&"zdvyk:%5Mh".into()));
        let pairs = Value::Dict(vec![("otp".into(), "12".into()), ("gu".into(), "12".into())]);
        let session = Session::new(vec![Call {
            answers: vec!["Zz9".into()],
            ..Call::new(Hook::Authenticate, vec![(Argument::KeyValuePairs, pairs)])
        }]);
        let other = replace_secrets(&session).unwrap();
        let pairs = other.calls[0].argument(Argument::KeyValuePairs).unwrap();
        assert_eq!((pairs.get("otp"), pairs.get("gu")), (Some(&"45".into()), Some(&"12".into())));
        assert_eq!(other.calls[0].answers, ["Gg2"]);
    }

    #[test]
    fn a_session_without_secrets_gives_no_other_one() {
        let call = |value: Value| Call::new(Hook::GetPasswordList, vec![(Argument::GatewayPassword, value)]);
        for value in [Value::Null, "".into(), "--".into()] {
            assert_eq!(replace_secrets(&Session::new(vec![call(value)])), None);
        }
    }
}
