//! The target `session`: runs sessions of one plugin in a worker that embeds CPython, and passes the edges of the
//! plugin's code to libFuzzer as extra counters, so that libFuzzer learns which Python code a session reaches.
//!
//! `HOOKSTORM_FUZZ_PLUGIN` names the plugin, `HOOKSTORM_WORKER` the worker's program, `VIRTUAL_ENV` the packages that
//! the plugin may import, `HOOKSTORM_FUZZ_IGNORE` known fingerprints, separated by commas. libFuzzer has extra counters
//! on Linux only.

use std::{
    path::PathBuf,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use arbitrary::Unstructured;
use hookstorm::{
    contract::Platform,
    finding::Severity,
    generate::{self, Domain},
    oracle::{self, PluginUnderTest},
    package::{ArchiveLimits, Package, configuration},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{Edge, Instrumentation},
};

/// A counter for each edge of Python code. libFuzzer finds the section by its name and reads it after each run.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static COUNTERS: [AtomicU8; Edge::COUNT] = [const { AtomicU8::new(0) }; Edge::COUNT];

/// The plugin, loaded once.
struct Harness {
    /// Dropping it removes the folder of an unpacked archive.
    _package: Package,
    domain: Domain,
    plugin: PluginUnderTest,
    worker: Worker,
    known: Vec<String>,
}

static HARNESS: LazyLock<Mutex<Harness>> = LazyLock::new(|| Mutex::new(Harness::start()));

impl Harness {
    /// Loads the plugin. Panics with a message if the environment is wrong.
    fn start() -> Self {
        let path = std::env::var_os("HOOKSTORM_FUZZ_PLUGIN").map(PathBuf::from);
        let path = path.expect("HOOKSTORM_FUZZ_PLUGIN names the plugin, a `.zip` or a folder");
        let platform = Platform::newest();
        let opened = Package::open(&path, platform, &ArchiveLimits::default()).expect("the plugin can be opened");
        let package = opened.package.expect("the plugin can be read: `hookstorm check` says why not");
        let plugin_type = package.plugin_type().expect("MANIFEST names the plugin's type");
        let configuration = package.configuration.clone().unwrap_or_default();
        let target = Arc::new(Target {
            root: package.root.canonicalize().expect("it was opened a moment ago"),
            entry_point: package.entry_point().to_owned(),
            plugin_type,
            platform,
            configuration: configuration.clone(),
            services: hookstorm::generate::configured_services(&configuration),
            venv: std::env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            limits: Limits::default(),
            network: Network::Closed,
            sandbox: Sandbox::default(),
            coverage: false,
            instrument: true,
        });
        let (worker, loading) = Worker::start(&target).expect("the worker starts: HOOKSTORM_WORKER names its program");
        let hooks = loading.hooks.iter().filter(|seen| seen.callable).map(|seen| seen.hook).collect();
        let secrets = configuration::secrets(&configuration);
        let logs_debug = configuration::logs_debug(&configuration);
        let known = std::env::var("HOOKSTORM_FUZZ_IGNORE").unwrap_or_default();
        Self {
            domain: Domain::new(plugin_type, platform, hooks, loading.tokens.clone()),
            plugin: PluginUnderTest::new(plugin_type, platform, &configuration, secrets, logs_debug, Some(&loading)),
            worker,
            known: known.split(',').map(str::to_owned).collect(),
            _package: package,
        }
    }
}

/// Runs the session that `data` makes, and panics with a finding of level error.
pub fn session(data: &[u8]) {
    let mut harness = HARNESS.lock().unwrap_or_else(PoisonError::into_inner);
    let harness = &mut *harness;
    let known = &harness.known;
    let Ok(session) = generate::session(&mut Unstructured::new(data), &harness.domain) else { return };
    let sessions = std::slice::from_ref(&session);
    let observations =
        harness.worker.run_observed(sessions, Instrumentation::NewEdges).expect("the runtime outlives any plugin");
    for seen in &observations {
        for edge in &seen.edges {
            let counter = &COUNTERS[edge.number as usize % Edge::COUNT];
            // A value for each of libFuzzer's eight buckets.
            counter.store([1, 2, 3, 4, 8, 16, 32, 128][usize::from(edge.bucket.min(7))], Ordering::Relaxed);
        }
        let findings = oracle::judge(&harness.plugin, &session, &seen.trace);
        let is_new = |fingerprint: &str| !known.iter().any(|known| known == fingerprint);
        if !findings.iter().any(|one| one.severity == Severity::Error && is_new(one.fingerprint.as_str())) {
            continue;
        }
        // A finding must reproduce in fresh processes.
        let again = harness.worker.run(sessions, Isolation::Isolated).expect("the runtime outlives any plugin");
        for finding in again.iter().flat_map(|trace| oracle::judge(&harness.plugin, &session, trace)) {
            if finding.severity == Severity::Error && is_new(finding.fingerprint.as_str()) {
                let hook = finding.hook.map(|hook| format!(" {hook}")).unwrap_or_default();
                let place = finding.location.map(|at| format!("\n  --> {}:{}", at.file, at.line)).unwrap_or_default();
                panic!(
                    "error[{}]{hook}: {}{place}\n  fingerprint {}",
                    finding.rule, finding.message, finding.fingerprint
                );
            }
        }
    }
}
