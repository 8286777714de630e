//! A plugin's archive or folder: read, bounded, checked. [`Package`] is what it opens into.
//!
//! No code of the plugin runs here. Every package rule is found in one pass: what is unsafe or broken is reported and
//! left out, and the rest is looked at all the same. Work is done by `archive` (the only file that knows `zip`),
//! [`manifest`](Manifest), `configuration` and `scratch`, the folders that archives are unpacked into.
#![forbid(unsafe_code)]

mod archive;
pub mod configuration;
mod manifest;
mod note;
mod open;
mod scratch;
pub(crate) mod tree;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

pub use configuration::{Assignment, ConfigOption};
pub use manifest::{Manifest, ManifestField};
pub use scratch::{ScratchFolder, clear_stale_scratch, remove_scratch_folders};

use crate::{
    contract::{Platform, PluginType},
    finding::Finding,
};

/// The module that the platform loads where MANIFEST names none \[D\].
const DEFAULT_ENTRY_POINT: &str = "main.py";

/// What an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// How many bytes all its files together may have when unpacked.
    pub unpacked_bytes: u64,
    /// How many entries it may have.
    pub entries: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { unpacked_bytes: 200_000_000, entries: 100_000 }
    }
}

/// An opened plugin. An unpacked archive lives as long as this does.
#[derive(Debug)]
pub struct Package {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The folder that holds the files.
    pub root: PathBuf,
    /// Whether it came as an archive.
    pub is_archive: bool,
    /// What MANIFEST says, as far as it can be read.
    pub manifest: Option<Manifest>,
    /// The text of default.cfg, if there is one.
    pub configuration: Option<String>,
    entry_point_exists: bool,
    _scratch: Option<ScratchFolder>,
}

/// What opening a package gives.
#[derive(Debug)]
pub struct OpenedPackage {
    /// The package; `None` where nothing can be run or read on.
    pub package: Option<Package>,
    /// The package rules that it breaks.
    pub findings: Vec<Finding>,
}

/// Why nothing could be opened. The first two are wrong use, the others a failure of the machine or our own.
#[derive(Debug, Error)]
pub enum PackageError {
    /// Nothing is there.
    #[error("`{}` does not exist", path.display())]
    NoSuchFile {
        /// The path as given.
        path: PathBuf,
    },
    /// Something is there that can be no plugin.
    #[error("`{}` is no plugin: {reason}", path.display())]
    NotAPlugin {
        /// The path as given.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Io {
        /// What cannot.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no place to unpack it.
    #[error("the archive cannot be unpacked into `{}`: {source}; `TMPDIR` names another place", path.display())]
    Scratch {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Package {
    /// Opens the archive or folder at `path` and checks it against the rules of `platform`.
    pub fn open(
        path: &Path,
        platform: &'static Platform,
        limits: &ArchiveLimits,
    ) -> Result<OpenedPackage, PackageError> {
        open::open(path, platform, limits)
    }

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

    /// The type of plugin, where MANIFEST names one that the platform knows.
    pub fn plugin_type(&self) -> Option<PluginType> {
        self.manifest.as_ref().and_then(|manifest| manifest.plugin_type)
    }

    /// Whether it can be loaded: its type is known and its module is there.
    pub fn is_runnable(&self) -> bool {
        self.plugin_type().is_some() && self.entry_point_exists
    }

    /// Line `line` (from 1) of `file`, a path inside the package, without its line break and cut where it is very long.
    /// `None` for what lies outside the package, by name or by symlink, and for what is not there.
    pub fn source_line(&self, file: &str, line: u32) -> Option<String> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        self.source_lines(file)?.into_iter().nth(index)
    }

    /// All lines of `file`, as [`Package::source_line`] gives one: who wants many asks once.
    pub fn source_lines(&self, file: &str) -> Option<Vec<String>> {
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
