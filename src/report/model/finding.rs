//! [`FindingEntry`]: a finding with everything that a report says about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObservedCall, SourceLine, call::shortened};
use crate::{
    case::{Case, SetOption, Value, is_usual},
    contract::Argument,
    engine::ReportedFinding,
    finding::{Finding, Location, Rule, Severity},
    report::{Mask, mask::STARS},
    trace::{Frame, Origin},
};

/// A finding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FindingEntry {
    /// The id of the rule.
    pub rule: String,
    /// Its level.
    pub severity: Severity,
    /// The hook; null if the finding is about none.
    pub hook: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do, if more can be said than `hookstorm explain` says.
    pub hint: Option<String>,
    /// Why it matters here; absent if `hookstorm explain` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where; null if no place is known.
    pub location: Option<CodeLocation>,
    /// Twelve hexadecimal digits; the same defect has the same ones the next time.
    pub fingerprint: String,
    /// The fingerprint that a baseline of an earlier version has for it; in no form of the report.
    #[serde(skip)]
    pub(in crate::report) former: Option<String>,
    /// How many sessions showed it.
    #[serde(default = "once")]
    #[schemars(!default)]
    pub occurrences: u64,
    /// Whether it needs a cookie that the plugin never returned.
    #[serde(default)]
    #[schemars(!default)]
    pub foreign_cookie: bool,
    /// Whether every nominal session that calls the hook shows it, whatever the arguments.
    #[serde(default)]
    #[schemars(!default)]
    pub every_session: bool,
    /// Findings with the same number have one cause; the first of them represents the group.
    #[serde(default)]
    #[schemars(!default)]
    pub group: usize,
    /// The fingerprint of the finding from which this one only follows; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// Whether it lies in the Plugin SDK alone; absent if it does not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_sdk: bool,
    /// The file of the smallest case; null for package and loading rules.
    pub case: Option<String>,
    /// Whether it is in the baseline, so that it fails no run.
    #[serde(default)]
    #[schemars(!default)]
    pub known: bool,
    /// The command that shows it again, to be pasted into a shell; null without a case.
    pub again: Option<String>,
    /// The options without which it does not show, on top of the configuration in use; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<OptionValue>,
    /// The arguments that make the difference: with a usual value instead, the case does not show the finding. Absent
    /// if that was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisive: Option<Vec<DecisiveValue>>,
    /// Lines of source around the place; absent if the place is in no file of the plugin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<SourceLine>,
    /// The call of the smallest case that shows it, as it ran; null without one. Secrets are `***`, and long texts are
    /// cut: the case has all.
    #[serde(default)]
    pub call: Option<ObservedCall>,
    #[serde(skip)]
    pub(crate) details: Option<CaseDetails>,
}

/// What only the run itself knows of a finding's smallest case. The text shows it; a report in a file names the case
/// instead.
#[derive(Clone, Debug)]
pub(crate) struct CaseDetails {
    /// How many calls the case has.
    pub(crate) calls: usize,
    values: Vec<CaseValue>,
    /// Hides the secrets of the case.
    pub(crate) mask: Mask,
}

/// Something that the case passes to the failing call: a cookie, an argument, answers, what a service contains.
#[derive(Clone, Debug)]
pub(crate) struct CaseValue {
    pub(crate) name: String,
    /// Without secrets.
    pub(crate) value: Value,
    /// Whether any nominal session may have this value.
    pub(crate) is_usual: bool,
}

/// An option of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OptionValue {
    /// The section, without brackets.
    pub section: String,
    /// The name.
    pub name: String,
    /// `***` for a secret.
    pub value: String,
}

