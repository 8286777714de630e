//! Opens a package: finds out what was given, unpacks it, and looks for everything that is wrong with its files.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{
    ArchiveLimits, Manifest, OpenedPackage, Package, PackageError, ScratchFolder,
    archive::{self, Contents},
    configuration, manifest,
    note::note,
};
use crate::{
    contract::{Platform, similarity},
    finding::{Finding, Rule},
};

const CONFIGURATION: &str = "default.cfg";
/// The most bytes that are read of MANIFEST or default.cfg; one more shows that there are more.
const FILE_BYTES: u64 = 1 << 20;
/// How many faults of default.cfg are reported.
const REPORTED_FAULTS: usize = 10;

pub(super) fn open(
    path: &Path,
    platform: &'static Platform,
    limits: &ArchiveLimits,
) -> Result<OpenedPackage, PackageError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PackageError::NoSuchFile { path: path.to_owned() },
        _ => PackageError::Io { path: path.to_owned(), source },
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let contents = folder(path)?;
        return Ok(look(path, path, contents, None, platform, Vec::new()));
    }
    if !metadata.is_file() {
        return Err(PackageError::NotAPlugin { path: path.to_owned(), reason: "neither a file nor a folder" });
    }
    let file = File::open(path).map_err(failed)?;
    let scratch =
        ScratchFolder::new().map_err(|source| PackageError::Scratch { path: std::env::temp_dir(), source })?;
    let mut findings = Vec::new();
    let contents = archive::unpack(file, scratch.path(), limits, &mut findings)
        .map_err(|error| PackageError::Scratch { path: error.path, source: error.source })?;
    let Some(contents) = contents else {
        // Someone who gives `main.py` or `MANIFEST` means the folder it lies in.
        if let Some(finding) = findings.last_mut()
            && finding.rule == Rule::ArchiveUnreadable
            && path.parent().is_some_and(|parent| parent.join(manifest::FILE).is_file())
        {
            finding.hint = Some("give the plugin's folder, or its `.zip`".to_owned());
        }
        return Ok(OpenedPackage { package: None, findings });
    };
    let root = scratch.path().to_owned();
    Ok(look(path, &root, contents, Some(scratch), platform, findings))
}

/// The files in the root of a folder, and MANIFEST one level below, where it may lie by mistake.
fn folder(path: &Path) -> Result<Contents, PackageError> {
    let entries = fs::read_dir(path).map_err(|source| PackageError::Io { path: path.to_owned(), source })?;
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            if entry.path().join(manifest::FILE).is_file() {
                files.push(format!("{name}/{}", manifest::FILE));
            }
        } else {
            files.push(name);
        }
    }
    files.sort();
    let is_root = |file: &&String| !file.contains('/');
    if !files.iter().filter(is_root).any(|file| file == manifest::FILE || file.ends_with(".py")) {
        let reason = if files.iter().any(|file| file.contains('/')) {
            "it has no MANIFEST, but a folder in it has one; give that folder"
        } else {
            "it has neither a MANIFEST nor a Python file"
        };
        return Err(PackageError::NotAPlugin { path: path.to_owned(), reason });
    }
    Ok(Contents { files, complete: true })
}

