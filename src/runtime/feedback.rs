//! What a session did inside the plugin's own code: which edges it ran and what it compared. Seen by a worker that
//! watches, for whoever steers by it.
//!
//! How it crosses the wire stands here too. As everything from a worker it is checked: whatever a plugin wrote over it
//! gives edges and comparisons that could be some, or an error.

use crate::{
    generate::{Comparison, ComparisonKind},
    runtime::{
        Holding, Trace, Usage,
        wire::{Reader, WireError, Writer},
    },
};

/// What is watched while sessions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Edges, as far as they are new to this worker.
    #[default]
    NewEdges,
    /// All edges, and comparisons; before CPython 3.12 also all lines, which are a sample otherwise. Costs about twice as
    /// much: for sessions that are worth a closer look.
    Comparisons,
}

/// A trace with what was watched meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The trace.
    pub trace: Trace,
    /// Edges of the plugin's own code that ran, ascending, each once. Under [`Watch::NewEdges`] empty when none of them,
    /// as often as they ran, is new to this worker; otherwise all of the session's.
    pub edges: Vec<Edge>,
    /// What the plugin compared, each once, at most [`COMPARISONS_LIMIT`]; empty under [`Watch::NewEdges`], and for a
    /// session that ended its process.
    pub comparisons: Vec<Comparison>,
    /// What the calls cost, where that was asked for: one for each call that lived to tell.
    pub usage: Vec<Usage>,
    /// What the process held afterwards, now and then where it was asked for.
    pub holding: Option<Holding>,
}

/// From one line of the plugin's code to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Its number: a hash below [`Edge::COUNT`], the same in every process and on every host for the same source.
    pub number: u32,
    /// How often it ran in the session, as a bucket from 0: once, twice, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
    pub bucket: u8,
}

impl Edge {
    /// How many numbers there are.
    pub const COUNT: usize = 1 << 16;

    /// The bucket of something that ran `times` times, at least once.
    pub const fn bucket_of(times: u32) -> u8 {
        match times {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4..=7 => 3,
            8..=15 => 4,
            16..=31 => 5,
            32..=127 => 6,
            _ => 7,
        }
    }
}

/// How many comparisons of a session are told at most.
pub const COMPARISONS_LIMIT: usize = 256;

impl Writer {
    /// Edges, ascending.
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
    /// Edges.
    ///
    /// # Errors
    /// Where there are none.
    pub fn edges(&mut self) -> Result<Vec<Edge>, WireError> {
        // Their numbers ascend and are bounded, so they need not be counted among the things.
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

    /// Comparisons: for each its place, kind, whether it held, left and right.
    ///
    /// # Errors
    /// Where there are none, or more than are told.
    pub fn comparisons(&mut self) -> Result<Vec<Comparison>, WireError> {
        let count = self.count()?;
        if count > COMPARISONS_LIMIT {
            return Err(self.error());
        }
        let mut comparisons = Vec::with_capacity(count);
        for _ in 0..count {
            comparisons.push(Comparison {
                place: u32::try_from(self.number()?).map_err(|_| self.error())?,
                kind: ComparisonKind::numbered(self.byte()?).ok_or(self.error())?,
                held: self.byte()? != 0,
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
    fn edges_that_are_none_are_an_error() {
        let read = |bytes: &[u8]| Reader::new(bytes).edges();
        assert_eq!(read(&[1, 0xff, 0xff, 3, 7]).map(|edges| edges[0].number), Ok(65535));
        for bytes in [&[1, 0x80, 0x80, 4, 0][..], &[1, 0, 8], &[2, 5, 0, 0, 0], &[2, 5, 0], &[1; 1]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn more_comparisons_than_are_told_are_an_error() {
        let one = [1, 0, 1, 0, 0];
        let of = |count: u64| {
            let mut writer = Writer::default();
            writer.number(count);
            writer.bytes.extend(one.repeat(count as usize));
            Reader::new(&writer.bytes).comparisons().map(|comparisons| comparisons.len())
        };
        assert_eq!(of(COMPARISONS_LIMIT as u64), Ok(COMPARISONS_LIMIT));
        assert!(of(COMPARISONS_LIMIT as u64 + 1).is_err());
    }
}
