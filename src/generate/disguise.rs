//! The same session with other secrets, to tell a secret that leaked from a text that only happens to be the same: what a
//! plugin writes for another reason, it writes all the same when the secret is another one.

use crate::{
    case::{Session, Value},
    contract::Argument,
};

/// `session` with every letter and digit of its secrets replaced by another one: gateway passwords, one-time passwords,
/// answers, passwords of credential stores. Length, case and punctuation stay, since a plugin may branch on them. `None`
/// where there is nothing to replace.
pub fn disguised(session: &Session) -> Option<Session> {
    let mut other = session.clone();
    for call in &mut other.calls {
        for (argument, value) in &mut call.arguments {
            match (argument, value) {
                (Argument::GatewayPassword, password) => disguise(password),
                (Argument::KeyValuePairs, Value::Dict(pairs)) => {
                    pairs.iter_mut().filter(|(key, _)| key == "otp").for_each(|(_, otp)| disguise(otp));
                }
                _ => {}
            }
        }
        for answer in &mut call.answers {
            *answer = answer.chars().map(replaced).collect();
        }
    }
    if let Value::Dict(services) = &mut other.services {
        services.iter_mut().filter(|(key, _)| key == "credential_stores").for_each(|(_, stores)| disguise(stores));
    }
    (other != *session).then_some(other)
}

/// Every text in `value`, but for keys, which would be none any more.
fn disguise(value: &mut Value) {
    match value {
        Value::Str(text) if !text.contains(" PRIVATE KEY-----") => *text = text.chars().map(replaced).collect(),
        Value::List(items) => items.iter_mut().for_each(disguise),
        Value::Dict(entries) => entries.iter_mut().for_each(|(_, value)| disguise(value)),
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
    fn only_secrets_change_and_they_keep_their_shape() {
        let arguments =
            vec![(Argument::GatewayUsername, "sword:%2Fa".into()), (Argument::GatewayPassword, "sword:%2Fa".into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, arguments)]);
        let other = disguised(&session).unwrap();
        assert_eq!(other.calls[0].argument(Argument::GatewayUsername), Some(&"sword:%2Fa".into()));
        assert_eq!(other.calls[0].argument(Argument::GatewayPassword), Some(&"zdvyk:%5Mh".into()));
        let pairs = Value::Dict(vec![("otp".into(), "12".into()), ("gu".into(), "12".into())]);
        let session = Session::new(vec![Call {
            answers: vec!["Zz9".into()],
            ..Call::new(Hook::Authenticate, vec![(Argument::KeyValuePairs, pairs)])
        }]);
        let other = disguised(&session).unwrap();
        let pairs = other.calls[0].argument(Argument::KeyValuePairs).unwrap();
        assert_eq!((pairs.get("otp"), pairs.get("gu")), (Some(&"45".into()), Some(&"12".into())));
        assert_eq!(other.calls[0].answers, ["Gg2"]);
    }

    #[test]
    fn without_a_password_there_is_no_other_session() {
        let call = |value: Value| Call::new(Hook::GetPasswordList, vec![(Argument::GatewayPassword, value)]);
        for value in [Value::Null, "".into(), "--".into()] {
            assert_eq!(disguised(&Session::new(vec![call(value)])), None);
        }
    }
}
