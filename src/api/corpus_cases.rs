//! Reads the cases of a corpus, or those that the user named.

use std::path::{Path, PathBuf};

use super::{Error, Plugin, files::read_text};
use crate::{case::Case, contract::PluginType, corpus::Corpus};

/// Reads the case at `path`; `-` is standard input.
pub(crate) fn read_case(path: &Path) -> Result<Case, Error> {
    Case::from_json(&read_text(path, true)?).map_err(|source| Error::Case { path: path.to_owned(), source })
}

/// Reads the cases at `paths`, which must be for plugins of this type.
pub(super) fn read_cases(paths: &[PathBuf], plugin_type: PluginType) -> Result<Vec<(PathBuf, Case)>, Error> {
    let read = |path: &PathBuf| {
        let case = read_case(path)?;
        must_be_for(plugin_type, &case, path)?;
        Ok((path.clone(), case))
    };
    paths.iter().map(read).collect()
}

/// Refuses a case for a plugin of another type.
pub(super) fn must_be_for(plugin_type: PluginType, case: &Case, path: &Path) -> Result<(), Error> {
    if case.plugin_type == plugin_type {
        return Ok(());
    }
    Err(Error::CaseOfOtherType { path: path.to_owned(), wanted: case.plugin_type, is: plugin_type })
}

impl Plugin {
    /// The cases of the corpus: of the plugin's own folder or, if there is none, of the whole corpus.
    pub(super) fn cases(&self) -> Result<Vec<(PathBuf, Case)>, Error> {
        let corpus = self.options.corpus_folder();
        if let Some(folder) = [&self.cases, &corpus].into_iter().find(|folder| folder.is_dir()) {
            return read_all(&Corpus::open(folder)?);
        }
        Err(if corpus.exists() { Error::CorpusIsFile(corpus) } else { Error::NoCorpus(corpus) })
    }

    /// The seeds that `fuzz` kept; none if it never ran.
    pub(super) fn seeds(&self) -> Result<Vec<(PathBuf, Case)>, Error> {
        let seeds = Corpus::open(&self.cases)?.seeds();
        if seeds.folder().is_dir() { read_all(&seeds) } else { Ok(Vec::new()) }
    }
}

/// Every case of a corpus, by path. A file that is not a case is an error.
fn read_all(corpus: &Corpus) -> Result<Vec<(PathBuf, Case)>, Error> {
    let entries = corpus.read_all()?.into_iter();
    entries.map(|(path, case)| Ok((path.clone(), case.map_err(|source| Error::Case { path, source })?))).collect()
}