/// Checks the files under `root`.
fn look(
    path: &Path,
    root: &Path,
    contents: Contents,
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
        _scratch: scratch,
    };
    let is_listed = |name: &str| contents.files.iter().any(|file| file == name);
    if !is_listed(manifest::FILE) {
        findings.push(manifest_missing(&contents, package.is_archive));
    } else {
        match read(&root.join(manifest::FILE)) {
            Ok(bytes) => {
                let (manifest, found) = Manifest::read(&bytes, platform);
                package.manifest = manifest;
                findings.extend(found);
            }
            // What could not be unpacked has been told.
            Err(error) if package.is_archive && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let text = format!("MANIFEST cannot be read: {error}");
                findings.push(note(Rule::ManifestUnreadable, "", text).at(manifest::FILE, 0, 0, "").into());
            }
        }
    }
    package.configuration = look_at_configuration(root, &mut findings);
    let entry_point = package.entry_point().to_owned();
    package.entry_point_exists = is_listed(&entry_point) && root.join(&entry_point).is_file();
    let is_invalid = findings.iter().any(|finding| {
        let is_field = |line| {
            package
                .manifest
                .as_ref()
                .and_then(|manifest| manifest.field("entry_point"))
                .is_some_and(|field| field.line == line)
        };
        finding.rule == Rule::ManifestFieldInvalid && finding.location.as_ref().is_some_and(|at| is_field(at.line))
    });
    // A name that breaks its form has been told; without a MANIFEST nobody knows which file is meant.
    if package.manifest.is_some()
        && !is_listed(&entry_point)
        && (!is_invalid || entry_point == super::DEFAULT_ENTRY_POINT)
    {
        findings.push(entry_point_missing(&package, &entry_point, &contents));
    }
    OpenedPackage { package: Some(package), findings }
}

fn manifest_missing(contents: &Contents, is_archive: bool) -> Finding {
    let in_root = |file: &&String| !file.contains('/');
    let inner: Vec<&str> = contents.files.iter().filter_map(|file| file.strip_suffix("/MANIFEST")).collect();
    let similar = contents.files.iter().filter(in_root).find(|file| {
        let stem = file.split('.').next().unwrap_or_default();
        stem.eq_ignore_ascii_case(manifest::FILE)
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
    } else if is_archive {
        "is this the plugin's archive? MANIFEST lies in its root".to_owned()
    } else {
        "is this the plugin's folder? MANIFEST lies in its root".to_owned()
    };
    note(Rule::ManifestMissing, "", "there is no `MANIFEST` in the root".to_owned()).hint(hint).into()
}

fn entry_point_missing(package: &Package, entry_point: &str, contents: &Contents) -> Finding {
    let field = package.manifest.as_ref().and_then(|manifest| manifest.field("entry_point"));
    let modules: Vec<&String> = contents
        .files
        .iter()
        .filter(|file| !file.contains('/') && file.ends_with(".py") && *file != "conftest.py")
        .collect();
    let nearest = modules.iter().max_by(|a, b| similarity(a, entry_point).total_cmp(&similarity(b, entry_point)));
    let hint = match nearest {
        Some(nearest) => format!("write `entry_point: {}`, or give the file that name", nearest.escape_debug()),
        None => "there is no Python file in the root; the module lies beside MANIFEST".to_owned(),
    };
    let text = format!("the module `{}` is not in the root", entry_point.escape_debug());
    let note = note(Rule::EntryPointMissing, entry_point, text).hint(hint);
    match field {
        Some(field) if package.manifest.as_ref().is_some_and(|manifest| manifest.entry_point.is_some()) => {
            note.at(manifest::FILE, field.line, field.column, entry_point).into()
        }
        _ => note.into(),
    }
}

fn look_at_configuration(root: &Path, findings: &mut Vec<Finding>) -> Option<String> {
    let mut told = |line, subject: &str, text: String| {
        findings.push(note(Rule::ConfigUnreadable, "", text).at(CONFIGURATION, line, 0, subject).into());
    };
    let bytes = match read(&root.join(CONFIGURATION)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            told(0, "", format!("default.cfg cannot be read: {error}"));
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            told(
                u32::try_from(line).unwrap_or(u32::MAX),
                "utf-8",
                "default.cfg is not UTF-8; save it as UTF-8".to_owned(),
            );
            return None;
        }
    };
    for fault in configuration::faults(&text).into_iter().take(REPORTED_FAULTS) {
        told(fault.line, &fault.reason, format!("default.cfg is not INI: {}", fault.reason));
    }
    Some(text)
}

