//! A corpus that many hosts share through a bucket, without a coordinator. [`BackgroundSync`] synchronizes a folder of
//! this machine with the bucket in both directions, in a thread of its own, while a run works on the folder.
//!
//! - Nothing is lost. A case is in the folder before it is counted. It goes to the bucket when the bucket is reachable,
//!   or with the next start. hookstorm never deletes anything in the bucket.
//! - Nothing waits. While the bucket is unreachable, the host goes on alone. The user sees one message about that, and
//!   one when the bucket is back.
//! - Nothing is trusted. Names and bytes from the bucket may be hostile. They are bounded, and must be cases.
//!
//! `bucket_url` says where the bucket is, `client` connects to it, `sync_once` synchronizes once, `merge` decides which
//! of two cases stays, and `background_sync` repeats. The async runtime lives in that thread only; without a URL there
//! is none.

mod background_sync;
mod bucket;
mod bucket_url;
mod client;
mod error;
mod merge;
mod names;
mod shared_corpus;
mod sync_once;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use background_sync::{BackgroundSync, SyncEvent, SyncScope};
pub use bucket_url::{BucketUrl, CorpusLocation};
pub use error::RemoteError;
pub use shared_corpus::{SharedCorpus, SyncCount};
