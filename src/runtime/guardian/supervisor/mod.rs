//! Judges system calls that wait for the guardian ([`seccomp`](crate::runtime::sandbox::seccomp)): the supervisor lets
//! them proceed, refuses them, or makes them itself. It notes what the plugin tried, with the place in the plugin if
//! possible.
//!
//! A process can change its memory after the supervisor has read an address from it. So a call that connects to the
//! network never proceeds: the supervisor connects the socket itself, to the address that it has read. Only datagrams
//! proceed.

mod address;
mod attribution;
mod judge;
mod notification;

pub(super) use attribution::ProgramId;
pub(super) use judge::Supervisor;
