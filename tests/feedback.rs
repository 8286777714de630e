//! Instrumented plugins: their code does the same as without instrumentation, and reports edges and comparisons.

use std::{path::Path, sync::Arc, time::Duration};

use hookstorm::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{CmpKind, CmpLogEntry, Edge, Ending, Instrumentation, LoadEnding, Loading, Observation, Origin, Trace},
};

fn target(root: &Path, instrument: bool) -> Arc<Target> {
    Arc::new(Target {
        root: std::fs::canonicalize(root).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits { timeout: Duration::from_secs(30), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument,
    })
}

fn start(root: &Path, instrument: bool) -> (Worker, Loading) {
    let (worker, loading) = Worker::start(&target(root, instrument)).unwrap();
    assert!(loading.has_class, "{loading:?}");
    (worker, loading)
}

/// A plugin whose `get_password_list` has that body; `word` is the user's name, `pairs` the cookie.
fn plugin(body: &str) -> tempfile::TempDir {
    let body: String = body.trim().lines().map(|line| format!("        {line}\n")).collect();
    let text = format!(
        "import os\nimport re\nclass Plugin:\n    def get_password_list(self, server_username, cookie, client_port=0):\n        word, pairs, number = server_username, cookie, client_port\n{body}"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.py"), text).unwrap();
    folder
}

fn session(word: &str) -> Session {
    Session::new(vec![Call::new(Hook::GetPasswordList, vec![(Argument::ServerUsername, Value::text(word))])])
}

fn watched(worker: &mut Worker, word: &str, watch: Instrumentation) -> Observation {
    worker.run_observed(&[session(word)], watch).unwrap().remove(0)
}

fn returned(trace: &Trace) -> String {
    match &trace.calls[0].ending {
        Ending::Returned(result) => result.to_string(),
        other => panic!("{other:?}"),
    }
}

/// `tests/instrumented` with the files that no editor would leave as they are.
fn language() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instrumented");
    for inside in ["", "package", "namespace"] {
        std::fs::create_dir_all(folder.path().join(inside)).unwrap();
        for file in std::fs::read_dir(from.join(inside)).unwrap().map(Result::unwrap) {
            if file.path().extension().is_some_and(|extension| extension == "py") {
                std::fs::copy(file.path(), folder.path().join(inside).join(file.file_name())).unwrap();
            }
        }
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join("package").join(name), bytes).unwrap();
    write("latin.py", b"# -*- coding: latin-1 -*-\nTEXT = 'caf\xe9'\n");
    write("bom.py", b"\xef\xbb\xbf\"\"\"Doc.\"\"\"\nTEXT = __doc__\n");
    write("crlf.py", b"def lines(x):\r\n    \"\"\"Doc.\"\"\"\r\n    if x == 1:\r\n        return '''a\r\nb'''\r\n");
    folder
}

#[test]
fn everything_that_python_has_does_what_it_does_otherwise() {
    let folder = language();
    let (mut plain, loading) = start(folder.path(), false);
    let (mut instrumented, loading_instrumented) = start(folder.path(), true);
    assert_eq!(loading_instrumented, loading);
    assert_eq!(plain.instrumented(), 0);
    assert!(instrumented.instrumented() > 100, "{}", instrumented.instrumented());
    let text = std::fs::read_to_string(folder.path().join("main.py")).unwrap();
    let names: Vec<&str> = text
        .split("@register\ndef ")
        .skip(1)
        .map(|function| function.split_once('(').expect("a function has parameters").0)
        .collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names {
        let expected = plain.run(&[session(name)], Isolation::Persistent).unwrap().remove(0);
        if !matches!(name, "raises" | "leaves") {
            returned(&expected);
        }
        let says = |trace: &Trace| {
            let calls = trace.calls.iter();
            let calls: Vec<_> =
                calls.map(|call| (call.ending.clone(), call.stdout.clone(), call.stderr.clone())).collect();
            (calls, trace.changes.clone())
        };
        for watch in [Instrumentation::NewEdges, Instrumentation::Comparisons] {
            let seen = watched(&mut instrumented, name, watch);
            assert_eq!(says(&seen.trace), says(&expected), "{name}, {watch:?}");
            assert!(!seen.edges.is_empty(), "{name}, {watch:?}");
        }
        let unwatched = instrumented.run(&[session(name)], Isolation::Persistent).unwrap().remove(0);
        assert_eq!(says(&unwatched), says(&expected), "{name}");
    }
}

#[test]
fn a_plugin_that_cannot_be_imported_fails_as_it_does_otherwise() {
    for text in
        ["def f(:\n", "import nowhere\n", "def f():\n    return (1\n\nclass Plugin: pass\n", "x = '\\ud800'.encode()\n"]
    {
        for inside in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let broken = if inside { "inner.py" } else { "main.py" };
            std::fs::write(folder.path().join("main.py"), "import inner\n").unwrap();
            std::fs::write(folder.path().join(broken), text).unwrap();
            // How Python's loader came to the file is its own affair.
            let loading = |instrument| {
                let mut loading = Worker::start(&target(folder.path(), instrument)).unwrap().1;
                let LoadEnding::Raised(exception) = &mut loading.import else { panic!("{loading:?}") };
                exception.frames.retain(|frame| frame.origin != Origin::StandardLibrary);
                loading
            };
            assert_eq!(loading(true), loading(false), "{text}");
        }
    }
}

