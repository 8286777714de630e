//! The edges that the session that runs has taken, and those that are known: counters for the worker, and what the host
//! reads if the worker died.
//!
//! Beginning a session costs time in proportion to the edges of the last one, not to all that there are: a list has the
//! numbers of those that were taken. Whatever a plugin writes over it, the reader gets edges that could exist.

use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use super::{SharedMemory, memory::EDGES_AT};
use crate::trace::Edge;

/// For each edge, a bit for each bucket that was seen.
const SEEN_AT: usize = EDGES_AT;
/// For each edge, how often the session that runs has taken it.
const TIMES_AT: usize = SEEN_AT + Edge::COUNT;
/// The numbers of the edges that it has taken, in their order.
const TAKEN_AT: usize = TIMES_AT + Edge::COUNT;
/// The size of all three areas.
pub(super) const BYTES: usize = 4 * Edge::COUNT;

impl SharedMemory {
    fn edge_byte(&self, area: usize, number: u16) -> &AtomicU8 {
        // SAFETY: both areas have a byte for each of the 64 Ki numbers, and code touches them as atomics only.
        unsafe { &*self.base.add(area + usize::from(number)).cast::<AtomicU8>() }
    }

    fn taken(&self, at: u16) -> &AtomicU16 {
        // SAFETY: the area has two bytes for each of the 64 Ki places and begins at an even address, and code touches
        // it as atomics only.
        unsafe { &*self.base.add(TAKEN_AT + 2 * usize::from(at)).cast::<AtomicU16>() }
    }

    /// Counts an edge of the session that runs. Only one process at a time does: if two of its threads meet here, a
    /// count is lost and nothing else.
    #[inline]
    pub fn count_edge(&self, number: u16) {
        let times = self.edge_byte(TIMES_AT, number);
        match times.load(Ordering::Relaxed) {
            0 => {
                let taken = self.header().edges_taken.load(Ordering::Relaxed);
                self.taken(taken as u16).store(number, Ordering::Relaxed);
                times.store(1, Ordering::Relaxed);
                self.header().edges_taken.store(taken.wrapping_add(1), Ordering::Relaxed);
            }
            u8::MAX => {}
            before => times.store(before + 1, Ordering::Relaxed),
        }
    }

    fn each_taken(&self, mut visit: impl FnMut(u16)) {
        let taken = self.header().edges_taken.load(Ordering::Relaxed).min(Edge::COUNT as u32);
        (0..taken).for_each(|at| visit(self.taken(at as u16).load(Ordering::Relaxed)));
    }

    /// Sets the counters of the last session back to 0.
    pub fn clear_edges(&self) {
        self.each_taken(|number| self.edge_byte(TIMES_AT, number).store(0, Ordering::Relaxed));
        self.header().edges_taken.store(0, Ordering::Relaxed);
    }

    /// Whether the session took an edge that was not seen before, or not as often.
    pub fn has_new_edges(&self) -> bool {
        let mut new = false;
        self.each_taken(|number| {
            let times = self.edge_byte(TIMES_AT, number).load(Ordering::Relaxed);
            let bit = 1 << Edge::bucket_of(times.into());
            new |= times != 0 && self.edge_byte(SEEN_AT, number).load(Ordering::Relaxed) & bit == 0;
        });
        new
    }

    /// The edges that the session took, ascending, each once.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        self.each_taken(|number| {
            let times = self.edge_byte(TIMES_AT, number).load(Ordering::Relaxed);
            if times != 0 {
                edges.push(Edge { number: number.into(), bucket: Edge::bucket_of(times.into()) });
            }
        });
        edges.sort_unstable();
        edges.dedup_by_key(|edge| edge.number);
        edges
    }

    /// Marks edges as seen. Numbers that no edge has are ignored.
    pub fn mark_seen(&self, edges: &[Edge]) {
        for edge in edges {
            if let Ok(number) = u16::try_from(edge.number) {
                let bit = 1_u8.checked_shl(edge.bucket.into()).unwrap_or(0);
                self.edge_byte(SEEN_AT, number).fetch_or(bit, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_new_until_it_was_seen_as_often() {
        let host = SharedMemory::new().unwrap();
        let worker = SharedMemory::map(host.fd()).unwrap();
        let session = |numbers: &[u16]| {
            worker.clear_edges();
            numbers.iter().for_each(|&number| worker.count_edge(number));
            (host.has_new_edges(), host.edges())
        };
        let edge = |number, bucket| Edge { number, bucket };
        assert_eq!(session(&[9, 0, 9, 65535]), (true, vec![edge(0, 0), edge(9, 1), edge(65535, 0)]));
        host.mark_seen(&[edge(0, 0), edge(9, 1), edge(65536, 0), edge(3, 200)]);
        assert!(!session(&[9, 9, 0]).0);
        assert_eq!(session(&[9]), (true, vec![edge(9, 0)]));
        assert!(session(&[3]).0);
        assert_eq!(session(&[7; 1000]).1, [edge(7, 7)]);
        assert_eq!(session(&[]), (false, vec![]));
    }

    #[test]
    fn edges_that_a_plugin_wrote_over_are_still_numbers_of_edges() {
        let shared = SharedMemory::new().unwrap();
        shared.header().edges_taken.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(shared.edges(), []);
        assert!(!shared.has_new_edges());
        shared.clear_edges();
        shared.count_edge(5);
        assert_eq!(shared.edges().len(), 1);
    }
}
