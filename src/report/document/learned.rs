//! What some commands alone tell, read back: the calls that `run` saw, what `fuzz` learned, what `minimize` made smaller.

use serde::Deserialize;

use super::{Called, Document, SizeRead};

/// What `run` saw.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Trace {
    /// Its calls, in order.
    pub calls: Vec<Called>,
}

/// What `fuzz` learned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// Edges that ran.
    pub edges: u64,
    /// Outcomes that were seen.
    pub features: u64,
    /// Sessions that brought something new.
    pub corpus: u64,
    /// Those of them that the corpus did not hold before.
    pub corpus_new: u64,
}

/// What became of a case that was shrunk. Sizes are calls and arguments.
#[derive(Clone, Copy, Debug)]
pub struct Smaller<'a> {
    /// The case's file.
    pub path: &'a str,
    /// As it was.
    pub before: (usize, usize),
    /// As it is; none where it was taken out of the corpus.
    pub after: Option<(usize, usize)>,
    /// Why it was taken out.
    pub reason: Option<&'a str>,
}

impl Document {
    /// What `minimize` did with each case.
    pub fn shrunk(&self) -> impl Iterator<Item = Smaller<'_>> {
        let size = |size: SizeRead| (size.calls, size.arguments);
        self.minimized.iter().map(move |one| Smaller {
            path: &one.path,
            before: size(one.before),
            after: one.after.map(size),
            reason: one.reason.as_deref(),
        })
    }
}
