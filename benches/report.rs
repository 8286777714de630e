//! The time to write a very large report, with 10,000 findings, in each form.

mod quick;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    engine::{ReportedFinding, Summary},
    finding::{Finding, Location, Rule},
    report::{Baseline, Format, FormatOptions, Mask, Report, RunContext},
};

const FINDINGS: u32 = 10_000;

/// A finding in a function of its own, with its case.
fn reported(number: u32) -> ReportedFinding {
    let location = Location {
        file: format!("lib/module_{}.py", number % 100),
        line: number,
        column: 0,
        function: format!("function_{number}"),
    };
    let finding = Finding::draft(Rule::UncaughtException, "AttributeError: 'list' object has no attribute 'get'")
        .hook(Hook::GetPasswordList)
        .exception("AttributeError")
        .at(Some(location))
        .call(0)
        .finish();
    let arguments = vec![
        (Argument::SessionId, Value::text("s-1")),
        (Argument::GatewayPassword, Value::text("password-of-alice")),
        (Argument::ServerIp, Value::text("::1")),
    ];
    let case = Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session: Session::new(vec![Call::new(Hook::GetPasswordList, arguments)]),
        earlier: Vec::new(),
        found: None,
    };
    ReportedFinding {
        occurrences: 118,
        case_path: Some(format!("corpora/MyVault/{}.json", finding.fingerprint).into()),
        case: Some(case),
        group: number as usize,
        ..ReportedFinding::without_case(finding)
    }
}

fn report(criterion: &mut Criterion) {
    let summary = Summary {
        sessions: 200_000,
        calls: 700_000,
        reported: (0..FINDINGS).map(reported).collect(),
        ..Summary::default()
    };
    let source = |_: &str, _: u32| Some("    return answers.get(key)".to_owned());
    let (baseline, mask) = (Baseline::default(), Mask::default());
    let context = RunContext { source: &source, mask: &mask, baseline: &baseline };
    let make = || {
        let mut report = Report::new("test");
        report.plugin.path = "vault/".into();
        report.add_run(&summary, context);
        report
    };
    let made = make();
    let json = made.to_json();
    let read = || Report::parse(&json).expect("it was written so");

    let mut group = criterion.benchmark_group("10,000 findings");
    group.sample_size(10);
    let plain = FormatOptions { width: 100, ..FormatOptions::default() };
    let verbose = FormatOptions { is_verbose: true, ..plain.clone() };
    group.bench_function("the report", |bencher| bencher.iter(make));
    group.bench_function("JSON, read back", |bencher| bencher.iter(read));
    for format in Format::ALL {
        group.bench_function(format.name, |bencher| bencher.iter(|| format.write(black_box(&made), &plain)));
    }
    let text = Format::default();
    assert!(text.write(&made, &verbose).len() > 100 * FINDINGS as usize);
    group.bench_function("text, every finding in full", |bencher| bencher.iter(|| text.write(&made, &verbose)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = report
}
criterion_main!(benches);
