//! What of the plugin's code ran so far in the whole campaign: [`Map`], for each edge the buckets in which it was seen.
//! Its size is fixed, however long a campaign runs.

use crate::trace::Edge;

/// Edges with their buckets.
#[derive(Debug)]
pub(super) struct Map {
    /// A bit for each bucket.
    seen: Box<[u8]>,
    edges: usize,
}

/// What a session brought to the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Edges that never ran before.
    pub(super) edges: usize,
    /// Edges that never ran as often before, those that never ran at all included.
    pub(super) buckets: usize,
}

impl Default for Map {
    fn default() -> Self {
        Self { seen: vec![0; Edge::COUNT].into_boxed_slice(), edges: 0 }
    }
}

impl Map {
    /// Takes in what a session ran, and says what of it is new.
    pub(super) fn mark(&mut self, edges: &[Edge]) -> News {
        let mut news = News::default();
        for edge in edges {
            let Some(seen) = self.seen.get_mut(edge.number as usize) else { continue };
            let bit = 1 << (edge.bucket & 7);
            if *seen == 0 {
                news.edges += 1;
            }
            if *seen & bit == 0 {
                news.buckets += 1;
                *seen |= bit;
            }
        }
        self.edges += news.edges;
        news
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
    fn an_edge_is_news_once_and_once_more_in_each_new_bucket() {
        let mut map = Map::default();
        let edge = |number, bucket| Edge { number, bucket };
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 0)]), News { edges: 2, buckets: 2 });
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 7)]), News { edges: 0, buckets: 1 });
        assert_eq!(map.mark(&[edge(1, 0), edge(2, 7)]), News::default());
        // A worker is not trusted to keep to the range.
        assert_eq!(map.mark(&[edge(u32::MAX, 255)]), News::default());
        assert_eq!(map.edges(), 2);
    }
}
