//! Which session is changed next: [`Entries`] holds the sessions that brought something new, and draws among them.
//!
//! An entry is drawn with a weight of three parts, none of which a clock steers where only runs count:
//! - **rarity**: the sum, over its edges, of one by the number of entries that run the edge too. Whoever alone reaches a
//!   branch is worth the most, and many who run the same are worth little each. Bounded, so that one long session does
//!   not take all;
//! - **youth**: sixteen times as much for one that was never drawn, half of the surplus gone after four draws, nearly
//!   nothing left after sixty;
//! - **cheapness**: what a session costs on average by what this one costs, within a factor of four.
//!
//! One that ended broken is worth a quarter: most of what is made of it breaks too. Bounded in number and bytes: those
//! that nothing rests on go first.

use std::sync::Arc;

use crate::{case::Session, trace::Edge};

/// How many entries there are at most.
const ENTRIES: usize = 4096;
/// How many bytes they have together, written down.
const BYTES: usize = 24 << 20;
/// What youth adds at first.
const YOUTH: f64 = 15.0;
/// After how many draws half of it is left.
const HALF: f64 = 4.0;
/// What an entry is worth that runs nothing of its own.
const LEAST: f64 = 0.25;
/// What its own edges are worth at most.
const MOST: f64 = 8.0;

/// A session that brought something new.
#[derive(Debug)]
pub(super) struct Entry {
    /// The session.
    pub(super) session: Arc<Session>,
    /// Numbers of the edges that it runs, each once.
    edges: Box<[u16]>,
    /// What it costs to run.
    cost: f64,
    /// How large it is, written down.
    bytes: usize,
    is_broken: bool,
    /// How often it was drawn.
    drawn: u32,
    /// One by the holders of each edge, summed up.
    rarity: f64,
}

impl Entry {
    /// A session that ran `edges`.
    pub(super) fn new(session: Arc<Session>, edges: &[Edge], cost: f64, bytes: usize, is_broken: bool) -> Self {
        let mut numbers: Vec<u16> = edges.iter().filter_map(|edge| u16::try_from(edge.number).ok()).collect();
        numbers.dedup();
        Self { session, edges: numbers.into(), cost, bytes, is_broken, drawn: 0, rarity: 0.0 }
    }

    fn weight(&self, average_cost: f64) -> f64 {
        let rarity = LEAST + self.rarity.min(MOST);
        let youth = 1.0 + YOUTH / (1.0 + f64::from(self.drawn) / HALF);
        let cheapness = (average_cost / self.cost.max(f64::MIN_POSITIVE)).clamp(0.25, 4.0);
        rarity * youth * cheapness * if self.is_broken { 0.25 } else { 1.0 }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Entries {
    all: Vec<Entry>,
    /// For each edge how many entries run it.
    holders: Box<[u32]>,
    bytes: usize,
    is_stale: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self { all: Vec::new(), holders: vec![0; Edge::COUNT].into(), bytes: 0, is_stale: false }
    }
}

impl Entries {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes one in, and lets others go where there is no room.
    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        for &edge in &entry.edges {
            self.holders[usize::from(edge)] += 1;
        }
        self.all.push(entry);
        self.is_stale = true;
        while self.all.len() > 1 && (self.all.len() > ENTRIES || self.bytes > BYTES) {
            self.weigh();
            // Never the last one: it is what was found just now.
            let older = &self.all[..self.all.len() - 1];
            let least = older.iter().enumerate().min_by(|(_, one), (_, other)| one.rarity.total_cmp(&other.rarity));
            let Some((least, _)) = least else { break };
            let gone = self.all.remove(least);
            self.bytes -= gone.bytes;
            for &edge in &gone.edges {
                self.holders[usize::from(edge)] -= 1;
            }
            self.is_stale = true;
        }
    }

