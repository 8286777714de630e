//! Makes folder and bucket alike, once: [`Synchronizer::run`] lists the bucket, takes what is new there, gives what is new here, and
//! never deletes anything on either side. It keeps no time, starts no thread and says nothing, so that tests call it.
//!
//! What a name was agreed on is remembered, so that a step over an unchanged corpus costs one listing. Each name is dealt
//! with by itself: a step that is broken off has done whole names, and the next one goes on from there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use futures_util::{StreamExt, stream};
use object_store::{
    Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion, path::Path,
};

use super::{
    bucket_url::BucketUrl,
    error::RemoteError,
    merge::{self, MergeAction},
    names,
    shared_corpus::SharedCorpus,
};
use crate::corpus::{
    Corpus, CorpusError,
    folder::{Flush, Walk, walk, write_whole},
};

/// The largest object that is taken. No case comes near it.
const OBJECT_BYTES_LIMIT: u64 = 8 << 20;
/// The most names that are looked at in a bucket. A corpus has thousands.
const NAMES_LIMIT: usize = 200_000;
/// The most bytes that one run takes: a bucket that somebody filled must not fill the disk.
const TAKEN_BYTES_LIMIT: u64 = 4 << 30;
/// How many requests are under way at once.
const REQUESTS: usize = 16;
/// How often a step begins anew because others wrote meanwhile. What is left then waits for the next sync.
const PASSES: usize = 3;

/// What an object is known by in a listing: its tag, or its time and size where there is none.
type Version = String;
/// What a file is known by: when it was written, and its size.
type Stamp = (u128, u64);

/// One corpus on two sides.
pub(super) struct Synchronizer {
    store: Arc<dyn ObjectStore>,
    place: BucketUrl,
    /// The folder of the whole corpus.
    folder: PathBuf,
    /// What is kept alike: a folder in the corpus, or all of it where this is empty.
    below: String,
    shared: Arc<SharedCorpus>,
    /// What both sides had when they were last the same, or left as they are.
    agreed: HashMap<String, (Option<Version>, Option<Stamp>)>,
    taken_bytes: u64,
}

/// What became of a name.
struct Dealt {
    name: String,
    /// What stands on both sides now; `None` where it must be looked at again.
    agreed: Option<(Option<Version>, Option<Stamp>)>,
    taken_bytes: u64,
    /// Whether others or we ourselves made something that this pass has not seen.
    again: bool,
}

