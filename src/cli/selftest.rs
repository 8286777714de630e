//! `hookstorm selftest`: hookstorm's own reader, runtime and oracles with generated manifests and packages. A
//! difference is a defect of hookstorm, so the exit status is 3.

use std::{
    io::{IsTerminal, Write as _},
    num::NonZero,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum, ValueHint};

use super::{
    arguments::{AMOUNT, CASES, LIMITS, ListFormat, OUTPUT, PLUGIN},
    console::Console,
    error::{CliError, status},
    settings,
    signals::Interrupts,
    values,
};
use crate::{
    api::{FileAction, random_seed},
    corpus::remote::CorpusLocation,
    engine::Stop,
    package,
    report::plain,
    selftest::{
        SelftestError, SelftestEvent, SelftestKind, SelftestReport, SelftestSettings, SelftestSummary, has_sdk,
        selftest,
    },
};

/// How long a selftest takes if the user sets neither `--time` nor `--runs`.
const DEFAULT_TIME: Duration = Duration::from_secs(60);
/// How often a line on standard error says how far it is, if that is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct SelftestArguments {
    /// What to generate: manifests, for the reader of MANIFEST, or packages, for reader, runtime and oracles
    /// [default: both, one after the other]
    #[arg(value_name = "manifest|package", value_enum, hide_possible_values = true)]
    kind: Option<KindArgument>,

    /// Stop after this time, `90s`, `10m`, `8h`; each kind gets an equal part [default: 1m, none with `--runs`]
    #[arg(long, value_name = "TIME", value_parser = values::span, help_heading = AMOUNT)]
    time: Option<Duration>,

    /// Stop after N inputs of each kind [default: none]
    #[arg(
        short = 'n', long, value_name = "N", value_parser = values::runs, allow_negative_numbers = true,
        help_heading = AMOUNT
    )]
    runs: Option<u64>,

    /// Seed: the same seed gives the same inputs [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Skip the first N inputs of the seed [default: 0]
    #[arg(long, value_name = "N", value_parser = values::skip, allow_negative_numbers = true, help_heading = AMOUNT)]
    skip: Option<u64>,

    /// Number of inputs that run at once [default: the number of cores]
    #[arg(
        short, long, value_name = "N", value_parser = values::jobs, allow_negative_numbers = true,
        help_heading = LIMITS
    )]
    jobs: Option<usize>,

    /// A virtual environment with the Plugin SDK, whose reader gets the manifests too
    /// [default: VIRTUAL_ENV, if that has the SDK]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = PLUGIN)]
    venv: Option<PathBuf>,

    /// Folder for differences, which go into its subfolder `differences` [default: corpora]
    #[arg(
        long, value_name = "DIR", value_parser = values::corpus, value_hint = ValueHint::DirPath, help_heading = CASES
    )]
    corpus: Option<CorpusLocation>,

    /// Form of the result: a text, or one JSON object [default: text]
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true, help_heading = OUTPUT)]
    format: Option<ListFormat>,
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArgument {
    /// Manifests
    Manifest,
    /// Packages
    Package,
}

pub(super) fn run(arguments: &SelftestArguments, console: Console) -> Result<u8, CliError> {
    package::clear_stale_scratch();
    let kinds = match arguments.kind {
        None => &SelftestKind::ALL[..],
        Some(KindArgument::Manifest) => &[SelftestKind::Manifest],
        Some(KindArgument::Package) => &[SelftestKind::Package],
    };
    let corpus = match &arguments.corpus {
        None => PathBuf::from("corpora"),
        Some(CorpusLocation::Folder(folder)) => folder.clone(),
        Some(CorpusLocation::Bucket(bucket)) => {
            return Err(CliError::usage(
                format!("`{bucket}` is a bucket, but hookstorm keeps differences in a folder"),
                "set a folder: `--corpus DIR`",
            ));
        }
    };
    // An environment that the user named must have the SDK. One that is only active may lack it.
    let venv = settings::venv(arguments.venv.clone())?;
    let venv = venv.filter(|venv| arguments.venv.is_some() || has_sdk(venv));
    let time = arguments.time.or(arguments.runs.is_none().then_some(DEFAULT_TIME));
    let seed = arguments.seed.unwrap_or_else(random_seed);
    let skip = arguments.skip.unwrap_or_default();
    let interrupts = Interrupts::listen(console);
    interrupts.ask_first();
    console.aside(&format!("hookstorm {}: selftest, seed {seed}\n", env!("CARGO_PKG_VERSION")));
    let stop = interrupts.stop();
    let mut report = SelftestReport::new(seed, skip);
    for &kind in kinds {
        let settings = SelftestSettings {
            kind,
            runs: arguments.runs,
            time: time.map(|time| time / u32::try_from(kinds.len()).unwrap_or(1)),
            seed,
            skip,
            jobs: arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)),
            corpus: corpus.clone(),
            venv: venv.clone(),
        };
        let summary = run_kind(&settings, &stop, console)?;
        for note in &summary.notes {
            console.aside(&format!("note: {note}\n"));
        }
        report.add(&settings, &summary);
        if stop.requested() {
            break;
        }
    }
    match arguments.format.unwrap_or_default() {
        ListFormat::Text => console.out(&report.to_text())?,
        ListFormat::Json => console.out(&report.to_json())?,
    }
    Ok(match report.has_differences() {
        true => status::OUR_FAILURE,
        false => interrupts.status().unwrap_or(status::NOTHING),
    })
}

/// Runs one kind, with a line on standard error now and then.
fn run_kind(settings: &SelftestSettings, stop: &Stop, console: Console) -> Result<SelftestSummary, CliError> {
    let began = Instant::now();
    let reported_s = AtomicU64::new(0);
    let every_s = if std::io::stderr().is_terminal() { 1 } else { LINE_EVERY.as_secs() };
    let ended = selftest(settings, stop, &|event| match event {
        SelftestEvent::Progress { runs, differences } => {
            let now_s = began.elapsed().as_secs();
            let last = reported_s.load(Ordering::Relaxed);
            let is_due = !console.is_quiet && now_s >= last + every_s;
            if is_due && reported_s.compare_exchange(last, now_s, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                let kind = settings.kind.name();
                // If standard error is gone, so is its reader.
                let _ = writeln!(std::io::stderr().lock(), "{now_s} s, {runs} {kind}s, {differences} differences");
            }
        }
        SelftestEvent::Found(difference) => console.error(&difference.to_text(settings)),
    });
    ended.map_err(|error| match error {
        SelftestError::Keep { path, source } => CliError::file(&path, FileAction::Write)(source),
        SelftestError::Sdk { ref venv, .. } => CliError::usage(
            error.to_string(),
            format!(
                "run `{} -m pip install oneidentity-safeguard-sessions-plugin-sdk`, or name another environment with \
                 `--venv`",
                plain::shell_word(&venv.join("bin/python").to_string_lossy())
            ),
        ),
        SelftestError::Threads(error) => CliError::Usage { problem: error.to_string(), hint: None },
    })
}
