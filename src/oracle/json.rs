//! What happens to a result when it crosses JSON, by the rules of Python's `json`: `not-json` if JSON cannot represent
//! it, and `lossy-json` if a cookie comes back as something else.
//!
//! Allowed on purpose: tuples outside of the cookies (`question`, the pair of a private key), which the plugin does not
//! read again; large ints that came with the session and that the plugin passes on; and what the SDK stores for itself.

use super::{
    context::Context,
    message,
    value_path::{self, Step},
};
use crate::{
    case::Value,
    finding::{Finding, Rule},
    trace::Observed,
};

/// Ints beyond it lose digits in readers that have only floats.
const EXACT_LIMIT: u64 = 1 << 53;
/// How many places of one entry are reported for each rule.
const PLACES_LIMIT: usize = 8;
/// How many problems of each rule are examined: a list of a million sets shows nothing new.
const PROBLEMS_LIMIT: usize = 1000;
/// The problem of a result that is deeper than the runtime reads.
const TOO_DEEP: &str = "is nested deeper than `json.dumps` supports";
/// The key of the cookie under which the SDK stores its own state: tuples that it reads as lists \[S\].
const SDK_PRIVATE: &str = "__plugin_sdk_private";

/// Reports what JSON does to one entry of a result.
pub(super) fn judge(
    context: &Context<'_>,
    index: usize,
    (key, value): (&Observed, &Observed),
    findings: &mut Vec<Finding>,
) {
    let in_cookie = matches!(key.as_str(), Some("cookie" | "session_cookie"));
    if is_json_key(key) && is_clean(value, in_cookie, 1) {
        return;
    }
    let hides_values = matches!(key.as_str(), Some("passwords" | "private_keys" | "totp_codes"));
    let mut walk =
        JsonWalk { context, in_cookie, hides_values, steps: Vec::new(), problems: Vec::new(), refused: 0, changed: 0 };
    walk.key(key);
    walk.steps.push(Step::Key(key));
    walk.value(value);
    for Problem { rule, message, detail } in walk.problems {
        findings.push(context.draft(rule, index, message).detail(detail).finish());
    }
}

/// Whether `json.dumps` accepts it as a key, whatever it becomes.
fn is_json_key(key: &Observed) -> bool {
    matches!(
        key,
        Observed::Str(_)
            | Observed::Int(_)
            | Observed::BigInt(_)
            | Observed::Float(_)
            | Observed::Bool(_)
            | Observed::None
            | Observed::Truncated
    )
}

/// Whether there is nothing to report: one pass without memory, because nearly every result is clean.
fn is_clean(value: &Observed, in_cookie: bool, depth: usize) -> bool {
    match value {
        Observed::None | Observed::Bool(_) | Observed::Str(_) => true,
        Observed::Truncated => depth < Observed::DEPTH_LIMIT,
        Observed::Int(number) => !in_cookie || number.unsigned_abs() <= EXACT_LIMIT,
        Observed::BigInt(_) => !in_cookie,
        Observed::Float(number) => number.is_finite(),
        Observed::List(items) => items.iter().all(|item| is_clean(item, in_cookie, depth + 1)),
        Observed::Tuple(items) => !in_cookie && items.iter().all(|item| is_clean(item, in_cookie, depth + 1)),
        Observed::Dict(entries) => entries.iter().all(|(key, value)| {
            (matches!(key, Observed::Str(_)) || (!in_cookie && is_json_key(key)))
                && is_clean(value, in_cookie, depth + 1)
        }),
        Observed::BrokenStr(_) | Observed::Bytes(_) | Observed::Set(_) | Observed::Cycle | Observed::Object { .. } => {
            false
        }
    }
}

struct Problem {
    rule: Rule,
    message: String,
    detail: String,
}

struct JsonWalk<'a> {
    context: &'a Context<'a>,
    in_cookie: bool,
    hides_values: bool,
    steps: Vec<Step<'a>>,
    problems: Vec<Problem>,
    /// How many problems of `not-json` were found, reported or not.
    refused: usize,
    /// How many of `lossy-json`, counted separately: what only changes must not hide what is refused.
    changed: usize,
}

