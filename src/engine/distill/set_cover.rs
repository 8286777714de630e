//! A small set that covers as much as all: [`smallest`]. Knows nothing of cases.

use std::{cmp::Reverse, collections::BinaryHeap};

/// One of those among which is chosen.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// What it covers, each thing once: numbers below the number of things.
    pub(super) covers: Vec<usize>,
    /// Whether it is in the set whatever it covers.
    pub(super) is_fixed: bool,
}

/// Says of each piece whether it is in a small set that covers all of the `things` that any of them covers.
///
/// Greedy: again and again the piece that covers most of what is left, of equal ones the first; then those that turned
/// out to be needless go, the last first. So `pieces` come in the order in which they are liked, and the same pieces give
/// the same set.
pub(super) fn smallest(pieces: &[Piece], things: usize) -> Vec<bool> {
    let mut is_in: Vec<bool> = pieces.iter().map(|piece| piece.is_fixed).collect();
    // How many pieces of the set cover each thing.
    let mut times = vec![0_usize; things];
    let take = |piece: &Piece, times: &mut [usize]| piece.covers.iter().for_each(|&thing| times[thing] += 1);
    for piece in pieces.iter().filter(|piece| piece.is_fixed) {
        take(piece, &mut times);
    }
    let gain = |piece: &Piece, times: &[usize]| piece.covers.iter().filter(|&&thing| times[thing] == 0).count();
    // Gains only ever become less, so one that is still as large as it was is the largest.
    let mut heap: BinaryHeap<(usize, Reverse<usize>)> = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| !piece.is_fixed)
        .map(|(index, piece)| (gain(piece, &times), Reverse(index)))
        .collect();
    while let Some((known, Reverse(index))) = heap.pop() {
        let now = gain(&pieces[index], &times);
        if now < known {
            heap.push((now, Reverse(index)));
        } else if now == 0 {
            break;
        } else {
            is_in[index] = true;
            take(&pieces[index], &mut times);
        }
    }
    for (index, piece) in pieces.iter().enumerate().rev() {
        let is_needless = || piece.covers.iter().all(|&thing| times[thing] > 1);
        if is_in[index] && !piece.is_fixed && is_needless() {
            is_in[index] = false;
            piece.covers.iter().for_each(|&thing| times[thing] -= 1);
        }
    }
    is_in
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(covers: &[&[usize]], fixed: &[usize]) -> Vec<usize> {
        let piece =
            |(index, covers): (usize, &&[usize])| Piece { covers: covers.to_vec(), is_fixed: fixed.contains(&index) };
        let pieces: Vec<Piece> = covers.iter().enumerate().map(piece).collect();
        let is_in = smallest(&pieces, 6);
        (0..pieces.len()).filter(|&index| is_in[index]).collect()
    }

    #[test]
    fn one_that_covers_much_stands_for_many_and_of_equal_ones_the_first() {
        assert_eq!(chosen(&[&[0], &[1], &[0, 1, 2], &[2, 1, 0], &[5]], &[]), [2, 4]);
    }

    #[test]
    fn what_is_fixed_stays_and_what_it_covers_needs_nobody_else() {
        assert_eq!(chosen(&[&[0, 1, 2, 3], &[0, 1], &[], &[2, 3]], &[1, 2]), [0, 1, 2]);
        assert_eq!(chosen(&[&[0, 1], &[0, 1, 2]], &[1]), [1]);
    }

    #[test]
    fn one_that_later_ones_made_needless_goes() {
        // The first choice covers most, and then the two that are needed anyway cover all of it.
        assert_eq!(chosen(&[&[1, 2, 3, 4], &[0, 1, 2], &[3, 4, 5]], &[]), [1, 2]);
    }
}
