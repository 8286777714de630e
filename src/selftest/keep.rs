//! Keeps a difference on disk: a folder with the input, the bytes that it is made from, and a README with what differs
//! and how to reproduce it. Each file is written whole.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Difference, SelftestError, SelftestKind, SelftestSettings};
use crate::report::plain;

/// The file of the bytes. After a zero byte, they are an input of a libFuzzer target: of `manifest` for a manifest, of
/// `archive` for a package.
const BYTES: &str = "bytes";

/// Writes `difference` into a folder of its own in `folder`, and returns that. What an earlier difference of the same
/// cause left there is removed: the folder has one input.
pub(super) fn keep(
    folder: &Path,
    settings: &SelftestSettings,
    difference: &Difference,
) -> Result<PathBuf, SelftestError> {
    let own = folder.join(id(&difference.cause));
    let written = write_all(folder, &own, settings, difference);
    written.map_err(|source| SelftestError::Keep { path: own.clone(), source })?;
    Ok(own)
}

/// Writes everything into a temporary folder, which then replaces `own`.
fn write_all(folder: &Path, own: &Path, settings: &SelftestSettings, difference: &Difference) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = tempfile::Builder::new().prefix(".partial-").tempdir_in(folder)?;
    // A temporary folder is for its owner only; a kept one has the permissions that the user chose for new folders.
    let whole = temporary.path().join("whole");
    let readme = explanation(settings, difference);
    let files = difference.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    for (name, content) in files.chain([(BYTES, difference.bytes.as_slice()), ("README.md", readme.as_bytes())]) {
        let path = whole.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&whole))?;
        fs::write(path, content)?;
    }
    match fs::remove_dir_all(own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(whole, own)
}

/// A name that is the same for the same cause.
fn id(cause: &str) -> String {
    // FNV-1a, as for fingerprints: the standard library's hashers may change with a release of Rust.
    let hash = cause
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{:012x}", hash >> 16)
}

/// The command that finds the difference again.
pub(super) fn reproducer(settings: &SelftestSettings, difference: &Difference) -> String {
    let SelftestSettings { kind, seed, .. } = settings;
    let mut command = format!("hookstorm selftest {} --seed {seed} --skip {} --runs 1", kind.name(), difference.number);
    // The SDK's reader may be what differs.
    if let Some(venv) = settings.venv.as_deref().filter(|_| *kind == SelftestKind::Manifest) {
        let _ = write!(command, " --venv {}", plain::shell_word(&venv.to_string_lossy()));
    }
    command
}

fn explanation(settings: &SelftestSettings, difference: &Difference) -> String {
    let mut text = format!(
        "# hookstorm differs from its generator\n\nThis is a defect of hookstorm or of its generator. Please report it with \
         this folder.\n\nPlatform {}.\n\n## What differs\n\n```text\n{}\n```\n\n## The input\n\n",
        difference.platform,
        difference.problem.trim_end()
    );
    for part in &difference.parts {
        let _ = writeln!(text, "- {part}");
    }
    let command = reproducer(settings, difference);
    let _ = write!(text, "\n## Reproduce it\n\n```sh\n{command}\n```\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Platform;

    fn difference() -> Difference {
        Difference {
            cause: "k".into(),
            problem: "not reported: lossy-json".into(),
            number: 17,
            bytes: vec![1, 2],
            parts: vec!["a tuple".into()],
            platform: Platform::newest(),
            files: vec![("plugin/MANIFEST".into(), b"api: 1.0".to_vec())],
            path: None,
        }
    }

    fn settings(kind: SelftestKind, venv: Option<&str>) -> SelftestSettings {
        SelftestSettings {
            kind,
            runs: None,
            time: None,
            seed: 7,
            skip: 0,
            jobs: 1,
            corpus: PathBuf::new(),
            venv: venv.map(PathBuf::from),
        }
    }

    #[test]
    fn the_command_has_the_virtual_environment_where_the_sdk_takes_part() {
        let command = |kind, venv| reproducer(&settings(kind, venv), &difference());
        let manifest = "hookstorm selftest manifest --seed 7 --skip 17 --runs 1";
        assert_eq!(command(SelftestKind::Manifest, None), manifest);
        assert_eq!(command(SelftestKind::Manifest, Some("my venv")), format!("{manifest} --venv 'my venv'"));
        let package = command(SelftestKind::Package, Some("my venv"));
        assert_eq!(package, "hookstorm selftest package --seed 7 --skip 17 --runs 1");
    }

    #[test]
    fn the_files_of_a_larger_difference_are_gone_when_the_smaller_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(SelftestKind::Package, None);
        let more = vec![("plugin/lib/helper.py".into(), Vec::new()), ("plugin.zip".into(), vec![1])];
        let large = Difference { files: [difference().files, more].concat(), ..difference() };
        let kept = keep(folder.path(), &settings, &large).unwrap();
        assert!(kept.join("plugin/lib/helper.py").exists() && kept.join("plugin.zip").exists());
        assert_eq!(keep(folder.path(), &settings, &difference()).unwrap(), kept);
        assert!(!kept.join("plugin/lib").exists() && !kept.join("plugin.zip").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary folder is left");
    }

    #[test]
    fn a_kept_difference_says_how_to_reproduce_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(SelftestKind::Package, None);
        let kept = keep(folder.path(), &settings, &difference()).unwrap();
        assert_eq!(kept, keep(folder.path(), &settings, &difference()).unwrap());
        assert_eq!(fs::read(kept.join(BYTES)).unwrap(), [1, 2]);
        assert_eq!(fs::read(kept.join("plugin/MANIFEST")).unwrap(), b"api: 1.0");
        let text = fs::read_to_string(kept.join("README.md")).unwrap();
        assert!(text.contains("not reported: lossy-json") && text.contains("- a tuple"), "{text}");
        assert!(text.contains("hookstorm selftest package --seed 7 --skip 17 --runs 1\n"), "{text}");
    }
}
