//! Checks that the code keeps ARCHITECTURE.md: the order of the rooms, the homes of foreign crates, the places of
//! `unsafe`, and the form of files. Each failure names the file, the line and the rule.

mod crates;
mod form;
mod rooms;
#[path = "../skip/mod.rs"]
mod skip;
mod source;

use std::{fs, path::Path};

use source::{Source, files, name, sources};

/// What ships: the program and the worker.
const SHIPPED: [&str; 2] = ["src", "worker"];

/// All folders with Rust.
const ALL: [&str; 5] = ["src", "worker", "tests", "benches", "fuzz"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> Vec<Source> {
    SHIPPED.iter().flat_map(|folder| sources(root(), folder)).collect()
}

/// Every file of Rust, by name.
fn texts() -> Vec<(String, String)> {
    let paths = ALL.iter().flat_map(|folder| files(root(), folder, "rs"));
    paths.map(|path| (name(root(), &path), fs::read_to_string(&path).expect("it was there a moment ago"))).collect()
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} found:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    none(shipped().iter().flat_map(rooms::wrong_uses).collect());
}

#[test]
fn unsafe_code_is_in_the_runtime_and_the_worker() {
    none(shipped().iter().flat_map(rooms::unsafe_code).collect());
}

#[test]
fn the_table_of_rooms_in_the_architecture_is_the_order_that_is_tested() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `src/")?.split_once('/'));
    let documented: Vec<&str> = rows.map(|(room, _)| room).collect();
    let there: Vec<&str> = rooms::ROOMS.into_iter().filter(|room| root().join("src").join(room).is_dir()).collect();
    assert_eq!(
        documented, there,
        "the table of rooms in ARCHITECTURE.md has a row for each folder of `src/`, in their order"
    );
}

#[test]
fn a_foreign_crate_is_used_in_its_home_alone() {
    none(shipped().iter().flat_map(|source| crates::strangers(source, crates::HOMES)).collect());
}

#[test]
fn every_dependency_is_used() {
    none(crates::unused(&shipped(), crates::HOMES));
}

#[test]
fn every_dependency_has_a_home() {
    let mut wrong = Vec::new();
    for path in files(root(), "", "toml").into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let name = name(root(), &path);
        if !name.starts_with("fuzz/") {
            wrong.extend(crates::homeless(&name, &fs::read_to_string(&path).expect("it is there"), crates::HOMES));
        }
    }
    none(wrong);
}

#[test]
fn lines_end_at_their_column_and_files_at_their_line() {
    let texts = texts();
    let mut wrong: Vec<String> = texts.iter().flat_map(|(name, text)| form::long_lines(name, text)).collect();
    wrong.extend(texts.iter().filter_map(|(name, text)| form::long_file(name, text)));
    none(wrong);
}

#[test]
fn a_folder_opens_with_mod_rs() {
    none(form::doubled_modules(&texts().into_iter().map(|(name, _)| name).collect()));
}

#[test]
#[ignore = "`a_skipped_test_is_counted_and_fails_in_ci` runs it"]
fn cannot_run_here() {
    skip::skip("it never can", "wait");
}

#[test]
fn a_skipped_test_is_counted_and_fails_in_ci() {
    let list = tempfile::NamedTempFile::new().unwrap();
    let run = |ci: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--ignored", "cannot_run_here"]).env("CI", ci);
        command.env("HOOKSTORM_TEST_SKIPPED", list.path()).output().unwrap()
    };
    let line = "skipped: it never can (cannot_run_here); to run it: wait\n";
    for count in 1..=2 {
        let ran = run("");
        assert!(ran.status.success() && String::from_utf8_lossy(&ran.stderr).contains(line), "{ran:?}");
        assert_eq!(fs::read_to_string(list.path()).unwrap(), line.repeat(count));
    }
    let ran = run("true");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(
        !ran.status.success() && stdout.contains("it never can, and no test is skipped where `CI` is set"),
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(list.path()).unwrap(), line.repeat(2));
}

#[test]
fn tests_are_skipped_in_one_way() {
    let says_so = |(name, text): &(String, String)| {
        name.starts_with("tests/") && !name.starts_with("tests/architecture/") && text.contains("\"skipped")
    };
    let names: Vec<String> = texts().into_iter().filter(says_so).map(|(name, _)| name).collect();
    assert_eq!(names, ["tests/skip/mod.rs"], "a test that cannot run calls `skip`, which counts it");
}
