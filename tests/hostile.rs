//! Hostile plugins: `tests/hostile/expected.toml` has the expected findings of each. After each plugin the host still
//! works, the same worker and a new one run harmless sessions, and no process, scratch folder or shared memory is left.
//!
//! They run one after another, because each has a time limit that other work would use up.

mod program;
mod skip;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hookstorm::{
    case::{Call, Session, Value},
    contract::{Hook, Platform, PluginType},
    finding::Finding,
    oracle::{self, PluginUnderTest},
    runtime::{
        Executor, Isolation, Limits, Network, Sandbox, Target, Worker,
        sandbox::{MissingProtections, Protection},
    },
    trace::{Ending, LoadEnding, Loading, Observed, Trace},
};
use program::Desk;

/// What many of them also show; rows that name it check it.
const BESIDE: [&str; 2] = ["resource-leak", "sandbox-violation"];

/// One at a time.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A row of expected.toml.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    folder: String,
    /// What is found.
    rules: BTreeSet<String>,
    /// One of these may be found instead, or beside.
    #[serde(default)]
    also: BTreeSet<String>,
    hook: Option<String>,
    /// What must hold it.
    #[serde(default)]
    needs: Vec<String>,
    /// Whether the probe must have confirmed it from inside.
    #[serde(default)]
    probed: bool,
    /// Whether the program runs it too.
    #[serde(default)]
    typed: bool,
}

fn rows() -> Vec<Row> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        plugin: Vec<Row>,
    }
    let text = fs::read_to_string(program::folder("tests/hostile/expected.toml")).unwrap();
    let only = std::env::var("HOOKSTORM_TEST_HOSTILE").unwrap_or_default();
    let rows = toml::from_str::<Table>(&text).unwrap().plugin;
    rows.into_iter().filter(|row| row.folder.contains(&only)).collect()
}

/// `timeout` is short for those who use it up, and long for those whose end is another one, however busy the machine
/// is.
fn target(root: &Path, timeout: Duration) -> Arc<Target> {
    Arc::new(Target {
        root: fs::canonicalize(root).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits { timeout, memory_bytes: 256 << 20, loading: Duration::from_secs(5) },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    })
}

/// The time limit of calls that do not use it up.
const PATIENT: Duration = Duration::from_secs(30);

fn hostile(name: &str, timeout: Duration) -> Arc<Target> {
    target(&program::folder("tests/hostile").join(name), timeout)
}

fn call(hook: Hook) -> Call {
    Call::new(hook, Vec::new())
}

/// A session in which the plugin does its worst.
fn session() -> Session {
    Session::new(vec![call(Hook::GetPasswordList), call(Hook::SessionEnded)])
}

/// One in which it does nothing.
fn harmless() -> Session {
    Session::new(vec![call(Hook::GetPrivateKeyList), call(Hook::AuthenticationCompleted), call(Hook::SessionEnded)])
}

fn subject(loading: &Loading) -> PluginUnderTest {
    PluginUnderTest::new(PluginType::CredentialStore, Platform::newest(), "", Vec::new(), false, Some(loading))
}

fn run(worker: &mut Worker, session: &Session, isolation: Isolation) -> Trace {
    worker.run(std::slice::from_ref(session), isolation).expect("the runtime survives").remove(0)
}

/// Asserts that the findings are those of the row.
fn assert_found(row: &Row, what: &str, findings: &[Finding]) {
    let is_named = |id: &str| row.rules.contains(id) || row.also.contains(id);
    let counts = |finding: &&Finding| !BESIDE.contains(&finding.rule.id()) || is_named(finding.rule.id());
    let counted: Vec<&Finding> = findings.iter().filter(counts).collect();
    let found: BTreeSet<String> = counted.iter().map(|finding| finding.rule.id().to_owned()).collect();
    let expected = found == row.rules
        || (!row.also.is_empty()
            && (row.rules.is_empty() || !found.is_empty())
            && found.iter().all(|rule| row.rules.contains(rule) || row.also.contains(rule)));
    assert!(expected, "{} {what}: found {found:?}, expected {:?} or {:?}", row.folder, row.rules, row.also);
    for finding in counted {
        if let (Some(hook), Some(expected)) = (finding.hook, &row.hook) {
            assert_eq!(hook.name(), expected, "{} {what}", row.folder);
        }
    }
}

