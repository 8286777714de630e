//! The same session with another gateway password, to tell a password that leaked from a text that only happens to be the
//! same: what a plugin writes down for another reason does not change with the password.

use crate::{
    case::{Session, Value},
    contract::Argument,
};

/// `session` with every letter and digit of its gateway passwords replaced by another one; length, case and punctuation
/// stay, since a plugin may branch on them. `None` where there is nothing to replace.
pub fn disguised(session: &Session) -> Option<Session> {
    let mut other = session.clone();
    for call in &mut other.calls {
        for (argument, value) in &mut call.arguments {
            if let (Argument::GatewayPassword, Value::Str(password)) = (argument, value) {
                *password = password.chars().map(replaced).collect();
            }
        }
    }
    (other != *session).then_some(other)
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
    fn only_the_password_changes_and_it_keeps_its_shape() {
        let arguments =
            vec![(Argument::GatewayUsername, "sword:%2Fa".into()), (Argument::GatewayPassword, "sword:%2Fa".into())];
        let session = Session::new(vec![Call::new(Hook::GetPasswordList, arguments)]);
        let other = disguised(&session).unwrap();
        assert_eq!(other.calls[0].argument(Argument::GatewayUsername), Some(&"sword:%2Fa".into()));
        assert_eq!(other.calls[0].argument(Argument::GatewayPassword), Some(&"zdvyk:%5Mh".into()));
    }

    #[test]
    fn without_a_password_there_is_no_other_session() {
        let call = |value: Value| Call::new(Hook::GetPasswordList, vec![(Argument::GatewayPassword, value)]);
        for value in [Value::Null, "".into(), "--".into()] {
            assert_eq!(disguised(&Session::new(vec![call(value)])), None);
        }
    }
}
