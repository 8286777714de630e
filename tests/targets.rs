//! hookstorm held against what its own generators built: a few hundred of each in every run of the tests, as many as
//! wanted with `HOOKSTORM_TEST_RUNS` and `HOOKSTORM_TEST_SEED`.

mod program;

use std::path::PathBuf;

use hookstorm::engine::{Stop, TargetKind, TargetSettings, TargetSummary, fuzz_target};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn run(kind: TargetKind, runs: u64, venv: Option<PathBuf>) -> TargetSummary {
    let folder = tempfile::tempdir().unwrap();
    let corpus = std::env::var_os("HOOKSTORM_TEST_KEEP").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let settings = TargetSettings {
        kind,
        runs: Some(number("HOOKSTORM_TEST_RUNS", runs)),
        time: None,
        seed: number("HOOKSTORM_TEST_SEED", 1),
        skip: 0,
        jobs: 2,
        corpus,
        venv,
    };
    let summary = fuzz_target(&settings, &Stop::default(), &|_| {}).unwrap();
    println!("{} runs in {:.1?}, {} differences", summary.runs, summary.elapsed, summary.differences.len());
    summary
}

#[track_caller]
fn is_silent(summary: &TargetSummary) {
    let shown = |difference: &hookstorm::engine::Difference| {
        let files: String = difference
            .files
            .iter()
            .filter(|(name, _)| !name.ends_with(".zip"))
            .map(|(name, content)| format!("--- {name}\n{}\n", String::from_utf8_lossy(content)))
            .collect();
        format!("{}\nparts {:?}, platform {}\n{}\n", difference.problem, difference.parts, difference.platform, files)
    };
    let all: Vec<String> = summary.differences.iter().map(shown).collect();
    assert!(all.is_empty(), "{} differences\n\n{}", all.len(), all.join("\n\n"));
}

#[test]
fn the_manifest_reader_says_what_the_generator_built() {
    is_silent(&run(TargetKind::Manifest, 3000, Some(program::venv())));
}

#[test]
fn a_package_is_opened_loaded_run_and_judged_as_it_was_built() {
    is_silent(&run(TargetKind::Package, 60, None));
}
