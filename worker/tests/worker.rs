//! The program as a person may meet it. Cargo builds a program for the tests of its own package only, so this test also
//! makes `cargo test` leave a worker beside `hookstorm`, for the tests of all of it. A single test that needs a worker
//! is run with `cargo test --test runtime --test worker`.

use std::process::Command;

#[test]
fn a_worker_that_a_person_starts_says_that_hookstorm_starts_it() {
    let ran = Command::new(env!("CARGO_BIN_EXE_hookstorm-worker")).arg("--help").output().expect("the worker starts");
    assert_eq!(ran.status.code(), Some(2));
    let stderr = String::from_utf8(ran.stderr).expect("it writes UTF-8");
    assert_eq!(stderr, "hookstorm-worker is started by hookstorm; run `hookstorm --help`\n");
}
