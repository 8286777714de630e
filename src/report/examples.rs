//! Values that the tests of reports share.

use std::{sync::LazyLock, time::Duration};

use crate::{
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    engine::{Coverage, ReportedFinding, Summary},
    finding::{Finding, Location, Rule, fingerprint},
    load::{
        Capacity, Change, Comparison, Growth, HookMeasured, Limit, Measured, ObjectiveMeasured, Percentiles,
        Processors, Step,
    },
    report::{Baseline, Mask, PluginInfo, Report, RunContext},
    trace::{CallTrace, CapturedOutput, Ending, Exception, Frame, Observed, Origin, Trace},
};

/// The report of a run that has just begun.
pub(crate) fn begun(command: &str) -> Report {
    Report {
        plugin: PluginInfo {
            name: "MyVault".into(),
            r#type: Some("credentialstore".into()),
            version: Some("1.0".into()),
            path: "vault/".into(),
        },
        platform: "9.0".into(),
        python: Some("3.11.7".into()),
        seed: Some(42),
        ..Report::new(command)
    }
}

/// A report of `command` that was read from a file, with `more` fields.
pub(crate) fn read(command: &str, more: &str) -> Report {
    let text = format!(
        r#"{{"hookstorm": "0.1.0", "command": "{command}", "status": "findings", "platform": "9.0", "python": "3.11.7",
        "seed": 42, "plugin": {{"name": "Vault", "type": "credentialstore", "version": "1.0", "path": "vault/"}}, {more}}}"#
    );
    Report::parse(&text).unwrap()
}

static NOTHING_KNOWN: LazyLock<Baseline> = LazyLock::new(Baseline::default);

static NOTHING_HIDDEN: LazyLock<Mask> = LazyLock::new(Mask::default);

/// A plugin whose files cannot be read, without secrets and without known findings.
pub(crate) fn context() -> RunContext<'static> {
    RunContext { source: &|_, _| None, mask: &NOTHING_HIDDEN, baseline: &NOTHING_KNOWN }
}

/// The report of a run that did and found this.
pub(crate) fn report(command: &str, summary: &Summary) -> Report {
    let mut report = begun(command);
    report.add_run(summary, context());
    report
}

pub(crate) fn finding(rule: Rule) -> Finding {
    Finding {
        rule,
        severity: rule.severity(),
        hook: Some(Hook::GetPasswordList),
        message: "AttributeError: 'list' object has no attribute 'get'".into(),
        location: Some(Location {
            file: "lib/plugin.py".into(),
            line: 92,
            column: 0,
            function: "user_defined_path".into(),
        }),
        fingerprint: fingerprint(rule, Some(Hook::GetPasswordList), "AttributeError", "lib/plugin.py", "path", ""),
        former: None,
        call: Some(0),
        foreign_cookie: false,
        hint: None,
        reason: None,
    }
}

pub(crate) fn session() -> Session {
    let arguments = vec![
        (Argument::SessionId, "s-1".into()),
        (Argument::ClientIp, "fe80::1".into()),
        (Argument::GatewayPassword, "correct horse".into()),
        (Argument::GatewayDomain, Value::Null),
        (Argument::ServerUsername, "a\u{202e}b".into()),
    ];
    let mut session = Session::new(vec![
        Call::new(Hook::GetPasswordList, arguments),
        Call::new(Hook::SessionEnded, vec![(Argument::SessionId, "s-1".into())]),
    ]);
    session.session_cookie = Value::Dict(vec![("questions".into(), Value::List(vec!["vp".into()]))]);
    session
}

pub(crate) fn call(hook: Hook, call: usize, ending: Ending) -> CallTrace {
    CallTrace {
        call,
        round: 0,
        hook,
        answer_is_secret: false,
        ending,
        stdout: CapturedOutput::default(),
        stderr: CapturedOutput::default(),
        elapsed: Duration::from_micros(1240),
        files: Vec::new(),
        attempts: Vec::new(),
        leftovers: Vec::new(),
        changed_types: Vec::new(),
    }
}

