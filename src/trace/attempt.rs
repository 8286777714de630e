//! What a plugin tried that its sandbox does not allow.

use super::Frame;

/// Something that a plugin tried and that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What it was.
    pub kind: AttemptKind,
    /// On what: `10.0.0.1:443`, `vault.example.com`, a path, `process 1`.
    pub target: String,
    /// Where, innermost first; empty where nobody could tell.
    pub frames: Vec<Frame>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AttemptKind {
    /// To connect, or to send to an address.
    Connect = 1,
    /// To have a name resolved.
    Resolve = 2,
    /// To listen at an address.
    Listen = 3,
    /// To write outside of its scratch folder, or to make, move or remove something there.
    Write = 4,
    /// To read a file that exists and is out of its reach.
    Read = 5,
    /// To send a signal to a process that is not its own.
    Signal = 6,
    /// To start more processes than it may.
    Start = 7,
}

impl AttemptKind {
    /// The kind with that number.
    pub const fn numbered(number: u8) -> Option<Self> {
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
