//! A plugin's archive or folder: read, bounded, checked. [`Package`] is what it opens into.
//!
//! No code of the plugin runs here.
#![forbid(unsafe_code)]
