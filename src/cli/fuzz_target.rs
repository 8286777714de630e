//! `hookstorm fuzz --target package|manifest`: hookstorm itself is tried, with packages or MANIFESTs of which everything is
//! known. A difference is a defect of ours, so that the exit status is 3, and no plugin is to blame.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    num::NonZero,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    arguments::{Color, Format, FuzzArguments},
    console::Console,
    error::{CliError, status},
    seams,
    signals::Interrupts,
    test::random_seed,
};
use crate::{
    corpus::remote::CorpusLocation,
    engine::{Difference, Stop, TargetEvent, TargetKind, TargetSettings, TargetSummary, target_again},
    report::plain,
};

/// How often a line says how far it is.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) fn run(
    kind: TargetKind,
    arguments: &FuzzArguments,
    color: Option<Color>,
    console: Console,
) -> Result<u8, CliError> {
    let console = Console { color: color.unwrap_or_default(), ..console };
    seams::clear_stale_scratch();
    let common = &arguments.common;
    if arguments.plugin.is_some() {
        return Err(CliError::usage(
            format!("`--target {}` makes its own, and takes no PLUGIN", kind.name()),
            "`--target session`, the default, tries the hooks of PLUGIN",
        ));
    }
    if arguments.vary_config
        || arguments.stop_after_quiet.is_some()
        || !common.rule.is_empty()
        || common.config.is_some()
        || common.confined.is_asked_for()
        || arguments.known.baseline.is_some()
    {
        return Err(CliError::usage(
            format!(
                "`--vary-config`, `--stop-after-quiet`, `--rule`, `--config`, `--allow-network`, `--allow-read`, `--sandbox` and \
                 `--baseline` mean nothing to `--target {}`",
                kind.name()
            ),
            "`--runs`, `--time`, `--seed`, `--skip`, `--jobs`, `--venv` and `--corpus` do",
        ));
    }
    if matches!(common.format, Some(Format::Ndjson | Format::Sarif | Format::Junit | Format::Markdown | Format::Html)) {
        return Err(CliError::usage(
            format!("`--target {}` tells differences as `text` or as `json` only", kind.name()),
            "`--format json` prints one object",
        ));
    }
    let venv = common.venv.clone().or_else(|| std::env::var_os("VIRTUAL_ENV").map(PathBuf::from));
    if let Some(file) = &arguments.again {
        let bytes =
            std::fs::read(file).map_err(|source| CliError::File { path: file.clone(), doing: "read", source })?;
        let again = target_again(kind, &bytes, venv.as_deref());
        let text = again.as_ref().map_or_else(|| "no difference\n".to_owned(), shown);
        console.out(&text)?;
        return Ok(if again.is_some() { status::OUR_FAILURE } else { status::NOTHING });
    }
    let corpus = match common.corpus.clone() {
        None => "corpora".into(),
        Some(CorpusLocation::Folder(folder)) => folder,
        Some(CorpusLocation::Bucket(bucket)) => {
            return Err(CliError::usage(
                format!("`{bucket}` is a bucket, and differences are kept in a folder"),
                "`--corpus DIR` names one",
            ));
        }
    };
    let settings = TargetSettings {
        kind,
        runs: arguments.runs,
        time: arguments.time,
        seed: arguments.seed.unwrap_or_else(random_seed),
        skip: arguments.skip.unwrap_or_default(),
        jobs: common.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)),
        corpus,
        venv,
    };
    console.aside(&format!("{}s from seed {} through hookstorm itself\n", kind.name(), settings.seed));
    let interrupts = Interrupts::listen(console);
    interrupts.ask_first();
    let summary = spend(&settings, &interrupts.stop(), console)?;
    for note in &summary.notes {
        console.aside(&format!("note: {note}\n"));
    }
    match common.format.unwrap_or_default() {
        Format::Text => console.out(&text(&settings, &summary))?,
        _ => console.out(&format!("{}\n", report(&settings, &summary)))?,
    }
    Ok(if summary.differences.is_empty() { status::NOTHING } else { status::OUR_FAILURE })
}

/// Does the work, with a line now and then.
fn spend(settings: &TargetSettings, stop: &Stop, console: Console) -> Result<TargetSummary, CliError> {
    let began = Instant::now();
    let told_s = AtomicU64::new(0);
    let every_s = if std::io::stderr().is_terminal() { 1 } else { LINE_EVERY.as_secs() };
    seams::fuzz_target(settings, stop, &|event| match event {
        TargetEvent::Progress { runs, differences, .. } => {
            let now_s = began.elapsed().as_secs();
            let last = told_s.load(Ordering::Relaxed);
            let is_due = !console.is_quiet && now_s >= last + every_s;
            if is_due && told_s.compare_exchange(last, now_s, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                // Nobody can be told that this fails.
                let _ = writeln!(std::io::stderr().lock(), "{now_s} s, {runs} runs, {differences} differences");
            }
        }
        TargetEvent::Found(difference) => console.error(&shown(&difference)),
    })
}

/// A difference, whole.
fn shown(difference: &Difference) -> String {
    let mut text = String::from("difference: hookstorm says another thing than was built\n");
    for line in difference.problem.lines() {
        let _ = writeln!(text, "  {}", plain::harmless(line));
    }
    let _ = writeln!(text, "  built for platform {}: {}", difference.platform, difference.parts.join(", "));
    if let Some(path) = &difference.path {
        let _ = writeln!(text, "  read: {}", plain::harmless(&path.join("README.md").display().to_string()));
    }
    text
}

fn text(settings: &TargetSettings, summary: &TargetSummary) -> String {
    let seconds = summary.elapsed.as_secs_f64();
    let rate = summary.runs as f64 / seconds.max(0.001);
    let kept = match summary.differences.len() {
        0 => "no difference".to_owned(),
        1 => "1 difference, a defect of hookstorm: please report it".to_owned(),
        count => format!("{count} differences, defects of hookstorm: please report them"),
    };
    let ended = if summary.interrupted { ", interrupted" } else { "" };
    format!(
        "{} {}s in {seconds:.1} s ({rate:.1}/s), seed {}{ended}: {kept}\n",
        summary.runs,
        settings.kind.name(),
        settings.seed
    )
}

fn report(settings: &TargetSettings, summary: &TargetSummary) -> serde_json::Value {
    let seconds = summary.elapsed.as_secs_f64();
    let status = match (summary.differences.is_empty(), summary.interrupted) {
        (false, _) => "differences",
        (true, true) => "interrupted",
        (true, false) => "clean",
    };
    let differences: Vec<_> = summary
        .differences
        .iter()
        .map(|one| json!({"problem": one.problem, "built": one.parts, "platform": one.platform.name, "path": one.path}))
        .collect();
    json!({
        "hookstorm": env!("CARGO_PKG_VERSION"), "command": "fuzz", "target": settings.kind.name(), "status": status,
        "seed": settings.seed, "skip": settings.skip, "runs": summary.runs, "elapsed_seconds": seconds,
        "differences": differences, "notes": summary.notes,
    })
}
