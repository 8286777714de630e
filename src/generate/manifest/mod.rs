//! Turns bytes into a MANIFEST with known content: what the platform reads in each field, and which findings a reader
//! must report at which lines. The same bytes give the same text; no bytes give a plain and valid one.
//!
//! Finds errors of MANIFEST readers: a corner of YAML 1.1 that is read as YAML 1.2, a rule that misses one way to write
//! a value, a line number that is wrong after a block scalar.
//!
//! | file | what it does |
//! | --- | --- |
//! | `generated` | writes the fields and says what is expected |
//! | `fields` | chooses the fields, valid or not |
//! | `values` | writes values in every way that YAML has |
//! | `contract_table` | judges a value by the contract |
//! | `file_anomaly` | changes the file as a whole |

mod contract_table;
mod fields;
mod file_anomaly;
mod generated;
mod values;

pub(crate) use generated::{GeneratedField, GeneratedManifest, MANIFEST_BYTES, manifest};
pub(super) use generated::{WantedPlugin, any_manifest, any_platform, valid_manifest};
