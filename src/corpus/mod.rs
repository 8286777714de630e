//! Cases on disk: [`Corpus`] writes them whole and names them by what they show, and reads back a whole folder without
//! stumbling over what is none.
//!
//! Nothing here runs or judges a case.
#![forbid(unsafe_code)]

mod error;
mod folder;

pub use error::CorpusError;
pub use folder::{Corpus, CorpusEntry, read_case};

pub(crate) use folder::size;
