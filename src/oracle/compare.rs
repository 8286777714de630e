//! Compares two traces of the same session that should be equal: `state-leak` if one process ran other sessions before,
//! `nondeterministic` if both processes were fresh.
//!
//! Endings, results, exceptions and cookies are compared. Allowed on purpose: differences in time, output, addresses of
//! objects in text (a result's or an exception's), the order of a dict's keys and of a set; and everything after a call
//! that ran into a limit in either trace, because that depends on the load of the machine. A time or a random id in a
//! result is a difference, so the caller of [`state_leak`] makes sure first that two fresh runs agree.
//!
//! `nondeterministic` counts only what the platform acts on: a token or a time stamp in a cookie is legal.

use super::{
    PluginUnderTest,
    context::Context,
    message, stable_text,
    value_path::{self, Step},
};
use crate::{
    case::{Session, Value},
    contract::Hook,
    finding::{Finding, Rule},
    trace::{CallTrace, Ending, Observed, Trace},
};

/// The first difference between two traces. Its text may contain secrets and is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The index in the reference's calls; `None` where only the cookies at the end differ.
    pub(super) call: Option<usize>,
    /// The hook of that call.
    pub(super) hook: Option<Hook>,
    /// What differs: `passwords[0]` of a result, or the ending of a call.
    pub(super) place: String,
    /// The key of the result or cookie that differs; empty for an ending.
    pub(super) key: String,
    /// The value in the reference.
    pub(super) reference: String,
    /// The value in the other trace.
    pub(super) other: String,
}

/// The keys of a result on which the platform acts. The others are the plugin's own data, texts for people, and codes
/// that change with the time.
const ACTED_ON: [&str; 9] = [
    "verdict",
    "passwords",
    "private_keys",
    "account",
    "asset",
    "need_info",
    "question",
    "gateway_user",
    "gateway_groups",
];

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Everything,
    /// What the platform acts on.
    ActedOn,
}

impl Scope {
    /// Whether an entry of a result is compared.
    fn has(self, key: &Observed) -> bool {
        self == Self::Everything || key.as_str().is_some_and(|key| ACTED_ON.contains(&key))
    }
}

/// The first difference between two traces of one session, if there is one that counts.
pub(crate) fn difference(reference: &Trace, other: &Trace) -> Option<Difference> {
    difference_in(Scope::Everything, reference, other)
}

fn difference_in(scope: Scope, reference: &Trace, other: &Trace) -> Option<Difference> {
    for (index, call) in reference.calls.iter().enumerate() {
        let differs = |place: &str, key: &str, one: String, two: String| {
            let (place, key) = (place.to_owned(), key.to_owned());
            Some(Difference { call: Some(index), hook: Some(call.hook), place, key, reference: one, other: two })
        };
        let Some(twin) = other.calls.get(index) else {
            return differs("the session", "", count(&reference.calls), count(&other.calls));
        };
        if is_limit(&call.ending) || is_limit(&twin.ending) {
            return None;
        }
        match (&call.ending, &twin.ending) {
            (Ending::Returned(one), Ending::Returned(two)) => {
                let mut steps = Vec::new();
                if let Some((one, two)) = result_difference(scope, one, two, &mut steps) {
                    let key = steps.first().and_then(|step| match step {
                        Step::Key(key) => key.as_str(),
                        Step::Index(_) => None,
                    });
                    let key = key.unwrap_or_default();
                    let hidden = matches!(key, "" | "passwords" | "private_keys" | "totp_codes");
                    let place = value_path::written(&steps);
                    let place = if place.is_empty() { "the result" } else { &place };
                    return differs(place, key, described(one, hidden), described(two, hidden));
                }
            }
            (one, two) if is_same_ending(one, two) => {}
            (one, two) => return differs("the ending", "", ending(one), ending(two)),
        }
    }
    if other.calls.len() > reference.calls.len() {
        return Some(Difference {
            call: None,
            hook: other.calls.get(reference.calls.len()).map(|call| call.hook),
            place: "the session".into(),
            key: String::new(),
            reference: count(&reference.calls),
            other: count(&other.calls),
        });
    }
    if scope == Scope::ActedOn {
        return None;
    }
    let cookies = [
        ("cookie", &reference.cookie, &other.cookie),
        ("session_cookie", &reference.session_cookie, &other.session_cookie),
    ];
    cookies.into_iter().find_map(|(name, one, two)| cookie_difference(name, one, two))
}

