//! Files: what the plugin writes, creates, moves or removes outside of its own folders, and what it reads without
//! permission.
//!
//! What would fail anyway, because the file does not exist or already does, is no attempt: a plugin that creates a
//! folder that exists gets just that error.

use std::path::{Path, PathBuf};

use hookstorm::{
    runtime::sandbox::{Protection, access_rules},
    trace::AttemptKind,
};

use super::{
    auditor::{Auditor, Refusal},
    object::{Arguments, Object},
};

/// Judges an event of files.
pub(super) fn judge(auditor: &Auditor, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    let first = arguments.get(0)?;
    // If a path may be relative to an open folder, this argument is its descriptor.
    let folder = |index: usize| arguments.get(index);
    match event {
        b"open" => open(auditor, arguments),
        b"os.listdir" | b"os.scandir" => read(auditor, &resolved(first, None)?),
        b"os.mkdir" => made(auditor, first, folder(2)),
        b"os.symlink" => made(auditor, arguments.get(1)?, folder(2)),
        b"os.link" => {
            let is_there = exists(&resolved(first, folder(2))?);
            if is_there { made(auditor, arguments.get(1)?, folder(3)) } else { None }
        }
        b"os.rename" => {
            if !exists(&resolved(first, folder(2))?) {
                return None;
            }
            changed(auditor, first, folder(2)).or_else(|| made_or_changed(auditor, arguments.get(1)?, folder(3)))
        }
        b"os.remove" | b"os.rmdir" => changed(auditor, first, folder(1)),
        b"os.chmod" => changed(auditor, first, folder(2)),
        b"os.chown" | b"os.utime" => changed(auditor, first, folder(3)),
        b"os.truncate" | b"os.setxattr" | b"os.removexattr" => changed(auditor, first, None),
        b"sqlite3.connect" => database(auditor, first),
        _ => None,
    }
}

fn open(auditor: &Auditor, arguments: Arguments) -> Option<Refusal> {
    let path = arguments.get(0)?;
    let flags = arguments.get(2).and_then(Object::number).unwrap_or(0) as i32;
    let mode = arguments.get(1).and_then(Object::text).unwrap_or_default();
    let writes = flags & (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) != 0 || mode.contains(['w', 'a', 'x', '+']);
    if !writes {
        return read(auditor, &resolved(path, None)?);
    }
    // A mode without flags is one of C's `fopen`, which creates the file.
    if flags & libc::O_CREAT != 0 || flags == 0 {
        made_or_changed(auditor, path, None)
    } else {
        changed(auditor, path, None)
    }
}

/// SQLite opens its files itself. If it cannot write a file, it reads it.
fn database(auditor: &Auditor, database: Object) -> Option<Refusal> {
    let mut path = database.path()?;
    if let Some(name) = path.to_str() {
        let uri = name.strip_prefix("file:").map(|uri| uri.split_once('?').unwrap_or((uri, "")));
        let (name, options) = uri.unwrap_or((name, ""));
        if name.is_empty() || name.starts_with(':') || options.contains("mode=memory") || options.contains("mode=ro") {
            return None;
        }
        path = name.trim_start_matches("//").into();
    }
    let path = access_rules::resolve(&path, &std::env::current_dir().ok()?);
    if exists(&path) || auditor.access.may_write(&path) || !path.parent().is_some_and(Path::is_dir) {
        return None;
    }
    auditor.note(AttemptKind::Write, &path.to_string_lossy());
    // If the kernel refuses it, SQLite reports that.
    auditor.missing.has(Protection::Files).then_some(Refusal::Denied(database.as_ptr()))
}

/// Notes what is read without permission. The kernel refuses it.
fn read(auditor: &Auditor, path: &Path) -> Option<Refusal> {
    if !auditor.access.may_read(path) && path.metadata().is_ok_and(|seen| seen.is_file() || seen.is_dir()) {
        auditor.note(AttemptKind::Read, &path.to_string_lossy());
    }
    None
}

/// Something that exists is written to, or removed.
fn changed(auditor: &Auditor, path: Object, folder: Option<Object>) -> Option<Refusal> {
    write(auditor, path, &resolved(path, folder)?, exists)
}

/// Something that does not exist is created.
fn made(auditor: &Auditor, path: Object, folder: Option<Object>) -> Option<Refusal> {
    write(auditor, path, &resolved(path, folder)?, |path| !exists(path) && path.parent().is_some_and(Path::is_dir))
}

/// Something is written to, and created if it does not exist.
fn made_or_changed(auditor: &Auditor, path: Object, folder: Option<Object>) -> Option<Refusal> {
    write(auditor, path, &resolved(path, folder)?, |path| path.parent().is_some_and(Path::is_dir))
}

/// Refuses a write. The kernel refuses most of them too, but not all (the mode of a file, its owner, its times), and
/// not on every machine.
fn write(auditor: &Auditor, path: Object, resolved: &Path, could_be: impl Fn(&Path) -> bool) -> Option<Refusal> {
    if auditor.access.may_write(resolved) || !could_be(resolved) {
        return None;
    }
    auditor.note(AttemptKind::Write, &resolved.to_string_lossy());
    Some(Refusal::Denied(path.as_ptr()))
}

/// Whether something exists, even if it is a link that leads nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A path from the working folder, or from the folder of a descriptor. `None` for a descriptor, which is no path.
fn resolved(path: Object, folder: Option<Object>) -> Option<PathBuf> {
    let path = path.path()?;
    if path.is_absolute() {
        return Some(access_rules::resolve(&path, Path::new("/")));
    }
    let base = match folder.and_then(Object::number).filter(|&descriptor| descriptor >= 0) {
        Some(descriptor) => std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?,
        None => std::env::current_dir().ok()?,
    };
    Some(access_rules::resolve(&path, &base))
}
