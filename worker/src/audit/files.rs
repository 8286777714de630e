//! Files: what is written, made, moved or removed outside of the plugin's own folders, and what is read out of its reach.
//!
//! What would fail all the same, because it is not there or already is, is no attempt: whoever asks for a folder that
//! exists hears just that.

use std::path::{Path, PathBuf};

use hookstorm::{
    runtime::sandbox::{Protection, access_rules},
    trace::AttemptKind,
};

use super::{
    Refusal, Watch,
    object::{Arguments, Held},
};

/// Judges an event of files.
pub(super) fn judge(watch: &Watch, event: &[u8], arguments: Arguments) -> Option<Refusal> {
    let first = arguments.get(0)?;
    // Where a path is relative to a folder that is open, its descriptor stands there.
    let folder = |index: usize| arguments.get(index);
    match event {
        b"open" => open(watch, arguments),
        b"os.listdir" | b"os.scandir" => read(watch, &resolved(first, None)?),
        b"os.mkdir" => made(watch, first, folder(2)),
        b"os.symlink" => made(watch, arguments.get(1)?, folder(2)),
        b"os.link" => {
            let is_there = exists(&resolved(first, folder(2))?);
            if is_there { made(watch, arguments.get(1)?, folder(3)) } else { None }
        }
        b"os.rename" => {
            if !exists(&resolved(first, folder(2))?) {
                return None;
            }
            changed(watch, first, folder(2)).or_else(|| made_or_changed(watch, arguments.get(1)?, folder(3)))
        }
        b"os.remove" | b"os.rmdir" => changed(watch, first, folder(1)),
        b"os.chmod" => changed(watch, first, folder(2)),
        b"os.chown" | b"os.utime" => changed(watch, first, folder(3)),
        b"os.truncate" | b"os.setxattr" | b"os.removexattr" => changed(watch, first, None),
        b"sqlite3.connect" => database(watch, first),
        _ => None,
    }
}

fn open(watch: &Watch, arguments: Arguments) -> Option<Refusal> {
    let path = arguments.get(0)?;
    let flags = arguments.get(2).and_then(Held::number).unwrap_or(0) as i32;
    let mode = arguments.get(1).and_then(Held::text).unwrap_or_default();
    let writes = flags & (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) != 0 || mode.contains(['w', 'a', 'x', '+']);
    if !writes {
        return read(watch, &resolved(path, None)?);
    }
    // A mode without flags is one of C's, which makes what is not there.
    if flags & libc::O_CREAT != 0 || flags == 0 {
        made_or_changed(watch, path, None)
    } else {
        changed(watch, path, None)
    }
}

/// SQLite opens its files by itself. One that it cannot write it reads.
fn database(watch: &Watch, database: Held) -> Option<Refusal> {
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
    if exists(&path) || watch.access.may_write(&path) || !path.parent().is_some_and(Path::is_dir) {
        return None;
    }
    watch.note(AttemptKind::Write, &path.to_string_lossy());
    // Where the kernel refuses it, it is SQLite who says so.
    watch.missing.has(Protection::Files).then_some(Refusal::Denied(database.as_ptr()))
}

/// What is read out of reach is told, and nothing more: it is the kernel who refuses it.
fn read(watch: &Watch, path: &Path) -> Option<Refusal> {
    if !watch.access.may_read(path) && path.metadata().is_ok_and(|seen| seen.is_file() || seen.is_dir()) {
        watch.note(AttemptKind::Read, &path.to_string_lossy());
    }
    None
}

/// Something that is there is written to, or removed.
fn changed(watch: &Watch, path: Held, folder: Option<Held>) -> Option<Refusal> {
    write(watch, path, &resolved(path, folder)?, exists)
}

/// Something that is not there is made.
fn made(watch: &Watch, path: Held, folder: Option<Held>) -> Option<Refusal> {
    write(watch, path, &resolved(path, folder)?, |path| !exists(path) && path.parent().is_some_and(Path::is_dir))
}

/// Something is written to, wherever it is.
fn made_or_changed(watch: &Watch, path: Held, folder: Option<Held>) -> Option<Refusal> {
    write(watch, path, &resolved(path, folder)?, |path| path.parent().is_some_and(Path::is_dir))
}

/// The kernel refuses most of it too, but not all (the mode of a file, its owner, its times), and not on every machine.
fn write(watch: &Watch, path: Held, resolved: &Path, could_be: impl Fn(&Path) -> bool) -> Option<Refusal> {
    if watch.access.may_write(resolved) || !could_be(resolved) {
        return None;
    }
    watch.note(AttemptKind::Write, &resolved.to_string_lossy());
    Some(Refusal::Denied(path.as_ptr()))
}

/// Whether something is there, be it a link that leads nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A path from where it counts: the working folder, or the one behind a descriptor. A descriptor itself is no path.
fn resolved(path: Held, folder: Option<Held>) -> Option<PathBuf> {
    let path = path.path()?;
    if path.is_absolute() {
        return Some(access_rules::resolve(&path, Path::new("/")));
    }
    let base = match folder.and_then(Held::number).filter(|&descriptor| descriptor >= 0) {
        Some(descriptor) => std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?,
        None => std::env::current_dir().ok()?,
    };
    Some(access_rules::resolve(&path, &base))
}
