//! What a plugin tried that its sandbox does not allow.

use super::Frame;

/// Something that a plugin tried and that the sandbox refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The kind of access.
    pub kind: AttemptKind,
    /// What it tried to access: `10.0.0.1:443`, `vault.example.com`, a path, `process 1`.
    pub target: String,
    /// The stack, innermost frame first; empty where it is not known.
    pub frames: Vec<Frame>,
}

/// The kinds of access that a sandbox refuses. The discriminant is the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AttemptKind {
    /// To connect, or to send to an address.
    Connect = 1,
    /// To resolve a name.
    Resolve = 2,
    /// To listen at an address.
    Listen = 3,
    /// To write, make, move or remove a file outside of the scratch folder.
    Write = 4,
    /// To read a file that exists and that the sandbox does not allow.
    Read = 5,
    /// To send a signal to a process that is not the plugin's own.
    Signal = 6,
    /// To start more processes than the limit.
    Start = 7,
}

impl AttemptKind {
    /// The kind with that number on the wire.
    pub(crate) const fn numbered(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Connect,
            2 => Self::Resolve,
            3 => Self::Listen,
            4 => Self::Write,
            5 => Self::Read,
            6 => Self::Signal,
            7 => Self::Start,
            _ => return None,
        })
    }
}
