//! `/tmp` as a plugin has it on the appliance: writable, its own, and empty when a session begins. What the worker
//! needs and the machine has in its own `/tmp` stays there, and cannot be written to.

mod elsewhere;
mod skip;

use std::{path::Path, sync::Arc, time::Duration};

use elsewhere::elsewhere;
use hookstorm::{
    case::{Call, Session, Value},
    contract::{Hook, Platform, PluginType},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker, sandbox::Protection},
    trace::{Ending, LoadEnding, Trace},
};
use skip::skip;

const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

/// A target whose first hook does `first` and whose second one does `second`; each sets `seen`.
fn target(root: &Path, first: &str, second: &str) -> Target {
    let body = |text: &str| text.replace('\n', "\n        ");
    let main = format!(
        "import ctypes, errno, os, shutil, socket, subprocess, sys, tempfile

def listed():
    return sorted(set(os.listdir('/tmp')) - {{{own:?}}})

def errno_of(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

class Plugin:
    def __init__(self, configuration):
        pass

    def get_private_key_list(self, **kwargs):
        pass

    def get_password_list(self, cookie, **kwargs):
        {}
        return {{'cookie': {{'first': seen}}}}

    def authentication_completed(self, cookie, **kwargs):
        {}
        return {{'cookie': {{**cookie, 'second': seen}}}}

    def session_ended(self, **kwargs):
        pass
",
        body(first),
        body(second),
        own = own_folder(),
    );
    std::fs::write(root.join("main.py"), main).unwrap();
    Target {
        root: std::fs::canonicalize(root).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: Value::empty_dict(),
        venv: None,
        limits: Limits { timeout: Duration::from_secs(20), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    }
}

/// The folder in `/tmp` in which this repository is, if it is there: the worker needs it. Otherwise a name of nothing.
fn own_folder() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_hookstorm")).canonicalize().unwrap();
    let inside = program.strip_prefix("/tmp").ok().and_then(|inside| inside.iter().next());
    inside.map_or_else(|| "-".into(), |name| name.to_str().unwrap().into())
}

/// Starts it, if the machine has mount namespaces.
fn start(target: Target) -> Option<Worker> {
    let (worker, loading) = Worker::start(&Arc::new(target)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "{}", loading.output);
    if worker.missing().has(Protection::Mounts) {
        skip("this machine has no mount namespaces", "`hookstorm doctor` says how this machine gets them");
        return None;
    }
    Some(worker)
}

fn run(worker: &mut Worker, isolation: Isolation) -> Trace {
    let calls = [Hook::GetPasswordList, Hook::AuthenticationCompleted].map(|hook| Call::new(hook, Vec::new()));
    worker.run(&[Session::new(calls.to_vec())], isolation).unwrap().pop().unwrap()
}

/// What both hooks saw: the same in both isolations, three times each, without an attempt.
#[track_caller]
fn seen(target: Target) -> Option<String> {
    let mut worker = start(target)?;
    let mut all = Vec::new();
    for isolation in [BOTH, BOTH, BOTH].concat() {
        let trace = run(&mut worker, isolation);
        for call in &trace.calls {
            assert!(matches!(call.ending, Ending::Returned(_)), "{isolation:?}: {call:#?}");
            assert_eq!(call.attempts, [], "{isolation:?}");
        }
        assert_eq!(trace.changes, [""; 0], "{isolation:?}");
        all.push(trace.cookie.to_string());
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    all.pop()
}

#[test]
fn it_is_empty_at_first_keeps_files_for_later_calls_and_shows_nothing_of_the_machines() {
    let canary = tempfile::Builder::new().prefix("hookstorm-canary-").tempfile_in("/tmp").unwrap();
    let first = format!(
        "seen = [listed(), os.path.exists({:?})]\nopen('/tmp/lease', 'w').write('7')\nos.makedirs('/tmp/a/b')",
        canary.path()
    );
    let second = "seen = [listed(), open('/tmp/lease').read()]";
    let root = elsewhere();
    let Some(seen) = seen(target(root.path(), &first, second)) else { return };
    assert_eq!(seen, r#"{"first":[[],false],"second":[["a","lease"],"7"]}"#);
    assert!(!Path::new("/tmp/lease").exists());
}

#[test]
fn it_is_where_pythons_temporary_files_go_and_what_is_left_there_is_reported() {
    let first = "with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:\n    seen = [os.path.dirname(file.name), os.path.dirname(folder), os.environ['TMPDIR']]";
    let second = "open('/tmp/left', 'w').write('x')\nseen = os.environ['HOME'].startswith('/tmp')";
    let root = elsewhere();
    let Some(mut worker) = start(target(root.path(), first, second)) else { return };
    for isolation in BOTH {
        let trace = run(&mut worker, isolation);
        assert_eq!(trace.cookie.to_string(), r#"{"first":["/tmp","/tmp","/tmp"],"second":false}"#);
        let left: Vec<_> = trace.calls.iter().flat_map(|call| &call.files).map(|file| file.path.as_str()).collect();
        assert_eq!(left, ["tmp/left"], "{isolation:?}");
    }
}

#[test]
fn its_size_is_that_of_the_scratch_folder_and_its_sockets_can_be_connected() {
    let first = "of = os.statvfs('/tmp')\nseen = of.f_blocks * of.f_frsize >> 20";
    let second = "server = socket.socket(socket.AF_UNIX)\nserver.bind('/tmp/own.sock')\nserver.listen()\nclient = socket.socket(socket.AF_UNIX)\nclient.connect('/tmp/own.sock')\nseen = [errno_of(os.rmdir, '/tmp') is None, os.path.exists('/tmp/own.sock')]\nos.remove('/tmp/own.sock')";
    let root = elsewhere();
    let Some(seen) = seen(target(root.path(), first, second).clone()) else { return };
    assert!(seen.starts_with(r#"{"first":256,"second":[false,true"#), "{seen}");
}

#[test]
fn a_plugin_that_lies_in_the_machines_tmp_stays_there_and_is_not_writable() {
    let root = tempfile::tempdir_in("/tmp").unwrap();
    let inner = root.path().join("deep/plugin");
    std::fs::create_dir_all(&inner).unwrap();
    // What lies beside it is hidden. Code in C is refused too, and so is a move of a folder above.
    std::fs::write(root.path().join("beside"), "").unwrap();
    let first = "here = os.path.dirname(os.path.abspath(__file__))\nabove = os.path.dirname(os.path.dirname(here))\nseen = [listed() == [os.path.basename(above)], os.listdir(above), os.listdir(here)]";
    let second = "here = os.path.dirname(os.path.abspath(__file__)).encode()\nlibc = ctypes.CDLL(None, use_errno=True)\nseen = [libc.open(here + b'/new', os.O_CREAT | os.O_WRONLY, 0o600), libc.rename(here + b'/main.py', b'/tmp/moved'), libc.rename(os.path.dirname(here), b'/tmp/moved'), libc.rmdir(here)]\nshutil.rmtree('/tmp', ignore_errors=True)\nseen.append(os.path.exists(__file__))";
    let Some(mut worker) = start(target(&inner, first, second)) else { return };
    for isolation in [BOTH, BOTH].concat() {
        let trace = run(&mut worker, isolation);
        assert_eq!(
            trace.cookie.to_string(),
            r#"{"first":[true,["deep"],["main.py"]],"second":[-1,-1,-1,-1,true]}"#,
            "{isolation:?}: {trace:#?}"
        );
    }
    assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1);
}

#[test]
fn a_write_to_a_package_in_tmp_is_an_attempt() {
    let root = tempfile::tempdir_in("/tmp").unwrap();
    let first = "seen = errno_of(open, os.path.join(os.path.dirname(__file__), 'cache'), 'w')";
    let Some(mut worker) = start(target(root.path(), first, "seen = None")) else { return };
    for isolation in BOTH {
        let trace = run(&mut worker, isolation);
        assert_eq!(trace.cookie.to_string(), r#"{"first":"EACCES","second":null}"#);
        let tried: Vec<_> = trace.calls[0].attempts.iter().map(|one| one.target.as_str()).collect();
        assert_eq!(tried, ["<package>/cache"]);
    }
}

#[test]
fn what_the_tester_allows_to_read_in_the_machines_tmp_is_there() {
    let root = elsewhere();
    let given = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(given.path().join("ca.pem"), "pem").unwrap();
    let first = format!("seen = [open({:?}).read(), len(listed())]", given.path().join("ca.pem"));
    let mut file = target(root.path(), &first, "seen = None");
    file.sandbox.readable = vec![given.path().join("ca.pem")];
    let Some(of_file) = seen(file.clone()) else { return };
    assert_eq!(of_file, r#"{"first":["pem",1],"second":null}"#);
    // The whole of it, which then is not the plugin's.
    let body = "seen = [os.environ['TMPDIR'] != '/tmp', os.path.exists('/tmp')]";
    let mut all = target(root.path(), &first.replace("len(listed())", "1"), body);
    all.sandbox.readable = vec!["/tmp".into()];
    assert_eq!(seen(all).as_deref(), Some(r#"{"first":["pem",1],"second":[true,true]}"#));
}

#[test]
fn without_the_sandbox_temporary_files_go_to_the_scratch_folder() {
    let root = elsewhere();
    let body = "with tempfile.NamedTemporaryFile() as file:\n    seen = file.name.startswith(os.environ['TMPDIR']) and os.environ['TMPDIR'] != '/tmp'";
    let mut target = target(root.path(), body, "seen = None");
    target.sandbox.is_off = true;
    let (mut worker, _) = Worker::start(&Arc::new(target)).unwrap();
    for isolation in BOTH {
        assert_eq!(run(&mut worker, isolation).cookie.to_string(), r#"{"first":true,"second":null}"#);
    }
}
