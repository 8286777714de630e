//! What calls leave behind, on real plugins: with many sessions in one process, with a process for each call, and in
//! the program's report.

mod program;

use std::{sync::Arc, time::Duration};

use hookstorm::{
    case::{Call, Session},
    contract::{Argument, Hook, Platform, PluginType},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{Leftover, LeftoverKind, Trace},
};
use program::Desk;

const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

const PLUGIN: &str = "
class Plugin:
    def __init__(self, configuration):
        pass
    def get_private_key_list(self):
        return None
    def authentication_completed(self):
        return None
    def session_ended(self):
        return None
    def get_password_list(self):
";

/// A plugin that does this in a hook, `head` standing above.
fn plugin(head: &str, body: &str) -> String {
    let body: String = body.lines().map(|line| format!("        {line}\n")).collect();
    format!("{head}\n{PLUGIN}{body}        return None\n")
}

fn session() -> Session {
    let call = |hook| Call::new(hook, vec![(Argument::SessionId, "s".into())]);
    Session::new(vec![call(Hook::GetPasswordList), call(Hook::SessionEnded)])
}

/// The traces of two sessions, each way.
fn traces(text: &str) -> Vec<Trace> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.py"), text).unwrap();
    let target = Target {
        root: std::fs::canonicalize(folder.path()).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits { timeout: Duration::from_secs(30), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: false,
        instrument: false,
    };
    let (mut worker, loading) = Worker::start(&Arc::new(target)).unwrap();
    assert!(loading.has_class, "{}", loading.output);
    BOTH.into_iter().flat_map(|isolation| worker.run(&[session(), session()], isolation).unwrap()).collect()
}

/// What the hook leaves, the same in each session and each way.
#[track_caller]
fn left(head: &str, body: &str) -> Vec<Leftover> {
    let mut all = traces(&plugin(head, body)).into_iter().map(|trace| {
        assert_eq!(trace.calls.len(), 2, "{trace:?}");
        assert!(!trace.calls[0].ending.is_aborted(), "{trace:?}");
        assert_eq!(trace.calls[1].leftovers, [], "what is left is reported once");
        let mut left = trace.calls[0].leftovers.clone();
        left.sort_by_key(|left| left.kind);
        left
    });
    let first = all.next().unwrap();
    for other in all {
        let kinds = |left: &[Leftover]| left.iter().map(|left| left.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&other), kinds(&first));
    }
    first
}

/// The one thing that it leaves: kind, name, and the function that made it.
#[track_caller]
fn one(head: &str, body: &str) -> (LeftoverKind, String, Option<String>) {
    let left = left(head, body);
    let [one] = &left[..] else { panic!("{left:?}") };
    (
        one.kind,
        one.what.clone(),
        one.frames.iter().find(|frame| frame.file == "main.py").map(|frame| frame.function.clone()),
    )
}

#[track_caller]
fn nothing(head: &str, body: &str) {
    assert_eq!(left(head, body), []);
}

fn placed(kind: LeftoverKind, what: &str, function: &str) -> (LeftoverKind, String, Option<String>) {
    (kind, what.into(), Some(function.into()))
}

const WAIT: &str = "import threading, time\ndef wait():\n    threading.Event().wait()\n";

#[test]
fn threads_are_named_and_placed_where_they_were_started() {
    let start = |daemon| format!("threading.Thread(target=wait, name='poller', daemon={daemon}).start()");
    for daemon in ["True", "False"] {
        assert_eq!(one(WAIT, &start(daemon)), placed(LeftoverKind::Thread, "poller", "get_password_list"));
    }
    let in_helper = format!("{WAIT}def helper():\n    threading.Timer(1000, wait).start()\n");
    let (kind, _, function) = one(&in_helper, "helper()");
    assert_eq!((kind, function.as_deref()), (LeftoverKind::Thread, Some("helper")));
    let raw = "import _thread\n_thread.start_new_thread(wait, ())";
    assert_eq!(one(WAIT, raw), placed(LeftoverKind::Thread, "wait", "get_password_list"));
}

#[test]
fn an_executor_that_still_works_is_a_thread_left() {
    let head = format!("{WAIT}from concurrent.futures import ThreadPoolExecutor\nPOOL = []\n");
    let (kind, what, function) = one(&head, "POOL.append(ThreadPoolExecutor(1))\nPOOL[-1].submit(wait)");
    assert_eq!((kind, function.as_deref()), (LeftoverKind::Thread, Some("get_password_list")));
    assert!(what.starts_with("ThreadPoolExecutor-"), "{what}");
}

#[test]
fn children_are_named_whether_they_run_or_nobody_waited_for_them() {
    let head = "import os, subprocess\nKEPT = []\n";
    let sleep = "KEPT.append(subprocess.Popen(['sleep', '1000']))";
    assert_eq!(one(head, sleep), placed(LeftoverKind::Process, "sleep 1000", "get_password_list"));
    assert_eq!(
        one(head, "KEPT.append(subprocess.Popen(['true']))"),
        placed(LeftoverKind::Process, "true", "get_password_list")
    );
    let fork = "if os.fork() == 0:\n    import time\n    time.sleep(1000)";
    assert_eq!(one(head, fork), placed(LeftoverKind::Process, "", "get_password_list"));
}

