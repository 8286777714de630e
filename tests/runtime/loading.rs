//! How a plugin is loaded: errors, the configuration, marked lines, virtual environments.

use std::sync::Arc;

use hookstorm::{
    case::{Session, Value},
    contract::Hook,
    runtime::{Executor, Isolation, Target, Worker},
    trace::{Ending, LoadEnding, Trace},
};

use crate::{plugin::*, program};

#[test]
fn loading_tells_how_it_failed() {
    let load = |text: &str| Worker::start(&Arc::new(Folder::new(text).target())).map(|(_, loading)| loading).unwrap();
    let raised = |ending: &LoadEnding| match ending {
        LoadEnding::Raised(exception) => exception.type_name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(raised(&load("import nonexistent_module\n").import), "ModuleNotFoundError");
    assert_eq!(raised(&load("def f(:\n").import), "SyntaxError");
    assert!(matches!(load("import sys; sys.exit(2)\n").import, LoadEnding::Exited { status: 2, .. }));
    assert!(matches!(load("import os; os._exit(5)\n").import, LoadEnding::Exited { status: 5, .. }));
    assert!(matches!(
        load("import ctypes; ctypes.string_at(0)\n").import,
        LoadEnding::Signalled { signal: libc::SIGSEGV, .. }
    ));
    assert!(!load("x = 1\n").has_class);
    assert_eq!(
        raised(load("class Plugin:\n    def __init__(self, c):\n        1/0\n").constructor.as_ref().unwrap()),
        "ZeroDivisionError"
    );
}

#[test]
fn the_constructor_gets_the_configuration_where_it_takes_one() {
    for (init, expected) in
        [("def __init__(self, text): self.t = text", "[a]\nb=c"), ("def __init__(self): self.t = 'none'", "none")]
    {
        let folder = Folder::new(&format!(
            "class Plugin:\n    {init}\n    def get_password_list(self):\n        return {{'cookie': {{'t': self.t}}}}\n"
        ));
        let mut target = folder.target();
        target.configuration = "[a]\nb=c".into();
        let (mut worker, loading) = start(target);
        assert_eq!(loading.constructor, Some(LoadEnding::Done));
        let trace = one(&mut worker, &Session::new(vec![call(Hook::GetPasswordList)]), Isolation::Persistent);
        assert_eq!(trace.cookie.get("t").and_then(Value::as_str), Some(expected));
    }
}

#[test]
fn lines_that_ran_are_marked_and_words_are_read() {
    let folder = store(
        "    def get_password_list(self, protocol):\n        if protocol == 'magic-word':\n            return 4711\n        return None\n",
    );
    let (mut worker, loading) = start(folder.target());
    assert!(loading.tokens.strings.contains(&"magic-word".to_owned()) && loading.tokens.numbers.contains(&4711));
    one(&mut worker, &store_session(), Isolation::Persistent);
    let hit: Vec<u32> = worker.lines_hit().into_iter().map(|(_, line)| line).collect();
    assert!(hit.contains(&12) && hit.contains(&14) && !hit.contains(&13), "{hit:?} {:?}", loading.files);
}

#[test]
fn a_plugin_on_the_sdk_imports_it_from_the_virtual_environment() {
    let folder = Folder::new(
        "from safeguard.sessions.plugin.credentialstore_plugin import CredentialStorePlugin\nclass Plugin(CredentialStorePlugin):\n    def do_get_password_list(self):\n        return {'passwords': [self.account]}\n",
    );
    let mut target = folder.target();
    target.venv = Some(program::venv());
    let (mut worker, loading) = start(target);
    assert_eq!(loading.sdk_version.as_deref(), Some("1.9.1"));
    let one_by_one: Vec<Trace> = BOTH.map(|isolation| one(&mut worker, &store_session(), isolation)).into();
    for trace in &one_by_one {
        assert_eq!(trace.changes, Vec::<String>::new());
        let Ending::Returned(result) = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!(result.get("passwords").unwrap().to_string(), "['server_username']");
    }
    assert_eq!(one_by_one[0].cookie, one_by_one[1].cookie);
}

#[test]
fn a_virtual_environment_of_another_python_or_none_is_refused() {
    let folder = store("");
    let venv = tempfile::tempdir().unwrap();
    let mut target = folder.target();
    target.venv = Some(venv.path().to_owned());
    let error = Worker::start(&Arc::new(target.clone())).err().unwrap().to_string();
    assert!(error.contains("is not a virtual environment"), "{error}");
    std::fs::write(venv.path().join("pyvenv.cfg"), "home = /usr/bin\nversion = 3.7.1\n").unwrap();
    let error = Worker::start(&Arc::new(target)).err().unwrap().to_string();
    assert!(error.contains("is of Python 3.7.1"), "{error}");
}

#[test]
fn modules_of_the_package_win_whatever_hookstorm_imported() {
    // Some are built into this CPython, some were imported by hookstorm, and some it needs after the import.
    let names =
        ["ast", "dis", "inspect", "json", "logging", "opcode", "platform", "queue", "re", "select", "signal", "token"];
    let imports: String = names.iter().map(|name| format!("import {name}\n")).collect();
    let seen = names.map(|name| format!("{name}.OWN")).join(", ");
    let folder = Folder::new(&format!(
        "{imports}from token import OWN\n\nclass Plugin:\n    def get_password_list(self):\n        \
         if len([{seen}, OWN]) != {}:\n            raise MemoryError\n        raise KeyError([{seen}, OWN])\n",
        names.len() + 1
    ));
    for name in names {
        std::fs::write(folder.0.path().join(format!("{name}.py")), format!("OWN = '{name}'\n")).unwrap();
    }
    // What every CPython imports at its start is its own.
    std::fs::write(folder.0.path().join("os.py"), "raise SystemExit\n").unwrap();
    for instrument in [false, true] {
        let (mut worker, loading) = start(Target { instrument, ..folder.target() });
        assert!(loading.has_class && loading.hooks.len() == 1, "{loading:?}");
        let session = Session::new(vec![call(Hook::GetPasswordList)]);
        for isolation in BOTH {
            let trace = one(&mut worker, &session, isolation);
            let Ending::Raised(exception) = &trace.calls[0].ending else { panic!("{trace:?}") };
            assert_eq!(exception.type_name, "KeyError");
            assert!(names.iter().all(|name| exception.message.contains(name)), "{}", exception.message);
        }
    }
}
