//! Edges and comparisons. The reader checks them like everything from a worker: if a plugin wrote over them, they are
//! an error, or edges and values that could be real.

use super::{Reader, WireError, Writer};
use crate::trace::{CMP_LOG_LIMIT, CmpKind, CmpLogEntry, Edge};

impl Writer {
    /// Writes edges, which must ascend.
    pub fn edges(&mut self, edges: &[Edge]) {
        self.number(edges.len() as u64);
        let mut before = 0;
        for edge in edges {
            self.number(u64::from(edge.number - before));
            self.byte(edge.bucket);
            before = edge.number;
        }
    }
}

impl Reader<'_> {
    /// Reads edges.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn edges(&mut self) -> Result<Vec<Edge>, WireError> {
        // Their numbers ascend and are bounded, so they need not count as objects.
        let count = self.length()?;
        let mut edges = Vec::with_capacity(count.min(1024));
        let mut number = 0_u64;
        for at in 0..count {
            let further = self.number()?;
            number = number.saturating_add(further);
            let bucket = self.byte()?;
            if number >= Edge::COUNT as u64 || bucket > 7 || (further == 0 && at > 0) {
                return Err(self.error());
            }
            edges.push(Edge { number: number as u32, bucket });
        }
        Ok(edges)
    }

    /// Reads comparisons: for each its place, kind, whether it matched, left and right.
    ///
    /// # Errors
    /// If the bytes are none, or more than a worker writes.
    pub fn comparisons(&mut self) -> Result<Vec<CmpLogEntry>, WireError> {
        let count = self.count()?;
        if count > CMP_LOG_LIMIT {
            return Err(self.error());
        }
        let mut comparisons = Vec::with_capacity(count);
        for _ in 0..count {
            comparisons.push(CmpLogEntry {
                place: u32::try_from(self.number()?).map_err(|_| self.error())?,
                kind: CmpKind::numbered(self.byte()?).ok_or(self.error())?,
                matched: self.byte()? != 0,
                left: self.value()?,
                right: self.value()?,
            });
        }
        Ok(comparisons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_cross_the_wire_unchanged() {
        let edge = |number, bucket| Edge { number, bucket };
        for edges in [vec![], vec![edge(0, 0)], vec![edge(0, 7), edge(1, 1), edge(65535, 2)]] {
            let mut writer = Writer::default();
            writer.edges(&edges);
            assert_eq!(Reader::new(&writer.bytes).edges(), Ok(edges));
        }
    }

    #[test]
    fn edges_that_cannot_exist_are_an_error() {
        let read = |bytes: &[u8]| Reader::new(bytes).edges();
        assert_eq!(read(&[1, 0xff, 0xff, 3, 7]).map(|edges| edges[0].number), Ok(65535));
        for bytes in [&[1, 0x80, 0x80, 4, 0][..], &[1, 0, 8], &[2, 5, 0, 0, 0], &[2, 5, 0], &[1; 1]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn more_comparisons_than_a_worker_writes_are_an_error() {
        let one = [1, 0, 1, 0, 0];
        let of = |count: u64| {
            let mut writer = Writer::default();
            writer.number(count);
            writer.bytes.extend(one.repeat(count as usize));
            Reader::new(&writer.bytes).comparisons().map(|comparisons| comparisons.len())
        };
        assert_eq!(of(CMP_LOG_LIMIT as u64), Ok(CMP_LOG_LIMIT));
        assert!(of(CMP_LOG_LIMIT as u64 + 1).is_err());
    }
}
