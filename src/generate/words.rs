//! The plugin's own words: what its code compares with, looks up and reads from its configuration.

use serde::{Deserialize, Serialize};

/// Words that a plugin's code and default.cfg know. Collected by the worker from code objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// String constants, docstrings left out, shortest first, each once.
    pub strings: Vec<String>,
    /// Int constants, ascending.
    pub numbers: Vec<i64>,
    /// Options of default.cfg and of the configuration in use.
    pub options: Vec<OptionWord>,
}

/// An option of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionWord {
    /// Its section.
    pub section: String,
    /// Its name.
    pub name: String,
    /// Its value, if it has one.
    pub value: Option<String>,
}