impl Synchronizer {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        place: BucketUrl,
        folder: PathBuf,
        shared: Arc<SharedCorpus>,
    ) -> Self {
        Self { store, place, folder, below: String::new(), shared, agreed: HashMap::new(), taken_bytes: 0 }
    }

    /// Keeps only this folder of the corpus alike from now on.
    pub(super) fn narrow(&mut self, below: &str) {
        self.below = below.to_owned();
    }

    /// Makes both sides alike, as far as that goes.
    ///
    /// # Errors
    /// [`RemoteError`] of the first thing that failed. Names that did not need it are dealt with all the same, but where
    /// the bucket cannot be reached: then nothing more is tried.
    pub(super) async fn sync_once(&mut self) -> Result<(), RemoteError> {
        for _ in 0..PASSES {
            if !self.pass().await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether another pass is wanted.
    async fn pass(&mut self) -> Result<bool, RemoteError> {
        let ours = self.walk()?;
        self.count_waiting(&ours);
        let theirs = self.list().await?;
        let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        let is_open = |name: &&&String| {
            let now = (theirs.get(**name).cloned(), ours.get(**name).copied());
            self.agreed.get(**name) != Some(&now)
        };
        let open: Vec<(String, Option<Version>, Option<Stamp>)> = (names.iter())
            .filter(is_open)
            .map(|&name| (name.clone(), theirs.get(name).cloned(), ours.get(name).copied()))
            .collect();

        let mut trouble = None;
        let mut dealt = Vec::new();
        {
            let this = &*self;
            let deals = open.into_iter().map(|(name, theirs, ours)| this.deal(name, theirs, ours));
            let mut deals = stream::iter(deals).buffer_unordered(REQUESTS);
            while let Some(one) = deals.next().await {
                match one {
                    Ok(one) => dealt.push(one),
                    Err(error) => {
                        let is_passing = error.is_passing();
                        trouble.get_or_insert(error);
                        if is_passing {
                            break;
                        }
                    }
                }
            }
        }
        let mut again = false;
        for one in dealt {
            again |= one.again;
            self.taken_bytes += one.taken_bytes;
            if let Some(agreed) = one.agreed {
                self.agreed.insert(one.name, agreed);
            }
        }
        self.count_waiting(&ours);
        match trouble {
            Some(error) => Err(error),
            None => Ok(again),
        }
    }

    /// Counts the files that the bucket does not have, as far as is known.
    fn count_waiting(&self, ours: &BTreeMap<String, Stamp>) {
        let is_agreed =
            |name: &String| self.agreed.get(name).is_some_and(|(_, agreed)| *agreed == stamp(&self.folder.join(name)));
        self.shared.set_waiting(ours.keys().filter(|name| !is_agreed(name)).count());
    }

    async fn list(&self) -> Result<BTreeMap<String, Version>, RemoteError> {
        let prefix = self.path(&self.below);
        let mut objects = self.store.list(Some(&prefix));
        let mut names = BTreeMap::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| self.error(&error))?;
            let name = object.location.as_ref();
            let name = if self.place.prefix.is_empty() {
                Some(name)
            } else {
                name.strip_prefix(&self.place.prefix).and_then(|name| name.strip_prefix('/'))
            };
            let Some(name) = name else { continue };
            if !names::is_plain(name) || names.len() >= NAMES_LIMIT {
                self.shared.skip(name);
                continue;
            }
            let version = object.e_tag.unwrap_or_else(|| format!("{}, {} bytes", object.last_modified, object.size));
            names.insert(name.to_owned(), version);
        }
        Ok(names)
    }

    /// The files of the folder that may go into the bucket.
    fn walk(&self) -> Result<BTreeMap<String, Stamp>, RemoteError> {
        let mut paths = Vec::new();
        let folder = self.folder.join(&self.below);
        if folder.is_dir() {
            walk(&folder, Walk::Everything, 0, &mut paths).map_err(copy)?;
        }
        let name = |path: PathBuf| {
            let name = path.strip_prefix(&self.folder).ok()?.to_str()?.to_owned();
            Some((names::is_plain(&name).then_some(name)?, stamp(&path)?))
        };
        Ok(paths.into_iter().filter_map(name).collect())
    }

    /// Deals with one name that the sides are not agreed on.
    async fn deal(&self, name: String, theirs: Option<Version>, ours: Option<Stamp>) -> Result<Dealt, RemoteError> {
        let path = self.folder.join(&name);
        let file = if ours.is_some() { read_file(&path)? } else { None };
        let dealt = |agreed, again| Dealt { name: name.clone(), agreed, taken_bytes: 0, again };
        let Some(version) = theirs else {
            return match file {
                Some(bytes) if merge::read(&bytes).is_some() => {
                    let version = self.put(&name, bytes, PutMode::Create).await?;
                    let again = version.is_none();
                    Ok(dealt(version.map(|version| (Some(version), ours)), again))
                }
                // Somebody else's file, or one that is gone by now.
                _ => Ok(dealt(Some((None, ours)), false)),
            };
        };
        if file.as_ref().is_some_and(|bytes| merge::is_named_by_content(names::stem(&name), bytes)) {
            return Ok(dealt(Some((Some(version), ours)), false));
        }
        let Some((bytes, update)) = self.get(&name).await? else {
            // Whatever is too large for us is none of ours: it stays, and what we have goes beside it.
            self.shared.skip(&name);
            let again = self.aside(&path, file.as_deref())?;
            return Ok(dealt(Some((Some(version), stamp(&path))), again));
        };
        let taken_bytes = bytes.len() as u64;
        // The campaign may have written meanwhile.
        let file = read_file(&path)?;
        let merged = match &file {
            Some(file) => merge::merge(names::stem(&name), file, &bytes),
            None if merge::read(&bytes).is_some() => MergeAction::Take,
            None => MergeAction::Nothing,
        };
        if merge::read(&bytes).is_none() {
            self.shared.skip(&name);
        }
        let again = match merged {
            MergeAction::Nothing => false,
            MergeAction::Take => {
                self.take(&path, &bytes)?;
                false
            }
            MergeAction::Aside => self.aside(&path, file.as_deref())?,
            MergeAction::AsideAndTake => {
                let again = self.aside(&path, file.as_deref())?;
                self.take(&path, &bytes)?;
                again
            }
            MergeAction::Give => {
                let stamp = stamp(&path);
                let version = self.put(&name, file.unwrap_or_default(), PutMode::Update(update)).await?;
                let again = version.is_none();
                return Ok(Dealt { taken_bytes, ..dealt(version.map(|version| (Some(version), stamp)), again) });
            }
        };
        Ok(Dealt { taken_bytes, ..dealt(Some((Some(version), stamp(&path))), again) })
    }

    /// Puts what came from the bucket into the folder.
    fn take(&self, path: &FilePath, bytes: &[u8]) -> Result<(), RemoteError> {
        write_whole(path.parent().unwrap_or(&self.folder), path, bytes, Flush::Later).map_err(copy)?;
        self.shared.taken(path);
        Ok(())
    }

    /// Keeps our case under a name of its own. Gives whether that made a new file.
    fn aside(&self, path: &FilePath, ours: Option<&[u8]>) -> Result<bool, RemoteError> {
        let (Some(case), Some(folder)) = (ours.and_then(merge::read), path.parent()) else { return Ok(false) };
        let written = Corpus::open(folder).and_then(|corpus| corpus.write_beside(&case)).map_err(copy)?;
        Ok(written != path)
    }

    /// An object and what it must still be when it is replaced. `None` where it is too large, or gone.
    async fn get(&self, name: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>, RemoteError> {
        let result = match self.store.get(&self.path(name)).await {
            Ok(result) => result,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        if result.meta.size > OBJECT_BYTES_LIMIT || self.taken_bytes > TAKEN_BYTES_LIMIT {
            return Ok(None);
        }
        let update = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = bounded(result).await.map_err(|error| self.error(&error))?;
        Ok(bytes.map(|bytes| (bytes, update)))
    }

    /// Puts an object, and gives its version in a listing. `None` where somebody else was faster.
    async fn put(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<Option<Version>, RemoteError> {
        let path = self.path(name);
        let payload = PutPayload::from(bytes);
        let put = match self.store.put_opts(&path, payload.clone(), PutOptions::from(mode)).await {
            // A server that knows no conditions: then the last one wins, and the next sync mends it.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => self.store.put(&path, payload).await,
            other => other,
        };
        match put {
            Ok(put) => {
                self.shared.given();
                // Without a tag the listing must be asked, and finds both sides the same.
                Ok(Some(put.e_tag.unwrap_or_default()))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// The object of that name. Names are plain, so that nothing is escaped.
    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.place.prefix.split('/').chain(name.split('/')).filter(|part| !part.is_empty()))
    }

    fn error(&self, error: &Error) -> RemoteError {
        RemoteError::new(&self.place, error)
    }
}

/// The bytes of an object, whatever its server said of its size. `None` where they are too many.
async fn bounded(result: GetResult) -> Result<Option<Vec<u8>>, Error> {
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

/// The bytes of a file. `None` where it is gone, or too large to be a case.
fn read_file(path: &FilePath) -> Result<Option<Vec<u8>>, RemoteError> {
    use io::Read;
    let failed = |error| copy(CorpusError::io("read the case", path)(error));
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Ok(file) => file.take(OBJECT_BYTES_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    Ok((bytes.len() as u64 <= OBJECT_BYTES_LIMIT).then_some(bytes))
}

fn stamp(path: &FilePath) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some((written.as_nanos(), metadata.len()))
}

fn copy(error: CorpusError) -> RemoteError {
    RemoteError::Copy(error.to_string())
}
