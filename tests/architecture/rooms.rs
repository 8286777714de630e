//! The order of the rooms, and where `unsafe` may be.

use crate::source::Source;

/// The rooms in the order in which data flows: a room uses only rooms above it.
pub(crate) const ROOMS: [&str; 16] = [
    "contract", "finding", "package", "case", "trace", "generate", "oracle", "backend", "runtime", "corpus", "engine",
    "load", "report", "api", "selftest", "cli",
];

/// What a room must not use although it is above: room, other room, reason.
const NEVER: [(&str, &str, &str); 4] = [
    ("case", "package", "a case is read and written without a package"),
    ("oracle", "generate", "an oracle judges a session whatever made it"),
    ("runtime", "generate", "the runtime runs sessions whatever made them"),
    ("runtime", "oracle", "the runtime reports what it saw and does not judge it"),
];

/// What the worker uses of the library: it runs calls, and knows nothing of rules.
const OF_WORKER: [&str; 5] = ["contract", "package", "case", "trace", "runtime"];

/// Rooms with `unsafe` code.
const UNSAFE: [&str; 1] = ["runtime"];

/// The room of a file: `src/case/value.rs` is in `case`.
fn room(name: &str) -> Option<&str> {
    name.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
}

/// Uses that point the wrong way, as messages.
pub(crate) fn wrong_uses(source: &Source) -> Vec<String> {
    if source.name.starts_with("worker/") {
        return wrong_uses_of_worker(source);
    }
    let Some(own) = room(&source.name) else { return Vec::new() };
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    let Some(own_place) = place(own) else {
        return vec![format!("{}: `{own}` is not in the list of rooms in tests/architecture/rooms.rs", source.name)];
    };
    let mut wrong = Vec::new();
    for named in source.named.iter().filter(|named| named.path[0] == "crate") {
        let other = named.path[1].as_str();
        // What the root of the library re-exports is `api`'s.
        let Some(other_place) = place(other).or_else(|| place("api")) else { continue };
        let rule = if other_place > own_place {
            format!("a room uses only rooms above it, and the order is {}", ROOMS.join(", "))
        } else if let Some((.., reason)) = NEVER.iter().find(|(from, to, _)| (*from, *to) == (own, other)) {
            (*reason).to_owned()
        } else {
            continue;
        };
        wrong.push(format!("{}:{}: `{own}` uses `{}`: {rule}", source.name, named.line, named.path[1..].join("::")));
    }
    wrong
}

fn wrong_uses_of_worker(source: &Source) -> Vec<String> {
    let uses = source.named.iter().filter(|named| named.path[0] == "hookstorm" && named.path.len() > 1);
    let wrong = uses.filter(|named| !OF_WORKER.contains(&named.path[1].as_str()));
    let message = |path: &[String], line| {
        let allowed = OF_WORKER.join(", ");
        format!("{}:{line}: the worker uses `{}`: it uses only {allowed}", source.name, path.join("::"))
    };
    wrong.map(|named| message(&named.path[1..], named.line)).collect()
}

/// Whether a file may contain `unsafe`.
fn may_be_unsafe(name: &str) -> bool {
    name.starts_with("worker/") || room(name).is_some_and(|room| UNSAFE.contains(&room))
}

/// `unsafe` where it must not be, and rooms that do not forbid it, as messages.
pub(crate) fn unsafe_code(source: &Source) -> Vec<String> {
    if may_be_unsafe(&source.name) {
        return Vec::new();
    }
    let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
    let mut wrong: Vec<String> = source
        .tokens
        .iter()
        .filter(|token| token.text == "unsafe")
        .map(|token| format!("{}:{}: `unsafe` is only in `src/runtime/` and `worker/`", source.name, token.line))
        .collect();
    let is_head = room(&source.name).is_some_and(|room| source.name == format!("src/{room}/mod.rs"));
    let forbids = (0..source.tokens.len()).any(|at| text(at) == "forbid" && text(at + 2) == "unsafe_code");
    if is_head && !forbids {
        wrong.push(format!("{}: a room without unsafe code opens with `#![forbid(unsafe_code)]`", source.name));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_that_points_down_is_named_with_its_line_and_the_rule() {
        let source =
            Source::new("src/case/value.rs", "use crate::contract::Hook;\nuse crate::{\n    oracle::Subject,\n};");
        let wrong = wrong_uses(&source);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].starts_with("src/case/value.rs:3: `case` uses `oracle::Subject`: a room uses only rooms above")
        );
        let through_super = Source::new("src/case/value.rs", "fn f() { super::super::engine::g() }");
        assert_eq!(wrong_uses(&through_super).len(), 1);
        let for_tests = Source::new("src/case/value.rs", "#[cfg(test)]\nmod tests { use crate::engine::X; }");
        assert_eq!(wrong_uses(&for_tests), [] as [String; 0]);
        assert_eq!(wrong_uses(&Source::new("src/main.rs", "use crate::cli;")), [] as [String; 0]);
        let re_exported = Source::new("src/engine/mod.rs", "use crate::Plugin;");
        assert_eq!(wrong_uses(&re_exported).len(), 1, "the root of the library re-exports what `api` has");
        assert_eq!(wrong_uses(&Source::new("src/cli/mod.rs", "use crate::Plugin;")), [] as [String; 0]);
    }

    #[test]
    fn what_a_room_never_uses_is_named_with_its_reason() {
        let wrong = wrong_uses(&Source::new("src/runtime/host/mod.rs", "use crate::generate;"));
        assert_eq!(
            wrong,
            ["src/runtime/host/mod.rs:1: `runtime` uses `generate`: the runtime runs sessions whatever made them"]
        );
    }

    #[test]
    fn what_the_worker_must_not_use_is_named() {
        let wrong = wrong_uses(&Source::new("worker/src/call.rs", "use hookstorm::{case::Value, oracle::judge};"));
        assert_eq!(
            wrong,
            [
                "worker/src/call.rs:1: the worker uses `oracle::judge`: it uses only contract, package, case, trace, runtime"
            ]
        );
    }

    #[test]
    fn a_room_that_is_not_in_the_list_is_named() {
        assert_eq!(wrong_uses(&Source::new("src/attic/mod.rs", "")).len(), 1);
    }

    #[test]
    fn unsafe_code_is_found_outside_its_rooms() {
        let found = |name: &str, text: &str| unsafe_code(&Source::new(name, text)).len();
        assert_eq!(found("src/case/value.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(found("src/runtime/machine.rs", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(found("worker/src/main.rs", "unsafe fn f() {}"), 0);
        assert_eq!(found("src/case/mod.rs", "//! A room."), 1);
        assert_eq!(found("src/case/mod.rs", "#![forbid(unsafe_code)]"), 0);
        assert_eq!(found("src/case/value.rs", "// unsafe\nlet unsafe_code = \"unsafe\";"), 0);
    }
}
