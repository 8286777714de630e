//! The stages of shrinking. Each stage counts its items in a session, and removes a range of them or makes them plain.

use std::{collections::HashSet, ops::Range};

use crate::{
    case::{Session, Value},
    contract::{Argument, Hook},
    generate::{
        services::plain_file,
        shrink::slots::{Slot, replace, slots},
    },
};

/// The deepest nesting at which single entries are removed. Deeper entries go only with the dict or list around them.
const DEPTH_LIMIT: usize = 6;

/// A stage of shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Removes calls.
    Calls,
    /// Removes options that the session sets.
    Options,
    /// Removes whole services; [`Self::Entries`] removes entries of the others.
    Services,
    /// Makes files of the appliance plain.
    ApplianceFiles,
    /// Removes arguments that the hooks do not take.
    Unseen,
    /// Makes values plain.
    Plain,
    /// Removes entries of dicts and items of lists at this depth, the outer ones first.
    Entries(usize),
    /// Makes single values simpler, step by step; see [`super::leaves`].
    Leaves,
    /// Removes answers.
    Answers,
    /// Lets a call end that was cut off.
    Cuts,
}

impl Stage {
    pub(super) const FIRST: Self = Self::Calls;

    /// The stage after this one.
    pub(super) const fn next(self) -> Option<Self> {
        Some(match self {
            Self::Calls => Self::Options,
            Self::Options => Self::Services,
            Self::Services => Self::ApplianceFiles,
            Self::ApplianceFiles => Self::Unseen,
            Self::Unseen => Self::Plain,
            Self::Plain => Self::Entries(1),
            Self::Entries(DEPTH_LIMIT) => Self::Leaves,
            Self::Entries(depth) => Self::Entries(depth + 1),
            Self::Leaves => Self::Answers,
            Self::Answers => Self::Cuts,
            Self::Cuts => return None,
        })
    }

    /// How many items `session` has for this stage.
    pub(super) fn count(self, session: &Session, unseen: &HashSet<(Hook, Argument)>) -> usize {
        match self {
            Self::Calls => session.calls.len(),
            Self::Options => session.options.len(),
            Self::Services => session.services.as_dict().map_or(0, <[_]>::len),
            Self::ApplianceFiles => files_not_plain(session).len(),
            Self::Unseen => unseen_in(session, unseen).count(),
            Self::Plain => not_plain(session).len(),
            Self::Entries(depth) => entries(session, depth).len(),
            Self::Answers => session.calls.iter().map(|call| call.answers.len()).sum(),
            Self::Cuts => session.calls.iter().filter(|call| call.cut_off).count(),
            Self::Leaves => 0,
        }
    }

    /// The session without these items, or with plain ones; `None` if that is impossible.
    pub(super) fn apply(
        self,
        session: &Session,
        unseen: &HashSet<(Hook, Argument)>,
        items: Range<usize>,
    ) -> Option<Session> {
        let mut smaller = session.clone();
        match self {
            Self::Calls => _ = smaller.calls.drain(items),
            Self::Options => _ = smaller.options.drain(items),
            Self::Services => {
                let Value::Dict(services) = &mut smaller.services else { return None };
                services.drain(items);
            }
            Self::ApplianceFiles => {
                let mut files = session.services.get(FILES)?.clone();
                files_not_plain(session)[items].iter().for_each(|path| files.set(path, plain_file(path).into()));
                smaller.services.set(FILES, files);
            }
            Self::Unseen => {
                let gone: Vec<_> = unseen_in(session, unseen).skip(items.start).take(items.len()).collect();
                for (call, argument) in gone {
                    smaller.calls[call].arguments.retain(|(known, _)| *known != argument);
                }
            }
            Self::Plain => {
                for (slot, value) in &not_plain(session)[items] {
                    replace(&mut smaller, slot, value);
                }
            }
            Self::Entries(depth) => {
                let gone = &entries(session, depth)[items];
                for slot in slots(session) {
                    let paths: Vec<&[usize]> =
                        gone.iter().filter(|(known, _)| *known == slot).map(|(_, path)| path.as_slice()).collect();
                    if !paths.is_empty() {
                        let mut value = slot.value.clone();
                        // From the back, so that the paths of the others stay valid.
                        paths.iter().rev().for_each(|path| remove(&mut value, path));
                        replace(&mut smaller, &slot, &value);
                    }
                }
            }
            Self::Answers => {
                let mut place = 0;
                for call in &mut smaller.calls {
                    call.answers.retain(|_| {
                        place += 1;
                        !items.contains(&(place - 1))
                    });
                }
            }
            Self::Cuts => {
                let cut = smaller.calls.iter_mut().filter(|call| call.cut_off);
                cut.skip(items.start).take(items.len()).for_each(|call| call.cut_off = false);
            }
            Self::Leaves => return None,
        }
        Some(smaller)
    }
}

