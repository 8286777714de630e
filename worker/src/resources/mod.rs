//! What a call leaves behind in its process: threads, children and descriptors that were not there before.
//!
//! After nearly every call two system calls and a walk along Python's threads show that there is nothing: the number of
//! open descriptors is the same, and there is no child. Only if a number differs does the tracker look closely. It
//! collects garbage first, since what that closes or ends is not left behind, and waits a moment in which threads and
//! children may end by themselves.
//!
//! A thread is attributed to the place where it was started, by CPython's own event, or else to the function that it
//! runs. A process whose parent is gone becomes a child of this one, so that a daemon is seen like any other child.
//!
//! It ignores on purpose: what Python and C libraries open once for themselves (`/dev/urandom`, the tracker of
//! `multiprocessing`), threads that Python does not know, which libraries such as OpenBLAS keep, and a daemon that
//! ended.

mod children;
mod starts;
mod tracker;

pub(crate) use tracker::{ResourceTracker, prepare};

/// How many bytes of a name are reported.
const NAME_LIMIT: usize = 512;

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(NAME_LIMIT)].to_owned()
}
