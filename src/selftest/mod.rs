//! hookstorm tested with its own generators: manifests and packages with known content and behaviour go through the
//! reader, the runtime and the oracles, and the results are compared with what is expected. The Plugin SDK's reader
//! gets the same manifests if it is installed.
//!
//! A difference is a defect of hookstorm or of a generator, never of a plugin. hookstorm keeps a difference on disk
//! before it shrinks it, and reports one for each cause. The same seed gives the same packages, whatever `jobs` is.
//!
//! | file | what it does |
//! | --- | --- |
//! | `run` | makes manifests or packages by number, in threads, and collects the differences |
//! | `manifest`, `sdk` | compare readers of MANIFEST |
//! | `package`, `calls` | open, load and run a package, and compare each step |
//! | `shrink`, `keep` | shrink a difference, write it to disk |
//! | `report` | the result, as text and as JSON |
//! | `fuzz_bodies` | what the libFuzzer targets in `fuzz/` do with their bytes |
#![forbid(unsafe_code)]

mod calls;
pub mod fuzz_bodies;
mod keep;
mod manifest;
mod package;
mod report;
mod run;
mod sdk;
mod shrink;

pub(crate) use report::SelftestReport;
pub(crate) use run::has_sdk;
pub use run::{Difference, SelftestError, SelftestEvent, SelftestKind, SelftestSettings, SelftestSummary, selftest};
