//! A case as a file: JSON, reviewable, replayable. Read strictly, with the place of what is wrong; written in one form,
//! so that the same case is the same bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    case::{Call, Session, SetOption, Value, check_services},
    contract::{Argument, Hook, Platform, PluginType, nearest_word},
};

/// The format that this version reads and writes.
const FORMAT: u64 = 1;

/// What a file of a case says at its top. It is no part of the case: names and comparisons are made without it.
const NOTE: &str = "May hold secrets of the configuration and of the session: keep it private.";

/// A session written down, with what it is run on and what it once showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The type of plugin that it is for.
    pub plugin_type: PluginType,
    /// The platform that it plays.
    pub platform: &'static Platform,
    /// The configuration text; `None` means the package's own default.cfg, or the text that the user gives.
    pub configuration: Option<String>,
    /// The session.
    pub session: Session,
    /// Sessions that ran before it in the same process: what a `state-leak` needs to show. Empty for every other rule.
    pub earlier: Vec<Session>,
    /// What it shows. A case without it is a regression test that must stay silent.
    pub found: Option<RecordedFinding>,
}

/// The defect that a case shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFinding {
    /// The rule's id.
    pub rule: String,
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// What was said of it.
    #[serde(default)]
    pub message: String,
}

/// Why a case cannot be read.
#[derive(Debug, Error)]
pub enum CaseError {
    /// No JSON, or a field is missing, unknown or of another form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Written by a later version.
    #[error("`format` is {0}, and this hookstorm reads format 1: update hookstorm")]
    Format(u64),
    /// A word that the contract does not know.
    #[error("{place}: `{word}` is not {kind}{}", nearest(.near))]
    Unknown {
        /// Where it stands.
        place: String,
        /// What stands there.
        word: String,
        /// What should.
        kind: &'static str,
        /// The nearest word that would be right.
        near: Option<String>,
    },
    /// Something of another form than the contract's.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where it stands.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

fn nearest(near: &Option<String>) -> String {
    near.as_ref().map(|word| format!("; the nearest is `{word}`")).unwrap_or_default()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseJson {
    /// Whatever it says, nothing follows from it.
    #[serde(default, skip_serializing)]
    #[expect(dead_code, reason = "it is for people")]
    note: Option<String>,
    format: u64,
    r#type: String,
    platform: String,
    #[serde(default)]
    configuration: Option<String>,
    #[serde(default = "Value::empty_dict")]
    session_cookie: Value,
    #[serde(default = "Value::empty_dict")]
    cookie: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    options: Vec<SetOption>,
    #[serde(default = "Value::empty_dict", skip_serializing_if = "Value::is_empty_dict")]
    services: Value,
    calls: Vec<CallJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<SessionJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<RecordedFinding>,
}

/// A session that ran before the case's own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionJson {
    #[serde(default = "Value::empty_dict")]
    session_cookie: Value,
    #[serde(default = "Value::empty_dict")]
    cookie: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    options: Vec<SetOption>,
    #[serde(default = "Value::empty_dict", skip_serializing_if = "Value::is_empty_dict")]
    services: Value,
    calls: Vec<CallJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallJson {
    hook: String,
    #[serde(default, skip_serializing_if = "is_false")]
    other: bool,
    #[serde(default = "Value::empty_dict")]
    arguments: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    cut_off: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// [`CaseError`] where it is no JSON, of a later format, or not in the contract's words.
    pub fn from_json(text: &str) -> Result<Self, CaseError> {
        // The format is looked at first: a later one may have fields that this version would call unknown.
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u64,
        }
        let FormatOnly { format } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(CaseError::Format(format));
        }
        let json: CaseJson = serde_json::from_str(text)?;

        let plugin_type = PluginType::named(&json.r#type).ok_or_else(|| CaseError::Unknown {
            place: "`type`".into(),
            kind: "a type of plugin",
            near: nearest_word(&json.r#type, PluginType::ALL.map(PluginType::name)).map(str::to_owned),
            word: json.r#type.clone(),
        })?;
        let platform = Platform::named(&json.platform).ok_or_else(|| CaseError::Unknown {
            place: "`platform`".into(),
            kind: "a platform",
            near: nearest_word(&json.platform, Platform::all().iter().map(|known| known.name)).map(str::to_owned),
            word: json.platform.clone(),
        })?;
        let session = SessionJson {
            session_cookie: json.session_cookie,
            cookie: json.cookie,
            options: json.options,
            services: json.services,
            calls: json.calls,
        };
        let earlier = json.earlier.into_iter().enumerate();
        Ok(Self {
            plugin_type,
            platform,
            configuration: json.configuration,
            session: Self::session_from_json("", session, plugin_type)?,
            earlier: earlier
                .map(|(index, json)| {
                    Self::session_from_json(&format!("earlier session {}, ", index + 1), json, plugin_type)
                })
                .collect::<Result<_, _>>()?,
            found: json.found,
        })
    }

