//! Bytes to sessions. Written once, against `arbitrary::Unstructured`: the same bytes, the same session. Proptest
//! strategies, campaigns and fuzz targets all stand on it.
//!
//! Nothing here runs anything.
#![forbid(unsafe_code)]

mod words;

pub use words::{OptionWord, Words};
