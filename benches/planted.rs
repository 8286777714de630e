//! How long `fuzz` takes to find each of twelve planted defects, and with COMPARE=1 how long Atheris and Hypothesis
//! take, side by side. `make planted`; the table is Markdown.
//!
//! SEEDS (10) says how many seeds hookstorm gets, RIVAL_SEEDS (3) how many the others get, TIME (60) how many seconds
//! each run has, ONLY a part of the plugins' names.

mod hunt;

use hunt::tools::{Hunting, Tool};

fn main() {
    // `cargo test --benches` runs this too, only to check that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let compare = std::env::var_os("COMPARE").is_some_and(|value| !value.is_empty() && value != "0");
    Hunting::new(if compare { Tool::ALL } else { &[Tool::Hookstorm] }).print();
}
