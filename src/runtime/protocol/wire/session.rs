//! Sessions, their calls and their options.

use super::{Reader, WireError, Writer};
use crate::{
    case::{Call, Session, SetOption},
    contract::{Argument, Hook},
};

impl Writer {
    /// Writes a call, without cookies.
    pub fn call(&mut self, call: &Call) {
        self.byte(call.hook as u8);
        self.byte(u8::from(call.other) | u8::from(call.cut_off) << 1);
        self.number(call.arguments.len() as u64);
        for (argument, value) in &call.arguments {
            self.byte(*argument as u8);
            self.value(value);
        }
        self.number(call.answers.len() as u64);
        for answer in &call.answers {
            self.blob(answer.as_bytes());
        }
    }

    /// Writes a session.
    pub fn session(&mut self, session: &Session) {
        self.value(&session.cookie);
        self.value(&session.session_cookie);
        self.options(&session.options);
        self.value(&session.services);
        self.number(session.calls.len() as u64);
        for call in &session.calls {
            self.call(call);
        }
    }

    /// Writes the options that a session sets.
    pub fn options(&mut self, options: &[SetOption]) {
        self.number(options.len() as u64);
        for option in options {
            self.blob(option.section.as_bytes());
            self.blob(option.name.as_bytes());
            self.blob(option.value.as_bytes());
        }
    }
}

impl Reader<'_> {
    /// Reads a call.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn call(&mut self) -> Result<Call, WireError> {
        let hook = Hook::numbered(self.byte()?).ok_or(self.error())?;
        let flags = self.byte()?;
        let count = self.count()?;
        let mut arguments = Vec::with_capacity(count.min(Argument::ALL.len()));
        for _ in 0..count {
            let argument = Argument::numbered(self.byte()?).ok_or(self.error())?;
            arguments.push((argument, self.value()?));
        }
        let count = self.count()?;
        let mut answers = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            answers.push(self.text()?.to_owned());
        }
        Ok(Call { hook, other: flags & 1 != 0, arguments, answers, cut_off: flags & 2 != 0 })
    }

    /// Reads a session.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn session(&mut self) -> Result<Session, WireError> {
        let cookie = self.value()?;
        let session_cookie = self.value()?;
        let options = self.options()?;
        let services = self.value()?;
        let count = self.count()?;
        let mut calls = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            calls.push(self.call()?);
        }
        Ok(Session { cookie, session_cookie, calls, options, services })
    }

    /// Reads the options that a session sets.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn options(&mut self) -> Result<Vec<SetOption>, WireError> {
        let count = self.count()?;
        let mut options = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            options.push(SetOption {
                section: self.text()?.to_owned(),
                name: self.text()?.to_owned(),
                value: self.text()?.to_owned(),
            });
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Value;

    fn session() -> Session {
        Session {
            cookie: Value::empty_dict(),
            session_cookie: Value::Dict(vec![
                ("a".into(), Value::List(vec![Value::Int(-1), Value::Int(i64::MIN), Value::Float(0.5), Value::Null])),
                ("b".into(), Value::BigInt("123456789012345678901".into())),
            ]),
            calls: vec![Call {
                hook: Hook::Authenticate,
                other: true,
                arguments: vec![
                    (Argument::SessionId, Value::text("s")),
                    (Argument::ClientPort, Value::Int(65535)),
                    (Argument::GatewayUser, Value::Bool(true)),
                ],
                answers: vec!["1234".into()],
                cut_off: true,
            }],
            options: vec![SetOption { section: "s".into(), name: "n".into(), value: "é".into() }],
            services: Value::Dict(vec![("user_lists".into(), Value::Null)]),
        }
    }

    #[test]
    fn a_session_crosses_the_wire_unchanged() {
        let mut writer = Writer::default();
        writer.session(&session());
        let mut reader = Reader::new(&writer.bytes);
        assert_eq!(reader.session().unwrap(), session());
        assert!(reader.is_at_end());
    }

    #[test]
    fn a_record_cut_anywhere_is_an_error() {
        let mut writer = Writer::default();
        writer.session(&session());
        for end in 0..writer.bytes.len() {
            assert!(Reader::new(&writer.bytes[..end]).session().is_err(), "cut at {end}");
        }
    }
}
