//! [`Bucket`]: the objects of a bucket. Names and sizes that a server sends are not trusted.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::StreamExt;
use object_store::{
    Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion, path::Path,
};

use super::{bucket_url::BucketUrl, error::RemoteError, names, shared_corpus::SharedCorpus};

/// The largest object that is downloaded. No case is nearly so large.
pub(super) const OBJECT_BYTES_LIMIT: u64 = 8 << 20;
/// How many names of a bucket are read. A corpus has thousands.
const NAMES_LIMIT: usize = 200_000;

/// How a listing identifies the content of an object: by its tag or, if it has none, by its time and size.
pub(super) type Version = String;

/// A bucket.
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    url: BucketUrl,
}

impl Bucket {
    pub(super) fn new(store: Arc<dyn ObjectStore>, url: BucketUrl) -> Self {
        Self { store, url }
    }

    /// The names below the folder `below` with their versions. Names that a case cannot have are counted as skipped.
    pub(super) async fn list(
        &self,
        below: &str,
        shared: &SharedCorpus,
    ) -> Result<BTreeMap<String, Version>, RemoteError> {
        let prefix = self.path(below);
        let mut objects = self.store.list(Some(&prefix));
        let mut names = BTreeMap::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| self.error(&error))?;
            let name = object.location.as_ref();
            let name = if self.url.prefix.is_empty() {
                Some(name)
            } else {
                name.strip_prefix(&self.url.prefix).and_then(|name| name.strip_prefix('/'))
            };
            let Some(name) = name else { continue };
            if !names::is_plain(name) || names.len() >= NAMES_LIMIT {
                shared.add_skipped(name);
                continue;
            }
            let version = object.e_tag.unwrap_or_else(|| format!("{}, {} bytes", object.last_modified, object.size));
            names.insert(name.to_owned(), version);
        }
        Ok(names)
    }

    /// An object, and the condition for replacing it: it must still be this version. `None` if it is too large, or
    /// gone.
    pub(super) async fn get(&self, name: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>, RemoteError> {
        let result = match self.store.get(&self.path(name)).await {
            Ok(result) => result,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        if result.meta.size > OBJECT_BYTES_LIMIT {
            return Ok(None);
        }
        let update = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = read_bounded(result).await.map_err(|error| self.error(&error))?;
        Ok(bytes.map(|bytes| (bytes, update)))
    }

    /// Writes an object, and returns the version that a listing will have. `None` if another host was faster.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<Option<Version>, RemoteError> {
        let path = self.path(name);
        let payload = PutPayload::from(bytes);
        let put = match self.store.put_opts(&path, payload.clone(), PutOptions::from(mode)).await {
            // The server has no conditional writes: the last writer wins, and the next synchronization repairs that.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => self.store.put(&path, payload).await,
            other => other,
        };
        match put {
            // Without a tag the next listing differs, and the next synchronization finds both sides equal.
            Ok(put) => Ok(Some(put.e_tag.unwrap_or_default())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// The object with this name. Names are plain, so nothing is escaped.
    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.url.prefix.split('/').chain(name.split('/')).filter(|part| !part.is_empty()))
    }

    fn error(&self, error: &Error) -> RemoteError {
        RemoteError::new(&self.url, error)
    }
}

/// The bytes of an object, for any size that its server claims. `None` if there are too many.
async fn read_bounded(result: GetResult) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    let mut parts = result.into_stream();
    while let Some(part) = parts.next().await {
        let part = part?;
        if (bytes.len() + part.len()) as u64 > OBJECT_BYTES_LIMIT {
            return Ok(None);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Some(bytes))
}
