//! Folders outside of `/tmp`: a plugin has a `/tmp` of its own, where it finds nothing of the machine's.

/// Such a folder.
pub(crate) fn elsewhere() -> tempfile::TempDir {
    tempfile::tempdir_in("/var/tmp").expect("every user may write there")
}