impl<'a> JsonWalk<'a> {
    /// Reports a problem at the current place, once for places that differ only in an index or a value.
    fn report(&mut self, rule: Rule, what: &str) {
        let count = if rule == Rule::NotJson { &mut self.refused } else { &mut self.changed };
        *count += 1;
        if *count > PROBLEMS_LIMIT {
            return;
        }
        let detail = value_path::detail(self.context, &self.steps);
        let known = || self.problems.iter().filter(|problem| problem.rule == rule);
        if known().all(|problem| problem.detail != detail) && known().count() < PLACES_LIMIT {
            let path = self.context.mask(&value_path::written(&self.steps));
            let message = if path.is_empty() { format!("the result {what}") } else { format!("`{path}` {what}") };
            self.problems.push(Problem { rule, message, detail });
        }
    }

    /// A value for a message, unless it is a secret.
    fn shown(&self, value: &Observed) -> String {
        if self.hides_values { String::new() } else { format!(" ({})", self.context.value(value)) }
    }

    /// Whether a value that comes back as something else is reported here.
    const fn reports_changes(&self) -> bool {
        self.in_cookie && self.changed <= PROBLEMS_LIMIT
    }

    fn value(&mut self, value: &'a Observed) {
        match value {
            Observed::Truncated if self.steps.len() >= Observed::DEPTH_LIMIT => {
                // The whole path down would not help the reader.
                let deep = self.steps.split_off(1);
                self.report(Rule::NotJson, TOO_DEEP);
                self.steps.extend(deep);
            }
            Observed::None | Observed::Bool(_) | Observed::Str(_) | Observed::Truncated => {}
            Observed::Int(number) => {
                if self.reports_changes() && number.unsigned_abs() > EXACT_LIMIT && !self.is_input(value) {
                    self.report(Rule::LossyJson, &format!("is {number}, an int beyond 2^53 that may lose digits"));
                }
            }
            Observed::BigInt(_) => {
                if self.reports_changes() && !self.is_input(value) {
                    let digits = self.context.value(value);
                    self.report(Rule::LossyJson, &format!("is {digits}, an int beyond 2^53 that may lose digits"));
                }
            }
            Observed::Float(number) => {
                if !number.is_finite() {
                    self.report(Rule::NotJson, &format!("is {value}, which JSON cannot represent"));
                }
            }
            Observed::List(items) => self.items(items),
            Observed::Tuple(items) => {
                if self.reports_changes() && !self.is_sdks() {
                    let shown = self.shown(value);
                    self.report(Rule::LossyJson, &format!("is a tuple{shown} and comes back as a list"));
                }
                self.items(items);
            }
            Observed::Dict(entries) => self.entries(entries),
            Observed::BrokenStr(_) => {
                let shown = self.shown(value);
                self.report(
                    Rule::NotJson,
                    &format!("is text with a lone surrogate{shown}, which is not valid Unicode"),
                );
            }
            Observed::Cycle => self.report(Rule::NotJson, "contains itself"),
            Observed::Bytes(_) | Observed::Set(_) => {
                let shown = self.shown(value);
                self.report(
                    Rule::NotJson,
                    &format!("is {}{shown}, which JSON cannot represent", message::a_type(value)),
                );
            }
            Observed::Object { .. } => {
                self.report(Rule::NotJson, &format!("is {}, which JSON cannot represent", message::a_type(value)));
            }
        }
    }

    fn items(&mut self, items: &'a [Observed]) {
        for (index, item) in items.iter().enumerate() {
            if self.refused > PROBLEMS_LIMIT {
                return;
            }
            self.steps.push(Step::Index(index));
            self.value(item);
            self.steps.pop();
        }
    }

    fn entries(&mut self, entries: &'a [(Observed, Observed)]) {
        for (key, value) in entries {
            if self.refused > PROBLEMS_LIMIT {
                return;
            }
            self.key(key);
            if self.reports_changes() && !self.is_sdks() {
                self.coerced(key, entries);
            }
            self.steps.push(Step::Key(key));
            self.value(value);
            self.steps.pop();
        }
    }

    /// Reports a key that `json.dumps` refuses, at the dict that contains it.
    fn key(&mut self, key: &Observed) {
        if is_json_key(key) {
            return;
        }
        let shown = self.context.value(key);
        match key {
            Observed::BrokenStr(_) => {
                self.report(
                    Rule::NotJson,
                    &format!("has the key {shown}, text with a lone surrogate, which is not valid Unicode"),
                );
            }
            _ => self.report(
                Rule::NotJson,
                &format!("has the key {shown}, {}, which JSON cannot represent as a key", message::a_type(key)),
            ),
        }
    }