pub(crate) fn trace() -> Trace {
    let text = |text: &str| Observed::Str(text.into());
    let result = Observed::Dict(vec![
        (text("passwords"), Observed::List(vec![text("hunter22")])),
        (text("cookie"), Observed::Dict(vec![(text("lease"), Observed::Bytes(b"7".to_vec()))])),
    ]);
    let mut first = call(Hook::GetPasswordList, 0, Ending::Returned(result));
    let log = "INFO vault: \x1b[31mgot hunter22 for correct horse\n";
    first.stderr = CapturedOutput { text: log.into(), bytes: log.len() as u64, ..CapturedOutput::default() };
    let exception = Exception {
        type_name: "KeyError".into(),
        message: "'lease'".into(),
        frames: vec![Frame {
            origin: Origin::Plugin,
            file: "main.py".into(),
            function: "session_ended".into(),
            line: 40,
        }],
        ..Exception::default()
    };
    Trace {
        calls: vec![first, call(Hook::SessionEnded, 1, Ending::Raised(exception))],
        cookie: Value::empty_dict(),
        session_cookie: session().session_cookie,
        ..Trace::default()
    }
}

pub(crate) fn case() -> Case {
    Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session: session(),
        earlier: Vec::new(),
        found: None,
    }
}

/// A finding with its case, the first of group `group`.
pub(crate) fn reported(rule: Rule, group: usize) -> ReportedFinding {
    let finding = finding(rule);
    ReportedFinding {
        occurrences: 118,
        case: Some(case()),
        case_path: Some(format!("corpora/MyVault/{}.json", finding.fingerprint).into()),
        call: Some(trace().calls.remove(0)),
        group,
        ..ReportedFinding::without_case(finding)
    }
}

pub(crate) fn summary(reported: Vec<ReportedFinding>) -> Summary {
    Summary {
        sessions: 1000,
        calls: 3712,
        elapsed: Duration::from_millis(1930),
        coverage: Coverage { lines_hit: 61, lines: 74, is_sampled: false, files: Vec::new() },
        reported,
        ..Summary::default()
    }
}

/// The measurements of a load run of so many hooks, with a value for everything.
pub(crate) fn measured(hooks: usize) -> Measured {
    let times =
        Percentiles { count: 1500, p50_ms: 52.3, p90_ms: 98.1, p99_ms: 612.0, p99_9_ms: 1890.5, max_ms: 12_345.6 };
    let short = Percentiles { p50_ms: 1.24, p99_ms: 0.31, ..times };
    let hook = HookMeasured { latency: times, errors: 2, plugin: times, waiting: short, cpu_ms: 3.5, peak_mb: 41.25 };
    let step = |rate: f64, p99_ms: f64, met: bool| Step { rate, achieved_rate: rate, p99_ms, met, ..Step::default() };
    let change = |figure: &str, after: f64, regression: bool| Change {
        of: "session".into(),
        figure: figure.into(),
        before: 50.0,
        after,
        noise: 4.0,
        regression,
    };
    let objective = |objective: &str, measured: &str, missed_by: f64| ObjectiveMeasured {
        objective: objective.into(),
        measured: measured.into(),
        met: missed_by == 0.0,
        missed_by,
    };
    Measured {
        offered_rate: 50.0,
        achieved_rate: 41.8,
        call_rate: 148.9,
        saturated: true,
        sessions: 1500,
        errors: 2,
        arrivals: "poisson".into(),
        isolation: "isolated".into(),
        in_flight: 8,
        duration_seconds: 30.0,
        schedule_delay: short,
        session: times,
        hooks: Hook::ALL.iter().take(hooks).map(|name| (name.name().to_owned(), hook.clone())).collect(),
        processors: Processors { count: 2, busy: 0.97, plugin: 0.81 },
        objectives: vec![objective("errors=1%", "0.04%", 0.0), objective("p99=500ms", "612ms", 0.224)],
        capacity: Some(Capacity {
            rate: 40.0,
            limit: Limit::Machine,
            reason: "97 % of the processors were busy at 50/s".into(),
            steps: vec![step(20.0, 55.0, true), step(40.0, 120.0, true), step(50.0, 612.0, false)],
        }),
        baseline: Some(Comparison {
            file: "yesterday.json".into(),
            changes: vec![change("p99_ms", 612.0, true), change("p50_ms", 52.3, false)],
            notes: Vec::new(),
        }),
        growth: vec![Growth {
            what: "memory".into(),
            per_call: 120.0,
            from: 20_971_520.0,
            to: 22_171_520.0,
            calls: 10_000,
        }],
        ..Measured::default()
    }
}
