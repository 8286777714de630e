//! Cases on disk: [`Corpus`] writes them whole and names them by what they show, and reads back a whole folder without
//! stumbling over what is none.
//!
//! A corpus that many hosts share lies in a bucket: [`remote`] keeps a folder and a bucket alike, both ways, while a campaign
//! works on the folder alone and knows nothing of it.
//!
//! Nothing here runs or judges a case.
#![forbid(unsafe_code)]

mod error;
mod folder;
pub mod remote;
mod temporary;

pub use error::CorpusError;
pub use folder::{Corpus, CorpusEntry, read_case};

pub(crate) use folder::size;
