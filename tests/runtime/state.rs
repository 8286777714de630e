//! What a session leaves in its process: hookstorm puts it back in place, and takes a new process only where it cannot.

use hookstorm::{
    case::Value,
    runtime::{Executor, Isolation},
    trace::Trace,
};

use crate::plugin::*;

/// A plugin with `top` in its module, whose hook returns what `look` says, after which it changes something.
fn changing(top: &str, look: &str, change: &str) -> Folder {
    let change: String = change.lines().map(|line| format!("        {line}\n")).collect();
    store(&format!(
        "    def get_password_list(self):\n        import os\n        seen = {look}\n{change}        \
         return {{'cookie': {{'seen': repr(seen), 'pid': os.getpid()}}}}\n\n{top}\n"
    ))
}

/// What three sessions in a row saw, which must be the same, whether one process ran them all, and what changed.
fn three(folder: &Folder) -> (String, bool, Vec<String>) {
    let (mut worker, _) = start(folder.target());
    let traces = worker.run(&vec![store_session(); 3], Isolation::Persistent).unwrap();
    let part = |trace: &Trace, key: &str| trace.cookie.get(key).unwrap_or_else(|| panic!("{trace:?}")).clone();
    for trace in &traces {
        assert_eq!(part(trace, "seen"), part(&traces[0], "seen"), "{trace:?}");
        assert_eq!(trace.changes, traces[0].changes, "{trace:?}");
    }
    let Value::Str(seen) = part(&traces[0], "seen") else { panic!("{traces:?}") };
    let is_one = traces.iter().all(|trace| part(trace, "pid") == part(&traces[0], "pid"));
    // Where the state must stay, it does.
    let after = worker.run_after(&[store_session()], &store_session()).unwrap();
    assert_ne!(part(&after, "seen"), part(&traces[0], "seen"));
    (seen, is_one, traces[0].changes.clone())
}

#[test]
fn every_container_is_put_back_in_the_same_process() {
    for (top, look, change, name) in [
        ("CACHE = {'a': 1}", "dict(CACHE)", "CACHE['b'] = 2", "CACHE"),
        ("CACHE = {'a': 1}", "dict(CACHE)", "CACHE['a'] = 2", "CACHE"),
        ("CACHE = {'a': 1, 'b': 2}", "list(CACHE)", "CACHE['a'] = CACHE.pop('a')", "CACHE"),
        ("CACHE = {}", "dict(CACHE)", "globals()['CACHE'] = {'new': 1}", "CACHE"),
        ("CACHE = {(1, 'a'): [1]}", "repr(CACHE)", "CACHE.clear()", "CACHE"),
        ("DEEP = {'a': [{'b': set()}]}", "repr(DEEP)", "DEEP['a'][0]['b'].add(len(DEEP))", "DEEP"),
        ("NAMES = ['a']", "list(NAMES)", "NAMES.insert(0, 'b')", "NAMES"),
        ("NAMES = {'a'}", "sorted(NAMES)", "NAMES.discard('a')", "NAMES"),
        ("RAW = bytearray(b'a')", "bytes(RAW)", "RAW.extend(b'bc')", "RAW"),
        ("COUNT = 0", "COUNT", "globals()['COUNT'] += 1", "COUNT"),
        ("COUNT = 0", "'COUNT' in globals()", "globals().pop('COUNT', 0)", "COUNT"),
        ("", "'NEW' in globals()", "globals()['NEW'] = 1", "NEW"),
        ("", "hasattr(Plugin, 'last')", "Plugin.last = 1", "Plugin.last"),
        (
            "import collections\nORDER = collections.OrderedDict(a=1, b=2)",
            "list(ORDER)",
            "ORDER.move_to_end('a')\nORDER['c'] = 3",
            "ORDER",
        ),
        (
            "import collections\nBY = collections.defaultdict(list, a=[1])",
            "repr(BY)",
            "BY['a'].append(2)\nBY['b']",
            "BY",
        ),
        ("import collections\nLAST = collections.deque([1, 2], 2)", "list(LAST)", "LAST.append(len(LAST))", "LAST"),
        (
            "class Client:\n    def __init__(self):\n        self.token = None\n\nCLIENT = Client()",
            "vars(CLIENT).copy()",
            "CLIENT.token = 'x'\nCLIENT.more = 1",
            "CLIENT",
        ),
        (
            "class Client:\n    __slots__ = ('token', 'seen')\n\nCLIENT = Client()\nCLIENT.seen = []",
            "hasattr(CLIENT, 'token'), list(CLIENT.seen)",
            "CLIENT.token = 'x'\nCLIENT.seen.append(1)",
            "CLIENT",
        ),
        (
            "def counter():\n    n = 0\n    def count():\n        nonlocal n\n        n += 1\n        return n\n    return count\n\ncount = counter()",
            "count.__closure__[0].cell_contents",
            "count()",
            "count",
        ),
        (
            "import functools\n@functools.lru_cache\ndef look_up(name):\n    return name",
            "look_up.cache_info()",
            "look_up(1)",
            "look_up",
        ),
        (
            "def remember(seen=[]):\n    seen.append(1)\n    return len(seen)",
            "remember.__defaults__",
            "remember()",
            "remember",
        ),
    ] {
        let (seen, is_one, changes) = three(&changing(top, look, change));
        assert!(is_one, "{top}: {change}: {seen}");
        assert_eq!(changes, [format!("main.{name}")], "{top}: {change}");
    }
}

