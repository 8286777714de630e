//! The packages of a virtual environment.

use std::path::{Path, PathBuf};

use super::RuntimeError;

/// The folders with the packages of a virtual environment for Python `version`, `3.11`.
pub(super) fn site_packages(venv: &Path, version: &str) -> Result<Vec<PathBuf>, RuntimeError> {
    let Ok(text) = std::fs::read_to_string(venv.join("pyvenv.cfg")) else {
        return Err(RuntimeError::NoVenv(venv.to_owned()));
    };
    let option = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let venv = std::fs::canonicalize(venv).map_err(RuntimeError::Start)?;
    let packages = venv.join(format!("lib/python{version}/site-packages"));
    if !packages.is_dir() {
        let found = option("version").or_else(|| option("version_info")).unwrap_or_else(|| "another version".into());
        return Err(RuntimeError::VenvVersion { path: venv, found, version: version.to_owned() });
    }
    let mut folders = vec![packages];
    if option("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && let Some(base) = option("home").and_then(|home| Path::new(&home).parent().map(Path::to_owned))
    {
        folders.extend(
            [format!("lib/python{version}/site-packages"), "lib/python3/dist-packages".into()]
                .map(|inside| base.join(inside))
                .into_iter()
                .filter(|folder| folder.is_dir()),
        );
    }
    Ok(folders)
}
