//! [`Synchronizer::sync_once`] makes folder and bucket equal: it lists the bucket, downloads what is new there, uploads
//! what is new here, and deletes nothing on either side. It keeps no time, starts no thread and prints nothing.
//!
//! It remembers for each name what both sides had when they were equal, so a synchronization without changes costs one
//! listing. Each name is processed by itself. If a synchronization is aborted, the next one goes on with the other
//! names.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use futures_util::{StreamExt, stream};
use object_store::PutMode;

use super::{
    bucket::{Bucket, OBJECT_BYTES_LIMIT, Version},
    error::RemoteError,
    merge::{self, MergeAction},
    names,
    shared_corpus::SharedCorpus,
};
use crate::corpus::{
    Corpus, CorpusError,
    atomic_write::{Flush, write_whole},
    walk::{Walk, walk},
};

/// How many bytes one run downloads at most: a bucket that someone filled must not fill the disk.
const RECEIVED_BYTES_LIMIT: u64 = 4 << 30;
/// How many requests run at once.
const REQUESTS: usize = 16;
/// How often a synchronization starts again because other hosts wrote meanwhile. The rest waits for the next one.
const PASSES: usize = 3;

/// How a file's content is identified: by the time of the last write and the size.
type Stamp = (u128, u64);
/// What bucket and folder have under a name.
type Sides = (Option<Version>, Option<Stamp>);

/// A folder and a bucket.
pub(super) struct Synchronizer {
    bucket: Bucket,
    /// The folder of the whole corpus.
    folder: PathBuf,
    /// The folder in the corpus that is synchronized; empty for the whole corpus.
    below: String,
    shared: Arc<SharedCorpus>,
    /// For each name, what both sides had when they were last equal or were left as they are.
    settled: HashMap<String, Sides>,
    received_bytes: u64,
}

/// The result for one name.
struct Outcome {
    name: String,
    /// What both sides have now; `None` if the next pass must process the name again.
    settled: Option<Sides>,
    received_bytes: u64,
    /// Whether there is something new that this pass did not see.
    needs_pass: bool,
}

impl Synchronizer {
    pub(super) fn new(bucket: Bucket, folder: PathBuf, shared: Arc<SharedCorpus>) -> Self {
        Self { bucket, folder, below: String::new(), shared, settled: HashMap::new(), received_bytes: 0 }
    }

    /// From now on, synchronizes only this folder of the corpus.
    pub(super) fn narrow(&mut self, below: &str) {
        self.below = below.to_owned();
    }