#[test]
fn what_cannot_be_put_back_without_the_plugins_code_costs_a_new_process() {
    for (top, look, change) in [
        ("class Key:\n    def __hash__(self):\n        return 1\n\nCACHE = {Key(): 1}", "len(CACHE)", "CACHE.clear()"),
        (
            "import functools\n@functools.lru_cache\ndef look_up(name):\n    return name\n\nlook_up(0)",
            "look_up.cache_info().currsize",
            "look_up(1)",
        ),
        (
            "class Last:\n    def __del__(self):\n        globals()['COUNT'] = globals().get('COUNT', 0) + 1\n\nHELD = []",
            "globals().get('COUNT')",
            "globals()['COUNT'] = 5\nHELD.append(Last())",
        ),
        ("import signal", "signal.getsignal(signal.SIGTERM) == 0", "signal.signal(signal.SIGTERM, print)"),
    ] {
        let (seen, is_one, changes) = three(&changing(top, look, change));
        assert!(!is_one && !changes.is_empty(), "{top}: {change}: {seen}, {changes:?}");
    }
}

#[test]
fn classes_of_the_plugin_that_change_how_a_container_works_are_not_asked() {
    let top = "
CALLS = []

class Meta(type):
    def __setattr__(cls, name, value):
        CALLS.append('metaclass')
        super().__setattr__(name, value)

class Cache(dict):
    def __setitem__(self, key, value):
        CALLS.append('item')
        super().__setitem__(key, value)
    def clear(self):
        CALLS.append('clear')
    __delitem__ = pop = None

class Names(list):
    def __setitem__(self, key, value):
        CALLS.append('slice')

class Client(metaclass=Meta):
    limit = 1
    def __init__(self):
        self.__dict__['token'] = None
    def __setattr__(self, name, value):
        CALLS.append('attribute')

CACHE, NAMES, CLIENT = Cache(a=1), Names('a'), Client()
";
    let change = "dict.__setitem__(CACHE, 'b', 2)\nNAMES.append('b')\ntype.__setattr__(Client, 'limit', 2)\nCLIENT.__dict__['token'] = 1";
    let look = "(dict(CACHE), list(NAMES), Client.limit, vars(CLIENT).copy(), list(CALLS))";
    let (seen, is_one, changes) = three(&changing(top, look, change));
    assert_eq!((seen.as_str(), is_one), ("({'a': 1}, ['a'], 1, {'token': None}, [])", true));
    assert_eq!(changes, ["main.CACHE", "main.NAMES", "main.CLIENT", "main.Client.limit"]);
}

#[test]
fn a_submodule_that_a_session_imports_stays_and_is_no_change() {
    let folder =
        changing("import lib", "'deep' in vars(lib)", "deep = __import__('lib.deep').deep\ndeep.SEEN.append(1)");
    std::fs::create_dir(folder.0.path().join("lib")).unwrap();
    std::fs::write(folder.0.path().join("lib/__init__.py"), "").unwrap();
    std::fs::write(folder.0.path().join("lib/deep.py"), "SEEN = []\n").unwrap();
    let (mut worker, _) = start(folder.target());
    let traces = worker.run(&vec![store_session(); 3], Isolation::Persistent).unwrap();
    assert_eq!(traces[0].changes, Vec::<String>::new());
    // Its content is compared from the session on after which it was seen first.
    assert_eq!(traces[2].changes, ["lib.deep.SEEN"]);
    let pid = |trace: &Trace| trace.cookie.get("pid").cloned();
    assert_eq!(pid(&traces[0]), pid(&traces[2]));
}
