//! [`Event`]: what happens while a function of the library runs.

use crate::{
    corpus::remote::{BucketUrl, SyncCount, SyncEvent},
    engine, load,
};

/// What happens while [`test`](super::test), [`fuzz`](super::fuzz), [`replay`](super::replay) or [`load`](super::load)
/// works. The listener is called from several threads. It cannot change the run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Sessions ran, a finding was confirmed, new code was reached.
    Run(engine::Event),
    /// Workers were started, a rate was tried, latencies were measured.
    Load(load::LoadEvent),
    /// The exchange with the bucket of the corpus fails, or works again.
    Sync(BucketUrl, SyncEvent),
    /// The exchange with the bucket is over: how many cases came and went.
    Synced(BucketUrl, SyncCount),
}
