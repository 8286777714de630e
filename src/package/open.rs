//! Opens a package: unpacks it if it is an archive, and checks its files.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::{
    ArchiveLimits, Manifest, OpenedPackage, Package, PackageError, ScratchFolder,
    archive::{self, Contents},
    binary_modules::BinaryModules,
    default_cfg, entry_point,
    files::read,
    manifest::FILE as MANIFEST,
    package::DEFAULT_ENTRY_POINT,
    plugin_sources::PluginSources,
    shadowed_modules,
};
use crate::{
    contract::Platform,
    finding::{Finding, Location, Rule},
};

impl Package {
    /// Opens the archive or folder at `path` and checks it by the rules of `platform`.
    ///
    /// # Errors
    /// [`PackageError`] if there is nothing that can be a plugin, or a file cannot be read or written. What is wrong
    /// with a plugin is a finding and no error.
    pub fn open(
        path: &Path,
        platform: &'static Platform,
        limits: &ArchiveLimits,
    ) -> Result<OpenedPackage, PackageError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                PackageError::NoSuchFile { path: path.to_owned() }
            }
            _ => PackageError::Io { path: path.to_owned(), source },
        };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            let contents = folder(path)?;
            return Ok(check(path, path, &contents, None, platform, Vec::new()));
        }
        if !metadata.is_file() {
            return Err(PackageError::NotAPlugin { path: path.to_owned(), reason: "neither a file nor a folder" });
        }
        let file = File::open(path).map_err(failed)?;
        let unwritable = |at, source| PackageError::Scratch { archive: path.to_owned(), path: at, source };
        let scratch = ScratchFolder::new().map_err(|source| unwritable(std::env::temp_dir(), source))?;
        let mut findings = Vec::new();
        let contents = archive::unpack(file, scratch.path(), limits, &mut findings)
            .map_err(|error| unwritable(error.path, error.source))?;
        let Some(contents) = contents else {
            // A user who passes `main.py` or `MANIFEST` means the folder of that file.
            if let Some(finding) = findings.last_mut()
                && finding.rule == Rule::ArchiveUnreadable
                && path.parent().is_some_and(|parent| parent.join(MANIFEST).is_file())
            {
                finding.hint = Some("pass the plugin's folder, or its `.zip`".to_owned());
            }
            return Ok(OpenedPackage { package: None, findings });
        };
        let root = scratch.path().to_owned();
        Ok(check(path, &root, &contents, Some(scratch), platform, findings))
    }
}

/// The files in the root of a folder, and each MANIFEST one level below, where it may be by mistake.
fn folder(path: &Path) -> Result<Contents, PackageError> {
    let entries = fs::read_dir(path).map_err(|source| PackageError::Io { path: path.to_owned(), source })?;
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            if entry.path().join(MANIFEST).is_file() {
                files.push(format!("{name}/{MANIFEST}"));
            }
        } else {
            files.push(name);
        }
    }
    files.sort();
    let mut in_root = files.iter().filter(|file| is_in_root(file));
    if !in_root.any(|file| file == MANIFEST || file.ends_with(".py")) {
        let reason = if files.iter().any(|file| !is_in_root(file)) {
            "it has no MANIFEST, but a folder in it has one; pass that folder"
        } else {
            "it has neither a MANIFEST nor a Python file"
        };
        return Err(PackageError::NotAPlugin { path: path.to_owned(), reason });
    }
    Ok(Contents { files })
}

pub(super) fn is_in_root(file: &str) -> bool {
    !file.contains('/')
}

