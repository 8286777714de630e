//! The homes of foreign crates: each is used in one place, so that it can be replaced in an afternoon.

use std::collections::BTreeSet;

use crate::source::Source;

/// A crate, where it may be used, and why there, where that is not obvious.
pub(crate) struct Home {
    krate: &'static str,
    places: &'static [&'static str],
}

const fn home(krate: &'static str, places: &'static [&'static str]) -> Home {
    Home { krate, places }
}

/// Anywhere in the program.
const ANYWHERE: &[&str] = &["src/", "worker/src/"];

pub(crate) const HOMES: &[Home] = &[
    // Both print for a terminal; the fuzz bodies take the styles out of a report that they check.
    home("anstream", &["src/report/", "src/cli/", "src/selftest/fuzz_bodies/"]),
    home("anstyle", &["src/report/"]),
    home("arbitrary", &["src/generate/", "src/selftest/"]),
    home("clap", &["src/cli/"]),
    home("clap_complete", &["src/cli/completions.rs"]),
    home("futures_util", &["src/corpus/remote/"]),
    home("hdrhistogram", &["src/load/"]),
    home("hookstorm", &["src/main.rs", "worker/src/"]),
    home("indicatif", &["src/report/progress.rs"]),
    home("landlock", &["src/runtime/sandbox/"]),
    // System calls that rustix does not offer, and constants of the kernel.
    home("libc", &["src/runtime/", "worker/src/"]),
    // Secrets in a trace, and the path of Python in a worker's program.
    home("memchr", &["src/oracle/", "src/runtime/protocol/"]),
    home("object_store", &["src/corpus/remote/"]),
    home("plotters", &["src/report/page/chart/"]),
    home("proptest", &["src/generate/"]),
    home("pyo3", &["worker/"]),
    home("pyo3_build_config", &["worker/build.rs"]),
    home("quick_junit", &["src/report/junit.rs"]),
    // Seeded numbers; each room draws its own, so that none depends on another's order.
    home("rand_xoshiro", &["src/generate/", "src/load/"]),
    home("rayon", &["src/engine/"]),
    home("regex", &["src/generate/", "src/package/manifest/"]),
    home("regex_syntax", &["src/generate/mutate/"]),
    home("reqwest", &["src/corpus/remote/"]),
    home("rustix", ANYWHERE),
    home("rustls", &["src/corpus/remote/"]),
    home("saphyr_parser", &["src/package/manifest/"]),
    home("schemars", &["src/report/", "src/load/"]),
    home("seccompiler", &["src/runtime/sandbox/"]),
    home("serde", ANYWHERE),
    home("serde_json", ANYWHERE),
    home("signal_hook", &["src/cli/signals.rs"]),
    home("strsim", &["src/contract/nearest.rs"]),
    home("tempfile", ANYWHERE),
    home("thiserror", ANYWHERE),
    home("tokio", &["src/corpus/remote/"]),
    home("toml", &["src/cli/"]),
    // Read by `package`, written by the generator of archives.
    home("zip", &["src/package/archive/", "src/generate/archive/"]),
];

/// The first use of each crate outside its home, as messages.
pub(crate) fn strangers(source: &Source, homes: &[Home]) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    // After `use crate::sandbox::landlock`, the name means that module.
    let is_module = |krate: &str| {
        source.named.iter().any(|named| named.path[0] != krate && named.path.last().is_some_and(|last| last == krate))
    };
    let is_elsewhere = |home: &&Home| !home.places.iter().any(|place| source.name.starts_with(place));
    for home in homes.iter().filter(is_elsewhere).filter(|home| !is_module(home.krate)) {
        if let Some(named) = source.named.iter().find(|named| named.path[0] == home.krate) {
            let (krate, places) = (home.krate, home.places.join(" and "));
            wrong.push(format!("{}:{}: `{krate}` is used outside its home, {places}", source.name, named.line));
        }
    }
    wrong
}

/// Dependencies of a Cargo.toml without a home, as messages.
pub(crate) fn homeless(manifest: &str, text: &str, homes: &[Home]) -> Vec<String> {
    let unknown = |name: &String| !homes.iter().any(|home| home.krate == name);
    let message = |name| format!("{manifest}: `{name}` has no home in tests/architecture/crates.rs");
    dependencies(text).into_iter().filter(unknown).map(message).collect()
}

/// The crates in `[dependencies]` and `[build-dependencies]`, as code names them.
pub(crate) fn dependencies(text: &str) -> Vec<String> {
    let manifest: toml::Table = text.parse().expect("Cargo reads this file too");
    let tables = ["dependencies", "build-dependencies"].into_iter().filter_map(|name| manifest.get(name)?.as_table());
    tables.flat_map(|table| table.keys().map(|name| name.replace('-', "_"))).collect()
}

/// Crates with a home that no file uses, as messages.
pub(crate) fn unused(sources: &[Source], homes: &[Home]) -> Vec<String> {
    let named = sources.iter().flat_map(|source| &source.named);
    let in_use: BTreeSet<&str> = named.map(|named| named.path[0].as_str()).collect();
    let message =
        |home: &Home| format!("`{}` has a home in tests/architecture/crates.rs and is used nowhere", home.krate);
    homes.iter().filter(|home| !in_use.contains(home.krate)).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Home] = &[home("zip", &["src/package/"]), home("pyo3", &["worker/"])];

    #[test]
    fn a_crate_outside_its_home_is_named_with_its_line() {
        let wrong = strangers(&Source::new("src/cli/run.rs", "\nuse zip::ZipWriter;\nfn f() { pyo3::x() }"), KNOWN);
        assert_eq!(
            wrong,
            [
                "src/cli/run.rs:2: `zip` is used outside its home, src/package/",
                "src/cli/run.rs:3: `pyo3` is used outside its home, worker/"
            ]
        );
        assert_eq!(strangers(&Source::new("src/package/open.rs", "use zip::read;"), KNOWN), [] as [String; 0]);
        assert_eq!(strangers(&Source::new("src/cli/run.rs", "use crate::package::zip::f;"), KNOWN), [] as [String; 0]);
        let module = "use crate::package::{self, zip};\nfn f() { zip::g() }";
        assert_eq!(strangers(&Source::new("src/cli/run.rs", module), KNOWN), [] as [String; 0]);
    }

    #[test]
    fn a_dependency_without_a_home_is_named() {
        let text = "[dependencies]\nzip = \"1\"\nnew-one = { version = \"1\" }\n[dev-dependencies]\ninsta = \"1\"\n";
        assert_eq!(
            homeless("Cargo.toml", text, KNOWN),
            ["Cargo.toml: `new_one` has no home in tests/architecture/crates.rs"]
        );
    }

    #[test]
    fn a_home_without_a_use_is_named() {
        let wrong = unused(&[Source::new("src/package/open.rs", "use zip::read;")], KNOWN);
        assert_eq!(wrong, ["`pyo3` has a home in tests/architecture/crates.rs and is used nowhere"]);
    }
}
