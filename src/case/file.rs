//! A case as a file: JSON, reviewable, replayable. Reading is strict, and errors name the place. Writing has one form,
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

/// The note at the top of a case's file. It is not part of the case: names and comparisons ignore it.
const NOTE: &str = "May hold secrets of the configuration and of the session: keep it private.";

/// A session written down, with its plugin type, platform and configuration, and the finding that it showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The type of plugin that it is for.
    pub plugin_type: PluginType,
    /// The platform that hookstorm simulates.
    pub platform: &'static Platform,
    /// The configuration text; `None` means the package's own default.cfg, or the configuration that the user passes.
    pub configuration: Option<String>,
    /// The session.
    pub session: Session,
    /// Sessions that ran before it in the same process, which a `state-leak` needs. Empty for every other rule.
    pub earlier: Vec<Session>,
    /// The finding that it shows. A case without one is a regression test that must show no finding.
    pub found: Option<RecordedFinding>,
}

/// The finding that a case showed when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFinding {
    /// The rule's id.
    pub rule: String,
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// The finding's message then. Nothing depends on it.
    #[serde(default)]
    pub message: String,
}

/// Why a case cannot be read.
#[derive(Debug, Error)]
pub enum CaseError {
    /// It is not JSON, or a field is missing, unknown or of another form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("`format` is {0}, but this hookstorm reads only format 1: update hookstorm")]
    Format(u64),
    /// It contains a word that the contract does not know.
    #[error("{place}: `{word}` is not {kind}{}", nearest(.near))]
    Unknown {
        /// Where the word is.
        place: String,
        /// The word.
        word: String,
        /// What it should be.
        kind: &'static str,
        /// The nearest known word.
        near: Option<String>,
    },
    /// It contains something of another form.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where it is.
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
    /// Ignored.
    #[serde(default, skip_serializing)]
    #[expect(dead_code, reason = "only people read it")]
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// [`CaseError`] if it is not JSON, has a later format, or contains words that the contract does not know.
    pub fn from_json(text: &str) -> Result<Self, CaseError> {
        // The format is checked first, because a later one may have fields that are unknown here.
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

    /// `within` is the beginning of the place in every message.
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

    /// The case as JSON, always in the same form: indented by two spaces, fields in the documented order, a line feed
    /// at the end.
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
        let mut text = serde_json::to_string_pretty(&json).expect("JSON can represent every case");
        text.push('\n');
        text
    }

    /// The content of a case's file: the JSON with a note for people at its top.
    pub(crate) fn to_file(&self) -> String {
        self.to_json().replacen("{\n", &format!("{{\n{}", note_line()), 1)
    }

    /// The content of a file without the note at its top: what [`Case::to_json`] returns, if hookstorm wrote the file.
    /// Whether two files are the same case, and the name made of their content, do not depend on the note.
    pub(crate) fn without_note(bytes: &[u8]) -> Cow<'_, [u8]> {
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

/// Arguments from the entries of a JSON object. Cookies are refused, because a case contains them once.
///
/// # Errors
/// [`UnknownArgument`] if the platform never passes an argument of that name.
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
    fn earlier_sessions_are_read_and_their_errors_have_a_place() {
        let session = r#"{"session_cookie": {}, "cookie": {}, "calls": []}"#;
        let with_earlier = CASE.replace("  \"found\"", &format!("  \"earlier\": [{session}],\n  \"found\""));
        let case = Case::from_json(&with_earlier).unwrap().to_json();
        assert!(case.contains("\"earlier\": [\n    {\n      \"session_cookie\": {},"), "{case}");
        assert_eq!(Case::from_json(&case).unwrap().to_json(), case);
        let error = Case::from_json(&case.replace("\"calls\": []", "\"calls\": [{\"hook\": \"x\"}]")).unwrap_err();
        assert_eq!(error.to_string(), "earlier session 1, call 1: `x` is not a hook");
    }

    #[test]
    fn services_and_options_are_read_and_an_unknown_service_has_a_place() {
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
        assert!(error.to_string().starts_with("`services`, `memory`: is not a service; the services are"), "{error}");
        let error = Case::from_json(&CASE.replace("\"cookie\": {}", "\"services\": []")).unwrap_err();
        assert_eq!(error.to_string(), "`services`: must be an object");
    }

    #[test]
    fn a_file_has_a_note_about_secrets_and_is_still_the_same_case() {
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
    fn cookies_are_no_arguments_of_calls() {
        let error = Case::from_json(&CASE.replace("\"server_port\": 22", "\"cookie\": {}")).unwrap_err();
        assert!(error.to_string().contains("`cookie` is not an argument"), "{error}");
    }

    #[test]
    fn hooks_of_another_type_are_refused() {
        let error = Case::from_json(&CASE.replace("session_ended", "authorize")).unwrap_err();
        assert!(error.to_string().contains("a plugin of type `credentialstore` has no hook `authorize`"), "{error}");
    }
}