/// Checks the files under `root`.
fn check(
    path: &Path,
    root: &Path,
    contents: &Contents,
    scratch: Option<ScratchFolder>,
    platform: &'static Platform,
    mut findings: Vec<Finding>,
) -> OpenedPackage {
    let mut package = Package {
        path: path.to_owned(),
        root: root.to_owned(),
        is_archive: scratch.is_some(),
        manifest: None,
        configuration: None,
        entry_point_exists: false,
        binary_modules: BinaryModules::find(root),
        // An archive that is too large was unpacked all the same.
        is_whole: findings.iter().all(|finding| finding.rule == Rule::ArchiveTooLarge),
        _scratch: scratch,
    };
    let is_listed = |name: &str| contents.files.iter().any(|file| file == name);
    if is_listed(MANIFEST) {
        match read(&root.join(MANIFEST)) {
            Ok(bytes) => {
                let (manifest, found) = Manifest::read(&bytes, platform);
                package.manifest = manifest;
                findings.extend(found);
            }
            // The archive's findings say why it was not unpacked.
            Err(error) if package.is_archive && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let draft = Finding::draft(Rule::ManifestUnreadable, format!("MANIFEST cannot be read: {error}"));
                findings.push(draft.at(Some(Location::in_file(MANIFEST, 0, 0))).finish());
            }
        }
    } else {
        findings.push(manifest_missing(contents, package.is_archive));
    }
    findings.extend(shadowed_modules::check(root, platform));
    package.configuration = default_cfg::check(root, &PluginSources::new(root), &mut findings);
    let module = package.entry_point().to_owned();
    package.entry_point_exists = is_listed(&module) && root.join(&module).is_file();
    let field = package.manifest.as_ref().and_then(|manifest| manifest.field("entry_point"));
    let is_invalid = findings.iter().any(|finding| {
        let is_its_line = |at: &Location| field.is_some_and(|field| field.line == at.line);
        finding.rule == Rule::ManifestFieldInvalid && finding.location.as_ref().is_some_and(is_its_line)
    });
    // An invalid name is reported already; without a MANIFEST it is not known which file is meant.
    if package.manifest.is_some() && !is_listed(&module) && (!is_invalid || module == DEFAULT_ENTRY_POINT) {
        findings.push(entry_point::missing(&package, &module, contents));
    }
    findings.extend(entry_point::without_interpreter_line(&package, platform));
    findings.extend(package.binary_modules.check(platform));
    OpenedPackage { package: Some(package), findings }
}