/// Asserts that a session that harms nobody goes well.
fn assert_is_well(name: &str, what: &str, trace: &Trace) {
    let well = |call: &hookstorm::trace::CallTrace| call.ending == Ending::Returned(Observed::None);
    assert!(trace.calls.len() == 3 && trace.calls.iter().all(well), "{name} {what}: {trace:?}");
}

/// Runs the plugin of a row, and then its harmless session in the same worker.
fn survive(row: &Row) {
    let waits = row.rules.iter().chain(&row.also).any(|rule| rule == "timeout");
    let timeout = if waits { Duration::from_millis(500) } else { PATIENT };
    let (mut worker, loading) = Worker::start(&hostile(&row.folder, timeout)).expect("the runtime survives");
    let subject = subject(&loading);
    let findings = oracle::judge_loading(&subject, &loading);
    if loading.import != LoadEnding::Done {
        assert!(worker.run(&[session()], Isolation::Persistent).is_err(), "{}", row.folder);
        return assert_found(row, "when loaded", &findings);
    }
    if row.rules.iter().chain(&row.also).any(|rule| findings.iter().any(|finding| finding.rule.id() == rule)) {
        return assert_found(row, "when loaded", &findings);
    }
    let is_beside = |finding: &Finding| BESIDE.contains(&finding.rule.id());
    assert!(findings.iter().all(is_beside), "{}: {findings:?}", row.folder);
    for isolation in [Isolation::Isolated, Isolation::Persistent] {
        let what = format!("{isolation:?}");
        let trace = run(&mut worker, &session(), isolation);
        assert_found(row, &what, &oracle::judge(&subject, &session(), &trace));
        assert_is_well(&row.folder, &what, &run(&mut worker, &harmless(), isolation));
    }
    // Between others, in one process.
    let traces = worker.run(&[harmless(), session(), harmless()], Isolation::Persistent).expect("the runtime survives");
    assert_is_well(&row.folder, "before", &traces[0]);
    assert_found(row, "between others", &oracle::judge(&subject, &session(), &traces[1]));
    assert_is_well(&row.folder, "after", &traces[2]);
}

/// Asserts that nothing is left of what ran.
fn assert_nothing_is_left(name: &str) {
    let own = format!("hookstorm-{}-", std::process::id());
    let is_left = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let folders: Vec<String> =
        is_left(&std::env::temp_dir()).into_iter().filter(|entry| entry.starts_with(&own)).collect();
    assert_eq!(folders, [] as [String; 0], "{name}: scratch folders");
    let segments: Vec<String> =
        is_left(Path::new("/dev/shm")).into_iter().filter(|entry| entry.contains("hookstorm")).collect();
    assert_eq!(segments, [] as [String; 0], "{name}: segments of shared memory");
    assert_eq!(processes(&own), [] as [String; 0], "{name}: processes");
}

/// Living processes that we started, or that have a scratch folder of ours for their home, whoever their parent is.
fn processes(own: &str) -> Vec<String> {
    let ours = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid == ours || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let mut fields = stat[stat.rfind(')').map_or(0, |at| at + 2)..].split(' ');
        let (state, parent) = (fields.next(), fields.next());
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let is_ours = environment
            .split(|&byte| byte == 0)
            .any(|variable| variable.starts_with(b"HOME=") && String::from_utf8_lossy(variable).contains(own));
        if state != Some("Z") && (parent == Some(ours.as_str()) || is_ours) {
            found.push(format!("{pid} {stat}"));
        }
    }
    found
}

