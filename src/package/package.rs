//! An opened plugin.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Component, Path, PathBuf},
};

use super::{Manifest, ScratchFolder, binary_modules::BinaryModules};
use crate::{contract::PluginType, finding::Finding};

/// Where some packages document options, beside default.cfg.
const DOCUMENTED: &str = "default.cfg.plugin";

/// The module that the platform loads if MANIFEST names none \[D\].
pub(super) const DEFAULT_ENTRY_POINT: &str = "main.py";

/// An opened plugin. The folder of an unpacked archive is removed with it.
#[derive(Debug)]
pub struct Package {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The folder that contains the files.
    pub root: PathBuf,
    /// Whether it is an archive.
    pub is_archive: bool,
    /// What MANIFEST says, as far as it can be read.
    pub manifest: Option<Manifest>,
    /// The text of default.cfg, if there is one.
    pub configuration: Option<String>,
    pub(super) entry_point_exists: bool,
    pub(crate) binary_modules: BinaryModules,
    /// Whether all entries of the archive were unpacked. What a part of a plugin does says nothing about the plugin.
    pub(crate) is_whole: bool,
    pub(super) _scratch: Option<ScratchFolder>,
}

/// What [`Package::open`] returns.
#[derive(Debug)]
pub struct OpenedPackage {
    /// The package; `None` if nothing of it can be read.
    pub package: Option<Package>,
    /// The package rules that it breaks.
    pub findings: Vec<Finding>,
}

impl Package {
    /// A name that is safe for a folder: MANIFEST's, else that of the file or folder.
    pub fn name(&self) -> String {
        let given = self.manifest.as_ref().and_then(|manifest| manifest.name.as_deref());
        let absolute = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let name = match given.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None if self.is_archive => absolute.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            None => absolute.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let is_safe = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
        let safe: String =
            name.chars().take(64).map(|character| if is_safe(character) { character } else { '_' }).collect();
        let safe = safe.trim_start_matches('.');
        if safe.is_empty() { "plugin".to_owned() } else { safe.to_owned() }
    }

    /// The file of the module: what MANIFEST names, else `main.py`.
    pub fn entry_point(&self) -> &str {
        let named = self.manifest.as_ref().and_then(|manifest| manifest.entry_point.as_deref());
        named.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ENTRY_POINT)
    }

    /// The type of plugin, if MANIFEST names one that the platform knows.
    pub fn plugin_type(&self) -> Option<PluginType> {
        self.manifest.as_ref().and_then(|manifest| manifest.plugin_type)
    }

    /// Whether it can be loaded: its type is known and its module exists.
    pub(crate) fn is_runnable(&self) -> bool {
        self.plugin_type().is_some() && self.entry_point_exists
    }

    /// The text of default.cfg, and that of `default.cfg.plugin`, in which some packages document their options.
    pub(crate) fn documented_configuration(&self) -> String {
        let mut text = self.configuration.clone().unwrap_or_default();
        for line in self.source_lines(DOCUMENTED).unwrap_or_default() {
            text.push('\n');
            text.push_str(&line);
        }
        text
    }

    /// The lines of `file`, a path inside the package, without their line breaks and cut if they are very long. `None`
    /// if there is no such file, or if its path leads outside of the package, by name or by symlink.
    pub(crate) fn source_lines(&self, file: &str) -> Option<Vec<String>> {
        const FILE_BYTES: u64 = 4 << 20;
        const LINE_CHARACTERS: usize = 400;
        let relative = Path::new(file);
        if !relative.components().all(|component| matches!(component, Component::Normal(_))) {
            return None;
        }
        let root = self.root.canonicalize().ok()?;
        let path = root.join(relative).canonicalize().ok()?;
        if !path.starts_with(&root) || !path.metadata().ok()?.is_file() {
            return None;
        }
        let reader = BufReader::new(File::open(path).ok()?.take(FILE_BYTES));
        let lines = reader.split(b'\n').map_while(Result::ok).map(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            text.trim_end_matches('\r').chars().take(LINE_CHARACTERS).collect()
        });
        Some(lines.collect())
    }
}