    /// Reports a key that comes back as text.
    fn coerced(&mut self, key: &Observed, entries: &[(Observed, Observed)]) {
        if matches!(key, Observed::Str(_)) {
            return;
        }
        let Some(becomes) = key.as_json_key() else { return };
        let what = if entries.iter().any(|(other, _)| other.as_str() == Some(&becomes)) {
            format!("has the keys {key} and '{becomes}'; one of them is lost, because all keys come back as text")
        } else {
            format!("has the key {}, which comes back as '{becomes}'", self.context.typed_value(key))
        };
        self.report(Rule::LossyJson, &self.context.mask(&message::one_line(&what, message::MESSAGE_LIMIT)));
    }

    /// Whether the current place belongs to the SDK.
    fn is_sdks(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Key(Observed::Str(key)) if key == SDK_PRIVATE))
    }

    /// Whether the session contains this number, so that the plugin only passes it on.
    fn is_input(&self, number: &Observed) -> bool {
        let is_same = |value: &Value| match (value, number) {
            (Value::Int(known), Observed::Int(number)) => known == number,
            (Value::BigInt(known), Observed::BigInt(number)) => known == number,
            _ => false,
        };
        self.context.inputs().any(|value| value.any(&is_same))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Argument, Hook},
        oracle::testing::{Played, aa, dict, list, store, text, tuple},
    };

    fn cookie(value: Observed) -> Played {
        Played::returned(Hook::GetPasswordList, dict([("cookie", dict([("x", value)]))]))
    }

    #[test]
    fn what_is_too_deep_for_json_is_reported_and_what_is_only_large_is_not() {
        let nested = |depth: usize| {
            let lists = (0..depth).fold(Observed::Truncated, |inner, _| Observed::List(vec![inner]));
            Played::returned(Hook::GetPasswordList, dict([("cookie", dict([("n", lists)]))]))
        };
        let finding = nested(Observed::DEPTH_LIMIT - 2).only(&store());
        assert_eq!(finding.rule, Rule::NotJson);
        assert_eq!(finding.message, "`cookie` is nested deeper than `json.dumps` supports");
        nested(100).silent(&store());
    }

    #[test]
    fn what_json_cannot_represent_is_reported_with_its_place_and_type() {
        let object = Observed::Object { type_name: "datetime.datetime".into() };
        let cases = [
            (Observed::Bytes(b"ab".to_vec()), "`cookie.x` is bytes (b'ab'), which JSON cannot represent"),
            (Observed::Set(vec![Observed::Int(1)]), "`cookie.x` is a set ({1}), which JSON cannot represent"),
            (object, "`cookie.x` is a `datetime.datetime` object, which JSON cannot represent"),
            (Observed::Float(f64::NAN), "`cookie.x` is nan, which JSON cannot represent"),
            (Observed::Float(f64::NEG_INFINITY), "`cookie.x` is -inf, which JSON cannot represent"),
            (list([text("a"), Observed::Cycle]), "`cookie.x[1]` contains itself"),
            (
                Observed::BrokenStr("\\udc80".into()),
                "`cookie.x` is text with a lone surrogate ('\\udc80'), which is not valid Unicode",
            ),
            (
                Observed::Dict(vec![(tuple([Observed::Int(1)]), Observed::None)]),
                "`cookie.x` has the key (1,), a tuple, which JSON cannot represent as a key",
            ),
        ];
        for (value, message) in cases {
            let finding = cookie(value).only(&store());
            assert_eq!((finding.rule, finding.message.as_str()), (Rule::NotJson, message));
        }
    }

    #[test]
    fn what_changes_inside_a_cookie_is_reported_with_what_it_becomes() {
        let keyed = |key| Observed::Dict(vec![(key, Observed::None)]);
        let cases = [
            (tuple([text("a")]), "`cookie.x` is a tuple (('a',)) and comes back as a list"),
            (keyed(Observed::Int(22)), "`cookie.x` has the key 22 (int), which comes back as '22'"),
            (keyed(Observed::None), "`cookie.x` has the key None, which comes back as 'null'"),
            (keyed(Observed::Bool(true)), "`cookie.x` has the key True (bool), which comes back as 'true'"),
            (keyed(Observed::Float(1.0)), "`cookie.x` has the key 1.0 (float), which comes back as '1.0'"),
            (
                Observed::Dict(vec![(Observed::Int(1), Observed::None), (text("1"), Observed::None)]),
                "`cookie.x` has the keys 1 and '1'; one of them is lost, because all keys come back as text",
            ),
            (Observed::Int((1 << 53) + 1), "`cookie.x` is 9007199254740993, an int beyond 2^53 that may lose digits"),
        ];
        for (value, message) in cases {
            let finding = cookie(value).only(&store());
            assert_eq!((finding.rule, finding.message.as_str()), (Rule::LossyJson, message));
        }
    }

    #[test]
    fn many_places_that_only_change_hide_none_that_is_refused() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let mut entries: Vec<_> = names.map(|name| (text(name), tuple([]))).into();
        entries.push((text("log"), Observed::List(vec![tuple([]); 2 * PROBLEMS_LIMIT])));
        entries.push((text("receipt"), Observed::Bytes(Vec::new())));
        let said = cookie(Observed::Dict(entries)).said(&store());
        let count = |rule| said.iter().filter(|(known, _)| *known == rule).count();
        assert_eq!((count(Rule::NotJson), count(Rule::LossyJson)), (1, PLACES_LIMIT), "{said:?}");
    }

    #[test]
    fn simple_data_in_a_cookie_is_silent() {
        let value = dict([
            ("n", Observed::Int(-(1 << 53))),
            ("f", Observed::Float(0.1)),
            ("l", list([Observed::None, Observed::Bool(true), text("Ω"), dict([])])),
        ]);
        cookie(value).silent(&store());
    }

    #[test]
    fn a_tuple_outside_the_cookies_is_silent() {
        let question = tuple([text("otp"), text("Code: "), Observed::Bool(true)]);
        Played::returned(Hook::Authenticate, dict([("verdict", text("NEEDINFO")), ("question", question)]))
            .silent(&aa());
        let groups = dict([("verdict", text("ACCEPT")), ("gateway_groups", tuple([]))]);
        Played::returned(Hook::Authorize, groups).silent(&aa());
    }

    #[test]
    fn a_large_int_of_the_session_may_be_passed_on() {
        let large = 1 << 60;
        let mut played =
            Played::returned(Hook::GetPasswordList, dict([("session_cookie", dict([("n", Observed::Int(large))]))]));
        played.session.session_cookie.set("n", Value::Int(large));
        played.silent(&store());
    }

    #[test]
    fn what_the_sdk_stores_for_itself_is_not_judged_unless_json_refuses_it() {
        let private = |value| {
            let cookie = dict([("cookie", dict([(SDK_PRIVATE, dict([("saved", value)]))]))]);
            Played::returned(Hook::AuthenticationCompleted, cookie)
        };
        private(tuple([text("10.0.0.1"), text("alice")])).silent(&store());
        assert_eq!(private(Observed::Bytes(vec![])).only(&store()).rule, Rule::NotJson);
    }

    #[test]
    fn many_items_of_one_list_are_one_finding_whichever_they_are() {
        let items = |first| list([first, Observed::Bytes(vec![1]), Observed::Bytes(vec![2])]);
        let one = cookie(items(text("a"))).only(&store());
        let other = cookie(items(Observed::Bytes(vec![0]))).only(&store());
        assert_eq!(one.fingerprint, other.fingerprint);
        assert_eq!(one.message, "`cookie.x[1]` is bytes (b'\\x01'), which JSON cannot represent");
    }

    #[test]
    fn a_secret_in_a_cookie_is_not_shown() {
        let value = Observed::Bytes(b"Tr0ub4dor&3".to_vec());
        let finding = cookie(value).with(Argument::GatewayPassword, "Tr0ub4dor&3").only(&store());
        assert_eq!(finding.message, "`cookie.x` is bytes (b'***'), which JSON cannot represent");
    }

    #[test]
    fn what_session_ended_returns_is_dropped_before_any_json() {
        Played::returned(Hook::SessionEnded, dict([("cookie", Observed::Bytes(vec![]))])).silent(&store());
        Played::returned(Hook::SessionEnded, list([Observed::Cycle])).silent(&aa());
    }
}
