//! The one reader of bytes from which every generator draws its choices. The same bytes give the same choices.
//!
//! A zero gives the plainest choice, and the bytes after the end read as zeros. So cutting bytes off, or lowering them,
//! makes the result plainer, which is how proptest and libFuzzer shrink. No draw can fail.
//!
//! [`Source`] draws for manifests, archives and plugins. [`DomainSource`] adds what generators of sessions look at with
//! every draw: the domain and the anomaly.

use std::ops::{Deref, DerefMut};

use arbitrary::Unstructured;
use rand_xoshiro::{
    SplitMix64, Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use crate::generate::{Domain, anomaly::Anomaly};

/// Bytes to draw from.
pub(super) struct Source<'s, 'u>(&'s mut Unstructured<'u>);

impl<'s, 'u> Source<'s, 'u> {
    pub(super) const fn new(bytes: &'s mut Unstructured<'u>) -> Self {
        Self(bytes)
    }

    /// The next byte, or 0.
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let mut one = [0];
        self.fill(&mut one);
        one[0]
    }

    /// The next bytes, or zeros.
    #[inline]
    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        // `Unstructured` pads with zeros and has no other way to fail.
        let _ = self.0.fill_buffer(buffer);
    }

    /// A number of two bytes.
    #[inline]
    pub(super) fn two_bytes(&mut self) -> u16 {
        let mut two = [0; 2];
        self.fill(&mut two);
        u16::from_be_bytes(two)
    }

    /// A number below `count`; 0 if `count` is 0. Numbers above 65,535 are never drawn.
    #[inline]
    pub(super) fn below(&mut self, count: usize) -> usize {
        match count {
            0 | 1 => 0,
            2..=256 => (usize::from(self.byte()) * count) >> 8,
            _ => (usize::from(self.two_bytes()) * count.min(1 << 16)) >> 16,
        }
    }

    /// True in `of_256` of 256 draws; false for a zero.
    #[inline]
    pub(super) fn chance(&mut self, of_256: u8) -> bool {
        u16::from(self.byte()) + u16::from(of_256) >= 256
    }

    /// One of `items`, which must not be empty.
    #[inline]
    pub(super) fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// One of `texts`, which must not be empty.
    #[inline]
    pub(super) fn text<'i>(&mut self, texts: &'i [impl AsRef<str>]) -> &'i str {
        self.pick(texts).as_ref()
    }
}

/// Bytes to draw a session from, with the domain that it is made for.
pub(super) struct DomainSource<'s, 'u> {
    source: Source<'s, 'u>,
    /// Its tokens and tables are used.
    pub(super) domain: &'s Domain,
    anomaly: Anomaly,
}

impl<'s, 'u> DomainSource<'s, 'u> {
    /// A source whose first draw is its anomaly.
    pub(super) fn new(bytes: &'s mut Unstructured<'u>, domain: &'s Domain) -> Self {
        let mut source = Source::new(bytes);
        let anomaly = *source.pick(&Anomaly::ALL);
        Self { source, domain, anomaly }
    }

    /// A source for nominal sessions.
    pub(super) const fn nominal(bytes: &'s mut Unstructured<'u>, domain: &'s Domain) -> Self {
        Self { source: Source::new(bytes), domain, anomaly: Anomaly::NOMINAL }
    }

    /// Whether the next value is unusual.
    #[inline]
    pub(super) fn is_unusual(&mut self) -> bool {
        let unusual = self.anomaly.unusual;
        self.chance(unusual)
    }

    /// Whether the next value that may be None is None.
    #[inline]
    pub(super) fn is_absent(&mut self) -> bool {
        let absent = self.anomaly.absent;
        self.chance(absent)
    }

    /// Whether calls, cookies and answers may differ from those of a nominal session. Draws nothing.
    #[inline]
    pub(super) const fn may_deviate(&self) -> bool {
        self.anomaly.may_deviate
    }

    /// Whether the session differs from a nominal one here. Draws nothing for a nominal session.
    #[inline]
    pub(super) fn deviates(&mut self, of_256: u8) -> bool {
        self.may_deviate() && self.chance(of_256)
    }
}

impl<'s, 'u> Deref for DomainSource<'s, 'u> {
    type Target = Source<'s, 'u>;

    fn deref(&self) -> &Self::Target {
        &self.source
    }
}

impl DerefMut for DomainSource<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.source
    }
}

/// Bytes number `index` of `seed`. They depend on nothing else, so that threads can share the numbers among them.
pub(crate) fn nth_bytes(seed: u64, index: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fill_nth(seed, index, &mut bytes);
    bytes
}

/// Fills `buffer` with bytes number `index` of `seed`.
pub(super) fn fill_nth(seed: u64, index: u64, buffer: &mut [u8]) {
    Xoshiro256PlusPlus::seed_from_u64(scatter(seed) ^ index).fill_bytes(buffer);
}

/// Another number for each seed. Neighbouring seeds must not share the bytes of neighbouring indices.
pub(super) fn scatter(seed: u64) -> u64 {
    SplitMix64::seed_from_u64(seed).next_u64()
}
