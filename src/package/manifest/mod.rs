//! The MANIFEST: read as the platform reads it, and checked in one pass, every finding with its line and column.
//!
//! The platform's reader is PyYAML's `safe_load`, which is YAML 1.1 \[S\]; the guide says YAML 1.2 \[G\]. `yaml`
//! parses, `strict` finds what only PyYAML refuses, `construct` and `scalar` make the values of both versions, `fields`
//! checks them. A property test compares the result with the SDK's own `Manifest`.

mod api;
mod construct;
mod fields;
#[expect(clippy::module_inception, reason = "the folder has the name of its main type")]
mod manifest;
mod node;
mod platform_range;
mod python;
mod read;
mod scalar;
mod strict;
mod timestamp;
mod yaml;

pub(super) use manifest::FILE;
pub use manifest::{Manifest, ManifestField};