fn count(calls: &[CallTrace]) -> String {
    message::counted(calls.len(), "call")
}

/// Compares cookies at the end. They are nearly always equal, so they are converted only if they differ.
fn cookie_difference(name: &str, one: &Value, two: &Value) -> Option<Difference> {
    if one == two {
        return None;
    }
    let (one, two) = (Observed::from(one), Observed::from(two));
    let key = Observed::Str(name.to_owned());
    let mut steps = vec![Step::Key(&key)];
    let (one, two) = first_difference(&one, &two, &mut steps)?;
    Some(Difference {
        call: None,
        hook: None,
        place: value_path::written(&steps),
        key: name.to_owned(),
        reference: described(one, false),
        other: described(two, false),
    })
}

/// Whether a limit ended the call, which may happen only because the machine is busy.
const fn is_limit(ending: &Ending) -> bool {
    matches!(ending, Ending::TimedOut { .. } | Ending::EndedEarly { .. } | Ending::OutOfMemory { .. })
}

fn is_same_ending(one: &Ending, two: &Ending) -> bool {
    match (one, two) {
        (Ending::Raised(one), Ending::Raised(two)) => {
            one.type_name == two.type_name && stable_text::is_same(&one.message, &two.message)
        }
        (Ending::Exited { status: one, .. }, Ending::Exited { status: two, .. }) => one == two,
        (Ending::Signalled { signal: one, .. }, Ending::Signalled { signal: two, .. }) => one == two,
        (Ending::CutOff, Ending::CutOff) | (Ending::Corrupted, Ending::Corrupted) => true,
        _ => false,
    }
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Returned(result) => format!("a result, {}", message::a_type(result)),
        Ending::Raised(exception) if exception.message.is_empty() => exception.type_name.clone(),
        Ending::Raised(exception) => format!("{}: {}", exception.type_name, exception.message),
        Ending::Exited { status, .. } => format!("an exit with status {status}"),
        Ending::Signalled { signal, .. } => format!("signal {signal}"),
        Ending::TimedOut { .. } | Ending::EndedEarly { .. } => "the time limit".into(),
        Ending::OutOfMemory { .. } => "the memory limit".into(),
        Ending::Corrupted => "no valid report".into(),
        Ending::CutOff => "the platform's time limit".into(),
    }
}

fn described(value: Option<&Observed>, hidden: bool) -> String {
    match value {
        None => "nothing".into(),
        Some(value) if hidden => message::a_type(value),
        Some(value) => message::written(value),
    }
}

/// The values at the place where two values differ; `None` on the side that has nothing there.
type DifferingValues<'a> = (Option<&'a Observed>, Option<&'a Observed>);

/// How two values differ. Afterwards `steps` is the path to that place.
fn first_difference<'a>(
    one: &'a Observed,
    two: &'a Observed,
    steps: &mut Vec<Step<'a>>,
) -> Option<DifferingValues<'a>> {
    match (one, two) {
        // NaN counts as equal to NaN.
        (Observed::Float(number), Observed::Float(other)) if number.to_bits() == other.to_bits() => None,
        (Observed::List(items), Observed::List(others)) | (Observed::Tuple(items), Observed::Tuple(others)) => {
            for index in 0..items.len().max(others.len()) {
                steps.push(Step::Index(index));
                match (items.get(index), others.get(index)) {
                    (Some(item), Some(other)) => {
                        if let Some(pair) = first_difference(item, other, steps) {
                            return Some(pair);
                        }
                    }
                    pair => return Some(pair),
                }
                steps.pop();
            }
            None
        }
        (Observed::Dict(entries), Observed::Dict(others)) => dict_difference(Scope::Everything, entries, others, steps),
        (Observed::Str(text), Observed::Str(other)) => {
            (!stable_text::is_same(text, other)).then_some((Some(one), Some(two)))
        }
        (Observed::Set(items), Observed::Set(others)) => {
            let is_in =
                |item: &Observed| others.iter().any(|other| first_difference(item, other, &mut Vec::new()).is_none());
            let is_same = items.len() == others.len() && items.iter().all(is_in);
            (!is_same).then_some((Some(one), Some(two)))
        }
        _ => (one != two).then_some((Some(one), Some(two))),
    }
}

