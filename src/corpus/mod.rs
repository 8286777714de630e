//! Cases on disk: [`Corpus`] writes each case whole or not at all, names it by its finding, and reads a whole folder
//! even if some of its files are not cases.
//!
//! Many hosts can share a corpus in a bucket: [`remote`] synchronizes a folder with a bucket in both directions, while
//! a run works on the folder alone and knows nothing about the bucket.
//!
//! Nothing here runs or judges a case.
#![forbid(unsafe_code)]

mod atomic_write;
mod case_key;
mod error;
mod folder;
mod read;
pub mod remote;
#[cfg(test)]
mod testing;
mod walk;

pub(crate) use case_key::size;
pub use error::{CorpusError, CorpusRemedy};
pub use folder::{Corpus, CorpusEntry};
pub use read::read_case;
