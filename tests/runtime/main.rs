//! The runtime on real plugins: how calls end, what one call passes to the next, what is left behind.

mod loading;
mod logging;
mod plugin;
#[path = "../program/mod.rs"]
mod program;
mod state;

use std::{path::PathBuf, time::Duration};

use hookstorm::{
    case::{Session, Value},
    contract::{Argument, Hook, PluginType},
    runtime::{Executor, Isolation, Network},
    trace::{Ending, Observed, Origin},
};
use plugin::*;

#[test]
fn cookies_are_carried_as_json_carries_them_and_not_as_the_hook_left_them() {
    let folder = store(
        "
    def get_password_list(self, cookie, session_cookie):
        result = {'cookie': {'t': (1, 2), 3: None}, 'session_cookie': dict(session_cookie, more=True)}
        cookie['dirt'] = 1
        session_cookie['dirt'] = 1
        return result
",
    );
    let (mut worker, _) = start(folder.target());
    let mut session = store_session();
    session.session_cookie = Value::Dict(vec![("a".into(), Value::Int(1))]);
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        assert_eq!(trace.calls.len(), 3, "{trace:?}");
        let Ending::Returned(ended) = &trace.calls[2].ending else { panic!("{trace:?}") };
        let seen = ended.get("seen").unwrap();
        assert_eq!(seen.get("cookie").unwrap().to_string(), "{'t': [1, 2], '3': None}");
        assert_eq!(seen.get("session_cookie").unwrap().to_string(), "{'a': 1, 'more': True}");
        assert_eq!(seen.get("session_id"), Some(&Observed::Str("session_id".into())));
    }
}

#[test]
fn a_hook_gets_by_name_what_its_signature_takes() {
    let folder = store(
        "    def get_password_list(self, server_port, *, target_host, gateway_user=7):\n        return {'got': [server_port, target_host, gateway_user]}\n",
    );
    let (mut worker, loading) = start(folder.target());
    let seen = loading.hooks.iter().find(|seen| seen.hook == Hook::GetPasswordList).unwrap();
    assert_eq!(
        seen.parameters.iter().map(|p| (p.name.as_str(), p.required)).collect::<Vec<_>>(),
        [("server_port", true), ("target_host", true), ("gateway_user", false)]
    );
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        let Ending::Returned(result) = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!(result.get("got").unwrap().to_string(), "[22, 'target_host', 7]");
    }
}

#[test]
fn an_exception_is_placed_and_ends_the_session() {
    let folder =
        store("    def get_password_list(self):\n        return inner({})\n\ndef inner(d):\n    return d['x']\n");
    let (mut worker, _) = start(folder.target());
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        assert_eq!(trace.calls.len(), 1);
        let Ending::Raised(exception) = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!((exception.type_name.as_str(), exception.message.as_str()), ("KeyError", "'x'"));
        let frame = &exception.frames[0];
        assert_eq!(
            (frame.origin, frame.file.as_str(), frame.function.as_str(), frame.line),
            (Origin::Plugin, "main.py", "inner", 15)
        );
    }
}

#[test]
fn what_a_deep_recursion_of_the_standard_library_raises_is_placed_where_the_plugin_called_it() {
    let folder = store("    def get_password_list(self):\n        import os\n        os.makedirs('/x' * 3000)\n");
    let (mut worker, _) = start(folder.target());
    let trace = one(&mut worker, &store_session(), Isolation::Isolated);
    let Ending::Raised(exception) = &trace.calls[0].ending else { panic!("{trace:?}") };
    assert_eq!(exception.type_name, "RecursionError");
    assert!(exception.frames.iter().any(|frame| frame.origin == Origin::Plugin && frame.line == 13), "{exception:?}");
}