/// How two results differ in what is compared.
fn result_difference<'a>(
    scope: Scope,
    one: &'a Observed,
    two: &'a Observed,
    steps: &mut Vec<Step<'a>>,
) -> Option<DifferingValues<'a>> {
    match (one.as_dict(), two.as_dict()) {
        (Some(entries), Some(others)) => dict_difference(scope, entries, others, steps),
        _ => first_difference(one, two, steps),
    }
}

fn dict_difference<'a>(
    scope: Scope,
    entries: &'a [(Observed, Observed)],
    others: &'a [(Observed, Observed)],
    steps: &mut Vec<Step<'a>>,
) -> Option<DifferingValues<'a>> {
    for (index, (key, value)) in entries.iter().enumerate().filter(|(_, (key, _))| scope.has(key)) {
        steps.push(Step::Key(key));
        // In nearly all dicts the key has the same index.
        let twin = others.get(index).filter(|(other, _)| other == key);
        match twin.or_else(|| others.iter().find(|(other, _)| other == key)) {
            Some((_, other)) => {
                if let Some(pair) = first_difference(value, other, steps) {
                    return Some(pair);
                }
            }
            None => return Some((Some(value), None)),
        }
        steps.pop();
    }
    if entries.len() == others.len() && scope == Scope::Everything {
        return None;
    }
    let is_new = |key: &Observed| scope.has(key) && entries.iter().all(|(known, _)| known != key);
    let (key, value) = others.iter().find(|(key, _)| is_new(key))?;
    steps.push(Step::Key(key));
    Some((None, Some(value)))
}

/// A `state-leak`: the session shows something else in a process that ran other sessions before (`after`) than in a
/// fresh one. `changes` names what the earlier sessions changed. The caller has seen that two fresh runs agree.
pub fn state_leak(
    plugin: &PluginUnderTest,
    session: &Session,
    fresh: &Trace,
    after: &Trace,
    changes: &[String],
) -> Option<Finding> {
    let difference = difference(fresh, after)?;
    let context = Context::new(plugin, session, after);
    let fresh_context = Context::new(plugin, session, fresh);
    let mut message = description(&fresh_context, &context, &difference, "in a fresh process", "after other sessions");
    if !changes.is_empty() {
        const NAMED_CHANGES: usize = 5;
        let more = if changes.len() > NAMED_CHANGES { ", …" } else { "" };
        let names = changes[..changes.len().min(NAMED_CHANGES)].join("`, `");
        message.push_str(&format!("; they changed `{}`{more}", message::one_line(&names, message::MESSAGE_LIMIT)));
    }
    Some(finding(Rule::StateLeak, message, &context, &difference))
}

/// A `nondeterministic`: two fresh processes gave different results, in something that the platform acts on.
pub fn nondeterministic(plugin: &PluginUnderTest, session: &Session, first: &Trace, second: &Trace) -> Option<Finding> {
    let difference = difference_in(Scope::ActedOn, first, second)?;
    let context = Context::new(plugin, session, second);
    let first_context = Context::new(plugin, session, first);
    let message = description(&first_context, &context, &difference, "in one fresh process", "in another");
    Some(finding(Rule::Nondeterministic, message, &context, &difference))
}

