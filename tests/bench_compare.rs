//! `scripts/bench-compare` on comparisons in criterion's form: it fails for what is certainly slower, and for nothing
//! else.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn script(arguments: &[&str], folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench-compare");
    Command::new(std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into()))
        .arg(script)
        .arg(arguments[0])
        .arg(folder)
        .args(&arguments[1..])
        .output()
        .expect("python starts")
}

/// A bench whose median changed by `change`, give or take `spread`.
fn compared(folder: &Path, group: &str, bench: &str, change: f64, spread: f64) {
    let bench_folder = folder.join(group).join(bench);
    for name in ["change", "new"] {
        fs::create_dir_all(bench_folder.join(name)).unwrap();
    }
    let (low, high) = (change - spread, change + spread);
    let estimate = |low: f64, middle: f64, high: f64| {
        format!(
            r#"{{"confidence_interval": {{"confidence_level": 0.95, "lower_bound": {low}, "upper_bound": {high}}},
                "point_estimate": {middle}, "standard_error": 0.01}}"#
        )
    };
    // The mean is drawn off by one slow sample, and so is not asked.
    let (mean, median) = (estimate(5.0, 6.0, 7.0), estimate(low, change, high));
    fs::write(bench_folder.join("change/estimates.json"), format!(r#"{{"mean": {mean}, "median": {median}}}"#))
        .unwrap();
    fs::write(bench_folder.join("new/benchmark.json"), format!(r#"{{"full_id": "{group}/{bench}"}}"#)).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_bench_fails_only_where_it_is_slower_beyond_doubt() {
    let folder = tempfile::tempdir().unwrap();
    compared(folder.path(), "judge", "clean", 0.15, 0.08);
    compared(folder.path(), "judge", "mask", -0.40, 0.01);
    let output = script(&["judge", "main", "10"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).ends_with("0 of 2 benches slower than in `main` by more than 10 %\n"), "{output:?}");

    compared(folder.path(), "wire", "read sessions", 0.15, 0.04);
    let output = script(&["judge", "main", "10"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    let slower: Vec<&str> = stdout.lines().filter(|line| line.ends_with("<- slower")).collect();
    assert!(slower.len() == 1 && slower[0].starts_with("wire/read sessions "), "{stdout}");
    assert!(slower[0].contains("+15.0 %  (+11.0 to +19.0)"), "{stdout}");
    assert_eq!(script(&["judge", "main", "12"], folder.path()).status.code(), Some(0));
}

#[test]
fn without_a_baseline_nothing_passes_for_compared() {
    let folder = tempfile::tempdir().unwrap();
    compared(folder.path(), "judge", "clean", 0.0, 0.01);
    assert_eq!(script(&["judge", "main", "10"], folder.path()).status.code(), Some(0));
    assert_eq!(script(&["forget"], folder.path()).status.code(), Some(0));
    let output = script(&["judge", "main", "10"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no bench that ran has a baseline `main`"), "{output:?}");
}

#[test]
fn a_threshold_that_is_no_percentage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["ten", "-1", "nan", ""] {
        let output = script(&["judge", "main", wrong], folder.path());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).starts_with(&format!("error: THRESHOLD is `{wrong}`")), "{output:?}");
    }
}
