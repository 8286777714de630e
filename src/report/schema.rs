//! The JSON Schemas (2020-12) of a case, of a report, of a line of events and of what `doctor` says, as `hookstorm
//! schema` prints them. They are made from the types that write the JSON; that of a case is made from the contract's
//! tables, so that an editor completes hooks and arguments.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::{Diagnosis, Report, ndjson::EventLine};
use crate::{
    case::APPLIANCE_FILES,
    contract::{Argument, Hook, Platform, PluginType},
    finding::Rule,
};

/// The schema of a report.
pub fn report() -> Value {
    schema_for!(Report).to_value()
}

/// The schema of a line of events.
pub fn ndjson() -> Value {
    schema_for!(EventLine<'_>).to_value()
}

/// The schema of what `doctor` says.
pub fn doctor() -> Value {
    schema_for!(Diagnosis).to_value()
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
        "description": "The calls, in order.",
        "type": "array",
        "items": {
            "type": "object",
            "required": ["hook"],
            "additionalProperties": false,
            "properties": {
                "hook": {"enum": hooks},
                "other": {"description": "Whether the second plugin of the session is called.", "type": "boolean"},
                "arguments": {
                    "description": "The arguments, without the cookies.",
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
    let session_cookie =
        json!({"description": "The session_cookie of the first call, from other plugins.", "type": "object"});
    let cookie = json!({"description": "The cookie of the first call; any but {} is foreign: the plugin never returned it.", "type": "object"});
    let (options, services) = (options(), services());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hookstorm case",
        "description": "A session: its calls with their arguments, and the finding that it once showed.",
        "type": "object",
        "required": ["format", "type", "platform", "calls"],
        "additionalProperties": false,
        "properties": {
            "note": {"description": "For people who open the file; hookstorm ignores it.", "type": "string"},
            "format": {"const": 1},
            "type": {"description": "The type of the plugin.", "enum": types},
            "platform": {"description": "The platform that is simulated.", "enum": platforms},
            "configuration": {
                "description": "The configuration text; null: the package's own default.cfg, or the user's configuration.",
                "type": ["string", "null"]
            },
            "session_cookie": session_cookie,
            "cookie": cookie,
            "options": options,
            "services": services,
            "calls": calls,
            "earlier": {
                "description": "Sessions that ran before it in the same process; a state-leak needs them.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["calls"],
                    "additionalProperties": false,
                    "properties": {
                        "session_cookie": session_cookie,
                        "cookie": cookie,
                        "options": options,
                        "services": services,
                        "calls": calls
                    }
                }
            },
            "found": {
                "description": "The finding that the case shows. A case without it is a regression test: it must show none.",
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

/// Options that a session sets.
fn options() -> Value {
    json!({
        "description": "Options that are set for this session, on top of the configuration in use.",
        "type": "array",
        "items": {
            "type": "object",
            "required": ["section", "name", "value"],
            "additionalProperties": false,
            "properties": {
                "section": {"type": "string"},
                "name": {"description": "In lower case.", "type": "string"},
                "value": {"type": "string"}
            }
        }
    })
}

/// The content of the platform's services: the shape that `case::check_services` checks.
fn services() -> Value {
    let each = |description: &str, value: Value| {
        let mut schema = json!({"description": description, "type": "object"});
        schema["additionalProperties"] = value;
        schema
    };
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let text = json!({"type": "string"});
    let attribute = json!({"type": ["string", "integer", "array"], "items": {"type": ["string", "integer"]}});
    let credential = json!({
        "anyOf": [
            {"description": "A password.", "type": "string"},
            {
                "type": "object",
                "required": ["type", "key"],
                "additionalProperties": false,
                "properties": {
                    "type": {"enum": ["ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "x509v3-sign-rsa", "x509v3-sign-dss"]},
                    "key": text,
                    "cert": text
                }
            }
        ]
    });
    json!({
        "description": "The content of the platform's own services when the session begins; an absent service is empty.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "memory_cache": each("Keys, with their prefix, and the text that is stored: JSON, for MemoryCache.get.", text.clone()),
            "user_lists": each("Policies by their names.", json!({
                "type": "object",
                "required": ["allow", "except"],
                "additionalProperties": false,
                "properties": {"allow": {"enum": ["no_user", "all_users"]}, "except": texts}
            })),
            "ldap": each("Servers by their names; one without users answers nothing.", json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "users": each("Users, with their attributes.", json!({"type": "object", "additionalProperties": attribute})),
                    "groups": each("Groups, with the names of their members.", texts.clone())
                }
            })),
            "credential_stores": each(
                "Stores by their names: user, then host, then credentials. For an option written `$` its name is the user and its section the host.",
                json!({"type": "object", "additionalProperties": {
                    "type": "object", "additionalProperties": {"type": "array", "items": credential}
                }})
            ),
            "trusted_ca_lists": each("Lists by their names, for options written `$[name]`.", json!({
                "type": "object",
                "required": ["certs"],
                "additionalProperties": false,
                "properties": {"certs": {"type": "array", "items": {"type": "string", "pattern": "^\\s*-----BEGIN CERTIFICATE-----"}}}
            })),
            "box_configuration": box_configuration(),
            "appliance_files": {
                "description": "Files of the appliance: paths and text. A file without an entry is absent.",
                "type": "object",
                "propertyNames": {"enum": APPLIANCE_FILES},
                "additionalProperties": text
            },
            "state": each("Files of the folder SCB_PLUGIN_STATE_DIRECTORY: paths and text.", text.clone()),
            "ephemeral": each("Files of the folder EPHEMERAL_PLUGIN_STATE_DIRECTORY: paths and text.", text)
        }
    })
}

/// What the SDK reads of the box configuration.
fn box_configuration() -> Value {
    let host = json!({"type": ["string", "null"], "pattern": "^[A-Za-z0-9._:-]{1,253}$"});
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "description": "What the SDK reads of the box configuration; what has no entry is None.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "gateway_fqdn": host,
            "starling_join_credential_string": {
                "description": "None on a node that is not joined to Starling.",
                "type": ["string", "null"],
                "minLength": 1
            },
            "http_proxy": {
                "type": ["object", "null"],
                "required": ["enabled"],
                "additionalProperties": false,
                "properties": {
                    "enabled": {"type": "boolean"},
                    "server": {
                        "type": "object",
                        "required": ["value"],
                        "additionalProperties": false,
                        "properties": {
                            "value": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,253}$"},
                            "selection": {"type": "string"}
                        }
                    },
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                    "authentication": {
                        "type": "object",
                        "required": ["selection"],
                        "additionalProperties": false,
                        "properties": {"selection": {"type": "string"}, "username": text, "password": text},
                        "if": {"properties": {"selection": {"const": "password"}}},
                        "then": {"required": ["username", "password"]}
                    }
                },
                "if": {"properties": {"enabled": {"const": true}}},
                "then": {"required": ["server", "port", "authentication"]}
            },
            "endpoints": {
                "description": "A tree of objects: `_query` returns what is at the parts of a path.",
                "type": ["object", "null"]
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{Case, RecordedFinding, SetOption},
        engine::{ReplayOutcome, ReplayedCase},
        finding::RuleLevels,
        report::{Mask, MinimizedCase, ObservedSession, examples},
    };

    fn problems(schema: &Value, instance: &Value) -> Vec<String> {
        let validator = jsonschema::validator_for(schema).expect("the schema is one");
        validator.iter_errors(instance).map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_case_fits_its_schema_and_a_misspelt_argument_does_not() {
        let found =
            RecordedFinding { rule: "timeout".into(), fingerprint: "3f9c2a71d0b4".into(), message: String::new() };
        let mut case = Case { found: Some(found), ..examples::case() };
        case.session.calls[0].cut_off = true;
        case.session.calls[0].answers = vec!["1".into()];
        let mut instance: Value = serde_json::from_str(&case.to_json()).unwrap();
        assert_eq!(problems(&super::case(), &instance), Vec::<String>::new());
        instance["calls"][0]["arguments"]["sever_port"] = json!(22);
        assert!(!problems(&super::case(), &instance).is_empty());
    }

    #[test]
    fn services_fit_the_schema_where_they_keep_their_shape() {
        let services = json!({
            "memory_cache": {"a:b": "1"},
            "user_lists": {"vip": {"allow": "no_user", "except": ["alice"]}},
            "ldap": {"ad": {"users": {"alice": {"mail": ["a", 1], "uid": 1}}, "groups": {"dba": []}}, "down": {}},
            "credential_stores": {"local": {"u": {"h": ["p", {"type": "ssh-rsa", "key": "k"}]}}},
            "trusted_ca_lists": {"corp": {"certs": ["-----BEGIN CERTIFICATE-----\n"]}},
            "box_configuration": {
                "gateway_fqdn": "gw.example.com",
                "starling_join_credential_string": null,
                "http_proxy": {"enabled": true, "server": {"value": "p"}, "port": 1, "authentication": {"selection": "none"}},
                "endpoints": {"a": {"b": 1}}
            },
            "appliance_files": {"/etc/spp/join.json": "{}"},
            "state": {"a/b": ""},
            "ephemeral": {}
        });
        assert!(crate::case::SERVICES.iter().all(|service| services.get(service).is_some()));
        let mut instance: Value = serde_json::from_str(&examples::case().to_json()).unwrap();
        instance["options"] = json!([{"section": "a", "name": "b", "value": "c"}]);
        for (at, wrong) in [
            ("", Value::Null),
            ("/memory_cache/a:b", json!(1)),
            ("/user_lists/vip/allow", json!("nobody")),
            ("/ldap/ad", json!({"user": {}})),
            ("/credential_stores/local/u/h/0", json!(1)),
            ("/trusted_ca_lists/corp/certs/0", json!("x")),
            ("/box_configuration/gateway_fqdn", json!("a b")),
            ("/box_configuration/http_proxy/authentication/selection", json!("password")),
            ("/box_configuration/http_proxy/server", json!({})),
            ("/box_configuration/endpoints", json!(1)),
            ("/appliance_files", json!({"/etc/passwd": ""})),
        ] {
            instance["services"] = services.clone();
            if !at.is_empty() {
                *instance["services"].pointer_mut(at).unwrap() = wrong;
            }
            // Reading a case and checking it by the schema give the same result.
            let is_read = Case::from_json(&instance.to_string()).is_ok();
            assert_eq!(
                (is_read, problems(&super::case(), &instance).is_empty()),
                (at.is_empty(), at.is_empty()),
                "{at}"
            );
        }
    }

    #[test]
    fn a_report_with_everything_in_it_fits_its_schema_and_one_without_a_status_does_not() {
        let mut needing = examples::reported(Rule::UncaughtException, 0);
        let option = SetOption { section: "auth".into(), name: "otp_secret".into(), value: "x".into() };
        needing.case.as_mut().unwrap().session.options = vec![option];
        let summary = examples::summary(vec![needing, examples::reported(Rule::LossyJson, 1)]);
        let (session, trace) = (examples::session(), examples::trace());
        let mut report = examples::report("test", &summary);
        report.trace = Some(ObservedSession::new(&session, &trace, &Mask::default()));
        let replayed = |outcome| ReplayedCase { path: "a.json".into(), case: examples::case(), outcome };
        let still_there = ReplayOutcome::StillThere(examples::finding(Rule::Timeout));
        let cases = [replayed(still_there), replayed(ReplayOutcome::Silent)];
        report.add_replayed(&cases, &RuleLevels::default(), examples::context());
        report.minimized = Some(vec![MinimizedCase::shrunk("a.json".as_ref(), &examples::case(), &examples::case())]);
        let mut instance: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(problems(&super::report(), &instance), Vec::<String>::new());
        let option = json!({"section": "auth", "name": "otp_secret", "value": "***"});
        assert_eq!(instance["findings"][0]["options"], json!([option]));
        assert!(instance["findings"][1].get("options").is_none());
        instance.as_object_mut().unwrap().remove("status");
        assert!(!problems(&super::report(), &instance).is_empty());
    }

    #[test]
    fn all_say_which_draft_they_are() {
        for schema in [case(), report(), ndjson()] {
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        }
    }
}