#[test]
fn a_crash_is_placed_and_the_next_session_is_unharmed() {
    let folder = store(
        "    def get_password_list(self, server_port):\n        import ctypes\n        if server_port == 1:\n            ctypes.string_at(0)\n        return None\n",
    );
    let (mut worker, _) = start(folder.target());
    let mut bad = store_session();
    bad.calls[0].arguments = vec![(Argument::ServerPort, Value::Int(1))];
    for isolation in BOTH {
        let sessions = [store_session(), bad.clone(), store_session()];
        let traces = worker.run(&sessions, isolation).unwrap();
        assert_eq!(traces[0].calls.len(), 3);
        assert_eq!(traces[2].calls.len(), 3);
        let Ending::Signalled { signal, frames } = &traces[1].calls.last().unwrap().ending else {
            panic!("{traces:?}")
        };
        assert_eq!(*signal, libc::SIGSEGV);
        assert!(frames.iter().any(|frame| frame.origin == Origin::Plugin && frame.line == 14), "{frames:?}");
    }
}

#[test]
fn a_signal_that_a_plugin_sends_itself_ends_the_call_as_a_fault_does() {
    let folder = store(
        "    def get_password_list(self):\n        import os, signal\n        os.kill(os.getpid(), signal.SIGSEGV)\n",
    );
    let (mut worker, _) = start(folder.target());
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        let ending = &trace.calls.last().unwrap().ending;
        assert!(matches!(ending, Ending::Signalled { signal: libc::SIGSEGV, .. }), "{isolation:?}: {ending:?}");
    }
}

#[test]
fn what_a_session_carried_is_known_although_its_process_died() {
    let folder = store(
        "    def get_password_list(self):\n        return {'cookie': {'a': 1}, 'session_cookie': {'b': 2}}\n    def session_ended(self):\n        import os\n        os.kill(os.getpid(), 9)\n",
    );
    let (mut worker, _) = start(folder.target());
    let mut session = store_session();
    session.session_cookie = Value::Dict(vec![("c".into(), Value::Int(3))]);
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        assert!(matches!(trace.calls[2].ending, Ending::Signalled { signal: 9, .. }), "{trace:?}");
        assert_eq!(trace.cookie, Value::Dict(vec![("a".into(), Value::Int(1))]));
        assert_eq!(trace.session_cookie, Value::Dict(vec![("b".into(), Value::Int(2))]));
    }
}

#[test]
fn self_is_no_argument_however_a_hook_came_into_its_class() {
    let folder = store(
        "
    def get_password_list(self):
        return None
    def answer(self, what, cookie):
        return {'what': what}
    import functools
    get_private_key_list = functools.partialmethod(answer, 'keys')
    authentication_completed = staticmethod(lambda session_id: None)
    session_ended = classmethod(lambda cls, session_id: None)
",
    );
    let (mut worker, loading) = start(folder.target());
    let names = |hook| -> Vec<&str> {
        let seen = loading.hooks.iter().find(|seen| seen.hook == hook).unwrap();
        assert_eq!(seen.frame.as_ref().map(|frame| frame.file.as_str()), Some("main.py"), "{hook}");
        seen.parameters.iter().map(|parameter| parameter.name.as_str()).collect()
    };
    assert_eq!(names(Hook::GetPrivateKeyList), ["cookie"]);
    assert_eq!(names(Hook::AuthenticationCompleted), ["session_id"]);
    assert_eq!(names(Hook::SessionEnded), ["session_id"]);
    let session = Session::new(vec![call(Hook::GetPrivateKeyList), call(Hook::SessionEnded)]);
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        let Ending::Returned(result) = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!(result.get("what"), Some(&Observed::Str("keys".into())));
        assert!(matches!(trace.calls[1].ending, Ending::Returned(_)), "{trace:?}");
    }
}

#[test]
fn a_hook_that_ends_the_process_is_told_apart_by_how() {
    for (code, status) in [("import sys; sys.exit(3)", 3), ("import os; os._exit(4)", 4), ("raise SystemExit", 0)] {
        let folder = store(&format!("    def get_password_list(self):\n        {code}\n"));
        let (mut worker, _) = start(folder.target());
        for isolation in BOTH {
            let trace = one(&mut worker, &store_session(), isolation);
            assert_eq!(trace.calls.len(), 1);
            let Ending::Exited { status: seen, frames } = &trace.calls[0].ending else { panic!("{code}: {trace:?}") };
            assert_eq!(*seen, status, "{code}");
            assert!(
                frames.iter().any(|f| f.file == "main.py" && f.function == "get_password_list"),
                "{code}: {frames:?}"
            );
        }
    }
}