#[test]
fn a_daemon_that_left_its_session_is_seen() {
    let daemon = "
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.execvp('sleep', ['sleep', '1000'])
    os._exit(0)
os.wait()";
    let (kind, _, function) = one("import os", daemon);
    assert_eq!((kind, function.as_deref()), (LeftoverKind::Process, Some("get_password_list")));
}

#[test]
fn descriptors_are_described_by_what_they_point_to() {
    let head = "import os, select, socket, tempfile\nKEPT = []\n";
    let name = |body: &str| {
        let (kind, what, _) = one(head, body);
        assert_eq!(kind, LeftoverKind::Descriptor);
        what
    };
    assert_eq!(name("KEPT.append(open(__file__))"), "<package>/main.py");
    assert_eq!(name("KEPT.append(socket.socket(socket.AF_UNIX))"), "socket");
    assert_eq!(name("os.close(os.pipe()[0])"), "pipe");
    assert_eq!(name("os.memfd_create('vault')"), "memfd:vault");
    assert_eq!(name("KEPT.append(select.epoll())"), "anon_inode:[eventpoll]");
    assert!(name("KEPT.append(tempfile.TemporaryFile())").starts_with("<scratch>/tmp/"));
}

#[test]
fn what_is_put_away_is_not_left() {
    let head = "
import logging, os, subprocess, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
class Cycle:
    def __init__(self):
        self.me, self.file = self, open(__file__)
logger = logging.getLogger('vault')
logger.addHandler(logging.FileHandler(os.devnull))
";
    nothing(head, "with open(__file__) as file:\n    file.read()");
    nothing(head, "Cycle()");
    nothing(head, "thread = threading.Thread(target=len, args=('',))\nthread.start()\nthread.join()");
    nothing(head, "threading.Thread(target=len, args=('',)).start()");
    nothing(head, "ThreadPoolExecutor(2).submit(len, '')");
    nothing(head, "subprocess.run(['true'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)");
    nothing(head, "with tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')");
    nothing(head, "logger.warning('x')\nlogging.basicConfig()");
    nothing(
        head,
        "import ssl, random, secrets, uuid, sqlite3\nssl.create_default_context()\nsecrets.token_hex()\nuuid.uuid4()",
    );
    nothing(head, "import asyncio\nasyncio.run(asyncio.sleep(0))");
}

const MANIFEST: &str = "api: '1.9'\ntype: credentialstore\nname: Left\nversion: '1.0'\ndescription: leaves something\nentry_point: main.py\n";

/// (rule, hook, message, fingerprint) of all findings.
fn findings(report: &serde_json::Value) -> Vec<[String; 4]> {
    let of = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["rule", "hook", "message", "fingerprint"].map(|key| of(one, key)))
        .collect();
    found.sort();
    found
}

#[test]
fn a_run_finds_the_same_whatever_seed_and_jobs_and_a_replay_finds_it_until_it_is_mended() {
    let desk = Desk::new();
    desk.write("left/MANIFEST", MANIFEST);
    let leaks = plugin(
        &format!("{WAIT}import tempfile\nKEPT = []\n"),
        "threading.Thread(target=wait, daemon=True).start()\nKEPT.append(open(tempfile.mkstemp()[1]))",
    );
    desk.write("left/main.py", &leaks);
    let line = 1 + leaks.lines().position(|line| line.contains("Thread(")).unwrap();
    let test = |seed: &str, jobs: &str| {
        let ran = desk.run(&["test", "left", "--runs", "60", "--seed", seed, "--jobs", jobs, "--format", "json"]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        findings(&ran.json())
    };
    let first = test("1", "1");
    let messages: Vec<&str> = first.iter().map(|[_, _, message, _]| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "left a descriptor open: <scratch>/tmp/tmp…",
            "left the file `tmp/tmp…` behind",
            &format!("left the thread `Thread-… (wait)` running, started at main.py:{line}"),
        ]
    );
    assert_eq!(test("2", "1"), first);
    assert_eq!(test("1", "2"), first);

    let report = desk.run(&["test", "left", "--runs", "60", "--seed", "1", "--format", "json"]).json();
    let one = &report["findings"][0];
    let ran = desk.run(&["run", "left", "--case", one["case"].as_str().unwrap(), "--format", "json"]);
    let fingerprint = one["fingerprint"].as_str().unwrap();
    assert!(findings(&ran.json()).iter().any(|[.., again]| again == fingerprint), "{ran:?}");
    let outcomes = || {
        let replayed = desk.run(&["replay", "left", "--format", "json"]).json();
        let cases = replayed["cases"].as_array().unwrap().iter();
        cases.map(|case| case["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(), ["still-there"; 3]);
    desk.write("left/main.py", plugin("", "pass"));
    assert_eq!(outcomes(), ["fixed"; 3]);
}
