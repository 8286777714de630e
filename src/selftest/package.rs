//! Writes a generated package to disk, opens it, loads it and calls its hooks, in fresh processes and in one, and
//! compares each step with what is expected. [`super::calls`] calls the hooks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arbitrary::Unstructured;

use super::{Difference, calls, manifest::cause_of};
use crate::{
    generate::{
        ExpectedFindings,
        archive::LIMITS,
        package::{GeneratedPackage, package},
    },
    package::{OpenedPackage, Package, ScratchFolder, configuration},
    runtime::{Limits, Network, RuntimeError, Sandbox, Target, Worker},
    trace::LoadEnding,
};

/// The time limit of a call. It is short, because some calls hang on purpose; `calls` tries again on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(500);
/// The memory limit of a call: far less than the calls need that exceed it on purpose.
const MEMORY_BYTES: u64 = 128 << 20;

/// The difference of the package that `bytes` make.
pub(super) fn compare(bytes: &[u8]) -> Option<Difference> {
    let made = package(&mut Unstructured::new(bytes));
    let problem = problem_of(&made)?;
    let mut files = made.files;
    for (name, _) in &mut files {
        *name = format!("plugin/{name}");
    }
    files.extend(made.archive.map(|archive| ("plugin.zip".to_owned(), archive.bytes)));
    Some(Difference {
        cause: cause_of(&problem),
        problem,
        number: 0,
        bytes: bytes.to_vec(),
        parts: made.parts.iter().map(|part| (*part).to_owned()).collect(),
        platform: made.platform,
        files,
        path: None,
    })
}

/// How opening the package that `bytes` make differs from what is expected. It does not run the package's code.
pub(super) fn opening_problem(bytes: &[u8]) -> Option<String> {
    let mut made = package(&mut Unstructured::new(bytes));
    made.is_runnable = None;
    problem_of(&made)
}

fn problem_of(made: &GeneratedPackage) -> Option<String> {
    let scratch = match ScratchFolder::new() {
        Ok(scratch) => scratch,
        Err(error) => return Some(format!("no scratch folder can be made: {error}")),
    };
    let path = match written(scratch.path(), made) {
        Ok(path) => path,
        Err(error) => return Some(format!("the package cannot be written: {error}")),
    };
    let opened = match Package::open(&path, made.platform, &LIMITS) {
        Ok(opened) => opened,
        Err(error) => return Some(format!("the package cannot be opened: {error}")),
    };
    if let Some(problem) = opening_difference(made, &opened) {
        return Some(problem);
    }
    if made.is_runnable != Some(true) || !made.is_known || !made.is_whole {
        return None;
    }
    let package = opened.package?;
    match run(made, &package) {
        Ok(problem) => problem,
        Err(error) => Some(format!("the runtime failed: {error}")),
    }
}

/// Writes the package into `folder`, and returns its path.
fn written(folder: &Path, made: &GeneratedPackage) -> io::Result<PathBuf> {
    if let Some(archive) = &made.archive {
        let path = folder.join("plugin.zip");
        fs::write(&path, &archive.bytes)?;
        return Ok(path);
    }
    let path = folder.join("plugin");
    for (name, content) in &made.files {
        let file = path.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&path))?;
        fs::write(file, content)?;
    }
    Ok(path)
}

/// How the opened package differs from the expected one.
fn opening_difference(made: &GeneratedPackage, opened: &OpenedPackage) -> Option<String> {
    let root = opened.package.as_ref().map(|package| package.root.as_path());
    if let Some(outside) = root.filter(|_| made.archive.is_some()).and_then(outside) {
        return Some(format!("a file was unpacked outside of its folder: {}", outside.display()));
    }
    if !made.is_known {
        return None;
    }
    if let Some(difference) = made.expect.difference(&opened.findings) {
        return Some(difference);
    }
    let is_opened = made.archive.as_ref().is_none_or(|archive| archive.is_opened);
    if is_opened != opened.package.is_some() {
        return Some(format!("the package could {}be opened", if is_opened { "not " } else { "" }));
    }
    let package = opened.package.as_ref()?;
    if let (Some(archive), Some(root)) = (&made.archive, root) {
        let problem = contents(root, &archive.unpacked);
        if problem.is_some() {
            return problem;
        }
    }
    match made.is_runnable {
        Some(expected) if expected != package.is_runnable() => {
            Some(format!("the package {} be loaded", if expected { "cannot" } else { "can" }))
        }
        _ => None,
    }
}

/// A file at one of the paths to which an unsafe entry leads.
pub(super) fn outside(root: &Path) -> Option<PathBuf> {
    let parent = root.parent().unwrap_or(root);
    let places = [parent.join("up.py"), parent.join("climb.py"), "/abs.py".into(), "/twice.py".into()];
    places.into_iter().find(|place| place.symlink_metadata().is_ok())
}

/// How the files under `root` differ from the expected ones.
fn contents(root: &Path, files: &[(String, Vec<u8>)]) -> Option<String> {
    for (name, content) in files {
        match fs::read(root.join(name)) {
            Ok(read) if read == *content => {}
            Ok(_) => return Some(format!("file `{name}` was unpacked with other bytes")),
            Err(error) => return Some(format!("file `{name}` was not unpacked: {error}")),
        }
    }
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).map(|inside| inside.to_string_lossy().into_owned()).unwrap_or_default();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && files.iter().any(|(known, _)| *known == name) => {}
                _ => return Some(format!("file `{name}` was unpacked, although it must not be")),
            }
        }
    }
    None
}

/// Loads the plugin and calls its hooks.
fn run(made: &GeneratedPackage, package: &Package) -> Result<Option<String>, RuntimeError> {
    let target = Arc::new(Target {
        root: package.root.canonicalize()?,
        entry_point: package.entry_point().to_owned(),
        plugin_type: made.plugin_type,
        platform: made.platform,
        configuration: package.configuration.clone().unwrap_or_default(),
        services: crate::generate::configured_services(package.configuration.as_deref().unwrap_or_default()),
        venv: None,
        limits: Limits { timeout: TIMEOUT, memory_bytes: MEMORY_BYTES, ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    });
    let (mut worker, loading) = Worker::start(&target)?;
    let subject = crate::oracle::PluginUnderTest::new(
        made.plugin_type,
        made.platform,
        &target.configuration,
        configuration::secrets(&target.configuration),
        configuration::logs_debug(&target.configuration),
        Some(&loading),
    );
    let expect = ExpectedFindings { findings: made.plugin.loading.clone(), may: Vec::new() };
    if let Some(difference) = expect.difference(&crate::oracle::judge_loading(&subject, &loading)) {
        return Ok(Some(format!("loading: {difference}")));
    }
    if made.plugin.hooks.is_empty() || loading.import != LoadEnding::Done || !loading.has_class {
        return Ok(None);
    }
    calls::compare(made, &subject, &loading, &mut worker)
}
