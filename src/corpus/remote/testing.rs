//! For tests: cases, and a bucket in memory that can be told to fail.

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

use super::{bucket_url::CorpusLocation, error::RemoteError, shared_corpus::SharedCorpus, sync_once::Synchronizer};
use crate::{
    case::{Call, Case, RecordedFinding, Session},
    contract::{Hook, Platform, PluginType},
};

/// A case with so many calls that shows, or does not show, a finding.
pub(in crate::corpus) fn case(calls: usize, fingerprint: Option<&str>) -> Case {
    Case {
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: None,
        session: Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new()); calls]),
        earlier: Vec::new(),
        found: fingerprint.map(|fingerprint| RecordedFinding {
            rule: "timeout".into(),
            fingerprint: fingerprint.into(),
            message: String::new(),
        }),
    }
}

/// How the bucket fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BucketState {
    Well,
    /// Nobody answers.
    Away,
    /// The next so many requests fail.
    Fails(usize),
    /// No credentials are right.
    Refuses,
    /// Nothing may be written.
    RefusesWrites,
    /// It knows no conditions.
    Plain,
    /// Requests never end.
    Hangs,
}

/// A bucket in memory, one for many hosts.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) memory: InMemory,
    mood: Mutex<BucketState>,
    pub(super) gets: AtomicUsize,
}

impl Bucket {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { memory: InMemory::new(), mood: Mutex::new(BucketState::Well), gets: AtomicUsize::new(0) })
    }

    pub(super) fn is(&self, mood: BucketState) {
        *self.mood.lock().unwrap() = mood;
    }

    async fn ask(&self, writes: bool) -> Result<(), Error> {
        let mood = {
            let mut mood = self.mood.lock().unwrap();
            let now = *mood;
            if let BucketState::Fails(left) = now {
                *mood = if left > 1 { BucketState::Fails(left - 1) } else { BucketState::Well };
            }
            now
        };
        let path = || "x".to_owned();
        match mood {
            BucketState::Well | BucketState::Plain => Ok(()),
            BucketState::RefusesWrites if !writes => Ok(()),
            BucketState::Refuses | BucketState::RefusesWrites => {
                Err(Error::PermissionDenied { path: path(), source: "<Code>AccessDenied</Code>".into() })
            }
            BucketState::Away | BucketState::Fails(_) => {
                Err(Error::Generic { store: "S3", source: "no route to host".into() })
            }
            BucketState::Hangs => std::future::pending().await,
        }
    }

    /// Puts an object as somebody else would.
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

    /// A host with that folder.
    pub(super) fn host(self: &Arc<Self>, folder: &FilePath) -> (Synchronizer, Arc<SharedCorpus>) {
        let Ok(CorpusLocation::Bucket(place)) = CorpusLocation::parse("s3://nights/corpus") else {
            panic!("it is a bucket")
        };
        let shared = Arc::new(SharedCorpus::default());
        (
            Synchronizer::new(Arc::clone(self) as Arc<dyn ObjectStore>, place, folder.to_owned(), Arc::clone(&shared)),
            shared,
        )
    }
}

/// Runs one sync.
pub(super) fn run(sync: &mut Synchronizer) -> Result<(), RemoteError> {
    block_on(sync.sync_once())
}

/// Runs what is async, with a clock that stands still unless it is waited for.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket in memory")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult, Error> {
        self.ask(true).await?;
        if *self.mood.lock().unwrap() == BucketState::Plain && options.mode != PutMode::Overwrite {
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
        self.ask(false).await?;
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
        match futures_util::FutureExt::now_or_never(self.ask(false)) {
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
