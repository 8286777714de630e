//! What a call left behind in its process: threads, children, descriptors, files.

use super::Frame;

/// Something that was not there before a call, and is after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Which: a thread's name, a child's command line (empty for a fork of the plugin's own), what a descriptor points to, a file's path in the scratch folder.
    pub what: String,
    /// Where it was made, innermost first; empty where nobody could tell.
    pub frames: Vec<Frame>,
}

/// What can be left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LeftoverKind {
    /// A thread that still runs.
    Thread = 1,
    /// A child process that still runs, or that nobody waited for.
    Process = 2,
    /// An open descriptor.
    Descriptor = 3,
    /// A file in a folder that the contract does not give for keeping something.
    File = 4,
}

impl LeftoverKind {
    /// The kind with that number.
    pub const fn numbered(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Thread,
            2 => Self::Process,
            3 => Self::Descriptor,
            4 => Self::File,
            _ => return None,
        })
    }
}
