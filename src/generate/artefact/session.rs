//! Sessions, written as cases. Valid ones keep the contract; invalid ones have an error in the form of the case, which
//! every reader of cases must refuse.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    Artefact, ArtefactSettings,
    expected::{Head, to_json},
};
use crate::{
    case::Case,
    contract::{Hook, PluginType},
    generate::{
        Domain, nth_session,
        source::{nth_bytes, scatter},
    },
    trace::PluginTokens,
};

#[derive(Debug, Serialize)]
struct SessionLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    r#type: &'static str,
    /// The hooks that the session calls, in order.
    hooks: Vec<&'static str>,
    /// What is wrong with an invalid case.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

/// Makes the seed of the type of plugin another one than that of the session.
const TYPE_SEED: u64 = 0x7479_7065;

/// The session with this number, for a plugin that has all hooks of its type and no tokens. The `fault`th invalid one
/// has the next fault, so that few artefacts have all of them. The type of plugin depends on neither.
pub(super) fn session(settings: &ArtefactSettings, number: u64, label: String, fault: Option<u64>) -> Artefact {
    let is_aa = nth_bytes(scatter(settings.seed) ^ TYPE_SEED, number, 1)[0] >= 128;
    let any = if is_aa { PluginType::Aa } else { PluginType::CredentialStore };
    let plugin_type = settings.plugin_type.unwrap_or(any);
    let valid = fault.is_none();
    let domain = Domain::new(plugin_type, settings.platform, Hook::ALL.to_vec(), PluginTokens::default());
    let session = nth_session(&domain, settings.seed, number - 1);
    let hooks = session.calls.iter().map(|call| call.hook.name()).collect();
    let platform = settings.platform;
    let case = Case { plugin_type, platform, configuration: None, session, earlier: Vec::new(), found: None };
    let (text, problem) = match fault {
        None => (case.to_json(), None),
        Some(nth) => broken(&case, scatter(settings.seed).wrapping_add(nth)),
    };
    let file = format!("{label}.json");
    let line = SessionLine {
        head: Head { file: file.clone(), kind: settings.kind.name(), number, valid, platform: platform.name },
        r#type: plugin_type.name(),
        hooks,
        problem,
    };
    Artefact { files: vec![(file, text.into_bytes())], expected: to_json(&line), valid }
}

/// An error in the form of a case: what it is, and how to make it.
type Fault = (&'static str, fn(&mut Json, PluginType));

const FAULTS: &[Fault] = &[
    ("`format` is that of a later version", |case, _| case["format"] = json!(2)),
    ("there is no `format`", |case, _| remove(case, "format")),
    ("there are no `calls`", |case, _| remove(case, "calls")),
    ("an unknown field", |case, _| case["sesion_cookie"] = json!({})),
    ("an unknown type of plugin", |case, _| case["type"] = json!("credential-store")),
    ("an unknown platform", |case, _| case["platform"] = json!("4.11")),
    ("`session_cookie` is not an object", |case, _| case["session_cookie"] = json!(["questions"])),
    ("an unknown hook", |case, _| case["calls"][0]["hook"] = json!("get_pasword_list")),
    ("a hook of the other type of plugin", |case, plugin_type| {
        let other = if plugin_type == PluginType::Aa { "get_password_list" } else { "authorize" };
        case["calls"][0]["hook"] = json!(other);
    }),
    ("an unknown argument", |case, _| case["calls"][0]["arguments"]["gateway_usernam"] = json!("alice")),
    ("`arguments` is not an object", |case, _| case["calls"][0]["arguments"] = json!([])),
    ("an answer is not a text", |case, _| case["calls"][0]["answers"] = json!([123_456])),
    ("an unknown service", |case, _| case["services"] = json!({"user_list": {}})),
];

const CUT_OFF: &str = "the JSON is cut off";

/// The case with one error, and what that is. `nth` chooses the error; one more is the next error.
fn broken(case: &Case, nth: u64) -> (String, Option<&'static str>) {
    let text = case.to_json();
    let fault = usize::try_from(nth % (FAULTS.len() as u64 + 1)).unwrap_or_default();
    let (Some((problem, change)), Ok(mut json)) = (FAULTS.get(fault), serde_json::from_str::<Json>(&text)) else {
        let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        return (text[..half].to_owned(), Some(CUT_OFF));
    };
    change(&mut json, case.plugin_type);
    (format!("{json:#}\n"), Some(problem))
}

fn remove(case: &mut Json, field: &str) {
    if let Json::Object(fields) = case {
        fields.shift_remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Platform,
        generate::{ArtefactKind, contract_violation},
    };

    #[test]
    fn valid_sessions_keep_the_contract_and_every_invalid_one_is_refused() {
        for platform in Platform::all() {
            for number in 1..=100 {
                for valid in [true, false] {
                    let settings = ArtefactSettings {
                        kind: ArtefactKind::Session,
                        seed: 1,
                        invalid_ratio: 0.0,
                        platform,
                        plugin_type: None,
                    };
                    let made = session(&settings, number, "s".into(), (!valid).then_some(number));
                    let text = String::from_utf8(made.files[0].1.clone()).unwrap();
                    let read = Case::from_json(&text);
                    assert_eq!(read.is_ok(), valid, "{}\n{text}", made.expected);
                    let Ok(case) = read else { continue };
                    let domain = Domain::new(case.plugin_type, platform, Hook::ALL.to_vec(), PluginTokens::default());
                    assert_eq!(contract_violation(&case.session, &domain), None);
                }
            }
        }
    }
}
