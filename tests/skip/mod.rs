//! Tests that cannot run on this machine print the reason and are counted. If `CI` is set, they fail, so no pipeline
//! passes without them.

use std::{
    env,
    fs::OpenOptions,
    io::{Write, stderr},
    thread,
};

/// Says that the test that is running, or a part of it, cannot run here: why, and how to make it run.
///
/// The test harness hides what a passing test prints with `eprintln!`, so this writes to standard error itself. If
/// `HOOKSTORM_TEST_SKIPPED` names a file, the line is added to it: `.ci/run` counts the lines of all test programs.
#[track_caller]
pub(crate) fn skip(reason: &str, remedy: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "{reason}, and no test is skipped where `CI` is set; to run it: {remedy}");
    let line = format!("skipped: {reason} ({test}); to run it: {remedy}\n");
    // In one write each, so that lines of tests that run at the same time stay whole.
    stderr().write_all(line.as_bytes()).expect("standard error takes a line");
    if let Some(path) = env::var_os("HOOKSTORM_TEST_SKIPPED") {
        let mut list =
            OpenOptions::new().create(true).append(true).open(path).expect("the list of skipped tests opens");
        list.write_all(line.as_bytes()).expect("the list of skipped tests takes a line");
    }
}