#[test]
fn edges_tell_branches_apart_and_are_the_same_in_every_process() {
    let folder = plugin(
        "
if word == 'a':
    return {'cookie': {}}
for letter in word:
    if letter == 'x':
        break
return None if word.endswith('z') else {}
",
    );
    let (mut one, _) = start(folder.path(), true);
    let (mut other, _) = start(folder.path(), true);
    let words = ["a", "b", "bb", "bbx", "bz"];
    let sessions = words.map(session);
    let seen = one.run_observed(&sessions, Instrumentation::NewEdges).unwrap();
    for (at, watched) in seen.iter().enumerate() {
        assert!(watched.edges.is_sorted() && !watched.edges.is_empty(), "{}: {:?}", words[at], watched.edges);
        assert!(seen[..at].iter().all(|earlier| earlier.edges != watched.edges), "{}", words[at]);
        assert_eq!(watched.comparisons, []);
    }
    assert_eq!(other.run_observed(&sessions, Instrumentation::NewEdges).unwrap().len(), 5);
    for (at, word) in words.iter().enumerate() {
        // The second time nothing of it is new; if all is asked for, all is reported.
        assert_eq!(watched(&mut one, word, Instrumentation::NewEdges).edges, []);
        assert_eq!(watched(&mut other, word, Instrumentation::Comparisons).edges, seen[at].edges, "{word}");
    }
    // As often as that it was not seen yet.
    assert!(!watched(&mut one, &"b".repeat(40), Instrumentation::NewEdges).edges.is_empty());
    assert_eq!(watched(&mut one, &"b".repeat(41), Instrumentation::NewEdges).edges, []);
}

#[test]
fn what_others_saw_is_not_reported_again() {
    let folder = plugin("return None if word == 'a' else {}");
    let (mut one, _) = start(folder.path(), true);
    let (mut other, _) = start(folder.path(), true);
    let edges = watched(&mut one, "a", Instrumentation::NewEdges).edges;
    other.mark_seen(&edges);
    other.mark_seen(&[Edge { number: u32::MAX, bucket: 0 }, Edge { number: 0, bucket: 255 }]);
    assert_eq!(watched(&mut other, "a", Instrumentation::NewEdges).edges, []);
    assert!(!watched(&mut other, "b", Instrumentation::NewEdges).edges.is_empty());
}

#[test]
fn a_session_that_ends_its_process_tells_its_edges_all_the_same() {
    let folder = plugin("if word == 'kill':\n    os.kill(os.getpid(), 9)\nif word == 'spin':\n    while True: pass");
    let target = Arc::new(Target {
        limits: Limits { timeout: Duration::from_millis(300), ..Limits::default() },
        ..Target::clone(&target(folder.path(), true))
    });
    let (mut worker, _) = Worker::start(&target).unwrap();
    let seen =
        worker.run_observed(&["a", "kill", "a", "spin", "kill"].map(session), Instrumentation::NewEdges).unwrap();
    assert!(matches!(seen[1].trace.calls[0].ending, Ending::Signalled { signal: 9, .. }), "{:?}", seen[1]);
    assert!(matches!(seen[3].trace.calls[0].ending, Ending::TimedOut { .. }), "{:?}", seen[3]);
    let reported: Vec<bool> = seen.iter().map(|watched| !watched.edges.is_empty()).collect();
    assert_eq!(reported, [true, true, false, true, false]);
    assert_ne!(seen[1].edges, seen[0].edges);
}