/// Asserts that a plugin that does nothing wrong gives what it should, in a new worker.
fn assert_host_works(name: &str) {
    let (mut worker, loading) =
        Worker::start(&target(&program::folder("tests/plugins/timeout/near-miss"), PATIENT)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "after {name}");
    let session = Session::new(vec![call(Hook::GetPasswordList)]);
    for isolation in [Isolation::Persistent, Isolation::Isolated] {
        let trace = run(&mut worker, &session, isolation);
        assert!(
            matches!(trace.calls[..], [ref call] if matches!(call.ending, Ending::Returned(_))),
            "after {name}: {trace:?}"
        );
    }
}

/// Why a plugin that needs these must not run here.
fn withheld(row: &Row, missing: MissingProtections, probe: &Result<(), String>) -> Option<String> {
    let named = |name: &str| match name {
        "processes" => Protection::Processes,
        "network" => Protection::Network,
        "calls" => Protection::Calls,
        "files" => Protection::Files,
        "mounts" => Protection::Mounts,
        other => panic!("{}: nothing is called `{other}`", row.folder),
    };
    let lacks = row.needs.iter().map(|name| named(name)).find(|&protection| missing.has(protection));
    match (lacks, probe) {
        (Some(protection), _) => Some(format!("this machine has no {}", protection.name())),
        (None, Err(reason)) if row.probed => Some(reason.clone()),
        _ => None,
    }
}

/// What the machine withholds, and whether what holds a plugin holds it when it is asked from inside.
fn probe() -> (MissingProtections, Result<(), String>) {
    let (mut worker, loading) = Worker::start(&hostile("probe", PATIENT)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "{}", loading.output);
    let trace = run(&mut worker, &session(), Isolation::Isolated);
    let number =
        |name: &str| trace.cookie.get(name).and_then(|value| if let Value::Int(n) = value { Some(*n) } else { None });
    let within = |name: &str, limit: i64| number(name).is_some_and(|value| (0..=limit).contains(&value));
    let held = if !within("pid", 100) || !within("seen", 20) {
        Err(format!(
            "from inside, other processes can be seen: {:?} is {:?} of {:?}",
            "pid",
            number("pid"),
            number("seen")
        ))
    } else if !within("file_bytes", 1 << 30) {
        Err("from inside, files may grow without a limit".into())
    } else if !within("scratch_bytes", 1 << 31) {
        Err("from inside, the scratch folder is as large as the disk".into())
    } else {
        Ok(())
    };
    (worker.missing(), held)
}

#[test]
fn the_host_survives_every_hostile_plugin_and_nothing_is_left() {
    let _machine = machine();
    let (missing, probed) = probe();
    for row in rows() {
        if let Some(reason) = withheld(&row, missing, &probed) {
            skip::skip(&format!("{}: {reason}", row.folder), "`hookstorm doctor` says how this machine gets it");
            continue;
        }
        let begin = std::time::Instant::now();
        survive(&row);
        assert_nothing_is_left(&row.folder);
        assert_host_works(&row.folder);
        eprintln!("{}: survived in {} ms", row.folder, begin.elapsed().as_millis());
    }
}

#[test]
fn a_hostile_plugin_is_reported_by_test() {
    let _machine = machine();
    for row in rows().into_iter().filter(|row| row.typed) {
        let desk = Desk::new();
        let folder = program::folder("tests/hostile").join(&row.folder);
        let ran = desk.run(&[
            "test".as_ref(),
            folder.as_os_str(),
            "--runs".as_ref(),
            "20".as_ref(),
            "--seed".as_ref(),
            "1".as_ref(),
            "--timeout".as_ref(),
            "500ms".as_ref(),
        ]);
        assert_eq!(ran.status, Some(1), "{}: {ran:?}", row.folder);
        for rule in &row.rules {
            assert!(ran.stdout.contains(&format!("error[{rule}] get_password_list")), "{}: {ran:?}", row.folder);
        }
    }
}

#[test]
fn every_folder_has_its_row() {
    let mut named: BTreeSet<String> = rows().into_iter().map(|row| row.folder).collect();
    named.insert("probe".into());
    let entries = fs::read_dir(program::folder("tests/hostile")).unwrap().flatten();
    let folders: BTreeSet<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(std::env::var_os("HOOKSTORM_TEST_HOSTILE").is_some() || named == folders, "{named:?} {folders:?}");
}
