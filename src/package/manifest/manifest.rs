//! What a MANIFEST says.

use crate::contract::PluginType;

/// The file's name in the package.
pub(in crate::package) const FILE: &str = "MANIFEST";

/// What MANIFEST says, as far as it can be read. Each value is Python's `str` of the value that the platform reads.
///
/// ```
/// use hookstorm::{contract::Platform, package::Manifest};
///
/// let text = "api: 1.6\ntype: aa\nname: Mine\nversion: 1.0\ndescription: Mine\nentry_point: main.py\n";
/// let (manifest, findings) = Manifest::read(text.as_bytes(), Platform::newest());
/// assert_eq!(manifest.unwrap().version.as_deref(), Some("1.0"));
/// assert!(findings.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// `api`.
    pub api: Option<String>,
    /// `type`, if the platform knows it.
    pub plugin_type: Option<PluginType>,
    /// `name`.
    pub name: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `entry_point`; `None` on platform 5.10, which does not know the field \[G\].
    pub entry_point: Option<String>,
    /// `author_name`.
    pub author_name: Option<String>,
    /// `author_email`.
    pub author_email: Option<String>,
    /// `scb_min_version`.
    pub scb_min_version: Option<String>,
    /// `scb_max_version`.
    pub scb_max_version: Option<String>,
    /// Every field with a text as its name, known or not.
    pub fields: Vec<ManifestField>,
}

/// One field of a MANIFEST.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestField {
    /// Its name.
    pub name: String,
    /// Python's name for the type of the value that the platform reads: `str`, `float`, `bool`, `NoneType`, `dict`.
    pub type_name: &'static str,
    /// Python's `str` of the value; `None` for lists, dicts, sets and bytes.
    pub text: Option<String>,
    /// The line of the value, from 1.
    pub line: u32,
    /// The column of the value in characters, from 1.
    pub column: u32,
}

impl Manifest {
    /// The field of that name; the last one if there are several, as in PyYAML.
    pub fn field(&self, name: &str) -> Option<&ManifestField> {
        self.fields.iter().rfind(|field| field.name == name)
    }
}