/// An argument that makes the difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisiveValue {
    /// The position of the call in the case, from 1.
    pub call: usize,
    /// The hook.
    pub hook: String,
    /// The argument.
    pub argument: String,
    /// Its value; `***` for a secret.
    #[schemars(with = "serde_json::Value")]
    pub value: Value,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeLocation {
    /// The path inside the package.
    pub file: String,
    /// From 1; null if the whole file is meant.
    pub line: Option<u32>,
    /// In characters, from 1; null if it is not known.
    pub column: Option<u32>,
    /// Null if there is none.
    pub function: Option<String>,
    /// Whether the file is the plugin's own, and no library's.
    #[serde(default = "yes")]
    #[schemars(!default)]
    pub in_plugin: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

const fn once() -> u64 {
    1
}

const fn yes() -> bool {
    true
}

impl FindingEntry {
    /// A finding of which no more is known.
    pub(super) fn bare(rule: String, severity: Severity, message: String, fingerprint: String) -> Self {
        Self {
            rule,
            severity,
            hook: None,
            message,
            hint: None,
            reason: None,
            location: None,
            fingerprint,
            former: None,
            occurrences: 1,
            foreign_cookie: false,
            every_session: false,
            group: 0,
            follows: None,
            in_sdk: false,
            case: None,
            known: false,
            again: None,
            options: Vec::new(),
            decisive: None,
            source: Vec::new(),
            call: None,
            details: None,
        }
    }

    /// `finding` without what a run knows of it; `case` is the file of a case that shows it.
    pub(crate) fn of(finding: &Finding, group: usize, case: Option<String>) -> Self {
        let rule = finding.rule.id().to_owned();
        Self {
            hook: finding.hook.map(|hook| hook.name().to_owned()),
            hint: finding.hint.clone(),
            reason: finding.reason.clone(),
            location: finding.location.as_ref().map(CodeLocation::of),
            foreign_cookie: finding.foreign_cookie,
            former: finding.former.as_ref().map(ToString::to_string),
            group,
            case,
            ..Self::bare(rule, finding.severity, finding.message.clone(), finding.fingerprint.to_string())
        }
    }

    /// A finding of a run; `mask` hides the secrets of the configuration.
    pub(crate) fn new(reported: &ReportedFinding, mask: &Mask) -> Self {
        let case = reported.case_path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let plain = Self::of(&reported.finding, reported.group, case);
        let plain = Self {
            occurrences: reported.occurrences,
            every_session: reported.every_session,
            follows: reported.follows.as_ref().map(ToString::to_string),
            in_sdk: reported.in_sdk,
            ..plain
        };
        let Some(Case { session, .. }) = &reported.case else { return plain };
        let calls = reported.call.as_slice();
        let session_mask = mask.clone().with_session(session, calls);
        Self {
            options: session.options.iter().map(|option| OptionValue::new(option, mask)).collect(),
            decisive: decisive_values(reported, &session_mask),
            call: calls.first().map(|call| ObservedCall::new(call, session, calls, &session_mask).shortened()),
            details: Some(CaseDetails {
                calls: session.calls.len(),
                values: case_values(reported, &session_mask),
                mask: session_mask,
            }),
            ..plain
        }
    }

    /// The rule, if this version knows it.
    pub(crate) fn known_rule(&self) -> Option<Rule> {
        Rule::named(&self.rule)
    }

    /// What the case passes to the failing call. A report in a file knows the arguments alone, and a masked one passes
    /// for usual there.
    pub(crate) fn case_values(&self) -> Vec<CaseValue> {
        if let Some(details) = &self.details {
            return details.values.clone();
        }
        if let Some(decisive) = &self.decisive {
            let call = self.call.as_ref().map(|call| call.call);
            return decisive.iter().map(|one| one.to_case_value(call)).collect();
        }
        let arguments = self.call.as_ref().map_or(&[][..], ObservedCall::arguments).iter();
        let value = |(name, value): &(String, Value)| CaseValue {
            name: name.clone(),
            value: value.clone(),
            is_usual: value.as_str() == Some(STARS)
                || Argument::named(name).is_some_and(|argument| is_usual(argument, value)),
        };
        arguments.map(value).collect()
    }
}

fn case_values(reported: &ReportedFinding, mask: &Mask) -> Vec<CaseValue> {
    let Some(Case { session, .. }) = &reported.case else { return Vec::new() };
    let mut values = Vec::new();
    let mut add =
        |name: &str, value: Value, is_usual| values.push(CaseValue { name: name.to_owned(), value, is_usual });
    for (name, cookie) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
        if !cookie.is_empty_dict() {
            add(name, mask.value(cookie), false);
        }
    }
    let index = reported.call.as_ref().map(|call| call.call).or(reported.finding.call);
    if let Some((index, call)) = index.and_then(|index| Some((index, session.calls.get(index)?))) {
        match decisive_values(reported, mask) {
            Some(decisive) => decisive.iter().map(|one| one.to_case_value(Some(index + 1))).for_each(|one| {
                add(&one.name, one.value, false);
            }),
            None => {
                for (argument, value) in &call.arguments {
                    add(argument.name(), mask.argument(*argument, value), is_usual(*argument, value));
                }
            }
        }
        if !call.answers.is_empty() {
            let answers = mask.answers(call, index, reported.call.as_slice());
            add("answers", Value::List(answers.into_iter().map(Value::Str).collect()), false);
        }
    }
    for (name, service) in mask.services(&session.services).as_dict().unwrap_or_default() {
        add(name, service.clone(), false);
    }
    values
}

/// The arguments that make the difference, without secrets.
fn decisive_values(reported: &ReportedFinding, mask: &Mask) -> Option<Vec<DecisiveValue>> {
    let session = &reported.case.as_ref()?.session;
    let values = reported.decisive.as_ref()?.iter().filter_map(|one| {
        let call = session.calls.get(one.call)?;
        let value = mask.argument(one.argument, call.argument(one.argument)?);
        Some(DecisiveValue {
            call: one.call + 1,
            hook: call.hook.name().to_owned(),
            argument: one.argument.name().to_owned(),
            value: shortened(&value),
        })
    });
    Some(values.collect())
}

impl DecisiveValue {
    /// For the text; `call` is the position of the call that fails.
    fn to_case_value(&self, call: Option<usize>) -> CaseValue {
        let name = match call == Some(self.call) {
            true => self.argument.clone(),
            false => format!("{} of {}", self.argument, self.hook),
        };
        CaseValue { name, value: self.value.clone(), is_usual: false }
    }
}

impl OptionValue {
    pub(super) fn new(option: &SetOption, mask: &Mask) -> Self {
        Self { section: option.section.clone(), name: option.name.clone(), value: mask.option(option) }
    }
}

impl CodeLocation {
    fn of(location: &Location) -> Self {
        let known = |number: u32| (number > 0).then_some(number);
        Self {
            file: location.file.clone(),
            line: known(location.line),
            column: known(location.column),
            function: Some(location.function.clone()).filter(|function| !function.is_empty()),
            in_plugin: true,
        }
    }

    pub(super) fn of_frame(frame: &Frame) -> Self {
        Self {
            file: frame.file.clone(),
            line: Some(frame.line),
            column: None,
            function: Some(frame.function.clone()),
            in_plugin: frame.origin == Origin::Plugin,
        }
    }

    /// `lib/plugin.py:92`, as an editor opens it.
    pub(crate) fn file_and_line(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}
