//! What a session showed from outside: [`features`] gives a number for each outcome of a call, so that a session with an
//! outcome never seen before is kept although it ran no new code.
//!
//! An outcome is how a hook ended: with which verdict, with which keys in its result, with which shape of cookie, with
//! which exception out of which function of the plugin. Values play no part in it but the verdict, and [`Known`] bounds
//! each kind: a plugin that makes up a key for every call must not fill the corpus.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    case::{Session, Value},
    trace::{CallTrace, Ending, Observed, Origin, Trace},
};

/// How many keys of a result or a cookie are looked at.
const KEYS: usize = 32;
/// How many different outcomes of one kind of one hook count.
const OF_A_KIND: usize = 64;

/// An outcome: its kind, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) struct Feature {
    kind: u16,
    which: u64,
}

/// The outcomes of a session, each once, ascending. Of one that ended broken only that of the call that broke: what went
/// well before must still be news when a whole session shows it.
pub(in crate::engine) fn features(session: &Session, trace: &Trace) -> Vec<Feature> {
    let mut found = Vec::new();
    let whole = if is_broken(trace) { trace.calls.len() - 1 } else { 0 };
    for call in &trace.calls[whole..] {
        of_call(session, call, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether the last call broke, so that the session ended there.
pub(in crate::engine) fn is_broken(trace: &Trace) -> bool {
    trace.calls.last().is_some_and(|call| call.ending.is_aborted())
}

#[derive(Clone, Copy)]
enum Kind {
    Ending,
    Verdict,
    ResultKey,
    Cookie,
    Exception,
}

fn of_call(session: &Session, call: &CallTrace, found: &mut Vec<Feature>) {
    // The same numbers in every run of one build: `DefaultHasher::new` has no random keys.
    let mut add = |kind: Kind, what: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        what(&mut hasher);
        found.push(Feature { kind: (call.hook as u16) << 4 | kind as u16, which: hasher.finish() });
    };
    add(Kind::Ending, &|hasher| {
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
                add(Kind::Verdict, &|hasher| (verdict, call.round.min(3)).hash(hasher));
            }
            for (key, value) in result.as_dict().unwrap_or_default().iter().take(KEYS) {
                add(Kind::ResultKey, &|hasher| (key.as_json_key(), value.type_name(), length(value)).hash(hasher));
            }
            for (key, given) in [("cookie", &session.cookie), ("session_cookie", &session.session_cookie)] {
                if let Some(cookie) = result.get(key) {
                    add(Kind::Cookie, &|hasher| (key, shape(cookie, given)).hash(hasher));
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
            add(Kind::Exception, &|hasher| {
                type_name.hash(hasher);
                own.map(|frame| (&frame.file, &frame.function)).hash(hasher);
            });
        }
        Ending::TimedOut { .. } | Ending::CutOff => {}
    }
}

/// None, one or many: how much there is of it, not what.
fn length(value: &Observed) -> Option<usize> {
    match value {
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => Some(items.len().min(2)),
        Observed::Dict(entries) => Some(entries.len().min(2)),
        Observed::Str(text) => Some(text.len().min(1)),
        _ => None,
    }
}

/// The keys of a cookie with the types of their values, in the alphabet's order, without those that the session brought
/// itself: a plugin that gives back what it got is no news each time.
fn shape<'o>(cookie: &'o Observed, given: &Value) -> Vec<(Option<String>, &'o str)> {
    let given = given.as_dict().unwrap_or_default();
    let entries = cookie.as_dict().unwrap_or_default().iter().take(KEYS);
    let shape = entries.map(|(key, value)| (key.as_json_key(), value.type_name()));
    let mut shape: Vec<_> =
        shape.filter(|(key, _)| !given.iter().any(|(known, _)| Some(known) == key.as_ref())).collect();
    shape.sort_unstable();
    shape
}

/// The outcomes that were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    seen: HashSet<Feature>,
    of_kind: HashMap<u16, usize>,
}

impl Known {
    /// Takes outcomes in, and says how many of them are new. Of each kind only the first ones are.
    pub(super) fn mark(&mut self, features: &[Feature]) -> usize {
        let mut new = 0;
        for feature in features {
            if self.seen.contains(feature) {
                continue;
            }
            let of_kind = self.of_kind.entry(feature.kind).or_default();
            if *of_kind < OF_A_KIND {
                *of_kind += 1;
                self.seen.insert(*feature);
                new += 1;
            }
        }
        new
    }

    /// How many there are.
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
        let mut known = Known::default();
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
    fn a_session_cookie_that_comes_back_as_it_was_given_is_no_news() {
        let mut known = Known::default();
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
    fn a_plugin_that_makes_up_keys_is_bounded() {
        let mut known = Known::default();
        let keys = |number: usize| returned(&[(&format!("key-{number}"), Observed::Int(1))]);
        let new: usize = (0..1000).map(|number| known.mark(&features(&fake::session(0), &keys(number)))).sum();
        assert_eq!(new, OF_A_KIND + 1, "the ending is one more");
        assert_eq!(known.len(), new);
    }
}