    fn weigh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        for entry in &mut self.all {
            entry.rarity = entry.edges.iter().map(|&edge| 1.0 / f64::from(self.holders[usize::from(edge)])).sum();
        }
    }

    /// The entries that the numbers of `draws` draw, each counted as drawn.
    pub(super) fn draw(&mut self, draws: impl IntoIterator<Item = u64>) -> Vec<Arc<Session>> {
        self.weigh();
        if self.all.is_empty() {
            return Vec::new();
        }
        let average_cost = self.all.iter().map(|entry| entry.cost).sum::<f64>() / self.all.len() as f64;
        let mut drawn = Vec::new();
        for draw in draws {
            let all: f64 = self.all.iter().map(|entry| entry.weight(average_cost)).sum();
            // 53 bits, as many as fit: from 0 to less than 1.
            let mut left = (draw >> 11) as f64 / (1_u64 << 53) as f64 * all;
            let hit = self.all.iter().position(|entry| {
                left -= entry.weight(average_cost);
                left < 0.0
            });
            let at = hit.unwrap_or(self.all.len() - 1);
            self.all[at].drawn += 1;
            drawn.push(Arc::clone(&self.all[at].session));
        }
        drawn
    }

    /// Any entry, for what another one can take of it.
    pub(super) fn donor(&self, draw: u64) -> Option<Arc<Session>> {
        let at = usize::try_from(draw % self.all.len().max(1) as u64).ok()?;
        self.all.get(at).map(|entry| Arc::clone(&entry.session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        fake::{port, session},
        fuzz::mix,
    };

    fn entry(number: u64, edges: &[u32], cost: f64, bytes: usize, is_broken: bool) -> Entry {
        let edges: Vec<Edge> = edges.iter().map(|&number| Edge { number, bucket: 0 }).collect();
        Entry::new(Arc::new(session(number)), &edges, cost, bytes, is_broken)
    }

    /// How often each of the entries is drawn in a thousand draws.
    fn shares(entries: Vec<Entry>) -> Vec<usize> {
        let count = entries.len();
        let mut all = Entries::default();
        entries.into_iter().for_each(|entry| all.push(entry));
        let mut shares = vec![0; count];
        for drawn in all.draw((0..1000).map(|number| mix(1, number))) {
            shares[usize::try_from(port(&drawn.calls[0])).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn who_alone_reaches_a_branch_is_drawn_most() {
        let mut entries: Vec<Entry> = (0..9).map(|number| entry(number, &[1, 2], 1.0, 1, false)).collect();
        entries.push(entry(9, &[1, 2, 3], 1.0, 1, false));
        let shares = shares(entries);
        assert!(shares[..9].iter().all(|&share| share > 20 && share * 3 / 2 < shares[9]), "{shares:?}");
    }

    #[test]
    fn the_cheap_and_the_whole_are_drawn_more_than_the_dear_and_the_broken() {
        let shares =
            shares(vec![entry(0, &[1], 1.0, 1, false), entry(1, &[2], 8.0, 1, false), entry(2, &[3], 1.0, 1, true)]);
        assert!(shares[0] > shares[1] && shares[0] > shares[2] && shares[1] > 0 && shares[2] > 0, "{shares:?}");
    }

    #[test]
    fn a_young_entry_soon_has_its_share() {
        let mut all = Entries::default();
        all.push(entry(0, &[1], 1.0, 1, false));
        all.draw(0..1000);
        all.push(entry(1, &[1], 1.0, 1, false));
        let first: Vec<i64> =
            all.draw((0..10).map(|number| mix(1, number))).iter().map(|drawn| port(&drawn.calls[0])).collect();
        assert!(first.iter().filter(|&&drawn| drawn == 1).count() >= 7, "{first:?}");
    }

    #[test]
    fn what_nothing_rests_on_makes_room() {
        let mut all = Entries::default();
        all.push(entry(7, &[7], 1.0, BYTES / 2, false));
        for number in 0..3 {
            all.push(entry(number, &[1], 1.0, BYTES / 3, false));
        }
        assert!(all.len() < 4 && all.bytes <= BYTES);
        assert!(all.all.iter().any(|entry| port(&entry.session.calls[0]) == 7));
        assert!(all.all.iter().any(|entry| port(&entry.session.calls[0]) == 2), "the newest stays");
    }
}
