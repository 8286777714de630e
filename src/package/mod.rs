//! A plugin's archive or folder: read, bounded, checked. [`Package::open`] opens one.
//!
//! No code of the plugin runs here. All package rules are checked in one pass: what is unsafe or broken is reported and
//! skipped, and the rest is checked all the same. The crate `zip` is used only in `archive/`, `saphyr-parser` only in
//! `manifest/`.
#![forbid(unsafe_code)]

mod archive;
mod binary_modules;
pub mod configuration;
mod default_cfg;
mod entry_point;
mod error;
mod files;
mod manifest;
mod open;
#[expect(clippy::module_inception, reason = "the room has the name of its main type")]
mod package;
mod plugin_sources;
mod scratch;
mod shadowed_modules;
pub(crate) mod tree;

pub use archive::ArchiveLimits;
pub(crate) use binary_modules::NeedsPython;
pub(crate) use default_cfg::interpolation_findings;
pub use error::PackageError;
pub use manifest::{Manifest, ManifestField};
pub use package::{OpenedPackage, Package};
pub(crate) use plugin_sources::PluginSources;
pub(crate) use scratch::{ScratchFolder, clear_stale_scratch, remove_scratch_folders};
