//! Keeps a difference on disk: a folder with the input, the bytes that it is made from, and a README with what differs
//! and how to reproduce it. Each file is written whole.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Difference, SelftestError, SelftestKind};

/// The file of the bytes. They are an input of the libFuzzer target with the same name, after a zero byte.
const BYTES: &str = "bytes";

/// Writes `difference` into a folder of its own in `folder`, and returns that.
pub(super) fn keep(
    folder: &Path,
    kind: SelftestKind,
    seed: u64,
    difference: &Difference,
) -> Result<PathBuf, SelftestError> {
    let own = folder.join(id(&difference.cause));
    let readme = explanation(kind, seed, difference);
    let files = difference.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    for (name, content) in files.chain([(BYTES, difference.bytes.as_slice()), ("README.md", readme.as_bytes())]) {
        write(&own.join(name), content).map_err(|source| SelftestError::Keep { path: own.clone(), source })?;
    }
    Ok(own)
}

/// A name that is the same for the same cause.
fn id(cause: &str) -> String {
    // FNV-1a, as for fingerprints: the standard library's hashers may change with a release of Rust.
    let hash = cause
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{:012x}", hash >> 16)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The command that finds the difference again.
pub(super) fn reproducer(kind: SelftestKind, seed: u64, difference: &Difference) -> String {
    format!("hookstorm selftest {} --seed {seed} --skip {} --runs 1", kind.name(), difference.number)
}

fn explanation(kind: SelftestKind, seed: u64, difference: &Difference) -> String {
    let mut text = format!(
        "# hookstorm differs from its generator\n\nThis is a defect of hookstorm or of its generator. Please report it with \
         this folder.\n\nPlatform {}.\n\n## What differs\n\n```text\n{}\n```\n\n## The input\n\n",
        difference.platform,
        difference.problem.trim_end()
    );
    for part in &difference.parts {
        let _ = writeln!(text, "- {part}");
    }
    let command = reproducer(kind, seed, difference);
    let _ = write!(text, "\n## Reproduce it\n\n```sh\n{command}\n```\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Platform;

    #[test]
    fn a_kept_difference_says_how_to_reproduce_it() {
        let folder = tempfile::tempdir().unwrap();
        let difference = Difference {
            cause: "k".into(),
            problem: "not reported: lossy-json".into(),
            number: 17,
            bytes: vec![1, 2],
            parts: vec!["a tuple".into()],
            platform: Platform::newest(),
            files: vec![("plugin/MANIFEST".into(), b"api: 1.0".to_vec())],
            path: None,
        };
        let kept = keep(folder.path(), SelftestKind::Package, 7, &difference).unwrap();
        assert_eq!(kept, keep(folder.path(), SelftestKind::Package, 7, &difference).unwrap());
        assert_eq!(fs::read(kept.join(BYTES)).unwrap(), [1, 2]);
        assert_eq!(fs::read(kept.join("plugin/MANIFEST")).unwrap(), b"api: 1.0");
        let text = fs::read_to_string(kept.join("README.md")).unwrap();
        assert!(text.contains("not reported: lossy-json") && text.contains("- a tuple"), "{text}");
        assert!(text.contains("hookstorm selftest package --seed 7 --skip 17 --runs 1\n"), "{text}");
    }
}
