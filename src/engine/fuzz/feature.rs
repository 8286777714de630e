//! [`features`]: what a session showed from outside, as numbers. A session with a feature that was never seen is kept
//! even if it ran no new code.
//!
//! A feature describes how a hook ended: the verdict, the keys of the result, the shape of a cookie, the exception and
//! the plugin's function that raised it. Except for the verdict, values do not matter. [`FeatureSet`] bounds each kind:
//! a plugin that returns a new key in every call must not fill the corpus.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    case::{Session, Value},
    trace::{CallTrace, Ending, Observed, Origin, Trace},
};

/// How many keys of a result or a cookie are read.
const KEYS: usize = 32;
/// How many different features of one kind of one hook count.
const FEATURES_OF_A_KIND: usize = 64;

/// A feature: its hook and kind, and a hash of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) struct Feature {
    kind: u16,
    hash: u64,
}

/// The features of a session, each once, ascending. Of an aborted session only those of its last call: what it showed
/// before must still be new when a complete session shows it.
pub(in crate::engine) fn features(session: &Session, trace: &Trace) -> Vec<Feature> {
    let mut found = Vec::new();
    let first = if is_aborted(trace) { trace.calls.len() - 1 } else { 0 };
    for call in &trace.calls[first..] {
        of_call(session, call, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether the session ended early because its last call failed.
pub(in crate::engine) fn is_aborted(trace: &Trace) -> bool {
    trace.calls.last().is_some_and(|call| call.ending.is_aborted())
}

#[derive(Clone, Copy)]
enum FeatureKind {
    Ending,
    Verdict,
    ResultKey,
    Cookie,
    Exception,
}

fn of_call(session: &Session, call: &CallTrace, found: &mut Vec<Feature>) {
    // `DefaultHasher::new` has no random keys, so features are the same in every run.
    let mut add = |kind: FeatureKind, what: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        what(&mut hasher);
        found.push(Feature { kind: (call.hook as u16) << 4 | kind as u16, hash: hasher.finish() });
    };
    add(FeatureKind::Ending, &|hasher| {
        std::mem::discriminant(&call.ending).hash(hasher);
        match &call.ending {
            Ending::Returned(result) => result.type_name().hash(hasher),
            Ending::Exited { status, .. } => status.hash(hasher),
            Ending::Signalled { signal, .. } => signal.hash(hasher),
            _ => {}
        }
    });
    match &call.ending {
        Ending::Returned(result) => {
            if let Some(verdict) = result.get("verdict").and_then(Observed::as_str) {
                add(FeatureKind::Verdict, &|hasher| (verdict, call.round.min(3)).hash(hasher));
            }
            for (key, value) in result.as_dict().unwrap_or_default().iter().take(KEYS) {
                add(FeatureKind::ResultKey, &|hasher| {
                    (key.as_json_key(), value.type_name(), length(value)).hash(hasher)
                });
            }
            for (key, passed) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
                if let Some(cookie) = result.get(key) {
                    add(FeatureKind::Cookie, &|hasher| (key, shape(cookie, passed)).hash(hasher));
                }
            }
        }
        Ending::Raised(_)
        | Ending::Exited { .. }
        | Ending::Signalled { .. }
        | Ending::OutOfMemory { .. }
        | Ending::Corrupted => {
            let type_name = if let Ending::Raised(exception) = &call.ending { &*exception.type_name } else { "" };
            let own = call.ending.frames().iter().find(|frame| frame.origin == Origin::Plugin);
            add(FeatureKind::Exception, &|hasher| {
                type_name.hash(hasher);
                own.map(|frame| (&frame.file, &frame.function)).hash(hasher);
            });
        }
        Ending::TimedOut { .. } | Ending::EndedEarly { .. } | Ending::CutOff => {}
    }
}

/// Whether it has none, one or many items.
fn length(value: &Observed) -> Option<usize> {
    match value {
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => Some(items.len().min(2)),
        Observed::Dict(entries) => Some(entries.len().min(2)),
        Observed::Str(text) => Some(text.len().min(1)),
        _ => None,
    }
}

/// The sorted keys of a cookie with the types of their values, without the keys that the session itself passed: a
/// plugin that returns what it received shows nothing new.
fn shape<'o>(cookie: &'o Observed, passed: &Value) -> Vec<(Option<String>, &'o str)> {
    let passed = passed.as_dict().unwrap_or_default();
    let entries = cookie.as_dict().unwrap_or_default().iter().take(KEYS);
    let shape = entries.map(|(key, value)| (key.as_json_key(), value.type_name()));
    let mut shape: Vec<_> =
        shape.filter(|(key, _)| !passed.iter().any(|(known, _)| Some(known) == key.as_ref())).collect();
    shape.sort_unstable();
    shape
}

