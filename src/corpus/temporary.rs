//! The names of files that are being written, and which of them nobody writes any more. Hidden, so that no reader takes one
//! for a case.
//!
//! A name holds the machine and the process that write: what a killed process of this machine left is removed at the next
//! start. A process of another machine, or of another container, cannot be asked; what it left is removed when it is old.

use std::{
    fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::folder::hash;

const PREFIX: &str = ".hookstorm-";
const SUFFIX: &str = ".tmp";
/// A file this old has no writer any more, wherever it was.
const AGE: Duration = Duration::from_secs(3600);

/// The start of this machine, and the processes that can be asked here, as a word for a name. Empty where nobody can tell.
static MACHINE: LazyLock<String> = LazyLock::new(|| {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match fs::read_link("/proc/self/ns/pid") {
        Ok(processes) if !boot.is_empty() => hash(format!("{boot}{}", processes.display()).as_bytes()),
        _ => String::new(),
    }
});

/// A new file in `folder`, readable for its owner only, that is removed unless it is given its place.
pub(super) fn file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let prefix = format!("{PREFIX}{}-{}-", *MACHINE, std::process::id());
    // `tempfile` makes files with mode 0600.
    tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile_in(folder)
}

/// Removes what writers left in `folder` that died. Best effort: a corpus that cannot be swept can still be read.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)) else {
            continue;
        };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if has_dead_writer(name) || age.is_some_and(|age| age > AGE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the process that `name` holds ran on this machine and is gone.
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
    fn what_a_dead_process_left_and_what_is_old_are_swept() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = file_in(folder.path()).unwrap();
        let names = [
            format!(".hookstorm-{}-{dead}-aaaa.tmp", *MACHINE),
            format!(".hookstorm-{}-{dead}-bbbb.tmp", "0123456789abcdef"),
            ".hookstorm-old.tmp".to_owned(),
            ".hookstorm-new.tmp".to_owned(),
            "3f9c2a71d0b4.json".to_owned(),
        ];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "half a ca").unwrap());
        let old = fs::File::options().write(true).open(folder.path().join(".hookstorm-old.tmp")).unwrap();
        old.set_modified(SystemTime::now() - 2 * AGE).unwrap();

        sweep(folder.path());

        let is_there = |name: &str| folder.path().join(name).exists();
        assert_eq!(names.each_ref().map(|name| is_there(name)), [false, true, false, true, true]);
        assert!(own.path().exists(), "this process lives");
    }
}
