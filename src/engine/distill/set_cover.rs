//! [`small_cover`]: a small set of candidates that covers as much as all of them. Knows nothing about cases.

use std::{cmp::Reverse, collections::BinaryHeap};

/// A candidate for the set.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// The things that it covers, each once: numbers below the number of things.
    pub(super) covers: Vec<usize>,
    /// Whether it is always in the set.
    pub(super) is_fixed: bool,
}

/// For each candidate, whether it is in a small set that covers all of the `things` that any candidate covers.
///
/// Greedy: takes the candidate that covers most of what is left, of equal ones the first, until all is covered. Then it
/// removes the candidates that became needless, the last first. So candidates are passed in the order of preference,
/// and the same candidates give the same set.
pub(super) fn small_cover(candidates: &[Candidate], things: usize) -> Vec<bool> {
    let mut is_in: Vec<bool> = candidates.iter().map(|candidate| candidate.is_fixed).collect();
    // For each thing, how many candidates of the set cover it.
    let mut times = vec![0_usize; things];
    let take =
        |candidate: &Candidate, times: &mut [usize]| candidate.covers.iter().for_each(|&thing| times[thing] += 1);
    for candidate in candidates.iter().filter(|candidate| candidate.is_fixed) {
        take(candidate, &mut times);
    }
    let gain =
        |candidate: &Candidate, times: &[usize]| candidate.covers.iter().filter(|&&thing| times[thing] == 0).count();
    // A gain never grows, so the first one that is as large as it was when it entered the heap is the largest.
    let mut heap: BinaryHeap<(usize, Reverse<usize>)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| !candidate.is_fixed)
        .map(|(index, candidate)| (gain(candidate, &times), Reverse(index)))
        .collect();
    while let Some((known, Reverse(index))) = heap.pop() {
        let now = gain(&candidates[index], &times);
        if now < known {
            heap.push((now, Reverse(index)));
        } else if now == 0 {
            break;
        } else {
            is_in[index] = true;
            take(&candidates[index], &mut times);
        }
    }
    for (index, candidate) in candidates.iter().enumerate().rev() {
        let is_needless = || candidate.covers.iter().all(|&thing| times[thing] > 1);
        if is_in[index] && !candidate.is_fixed && is_needless() {
            is_in[index] = false;
            candidate.covers.iter().for_each(|&thing| times[thing] -= 1);
        }
    }
    is_in
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(covers: &[&[usize]], fixed: &[usize]) -> Vec<usize> {
        let candidate = |(index, covers): (usize, &&[usize])| Candidate {
            covers: covers.to_vec(),
            is_fixed: fixed.contains(&index),
        };
        let candidates: Vec<Candidate> = covers.iter().enumerate().map(candidate).collect();
        let is_in = small_cover(&candidates, 6);
        (0..candidates.len()).filter(|&index| is_in[index]).collect()
    }

    #[test]
    fn one_that_covers_much_replaces_many_and_of_equal_ones_the_first_is_taken() {
        assert_eq!(chosen(&[&[0], &[1], &[0, 1, 2], &[2, 1, 0], &[5]], &[]), [2, 4]);
    }

    #[test]
    fn a_fixed_candidate_stays_and_what_it_covers_needs_no_other() {
        assert_eq!(chosen(&[&[0, 1, 2, 3], &[0, 1], &[], &[2, 3]], &[1, 2]), [0, 1, 2]);
        assert_eq!(chosen(&[&[0, 1], &[0, 1, 2]], &[1]), [1]);
    }

    #[test]
    fn a_candidate_that_later_ones_made_needless_is_removed() {
        // The first choice covers most. Then the other two are needed anyway, and they cover all that the first one
        // does.
        assert_eq!(chosen(&[&[1, 2, 3, 4], &[0, 1, 2], &[3, 4, 5]], &[]), [1, 2]);
    }
}