    /// Makes both sides equal, as far as possible.
    ///
    /// # Errors
    /// The first [`RemoteError`]. If the bucket is unreachable, nothing more is tried; after another error, all other
    /// names are processed.
    pub(super) async fn sync_once(&mut self) -> Result<(), RemoteError> {
        for _ in 0..PASSES {
            if !self.pass().await? {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether another pass is needed.
    async fn pass(&mut self) -> Result<bool, RemoteError> {
        let ours = self.files()?;
        self.count_unsent(&ours);
        let theirs = self.bucket.list(&self.below, &self.shared).await?;
        let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        let open: Vec<(String, Sides)> = names
            .into_iter()
            .map(|name| (name.clone(), (theirs.get(name).cloned(), ours.get(name).copied())))
            .filter(|(name, sides)| self.settled.get(name) != Some(sides))
            .collect();

        let mut first_error = None;
        let mut outcomes = Vec::new();
        {
            let this = &*self;
            let work = open.into_iter().map(|(name, (theirs, ours))| this.settle(name, theirs, ours));
            let mut work = stream::iter(work).buffer_unordered(REQUESTS);
            while let Some(result) = work.next().await {
                match result {
                    Ok(outcome) => outcomes.push(outcome),
                    Err(error) => {
                        let is_passing = error.is_passing();
                        first_error.get_or_insert(error);
                        if is_passing {
                            break;
                        }
                    }
                }
            }
        }
        let mut needs_pass = false;
        for outcome in outcomes {
            needs_pass |= outcome.needs_pass;
            self.received_bytes += outcome.received_bytes;
            if let Some(settled) = outcome.settled {
                self.settled.insert(outcome.name, settled);
            }
        }
        self.count_unsent(&ours);
        first_error.map_or(Ok(needs_pass), Err)
    }

    /// Counts the files that the bucket does not have, as far as is known.
    fn count_unsent(&self, ours: &BTreeMap<String, Stamp>) {
        let is_settled =
            |name: &String| self.settled.get(name).is_some_and(|(_, ours)| *ours == stamp(&self.folder.join(name)));
        self.shared.set_unsent(ours.keys().filter(|name| !is_settled(name)).count());
    }

    /// The files of the folder that the bucket may have.
    fn files(&self) -> Result<BTreeMap<String, Stamp>, RemoteError> {
        let folder = self.folder.join(&self.below);
        let paths = if folder.is_dir() {
            walk(&folder, Walk::Everything).map_err(|error| RemoteError::copy(&error))?
        } else {
            Vec::new()
        };
        let name = |path: PathBuf| {
            let name = path.strip_prefix(&self.folder).ok()?.to_str()?.to_owned();
            Some((names::is_plain(&name).then_some(name)?, stamp(&path)?))
        };
        Ok(paths.into_iter().filter_map(name).collect())
    }

    /// Processes one name.
    async fn settle(&self, name: String, theirs: Option<Version>, ours: Option<Stamp>) -> Result<Outcome, RemoteError> {
        let path = self.folder.join(&name);
        let file = if ours.is_some() { read_file(&path)? } else { None };
        let outcome = |settled, needs_pass| Outcome { name: name.clone(), settled, received_bytes: 0, needs_pass };
        let Some(version) = theirs else {
            return match file {
                Some(bytes) if merge::read(&bytes).is_some() => {
                    let version = self.upload(&name, bytes, PutMode::Create).await?;
                    let needs_pass = version.is_none();
                    Ok(outcome(version.map(|version| (Some(version), ours)), needs_pass))
                }
                // The file is not a case, or is gone by now.
                _ => Ok(outcome(Some((None, ours)), false)),
            };
        };
        if file.as_ref().is_some_and(|bytes| merge::is_named_by_content(names::stem(&name), bytes)) {
            return Ok(outcome(Some((Some(version), ours)), false));
        }
        let has_room = self.received_bytes <= RECEIVED_BYTES_LIMIT;
        let object = if has_room { self.bucket.get(&name).await? } else { None };
        let Some((bytes, update)) = object else {
            // An object that is too large is not ours. It stays, and our case gets another name.
            self.shared.add_skipped(&name);
            let needs_pass = self.set_aside(&path, file.as_deref())?;
            return Ok(outcome(Some((Some(version), stamp(&path))), needs_pass));
        };
        let received_bytes = bytes.len() as u64;
        // The run may have written the file meanwhile.
        let file = read_file(&path)?;
        let is_case = merge::read(&bytes).is_some();
        if !is_case {
            self.shared.add_skipped(&name);
        }
        let action = match &file {
            Some(file) => merge::merge(names::stem(&name), file, &bytes),
            None if is_case => MergeAction::Download,
            None => MergeAction::Nothing,
        };
        let needs_pass = match action {
            MergeAction::Nothing => false,
            MergeAction::Download => {
                self.download(&path, &bytes)?;
                false
            }
            MergeAction::SetAside => self.set_aside(&path, file.as_deref())?,
            MergeAction::SetAsideAndDownload => {
                let needs_pass = self.set_aside(&path, file.as_deref())?;
                self.download(&path, &bytes)?;
                needs_pass
            }
            MergeAction::Upload => {
                let stamp = stamp(&path);
                let version = self.upload(&name, file.unwrap_or_default(), PutMode::Update(update)).await?;
                let needs_pass = version.is_none();
                let settled = version.map(|version| (Some(version), stamp));
                return Ok(Outcome { received_bytes, ..outcome(settled, needs_pass) });
            }
        };
        Ok(Outcome { received_bytes, ..outcome(Some((Some(version), stamp(&path))), needs_pass) })
    }

    /// Writes a case of the bucket to the folder.
    fn download(&self, path: &Path, bytes: &[u8]) -> Result<(), RemoteError> {
        write_whole(path.parent().unwrap_or(&self.folder), path, bytes, Flush::Later)
            .map_err(|error| RemoteError::copy(&error))?;
        self.shared.add_received(path);
        Ok(())
    }

    /// Writes a case of the folder to the bucket. `None` if another host was faster.
    async fn upload(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<Option<Version>, RemoteError> {
        let version = self.bucket.put(name, bytes, mode).await?;
        if version.is_some() {
            self.shared.add_sent();
        }
        Ok(version)
    }

    /// Keeps our case under another name. Returns whether this made a new file.
    fn set_aside(&self, path: &Path, ours: Option<&[u8]>) -> Result<bool, RemoteError> {
        let (Some(case), Some(folder)) = (ours.and_then(merge::read), path.parent()) else { return Ok(false) };
        let written = Corpus::open(folder)
            .and_then(|corpus| corpus.write_beside(&case))
            .map_err(|error| RemoteError::copy(&error))?;
        Ok(written != path)
    }
}

/// The bytes of a file. `None` if it is gone, or too large for a case.
fn read_file(path: &Path) -> Result<Option<Vec<u8>>, RemoteError> {
    use io::Read;
    let failed = |error| RemoteError::copy(&CorpusError::io("read the case", path)(error));
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Ok(file) => file.take(OBJECT_BYTES_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    Ok((bytes.len() as u64 <= OBJECT_BYTES_LIMIT).then_some(bytes))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some((written.as_nanos(), metadata.len()))
}