#[test]
fn a_loop_is_ended_at_the_limit_and_placed() {
    let folder =
        store("    def get_password_list(self):\n        spin()\n\ndef spin():\n    while True:\n        pass\n");
    let mut target = folder.target();
    target.limits.timeout = Duration::from_millis(200);
    let (mut worker, _) = start(target);
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        let Ending::TimedOut { limit, frames } = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!(*limit, Duration::from_millis(200));
        assert_eq!(frames.first().map(|frame| frame.function.as_str()), Some("spin"), "{frames:?}");
    }
    // The worker is whole.
    assert!(worker.run(&[], Isolation::Persistent).unwrap().is_empty());
}

#[test]
fn memory_beyond_the_limit_is_no_mere_exception() {
    let folder = store(
        "    def get_password_list(self):\n        return {'passwords': [str(len(bytearray(1 << 32)))]}\n    def get_totp_codes(self):\n        raise MemoryError('mine')\n",
    );
    let mut target = folder.target();
    target.limits.memory_bytes = 256 << 20;
    let (mut worker, _) = start(target);
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        let Ending::OutOfMemory { limit, frames } = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert_eq!((*limit, frames[0].file.as_str()), (256 << 20, "main.py"));
        let own = one(&mut worker, &Session::new(vec![call(Hook::GetTotpCodes)]), isolation);
        assert!(
            matches!(&own.calls[0].ending, Ending::Raised(e) if e.type_name == "MemoryError" && e.message == "mine"),
            "{own:?}"
        );
    }
}

#[test]
fn output_belongs_to_its_call() {
    let folder = store(
        "    def get_password_list(self):\n        import os, sys\n        print('out', end='')\n        sys.stderr.write('err')\n        os.write(2, b'!')\n        os.system('echo child')\n",
    );
    let (mut worker, _) = start(folder.target());
    for isolation in BOTH {
        let traces = worker.run(&[store_session(), store_session()], isolation).unwrap();
        for trace in traces {
            assert_eq!(trace.calls[0].stdout.text, "outchild\n");
            assert_eq!(trace.calls[0].stderr.text, "err!");
            assert_eq!(trace.calls[1].stdout.bytes + trace.calls[1].stderr.bytes, 0);
        }
    }
}

