//! What a call leaves behind in its process: threads, child processes, descriptors, files.

use super::Frame;

/// Something that a call made and that is still there after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its name: that of a thread, the command line of a child process (empty for a fork of the plugin's process), the
    /// target of a descriptor, the path of a file in the scratch folder.
    pub what: String,
    /// The stack that made it, innermost frame first; empty where it is not known.
    pub frames: Vec<Frame>,
}

/// The kinds of things that a call can leave behind. The discriminant is the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LeftoverKind {
    /// A thread that still runs.
    Thread = 1,
    /// A child process that still runs, or whose status nobody collected.
    Process = 2,
    /// An open descriptor.
    Descriptor = 3,
    /// A file in a folder in which nothing may stay after the session.
    File = 4,
}

impl LeftoverKind {
    /// The kind with that number on the wire.
    pub(crate) const fn numbered(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Thread,
            2 => Self::Process,
            3 => Self::Descriptor,
            4 => Self::File,
            _ => return None,
        })
    }
}