/// The service with the files of the appliance.
const FILES: &str = "appliance_files";

/// The files of the appliance that are not plain.
fn files_not_plain(session: &Session) -> Vec<&str> {
    let files = session.services.get(FILES).and_then(Value::as_dict).unwrap_or_default();
    let not_plain = files.iter().filter(|(path, text)| text.as_str() != Some(&plain_file(path)));
    not_plain.map(|(path, _)| path.as_str()).collect()
}

/// Whether each file of the appliance in `smaller` is one of `session`, or plain: a part of such a file is not what the
/// appliance writes.
pub(super) fn keeps_files_whole(session: &Session, smaller: &Session) -> bool {
    let files = |session: &Session| session.services.get(FILES).cloned().unwrap_or_else(Value::empty_dict);
    let before = files(session);
    files(smaller)
        .as_dict()
        .unwrap_or_default()
        .iter()
        .all(|(path, text)| before.get(path) == Some(text) || text.as_str() == Some(&plain_file(path)))
}

/// The arguments of each call that its hook does not take, with the number of the call.
fn unseen_in(session: &Session, unseen: &HashSet<(Hook, Argument)>) -> impl Iterator<Item = (usize, Argument)> {
    session.calls.iter().enumerate().flat_map(move |(place, call)| {
        let gone = call.arguments.iter().filter(|(argument, _)| unseen.contains(&(call.hook, *argument)));
        gone.map(move |(argument, _)| (place, *argument))
    })
}

/// The values that are not plain, each with the plain one.
fn not_plain(session: &Session) -> Vec<(Slot, Value)> {
    let slots = slots(session).into_iter();
    slots
        .filter_map(|slot| slot.plain(session).filter(|plain| *plain != slot.value).map(|plain| (slot, plain)))
        .collect()
}

/// The paths of entries and items at `depth`, in order.
fn entries(session: &Session, depth: usize) -> Vec<(Slot, Vec<usize>)> {
    let mut found = Vec::new();
    for slot in slots(session).into_iter().filter(|slot| !slot.is_plain()) {
        let mut paths = Vec::new();
        paths_at(&slot.value, depth, &mut Vec::new(), &mut paths);
        found.extend(paths.into_iter().map(|path| (slot.clone(), path)));
    }
    found
}

fn paths_at(value: &Value, depth: usize, path: &mut Vec<usize>, out: &mut Vec<Vec<usize>>) {
    if depth == 0 {
        out.push(path.clone());
        return;
    }
    let mut descend = |index: usize, child: &Value| {
        path.push(index);
        paths_at(child, depth - 1, path, out);
        path.pop();
    };
    match value {
        Value::List(items) => items.iter().enumerate().for_each(|(index, item)| descend(index, item)),
        Value::Dict(entries) => entries.iter().enumerate().for_each(|(index, (_, value))| descend(index, value)),
        _ => {}
    }
}

/// Removes the part at `path`.
fn remove(value: &mut Value, path: &[usize]) {
    match (value, path) {
        (Value::List(items), [last]) => _ = items.remove(*last),
        (Value::Dict(entries), [last]) => _ = entries.remove(*last),
        (Value::List(items), [index, rest @ ..]) => remove(&mut items[*index], rest),
        (Value::Dict(entries), [index, rest @ ..]) => remove(&mut entries[*index].1, rest),
        _ => {}
    }
}
