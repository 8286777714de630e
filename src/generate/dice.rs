//! Choices drawn from bytes by the generators of packages. A zero, and every byte after the last, gives the plainest
//! choice, so that cutting bytes off or lowering them makes what is built plainer; nothing here can fail.

use arbitrary::Unstructured;
use rand_xoshiro::{
    SplitMix64, Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// Bytes to choose by.
pub(super) struct Dice<'d, 'u>(pub(super) &'d mut Unstructured<'u>);

impl Dice<'_, '_> {
    /// The next byte, or 0.
    pub(super) fn byte(&mut self) -> u8 {
        let mut one = [0];
        // `Unstructured` pads with zeros and has no other way to fail.
        let _ = self.0.fill_buffer(&mut one);
        one[0]
    }

    /// A number below `count`; 0 where `count` is 0. Numbers beyond 65,536 are never chosen.
    pub(super) fn below(&mut self, count: usize) -> usize {
        match count {
            0 | 1 => 0,
            2..=256 => (usize::from(self.byte()) * count) >> 8,
            _ => {
                let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
                (number * count.min(1 << 16)) >> 16
            }
        }
    }

    /// True `of_256` times of 256; false for a zero.
    pub(super) fn chance(&mut self, of_256: u8) -> bool {
        u16::from(self.byte()) + u16::from(of_256) >= 256
    }

    /// One of `items`, which are never empty.
    pub(super) fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// One of `words`, which are never empty.
    pub(super) fn word<'i>(&mut self, words: &[&'i str]) -> &'i str {
        words[self.below(words.len())]
    }
}

/// The `length` bytes with number `index` of `seed`. They depend on nothing else, so that any number of threads may share
/// them.
pub fn nth_bytes(seed: u64, index: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // The seed is scattered first: neighbouring seeds must not share their neighbouring indices' bytes.
    let scattered = SplitMix64::seed_from_u64(seed).next_u64();
    Xoshiro256PlusPlus::seed_from_u64(scattered ^ index).fill_bytes(&mut bytes);
    bytes
}