#[test]
fn state_that_changed_is_named_and_the_next_session_starts_clean() {
    let folder = store(
        "    seen = []\n    def get_password_list(self):\n        global COUNT\n        COUNT += 1\n        self.seen.append(1)\n        return {'cookie': {'n': COUNT, 's': len(self.seen)}}\n\nCOUNT = 0\n",
    );
    let (mut worker, _) = start(folder.target());
    let traces = worker.run(&[store_session(), store_session()], Isolation::Persistent).unwrap();
    for trace in &traces {
        assert_eq!(trace.changes, ["main.COUNT", "main.Plugin.seen"]);
        assert_eq!(trace.cookie.to_string(), r#"{"n":1,"s":1}"#);
    }
    let after = worker.run_after(&[store_session()], &store_session()).unwrap();
    assert_eq!(after.cookie.to_string(), r#"{"n":2,"s":2}"#);
}

#[test]
fn what_python_and_its_logging_keep_for_themselves_is_no_state() {
    let folder = store(
        "    def get_password_list(self, session_id):\n        import logging, os, decimal, warnings\n        warnings.warn('x')\n        logging.basicConfig(level=logging.INFO)\n        log = logging.getLogger('mine')\n        log.addHandler(logging.StreamHandler())\n        log.warning('once')\n        os.environ['X'] = session_id\n        os.chdir('/')\n        return {'cookie': {'had': 'X' in os.environ, 'handlers': len(log.handlers)}}\n",
    );
    let (mut worker, _) = start(folder.target());
    let traces = worker.run(&vec![store_session(); 3], Isolation::Persistent).unwrap();
    for trace in &traces {
        assert_eq!(trace.changes, Vec::<String>::new());
        assert_eq!(trace.cookie.to_string(), r#"{"had":true,"handlers":1}"#);
        assert_eq!(trace.calls[0].stderr.text.matches("once").count(), 2, "{}", trace.calls[0].stderr.text);
    }
}

#[test]
fn the_state_folders_are_there_and_fresh_for_each_session() {
    let folder = store(
        "    def get_password_list(self):\n        import os\n        path = os.path.join(os.environ['SCB_PLUGIN_STATE_DIRECTORY'], 'n')\n        os.path.isdir(os.environ['EPHEMERAL_PLUGIN_STATE_DIRECTORY']) or 1/0\n        n = int(open(path).read()) if os.path.exists(path) else 0\n        open(path, 'w').write(str(n + 1))\n        return {'cookie': {'n': n}}\n",
    );
    let (mut worker, _) = start(folder.target());
    let twice = Session::new(vec![call(Hook::GetPasswordList), call(Hook::GetPasswordList), call(Hook::SessionEnded)]);
    for isolation in BOTH {
        let traces = worker.run(&[twice.clone(), twice.clone()], isolation).unwrap();
        for trace in traces {
            assert_eq!(trace.cookie.to_string(), r#"{"n":1}"#);
            assert_eq!(trace.calls[2].files[0].path, "state/n");
            assert_eq!(trace.calls[2].files[0].text, "2");
        }
    }
}

#[test]
fn a_call_that_is_cut_off_empties_the_cookies() {
    let folder = store(
        "    def get_password_list(self, cookie):\n        return {'cookie': {'n': 1}, 'session_cookie': {'m': 1}}\n",
    );
    let (mut worker, _) = start(folder.target());
    let mut session =
        Session::new(vec![call(Hook::GetPasswordList), call(Hook::GetPasswordList), call(Hook::SessionEnded)]);
    session.calls[1].cut_off = true;
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        assert_eq!(trace.calls[1].ending, Ending::CutOff);
        let Ending::Returned(ended) = &trace.calls[2].ending else { panic!("{trace:?}") };
        assert_eq!(ended.get("seen").unwrap().get("cookie").unwrap().to_string(), "{}");
        assert_eq!(ended.get("seen").unwrap().get("session_cookie").unwrap().to_string(), "{}");
    }
}

#[test]
fn a_question_is_answered_in_the_pairs_and_the_answer_stays() {
    let folder = Folder::new(
        "
class Plugin:
    def authenticate(self, key_value_pairs):
        if 'pin' not in key_value_pairs:
            return {'verdict': 'NEEDINFO', 'question': ('pin', 'PIN: ', True)}
        return {'verdict': 'ACCEPT'}
    def authorize(self, key_value_pairs):
        return {'verdict': 'ACCEPT', 'cookie': key_value_pairs}
    def session_ended(self):
        pass
",
    );
    let (mut worker, _) = start(target(folder.0.path(), PluginType::Aa));
    let mut session = Session::new(vec![call(Hook::Authenticate), call(Hook::Authorize), call(Hook::SessionEnded)]);
    session.calls[0].answers = vec!["1234".into()];
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        let steps: Vec<_> = trace.calls.iter().map(|call| (call.call, call.round, call.answer_is_secret)).collect();
        assert_eq!(steps, [(0, 0, false), (0, 1, true), (1, 0, false), (2, 0, false)]);
        assert_eq!(trace.cookie.to_string(), r#"{"pin":"1234"}"#);
    }
}

#[test]
fn the_network_is_closed_unless_it_is_opened() {
    let folder = store(
        "    def get_password_list(self):\n        import socket\n        try:\n            socket.create_connection(('127.0.0.1', 9), timeout=5)\n        except OSError as error:\n            return {'cookie': {'errno': error.errno}}\n",
    );
    for (network, errno) in [(Network::Closed, libc::ENETUNREACH), (Network::Open, libc::ECONNREFUSED)] {
        let mut target = folder.target();
        target.network = network;
        let (mut worker, _) = start(target);
        let trace = one(&mut worker, &store_session(), Isolation::Isolated);
        assert_eq!(trace.cookie.to_string(), format!(r#"{{"errno":{errno}}}"#));
    }
}

#[test]
fn a_plugin_writes_nowhere_but_in_its_own_folders() {
    // Where anybody could write; a `/tmp` is its own.
    let file = PathBuf::from(format!("/var/tmp/hookstorm-test-{}", std::process::id()));
    let folder = store(&format!(
        "    def get_password_list(self):\n        import os, tempfile\n        for folder in ('SCB_PLUGIN_STATE_DIRECTORY', 'EPHEMERAL_PLUGIN_STATE_DIRECTORY', 'HOME', 'TMPDIR'):\n            open(os.path.join(os.environ[folder], 'a'), 'w').close()\n        open('here', 'w').close()\n        tempfile.NamedTemporaryFile().close()\n        open('/dev/null', 'w').close()\n        try:\n            open({:?}, 'w').close()\n        except OSError as error:\n            return {{'cookie': {{'errno': error.errno}}}}\n",
        file.to_str().unwrap()
    ));
    let (mut worker, _) = start(folder.target());
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        assert_eq!(trace.cookie.to_string(), format!(r#"{{"errno":{}}}"#, libc::EACCES), "{trace:?}");
        let exists = file.exists();
        let _ = std::fs::remove_file(&file);
        assert!(!exists);
    }
}

#[test]
fn an_exceptions_text_names_folders_the_same_in_every_run() {
    let folder = store(
        "    def get_password_list(self):\n        import os\n        raise OSError(os.environ['SCB_PLUGIN_STATE_DIRECTORY'] + '/a, ' + __file__)\n",
    );
    let (mut worker, _) = start(folder.target());
    let trace = one(&mut worker, &store_session(), Isolation::Persistent);
    let Ending::Raised(exception) = &trace.calls[0].ending else { panic!("{trace:?}") };
    assert_eq!(exception.message, "<scratch>/state/a, <package>/main.py");
}

#[test]
fn no_process_survives_whatever_the_plugin_started() {
    let mark = format!("hookstorm-test-{}", std::process::id());
    let folder = store(&format!(
        "    def get_password_list(self):\n        import subprocess\n        subprocess.Popen(['setsid', 'setsid', 'sh', '-c', 'sleep 300; : {mark}'], close_fds=False)\n"
    ));
    let (mut worker, _) = start(folder.target());
    let living = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .any(|entry| std::fs::read_to_string(entry.path().join("cmdline")).is_ok_and(|line| line.contains(&mark)))
    };
    one(&mut worker, &store_session(), Isolation::Persistent);
    one(&mut worker, &store_session(), Isolation::Isolated);
    drop(worker);
    assert!(!living());
}

#[test]
fn a_child_that_comes_back_out_of_the_hook_makes_no_second_trace() {
    let folder = store(
        "    def get_password_list(self):\n        import os\n        pid = os.fork()\n        if pid:\n            os.waitpid(pid, 0)\n        return {'cookie': {'child': pid == 0}}\n",
    );
    let (mut worker, _) = start(folder.target());
    for isolation in BOTH {
        let traces = worker.run(&vec![store_session(); 2], isolation).unwrap();
        assert_eq!(traces.len(), 2);
        assert!(
            traces.iter().all(|trace| trace.calls.len() == 3 && trace.cookie.to_string() == r#"{"child":false}"#),
            "{traces:?}"
        );
    }
}

#[test]
fn a_plugin_that_starts_a_thread_at_import_is_run_all_the_same() {
    let folder = store(
        "    def get_password_list(self):\n        return {'cookie': {'alive': WORKER.is_alive()}}\n\nimport threading, time\nWORKER = threading.Thread(target=time.sleep, args=(1000,), daemon=True)\nWORKER.start()\n",
    );
    let (mut worker, loading) = start(folder.target());
    assert!(loading.has_class);
    for isolation in BOTH {
        let trace = one(&mut worker, &store_session(), isolation);
        assert_eq!(trace.cookie.to_string(), r#"{"alive":true}"#, "{trace:?}");
    }
}
