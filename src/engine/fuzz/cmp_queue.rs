//! [`CmpQueue`]: sessions that comparisons suggest (input-to-state, as in RedQueen and AFL++ CmpLog). They run before
//! all others, those of the newest testcase first, so that nested conditions are solved one after another.
//!
//! A comparison is followed from a bounded number of testcases; comparisons that were followed least come first.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{case::Session, trace::CmpLogEntry};

/// How many sessions can wait; the oldest are dropped.
const SESSIONS: usize = 2048;
/// How many sessions one testcase can suggest.
const SESSIONS_OF_A_TESTCASE: usize = 384;
/// From how many testcases one comparison is followed.
const FOLLOWED_MOST: u8 = 6;
/// How many comparisons are remembered. If there are more, all are forgotten and may be followed again.
const REMEMBERED: usize = 1 << 16;

/// Sessions that wait to be run.
#[derive(Debug, Default)]
pub(super) struct CmpQueue {
    /// For each testcase the sessions that its comparisons suggest, the newest last.
    groups: VecDeque<VecDeque<Session>>,
    waiting: usize,
    /// How often each comparison was followed, by its hash.
    followed: HashMap<u64, u8>,
}

impl CmpQueue {
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Selects the comparisons of a new testcase to follow, the least followed first, and counts each as followed.
    pub(super) fn select(&mut self, comparisons: Vec<CmpLogEntry>) -> Vec<CmpLogEntry> {
        if self.followed.len() > REMEMBERED {
            self.followed.clear();
        }
        let mut selected: Vec<(u8, CmpLogEntry)> = Vec::new();
        for comparison in comparisons {
            let mut hasher = DefaultHasher::new();
            (comparison.place, comparison.kind, comparison.matched).hash(&mut hasher);
            // `Value` has no `Hash`, because floats have none.
            format!("{:?} {:?}", comparison.left, comparison.right).hash(&mut hasher);
            let times = self.followed.entry(hasher.finish()).or_default();
            if *times < FOLLOWED_MOST {
                selected.push((*times, comparison));
                *times += 1;
            }
        }
        selected.sort_by_key(|(times, _)| *times);
        selected.into_iter().map(|(_, comparison)| comparison).collect()
    }

    /// Adds the sessions that the comparisons of a new testcase suggest, the likeliest first.
    pub(super) fn push(&mut self, sessions: Vec<Session>) {
        let group: VecDeque<Session> = sessions.into_iter().take(SESSIONS_OF_A_TESTCASE).collect();
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

    /// The next session to run.
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
    fn the_newest_testcases_suggestions_come_first_and_the_oldest_are_dropped() {
        let mut queue = CmpQueue::default();
        queue.push(numbers(0..2));
        queue.push(numbers(10..12));
        let mut popped = Vec::new();
        popped.extend(queue.pop());
        queue.push(numbers(20..21));
        popped.extend(std::iter::from_fn(|| queue.pop()));
        assert_eq!(popped.iter().map(|session| port(&session.calls[0])).collect::<Vec<_>>(), [10, 20, 11, 0, 1]);
        assert!(queue.is_empty());

        for number in 0..100 {
            queue.push(numbers(number * 1000..number * 1000 + 500));
        }
        assert!(queue.waiting <= SESSIONS);
        assert_eq!(port(&queue.pop().unwrap().calls[0]), 99_000);
        assert_eq!(
            std::iter::from_fn(|| queue.pop()).count(),
            SESSIONS / SESSIONS_OF_A_TESTCASE * SESSIONS_OF_A_TESTCASE - 1
        );
    }

    #[test]
    fn a_comparison_is_followed_from_some_testcases_and_a_fresh_one_comes_first() {
        let comparison = |place, right: &str| CmpLogEntry {
            place,
            kind: CmpKind::Equal,
            left: Value::text("a"),
            right: Value::text(right),
            matched: false,
        };
        let mut queue = CmpQueue::default();
        for _ in 0..FOLLOWED_MOST {
            assert_eq!(queue.select(vec![comparison(1, "x")]).len(), 1);
        }
        assert_eq!(queue.select(vec![comparison(1, "x")]), []);
        assert_eq!(queue.select(vec![comparison(1, "y")]).len(), 1);
        let both = queue.select(vec![comparison(1, "y"), comparison(2, "y")]);
        assert_eq!(both.iter().map(|one| one.place).collect::<Vec<_>>(), [2, 1]);
    }
}
