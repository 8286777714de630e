//! Turns bytes into a ZIP archive with known content: which of its files a reader must unpack, and which findings it
//! must report. The same bytes give the same archive; no bytes give a plain one.
//!
//! Finds readers that trust an archive: a name that leads outside, a size or CRC that is wrong, two entries that share
//! their bytes, a directory that lists fewer entries than there are.
//!
//! | file | what it does |
//! | --- | --- |
//! | `generated` | makes an archive and says what is expected of it |
//! | `variations` | changes that every reader accepts |
//! | `faults` | changes that a reader must report |
//! | `zip_writer` | writes the bytes, so that each field can be wrong |

mod faults;
mod generated;
mod variations;
mod zip_writer;

pub(super) use generated::archive;
pub(crate) use generated::{GeneratedArchive, LIMITS};