    /// `within` opens the place in every message.
    fn session_from_json(within: &str, json: SessionJson, plugin_type: PluginType) -> Result<Session, CaseError> {
        for (name, cookie) in [("cookie", &json.cookie), ("session_cookie", &json.session_cookie)] {
            if cookie.as_dict().is_none() {
                let place = format!("{within}`{name}`");
                return Err(CaseError::Malformed { place, problem: "must be an object".into() });
            }
        }
        check_services(&json.services).map_err(|problem| CaseError::Malformed {
            place: format!("{within}{}", problem.place()),
            problem: problem.problem,
        })?;
        let calls = json
            .calls
            .into_iter()
            .enumerate()
            .map(|(index, call)| Self::call_from_json(&format!("{within}call {}", index + 1), call, plugin_type))
            .collect::<Result<_, _>>()?;
        let SessionJson { cookie, session_cookie, options, services, .. } = json;
        Ok(Session { cookie, session_cookie, calls, options, services })
    }

    fn call_from_json(place: &str, json: CallJson, plugin_type: PluginType) -> Result<Call, CaseError> {
        let place = || place.to_owned();
        let hook = Hook::named(&json.hook).ok_or_else(|| CaseError::Unknown {
            place: place(),
            kind: "a hook",
            near: nearest_word(&json.hook, Hook::ALL.iter().map(|hook| hook.name())).map(str::to_owned),
            word: json.hook.clone(),
        })?;
        if !json.other && hook.spec(plugin_type).is_none() {
            return Err(CaseError::Malformed {
                place: place(),
                problem: format!("a plugin of type `{plugin_type}` has no hook `{hook}`"),
            });
        }
        let Value::Dict(entries) = json.arguments else {
            return Err(CaseError::Malformed { place: place(), problem: "`arguments` must be an object".into() });
        };
        let arguments = arguments_from(entries).map_err(|(word, near)| CaseError::Unknown {
            place: place(),
            kind: "an argument that the platform passes",
            word,
            near,
        })?;
        Ok(Call { hook, other: json.other, arguments, answers: json.answers, cut_off: json.cut_off })
    }

    /// The case in its one form: two spaces, fields in the documented order, a line feed at the end.
    pub fn to_json(&self) -> String {
        let SessionJson { session_cookie, cookie, options, services, calls } = SessionJson::from(&self.session);
        let json = CaseJson {
            note: None,
            format: FORMAT,
            r#type: self.plugin_type.name().into(),
            platform: self.platform.name.into(),
            configuration: self.configuration.clone(),
            session_cookie,
            cookie,
            options,
            services,
            calls,
            earlier: self.earlier.iter().map(SessionJson::from).collect(),
            found: self.found.clone(),
        };
        let mut text = serde_json::to_string_pretty(&json).expect("a case holds nothing that JSON cannot carry");
        text.push('\n');
        text
    }

    /// What is written into a file: the same under a note for whoever opens it.
    pub fn to_file(&self) -> String {
        self.to_json().replacen("{\n", &format!("{{\n{}", note_line()), 1)
    }

    /// What a file holds without the note at its top: as [`Case::to_json`] wrote it, where that wrote it. Whether two files
    /// are the same case, and the name that is made of their content, do not depend on the note.
    pub fn without_note(bytes: &[u8]) -> Cow<'_, [u8]> {
        let head = format!("{{\n{}", note_line());
        match bytes.strip_prefix(head.as_bytes()) {
            Some(rest) => Cow::Owned([b"{\n", rest].concat()),
            None => Cow::Borrowed(bytes),
        }
    }
}

fn note_line() -> String {
    format!("  \"note\": \"{NOTE}\",\n")
}

impl From<&Session> for SessionJson {
    fn from(session: &Session) -> Self {
        let call = |call: &Call| CallJson {
            hook: call.hook.name().into(),
            other: call.other,
            arguments: Value::Dict(
                call.arguments.iter().map(|(argument, value)| (argument.name().to_owned(), value.clone())).collect(),
            ),
            answers: call.answers.clone(),
            cut_off: call.cut_off,
        };
        Self {
            session_cookie: session.session_cookie.clone(),
            cookie: session.cookie.clone(),
            options: session.options.clone(),
            services: session.services.clone(),
            calls: session.calls.iter().map(call).collect(),
        }
    }
}

/// A name that the platform never passes, and the nearest one that it does.
pub(crate) type UnknownArgument = (String, Option<String>);

