//! For tests: a bucket in memory that can fail on request.

use std::{
    fmt,
    ops::Range,
    path::Path as FilePath,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, memory::InMemory, path::Path,
};

use super::{
    bucket::Bucket, bucket_url::CorpusLocation, error::RemoteError, shared_corpus::SharedCorpus,
    sync_once::Synchronizer,
};
/// The state of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BucketState {
    Working,
    /// It does not answer.
    Unreachable,
    /// This number of requests fails.
    Fails(usize),
    /// It refuses all credentials.
    Refuses,
    /// It refuses writes.
    RefusesWrites,
    /// It has no conditional writes.
    Unconditional,
    /// Requests never end.
    Hangs,
}

/// A bucket in memory, one for many hosts.
#[derive(Debug)]
pub(super) struct FakeBucket {
    pub(super) memory: InMemory,
    state: Mutex<BucketState>,
    pub(super) gets: AtomicUsize,
}

impl FakeBucket {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { memory: InMemory::new(), state: Mutex::new(BucketState::Working), gets: AtomicUsize::new(0) })
    }

    pub(super) fn set(&self, state: BucketState) {
        *self.state.lock().unwrap() = state;
    }

    async fn request(&self, writes: bool) -> Result<(), Error> {
        let state = {
            let mut state = self.state.lock().unwrap();
            let now = *state;
            if let BucketState::Fails(left) = now {
                *state = if left > 1 { BucketState::Fails(left - 1) } else { BucketState::Working };
            }
            now
        };
        let path = || "x".to_owned();
        match state {
            BucketState::Working | BucketState::Unconditional => Ok(()),
            BucketState::RefusesWrites if !writes => Ok(()),
            BucketState::Refuses | BucketState::RefusesWrites => {
                Err(Error::PermissionDenied { path: path(), source: "<Code>AccessDenied</Code>".into() })
            }
            BucketState::Unreachable | BucketState::Fails(_) => {
                Err(Error::Generic { store: "S3", source: "no route to host".into() })
            }
            BucketState::Hangs => std::future::pending().await,
        }
    }

    /// Writes an object as another program would.
    pub(super) async fn plant(&self, name: &str, bytes: &[u8]) {
        self.memory.put(&Path::from(format!("corpus/{name}")), bytes.to_vec().into()).await.unwrap();
    }

    /// Names and bytes of all objects.
    pub(super) async fn all(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut objects = self.memory.list(None);
        while let Some(object) = objects.next().await {
            let location = object.unwrap().location;
            let bytes = self.memory.get(&location).await.unwrap().bytes().await.unwrap();
            all.push((location.as_ref().strip_prefix("corpus/").unwrap().to_owned(), bytes.to_vec()));
        }
        all.sort();
        all
    }

    /// A host with this folder.
    pub(super) fn host(self: &Arc<Self>, folder: &FilePath) -> (Synchronizer, Arc<SharedCorpus>) {
        let Ok(CorpusLocation::Bucket(url)) = CorpusLocation::parse("s3://nights/corpus") else {
            panic!("it is a bucket")
        };
        let shared = Arc::new(SharedCorpus::default());
        let bucket = Bucket::new(Arc::clone(self) as Arc<dyn ObjectStore>, url);
        (Synchronizer::new(bucket, folder.to_owned(), Arc::clone(&shared)), shared)
    }
}

/// Synchronizes once.
pub(super) fn sync_once(host: &mut Synchronizer) -> Result<(), RemoteError> {
    block_on(host.sync_once())
}

/// Runs async work.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl fmt::Display for FakeBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket in memory")
    }
}

#[async_trait]
impl ObjectStore for FakeBucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult, Error> {
        self.request(true).await?;
        if *self.state.lock().unwrap() == BucketState::Unconditional && options.mode != PutMode::Overwrite {
            return Err(Error::NotImplemented { operation: "conditions".into(), implementer: "a bucket".into() });
        }
        self.memory.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        self.memory.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult, Error> {
        self.request(false).await?;
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.memory.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        self.memory.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path, Error>>) -> BoxStream<'static, Result<Path, Error>> {
        panic!("nothing is ever deleted in a bucket")
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        match futures_util::FutureExt::now_or_never(self.request(false)) {
            Some(Ok(())) => self.memory.list(prefix),
            Some(Err(error)) => stream::iter([Err(error)]).boxed(),
            None => stream::pending().boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<(), Error> {
        self.memory.copy_opts(from, to, options).await
    }
}