fn manifest_missing(contents: &Contents, is_archive: bool) -> Finding {
    let inner: Vec<&str> = contents.files.iter().filter_map(|file| file.strip_suffix("/MANIFEST")).collect();
    let similar = contents.files.iter().filter(|file| is_in_root(file)).find(|file| {
        let stem = file.split('.').next().unwrap_or_default();
        stem.eq_ignore_ascii_case(MANIFEST)
    });
    let hint = if contents.files.is_empty() {
        "the archive is empty".to_owned()
    } else if let Some(similar) = similar {
        format!("`{}` must be called `MANIFEST`, in capitals and without an extension", similar.escape_debug())
    } else if let Some(inner) = inner.iter().min_by_key(|inner| inner.len()) {
        let inner = inner.escape_debug();
        if is_archive {
            format!("zip the content of `{inner}/`, not the folder itself: `cd {inner} && zip -r ../plugin.zip .`")
        } else {
            format!("is `{inner}/` the plugin's folder?")
        }
    } else {
        let what = if is_archive { "archive" } else { "folder" };
        format!("is this the plugin's {what}? MANIFEST must be in its root")
    };
    Finding::draft(Rule::ManifestMissing, "there is no `MANIFEST` in the root").hint(hint).finish()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;
    use crate::package::archive::testing::archive;

    const MANIFEST: &str =
        "api: 1.6\ntype: credentialstore\nname: Mine\nversion: 1.0\ndescription: d\nentry_point: main.py\n";

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn open(path: &Path) -> Result<OpenedPackage, PackageError> {
        Package::open(path, Platform::newest(), &ArchiveLimits::default())
    }

    fn open_zip(files: &[(&str, &str)]) -> OpenedPackage {
        let entries: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        let mut file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
        file.write_all(&archive(&entries)).unwrap();
        open(file.path()).unwrap()
    }

    fn rules(opened: &OpenedPackage) -> Vec<Rule> {
        opened.findings.iter().map(|finding| finding.rule).collect()
    }

    fn hint(opened: &OpenedPackage) -> &str {
        opened.findings[0].hint.as_deref().unwrap()
    }

    #[test]
    fn a_good_folder_and_its_archive_open_alike_without_findings() {
        let files = [("MANIFEST", MANIFEST), ("main.py", "class Plugin: pass\n"), ("default.cfg", "[a]\nx=1\n")];
        let folder = folder(&files);
        for opened in [open(folder.path()).unwrap(), open_zip(&files)] {
            assert_eq!(opened.findings, []);
            let package = opened.package.unwrap();
            assert!(package.is_runnable());
            assert_eq!((package.name().as_str(), package.entry_point()), ("Mine", "main.py"));
            assert_eq!(package.configuration.as_deref(), Some("[a]\nx=1\n"));
            assert_eq!(package.source_lines("MANIFEST").unwrap()[2], "name: Mine");
            assert_eq!(package.source_lines("none.py"), None);
        }
    }

    #[test]
    fn an_unpacked_archive_is_removed_with_its_package() {
        let opened = open_zip(&[("MANIFEST", MANIFEST), ("main.py", "")]);
        let root = opened.package.as_ref().unwrap().root.clone();
        assert!(root.join("main.py").exists());
        drop(opened);
        assert!(!root.exists());
    }

    #[test]
    fn everything_that_is_wrong_is_found_in_one_pass() {
        let text = "api: 2.0\ntype: credentialsstore\nname: on\nversion: 1.10\nentry_point: mein.py\n";
        let opened = open_zip(&[
            ("MANIFEST", text),
            ("main.py", "import configparser\n"),
            ("default.cfg", "x=1\n"),
            ("../up", ""),
        ]);
        assert_eq!(
            rules(&opened),
            [
                Rule::ArchiveUnsafeEntry,
                Rule::ManifestFieldInvalid,
                Rule::ManifestFieldInvalid,
                Rule::ManifestFieldInvalid,
                Rule::ManifestFieldMissing,
                Rule::ManifestAmbiguous,
                Rule::ConfigUnreadable,
                Rule::EntryPointMissing,
            ]
        );
        let missing = opened.findings.last().unwrap();
        assert_eq!(missing.hint.as_deref(), Some("write `entry_point: main.py`, or rename that file"));
        assert_eq!(missing.location.as_ref().map(|at| (at.line, at.column)), Some((5, 14)));
        assert!(!opened.package.unwrap().is_runnable());
    }

    #[test]
    fn a_missing_manifest_is_reported_with_what_to_do() {
        let opened = open_zip(&[]);
        assert_eq!(rules(&opened), [Rule::ManifestMissing]);
        assert_eq!(hint(&opened), "the archive is empty");
        let opened = open_zip(&[("vault/MANIFEST", MANIFEST), ("vault/main.py", "")]);
        assert_eq!(rules(&opened), [Rule::ManifestMissing]);
        assert!(hint(&opened).starts_with("zip the content of `vault/`"));
        let opened = open_zip(&[("Manifest.yml", MANIFEST), ("main.py", "")]);
        assert!(hint(&opened).starts_with("`Manifest.yml` must be called `MANIFEST`"));
        let only_code = folder(&[("main.py", "")]);
        let opened = open(only_code.path()).unwrap();
        assert_eq!(rules(&opened), [Rule::ManifestMissing]);
        assert!(hint(&opened).starts_with("is this the plugin's folder?"));
        assert!(!opened.package.unwrap().is_runnable());
    }

    #[test]
    fn what_cannot_be_a_plugin_is_wrong_use() {
        let empty = folder(&[("notes.txt", "")]);
        assert!(matches!(open(empty.path()), Err(PackageError::NotAPlugin { .. })));
        assert!(matches!(open(&empty.path().join("none.zip")), Err(PackageError::NoSuchFile { .. })));
        assert!(matches!(open(&empty.path().join("notes.txt/x")), Err(PackageError::NoSuchFile { .. })));
        assert!(matches!(open(Path::new("/dev/null")), Err(PackageError::NotAPlugin { .. })));
        let outer = folder(&[("vault/MANIFEST", MANIFEST)]);
        let error = open(outer.path()).unwrap_err().to_string();
        assert!(error.ends_with("it has no MANIFEST, but a folder in it has one; pass that folder"), "{error}");
    }

    #[test]
    fn a_text_file_is_an_unreadable_archive() {
        let folder = folder(&[("plugin.zip", "just text"), ("x/MANIFEST", MANIFEST), ("x/main.py", "")]);
        let opened = open(&folder.path().join("plugin.zip")).unwrap();
        assert_eq!(rules(&opened), [Rule::ArchiveUnreadable]);
        assert!(opened.package.is_none());
        let opened = open(&folder.path().join("x/main.py")).unwrap();
        assert_eq!(hint(&opened), "pass the plugin's folder, or its `.zip`");
    }

    #[test]
    fn platform_5_10_loads_main_py_whatever_entry_point_says() {
        let text = MANIFEST.replace("api: 1.6", "api: 1.0").replace("main.py", "other.py");
        let folder = folder(&[("MANIFEST", &text), ("other.py", "")]);
        let old = Platform::named("5.10").unwrap();
        let opened = Package::open(folder.path(), old, &ArchiveLimits::default()).unwrap();
        assert_eq!(rules(&opened), [Rule::EntryPointMissing]);
        assert_eq!(opened.package.unwrap().entry_point(), "main.py");
    }

    #[test]
    fn default_cfg_must_be_ini_only_if_the_plugin_reads_ini() {
        let json = "{\"accounts\": {}}\n";
        let opened = |main: &str| open_zip(&[("MANIFEST", MANIFEST), ("main.py", main), ("default.cfg", json)]);
        assert_eq!(opened("import json\n").findings, []);
        assert_eq!(opened("import json\n").package.unwrap().configuration.as_deref(), Some(json));
        assert_eq!(rules(&opened("from safeguard.sessions.plugin import AAPlugin\n")), [Rule::ConfigUnreadable]);
    }

    #[test]
    fn the_first_line_chooses_python_3_where_the_platform_has_both() {
        let opened = |platform: &str, main: &str| {
            let folder = folder(&[("MANIFEST", &MANIFEST.replace("1.6", "1.0")), ("main.py", main)]);
            let platform = Platform::named(platform).unwrap();
            rules(&Package::open(folder.path(), platform, &ArchiveLimits::default()).unwrap())
        };
        let good = "#!/usr/bin/env pluginwrapper3\nimport os\n";
        for (platform, main, is_missing) in [
            ("6.0", good, false),
            ("6.12", &good.replace('\n', "\r\n"), false),
            ("6.12", "#!/usr/bin/env pluginwrapper3", false),
            ("6.12", "", true),
            ("6.12", "#!/usr/bin/env python3\n", true),
            ("6.12", "#!/usr/bin/env pluginwrapper\n", true),
            ("6.12", &format!("\n{good}"), true),
            ("6.12", &format!("\u{feff}{good}"), true),
            ("5.10", "", false),
            ("5.11", "", false),
            ("8.0", "", false),
            ("9.0", "", false),
        ] {
            let expected = if is_missing { vec![Rule::InterpreterLineMissing] } else { Vec::new() };
            assert_eq!(opened(platform, main), expected, "{platform} {main:?}");
        }
    }

    #[test]
    fn source_lines_are_never_outside_of_the_package() {
        let folder = folder(&[("MANIFEST", MANIFEST), ("main.py", "first\r\nsecond"), ("lib/a.py", "inner\n")]);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.py")).unwrap();
        let package = open(folder.path()).unwrap().package.unwrap();
        assert_eq!(package.source_lines("main.py").unwrap(), ["first", "second"]);
        assert_eq!(package.source_lines("lib/a.py").unwrap(), ["inner"]);
        for file in ["link.py", "../etc/passwd", "/etc/passwd", "lib"] {
            assert_eq!(package.source_lines(file), None, "{file}");
        }
    }

    #[test]
    fn a_name_is_safe_for_a_folder() {
        let named = |name: &str| {
            let folder = folder(&[("MANIFEST", &MANIFEST.replace("Mine", name)), ("main.py", "")]);
            open(folder.path()).unwrap().package.unwrap().name()
        };
        assert_eq!(named("../../etc"), "_.._etc");
        assert_eq!(named("\"..\""), "plugin");
        assert_eq!(named("a b/c"), "a_b_c");
    }
}