/// Arguments from a JSON object's entries; the cookies are refused, since a case holds them once.
///
/// # Errors
/// [`UnknownArgument`] where the platform never passes one of that name.
pub(crate) fn arguments_from(entries: Vec<(String, Value)>) -> Result<Vec<(Argument, Value)>, UnknownArgument> {
    entries
        .into_iter()
        .map(|(name, value)| match Argument::named(&name) {
            Some(argument) if !matches!(argument, Argument::Cookie | Argument::SessionCookie) => Ok((argument, value)),
            _ => {
                let known = Argument::ALL.iter().map(|argument| argument.name());
                let near = nearest_word(&name, known).filter(|near| *near != name).map(str::to_owned);
                Err((name, near))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"{
  "format": 1,
  "type": "credentialstore",
  "platform": "9.0",
  "configuration": null,
  "session_cookie": {
    "questions": {
      "vp": "key://a#b"
    }
  },
  "cookie": {},
  "calls": [
    {
      "hook": "get_password_list",
      "arguments": {
        "session_id": "s-1",
        "server_port": 22
      }
    },
    {
      "hook": "session_ended",
      "arguments": {
        "session_id": "s-1"
      }
    }
  ],
  "found": {
    "rule": "uncaught-exception",
    "fingerprint": "3f9c2a71d0b4",
    "message": "AttributeError"
  }
}
"#;

    #[test]
    fn a_case_is_the_same_bytes_after_reading_and_writing() {
        assert_eq!(Case::from_json(CASE).unwrap().to_json(), CASE);
    }

    #[test]
    fn a_wrong_word_is_named_with_its_place_and_the_nearest_right_one() {
        let hook = Case::from_json(&CASE.replace("session_ended", "session_endet")).unwrap_err();
        assert_eq!(hook.to_string(), "call 2: `session_endet` is not a hook; the nearest is `session_ended`");
        let argument = Case::from_json(&CASE.replace("server_port", "sever_port")).unwrap_err();
        assert_eq!(
            argument.to_string(),
            "call 1: `sever_port` is not an argument that the platform passes; the nearest is `server_port`"
        );
    }

    #[test]
    fn earlier_sessions_come_back_and_their_mistakes_are_placed() {
        let session = r#"{"session_cookie": {}, "cookie": {}, "calls": []}"#;
        let with_earlier = CASE.replace("  \"found\"", &format!("  \"earlier\": [{session}],\n  \"found\""));
        let case = Case::from_json(&with_earlier).unwrap().to_json();
        assert!(case.contains("\"earlier\": [\n    {\n      \"session_cookie\": {},"), "{case}");
        assert_eq!(Case::from_json(&case).unwrap().to_json(), case);
        let error = Case::from_json(&case.replace("\"calls\": []", "\"calls\": [{\"hook\": \"x\"}]")).unwrap_err();
        assert_eq!(error.to_string(), "earlier session 1, call 1: `x` is not a hook");
    }

    #[test]
    fn services_and_options_come_back_and_a_service_that_is_none_is_placed() {
        let more = r#"  "cookie": {},
  "options": [
    {
      "section": "a",
      "name": "b",
      "value": "c"
    }
  ],
  "services": {
    "memory_cache": {
      "k": "1"
    }
  },"#;
        let text = CASE.replace("  \"cookie\": {},", more);
        assert_eq!(Case::from_json(&text).unwrap().to_json(), text);
        let error = Case::from_json(&text.replace("memory_cache", "memory")).unwrap_err();
        assert!(error.to_string().starts_with("`services`, `memory`: is no service; there are"), "{error}");
        let error = Case::from_json(&CASE.replace("\"cookie\": {}", "\"services\": []")).unwrap_err();
        assert_eq!(error.to_string(), "`services`: must be an object");
    }

    #[test]
    fn a_file_says_at_its_top_that_it_may_hold_secrets_and_is_the_same_case_all_the_same() {
        let case = Case::from_json(CASE).unwrap();
        let file = case.to_file();
        assert!(file.starts_with("{\n  \"note\": \"May hold secrets"), "{file}");
        assert_eq!(Case::from_json(&file).unwrap(), case);
        assert_eq!(*Case::without_note(file.as_bytes()), *CASE.as_bytes());
        assert_eq!(*Case::without_note(CASE.as_bytes()), *CASE.as_bytes());
    }

    #[test]
    fn a_later_format_is_named_before_its_unknown_fields() {
        let error = Case::from_json(r#"{"format": 2, "world": {}}"#).unwrap_err();
        assert!(matches!(error, CaseError::Format(2)), "{error}");
    }

    #[test]
    fn cookies_stand_beside_the_calls_and_never_in_their_arguments() {
        let error = Case::from_json(&CASE.replace("\"server_port\": 22", "\"cookie\": {}")).unwrap_err();
        assert!(error.to_string().contains("`cookie` is not an argument"), "{error}");
    }

    #[test]
    fn hooks_of_another_type_are_refused() {
        let error = Case::from_json(&CASE.replace("session_ended", "authorize")).unwrap_err();
        assert!(error.to_string().contains("a plugin of type `credentialstore` has no hook `authorize`"), "{error}");
    }
}
