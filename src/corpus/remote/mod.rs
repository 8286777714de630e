//! A corpus that many hosts share through a bucket, without a coordinator: [`BackgroundSync`] keeps a folder of this machine and the
//! bucket alike in both directions, in a thread of its own, while a campaign works on the folder and knows nothing of it.
//!
//! - Nothing is lost: a case is in the folder before it is counted, goes to the bucket when that can be reached, and
//!   otherwise with the next start. Nothing is ever deleted in the bucket.
//! - Nothing waits: while the bucket is away the host goes on alone. That is told once, and so is that it is back.
//! - Nothing is trusted: names and bytes from the bucket are hostile, bounded, and read as cases before they are used.
//!
//! `location` is where the bucket is, `sync` makes both sides alike once, `merge` decides which of two cases stays,
//! `background` does so again and again. The async runtime lives in that thread and nowhere else; without an URL there is
//! none.

mod background;
mod bucket_url;
mod error;
mod merge;
mod names;
mod shared_corpus;
mod sync_once;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

pub use background::{BackgroundSync, SyncEvent, SyncScope};
pub use bucket_url::{BucketUrl, CorpusLocation};
pub use error::RemoteError;
pub use shared_corpus::{SharedCorpus, SyncCount};
