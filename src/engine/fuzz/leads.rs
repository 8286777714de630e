//! Sessions that a comparison suggests: [`Leads`]. They are run before anything else, those of the newest entry first, so
//! that one branch behind another falls as soon as the first one has.
//!
//! A comparison that was followed from many entries without success is not followed for ever: what is fresh comes first,
//! and what was followed [`TIMES`] times is left out.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{case::Session, trace::CmpLogEntry};

/// How many sessions wait; the oldest are dropped.
const SESSIONS: usize = 2048;
/// How many sessions one entry may suggest.
const OF_ONE: usize = 384;
/// From how many entries one comparison is followed.
const TIMES: u8 = 6;
/// How many comparisons are remembered. When there are more, all are forgotten and followed anew.
const REMEMBERED: usize = 1 << 16;

/// What waits to be tried.
#[derive(Debug, Default)]
pub(super) struct Leads {
    /// For each entry what its comparisons suggest, the newest last.
    groups: VecDeque<VecDeque<Session>>,
    waiting: usize,
    followed: HashMap<u64, u8>,
}

impl Leads {
    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Of the comparisons that a new entry makes those that are worth following, the fresh ones first. Each counts as
    /// followed once more.
    pub(super) fn worth_following(&mut self, comparisons: Vec<CmpLogEntry>) -> Vec<CmpLogEntry> {
        if self.followed.len() > REMEMBERED {
            self.followed.clear();
        }
        let mut worth: Vec<(u8, CmpLogEntry)> = Vec::new();
        for comparison in comparisons {
            let mut hasher = DefaultHasher::new();
            (comparison.place, comparison.kind, comparison.matched).hash(&mut hasher);
            // Values have no hash of their own, since floats have none.
            format!("{:?} {:?}", comparison.left, comparison.right).hash(&mut hasher);
            let times = self.followed.entry(hasher.finish()).or_default();
            if *times < TIMES {
                worth.push((*times, comparison));
                *times += 1;
            }
        }
        worth.sort_by_key(|(times, _)| *times);
        worth.into_iter().map(|(_, comparison)| comparison).collect()
    }

    /// Takes in what a new entry's comparisons suggest, the likeliest first.
    pub(super) fn push(&mut self, sessions: Vec<Session>) {
        let group: VecDeque<Session> = sessions.into_iter().take(OF_ONE).collect();
        if group.is_empty() {
            return;
        }
        self.waiting += group.len();
        self.groups.push_back(group);
        while self.waiting > SESSIONS {
            let Some(oldest) = self.groups.pop_front() else { break };
            self.waiting -= oldest.len();
        }
    }

    /// The next one to try.
    pub(super) fn pop(&mut self) -> Option<Session> {
        let newest = self.groups.back_mut()?;
        let session = newest.pop_front();
        if newest.is_empty() {
            self.groups.pop_back();
        }
        self.waiting -= usize::from(session.is_some());
        session
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Value,
        engine::fake::{port, session},
        trace::CmpKind,
    };

    fn numbers(range: std::ops::Range<u64>) -> Vec<Session> {
        range.map(session).collect()
    }

    #[test]
    fn the_newest_entrys_suggestions_come_first_and_the_oldest_are_dropped() {
        let mut leads = Leads::default();
        leads.push(numbers(0..2));
        leads.push(numbers(10..12));
        let mut popped = Vec::new();
        popped.extend(leads.pop());
        leads.push(numbers(20..21));
        popped.extend(std::iter::from_fn(|| leads.pop()));
        assert_eq!(popped.iter().map(|session| port(&session.calls[0])).collect::<Vec<_>>(), [10, 20, 11, 0, 1]);
        assert!(leads.is_empty());

        for number in 0..100 {
            leads.push(numbers(number * 1000..number * 1000 + 500));
        }
        assert!(leads.waiting <= SESSIONS);
        assert_eq!(port(&leads.pop().unwrap().calls[0]), 99_000);
        assert_eq!(std::iter::from_fn(|| leads.pop()).count(), SESSIONS / OF_ONE * OF_ONE - 1);
    }

    #[test]
    fn a_comparison_is_followed_from_some_entries_and_a_fresh_one_comes_first() {
        let comparison = |place, right: &str| CmpLogEntry {
            place,
            kind: CmpKind::Equal,
            left: Value::text("a"),
            right: Value::text(right),
            matched: false,
        };
        let mut leads = Leads::default();
        for _ in 0..TIMES {
            assert_eq!(leads.worth_following(vec![comparison(1, "x")]).len(), 1);
        }
        assert_eq!(leads.worth_following(vec![comparison(1, "x")]), []);
        assert_eq!(leads.worth_following(vec![comparison(1, "y")]).len(), 1);
        let both = leads.worth_following(vec![comparison(1, "y"), comparison(2, "y")]);
        assert_eq!(both.iter().map(|one| one.place).collect::<Vec<_>>(), [2, 1]);
    }
}
