//! [`Scheduler`]: draws the testcase to mutate next (a power schedule, as in AFLFast and Centipede).
//!
//! The energy of a testcase is the product of three factors. If only the number of runs counts, none depends on a
//! clock:
//! - **feature rarity**: the sum, over its edges, of one divided by the number of testcases with that edge. A testcase
//!   that alone reaches a branch has the most; many that run the same edges have little each. Bounded, so that one long
//!   session does not take all;
//! - **recency**: sixteen times as much for a testcase that was never drawn. Half of the surplus is gone after four
//!   draws, nearly all after sixty;
//! - **execution time**: the average cost of the testcases divided by the cost of this one, within a factor of four.
//!
//! A testcase that was aborted has a quarter of the energy, because most of its mutations abort too. The number and the
//! bytes of testcases are bounded: those with the least rarity are dropped first.

use std::sync::Arc;

use crate::{case::Session, trace::Edge};

/// How many testcases there are at most.
const TESTCASES: usize = 4096;
/// How many bytes all testcases have at most, as JSON.
const BYTES: usize = 24 << 20;
/// What recency adds before the first draw.
const RECENCY: f64 = 15.0;
/// After this many draws half of it is left.
const RECENCY_HALF_LIFE: f64 = 4.0;
/// The rarity of a testcase without an edge of its own.
const RARITY_LEAST: f64 = 0.25;
/// What the edges add at most.
const RARITY_MOST: f64 = 8.0;

/// A session with new coverage.
#[derive(Debug)]
pub(super) struct Testcase {
    pub(super) session: Arc<Session>,
    /// The edges that it runs, each once.
    edges: Box<[u16]>,
    /// Its execution time in seconds; the number of its calls if only the number of runs counts.
    cost: f64,
    /// Its size as JSON.
    bytes: usize,
    is_aborted: bool,
    /// How often it was drawn.
    drawn: u32,
    /// The sum over its edges of one divided by the number of testcases with that edge.
    rarity: f64,
}

impl Testcase {
    /// A testcase that ran `edges`.
    pub(super) fn new(session: Arc<Session>, edges: &[Edge], cost: f64, bytes: usize, is_aborted: bool) -> Self {
        let mut numbers: Vec<u16> = edges.iter().filter_map(|edge| u16::try_from(edge.number).ok()).collect();
        numbers.dedup();
        Self { session, edges: numbers.into(), cost, bytes, is_aborted, drawn: 0, rarity: 0.0 }
    }

    fn energy(&self, average_cost: f64) -> f64 {
        let rarity = RARITY_LEAST + self.rarity.min(RARITY_MOST);
        let recency = 1.0 + RECENCY / (1.0 + f64::from(self.drawn) / RECENCY_HALF_LIFE);
        let speed = (average_cost / self.cost.max(f64::MIN_POSITIVE)).clamp(0.25, 4.0);
        rarity * recency * speed * if self.is_aborted { 0.25 } else { 1.0 }
    }
}

/// The testcases.
#[derive(Debug)]
pub(super) struct Scheduler {
    all: Vec<Testcase>,
    /// For each edge, how many testcases run it.
    edge_counts: Box<[u32]>,
    bytes: usize,
    /// Whether the rarity of the testcases must be computed again.
    is_stale: bool,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self { all: Vec::new(), edge_counts: vec![0; Edge::COUNT].into(), bytes: 0, is_stale: false }
    }
}

impl Scheduler {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a testcase, and drops others if there is no room.
    pub(super) fn push(&mut self, testcase: Testcase) {
        self.bytes += testcase.bytes;
        for &edge in &testcase.edges {
            self.edge_counts[usize::from(edge)] += 1;
        }
        self.all.push(testcase);
        self.is_stale = true;
        while self.all.len() > 1 && (self.all.len() > TESTCASES || self.bytes > BYTES) {
            self.compute_rarity();
            // Never the last one, which is new.
            let older = &self.all[..self.all.len() - 1];
            let least = older.iter().enumerate().min_by(|(_, one), (_, other)| one.rarity.total_cmp(&other.rarity));
            let Some((least, _)) = least else { break };
            let dropped = self.all.remove(least);
            self.bytes -= dropped.bytes;
            for &edge in &dropped.edges {
                self.edge_counts[usize::from(edge)] -= 1;
            }
            self.is_stale = true;
        }
    }

