//! Keeps a difference on disk: a folder with the bytes that it was made from, what was made of them, and what to read and
//! run. Each file is written whole.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Difference, TargetKind};
use crate::corpus::CorpusError;

/// The file of the bytes that `--again` takes.
const BYTES: &str = "bytes";

/// Writes `difference` into a folder of its own in `folder`, and says which.
pub(super) fn keep(folder: &Path, kind: TargetKind, difference: &Difference) -> Result<PathBuf, CorpusError> {
    let own = folder.join(id(&difference.kind));
    let failed = |source| CorpusError::Io { action: "write it", path: own.clone(), source };
    fs::create_dir_all(&own).map_err(failed)?;
    write(&own.join(BYTES), &difference.bytes).map_err(failed)?;
    for (name, content) in &difference.files {
        write(&own.join(name), content).map_err(failed)?;
    }
    write(&own.join("README.md"), explanation(kind, &own, difference).as_bytes()).map_err(failed)?;
    Ok(own)
}

/// A name that is the same for the same cause.
fn id(kind: &str) -> String {
    // FNV-1a, as fingerprints have it.
    let hash = kind
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

fn explanation(kind: TargetKind, folder: &Path, difference: &Difference) -> String {
    let mut text = format!(
        "# hookstorm says another thing than the generator built\n\nA defect of hookstorm or of its generator: please report \
         it with this folder.\n\nPlatform {}.\n\n## What differs\n\n```text\n{}\n```\n\n## What was built\n\n",
        difference.platform,
        difference.problem.trim_end()
    );
    for part in &difference.parts {
        let _ = writeln!(text, "- {part}");
    }
    let again = folder.join(BYTES);
    let _ = write!(
        text,
        "\n## See it again\n\n```sh\nhookstorm fuzz --target {} --again {}\n```\n",
        kind.name(),
        again.display()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Platform;

    #[test]
    fn a_kept_difference_says_how_to_see_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let difference = Difference {
            kind: "k".into(),
            problem: "not found: lossy-json".into(),
            bytes: vec![1, 2],
            parts: vec!["a tuple".into()],
            platform: Platform::newest(),
            files: vec![("plugin/MANIFEST".into(), b"api: 1.0".to_vec())],
            path: None,
        };
        let kept = keep(folder.path(), TargetKind::Package, &difference).unwrap();
        assert_eq!(kept, keep(folder.path(), TargetKind::Package, &difference).unwrap());
        assert_eq!(fs::read(kept.join(BYTES)).unwrap(), [1, 2]);
        assert_eq!(fs::read(kept.join("plugin/MANIFEST")).unwrap(), b"api: 1.0");
        let text = fs::read_to_string(kept.join("README.md")).unwrap();
        assert!(text.contains("not found: lossy-json") && text.contains("- a tuple"), "{text}");
        assert!(text.contains(&format!("--target package --again {}/bytes", kept.display())), "{text}");
    }
}
