//! [`Coverage`]: line coverage of the plugin's own files, for reports. `fuzz` is guided by edges instead.

use std::collections::HashSet;

use crate::trace::Loading;

/// The lines of the plugin's own files that ran, among those with code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines that ran.
    pub lines_hit: u64,
    /// Lines with code.
    pub lines: u64,
    /// Whether lines were recorded in only some of the sessions, as before CPython 3.12: then more lines may have run.
    pub is_sampled: bool,
    /// For each file its path, its lines with code, and whether each ran.
    pub files: Vec<(String, Vec<(u32, bool)>)>,
}

impl Coverage {
    /// The coverage of a plugin whose workers ran the lines `hit`: (index into [`Loading::files`], line).
    pub fn new(loading: &Loading, hit: impl IntoIterator<Item = (usize, u32)>) -> Self {
        let hit: HashSet<(usize, u32)> = hit.into_iter().collect();
        let files: Vec<(String, Vec<(u32, bool)>)> = loading
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                (file.path.clone(), file.lines.iter().map(|&line| (line, hit.contains(&(index, line)))).collect())
            })
            .collect();
        let lines = files.iter().map(|(_, lines)| lines.len() as u64).sum();
        let lines_hit = files.iter().flat_map(|(_, lines)| lines).filter(|(_, hit)| *hit).count() as u64;
        let minor = loading.python.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        Self { lines_hit, lines, is_sampled: minor.is_some_and(|minor| minor < 12), files }
    }
}