    fn compute_rarity(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        for testcase in &mut self.all {
            testcase.rarity =
                testcase.edges.iter().map(|&edge| 1.0 / f64::from(self.edge_counts[usize::from(edge)])).sum();
        }
    }

    /// Draws a testcase for each random number of `draws`.
    pub(super) fn draw(&mut self, draws: impl IntoIterator<Item = u64>) -> Vec<Arc<Session>> {
        self.compute_rarity();
        if self.all.is_empty() {
            return Vec::new();
        }
        let average_cost = self.all.iter().map(|testcase| testcase.cost).sum::<f64>() / self.all.len() as f64;
        let mut drawn = Vec::new();
        for draw in draws {
            let all: f64 = self.all.iter().map(|testcase| testcase.energy(average_cost)).sum();
            // 53 random bits: from 0 to less than 1.
            let mut left = (draw >> 11) as f64 / (1_u64 << 53) as f64 * all;
            let hit = self.all.iter().position(|testcase| {
                left -= testcase.energy(average_cost);
                left < 0.0
            });
            let at = hit.unwrap_or(self.all.len() - 1);
            self.all[at].drawn += 1;
            drawn.push(Arc::clone(&self.all[at].session));
        }
        drawn
    }

    /// Any testcase, to splice from.
    pub(super) fn donor(&self, draw: u64) -> Option<Arc<Session>> {
        let at = usize::try_from(draw % self.all.len().max(1) as u64).ok()?;
        self.all.get(at).map(|testcase| Arc::clone(&testcase.session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        fake::{port, session},
        fuzz::mix::mix,
    };

    fn testcase(number: u64, edges: &[u32], cost: f64, bytes: usize, is_aborted: bool) -> Testcase {
        let edges: Vec<Edge> = edges.iter().map(|&number| Edge { number, bucket: 0 }).collect();
        Testcase::new(Arc::new(session(number)), &edges, cost, bytes, is_aborted)
    }

    /// How often each testcase is drawn in a thousand draws.
    fn shares(testcases: Vec<Testcase>) -> Vec<usize> {
        let count = testcases.len();
        let mut all = Scheduler::default();
        testcases.into_iter().for_each(|testcase| all.push(testcase));
        let mut shares = vec![0; count];
        for drawn in all.draw((0..1000).map(|number| mix(1, number))) {
            shares[usize::try_from(port(&drawn.calls[0])).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn a_testcase_that_alone_reaches_a_branch_is_drawn_most() {
        let mut testcases: Vec<Testcase> = (0..9).map(|number| testcase(number, &[1, 2], 1.0, 1, false)).collect();
        testcases.push(testcase(9, &[1, 2, 3], 1.0, 1, false));
        let shares = shares(testcases);
        assert!(shares[..9].iter().all(|&share| share > 20 && share * 3 / 2 < shares[9]), "{shares:?}");
    }

    #[test]
    fn fast_and_complete_testcases_are_drawn_more_than_slow_and_aborted_ones() {
        let shares = shares(vec![
            testcase(0, &[1], 1.0, 1, false),
            testcase(1, &[2], 8.0, 1, false),
            testcase(2, &[3], 1.0, 1, true),
        ]);
        assert!(shares[0] > shares[1] && shares[0] > shares[2] && shares[1] > 0 && shares[2] > 0, "{shares:?}");
    }

    #[test]
    fn a_new_testcase_soon_has_its_share() {
        let mut all = Scheduler::default();
        all.push(testcase(0, &[1], 1.0, 1, false));
        all.draw(0..1000);
        all.push(testcase(1, &[1], 1.0, 1, false));
        let first: Vec<i64> =
            all.draw((0..10).map(|number| mix(1, number))).iter().map(|drawn| port(&drawn.calls[0])).collect();
        assert!(first.iter().filter(|&&drawn| drawn == 1).count() >= 7, "{first:?}");
    }

    #[test]
    fn testcases_without_an_edge_of_their_own_are_dropped_first() {
        let mut all = Scheduler::default();
        all.push(testcase(7, &[7], 1.0, BYTES / 2, false));
        for number in 0..3 {
            all.push(testcase(number, &[1], 1.0, BYTES / 3, false));
        }
        assert!(all.len() < 4 && all.bytes <= BYTES);
        assert!(all.all.iter().any(|testcase| port(&testcase.session.calls[0]) == 7));
        assert!(all.all.iter().any(|testcase| port(&testcase.session.calls[0]) == 2), "the newest stays");
    }
}
