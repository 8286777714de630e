//! Unpacks a plugin's archive into a folder, without trusting anything in it.
//!
//! Safe on any bytes: the files that are written stay in the folder, they are counted while they stream through a fixed
//! buffer, and unpacking stops at the limits, whatever the headers promise. Unsafe entries are reported and skipped;
//! the rest is unpacked, so that the other rules are checked in the same pass. Only this folder uses the crate `zip`.

mod limits;
mod listing;
mod problem;
#[cfg(test)]
pub(super) mod testing;
mod unpack;

pub use limits::ArchiveLimits;
pub(super) use unpack::{Contents, unpack};