/// The bytes of a file, bounded. A pipe or device under that name is not opened.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;
    use crate::package::archive::tests::archive;

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
    fn a_folder_and_its_archive_open_alike_and_in_silence() {
        let files = [("MANIFEST", MANIFEST), ("main.py", "class Plugin: pass\n"), ("default.cfg", "[a]\nx=1\n")];
        let folder = folder(&files);
        for opened in [open(folder.path()).unwrap(), open_zip(&files)] {
            assert_eq!(opened.findings, []);
            let package = opened.package.unwrap();
            assert!(package.is_runnable());
            assert_eq!((package.name().as_str(), package.entry_point()), ("Mine", "main.py"));
            assert_eq!(package.configuration.as_deref(), Some("[a]\nx=1\n"));
            assert_eq!(package.source_line("MANIFEST", 3).as_deref(), Some("name: Mine"));
            assert_eq!(package.source_line("main.py", 9), None);
        }
    }

    #[test]
    fn an_archive_is_gone_with_its_package() {
        let opened = open_zip(&[("MANIFEST", MANIFEST), ("main.py", "")]);
        let root = opened.package.as_ref().unwrap().root.clone();
        assert!(root.join("main.py").exists());
        drop(opened);
        assert!(!root.exists());
    }

    #[test]
    fn everything_that_is_wrong_is_found_in_one_pass() {
        let text = "api: 2.0\ntype: credentialsstore\nname: on\nversion: 1.10\nentry_point: mein.py\n";
        let opened = open_zip(&[("MANIFEST", text), ("main.py", ""), ("default.cfg", "x=1\n"), ("../up", "")]);
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
        assert_eq!(missing.hint.as_deref(), Some("write `entry_point: main.py`, or give the file that name"));
        assert_eq!(missing.location.as_ref().map(|at| (at.line, at.column)), Some((5, 14)));
        assert!(!opened.package.unwrap().is_runnable());
    }

    #[test]
    fn a_missing_manifest_is_told_with_what_to_do() {
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
    fn what_can_be_no_plugin_is_wrong_use() {
        let empty = folder(&[("notes.txt", "")]);
        assert!(matches!(open(empty.path()), Err(PackageError::NotAPlugin { .. })));
        assert!(matches!(open(&empty.path().join("none.zip")), Err(PackageError::NoSuchFile { .. })));
        assert!(matches!(open(&empty.path().join("notes.txt/x")), Err(PackageError::NoSuchFile { .. })));
        assert!(matches!(open(Path::new("/dev/null")), Err(PackageError::NotAPlugin { .. })));
        let outer = folder(&[("vault/MANIFEST", MANIFEST)]);
        let error = open(outer.path()).unwrap_err().to_string();
        assert!(error.ends_with("it has no MANIFEST, but a folder in it has one; give that folder"), "{error}");
    }

    #[test]
    fn a_text_file_is_an_unreadable_archive() {
        let folder = folder(&[("plugin.zip", "just text"), ("x/MANIFEST", MANIFEST), ("x/main.py", "")]);
        let opened = open(&folder.path().join("plugin.zip")).unwrap();
        assert_eq!(rules(&opened), [Rule::ArchiveUnreadable]);
        assert!(opened.package.is_none());
        let opened = open(&folder.path().join("x/main.py")).unwrap();
        assert_eq!(hint(&opened), "give the plugin's folder, or its `.zip`");
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
    fn a_source_line_never_lies_outside_the_package() {
        let folder = folder(&[("MANIFEST", MANIFEST), ("main.py", "first\r\nsecond"), ("lib/a.py", "inner\n")]);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.py")).unwrap();
        let package = open(folder.path()).unwrap().package.unwrap();
        assert_eq!(package.source_line("main.py", 1).as_deref(), Some("first"));
        assert_eq!(package.source_line("lib/a.py", 1).as_deref(), Some("inner"));
        for (file, line) in [("link.py", 1), ("../etc/passwd", 1), ("/etc/passwd", 1), ("main.py", 0), ("lib", 1)] {
            assert_eq!(package.source_line(file, line), None, "{file}");
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