/// The features that were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct FeatureSet {
    seen: HashSet<Feature>,
    of_kind: HashMap<u16, usize>,
}

impl FeatureSet {
    /// Marks features as seen, and returns how many of them are new. When a kind has enough, none of it is new.
    pub(super) fn mark(&mut self, features: &[Feature]) -> usize {
        let mut new = 0;
        for feature in features {
            if self.seen.contains(feature) {
                continue;
            }
            let of_kind = self.of_kind.entry(feature.kind).or_default();
            if *of_kind < FEATURES_OF_A_KIND {
                *of_kind += 1;
                self.seen.insert(*feature);
                new += 1;
            }
        }
        new
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fake,
        trace::{Exception, Frame},
    };

    fn text(text: &str) -> Observed {
        Observed::Str(text.to_owned())
    }

    fn dict(entries: &[(&str, Observed)]) -> Observed {
        Observed::Dict(entries.iter().map(|(key, value)| (text(key), value.clone())).collect())
    }

    fn returned(entries: &[(&str, Observed)]) -> Trace {
        fake::trace_of(Ending::Returned(dict(entries)))
    }

    fn raised(type_name: &str, function: &str) -> Trace {
        let frame = Frame { origin: Origin::Plugin, function: function.into(), ..Frame::default() };
        let exception = Exception { type_name: type_name.into(), frames: vec![frame], ..Exception::default() };
        fake::trace_of(Ending::Raised(exception))
    }

    #[test]
    fn another_verdict_key_cookie_or_exception_is_new_and_another_value_is_not() {
        let mut known = FeatureSet::default();
        let mut new = |trace: &Trace| known.mark(&features(&fake::session(0), trace)) > 0;
        assert!(new(&returned(&[("verdict", text("ACCEPT")), ("reason", text("one"))])));
        assert!(!new(&returned(&[("verdict", text("ACCEPT")), ("reason", text("another"))])));
        assert!(new(&returned(&[("verdict", text("DENY")), ("reason", text("one"))])));
        assert!(new(&returned(&[("additional_metadata", text("x"))])));
        assert!(new(&returned(&[("cookie", dict(&[("lease", text("1"))]))])));
        assert!(!new(&returned(&[("cookie", dict(&[("lease", text("2"))]))])));
        assert!(new(&returned(&[("cookie", dict(&[("lease", Observed::Int(1))]))])));
        assert!(new(&raised("KeyError", "one")) && new(&raised("KeyError", "two")) && new(&raised("E", "one")));
        assert!(!new(&raised("KeyError", "one")));
    }

    #[test]
    fn a_session_cookie_that_comes_back_as_it_was_passed_is_nothing_new() {
        let mut known = FeatureSet::default();
        let mut new = |key: &str| {
            let mut session = fake::session(0);
            session.session_cookie = Value::Dict(vec![(key.into(), Value::Null)]);
            let trace = returned(&[("session_cookie", dict(&[(key, Observed::None), ("own", Observed::None)]))]);
            known.mark(&features(&session, &trace))
        };
        assert!(new("one") > 0);
        assert_eq!(new("another"), 0);
    }

    #[test]
    fn a_plugin_that_invents_keys_is_bounded() {
        let mut known = FeatureSet::default();
        let keys = |number: usize| returned(&[(&format!("key-{number}"), Observed::Int(1))]);
        let new: usize = (0..1000).map(|number| known.mark(&features(&fake::session(0), &keys(number)))).sum();
        assert_eq!(new, FEATURES_OF_A_KIND + 1, "the ending is one more");
        assert_eq!(known.len(), new);
    }
}
