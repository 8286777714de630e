//! [`write_whole`]: a reader sees the whole file or none, also after a power failure. A case is written to a temporary
//! file beside its place, flushed to the disk and renamed.
//!
//! The temporary file is hidden, so that no reader takes it for a case. Its name has the machine and the process that
//! write. What a killed process of this machine left is removed at the next start. hookstorm cannot check a process of
//! another machine or container, so what it left is removed when it is old.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use crate::corpus::{CorpusError, case_key::hash};

const PREFIX: &str = ".hookstorm-";
const SUFFIX: &str = ".tmp";
/// A file this old has no writer any more, on any machine.
const AGE_LIMIT: Duration = Duration::from_secs(3600);

/// A hash of this machine's boot and of the process namespace. Empty if these are unknown.
static MACHINE: LazyLock<String> = LazyLock::new(|| {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match fs::read_link("/proc/self/ns/pid") {
        Ok(processes) if !boot.is_empty() => hash(format!("{boot}{}", processes.display()).as_bytes()),
        _ => String::new(),
    }
});

/// When a file must be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// Before the caller goes on: there is no other copy.
    Now,
    /// When the system writes it: there is another copy.
    Later,
}

/// Writes `bytes` to `path`, which is in `folder`: whole or not at all.
///
/// # Errors
/// [`CorpusError::Io`]; then no part of the file is left.
pub(super) fn write_whole(folder: &Path, path: &Path, bytes: &[u8], flush: Flush) -> Result<(), CorpusError> {
    fs::create_dir_all(folder).map_err(CorpusError::io("make the folder", folder))?;
    // Removed if anything below fails.
    let mut file = temporary_file(folder).map_err(CorpusError::io("write the case", path))?;
    file.write_all(bytes)
        .and_then(|()| if flush == Flush::Now { file.as_file().sync_all() } else { Ok(()) })
        .map_err(CorpusError::io("write the case", path))?;
    file.persist(path).map_err(|error| CorpusError::io("write the case", path)(error.error))?;
    if flush == Flush::Now {
        // Some file systems cannot flush a folder; the file itself is safe.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// A new file in `folder` that only its owner can read. It is removed unless it is renamed.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let prefix = format!("{PREFIX}{}-{}-", *MACHINE, std::process::id());
    // `tempfile` makes files with mode 0600.
    tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile_in(folder)
}

/// Removes the temporary files of dead processes in `folder`, as far as possible: a corpus can be read with them too.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)) else {
            continue;
        };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if has_dead_writer(name) || age.is_some_and(|age| age > AGE_LIMIT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the process in `name` ran on this machine and is gone.
fn has_dead_writer(name: &str) -> bool {
    let mut words = name.split('-');
    let (machine, process) = (words.next(), words.next().and_then(|word| word.parse().ok()).and_then(Pid::from_raw));
    let is_here = machine.is_some_and(|machine| !machine.is_empty() && *machine == **MACHINE);
    is_here && process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_dead_processes_and_old_files_are_removed() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = temporary_file(folder.path()).unwrap();
        let names = [
            format!(".hookstorm-{}-{dead}-aaaa.tmp", *MACHINE),
            format!(".hookstorm-{}-{dead}-bbbb.tmp", "0123456789abcdef"),
            ".hookstorm-old.tmp".to_owned(),
            ".hookstorm-new.tmp".to_owned(),
            "3f9c2a71d0b4.json".to_owned(),
        ];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "half a ca").unwrap());
        let old = fs::File::options().write(true).open(folder.path().join(".hookstorm-old.tmp")).unwrap();
        old.set_modified(SystemTime::now() - 2 * AGE_LIMIT).unwrap();

        sweep(folder.path());

        let is_there = |name: &str| folder.path().join(name).exists();
        assert_eq!(names.each_ref().map(|name| is_there(name)), [false, true, false, true, true]);
        assert!(own.path().exists(), "this process is alive");
    }
}