/// The difference as a sentence, without the secrets of either trace.
fn description(
    reference: &Context<'_>,
    other: &Context<'_>,
    difference: &Difference,
    in_reference: &str,
    in_other: &str,
) -> String {
    let safe = |text: &str| message::one_line(&other.mask(&reference.mask(text)), message::VALUE_LIMIT);
    let (one, two) = (safe(&difference.reference), safe(&difference.other));
    let place = other.mask(&reference.mask(&difference.place));
    if one == two {
        return format!("{place} differs {in_reference} and {in_other} (both {one})");
    }
    format!("{place} is {one} {in_reference} and {two} {in_other}")
}

fn finding(rule: Rule, message: String, context: &Context<'_>, difference: &Difference) -> Finding {
    let key = Observed::Str(difference.key.clone());
    let detail = if difference.key.is_empty() { "" } else { value_path::key_detail(context, &key) };
    let mut draft = Finding::draft(rule, message).detail(detail);
    if let Some(hook) = difference.hook {
        draft = draft.hook(hook);
    }
    if let Some(call) = difference.call {
        draft = draft.call(call);
    }
    let mut finding = draft.finish();
    if context.session.has_foreign_cookie() {
        finding.mark_foreign_cookie();
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::Argument,
        finding::Severity,
        oracle::testing::{Played, dict, frame, list, output, raised, store, text},
    };
    use std::time::Duration;

    const HOOK: Hook = Hook::GetPasswordList;

    fn cookie(value: Observed) -> Played {
        Played::returned(HOOK, dict([("cookie", dict([("n", value)]))]))
    }

    fn between(one: &Played, two: &Played) -> Option<Difference> {
        difference(&one.trace, &two.trace)
    }

    #[test]
    fn a_result_that_differs_is_reported_with_its_place() {
        let found = between(&cookie(Observed::Int(1)), &cookie(Observed::Int(2))).unwrap();
        assert_eq!((found.call, found.hook, found.place.as_str()), (Some(0), Some(HOOK), "cookie.n"));
        assert_eq!((found.reference.as_str(), found.other.as_str()), ("1", "2"));
        let found = between(&cookie(list([])), &cookie(list([Observed::Int(2)]))).unwrap();
        assert_eq!((found.place.as_str(), found.reference.as_str()), ("cookie.n[0]", "nothing"));
    }

    #[test]
    fn time_output_and_the_order_of_keys_are_no_difference() {
        let one = cookie(dict([("a", Observed::Int(1)), ("b", Observed::Float(f64::NAN))]));
        let mut two = cookie(dict([("b", Observed::Float(f64::NAN)), ("a", Observed::Int(1))]));
        two.last().elapsed = Duration::from_secs(1);
        two.last().stderr = output("pid 4711");
        assert_eq!(between(&one, &two), None);
        let sets = |items: [i64; 2]| cookie(Observed::Set(items.map(Observed::Int).into()));
        assert_eq!(between(&sets([1, 2]), &sets([2, 1])), None);
        assert!(between(&sets([1, 2]), &sets([1, 3])).is_some());
    }

    #[test]
    fn exceptions_differ_by_type_and_text_but_not_by_addresses() {
        let failed = |message: &str| Played::new().call(HOOK, raised("OSError", message, vec![frame("f", 1)]));
        assert_eq!(between(&failed("<C object at 0x7f01> failed"), &failed("<C object at 0x7f99> failed")), None);
        assert_eq!(between(&failed("a"), &failed("b")).unwrap().other, "OSError: b");
        let found = between(&failed("a"), &cookie(Observed::None)).unwrap();
        assert_eq!((found.place.as_str(), found.other.as_str()), ("the ending", "a result, a dict"));
    }

    #[test]
    fn a_limit_in_one_trace_is_no_difference() {
        let timed_out = Played::new().call(HOOK, Ending::TimedOut { limit: Duration::from_secs(2), frames: vec![] });
        assert_eq!(between(&timed_out, &cookie(Observed::Int(1))), None);
        assert_eq!(between(&cookie(Observed::Int(1)), &timed_out), None);
    }

    #[test]
    fn cookies_at_the_end_and_the_number_of_calls_count() {
        let mut one = cookie(Observed::Int(1));
        let two = one.clone();
        one.trace.session_cookie.set("k", Value::Int(1));
        assert_eq!(between(&one, &two).unwrap().place, "session_cookie.k");
        let longer = two.clone().call(Hook::SessionEnded, Ending::Returned(Observed::None));
        assert_eq!(between(&two, &longer).unwrap().other, "2 calls");
        assert_eq!(between(&longer, &two).unwrap().other, "1 call");
    }

    #[test]
    fn a_state_leak_names_what_was_changed_and_no_password() {
        let got = |password: &str| Played::returned(HOOK, dict([("passwords", list([text(password)]))]));
        let (fresh, after) = (got("x7#Kq9!mZ"), got("p0!Lm3$vB"));
        let changes = ["lib.plugin.CACHE".to_owned()];
        let finding = state_leak(&store(), &fresh.session, &fresh.trace, &after.trace, &changes).unwrap();
        assert_eq!((finding.rule, finding.severity), (Rule::StateLeak, Severity::Error));
        assert_eq!(
            finding.message,
            "passwords[0] differs in a fresh process and after other sessions (both a str); they changed `lib.plugin.CACHE`"
        );
        assert_eq!(state_leak(&store(), &fresh.session, &fresh.trace, &fresh.trace, &changes), None);
    }

    fn account(name: &str) -> Played {
        Played::returned(Hook::GetRemoteAppCredentials, dict([("account", text(name))]))
    }

    #[test]
    fn a_random_result_is_a_warning_with_the_same_fingerprint_each_time() {
        let of = |one, two| {
            let (one, two) = (account(one), account(two));
            nondeterministic(&store(), &one.session, &one.trace, &two.trace).unwrap()
        };
        let finding = of("svc-1", "svc-2");
        assert_eq!((finding.rule, finding.severity), (Rule::Nondeterministic, Severity::Warning));
        assert_eq!(finding.message, "account is 'svc-1' in one fresh process and 'svc-2' in another");
        assert_eq!(finding.fingerprint, of("svc-3", "svc-4").fingerprint);
    }

    #[test]
    fn a_time_stamp_in_a_cookie_or_in_a_text_for_people_is_legal() {
        let of = |one: &Played, two: &Played| nondeterministic(&store(), &one.session, &one.trace, &two.trace);
        assert_eq!(of(&cookie(text("16:03:35.891")), &cookie(text("16:03:35.892"))), None);
        let reason = |text: &str| Played::returned(Hook::Authorize, dict([("reason", self::text(text))]));
        assert_eq!(of(&reason("at 16:03"), &reason("at 16:04")), None);
        // It does not hide what the platform acts on, wherever that comes.
        let result = |time: &str, passwords| {
            Played::returned(HOOK, dict([("cookie", dict([("at", text(time))])), ("passwords", passwords)]))
        };
        let found = of(&result("1", list([text("a")])), &result("2", list([]))).unwrap();
        assert_eq!(found.message, "passwords[0] is a str in one fresh process and nothing in another");
    }

    #[test]
    fn addresses_of_objects_in_a_result_are_no_difference() {
        let with =
            |text: &str| cookie(dict([("s", Observed::Set(vec![self::text(text)])), ("l", list([self::text(text)]))]));
        let of = |one: &str, two: &str| between(&with(one), &with(two));
        assert_eq!(of("pool <HTTPSConnection object at 0x7f01aa>", "pool <HTTPSConnection object at 0x7f99bb>"), None);
        assert!(of("<HTTPSConnection object at 0x7f01>", "<HTTPConnection object at 0x7f01>").is_some());
        assert!(of("token 0x7f01aa", "token 0x7f99bb").is_some());
    }

    #[test]
    fn a_secret_of_either_trace_is_masked() {
        let one = account("with Tr0ub4dor&3").with(Argument::GatewayPassword, "Tr0ub4dor&3");
        let two = account("without");
        let finding = nondeterministic(&store(), &one.session, &one.trace, &two.trace).unwrap();
        assert_eq!(finding.message, "account is 'with ***' in one fresh process and 'without' in another");
    }
}
