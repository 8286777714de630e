//! The JSON Schemas (2020-12) of a case, of a report and of a line of events, as `hookstorm schema` prints them. The
//! latter two are made from the types that write them; the case's is made from the contract's own tables, so that an editor completes hooks and
//! arguments.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::{json::ReportJson, ndjson::LineJson};
use crate::{
    contract::{Argument, Hook, Platform, PluginType},
    finding::Rule,
};

/// The schema of a report.
pub fn report() -> Value {
    schema_for!(ReportJson).to_value()
}

/// The schema of a line of events.
pub fn ndjson() -> Value {
    schema_for!(LineJson<'_>).to_value()
}

/// The schema of a case.
pub fn case() -> Value {
    let is_passed = |argument: &&Argument| !matches!(argument, Argument::Cookie | Argument::SessionCookie);
    let arguments: Map<String, Value> =
        Argument::ALL.iter().filter(is_passed).map(|argument| (argument.name().to_owned(), json!({}))).collect();
    let types: Vec<_> = PluginType::ALL.iter().map(|plugin_type| plugin_type.name()).collect();
    let platforms: Vec<_> = Platform::all().iter().map(|platform| platform.name).collect();
    let hooks: Vec<_> = Hook::ALL.iter().map(|hook| hook.name()).collect();
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    let calls = json!({
        "description": "What is called, in order.",
        "type": "array",
        "items": {
            "type": "object",
            "required": ["hook"],
            "additionalProperties": false,
            "properties": {
                "hook": {"enum": hooks},
                "other": {"description": "Whether it goes to the other plugin of a session of two.", "type": "boolean"},
                "arguments": {
                    "description": "What is passed, without the cookies.",
                    "type": "object",
                    "properties": arguments,
                    "additionalProperties": false
                },
                "answers": {
                    "description": "What the user answers, in turn, when the verdict is NEEDINFO.",
                    "type": "array",
                    "items": {"type": "string"}
                },
                "cut_off": {"description": "Whether the platform ends this call at its time limit.", "type": "boolean"}
            }
        }
    });
    let session_cookie = json!({"description": "What the first call gets from other plugins.", "type": "object"});
    let cookie =
        json!({"description": "What the first call gets as its own; all but {} is foreign.", "type": "object"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hookstorm case",
        "description": "A session written down: what is called with what, and what it once showed.",
        "type": "object",
        "required": ["format", "type", "platform", "calls"],
        "additionalProperties": false,
        "properties": {
            "format": {"const": 1},
            "type": {"description": "The type of plugin that it is for.", "enum": types},
            "platform": {"description": "The platform that it plays.", "enum": platforms},
            "configuration": {
                "description": "The configuration text; null: the package's own default.cfg, or what the user gives.",
                "type": ["string", "null"]
            },
            "session_cookie": session_cookie,
            "cookie": cookie,
            "calls": calls,
            "earlier": {
                "description": "Sessions that ran before it in the same process, which a state-leak needs to show.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["calls"],
                    "additionalProperties": false,
                    "properties": {"session_cookie": session_cookie, "cookie": cookie, "calls": calls}
                }
            },
            "found": {
                "description": "The defect that it shows. A case without it is a regression test: it must stay silent.",
                "type": "object",
                "required": ["rule", "fingerprint"],
                "additionalProperties": false,
                "properties": {
                    "rule": {"type": "string", "examples": rules},
                    "fingerprint": {"type": "string"},
                    "message": {"type": "string"}
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{Case, Found},
        finding::Severity,
        report::{After, Mask, Minimized, Outcome, Replayed, Report, Seen, Size, examples},
    };

    fn problems(schema: &Value, instance: &Value) -> Vec<String> {
        let validator = jsonschema::validator_for(schema).expect("the schema is one");
        validator.iter_errors(instance).map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_case_fits_its_schema_and_a_misspelt_argument_does_not() {
        let found = Found { rule: "timeout".into(), fingerprint: "3f9c2a71d0b4".into(), message: String::new() };
        let mut case = Case { found: Some(found), ..examples::case() };
        case.session.calls[0].cut_off = true;
        case.session.calls[0].answers = vec!["1".into()];
        let mut instance: Value = serde_json::from_str(&case.to_json()).unwrap();
        assert_eq!(problems(&super::case(), &instance), Vec::<String>::new());
        instance["calls"][0]["arguments"]["sever_port"] = json!(22);
        assert!(!problems(&super::case(), &instance).is_empty());
    }

    #[test]
    fn a_report_with_everything_in_it_fits_its_schema_and_one_without_a_status_does_not() {
        let summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
        let (session, trace) = (examples::session(), examples::trace());
        let json = ReportJson::new(&Report {
            head: &examples::head(),
            summary: &summary,
            again: &examples::again(),
            source: &|_, _| None,
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
        });
        let outcome = |outcome| Replayed { path: "a.json".into(), found: None, outcome };
        let size = Size { calls: 1, arguments: 1 };
        let json = json
            .with_trace(&Seen { session: &session, trace: &trace, mask: &Mask::default() })
            .with_replayed(&[outcome(Outcome::StillThere(Severity::Error)), outcome(Outcome::Silent)])
            .with_minimized(&[Minimized { path: "a.json".into(), before: size, after: After::Stays(size) }]);
        let mut instance: Value = serde_json::from_str(&json.to_text()).unwrap();
        assert_eq!(problems(&report(), &instance), Vec::<String>::new());
        instance.as_object_mut().unwrap().remove("status");
        assert!(!problems(&report(), &instance).is_empty());
    }

    #[test]
    fn all_say_which_draft_they_are() {
        for schema in [case(), report(), ndjson()] {
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        }
    }
}
