//! How long a report takes that nobody should ever get: 10,000 findings, in each of its forms.

mod quick;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    case::{Call, Case, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    engine::{ReportedFinding, Summary},
    finding::{Baseline, Finding, Location, Rule},
    report::{Again, Document, Head, Report, json::ReportJson, markdown, sarif, text},
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
    let head = Head {
        command: "test",
        name: "MyVault".into(),
        plugin_type: Some(PluginType::CredentialStore),
        version: Some("1.0".into()),
        path: "vault/".into(),
        platform: Platform::newest(),
        python: Some("3.11.7".into()),
        seed: Some(42),
        held: None,
    };
    let again = Again { plugin: "vault/".into(), ..Again::default() };
    let summary = Summary {
        sessions: 200_000,
        calls: 700_000,
        reported: (0..FINDINGS).map(reported).collect(),
        ..Summary::default()
    };
    let source = |_: &str, _: u32| Some("    return answers.get(key)".to_owned());
    let baseline = Baseline::default();
    let short = Report {
        head: &head,
        summary: &summary,
        again: &again,
        source: &source,
        secrets: &[],
        planned: None,
        width: 100,
        is_verbose: false,
        baseline: &baseline,
    };
    let whole = Report { is_verbose: true, ..short };
    assert!(text::summary(&whole).len() > 100 * FINDINGS as usize);

    let mut group = criterion.benchmark_group("10,000 findings");
    group.sample_size(10);
    group.bench_function("text", |bencher| bencher.iter(|| text::summary(black_box(&short))));
    group.bench_function("text, every finding whole", |bencher| bencher.iter(|| text::summary(black_box(&whole))));
    group.bench_function("JSON", |bencher| bencher.iter(|| ReportJson::new(black_box(&short)).to_text()));
    // The other forms are made of the report that was read back.
    let json = ReportJson::new(&short).to_text();
    let read = || Document::parse(&json).expect("it was written so");
    let document = read();
    assert!(sarif::text(&document, None).contains(&document.findings[FINDINGS as usize - 1].fingerprint));
    group.bench_function("JSON, read back", |bencher| bencher.iter(read));
    group.bench_function("SARIF", |bencher| bencher.iter(|| sarif::text(black_box(&document), None)));
    group.bench_function("Markdown", |bencher| bencher.iter(|| markdown::text(black_box(&document))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = report
}
criterion_main!(benches);
