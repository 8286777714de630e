//! Programs that tests write and then start.
//!
//! Another process writes them. Tests run side by side: a descriptor that is open for writing here would be open in the
//! child that another test is about to start too, and Linux starts no program that somebody can write (`ETXTBSY`).
#![allow(dead_code)]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Writes a program of this text, which begins with the line that names its interpreter.
pub(crate) fn write(path: &Path, text: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    writer.stdin.take().expect("it is a pipe").write_all(text.as_bytes()).expect("the shell reads it");
    assert!(writer.wait().expect("it is our child").success(), "{} can be written", path.display());
}

/// Copies a program.
pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args([from, to]).status().expect("there is `cp`");
    assert!(status.success(), "{} can be copied to {}", from.display(), to.display());
}