#[test]
fn a_child_that_the_plugin_forks_and_a_thread_that_it_starts_disturb_nothing() {
    let folder = plugin(
        "
import threading
pid = os.fork()
if pid == 0:
    for letter in 'abc' * 100:
        if letter == 'b':
            letter += 'c'
    os._exit(0)
os.waitpid(pid, 0)
threads = [threading.Thread(target=lambda: [n for n in range(10000) if n == 5]) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
return {'cookie': {'fine': word == 'a'}}
",
    );
    let (mut worker, _) = start(folder.path(), true);
    for word in ["a", "b", "a"] {
        let seen = watched(&mut worker, word, Instrumentation::Comparisons);
        assert_eq!(
            returned(&seen.trace),
            format!("{{'cookie': {{'fine': {}}}}}", if word == "a" { "True" } else { "False" })
        );
        assert!(!seen.comparisons.iter().any(|comparison| comparison.right == Value::text("c")));
    }
}

#[test]
fn comparisons_hold_what_was_compared() {
    let folder = plugin(
        "
class Own(str):
    def __eq__(self, other): raise SystemExit
    def __hash__(self): raise SystemExit
found = [
    word == 'whole', b'bytes' != word.encode(), len(word) < 7, word is None, 'or' in word, word not in ['l', 2, os],
    pairs.get('asked', 0), 'key' in pairs, word.startswith(('pre', 'w')), word.endswith('suf'),
    re.match('m+', word), re.compile('f(u)ll').fullmatch(word), {'word': 1}[word], pairs == {},
    object() == word, word == '\\ud800', 1.5 > len(word), pairs.pop('popped', None), word == 'long' * 1000,
    word in {Own('own'): 1}.keys() if word == 'no' else None, None is None,
]
for n in range(100000):
    if n == number - 1: break
return {}
",
    );
    let (mut worker, _) = start(folder.path(), true);
    let mut session = session("word");
    session.cookie = Value::Dict(vec![("had".into(), Value::Int(1)), ("asked".into(), Value::Null)]);
    let seen = worker.run_observed(&[session.clone(), session], Instrumentation::Comparisons).unwrap();
    assert_eq!(returned(&seen[0].trace), "{}");
    // The same in every session, not only in the first.
    assert_eq!(seen[0].comparisons, seen[1].comparisons);
    let all = &seen[0].comparisons;
    let has = |kind, left: &Value, right: &Value, matched| {
        let same = |known: &&CmpLogEntry| (known.kind, &known.left, &known.right) == (kind, left, right);
        let found: Vec<bool> = all.iter().filter(same).map(|known| known.matched).collect();
        assert_eq!(found, [matched], "{kind:?} {left} {right}: {all:#?}");
    };
    let list = |texts: &[&str]| Value::List(texts.iter().map(|&text| Value::text(text)).collect());
    let word = &Value::text("word");
    let text = |text: &str| Value::text(text);
    has(CmpKind::Equal, word, &text("whole"), false);
    has(CmpKind::Equal, &text("bytes"), word, false);
    has(CmpKind::Order, &Value::Int(4), &Value::Int(7), true);
    has(CmpKind::Equal, word, &Value::Null, false);
    has(CmpKind::Contains, &text("or"), word, true);
    has(CmpKind::Contains, word, &Value::List(vec![text("l"), Value::Int(2)]), false);
    has(CmpKind::Key, &text("asked"), &list(&["had", "asked"]), true);
    has(CmpKind::Key, &text("key"), &list(&["had", "asked"]), false);
    has(CmpKind::Key, word, &list(&["word"]), true);
    has(CmpKind::Key, &text("popped"), &list(&["had", "asked"]), false);
    has(CmpKind::Prefix, word, &text("pre"), true);
    has(CmpKind::Prefix, word, &text("w"), true);
    has(CmpKind::Suffix, word, &text("suf"), false);
    has(CmpKind::Pattern, word, &text("m+"), false);
    has(CmpKind::Pattern, word, &text("f(u)ll"), false);
    has(CmpKind::Order, &Value::Float(1.5), &Value::Int(4), false);
    has(CmpKind::Equal, word, &Value::text("long".repeat(64)), false);
    // A loop leaves room for the others.
    let of_loop = all.iter().filter(|known| known.right == Value::Int(-1)).count();
    assert!((1..=16).contains(&of_loop), "{of_loop}");
    assert!(all.iter().all(|known| known.left != Value::Null || known.right != Value::Null));
}

#[test]
fn a_regular_expression_is_a_comparison_in_every_form_of_call() {
    let folder = plugin(
        "
own = re.compile('o (w) n', re.X)
found = [
    own.sub('', word), own.subn(repl='', string=word), own.split(word, 1), len(list(own.finditer(word))),
    re.sub('a+', '', word, 0, re.I), re.split('r', word), re.findall('d', word, flags=re.S | re.M), word.split('o'),
    re.match('''long''' * 100, word),
]
return {'found': found}
",
    );
    let (mut worker, _) = start(folder.path(), true);
    let seen = watched(&mut worker, "word", Instrumentation::Comparisons);
    let result = "{'found': ['word', ('word', 0), ['word'], 0, 'word', ['wo', 'd'], ['d'], ['w', 'rd'], None]}";
    assert_eq!(returned(&seen.trace).replace('"', "'"), result);
    let patterns = seen.comparisons.iter().filter(|one| one.kind == CmpKind::Pattern);
    let patterns: Vec<(&Value, &Value, bool)> = patterns.map(|one| (&one.left, &one.right, one.matched)).collect();
    let word = Value::text("word");
    let long = "long".repeat(100);
    for (pattern, matched) in
        [("(?x)o (w) n", false), ("(?i)a+", false), ("r", true), ("(?ms)d", true), (long.as_str(), false)]
    {
        assert!(patterns.contains(&(&word, &Value::text(pattern), matched)), "{pattern}: {patterns:?}");
    }
    assert_eq!(patterns.iter().filter(|(_, pattern, _)| pattern.as_str() == Some("(?x)o (w) n")).count(), 3);
}

#[test]
fn a_case_of_match_is_a_comparison() {
    let folder = plugin(
        "
import sys
try:
    exec('match 1:\\n  case 1: pass')
except SyntaxError:
    return {'version': list(sys.version_info[:2])}
import matcher
return {'found': matcher.find(word, pairs)}
",
    );
    let matcher = "
def find(word, pairs):
    match word, pairs:
        case 'magic' | 'other', _:
            return 1
        case str(), {'kind': 'deep'}:
            return 2
";
    std::fs::write(folder.path().join("matcher.py"), matcher).unwrap();
    let (mut worker, _) = start(folder.path(), true);
    let mut session = session("word");
    session.cookie = Value::Dict(vec![("kind".into(), Value::text("flat"))]);
    let seen = worker.run_observed(&[session], Instrumentation::Comparisons).unwrap().remove(0);
    if returned(&seen.trace).contains("version") {
        // Python has the statement since 3.10.
        assert!(returned(&seen.trace).contains("[3, 9]"), "{seen:?}");
        return;
    }
    let compared: Vec<(String, String, bool)> =
        seen.comparisons.iter().map(|one| (one.left.to_string(), one.right.to_string(), one.matched)).collect();
    for (left, right, matched) in [
        (r#""word""#, r#""magic""#, false),
        (r#""word""#, r#""other""#, false),
        (r#""kind""#, r#"["kind"]"#, true),
        (r#""flat""#, r#""deep""#, false),
    ] {
        assert!(compared.contains(&(left.into(), right.into(), matched)), "{left} {right}: {compared:?}");
    }
}

#[test]
fn lines_are_marked_as_they_are_otherwise() {
    let folder = language();
    let lines = |instrument: bool| {
        let (mut worker, _) = start(folder.path(), instrument);
        for name in ["operators", "classes", "scopes", "constants", "matching"] {
            watched(&mut worker, name, Instrumentation::NewEdges);
        }
        worker.lines_hit()
    };
    assert_eq!(lines(true), lines(false));
}
