//! [`CoverageMap`]: for each edge of the plugin's code, the hit-count buckets that were seen in the whole run. Its size
//! is fixed.

use crate::trace::Edge;

/// Edges with their buckets.
#[derive(Debug)]
pub(super) struct CoverageMap {
    /// For each edge a bit for each bucket.
    seen: Box<[u8]>,
    edges: usize,
}

/// What a session was the first to run or to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NewCoverage {
    /// Edges that never ran before.
    pub(super) edges: usize,
    /// Edges that never ran so often before, new edges included.
    pub(super) buckets: usize,
    /// Features that were never seen before.
    pub(super) features: usize,
}

impl Default for CoverageMap {
    fn default() -> Self {
        Self { seen: vec![0; Edge::COUNT].into_boxed_slice(), edges: 0 }
    }
}

impl CoverageMap {
    /// Marks the edges of a session, and returns how many edges and buckets are new.
    pub(super) fn mark(&mut self, edges: &[Edge]) -> NewCoverage {
        let mut new = NewCoverage::default();
        for edge in edges {
            // A worker is not trusted to keep to the range.
            let Some(seen) = self.seen.get_mut(edge.number as usize) else { continue };
            let bit = 1 << (edge.bucket & 7);
            if *seen == 0 {
                new.edges += 1;
            }
            if *seen & bit == 0 {
                new.buckets += 1;
                *seen |= bit;
            }
        }
        self.edges += new.edges;
        new
    }

    /// How many edges ran.
    pub(super) const fn edges(&self) -> usize {
        self.edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_new_once_and_once_more_in_each_new_bucket() {
        let mut map = CoverageMap::default();
        let edge = |number, bucket| Edge { number, bucket };
        let new = |edges, buckets| NewCoverage { edges, buckets, features: 0 };
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 0)]), new(2, 2));
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 7)]), new(0, 1));
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 7)]), new(0, 0));
        assert_eq!(map.mark(&[edge(u32::MAX, 255)]), new(0, 0));
        assert_eq!(map.edges(), 2);
    }
}
